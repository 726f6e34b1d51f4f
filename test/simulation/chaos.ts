// What goes wrong in a world, when, and for how long. Each world has a choice of faults of its own, so that rare ones meet each other.
import { Random } from "../workload/random.ts";
import type { Reachability } from "./line.ts";
import type { SimulatedEngine } from "./simulated-engine.ts";
import { provinces } from "./simulated-share.ts";
import type { Province, World } from "./world.ts";
import { writeTransaction } from "./workload.ts";

const secondMs = 1_000;
const minuteMs = 60_000;

/** How likely a world has the fault at all. */
const choices = {
  crash: 0.5,
  doom: 0.6,
  stop: 0.3,
  pause: 0.4,
  rival: 0.35,
  masterAway: 0.3,
  streamBreaks: 0.4,
  targetAway: 0.4,
  targetSlow: 0.3,
  sessionCut: 0.3,
  loss: 0.5,
  masterClock: 0.25,
  targetClock: 0.3,
  targetSetBack: 0.25,
  slotLost: 0.15,
  masterSetBack: 0.1,
  suspend: 0.25,
  grow: 0.35,
  resync: 0.25,
} as const;

type Fault = keyof typeof choices;

export class Chaos {
  readonly #world: World;
  readonly #random: Random;
  readonly #workload: Random;
  readonly #chosen: readonly Fault[];
  readonly #paceMs: number;
  readonly #writeMs: number;
  #over = false;
  /** A second engine is about to start. */
  #rivalComes = false;

  constructor(world: World) {
    this.#world = world;
    this.#random = new Random(`${world.seed}/chaos`);
    this.#workload = new Random(`${world.seed}/workload`);
    this.#chosen = (Object.keys(choices) as Fault[]).filter((fault) => this.#random.chance(choices[fault]));
    this.#paceMs = Math.max(secondMs, world.chaosMs / this.#random.pick([5, 15, 40]));
    this.#writeMs = world.chaosMs / this.#random.pick([20, 80, 200]);
  }

  begin(): void {
    this.#world.startEngine();
    this.#write();
    this.#look();
    if (this.#chosen.length > 0) this.#strike();
  }

  /** Nothing more goes wrong and nobody writes to the master; what is broken is mended. */
  end(): void {
    const { provinces: all, master, masterReach, control, history, scheduler } = this.#world;
    this.#over = true;
    for (const reach of [masterReach, ...all.map((province) => province.reach)]) {
      reach.away = false;
      reach.lossRate = 0;
      reach.latencyMs = Math.min(reach.latencyMs, 20);
    }
    for (const province of all) province.skewMs = 0;
    master.skewMs = 0;
    history.clockStepped(0, scheduler.now);
    this.#world.doom.machine = null;
    for (const engine of this.#world.engines) engine.machine.wake();
    void control.resume(
      all.map(({ share }) => share.id),
      "operator",
    );
  }

  #write(): void {
    if (this.#over) return;
    const { scheduler, master, traits } = this.#world;
    scheduler.after(this.#writeMs * 2 * this.#workload.fraction(), () => {
      if (this.#over) return;
      if (this.#workload.chance(0.25)) master.logOther(this.#workload.between(8, 300));
      else writeTransaction(master, traits, this.#workload);
      // Several at once, now and then.
      if (this.#workload.chance(0.2)) writeTransaction(master, traits, this.#workload);
      this.#write();
    });
  }

  /** Readers come by. */
  #look(): void {
    this.#world.scheduler.after(this.#world.chaosMs / 30, () => {
      this.#world.askGates();
      this.#look();
    });
  }

  #strike(): void {
    this.#world.scheduler.after(this.#paceMs * 2 * this.#random.fraction(), () => {
      if (this.#over) return;
      const fault = this.#random.pick(this.#chosen);
      this.#faults[fault]();
      this.#strike();
    });
  }

