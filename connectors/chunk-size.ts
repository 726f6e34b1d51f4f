// How many rows to ask the server for, learned from what earlier chunks of the same table came to. Stopping a read in the
// middle costs its session, so it should be rare.
import type { CatalogTable } from "../engine/model/table.ts";

/** What is asked for should fill this part of the bytes allowed, so that ordinary variation stays below them. */
const fillPart = 0.7;
/** Rows that one chunk may look at in search of rows that pass its filter: keeps each transaction short. */
const scanRowsMax = 250_000;

interface Experience {
  bytesPerRow: number;
  /** Part of the rows looked at that passed the filter. */
  selectivity: number;
}

export class ChunkSize {
  readonly #experience = new Map<string, Experience>();

  /** Rows to ask for so that they hold `bytesMax` at most, as far as one can know; at least one, at most `rowsMax`. */
  rows(table: CatalogTable, rowsMax: number, bytesMax: number): number {
    const bytesPerRow = this.#of(table.id, table).bytesPerRow;
    const rows = bytesPerRow === 0 ? rowsMax : Math.floor((bytesMax * fillPart) / bytesPerRow);
    return Math.max(1, Math.min(rowsMax, rows));
  }

  /** Rows to look at so that about `rows` of them pass the filter. */
  scan(table: CatalogTable, filterText: string, rows: number): number {
    const { selectivity } = this.#of(`${table.id} ${filterText}`, table);
    return Math.ceil(Math.min(Math.max(rows / Math.max(selectivity, 1e-6), rows), scanRowsMax));
  }

  /** Wider rows count at once, narrower ones by and by. */
  learnBytes(table: CatalogTable, rows: number, bytes: number): void {
    if (rows === 0) return;
    const known = this.#of(table.id, table);
    const latest = bytes / rows;
    known.bytesPerRow = latest > known.bytesPerRow ? latest : (known.bytesPerRow + latest) / 2;
  }

  learnSelectivity(table: CatalogTable, filterText: string, looked: number, passed: number): void {
    const known = this.#of(`${table.id} ${filterText}`, table);
    known.selectivity = (known.selectivity + passed / looked) / 2;
  }

  #of(name: string, table: CatalogTable): Experience {
    let known = this.#experience.get(name);
    if (known === undefined) {
      // Text is about twice what is stored, more when it is compressed.
      const bytesPerRow = table.estimatedRows > 0 ? (2 * table.estimatedBytes) / table.estimatedRows : 0;
      known = { bytesPerRow, selectivity: 1 };
      this.#experience.set(name, known);
    }
    return known;
  }
}
