// The tests' own chance: a small seeded generator, so that a printed seed repeats a workload.

/** sfc32 (Chris Doty-Humphrey, PractRand) seeded through splitmix32 from a text. */
export class Random {
  readonly #state: Uint32Array;

  constructor(seed: string) {
    let hash = 0x9e3779b9;
    for (const character of seed) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x85ebca6b) + 0x165667b1;
    this.#state = new Uint32Array(4).map(() => {
      hash = (hash + 0x9e3779b9) | 0;
      let mixed = Math.imul(hash ^ (hash >>> 16), 0x21f0aaad);
      mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
      return mixed ^ (mixed >>> 15);
    });
    for (let round = 0; round < 12; round++) this.#next();
  }

  /** From 0 to below 1. */
  fraction(): number {
    return this.#next() / 2 ** 32;
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.fraction() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.between(0, items.length - 1)];
    if (item === undefined) throw new Error("nothing to pick from");
    return item;
  }

  /** Picks by weight. */
  weighted<T extends string>(weights: Readonly<Record<T, number>>): T {
    const entries = Object.entries(weights) as [T, number][];
    let rest = this.fraction() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of entries) {
      rest -= weight;
      if (rest < 0) return name;
    }
    throw new Error("no weights");
  }

  /** Hexadecimal text of a length, different at each call. */
  hex(length: number): string {
    const word = () => this.#next().toString(16).padStart(8, "0");
    // Long texts repeat a part: what matters is that they are long and stored out of line, not their entropy.
    const part = Array.from({ length: Math.min(8, Math.ceil(length / 8)) }, word).join("");
    return part.repeat(Math.ceil(length / part.length)).slice(0, length);
  }

  #next(): number {
    const state = this.#state;
    const [a = 0, b = 0, c = 0, counter = 0] = state;
    const result = (a + b + counter) >>> 0;
    state[0] = b ^ (b >>> 9);
    state[1] = c + (c << 3);
    state[2] = ((c << 21) | (c >>> 11)) + result;
    state[3] = counter + 1;
    return result;
  }
}

/** The seed of this run: from the environment to repeat one, else from the clock. Print it. */
export function runSeed(): string {
  return process.env["DONGBO_TEST_SEED"] ?? String(Date.now() % 1_000_000);
}
