// Rows that another row of the same source transaction may still make way for: tried again before the commit.
import { type Key, keyText } from "../../../engine/model/row.ts";
import { tableKey } from "../../../engine/model/table.ts";
import type { BoundKey, BoundRow } from "./bound-row.ts";
import type { TableShape } from "./target-catalog.ts";

const rowsMax = 1000;
const bytesMax = 8 * 1024 * 1024;

/** A row as it shall be, or the key of one that shall be gone. */
type Postponed = { readonly row: BoundRow } | { readonly gone: BoundKey };

/** Bounded: what does not fit is judged at once. */
export class PostponedRows {
  readonly #tables = new Map<string, Map<string, Postponed>>();
  #rows = 0;
  #bytes = 0;

  /** False when there is no room. */
  add(shape: TableShape, postponed: Postponed): boolean {
    this.supersede(shape, "row" in postponed ? postponed.row.key : postponed.gone.key);
    const bytes = bytesOf(postponed);
    if (this.#rows >= rowsMax || this.#bytes + bytes > bytesMax) return false;
    const id = tableKey(shape.mapping.target);
    const table = this.#tables.get(id) ?? new Map<string, Postponed>();
    this.#tables.set(id, table);
    table.set(keyText("row" in postponed ? postponed.row.key : postponed.gone.key), postponed);
    this.#rows += 1;
    this.#bytes += bytes;
    return true;
  }

  /** The row that waits under this key, which from now on does not: something newer takes its place. Null: there is none. */
  supersede(shape: TableShape, key: Key): BoundRow | null {
    const rows = this.#tables.get(tableKey(shape.mapping.target));
    if (rows === undefined || rows.size === 0) return null;
    const id = keyText(key);
    const waiting = rows.get(id);
    if (waiting === undefined) return null;
    rows.delete(id);
    this.#rows -= 1;
    this.#bytes -= bytesOf(waiting);
    return "row" in waiting ? waiting.row : null;
  }

  /** Everything that waits for a table; it waits no more. */
  take(shape: TableShape): { readonly gone: BoundKey[]; readonly rows: BoundRow[] } {
    const waiting = [...(this.#tables.get(tableKey(shape.mapping.target))?.values() ?? [])];
    for (const postponed of waiting) this.supersede(shape, "row" in postponed ? postponed.row.key : postponed.gone.key);
    return {
      gone: waiting.flatMap((postponed) => ("gone" in postponed ? [postponed.gone] : [])),
      rows: waiting.flatMap((postponed) => ("row" in postponed ? [postponed.row] : [])),
    };
  }

  get size(): number {
    return this.#rows;
  }
}

function bytesOf(postponed: Postponed): number {
  return "row" in postponed ? postponed.row.bytes : 64;
}
