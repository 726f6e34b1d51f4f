// A source that several processes share: the group gives this process slices and takes them away, and each slice that it has
// is a source by itself, with lanes and checkpoints of its own.
import { Backoff } from "../../engine/concurrency/backoff.ts";
import type { Configuration, SourceConfiguration } from "../../engine/config/configuration.ts";
import { asReplicationError, retryPauses } from "../../engine/fleet/retry-policy.ts";
import type { ReplicationError } from "../../engine/model/replication-error.ts";
import { tableKey, type TableName } from "../../engine/model/table.ts";
import type { SourceUse } from "./debezium-connections.ts";
import { wantedOf, wantedTables } from "./resolve-shares.ts";
import type { RunningSource } from "./running-source.ts";
import type { RuntimeParts, RuntimeSlice, SourceProblem } from "./runtime-parts.ts";
import { SourceRuntime } from "./source-runtime.ts";

/** The connection to a source that is shared out. */
export interface SharedConnection {
  /** Into how many slices it is cut; the members of the group must agree on that. */
  readonly slices: number;
  /** Takes part in the group. */
  join(): Promise<Membership>;
  /** One slice as a source by itself; it may be opened again after it was closed. */
  open(index: number): Omit<RuntimeSlice, "slice">;
  /** Leaves the group. */
  close(): Promise<void>;
}

export interface Membership {
  /** Slices that belong to this process now. */
  readonly slices: readonly number[];
  /** Told whenever they change: what is not listed any more belongs to somebody else from now on. */
  onChange(listener: (slices: readonly number[]) => void): void;
}

export type OpenShared = (configured: SourceConfiguration, use: SourceUse) => SharedConnection;

/** How often it is looked whether a slice was overtaken. */
const lookMs = 500;
/**
 * How long a slice rests that somebody else has written: longer than the group takes to tell a process that stood still that
 * its slices are another's, so that two never take a slice from each other in turns.
 */
const restMs = 15_000;

interface SliceAtWork {
  readonly runtime: SourceRuntime;
  readonly stop: AbortController;
}

