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
    const own = new Tally();
    own.begin(writtenMs(begin));
    this.#tallies = new Map([[id, own]]);
  }

  /** END has come, of its own and of every repeated one. */
  get ended(): boolean {
    return [...this.#tallies.values()].every(({ end }) => end !== null);
  }

  /** The ENDs that have come, of its own and of repeated ones. */
  get ends(): readonly TransactionMark[] {
    return [...this.#tallies.values()].flatMap(({ end }) => end ?? []);
  }

  /** An END counts only what a connector wrote after it had started again. */
  get renumbered(): boolean {
    return [...this.#tallies.values()].some((tally) => tally.renumbered);
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
    if (mark.status === "begin") tally.begin(writtenMs(place));
    else tally.finish(mark, !finished);
  }

  /** An event that has come from the partition. Whose transaction is not among those that are under way is not counted. */
  count(partition: string, event: CountedEvent): void {
    this.#tallies.get(event.part.id)?.count(partition, event);
  }

  /**
   * What has not come of what the ENDs count. `wanted`: the table that a data collection is, null: its events are not counted;
   * `alone`: all of a table's events lie in one partition.
   */
  lacking(wanted: (collection: string) => string | null, alone: (table: string) => boolean): readonly Lacking[] {
    return [...this.#tallies.values()].flatMap((tally) => tally.lacking(wanted, alone));
  }
}

/** An event of a table, as far as it counts. */
export interface CountedEvent {
  readonly table: string;
  readonly part: TransactionPart;
  /** An earlier event of its partition stands at the same place in the source's log, or behind it. */
  readonly repeated: boolean;
  /** When its record was written, by the record's timestamp. */
  readonly writtenMs: number;
}

/** Events of a table that a transaction's END counts and that have not come. */
export interface Lacking {
  readonly end: TransactionMark;
  readonly table: string;
  readonly counted: bigint;
  readonly come: bigint;
  /** The last one has come: numbers that are missing before it were left out by a connector that started again. */
  readonly lastCame: boolean;
  /** Its END counts only what the connector wrote after it had started again. */
  readonly renumbered: boolean;
}

/** What has come of one table in one partition, from where numbers are counted from the beginning to where they are again. */
interface Run {
  readonly table: string;
  /** The number, among the table's events, of the one that came last. */
  latest: bigint;
  writtenMs: number;
}

/**
 * A connector that starts again within a transaction goes on numbering, or (Debezium before 3.6) writes BEGIN once more and numbers
 * from 1 what it still has to write, and its END counts that. It may have written the END of all before. Records of its second
 * life have later timestamps than that BEGIN.
 */
class Tally {
  /** Null: it has not come. */
  end: TransactionMark | null = null;
  renumbered = false;
  /** All of its events are still to be seen; false where it was passed on before. */
  #waits = true;
  #begins = 0;
  #begunMs = 0;
  /** By partition, the highest and the latest number of any event. */
  readonly #highest = new Map<string, bigint>();
  readonly #latest = new Map<string, bigint>();
  readonly #runs: Run[] = [];
  /** Those that go on, by partition and table. */
  readonly #open = new Map<string, Map<string, Run>>();
  /** By table: numbers that came, places in the source's log that came, the highest number among its own events. */
  readonly #numbers = new Map<string, bigint>();
  readonly #places = new Map<string, bigint>();
  readonly #last = new Map<string, bigint>();

  begin(writtenMs: number): void {
    this.#begins += 1;
    this.#begunMs = writtenMs;
  }

  finish(end: TransactionMark, waits: boolean): void {
    this.end = end;
    this.#waits = waits;
    this.renumbered = waits && this.#begins > 1;
  }

  count(partition: string, { table, part, repeated, writtenMs }: CountedEvent): void {
    const { totalOrder, tableOrder } = part;
    const again = totalOrder <= (this.#latest.get(partition) ?? 0n);
    this.#latest.set(partition, totalOrder);
    if (again) this.#open.delete(partition);
    this.#note(partition, { table, latest: tableOrder ?? 0n, writtenMs });
    if (!repeated) add(this.#places, table);
    if (totalOrder <= (this.#highest.get(partition) ?? 0n)) return;
    this.#highest.set(partition, totalOrder);
    add(this.#numbers, table);
    if (tableOrder !== null && tableOrder > (this.#last.get(table) ?? 0n)) this.#last.set(table, tableOrder);
  }

  /** `alone`: all of a table's events lie in one partition. */
  lacking(wanted: (collection: string) => string | null, alone: (table: string) => boolean): readonly Lacking[] {
    const { end } = this;
    if (end === null || !this.#waits) return [];
    return [...end.counts].flatMap(([collection, counted]) => {
      const table = wanted(collection);
      if (table === null || counted === 0n) return [];
      return (this.renumbered ? this.#lackingAnew(end, table, counted, alone(table)) : this.#lackingOf(end, table, counted)) ?? [];
    });
  }

  #note(partition: string, now: Run): void {
    const open = this.#open.get(partition) ?? new Map<string, Run>();
    this.#open.set(partition, open);
    const run = open.get(now.table) ?? now;
    if (run === now) {
      open.set(now.table, run);
      this.#runs.push(run);
    }
    run.latest = now.latest;
    run.writtenMs = now.writtenMs;
  }

  #lackingOf(end: TransactionMark, table: string, counted: bigint): Lacking | null {
    const [numbers, places] = [this.#numbers.get(table) ?? 0n, this.#places.get(table) ?? 0n];
    const come = numbers > places ? numbers : places;
    if (come >= counted) return null;
    return { end, table, counted, come, lastCame: (this.#last.get(table) ?? 0n) >= counted, renumbered: false };
  }

  /** By what was written since the connector started again. */
  #lackingAnew(end: TransactionMark, table: string, counted: bigint, alone: boolean): Lacking | null {
    const come = this.#numbers.get(table) ?? 0n;
    if (!alone && come >= counted) return null;
    // Before it started again another of the same number may have been written.
    const lastCame = this.#runs.some((run) => run.table === table && run.latest === counted && run.writtenMs >= this.#begunMs);
    return alone && lastCame ? null : { end, table, counted, come, lastCame, renumbered: true };
  }
}

function add(counts: Map<string, bigint>, table: string): void {
  counts.set(table, (counts.get(table) ?? 0n) + 1n);
}

/** When the record before the place was written, by its timestamp. */
export function writtenMs({ last }: PartitionPlace): number {
  return last?.timestampMs ?? 0;
}
