// With the transaction topic: source transactions one after the other, each whole, whatever partitions their events lie in.
import type { ChangeMessage, Micros } from "../../../engine/model/change-message.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { printTable } from "../../../engine/model/table.ts";
import type { TransactionMark } from "../decode/change-event.ts";
import { partitionPosition, type PartitionPlace, placeKey, printOffsets, type TopicOffsets } from "../topic-offsets.ts";
import { CurrentTransaction, type Lacking, writtenMs } from "./current-transaction.ts";
import { FinishedTransactions } from "./finished-transactions.ts";
import type { Item } from "./intake.ts";
import { LatePartitions, type LateStart } from "./late-partitions.ts";
import { Line } from "./line.ts";
import { PlainGroups } from "./plain-groups.ts";
import type { EndsWanted, Sequencer } from "./sequencer.ts";
import type { SourceClock } from "./source-clock.ts";

export interface TransactionMergeOptions {
  /** What errors name. */
  readonly subject: string;
  readonly clock: SourceClock;
  readonly transactionTopic: string;
  /** The wanted table that a data collection is, as `schema.table`; null: it is another one. */
  readonly tableOf: (collection: string) => string | null;
  /** By placeKey, all partitions with rows of the table; empty: not known. */
  readonly partitionsOf: (table: string) => readonly string[];
  /** What is passed on outside of transactions is wrapped by them. */
  readonly byTransaction: boolean;
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
  #finished = new FinishedTransactions();
  readonly #late = new LatePartitions();
  /**
   * Ids of transactions that began before the place where reading began. Whoever reads from there has them, or has entered within
   * one: then its rows are read when they are all at the master, and the rest of its events goes by.
   */
  readonly #before = new Set<string>();
  #current: CurrentTransaction | null = null;
  /** Where partitions ended when all ENDs of the current transaction had come. */
  #ends: ReadonlyMap<string, bigint> | null = null;
  #ready: ChangeMessage[] = [];

  constructor(options: TransactionMergeOptions) {
    this.#options = options;
    const { clock, stands, byTransaction } = options;
    this.#outside = new PlainGroups({ places: this.#places, clock, stands, byTransaction, allTopicsKnown: () => false });
  }

  get places(): ReadonlyMap<string, PartitionPlace> {
    return this.#places;
  }

  get atRest(): boolean {
    return this.#current?.opened !== true;
  }

  begin(place: PartitionPlace, late: LateStart | null): void {
    const key = placeKey(place);
    this.#places.set(key, place);
    if (place.topic !== this.#options.transactionTopic) {
      this.#lines.set(key, new Line(key));
      if (late !== null) this.#late.add(key, late, [...(this.#current?.ids ?? []), ...(this.#marks?.markIds ?? [])]);
      return;
    }
    this.#marks = new Line(key);
    this.#finished = FinishedTransactions.read(place.seen);
    this.#late.marked([], place);
  }

  add(items: readonly Item[], place: PartitionPlace): void {
    const key = placeKey(place);
    const isMarks = place.topic === this.#options.transactionTopic;
    const line = isMarks ? this.#marks : this.#lines.get(key);
    for (const { earlier, mark } of items) if (earlier && mark !== null) this.#notice(mark);
    const now = items.filter(({ earlier }) => !earlier);
    if (isMarks) this.#late.marked(now, place);
    line?.push(now, place);
    this.#advance();
  }

  take(): readonly ChangeMessage[] {
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }

