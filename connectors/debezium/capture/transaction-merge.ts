// With the transaction topic: source transactions one after the other, each whole, whatever partitions their events lie in.
import type { ChangeMessage, Micros } from "../../../engine/model/change-message.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { printTable } from "../../../engine/model/table.ts";
import type { TransactionMark } from "../decode/change-event.ts";
import { partitionPosition, type PartitionPlace, placeKey, printOffsets, type TopicOffsets } from "../topic-offsets.ts";
import { CurrentTransaction } from "./current-transaction.ts";
import type { Item } from "./intake.ts";
import { Line } from "./line.ts";
import { PlainGroups } from "./plain-groups.ts";
import type { Sequencer } from "./sequencer.ts";
import type { SourceClock } from "./source-clock.ts";

const passedOnMax = 8;

export interface TransactionMergeOptions {
  /** What errors name. */
  readonly subject: string;
  readonly clock: SourceClock;
  readonly transactionTopic: string;
  /** The wanted table that a data collection is, as `schema.table`; null: it is another one. */
  readonly tableOf: (collection: string) => string | null;
  /** Where subscriptions stand. */
  readonly stands: readonly TopicOffsets[];
}

/**
 * The transaction topic's BEGIN names what comes next. Its events are passed on as they come; whatever in a partition belongs to a
 * later one waits there. It ends when END has come and as many events as END counts. Records outside transactions (snapshots,
 * tombstones) are passed on where they stand.
 */
export class TransactionMerge implements Sequencer {
  readonly #options: TransactionMergeOptions;
  readonly #lines = new Map<string, Line>();
  readonly #places = new Map<string, PartitionPlace>();
  readonly #outside: PlainGroups;
  readonly #uncounted = new Set<string>();
  #marks: Line | null = null;
  /**
   * Ids of transactions that were passed on before: the last ones, and those that are being repeated, perhaps in part, where the
   * connector has started again within them. What comes of them may go by at any time. The newest last.
   */
  #passedOn: readonly string[] = [];
  /**
   * Ids of transactions that began before the place where reading began. Whoever reads from there has them, or has entered within
   * one: then its rows are read when they are all at the master, and the rest of its events goes by.
   */
  readonly #before = new Set<string>();
  #current: CurrentTransaction | null = null;
  #ready: ChangeMessage[] = [];

  constructor(options: TransactionMergeOptions) {
    this.#options = options;
    const { clock, stands } = options;
    this.#outside = new PlainGroups({ places: this.#places, clock, stands, byTransaction: false, allTopicsKnown: () => false });
  }

  get places(): ReadonlyMap<string, PartitionPlace> {
    return this.#places;
  }

  get atRest(): boolean {
    return this.#current?.opened !== true;
  }

  begin(place: PartitionPlace): void {
    const key = placeKey(place);
    this.#places.set(key, place);
    if (place.topic !== this.#options.transactionTopic) {
      this.#lines.set(key, new Line(key));
      return;
    }
    this.#marks = new Line(key);
    this.#passedOn = readIds(place);
  }

  add(items: readonly Item[], place: PartitionPlace): void {
    const key = placeKey(place);
    const line = place.topic === this.#options.transactionTopic ? this.#marks : this.#lines.get(key);
    for (const { earlier, mark } of items) if (earlier && mark !== null) this.#before.add(mark.id);
    line?.push(
      items.filter(({ earlier }) => !earlier),
      place,
    );
    this.#advance();
  }

  take(): readonly ChangeMessage[] {
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }

  waiting(partition: string): number {
    return (this.#marks?.key === partition ? this.#marks : this.#lines.get(partition))?.bytes ?? 0;
  }

  #advance(): void {
    for (;;) {
      this.#takeMarks();
      for (const line of this.#lines.values()) this.#drain(line);
      if (!this.#finish()) break;
    }
    this.#options.clock.reached(this.#places);
  }

  /** Takes marks up to the end of the current transaction; the place in their topic stays before its beginning until then. */
  #takeMarks(): void {
    const line = this.#marks;
    if (line === null) return;
    while (this.#current === null || !this.#current.ended) {
      const item = line.head;
      if (item === null) break;
      line.shift();
      if (item.mark !== null) this.#mark(item.mark, item.place);
    }
    if (this.#current === null) this.#passMarks(line.placeBefore(this.#placeOf(line.key)));
  }

  #mark(mark: TransactionMark, place: PartitionPlace): void {
    const current = this.#current;
    const begins = mark.status === "begin";
    // The connector has started again within that transaction: what it repeats of it is only known by this.
    if (!begins && current?.knows(mark.id) !== true) this.#note(mark.id);
    if (current !== null) current.marked(mark, place);
    else if (begins) this.#current = new CurrentTransaction(mark.id, place, [...this.#passedOn, ...this.#before]);
    else this.#passMarks(place);
  }

  #passMarks(place: PartitionPlace): void {
    this.#places.set(placeKey(place), { ...place, seen: printIds(this.#passedOn) });
  }

  #note(id: string): void {
    if (this.#marks === null || this.#passedOn.at(-1) === id) return;
    this.#passedOn = [...this.#passedOn.filter((other) => other !== id), id].slice(-passedOnMax);
    this.#passMarks(this.#placeOf(this.#marks.key));
  }

