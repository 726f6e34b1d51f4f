// The largest rate that something keeps up with, found in few trials.

/** What came of one rate. */
export interface Trial {
  /** What was really asked for: whoever writes may be slower than was wanted. */
  readonly rate: number;
  readonly sustained: boolean;
}

export interface RateSearch {
  /** Where to begin. */
  readonly from: number;
  /** Ends when a rate so many times the largest sustained one was not sustained. */
  readonly precision: number;
  readonly trialsMax: number;
}

export interface FoundRate<T extends Trial> {
  /** The trial of the largest rate that was sustained; null: none was. */
  readonly best: T | null;
  /** Nothing faster could be asked for: what is measured may do more. */
  readonly writerWasLimit: boolean;
}

/** Below this part of the rate that was wanted the writer has come to its own limit. */
const keptUp = 0.95;

/** Doubles or halves until one rate is sustained and another is not, and then closes in between them. */
export async function largestRate<T extends Trial>(search: RateSearch, attempt: (rate: number) => Promise<T>): Promise<FoundRate<T>> {
  let best: T | null = null;
  let failed = Number.POSITIVE_INFINITY;
  let rate = search.from;
  for (let trials = 0; trials < search.trialsMax; trials++) {
    const trial = await attempt(rate);
    if (!trial.sustained) failed = Math.min(failed, trial.rate);
    else if (trial.rate > (best?.rate ?? 0)) best = trial;
    if (trial.rate < rate * keptUp && trial.sustained) return { best, writerWasLimit: true };
    if (best !== null && failed <= best.rate * search.precision) break;
    rate = between(best?.rate ?? 0, failed);
  }
  return { best, writerWasLimit: false };
}

function between(sustained: number, failed: number): number {
  if (sustained === 0) return failed / 2;
  return Number.isFinite(failed) ? Math.sqrt(sustained * failed) : sustained * 2;
}
