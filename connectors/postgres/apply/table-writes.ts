// Statements with their values for one table, in pieces of bounded size, and what their results mean.
import { assert } from "../../../engine/model/assert.ts";
import { type Key, keyText, type Row, rowBytes } from "../../../engine/model/row.ts";
import { PackedRows, type RowList } from "../../../engine/model/packed-rows.ts";
import { type ArrayParameter, arrayParameter, listedColumn, packedColumn } from "./array-parameter.ts";
import type { RowTally } from "../../../engine/target/row-tally.ts";
import type { Statement, StatementResult } from "./statement-batch.ts";
import { deleteAllSql, deleteSql, readSql, updateSql, upsertSql } from "./table-sql.ts";
import type { TableShape } from "./target-catalog.ts";

/**
 * Bounds of one statement. Measured with 11 columns on PostgreSQL 15 and 18: rows cost the server the same from 1,000 to
 * 20,000 a statement (12–14 µs), and COPY into a staging table costs what it saves up to 5,000. A small one is sent while the
 * next is being written, and divided sooner when it fails.
 */
const statementRowsMax = 500;
const statementBytesMax = 4 * 1024 * 1024;

/** A statement and what is known once it has succeeded. */
export interface TableWrite {
  readonly statement: Statement;
  readonly settle: (result: StatementResult) => void;
}

/** A row with UNCHANGED columns and the key under which the target holds them. */
export interface PartialRow {
  readonly key: Key;
  readonly row: Row;
}

export interface WriteScope {
  readonly tally: RowTally;
  readonly batchId: number;
}

export function keyOf(shape: TableShape, row: Row): Key {
  return shape.key.map((index) => valueOf(row, index) ?? Buffer.alloc(0));
}

export function upserts(scope: WriteScope, shape: TableShape, rows: RowList): TableWrite[] {
  return rowPieces(rows).map((piece) => {
    const values = allColumns(shape, piece);
    return {
      statement: { sql: upsertSql(shape, typesOf(values)), parameters: [...values, String(scope.batchId)] },
      settle: (result) => scope.tally.addWritten(shape.mapping, piece.length, Number(result.rows[0]?.[0] ?? 0)),
    };
  });
}

function rowPieces(rows: RowList): (PackedRows | Row[])[] {
  return rows instanceof PackedRows ? rows.parts(statementRowsMax, statementBytesMax) : inPieces([...rows], rowBytes);
}

function allColumns(shape: TableShape, rows: PackedRows | Row[]): ArrayParameter[] {
  const all = shape.columns.map((_, index) => index);
  return rows instanceof PackedRows
    ? shape.columns.map(({ binary }, index) => arrayParameter(packedColumn(rows, index), binary))
    : columns(shape, rows, all);
}

export function deletes(scope: WriteScope, shape: TableShape, keys: readonly Key[]): TableWrite[] {
  return inPieces(keys, rowBytes).map((piece) => {
    const parameters = keyColumns(shape, piece);
    return {
      statement: { sql: deleteSql(shape, typesOf(parameters)), parameters },
      settle: (result) => scope.tally.addDeleted(shape.mapping, result.count),
    };
  });
}

export function deleteAll(scope: WriteScope, shape: TableShape): TableWrite {
  return {
    statement: { sql: deleteAllSql(shape), parameters: [] },
    settle: (result) => scope.tally.addDeleted(shape.mapping, result.count),
  };
}

/** Writes what is known of rows where they are, under their new key where it has changed. `missing` is told of those that are not there. */
export function updates(
  scope: WriteScope,
  shape: TableShape,
  rows: readonly PartialRow[],
  missing: (rows: readonly PartialRow[]) => void,
): TableWrite[] {
  return alike(shape, rows).flatMap(({ unchanged, moved, members }) => {
    const known = shape.columns
      .map((_, index) => index)
      .filter((index) => !unchanged.includes(index) && (moved || !shape.key.includes(index)));
    return inPieces(members, ({ row }) => rowBytes(row)).map((piece) => {
      const keys = keyColumns(
        shape,
        piece.map(({ key }) => key),
      );
      const values = columns(
        shape,
        piece.map(({ row }) => row),
        known,
      );
      const arrays = [...keys, ...values];
      return {
        statement: { sql: updateSql(shape, typesOf(arrays), known), parameters: [...arrays, String(scope.batchId)] },
        settle: (result: StatementResult) => {
          scope.tally.addWritten(shape.mapping, result.count, 0);
          if (result.count === piece.length) return;
          const found = new Set(result.rows.map(([place]) => Number(place) - 1));
          missing(piece.filter((_, place) => !found.has(place)));
        },
      };
    });
  });
}

