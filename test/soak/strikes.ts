// Faults in an order and at moments of chance, until the time is over; after each, how long it took until all copies were forward again.
import { pause } from "../support/wait-until.ts";
import { Random } from "../workload/random.ts";
import type { Fault } from "./fault.ts";
import type { Watch } from "./watch.ts";

/** Within that time after a fault was lifted every copy must show what its master had then. */
const recoversWithinMs = 120_000;
/** So many may be struck, one after the other, before what came first is over. */
const unrecoveredMax = 3;
/** How often one is struck on top of another without need. */
const overlapShare = 0.2;

export interface Strike {
  readonly kind: string;
  /** Seconds from the beginning. */
  readonly at: number;
  what: string;
  /** Milliseconds from its lifting until every copy was forward again; null: not seen. */
  recoveredMs: number | null;
}

export interface StrikesParts {
  readonly faults: readonly Fault[];
  readonly watch: Watch;
  /** The order of faults and what each is like follow from it, whatever the time that each takes. */
  readonly seed: string;
  readonly seconds: number;
  readonly faultsMin: number;
  /** Told of what must not be. */
  readonly violated: (reason: string) => void;
}

export class Strikes {
  readonly all: Strike[] = [];
  readonly #parts: StrikesParts;
  readonly #order: Random;
  readonly #recovering = new Set<Promise<void>>();
  #deck: Fault[] = [];

  constructor(parts: StrikesParts) {
    this.#parts = parts;
    this.#order = new Random(`${parts.seed}/order`);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { seed, seconds, faultsMin } = this.#parts;
    const started = performance.now();
    const elapsed = () => (performance.now() - started) / 1_000;
    while (!signal.aborted && elapsed() < seconds) {
      const random = new Random(`${seed}/fault ${this.all.length + 1}`);
      const overlaps = random.chance(overlapShare);
      await this.#strike(this.#deal(), elapsed(), random);
      const behind = this.all.length < (faultsMin * elapsed()) / seconds;
      const onTop = this.#recovering.size < unrecoveredMax && (behind || overlaps);
      if (!onTop) await Promise.all(this.#recovering);
      await pause(random.between(100, onTop ? 1_500 : 2_500));
    }
    await Promise.all(this.#recovering);
  }

  /** Each kind comes once before any comes again. */
  #deal(): Fault {
    const { faults } = this.#parts;
    if (this.#deck.length === 0) {
      const places = faults.map((fault) => ({ fault, place: this.#order.fraction() }));
      this.#deck = places.toSorted((a, b) => a.place - b.place).map(({ fault }) => fault);
    }
    return this.#deck.pop() as Fault;
  }

  async #strike({ kind, strike }: Fault, at: number, random: Random): Promise<void> {
    const { violated, watch } = this.#parts;
    const struck: Strike = { kind, at, what: "", recoveredMs: null };
    this.all.push(struck);
    try {
      struck.what = await strike(random);
    } catch (error) {
      violated(`${kind}: ${error instanceof Error ? error.message : String(error)}`);
    }
    const lifted = performance.now();
    // Those that overlap have, together, the time of each.
    const deadlineMs = recoversWithinMs * (1 + this.#recovering.size);
    const recovered = watch.shows(watch.heads(), deadlineMs).then(
      () => {
        struck.recoveredMs = performance.now() - lifted;
      },
      (error: unknown) => violated(`after ${kind} (${struck.what}): ${(error as Error).message}`),
    );
    this.#recovering.add(recovered);
    void recovered.finally(() => this.#recovering.delete(recovered));
  }
}
