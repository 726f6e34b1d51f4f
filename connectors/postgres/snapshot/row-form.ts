// In which of COPY's formats the rows of a chunk are read.
import type { ChunkRequest } from "../../../engine/ports/snapshot-source.ts";
import { BinaryRowsBuilder, printersOf } from "../binary-rows.ts";
import { CopyRowsBuilder } from "../copy-rows.ts";
import type { RowsBuilder } from "../received-rows.ts";

export interface RowForm {
  readonly format: "text" | "binary";
  readonly builder: RowsBuilder;
}

/** `columns`: those asked for, and such as the key has besides. Binary where whoever takes the rows knows what to do with it, and no type forbids it. */
export function rowForm({ table, columns: wanted, nativeForm }: ChunkRequest, columns: readonly string[]): RowForm {
  if (nativeForm === true && columns.length === wanted.length) {
    const types = columns.flatMap((name) => table.columns.find((column) => column.name === name)?.type ?? []);
    const printers = printersOf(types);
    if (printers !== null && types.length === columns.length) return { format: "binary", builder: new BinaryRowsBuilder(types, printers) };
  }
  return { format: "text", builder: new CopyRowsBuilder(columns.length) };
}