  /** Passes on from the head of a partition what may be; a later transaction's events stay. */
  #drain(line: Line): void {
    let alone: Item[] = [];
    for (let item = line.head; item !== null; item = line.head) {
      if (item.transaction === null && this.#current?.opened !== true) alone.push(item);
      else {
        this.#passAlone(alone);
        alone = [];
        if (!this.#passOn(item, line)) break;
        this.#places.set(line.key, item.place);
      }
      this.#noteUnreadable(item);
      line.shift();
    }
    this.#passAlone(alone);
    if (line.head === null) this.#places.set(line.key, line.placeBefore(this.#placeOf(line.key)));
  }

  /** Records outside transactions, while none is under way. */
  #passAlone(items: readonly Item[]): void {
    const last = items.at(-1);
    if (last === undefined) return;
    this.#outside.add(items, last.place);
    this.#ready.push(...this.#outside.take());
  }

  /** False: it has to wait. */
  #passOn(item: Item, line: Line): boolean {
    const { transaction, table } = item;
    const current = this.#current;
    if (transaction === null) return this.#joins(item, current);
    if (table === null) return true;
    const { id, totalOrder } = transaction;
    if (item.repeated || this.#before.has(id))
      return this.#repeats(id, current?.knows(id) === true && current.count(id, line.key, { table, totalOrder }));
    if (current === null || current.id !== id) {
      if (current !== null && !current.ended && current.knows(id)) throw this.#neverEnded(current);
      return false;
    }
    if (!current.opened) this.#open(current, item.sourceTransaction);
    current.count(id, line.key, { table, totalOrder });
    current.at = Math.max(current.at, item.at ?? 0);
    this.#ready.push(...item.changes);
    return true;
  }

  /**
   * An event that comes again. Behind its BEGIN only, or that would wait for events that have gone by; those of a transaction that
   * does not wait for all of its events may go by at any time.
   */
  #repeats(id: string, counted: boolean): boolean {
    const current = this.#current;
    if (current?.knows(id) !== true) return this.#passedOn.includes(id) || this.#before.has(id);
    // Not one that the current repetition lacks: it may belong to the next one.
    if (!counted) current.isMixed = true;
    this.#note(id);
    return true;
  }

  /** A record outside transactions becomes a part of the one that is under way: what lies behind it may be one. */
  #joins(item: Item, current: CurrentTransaction | null): boolean {
    if (item.changes.length === 0 || current === null) return true;
    // Somebody has the transaction and not this record: so nothing of the transaction lies behind it, and it can wait.
    if (this.#options.stands.some((stand) => isBetween(stand, current.begin, item.place))) return false;
    this.#ready.push(...item.changes);
    return true;
  }

  /** Events of a table that cannot be read cannot be counted either. */
  #noteUnreadable({ unreadable, changes }: Item): void {
    if (!unreadable) return;
    for (const change of changes) if (change.tag === "replaced") this.#uncounted.add(printTable(change.table));
  }

  #open(current: CurrentTransaction, sourceTransaction: string): void {
    current.opened = true;
    const position = partitionPosition(current.begin, current.begin.offset);
    this.#ready.push({ tag: "begin", transactionId: sourceTransaction, position });
  }

  /** Ends the current transaction when all of it has come. */
  #finish(): boolean {
    const current = this.#current;
    if (current === null || !this.#isComplete(current)) return false;
    if (current.opened) this.#note(current.id);
    else if (current.isWhole && !current.isMixed) this.#passedOn = this.#passedOn.filter((id) => id !== current.id);
    this.#passMarks(current.last);
    this.#current = null;
    if (!current.opened) return true;
    this.#options.clock.complete(current.at);
    this.#ready.push(this.#commit(current.at));
    return true;
  }

  #isComplete(current: CurrentTransaction): boolean {
    return current.isComplete((collection) => {
      const table = this.#options.tableOf(collection);
      return table === null || this.#uncounted.has(table) ? null : table;
    });
  }

  #commit(at: Micros): ChangeMessage {
    const { completeAt } = this.#options.clock;
    return { tag: "commit", position: printOffsets({ completeAt, places: this.#places }), committedAt: at || completeAt, completeAt };
  }

  #placeOf(key: string): PartitionPlace {
    const place = this.#places.get(key);
    if (place === undefined) throw new ReplicationError("DB-RUN-001", { subject: key });
    return place;
  }

  #neverEnded(current: CurrentTransaction): ReplicationError {
    const { topic, offset } = current.begin;
    const cause = `the transaction that begins at record ${offset - 1n} of topic ${topic} does not end, and later ones have come`;
    return new ReplicationError("DB-KAF-024", { subject: this.#options.subject, cause });
  }
}

/** Kept in the place of the transaction topic, where no order is. */
function printIds(ids: readonly string[]): PartitionPlace["seen"] {
  return ids.map((id, index) => ({ log: encodeURIComponent(id), parts: [BigInt(index)], at: 0 }));
}

function readIds({ seen }: PartitionPlace): string[] {
  return seen.toSorted((a, b) => Number((a.parts[0] ?? 0n) - (b.parts[0] ?? 0n))).map(({ log }) => decodeURIComponent(log));
}

/** Has the transaction that begins there, and not the record before this place. */
function isBetween({ places }: TopicOffsets, begin: PartitionPlace, place: PartitionPlace): boolean {
  const hasTransaction = (places.get(placeKey(begin))?.offset ?? 0n) >= begin.offset;
  return hasTransaction && (places.get(placeKey(place))?.offset ?? 0n) < place.offset;
}
