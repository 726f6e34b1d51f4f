import type { Micros } from "../../../engine/model/change-message.ts";
import type { TransactionMark } from "../decode/change-event.ts";
import type { PartitionPlace } from "../topic-offsets.ts";

/**
 * The source transaction whose events are being passed on, from its BEGIN to its END, with whatever transactions a connector repeats
 * in between that starts again before it has written the END. Its memory does not grow with it.
 */
export class CurrentTransaction {
  readonly id: string;
  /** Place in the transaction topic just behind its BEGIN. */
  readonly begin: PartitionPlace;
  /** Behind the last mark that was met since. */
  last: PartitionPlace;
  /** Something of it was passed on. */
  opened = false;
  /** The source's time of its newest event. */
  at: Micros = 0;
  /** Events went by that may belong to a later repetition. */
  isMixed = false;
  /** It waits for all of its events. */
  readonly isWhole: boolean;
  readonly #tallies: Map<string, Tally>;

  readonly #passedOn: readonly string[];

  /** `passedOn`: transactions that were passed on before, so that events of theirs may have gone by. */
  constructor(id: string, begin: PartitionPlace, passedOn: readonly string[]) {
    this.id = id;
    this.begin = begin;
    this.last = begin;
    this.#passedOn = passedOn;
    this.isWhole = !passedOn.includes(id);
    this.#tallies = new Map([[id, new Tally(this.isWhole)]]);
  }

  get ended(): boolean {
    return this.#tallies.get(this.id)?.counts !== null;
  }

  /** Its own transaction, or one that is repeated in between. */
  knows(id: string): boolean {
    return this.#tallies.has(id);
  }

  marked({ id, status, counts }: TransactionMark, place: PartitionPlace): void {
    this.last = place;
    const tally = this.#tallies.get(id) ?? new Tally(status === "begin" && !this.#passedOn.includes(id));
    this.#tallies.set(id, tally);
    if (status === "end") tally.counts = counts;
  }

  /** False: it was counted before. */
  count(id: string, partition: string, { table, totalOrder }: { readonly table: string; readonly totalOrder: bigint }): boolean {
    return this.#tallies.get(id)?.count(partition, table, totalOrder) === true;
  }

  /** `wanted`: the table that a data collection is, null: its events are not counted. */
  isComplete(wanted: (collection: string) => string | null): boolean {
    if (!this.ended) return false;
    for (const tally of this.#tallies.values()) if (!tally.isComplete(wanted)) return false;
    return true;
  }
}

class Tally {
  /** From its END; null: that has not come. */
  counts: TransactionMark["counts"] | null = null;
  /** All of it comes: where the connector has started again within it, there is only an END. */
  readonly #whole: boolean;
  readonly #counted = new Map<string, bigint>();
  /** Within a partition its events come in their order, and may come again: what counts is new. */
  readonly #highest = new Map<string, bigint>();

  constructor(whole: boolean) {
    this.#whole = whole;
  }

  count(partition: string, table: string, totalOrder: bigint): boolean {
    if (totalOrder <= (this.#highest.get(partition) ?? 0n)) return false;
    this.#highest.set(partition, totalOrder);
    this.#counted.set(table, (this.#counted.get(table) ?? 0n) + 1n);
    return true;
  }

  isComplete(wanted: (collection: string) => string | null): boolean {
    if (this.counts === null) return false;
    if (!this.#whole) return true;
    for (const [collection, count] of this.counts) {
      const table = wanted(collection);
      if (table !== null && (this.#counted.get(table) ?? 0n) < count) return false;
    }
    return true;
  }
}