  endsWanted(): EndsWanted | null {
    const current = this.#current;
    if (this.#ends !== null || current?.ended !== true || !current.renumbered) return null;
    const { last } = current;
    return {
      partitions: [...this.#lines.keys()].map((key) => this.#placeOf(key)),
      are: (ends) => {
        // Partitions are read beside each other, and each may have asked: an answer may come when it is not the answer any more.
        if (this.#current !== current || current.last !== last) return;
        this.#ends = ends;
        this.#advance();
      },
    };
  }

  waiting(partition: string): number {
    if (this.#marks?.key === partition) return this.#late.unclear ? 0 : this.#marks.bytes;
    return this.#lines.get(partition)?.bytes ?? 0;
  }

  #advance(): void {
    for (;;) {
      if (this.#current === null && this.#late.any) this.#drainAll();
      if (this.#current !== null || !this.#late.holds(this.#lines, this.#places)) this.#takeMarks();
      this.#drainAll();
      if (!this.#finish() && !this.#takeRepeated()) break;
    }
    this.#options.clock.reached(this.#places);
  }

  #drainAll(): void {
    for (const line of this.#lines.values()) this.#drain(line);
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

  /** While events are lacking: the connector has started again and tells of the current transaction once more. */
  #takeRepeated(): boolean {
    const current = this.#current;
    const item = this.#marks?.head ?? null;
    if (current?.ended !== true || item === null || item.mark?.id !== current.id) return false;
    this.#marks?.shift();
    this.#mark(item.mark, item.place);
    this.#ends = null;
    return true;
  }

  /** A mark before the place where reading began. */
  #notice(mark: TransactionMark): void {
    this.#before.add(mark.id);
    if (mark.status === "end") this.#finished.note(mark);
  }

  #mark(mark: TransactionMark, place: PartitionPlace): void {
    const current = this.#current;
    if (current !== null) return current.marked(mark, place, this.#before.has(mark.id) || this.#finished.has(mark));
    if (mark.status === "begin") {
      this.#current = new CurrentTransaction(mark.id, place);
      return;
    }
    // The connector has started again within that transaction: what it repeats of it is only known by this.
    this.#finished.note(mark);
    this.#passMarks(place);
  }

  #passMarks(place: PartitionPlace): void {
    this.#places.set(placeKey(place), { ...place, seen: this.#finished.print() });
  }

  /** Passes on from the head of a partition what may be; a later transaction's events stay. */
  #drain(line: Line): void {
    if (this.#late.waits(line.key)) return;
    let alone: Item[] = [];
    for (let item = line.head; item !== null; item = line.head) {
      if (this.#isOutside(item, line) && this.#current?.opened !== true) alone.push(item);
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

  #isOutside(item: Item, line: Line): boolean {
    return item.transaction === null || this.#late.isOld(item, line.key);
  }

  /** False: it has to wait. */
  #passOn(item: Item, line: Line): boolean {
    const { transaction, table } = item;
    const current = this.#current;
    if (transaction === null || this.#isOutside(item, line)) return this.#joins(item, current);
    if (table === null) return true;
    const { id } = transaction;
    if (item.repeated || this.#before.has(id)) {
      // All of its partition's events are passed on in their order: whatever is not under way any more is all there.
      current?.count(line.key, { table, part: transaction, repeated: true, writtenMs: writtenMs(item.place) });
      return true;
    }
    if (current === null || current.id !== id) {
      if (current !== null && !current.ended && current.knows(id)) throw this.#neverEnded(current);
      return false;
    }
    if (!current.opened) this.#open(current, item.sourceTransaction);
    current.count(line.key, { table, part: transaction, repeated: false, writtenMs: writtenMs(item.place) });
    current.at = Math.max(current.at, item.at ?? 0);
    this.#ready.push(...item.changes);
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
    if (current?.ended !== true || this.#waitsForEvents(current)) return false;
    for (const end of current.ends) this.#finished.note(end);
    this.#passMarks(current.last);
    this.#current = null;
    this.#ends = null;
    if (!current.opened) return true;
    this.#options.clock.complete(current.at);
    this.#ready.push(this.#commit(current.at));
    return true;
  }

  #waitsForEvents(current: CurrentTransaction): boolean {
    // What was written before the connector started again is counted by no END: it is in the topics, and perhaps not read yet.
    if (current.renumbered && !this.#hasReadToEnds()) return true;
    const alone = (table: string): boolean => this.#options.partitionsOf(table).length === 1;
    const lacking = current.lacking((collection) => this.#counted(collection), alone);
    for (const rest of lacking) {
      // Within one partition everything comes before the last.
      if (rest.lastCame && alone(rest.table)) continue;
      if (!this.#comesNoMore(rest.table)) return true;
      if (rest.lastCame || rest.renumbered) continue;
      const opened = current.opened && rest.end.id === current.id;
      // Without an order it may be one that was passed on so long ago that its id is forgotten.
      if (opened || rest.end.order !== null) throw this.#incomplete(rest);
    }
    return false;
  }

  #hasReadToEnds(): boolean {
    if (this.#ends === null) return false;
    return [...this.#lines].every(([key, line]) => line.head !== null || this.#placeOf(key).offset >= (this.#ends?.get(key) ?? 0n));
  }

  /** In each of the table's partitions something later has come. */
  #comesNoMore(table: string): boolean {
    const keys = this.#options.partitionsOf(table);
    return keys.length > 0 && keys.every((key) => (this.#lines.get(key)?.head?.transaction ?? null) !== null);
  }

  /** The table whose events of this data collection are counted. */
  #counted(collection: string): string | null {
    const table = this.#options.tableOf(collection);
    return table === null || this.#uncounted.has(table) ? null : table;
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

  #incomplete({ end, table, counted, come }: Lacking): ReplicationError {
    const cause = `transaction ${end.id} has ${counted} events of ${table} by its END, ${come} have come, and now later ones do`;
    return new ReplicationError("DB-KAF-024", { subject: this.#options.subject, cause });
  }

  #neverEnded(current: CurrentTransaction): ReplicationError {
    const { topic, offset } = current.begin;
    const cause = `the transaction that begins at record ${offset - 1n} of topic ${topic} does not end, and later ones have come`;
    return new ReplicationError("DB-KAF-024", { subject: this.#options.subject, cause });
  }
}

/** Has the transaction that begins there, and not the record before this place. */
function isBetween({ places }: TopicOffsets, begin: PartitionPlace, place: PartitionPlace): boolean {
  const hasTransaction = (places.get(placeKey(begin))?.offset ?? 0n) >= begin.offset;
  return hasTransaction && (places.get(placeKey(place))?.offset ?? 0n) < place.offset;
}
