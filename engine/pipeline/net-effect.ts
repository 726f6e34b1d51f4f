// What a piece of the stream does to one table in the end: one entry a key, however often the key changed.
import { packedKeyText, packRow, PackedRows, type PackedRow, type RowList, unpackRow } from "../model/packed-rows.ts";
import type { Key, Row } from "../model/row.ts";
import { keyText, UNCHANGED } from "../model/row.ts";
import { keyPlaces, type TableMapping } from "../model/share.ts";
import type { MappedChange } from "../ports/change-mapper.ts";
import type { TableChange } from "../ports/change-target.ts";
import { behindChange, changeAt, wholeRowAt } from "./packed-change.ts";

interface CarefulEntry {
  readonly key: Key;
  /** The row as it shall be; null: gone. */
  readonly row: Row | null;
  /** Key under which the target holds the row's UNCHANGED columns before this piece; null when the row is complete. */
  readonly base: Key | null;
  /** The stream alone does not tell the row: it must be read from the source. */
  readonly refetch: boolean;
}

/** A packed row is complete. */
type Entry = CarefulEntry | PackedRow;

/** The net effect, ready to be written, and the keys that must be read from the source first. */
export interface CollapsedChange {
  readonly change: TableChange;
  readonly refetch: readonly Key[];
}

/** Collapses the changes of one table. Order within a key is kept; between keys it does not matter any more. */
export class NetEffect {
  readonly #table: TableMapping;
  readonly #keyColumns: readonly number[];
  readonly #entries = new Map<string, Entry>();
  #truncate = false;

  constructor(table: TableMapping) {
    this.#table = table;
    this.#keyColumns = keyPlaces(table);
  }

  /** A run of changes, see PackedChanges. */
  addPacked(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at = behindChange(bytes, at)) {
      const row = wholeRowAt(bytes, at);
      if (row === null) this.add(changeAt(bytes, at));
      else this.#entries.set(packedKeyText(row, this.#keyColumns), row);
    }
  }

  add(change: MappedChange): void {
    switch (change.tag) {
      case "upsert":
        this.#upsert(change);
        break;
      case "delete":
        this.#gone(change.key);
        break;
      case "refetch":
        this.#move(change.oldKey, change.key);
        this.#set({ key: change.key, row: null, base: null, refetch: true });
        break;
      case "truncate":
        this.#truncate = true;
        this.#entries.clear();
        break;
      case "mismatch":
        break;
    }
  }

  /** The entries so far; the net effect is empty afterwards. */
  take(): CollapsedChange {
    const deletes: Key[] = [];
    const packed: PackedRow[] = [];
    const upserts: Row[] = [];
    const updates: { key: Key; row: Row }[] = [];
    const refetch: Key[] = [];
    for (const entry of this.#entries.values()) {
      if (isPacked(entry)) packed.push(entry);
      else if (entry.refetch) refetch.push(entry.key);
      else if (entry.row === null) deletes.push(entry.key);
      else if (entry.base === null) upserts.push(entry.row);
      else updates.push({ key: entry.base, row: entry.row });
    }
    // Few are not packed, as a rule: those are made alike, not all the others.
    const rows: RowList = packed.length > 0 ? new PackedRows([...packed, ...upserts.map(packRow)]) : upserts;
    const change: TableChange = { table: this.#table, truncate: this.#truncate, deletes, upserts: rows, updates };
    this.#entries.clear();
    this.#truncate = false;
    return { change, refetch };
  }

  get empty(): boolean {
    return this.#entries.size === 0 && !this.#truncate;
  }

  #upsert(change: Extract<MappedChange, { tag: "upsert" }>): void {
    const before = change.partial ? this.#entries.get(keyText(change.oldKey ?? change.key)) : undefined;
    const entry = change.partial ? this.#completed(change, before) : { key: change.key, row: change.row, base: null, refetch: false };
    this.#move(change.oldKey, change.key);
    this.#set(entry);
  }

  /** Fills the unchanged columns from what this piece already knows of the row, as far as it does. */
  #completed(change: Extract<MappedChange, { tag: "upsert" }>, before: Entry | undefined): CarefulEntry {
    const { key, row } = change;
    if (before === undefined) {
      // After a truncate the target holds nothing that could be unchanged.
      return this.#truncate ? { key, row: null, base: null, refetch: true } : { key, row, base: change.oldKey ?? key, refetch: false };
    }
    const known = isPacked(before) ? unpackRow(before) : before.row;
    if (known === null) return { key, row: null, base: null, refetch: true };
    const merged = row.map((value, column) => (value === UNCHANGED ? (known[column] ?? null) : value));
    const isComplete = isPacked(before) || !merged.includes(UNCHANGED);
    return { key, row: merged, base: isComplete ? null : before.base, refetch: false };
  }

  #move(oldKey: Key | null, key: Key): void {
    if (oldKey !== null && keyText(oldKey) !== keyText(key)) this.#gone(oldKey);
  }

  #gone(key: Key): void {
    this.#set({ key, row: null, base: null, refetch: false });
  }

  #set(entry: CarefulEntry): void {
    this.#entries.set(keyText(entry.key), entry);
  }
}

function isPacked(entry: Entry): entry is PackedRow {
  return "bytes" in entry;
}