  readonly #faults: Readonly<Record<Fault, () => void>> = {
    crash: () =>
      this.#withEngine((engine) => {
        this.#world.count("crash");
        engine.machine.die();
      }),
    doom: () =>
      this.#withEngine(({ machine }) => {
        const { doom } = this.#world;
        doom.machine = machine;
        doom.left = this.#random.between(1, 40);
        doom.when = this.#random.pick(["asking", "done"] as const);
      }),
    stop: () =>
      this.#withEngine((engine) => {
        this.#world.count("orderly stop");
        engine.stop();
      }),
    pause: () =>
      this.#withEngine(({ machine }) => {
        this.#world.count("pause");
        machine.standStill();
        this.#after(this.#random.pick([0.2, 3, 30, 90]) * secondMs, () => machine.wake());
      }),
    rival: () => this.#rival(),
    masterAway: () => this.#away("master away", this.#world.masterReach, () => this.#breakStreams()),
    streamBreaks: () => {
      this.#world.count("stream broken");
      this.#breakStreams();
    },
    targetAway: () => {
      const province = this.#province();
      this.#away("target away", province.reach, () => province.database.endSessions());
    },
    targetSlow: () => {
      const { reach } = this.#province();
      const { latencyMs } = reach;
      this.#world.count("target slow");
      reach.latencyMs = Math.min(2_000, latencyMs * this.#random.pick([10, 100, 1000]));
      this.#after(this.#random.pick([5, 60]) * secondMs, () => (reach.latencyMs = latencyMs));
    },
    sessionCut: () => {
      this.#world.count("sessions cut");
      this.#province().database.endSessions();
    },
    loss: () => {
      const reach = this.#random.chance(0.6) ? this.#province().reach : this.#world.masterReach;
      this.#world.count("lossy line");
      reach.lossRate = this.#random.pick([0.02, 0.1, 0.4]);
      this.#after(this.#random.pick([5, 40]) * secondMs, () => (reach.lossRate = 0));
    },
    masterClock: () => {
      const { master, history, scheduler } = this.#world;
      this.#world.count("master's clock steps");
      master.skewMs = this.#skewMs();
      history.clockStepped(Math.round(master.skewMs * 1000), scheduler.now);
    },
    targetClock: () => {
      this.#world.count("target's clock steps");
      this.#province().skewMs = this.#skewMs();
      this.#world.askGates();
    },
    targetSetBack: () => this.#setBack(this.#province()),
    slotLost: () => {
      const { master } = this.#world;
      if (master.slot === null) return;
      this.#world.count("slot lost");
      if (this.#random.chance(0.5)) master.slot.invalidated = true;
      else master.slot = null;
      // Who is refused now need not be waited for, even if the next slot happens to begin just where it is.
      for (const { share } of this.#world.provinces) this.#world.judge.startsAnew(share.id);
      this.#breakStreams();
    },
    masterSetBack: () => {
      const { master, scheduler } = this.#world;
      const { log } = master;
      const keeps = log[log.length - 1 - this.#random.between(0, Math.min(6, log.length - 1))]?.end;
      if (keeps === undefined) return;
      this.#world.count("master set back");
      this.#breakStreams();
      scheduler.note(`keeps ${keeps}`);
      master.restore(keeps);
    },
    suspend: () => {
      const { id } = this.#province().share;
      this.#world.count("suspension");
      void this.#world.control.suspend([id], "maintenance", "operator");
      this.#after(this.#random.pick([2, 30, 300]) * secondMs, () => void this.#world.control.resume([id], "operator"));
    },
    grow: () => {
      const province = this.#province();
      const { share } = province;
      if (share.provinces === null) return;
      this.#world.count("parameters change");
      const all = provinces.filter((each) => share.provinces?.includes(each) === true || this.#random.chance(0.5));
      share.provinces = this.#random.chance(0.8) ? all : provinces.filter(() => this.#random.chance(0.5));
      this.#world.agree(province);
    },
    resync: () => {
      const { share, database } = this.#province();
      const table = this.#random.chance(0.5) ? null : this.#random.pick([...database.committed.copies.keys(), null]);
      this.#world.count("resync ordered");
      void this.#world.control.order({ kind: "resync", subscription: share.id, table }, "operator");
    },
  };

  /** A second engine starts while the first stands still, as one that has lost its lease; the first wakes later, and ends for good. */
  #rival(): void {
    this.#withEngine((first) => {
      // Nobody would end one of three.
      if (this.#rivalComes || this.#world.engines.filter(({ machine, ended }) => machine.alive && !ended).length > 1) return;
      this.#rivalComes = true;
      this.#world.count("lease stolen");
      first.machine.standStill();
      // Its connection is cut, or given up by the server after a minute.
      if (this.#random.chance(0.7)) this.#breakStreams();
      this.#after(this.#random.pick([0.1, 2, 20]) * secondMs, () => {
        this.#rivalComes = false;
        // The first may have ended meanwhile, and another been started in its place: nobody would end one of those two.
        if (!this.#world.engines.some((engine) => engine !== first && engine.machine.alive && !engine.ended)) this.#world.startEngine();
      });
      this.#after(this.#random.pick([0.2, 3, 30, 70]) * secondMs, () => first.machine.wake());
      this.#world.scheduler.after((70 + 60 * this.#random.fraction()) * secondMs, () => {
        if (this.#random.chance(0.5)) first.stop();
        else first.machine.die();
      });
    });
  }

  #setBack(province: Province): void {
    const { share, database, past } = province;
    const alone = this.#world.engines.filter(({ machine, ended }) => machine.alive && !ended).length <= 1;
    const to = past[past.length - 1 - this.#random.between(0, past.length - 1)];
    if (to === undefined || !alone) return;
    this.#world.count("target set back");
    database.endSessions();
    this.#world.scheduler.note(`back to ${to.subscription?.position ?? ""}`);
    database.committed = to;
    this.#world.judge.setBack(share.id, to);
    past.length = Math.max(1, past.indexOf(to) + 1);
  }

  #away(what: string, reach: Reachability, goes: () => void): void {
    this.#world.count(what);
    reach.away = true;
    goes();
    this.#after(this.#random.pick([0.5, 5, 60, 240]) * secondMs, () => (reach.away = false));
  }

  #breakStreams(): void {
    for (const engine of this.#world.engines) engine.breakStream();
  }

  #skewMs(): number {
    return this.#random.chance(0.3) ? 0 : this.#random.between(-20 * minuteMs, 20 * minuteMs);
  }

  #province(): Province {
    return this.#random.pick(this.#world.provinces);
  }

  #withEngine(work: (engine: SimulatedEngine) => void): void {
    const running = this.#world.engines.filter(({ machine, ended }) => machine.running && !ended);
    if (running.length > 0) work(this.#random.pick(running));
  }

  /** Whatever is mended later is mended at the end at the latest. */
  #after(ms: number, happen: () => void): void {
    this.#world.scheduler.after(ms, () => {
      if (!this.#over) happen();
    });
  }
}
