// MariaDB logs UUID, INET4 and INET6 as BINARY of their size and says nothing more; only the catalogue knows which they are.
import type { TableName } from "../../../engine/model/table.ts";
import type { WireType } from "../wire-type.ts";
import type { MappedColumn } from "./table-map.ts";

export type DeclaredType = "uuid" | "inet4" | "inet6";

/** The columns of a table, by name, that are of such a type. */
export type DeclaredTypes = ReadonlyMap<string, DeclaredType>;

/** Asks the catalogue about a table as it is now; its columns may have been others when the rows were logged. */
export type AskDeclared = (table: TableName) => Promise<DeclaredTypes>;

const sizes: Readonly<Record<DeclaredType, number>> = { uuid: 16, inet4: 4, inet6: 16 };

/** Whether the catalogue must be asked what the columns are. */
export function mayBeDeclared(columns: readonly MappedColumn[]): boolean {
  return columns.some(({ type }) => type.kind === "binary" && (type.bytes === 16 || type.bytes === 4));
}

/** The columns with what the catalogue says of them, where it can be true. */
export function withDeclared(columns: readonly MappedColumn[], declared: DeclaredTypes): MappedColumn[] {
  return columns.map((column) => {
    const kind = declared.get(column.name);
    if (kind === undefined || column.type.kind !== "binary" || column.type.bytes !== sizes[kind]) return column;
    return { ...column, type: { kind } satisfies WireType };
  });
}

/** 16 bytes as MariaDB prints a UUID. */
export function uuidText(bytes: Buffer): string {
  const hex = bytes.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export function inet4Text(bytes: Buffer): string {
  return bytes.join(".");
}

/** 16 bytes as MariaDB prints an INET6 (sql/sql_type_inet.cc, Inet6::to_string): the first longest run of zeros becomes `::`. */
export function inet6Text(bytes: Buffer): string {
  const words = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2));
  const gap = longestZeros(words);
  const embedsV4 = gap.from === 0 && (gap.length === 6 || (gap.length === 5 && words[5] === 0xffff));
  let text = "";
  for (let index = 0; index < 8; index++) {
    if (index === gap.from) {
      text += index === 0 ? "::" : ":";
      index += gap.length - 1;
    } else if (index === 6 && embedsV4) {
      return text + inet4Text(bytes.subarray(12));
    } else text += `${(words[index] ?? 0).toString(16)}${index < 7 ? ":" : ""}`;
  }
  return text;
}

function longestZeros(words: readonly number[]): { from: number; length: number } {
  let longest = { from: -1, length: 0 };
  let run = { from: -1, length: 0 };
  for (const [index, word] of words.entries()) {
    run = word !== 0 ? { from: -1, length: 0 } : { from: run.from < 0 ? index : run.from, length: run.length + 1 };
    if (run.length > longest.length) longest = run;
  }
  return longest;
}
