// The rows that a topic says were sent, as it left them, in bounded memory: all of them where they are few enough, and kept up to date
// then; else one part after the other, by a hash of the key, for each of which the topic is read from its beginning.
import { createHash } from "node:crypto";
import type { SentChanges, SentPlace } from "../../../connectors/debezium/compare/sent-changes.ts";
import { assert } from "../../../engine/model/assert.ts";
import type { RowChange, Truncate } from "../../../engine/model/change-message.ts";
import { packedBytes, packValues, unpackValues } from "../../../engine/model/packed-rows.ts";
import type { Position } from "../../../engine/model/position.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { type Row, UNCHANGED } from "../../../engine/model/row.ts";
import { printTable } from "../../../engine/model/table.ts";
import type { CanonicalKey } from "../../../engine/ports/compared-table.ts";
import type { SentRows } from "../../../mappings/sent-columns.ts";

/** What a key takes in memory beside its own and its row's bytes, about. */
const stateBytes = 200;
const partsMax = 65_536;

export interface SentRow {
  readonly key: CanonicalKey;
  /** As SentRows keeps it. */
  readonly row: Row;
  /** Of the event that said it last: another one each time. */
  readonly version: string;
}

export interface SentStatesParts {
  readonly rows: SentRows;
  /** From the topic's beginning. */
  readonly open: () => SentChanges;
  /** That may be held at once. */
  readonly bytesMax: number;
}

export interface Some<T> {
  readonly rows: readonly T[];
  readonly position: Position;
}

export class SentStates {
  readonly #parts: SentStatesParts;
  /** In how many parts the topic is read. */
  #parted = 1;
  /** Of all keys, while that is one part. */
  #whole: SentPart | null = null;

  constructor(parts: SentStatesParts) {
    this.#parts = parts;
  }

  /**
   * Every row; `begin` gives who takes them, anew when there were more than was thought. Parts are read one after the other, each to
   * where the topic ends then: gives the position of the last.
   */
  async every(begin: () => (row: SentRow) => void, signal: AbortSignal): Promise<Position> {
    for (;;) {
      const position = await this.#all(begin(), signal);
      if (position !== null) return position;
      this.#whole = null;
      this.#parted *= 2;
      assert(this.#parted <= partsMax, "parts get smaller");
    }
  }

  /**
   * What `read` makes of each row of these keys; a key that no event speaks of, or whose row was deleted, has none. Where they are too
   * large together, some are read after the others: gives the position of the last.
   */
  async some<T>(keys: readonly CanonicalKey[], read: (row: SentRow) => T, signal: AbortSignal): Promise<Some<T>> {
    const wanted = new Set(keys.map((key) => JSON.stringify(key)));
    const whole = this.#whole;
    // A row alone may be of any size.
    const part = whole ?? new SentPart(this.#parts, (key) => wanted.has(key), wanted.size > 1);
    const position = await part.advance(signal);
    if (position !== null) return { rows: part.rows(wanted).map(read), position };
    if (whole !== null) {
      this.#whole = null;
      this.#parted = 2;
      return this.some(keys, read, signal);
    }
    const half = Math.ceil(keys.length / 2);
    const first = await this.some(keys.slice(0, half), read, signal);
    const second = await this.some(keys.slice(half), read, signal);
    return { rows: [...first.rows, ...second.rows], position: second.position };
  }

  /** Null: there are too many for so few parts. */
  async #all(take: (row: SentRow) => void, signal: AbortSignal): Promise<Position | null> {
    const parted = this.#parted;
    if (parted === 1) this.#whole ??= new SentPart(this.#parts, () => true);
    let position: Position | null = null;
    for (let number = 0; number < parted; number++) {
      const part = this.#whole ?? new SentPart(this.#parts, (key) => partOf(key, parted) === number);
      position = await part.advance(signal);
      if (position === null) return null;
      for (const row of part.rows()) take(row);
    }
    return position;
  }
}

function partOf(key: string, parted: number): number {
  return createHash("md5").update(key).digest().readUInt32BE(0) % parted;
}

interface State extends SentPlace {
  /** Packed, each octet a character; null: it was deleted. */
  readonly packed: string | null;
}

/** What the topic said of some of the keys. */
class SentPart {
  readonly #parts: SentStatesParts;
  readonly #wants: (key: string) => boolean;
  readonly #changes: SentChanges;
  readonly #states = new Map<string, State>();
  readonly #bounded: boolean;
  #bytes = 0;

