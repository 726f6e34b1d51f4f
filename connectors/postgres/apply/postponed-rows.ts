// Rows that another row of the same source transaction may still make way for: tried again before the commit.
import { type Key, keyText, type Row, rowBytes } from "../../../engine/model/row.ts";
import { tableKey } from "../../../engine/model/table.ts";
import type { TableShape } from "./target-catalog.ts";

const rowsMax = 1000;
const bytesMax = 8 * 1024 * 1024;

interface Postponed {
  readonly key: Key;
  /** As it shall be; null: gone. */
  readonly row: Row | null;
}

/** Bounded: what does not fit is judged at once. */
export class PostponedRows {
  readonly #tables = new Map<string, { readonly shape: TableShape; readonly rows: Map<string, Postponed> }>();
  #rows = 0;
  #bytes = 0;

  /** False when there is no room. */
  add(shape: TableShape, key: Key, row: Row | null): boolean {
    const bytes = rowBytes(row ?? key);
    if (this.#rows >= rowsMax || this.#bytes + bytes > bytesMax) return false;
    const id = tableKey(shape.mapping.target);
    let table = this.#tables.get(id);
    if (table === undefined) {
      table = { shape, rows: new Map() };
      this.#tables.set(id, table);
    }
    table.rows.set(keyText(key), { key, row });
    this.#rows += 1;
    this.#bytes += bytes;
    return true;
  }

  /** The row that waits under this key, which from now on does not: something newer takes its place. Null: there is none. */
  supersede(shape: TableShape, key: Key): Row | null {
    const rows = this.#tables.get(tableKey(shape.mapping.target))?.rows;
    if (rows === undefined || rows.size === 0) return null;
    const id = keyText(key);
    const waiting = rows.get(id);
    if (waiting === undefined) return null;
    rows.delete(id);
    this.#rows -= 1;
    this.#bytes -= rowBytes(waiting.row ?? waiting.key);
    return waiting.row;
  }

  /** The table was emptied. */
  supersedeAll(shape: TableShape): void {
    for (const { key } of this.#tables.get(tableKey(shape.mapping.target))?.rows.values() ?? []) this.supersede(shape, key);
  }

  /** Everything that waits for a table; it waits no more. */
  take(shape: TableShape): { readonly deletes: Key[]; readonly rows: Row[] } {
    const waiting = [...(this.#tables.get(tableKey(shape.mapping.target))?.rows.values() ?? [])];
    this.supersedeAll(shape);
    return {
      deletes: waiting.filter(({ row }) => row === null).map(({ key }) => key),
      rows: waiting.flatMap(({ row }) => (row === null ? [] : [row])),
    };
  }

  get empty(): boolean {
    return this.#rows === 0;
  }
}
