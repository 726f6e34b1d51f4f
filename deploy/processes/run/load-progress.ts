// How far the loads have come, how fast, and how long they will take: from what the engine says of itself. Pure.
import type { EngineHealth, LoadHealth } from "../../../engine/ports/engine.ts";

export interface LoadProgress {
  /** `<subscription> <table>`. */
  readonly label: string;
  readonly rows: number;
  /** Null: the source has no estimate. */
  readonly rowsExpected: number | null;
  /** Rows a second over the last seconds; 0 until two moments are known. */
  readonly rate: number;
  /** Seconds left at that rate; null: cannot be said. */
  readonly secondsLeft: number | null;
  readonly finished: boolean;
}

/** The rate looks back this far: long enough to be steady, short enough to follow a slowing source. */
const windowMs = 10_000;

interface Sample {
  readonly atMs: number;
  readonly rows: number;
}

export class LoadTracker {
  readonly #loads = new Map<string, { samples: Sample[]; rowsExpected: number | null }>();

  /** What runs now, and once more what has finished since the last call. */
  update(health: EngineHealth, nowMs: number): LoadProgress[] {
    const running = new Map(
      health.subscriptions.flatMap(({ id, loads }) => loads.map((load): [string, LoadHealth] => [`${id} ${load.target}`, load])),
    );
    const finished = [...this.#loads.keys()].filter((label) => !running.has(label) && !isLosingSight(health, label));
    const done = finished.map((label) => this.#finish(label));
    for (const [label, { rows, rowsExpected }] of running) {
      const known = this.#loads.get(label)?.samples ?? [];
      // Fewer rows than before: the load began again.
      const kept = (known.at(-1)?.rows ?? 0) > rows ? [] : known.filter((sample) => nowMs - sample.atMs <= windowMs);
      this.#loads.set(label, { samples: [...kept, { atMs: nowMs, rows }], rowsExpected });
    }
    return [...done, ...[...running.keys()].map((label) => this.#progress(label))];
  }

  #progress(label: string): LoadProgress {
    const { samples, rowsExpected } = this.#loads.get(label) ?? { samples: [], rowsExpected: null };
    const [first, last] = [samples[0], samples.at(-1)];
    const rows = last?.rows ?? 0;
    const elapsedMs = (last?.atMs ?? 0) - (first?.atMs ?? 0);
    const rate = elapsedMs > 0 ? ((rows - (first?.rows ?? 0)) * 1000) / elapsedMs : 0;
    const left = rowsExpected === null ? null : Math.max(0, rowsExpected - rows);
    return { label, rows, rowsExpected, rate, secondsLeft: left === null || rate === 0 ? null : left / rate, finished: false };
  }

  #finish(label: string): LoadProgress {
    const progress = this.#progress(label);
    this.#loads.delete(label);
    return { ...progress, secondsLeft: 0, finished: true };
  }
}

/** A lane that broke off shows no loads for a while: that is not the end of them. */
function isLosingSight(health: EngineHealth, label: string): boolean {
  const lane = health.subscriptions.find(({ id }) => label.startsWith(`${id} `));
  return lane !== undefined && lane.state !== "streaming" && lane.state !== "loading";
}