/** Whether a partial row comes under another key than it had. */
export function isMoved(shape: TableShape, { key, row }: PartialRow): boolean {
  return keyText(key) !== keyText(keyOf(shape, row));
}

/** Reads what partial rows leave open from the rows that the target holds under their keys. */
export interface Completion {
  readonly statement: Statement;
  /** Rows complete with the values read, and those whose old row is not there. */
  readonly settle: (result: StatementResult) => { readonly complete: Row[]; readonly missing: PartialRow[] };
}

export function completions(shape: TableShape, rows: readonly PartialRow[]): Completion[] {
  return alike(shape, rows).flatMap(({ unchanged, members }) =>
    inPieces(members, ({ row }) => rowBytes(row)).map((piece) => {
      const parameters = keyColumns(
        shape,
        piece.map(({ key }) => key),
      );
      return {
        statement: { sql: readSql(shape, typesOf(parameters), unchanged), parameters },
        settle: (result: StatementResult) => completed(piece, unchanged, result),
      };
    }),
  );
}

/** Fills `row`'s UNCHANGED columns from an older image of it. */
export function filled(row: Row, older: Row): Row {
  return row.map((value, index) => (typeof value === "number" ? (older[index] ?? null) : value));
}

function completed(
  piece: readonly PartialRow[],
  unchanged: readonly number[],
  result: StatementResult,
): { complete: Row[]; missing: PartialRow[] } {
  const found = new Map(result.rows.map(([place, ...values]) => [Number(place) - 1, values]));
  const complete: Row[] = [];
  const missing: PartialRow[] = [];
  for (const [place, partial] of piece.entries()) {
    const values = found.get(place);
    if (values === undefined) {
      missing.push(partial);
      continue;
    }
    const row = [...partial.row];
    for (const [at, column] of unchanged.entries()) row[column] = toBuffer(values[at] ?? null);
    complete.push(row);
  }
  return { complete, missing };
}

function toBuffer(text: string | null): Buffer | null {
  return text === null ? null : Buffer.from(text, "utf8");
}

interface AlikeRows {
  readonly unchanged: readonly number[];
  readonly moved: boolean;
  readonly members: PartialRow[];
}

/** Rows that leave the same columns open, and keep or change their key alike, share a statement. */
function alike(shape: TableShape, rows: readonly PartialRow[]): AlikeRows[] {
  const groups = new Map<string, AlikeRows>();
  for (const partial of rows) {
    const unchanged = partial.row.flatMap((value, index) => (typeof value === "number" ? [index] : []));
    const moved = isMoved(shape, partial);
    const id = `${moved} ${unchanged.join()}`;
    const group = groups.get(id) ?? { unchanged, moved, members: [] };
    groups.set(id, group);
    group.members.push(partial);
  }
  return [...groups.values()];
}

function keyColumns(shape: TableShape, keys: readonly Key[]): ArrayParameter[] {
  return shape.key.map((index, place) => column(shape, index, keys, place));
}

function columns(shape: TableShape, rows: readonly Row[], wanted: readonly number[]): ArrayParameter[] {
  return wanted.map((index) => column(shape, index, rows, index));
}

/** The values at one place of each row or key, for the column with that index. */
function column(shape: TableShape, index: number, rows: readonly Row[], place: number): ArrayParameter {
  return arrayParameter(listedColumn(rows.map((row) => valueOf(row, place))), shape.columns[index]?.binary ?? null);
}

function typesOf(arrays: readonly ArrayParameter[]): ArrayParameter["type"][] {
  return arrays.map(({ type }) => type);
}

function valueOf(row: Row, index: number): Buffer | null {
  const value = row[index];
  assert(value === null || value instanceof Buffer, "a value that is written is neither absent nor unchanged");
  return value;
}

function inPieces<T>(items: readonly T[], bytesOf: (item: T) => number): T[][] {
  const pieces: T[][] = [];
  let piece: T[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = bytesOf(item);
    if (piece.length > 0 && (piece.length >= statementRowsMax || bytes + size > statementBytesMax)) {
      pieces.push(piece);
      piece = [];
      bytes = 0;
    }
    piece.push(item);
    bytes += size;
  }
  if (piece.length > 0) pieces.push(piece);
  return pieces;
}
