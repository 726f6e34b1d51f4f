// How a comparison shares a server with those whose server it is. It needs no privilege to see load: what a statement took a row, held
// against the least that its kind ever took, tells how busy the server is, whatever with.
import type { Clock } from "../engine/ports/clock.ts";

/** So many times slower than its kind was at best, and a reading is slow because of others. */
const busyFactor = 2;
/** Fewer rows tell nothing of a server's speed. */
const tellingRows = 500;
const restMsMax = 5_000;

export interface PaceParts {
  readonly clock: Clock;
  /** Part of the time in which statements run while the server is not busy; 1: all of it, whatever others do. */
  readonly share: number;
  readonly signal: AbortSignal;
}

/** Of one server. */
export class Pace {
  readonly #parts: PaceParts;
  /** By kind of statement: the least that a row ever took, in milliseconds. */
  readonly #best = new Map<string, number>();

  constructor(parts: PaceParts) {
    this.#parts = parts;
  }

  /** Runs a statement, then leaves the server alone for as long as the statement is to weigh. `rowsOf`: rows that were read for an answer. */
  async keep<T>(kind: string, statement: () => Promise<T>, rowsOf: (answer: T) => number): Promise<T> {
    const { clock, share, signal } = this.#parts;
    const startedAt = clock.monotonicMs();
    const answer = await statement();
    if (share >= 1) return answer;
    const tookMs = clock.monotonicMs() - startedAt;
    const weight = 1 / share - 1 + this.#slowness(kind, tookMs, rowsOf(answer));
    await clock.sleep(Math.min(restMsMax, tookMs * weight), signal);
    return answer;
  }

  /** How many times slower than at its best, beyond once; 0: not busy, or nothing can be told. */
  #slowness(kind: string, tookMs: number, rows: number): number {
    if (rows < tellingRows) return 0;
    const each = tookMs / rows;
    const best = Math.min(each, this.#best.get(kind) ?? Number.POSITIVE_INFINITY);
    this.#best.set(kind, best);
    return best === 0 || each < best * busyFactor ? 0 : each / best - 1;
  }
}
