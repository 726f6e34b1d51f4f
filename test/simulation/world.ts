// One simulated world: a master, copies in databases of their own, engines that come and go, and what happens to all of them. A seed
// decides everything; the judge sees every committed state.
import { MemoryControlStore } from "../../engine/control-store/memory-control-store.ts";
import type { Subscription } from "../../engine/model/share.ts";
import type { Logger } from "../../engine/ports/logger.ts";
import { MasterHistory } from "../checker/master-history.ts";
import { StateJudge, Violation } from "../checker/state-judge.ts";
import { Random } from "../workload/random.ts";
import { type Committed, CopyDatabase } from "./copy-database.ts";
import { Line, Reachability, serverCodes } from "./line.ts";
import { Machine } from "./machine.ts";
import { Master, type MasterTable } from "./master.ts";
import { SimulatedEngine } from "./simulated-engine.ts";
import { agreedNow, isPoison, masterTables, type SimulatedShare, simulatedShare, subscriptionOf } from "./simulated-share.ts";
import { SimulatedSnapshot } from "./simulated-snapshot.ts";
import { SimulatedSource } from "./simulated-source.ts";
import { SimulatedTarget } from "./simulated-target.ts";
import { Scheduler } from "./scheduler.ts";
import { describeChanges, describeCopies } from "./trace.ts";
import { fill, type WorkloadTraits } from "./workload.ts";

/** What happened to the world, by kind. */
export type FaultCounts = Map<string, number>;

/** One consumer's copy and where it lies. */
export interface Province {
  readonly share: SimulatedShare;
  readonly database: CopyDatabase;
  readonly reach: Reachability;
  /** Of its server's clock, milliseconds ahead of the true time. */
  skewMs: number;
  /** What was committed there, oldest first: what it can be set back to. */
  readonly past: Committed[];
}

export interface WorldOptions {
  readonly seed: string;
  readonly spoolFolder: string;
  readonly logger: Logger;
  /** Tells everything that happens. */
  readonly trace: boolean;
}

/** So much of what was committed can be restored. */
const pastMax = 40;

export class World {
  readonly seed: string;
  readonly scheduler = new Scheduler();
  readonly faults: FaultCounts = new Map();
  readonly traits: WorkloadTraits;
  readonly judge: StateJudge;
  readonly history: MasterHistory;
  readonly master: Master;
  readonly masterReach: Reachability;
  readonly provinces: readonly Province[];
  readonly control: WatchedControl;
  engines: SimulatedEngine[] = [];
  violation: Violation | null = null;
  /** The process dies of its so manieth question from now, before it is sent or before it is answered; 0: it does not. */
  readonly doom = { machine: null as Machine | null, left: 0, when: "asking" as "asking" | "done" };
  readonly #options: WorldOptions;
  readonly #network: Random;
  readonly #tables: readonly MasterTable[];
  readonly #chunkRows: number;
  readonly #heartbeatMs: number;
  /** For how long things go wrong, milliseconds. */
  readonly chaosMs: number;
  readonly #walRetainedMaxBytes: number;
  readonly #parallelChunks: number;
  readonly #wanted = new Map<string, Subscription>();
  #machines = 0;