export class SharedSource implements RunningSource {
  readonly id: string;
  readonly shared = true;
  readonly #configured: SourceConfiguration;
  readonly #parts: RuntimeParts;
  readonly #connection: SharedConnection;
  readonly #atWork = new Map<number, SliceAtWork>();
  /** By slice, when it may be taken again; see restMs. */
  readonly #restsUntil = new Map<number, number>();
  #configuration: Configuration;
  #owned: readonly number[] = [];
  #tables: readonly TableName[] = [];
  /** What `#tables` was made of. */
  #collected: { readonly configuration: Configuration | null; readonly followed: readonly (readonly TableName[])[] } = {
    configuration: null,
    followed: [],
  };
  #problem: SourceProblem | null = null;
  #failure: ReplicationError | null = null;
  #wake = new AbortController();

  constructor(configuration: Configuration, configured: SourceConfiguration, parts: RuntimeParts, open: OpenShared) {
    this.id = configured.id;
    this.#configuration = configuration;
    this.#configured = configured;
    this.#parts = parts;
    this.#connection = open(configured, {
      connections: Math.max(1, configured.limits.connections - 2),
      tables: () => this.#wantedTables(),
    });
  }

  get runtimes(): readonly SourceRuntime[] {
    return [...this.#atWork.values()].map(({ runtime }) => runtime);
  }

  get problem(): SourceProblem | null {
    return this.#problem;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    signal.addEventListener("abort", () => this.#wake.abort(), { once: true });
    await this.#join(signal);
    while (!signal.aborted && this.#failure === null) {
      this.#wake = new AbortController();
      this.#settle();
      await clock.sleep(lookMs, this.#wake.signal);
    }
    this.#owned = [];
    // The group learns of it last: whoever gets a slice finds that nobody writes it any more.
    while (this.#atWork.size > 0) {
      this.#wake = new AbortController();
      this.#settle();
      await clock.sleep(lookMs, this.#wake.signal);
    }
    await this.#connection.close();
    if (this.#failure !== null) throw this.#failure;
  }

  async letGo(next: Configuration): Promise<void> {
    await Promise.all(this.runtimes.map((runtime) => runtime.letGo(next)));
  }

  async refresh(next: Configuration): Promise<void> {
    this.#configuration = next;
    await Promise.all(this.runtimes.map((runtime) => runtime.refresh(next)));
  }

  async #join(signal: AbortSignal): Promise<void> {
    const { clock, logger, random } = this.#parts;
    const backoff = new Backoff(retryPauses, random);
    while (!signal.aborted) {
      try {
        const membership = await Promise.race([this.#connection.join(), aborted(signal)]);
        this.#problem = null;
        if (membership === null) return;
        membership.onChange((slices) => this.#own(slices));
        this.#own(membership.slices);
        return;
      } catch (error) {
        const problem = asReplicationError(error, this.id);
        this.#problem = { error: problem, since: this.#problem?.error.code === problem.code ? this.#problem.since : clock.now() };
        logger.warn("source retries", { source: this.id, code: problem.code, problem: problem.message });
        await clock.sleep(backoff.next(), signal);
      }
    }
  }

  #own(slices: readonly number[]): void {
    this.#owned = slices;
    this.#parts.logger.info("slices assigned", { source: this.id, slices: slices.join(" ") });
    this.#settle();
  }

  /** Lets go of what is another's, and takes up what is ours. Nothing is taken up again before it has come to its end. */
  #settle(): void {
    const now = this.#parts.clock.monotonicMs();
    for (const [index, { runtime, stop }] of this.#atWork) {
      if (!this.#owned.includes(index)) stop.abort();
      if (stop.signal.aborted || !runtime.overtaken) continue;
      this.#parts.logger.warn("slice was written by another process and rests", { source: runtime.name });
      this.#restsUntil.set(index, now + restMs);
      stop.abort();
    }
    for (const index of this.#owned) if (!this.#atWork.has(index) && now >= (this.#restsUntil.get(index) ?? now)) this.#takeUp(index);
  }

  #takeUp(index: number): void {
    const of = this.#connection.slices;
    const part = { slice: of === 1 ? null : { index, of }, ...this.#connection.open(index) };
    const runtime = new SourceRuntime(this.#configuration, this.#configured, this.#parts, { part, term: null });
    const stop = new AbortController();
    this.#atWork.set(index, { runtime, stop });
    this.#restsUntil.delete(index);
    runtime
      .run(stop.signal)
      .catch((error: unknown) => {
        this.#failure ??= asReplicationError(error, runtime.name);
      })
      .finally(() => {
        this.#atWork.delete(index);
        this.#wake.abort();
      });
  }

  /** What is configured, and what slices still follow of an older configuration. Asked for with every event. */
  #wantedTables(): readonly TableName[] {
    if (!this.#isCurrent()) this.#collectTables();
    return this.#tables;
  }

  #isCurrent(): boolean {
    const { configuration, followed } = this.#collected;
    if (configuration !== this.#configuration || followed.length !== this.#atWork.size) return false;
    let index = 0;
    for (const { runtime } of this.#atWork.values()) if (runtime.tables !== followed[index++]) return false;
    return true;
  }

  #collectTables(): void {
    this.#collected = { configuration: this.#configuration, followed: this.runtimes.map(({ tables }) => tables) };
    const followed = this.runtimes.flatMap(({ tables }) => tables);
    const wanted = new Map([...wantedTables(wantedOf(this.#configuration, this.id)), ...followed].map((table) => [tableKey(table), table]));
    const same = wanted.size === this.#tables.length && this.#tables.every((table) => wanted.has(tableKey(table)));
    if (!same) this.#tables = [...wanted.values()];
  }
}

function aborted(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(null), { once: true });
  });
}
