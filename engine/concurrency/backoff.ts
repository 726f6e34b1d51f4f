import type { Random } from "../ports/random.ts";

export interface BackoffLimits {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * Pauses between attempts: each failure doubles the pause up to the limit, and chance takes up to half of it away so that
 * many lanes that failed together do not come back together. A success starts over.
 */
export class Backoff {
  readonly #limits: BackoffLimits;
  readonly #random: Random;
  #failures = 0;

  constructor(limits: BackoffLimits, random: Random) {
    this.#limits = limits;
    this.#random = random;
  }

  /** Failures since the last success. */
  get failures(): number {
    return this.#failures;
  }

  /** Counts a failure and says how long to wait before the next attempt, in milliseconds. */
  next(): number {
    // 2^30 times any first pause is past every limit; the exponent stays in the range where doubling is exact.
    const full = Math.min(this.#limits.maxMs, this.#limits.firstMs * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    return full * (1 - this.#random.next() / 2);
  }

  succeeded(): void {
    this.#failures = 0;
  }
}