  constructor(options: WorldOptions) {
    const { seed } = options;
    this.seed = seed;
    this.#options = options;
    if (options.trace) this.scheduler.onNote = (ms, what) => options.logger.debug(`${(ms / 1000).toFixed(3)} ${what}`);
    const random = new Random(`${seed}/world`);
    this.#network = new Random(`${seed}/network`);
    this.#tables = masterTables(random);
    this.traits = {
      keys: random.pick([3, 8, 20, 40]),
      poison: random.chance(0.3),
      truncates: random.chance(0.3),
      largeBytes: random.chance(0.08) ? random.pick([20_000, 150_000]) : 0,
      hiddenMsMax: random.pick([5, 50, 2_000]),
    };
    this.#chunkRows = random.pick([1, 4, 15, 1000]);
    this.chaosMs = random.pick([1, 3, 10, 30]) * 60_000 * (0.5 + random.fraction());
    // However long it lasts, not much more happens.
    this.#heartbeatMs = Math.max(300, this.chaosMs / random.pick([20, 60, 150]));
    this.#walRetainedMaxBytes = random.chance(0.3) ? random.pick([600, 3_000, 20_000]) : 1e12;
    this.#parallelChunks = random.between(1, 4);
    this.history = new MasterHistory("master/1", this.#tables.length, this.scheduler.now);
    this.judge = new StateJudge(this.history);
    this.master = new Master(this.#tables, this.scheduler, {
      committed: ({ end, changes }) => {
        this.scheduler.note(`master commits ${end}`);
        if (options.trace) options.logger.debug(describeChanges(changes));
        this.history.commit(end, this.scheduler.now, changes);
      },
      restored: (identity, keeps) => this.history.restored(identity, keeps, this.scheduler.now),
      forgot: (confirmed) => this.scheduler.note(`master forgets ${confirmed}`),
    });
    this.masterReach = new Reachability(random.pick([0.3, 3, 20]));
    this.control = new WatchedControl({
      now: () => this.scheduler.now,
      monotonicMs: () => this.scheduler.nowMs,
      sleep: () => Promise.resolve(),
    });
    this.control.onPark = (id) => {
      this.count("parked");
      this.judge.startsAnew(id);
    };
    this.provinces = Array.from({ length: random.between(1, 3) }, (_, index) => this.#province(index, random));
    fill(this.master, this.traits, random);
  }

  count(what: string): void {
    this.faults.set(what, (this.faults.get(what) ?? 0) + 1);
    this.scheduler.note(what);
  }

  /** Whatever the judge finds ends the world. */
  judging(work: () => void): void {
    if (this.violation !== null) return;
    try {
      work();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.violation = error;
    }
  }

  /** The judge learns what the share says now; what it said before may still be what a copy obeys. */
  agree({ share }: Province): void {
    if (this.#options.trace) this.#options.logger.debug(`${share.id} is to have ${share.provinces?.join(", ") ?? "every row"}`);
    this.#wanted.set(share.id, subscriptionOf(share, this.#tables));
    for (const [table, { contract, entitlement }] of agreedNow(share, this.#tables))
      this.judge.agree(share.id, table, contract, entitlement);
  }

  contracts({ share }: Province): Map<string, string> {
    return new Map([...agreedNow(share, this.#tables)].map(([table, { contract }]) => [table, contract]));
  }

  /** A process is started on a machine of its own. */
  startEngine(): SimulatedEngine {
    this.#machines += 1;
    const machine = new Machine(`m${this.#machines}`, this.scheduler);
    const random = new Random(`${this.seed}/engine ${this.#machines}`);
    const { scheduler, master } = this;
    const line = this.#line(machine, this.masterReach, "master");
    const snapshot = new SimulatedSnapshot({ master, machine, line, random, chunkRows: this.#chunkRows });
    // The master is told within a second; what a process has once let go it cannot rely on any more.
    let told = { identity: "", position: 0 };
    const acknowledging = (position: number): void => {
      this.scheduler.note(`${machine.name} acknowledges ${position}`);
      const { identity, slot } = master;
      const kept = Math.max(slot?.confirmed ?? Infinity, told.identity === identity ? told.position : 0);
      this.judging(() => this.judge.acknowledged(position, identity, kept));
      told = { identity, position };
    };
    const source = new SimulatedSource({
      master,
      machine,
      line,
      random,
      after: (ms, happen) => scheduler.after(ms, happen),
      acknowledging,
    });
    const engine = new SimulatedEngine({
      machine,
      source,
      snapshot,
      target: (subscription) => {
        const province = this.provinces.find(({ share }) => share.id === subscription.id) as Province;
        const target = { subscription, database: province.database, line: this.#line(machine, province.reach, subscription.id) };
        return new SimulatedTarget({ ...target, tookOver: () => snapshot.tookOver() });
      },
      control: this.control,
      wanted: () => [...this.#wanted.values()],
      limits: {
        walRetainedMaxBytes: this.#walRetainedMaxBytes,
        spoolMaxBytes: 1e12,
        parallelChunks: this.#parallelChunks,
        rangesPerTable: this.#parallelChunks,
        heartbeatMs: this.#heartbeatMs,
      },
      random,
      logger: this.#options.logger.with({ machine: machine.name }),
      spoolFolder: this.#options.spoolFolder,
      startsAnew: (id) => this.judge.startsAnew(id),
    });
    this.engines = [...this.engines.filter((other) => other.machine.alive && !other.ended), engine];
    void engine.run();
    return engine;
  }

  /** Readers try every copy. */
  askGates(): void {
    for (const { share, database } of this.provinces) {
      for (const table of database.committed.copies.keys()) {
        this.judging(() => this.judge.gate(share.id, table, database.isUsable(table), database.committed, database.now));
      }
    }
  }

  #province(index: number, random: Random): Province {
    const share = simulatedShare(index, random);
    const database = new CopyDatabase(
      () => this.scheduler.now + Math.round(province.skewMs * 1000),
      isPoison,
      new Random(`${this.seed}/${share.id}`).chance(0.5),
    );
    const province: Province = { share, database, reach: new Reachability(random.pick([0.3, 3, 20])), skewMs: 0, past: [] };
    this.judge.follow(share.id, isPoison);
    this.agree(province);
    database.onCommit = (before, commit) => {
      const after = database.committed;
      this.scheduler.note(`${share.id} ${commit.by} ${after.subscription?.position ?? ""} ${after.subscription?.lastSyncAt ?? ""}`);
      province.past.push(after);
      if (province.past.length > pastMax) province.past.shift();
      if (this.#options.trace) this.#options.logger.debug(describeCopies(after));
      const times = { now: this.scheduler.now, there: database.now };
      this.judging(() => this.judge.committed(share.id, commit, { before, after }, times));
    };
    return province;
  }

  #line(machine: Machine, reach: Reachability, subject: string): Line {
    const watch = {
      scheduler: this.scheduler,
      random: this.#network,
      asking: (asker: Machine) => !this.#dies(asker, "asking"),
      done: (asker: Machine) => void this.#dies(asker, "done"),
      lost: (what: string) => this.count(`lost ${what}`),
    };
    return new Line(machine, reach, watch, { subject, codes: serverCodes });
  }

  /** What it is in the middle of comes to its end first: nobody dies between two statements that do not wait. */
  #dies(machine: Machine, when: "asking" | "done"): boolean {
    const { doom } = this;
    if (doom.machine !== machine || doom.when !== when) return false;
    doom.left -= 1;
    if (doom.left > 0) return false;
    doom.machine = null;
    this.count(`crash ${when === "asking" ? "before a question" : "before an answer"}`);
    this.scheduler.after(0, () => machine.die());
    return true;
  }
}

/** The control database outlives every engine. */
class WatchedControl extends MemoryControlStore {
  onPark: (subscription: string) => void = () => {};

  override async park(subscription: string, why: string): Promise<void> {
    await super.park(subscription, why);
    this.onPark(subscription);
  }
}
