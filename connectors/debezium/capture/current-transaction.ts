import type { Micros } from "../../../engine/model/change-message.ts";
import type { TransactionMark, TransactionPart } from "../decode/change-event.ts";
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
  readonly #tallies: Map<string, Tally>;

  constructor(id: string, begin: PartitionPlace) {
    this.id = id;
    this.begin = begin;
    this.last = begin;
    this.#tallies = new Map([[id, new Tally()]]);
  }

  /** END has come, of its own and of every repeated one. */
  get ended(): boolean {
    return [...this.#tallies.values()].every(({ end }) => end !== null);
  }

  /** The ENDs that have come, of its own and of repeated ones. */
  get ends(): readonly TransactionMark[] {
    return [...this.#tallies.values()].flatMap(({ end }) => end ?? []);
  }

  /** Its own, and those of repeated ones. */
  get ids(): Iterable<string> {
    return this.#tallies.keys();
  }

  /** Its own transaction, or one that is repeated in between. */
  knows(id: string): boolean {
    return this.#tallies.has(id);
  }

  /** `finished`: everything of that transaction was passed on before, so that events of it may have gone by. */
  marked(mark: TransactionMark, place: PartitionPlace, finished: boolean): void {
    this.last = place;
    const tally = this.#tallies.get(mark.id) ?? new Tally();
    this.#tallies.set(mark.id, tally);
    if (mark.status === "begin") return;
    tally.end = mark;
    tally.waits = !finished;
  }

  /** False: it was counted before. */
  /** An event that has come from the partition. Whose transaction is not among those that are under way is not counted. */
  count(partition: string, table: string, part: TransactionPart): void {
    this.#tallies.get(part.id)?.count(partition, table, part);
  }

  /** What has not come of what the ENDs count. `wanted`: the table that a data collection is, null: its events are not counted. */
  lacking(wanted: (collection: string) => string | null): readonly Lacking[] {
    return [...this.#tallies.values()].flatMap((tally) => tally.lacking(wanted));
  }
}

/** Events of a table that a transaction's END counts and that have not come. */
export interface Lacking {
  readonly end: TransactionMark;
  readonly table: string;
  readonly counted: bigint;
  readonly come: bigint;
  /** The last one has come: numbers that are missing before it were left out by a connector that started again. */
  readonly lastCame: boolean;
}

class Tally {
  /** Null: it has not come. */
  end: TransactionMark | null = null;
  /** All of its events are still to be seen; false where it was passed on before. */
  waits = true;
  readonly #counted = new Map<string, bigint>();
  /** Within a partition its events come in their order, and may come again: what counts is new. */
  readonly #highest = new Map<string, bigint>();
  /** By table, the highest number among its events. */
  readonly #last = new Map<string, bigint>();

  count(partition: string, table: string, { totalOrder, tableOrder }: TransactionPart): void {
    if (totalOrder <= (this.#highest.get(partition) ?? 0n)) return;
    this.#highest.set(partition, totalOrder);
    this.#counted.set(table, (this.#counted.get(table) ?? 0n) + 1n);
    if (tableOrder !== null && tableOrder > (this.#last.get(table) ?? 0n)) this.#last.set(table, tableOrder);
  }

  lacking(wanted: (collection: string) => string | null): readonly Lacking[] {
    const { end } = this;
    if (end === null || !this.waits) return [];
    return [...end.counts].flatMap(([collection, counted]) => {
      const table = wanted(collection);
      const come = table === null ? counted : (this.#counted.get(table) ?? 0n);
      if (table === null || come >= counted) return [];
      return [{ end, table, counted, come, lastCame: (this.#last.get(table) ?? 0n) >= counted }];
    });
  }
}