  /** `wants` is asked about keys as text. */
  constructor(parts: SentStatesParts, wants: (key: string) => boolean, bounded = true) {
    this.#parts = parts;
    this.#wants = wants;
    this.#bounded = bounded;
    this.#changes = parts.open();
  }

  /** To where the topic ends now; null: more would have to be held than may be. Throws DB-REC-018 for what the topic does not tell. */
  async advance(signal: AbortSignal): Promise<Position | null> {
    const full = new AbortController();
    const either = AbortSignal.any([signal, full.signal]);
    try {
      return await this.#changes.advance((change, place) => {
        this.#take(change, place);
        if (this.#bounded && this.#bytes > this.#parts.bytesMax) full.abort();
      }, either);
    } catch (error) {
      if (full.signal.aborted && !signal.aborted) return null;
      throw error;
    }
  }

  /** Those that are there; `wanted`: of these keys only. */
  rows(wanted?: ReadonlySet<string>): SentRow[] {
    const found: SentRow[] = [];
    for (const key of wanted ?? this.#states.keys()) {
      const state = this.#states.get(key);
      if (state === undefined || state.packed === null) continue;
      found.push({ key: JSON.parse(key) as CanonicalKey, row: unpack(state.packed), version: `${state.partition}/${state.offset}` });
    }
    return found;
  }

  #take(change: RowChange | Truncate, place: SentPlace): void {
    if (change.tag === "truncate") {
      this.#states.clear();
      this.#bytes = 0;
      return;
    }
    const [old, now] = [this.#kept(change, change.before), this.#kept(change, change.after)];
    if (old !== null && old.key !== now?.key) this.#set(old.key, { ...place, packed: null });
    if (now !== null) this.#set(now.key, { ...place, packed: pack(this.#completed(now.row, old?.before ?? now.before)) });
  }

  /** The part of an image that matters, and what was known of its row; null: there is no image. */
  #kept({ table }: RowChange, image: Row | null): { key: string; row: Row; before: State | null } | null {
    if (image === null) return null;
    const row = this.#parts.rows.keep(table, image);
    const parts = this.#parts.rows.key(row);
    if (parts === null) throw untold(printTable(table.table), "an event does not say of which row it is");
    const key = JSON.stringify(parts);
    return { key, row, before: this.#states.get(key) ?? null };
  }

  /** What an update leaves out is what the row was before. */
  #completed(row: Row, state: State | null): Row {
    if (!row.includes(UNCHANGED) || state === null || state.packed === null) return row;
    const before = unpack(state.packed);
    return row.map((value, at) => (value === UNCHANGED ? (before[at] ?? null) : value));
  }

  #set(key: string, state: State): void {
    if (!this.#wants(key)) return;
    const known = this.#states.get(key);
    // A key has its partition; where some were added it may have got another, and nothing tells which event came last.
    if (known !== undefined && known.partition !== state.partition)
      throw untold("its topic", "partitions were added to it, and events of one row lie in two of them");
    this.#bytes += bytesOf(key, state) - (known === undefined ? 0 : bytesOf(key, known));
    this.#states.set(key, state);
  }
}

function bytesOf(key: string, { packed }: State): number {
  return stateBytes + key.length + (packed?.length ?? 0);
}

function pack(row: Row): string {
  const bytes = Buffer.allocUnsafe(packedBytes(row));
  packValues(row, bytes, 0);
  return bytes.toString("latin1");
}

function unpack(packed: string): Row {
  const row = unpackValues(Buffer.from(packed, "latin1"), 0);
  assert(row !== null, "a row that was packed has values");
  return row;
}

function untold(subject: string, cause: string): ReplicationError {
  return new ReplicationError("DB-REC-018", { subject, cause });
}
