// One soak from its first server to its verdict.
import { Background } from "../e2e/background.ts";
import type { Fault } from "./fault.ts";
import { faultsOf } from "./faults.ts";
import { Measure, type Trend } from "./measure.ts";
import type { SoakPlan } from "./plan.ts";
import { Scene } from "./scene.ts";
import { type Strike, Strikes } from "./strikes.ts";
import type { CopyLooks } from "./watch.ts";

/** The first load of all copies. */
const loadsWithinMs = 300_000;
/** After the last fault, with no more writes. */
const arrivesWithinMs = 180_000;

export interface SoakResult {
  readonly seed: string;
  readonly seconds: number;
  readonly strikes: readonly Strike[];
  readonly faultsMin: number;
  /** Kinds that these servers can suffer. */
  readonly kinds: readonly string[];
  readonly sources: readonly { readonly source: string; readonly transactions: number; readonly changes: number }[];
  readonly copies: readonly CopyLooks[];
  readonly workers: { readonly starts: number; readonly refused: number };
  /** How often the connector had given up and was started again; null: there is none. */
  readonly connectorRestarts: number | null;
  readonly memory: readonly Trend[];
  /** MiB an hour of a process's age; null: too short to say. */
  readonly memorySlope: number | null;
  readonly connections: readonly Trend[];
  /** A line for each table of a copy that is not its master's in the end; null: it did not come to that. */
  readonly differences: readonly string[] | null;
  readonly violations: readonly string[];
  readonly ok: boolean;
}

/** How it stands, while it runs. */
export interface Progress {
  readonly phase: string;
  readonly seconds: number;
  readonly changes: number;
  readonly faults: number;
  /** Kind, and what it hit once that is known. */
  readonly newestFault: string;
  readonly violations: readonly string[];
}

export async function runSoak(plan: SoakPlan, show: (progress: Progress) => void, interrupted: AbortSignal): Promise<SoakResult> {
  show({ phase: "starting servers", seconds: 0, changes: 0, faults: 0, newestFault: "", violations: [] });
  await using scene = await Scene.open(plan);
  const soak = new Soak(scene, interrupted);
  const showing = setInterval(() => show(soak.progress()), 1_000);
  try {
    await soak.run();
    return soak.result();
  } finally {
    clearInterval(showing);
  }
}

class Soak {
  readonly #scene: Scene;
  readonly #interrupted: AbortSignal;
  readonly #faults: readonly Fault[];
  readonly #strikes: Strikes;
  readonly #measure: Measure;
  readonly #violations: string[] = [];
  readonly #startedMs = performance.now();
  #phase = "first load";
  #differences: readonly string[] | null = null;

  constructor(scene: Scene, interrupted: AbortSignal) {
    const { plan, watch } = scene;
    this.#scene = scene;
    this.#interrupted = interrupted;
    this.#faults = faultsOf(scene);
    this.#measure = new Measure(scene);
    const violated = (reason: string): void => {
      this.#violations.push(reason);
    };
    const { seed, seconds, faultsMin } = plan;
    this.#strikes = new Strikes({ faults: this.#faults, watch, violated, seed, seconds, faultsMin });
  }

  /** Whatever ends it before its time is a violation like others. */
  async run(): Promise<void> {
    try {
      await this.#run();
    } catch (error) {
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#violations.push(`${this.#phase}: ${reason}\n${this.#scene.workers.describe()}`);
    }
  }

  async #run(): Promise<void> {
    const { watch, workers, workloads, keeper } = this.#scene;
    await using running = new Background((signal) => Promise.all([workers.keepRunning(signal), keeper?.keepRunning(signal)]));
    await using looking = new Background((signal) => watch.run(signal));
    await using writing = new Background((signal) => Promise.all([...workloads.values()].map((workload) => workload.run(signal))));
    const during = <T>(work: Promise<T>): Promise<T> => running.during(looking.during(writing.during(work)));
    await during(watch.shows(watch.heads(), loadsWithinMs));
    this.#phase = "under fire";
    await using measuring = new Background((signal) => this.#measure.run(signal));
    await during(this.#strikes.run(this.#interrupted));
    this.#phase = "arriving";
    await writing.stop();
    await running.during(looking.during(watch.shows(watch.heads(), arrivesWithinMs)));
    await measuring.stop();
    await looking.stop();
    await running.stop();
    await workers.end();
    this.#phase = "comparing";
    this.#differences = await this.#scene.differences();
    this.#violations.push(...(await this.#scene.slotsLeft()));
  }

  progress(): Progress {
    const strikes = this.#strikes.all;
    const newest = strikes.at(-1);
    return {
      phase: this.#phase,
      seconds: this.#seconds,
      changes: this.#sources().reduce((sum, { changes }) => sum + changes, 0),
      faults: strikes.length,
      newestFault: newest === undefined ? "" : `${newest.kind} ${newest.what}`.trim(),
      violations: this.#allViolations(),
    };
  }

  result(): SoakResult {
    const { plan, watch, workers, keeper } = this.#scene;
    const [memory, connections, violations] = [this.#measure.memory(), this.#measure.connections(), this.#allViolations()];
    const flat = [...memory, ...connections].every((trend) => trend.flat !== false);
    const equal = this.#differences?.length === 0;
    return {
      seed: plan.seed,
      seconds: this.#seconds,
      strikes: this.#strikes.all,
      faultsMin: plan.faultsMin,
      kinds: this.#faults.map(({ kind }) => kind),
      sources: this.#sources(),
      copies: watch.looks(),
      workers: { starts: workers.starts, refused: workers.refused },
      connectorRestarts: keeper?.restarts ?? null,
      memory,
      memorySlope: this.#measure.memorySlope(),
      connections,
      differences: this.#differences,
      violations,
      ok: violations.length === 0 && equal && flat && this.#strikes.all.length >= plan.faultsMin,
    };
  }

  get #seconds(): number {
    return (performance.now() - this.#startedMs) / 1_000;
  }

  #sources(): SoakResult["sources"] {
    return [...this.#scene.workloads].map(([source, { model }]) => ({ source, transactions: model.head, changes: model.changes }));
  }

  #allViolations(): string[] {
    const { workers, watch } = this.#scene;
    return [...this.#violations, ...workers.violations, ...watch.looks().flatMap((copy) => copy.violations)];
  }
}
