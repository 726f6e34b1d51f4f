// Writes rows of one table in statements of bounded size, and counts exactly what they did.
import type { PackedRows } from "../../../engine/model/packed-rows.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { type Key, UNCHANGED } from "../../../engine/model/row.ts";
import { printTable } from "../../../engine/model/table.ts";
import { readDeclaration } from "../../../engine/model/type-declaration.ts";
import type { RowTally } from "../../../engine/target/row-tally.ts";
import { bitText, bytesText, trimFraction } from "../value-text.ts";
import { type BoundKey, type BoundRow, isMoved, type PartialRow } from "./bound-row.ts";
import { packBound, packRows } from "./bulk-packet.ts";
import type { OpenTransaction } from "./open-transaction.ts";
import type { Bound } from "./prepared-statements.ts";
import { batchColumn } from "./names.ts";
import { changedValue, RowsRefused } from "./refusal.ts";
import type { Answer } from "./apply-session.ts";
import {
  blankSql,
  childrenSql,
  deleteAllSql,
  deleteSql,
  insertSql,
  loosenAllSql,
  loosenSql,
  readSql,
  staleSql,
  sweepSql,
  updateSql,
  upsertSql,
  valuesOf,
} from "./table-sql.ts";
import type { ForeignKey, ShapeColumn, TableShape } from "./target-catalog.ts";

/** Bounds of one statement, below the protocol's own of 65,535 parameters. */
const parametersMax = 8192;
const rowsMax = 512;
/** The same of a statement that is executed for each row of a packet. */
const bulkRowsMax = 1024;
const bytesMax = 4 * 1024 * 1024;
/** What is longer comes in several packets, which is left to the driver. */
const frameBytesMax = 0xff_ffff;
/** What a packet holds beside the values of a row. */
const overheadBytes = 64 * 1024;
/** Keys that are looked up at a time. */
export const keysMax = 1000;

export class TableWriter {
  readonly #transaction: OpenTransaction;
  readonly #tally: RowTally;
  readonly #batchId: string;

  constructor(transaction: OpenTransaction, tally: RowTally, batchId: number) {
    this.#transaction = transaction;
    this.#tally = tally;
    this.#batchId = String(batchId);
  }

  /** Throws DB-MY-016 when a row is too large for any statement. */
  refuseTooLarge(shape: TableShape, bytes: number): void {
    const { session } = this.#transaction;
    const { packetBytesMax } = session;
    if (bytes <= packetBytesMax - overheadBytes) return;
    session.outgrown = true;
    const cause = `a row of ${bytes} bytes does not fit the server's max_allowed_packet of ${packetBytesMax}`;
    throw new ReplicationError("DB-MY-016", { subject: printTable(shape.mapping.physical), cause });
  }

  /** Rows in pieces of one statement each. Throws DB-MY-016 when one row is too large for any. */
  pieces(shape: TableShape, rows: readonly BoundRow[]): BoundRow[][] {
    for (const { bytes } of rows) this.refuseTooLarge(shape, bytes);
    const bulk = this.#transaction.session.takesBulk;
    const items = bulk ? bulkRowsMax : Math.min(rowsMax, Math.floor(parametersMax / (shape.columns.length + 1)));
    return cutPieces(rows, { items, bytes: this.#bytesMax, even: !bulk }, (row) => row.bytes);
  }

  /** Packed rows in pieces for `packed`. */
  packedPieces(rows: PackedRows): PackedRows[] {
    return rows.parts(bulkRowsMax, this.#bytesMax);
  }

  get #bytesMax(): number {
    return Math.min(bytesMax, this.#transaction.session.packetBytesMax - overheadBytes);
  }

  /** Inserts the rows of one piece or replaces those that are there. Throws RowsRefused. */
  async upsert(shape: TableShape, piece: readonly BoundRow[]): Promise<void> {
    const answer = await this.#upserted(shape, piece);
    if (answer === null) return this.insert(shape, piece);
    this.#tally.addWritten(shape.mapping, piece.length, piece.length - answer.replaced);
    refuseChanged(shape, answer);
  }

  /** A piece for `upsertPacked`; null when it has to be bound: a column cannot hold a value, or a packet the piece. */
  packed(shape: TableShape, piece: PackedRows): Buffer | null {
    const { session } = this.#transaction;
    if (!session.takesBulk || piece.length < 2) return null;
    try {
      const packet = packRows(shape, piece, this.#batchId);
      return packet.length < Math.min(session.packetBytesMax, frameBytesMax) ? packet : null;
    } catch (error) {
      if (error instanceof ReplicationError) return null;
      throw error;
    }
  }

  /** As `upsert`, of so many packed rows. Throws RowsRefused. */
  async upsertPacked(shape: TableShape, rows: number, packet: Buffer): Promise<void> {
    const answer = await this.#transaction.runBulk(upsertSql(shape, 1), packet);
    this.#tally.addWritten(shape.mapping, rows, rows - answer.replaced);
    refuseChanged(shape, answer);
  }

  /** Null for a single row that is not there while another one has a unique value of its: to insert it tells which. */
  async #upserted(shape: TableShape, piece: readonly BoundRow[]): Promise<Answer | null> {
    try {
      return await this.#run(upsertSql, shape, piece);
    } catch (error) {
      if (piece.length === 1 && error instanceof RowsRefused && error.refusal.detail === `column ${batchColumn}`) return null;
      throw error;
    }
  }

  /** Inserts the rows of one piece, whose keys are free. Throws RowsRefused; where a value was changed they are there. */
  async insert(shape: TableShape, piece: readonly BoundRow[]): Promise<void> {
    const answer = await this.#run(insertSql, shape, piece);
    this.#tally.addWritten(shape.mapping, piece.length, piece.length);
    refuseChanged(shape, answer);
  }

  #run(sql: typeof upsertSql, shape: TableShape, piece: readonly BoundRow[]): Promise<Answer> {
    if (this.#transaction.session.takesBulk && piece.length > 1)
      return this.#transaction.runBulk(sql(shape, 1), packBound(shape, piece, this.#batchId));
    return this.#transaction.run(sql(shape, piece.length), this.#parameters(piece));
  }

  /** Removes rows that go. Throws RowsRefused. */
  async delete(shape: TableShape, keys: readonly BoundKey[]): Promise<void> {
    for (const piece of keyPieces(shape, keys)) {
      const answer = await this.#transaction.run(deleteSql(shape, piece.length), parametersOf(piece));
      this.#tally.addDeleted(shape.mapping, answer.affected);
    }
  }

  async deleteAll(shape: TableShape): Promise<void> {
    this.#tally.addDeleted(shape.mapping, (await this.#transaction.run(deleteAllSql(shape))).affected);
  }

  /** Rows that go anyway let go of what they refer to, so that they can go in any order. Throws RowsRefused. */
  async loosen(shape: TableShape, keys: readonly BoundKey[] | "all"): Promise<void> {
    if (shape.references.length === 0) return;
    if (keys === "all") await this.#transaction.run(loosenAllSql(shape));
    else for (const piece of keyPieces(shape, keys)) await this.#transaction.run(loosenSql(shape, piece.length), parametersOf(piece));
  }

  /** Rows that get new values let go of their old ones, so that values of unique columns can change hands. Throws RowsRefused. */
  async blank(shape: TableShape, keys: readonly BoundKey[]): Promise<void> {
    if (valuesOf(shape).length === 0) return;
    for (const piece of keyPieces(shape, keys)) await this.#transaction.run(blankSql(shape, piece.length), parametersOf(piece));
  }

  /** Keys of some of the child rows that refer to a row, in the source's form. */
  async children(child: TableShape, parent: TableShape, reference: ForeignKey, key: BoundKey): Promise<Key[]> {
    return keysOf(child, await this.#transaction.read(childrenSql(child, parent, reference.columns, keysMax), key.values));
  }

  /** Removes what no chunk of a load has written since batch `before`. Throws RowsRefused. */
  async sweep(shape: TableShape, before: number): Promise<void> {
    this.#tally.addDeleted(shape.mapping, (await this.#transaction.run(sweepSql(shape), [String(before)])).affected);
  }

  /** Keys of some of the rows that `sweep` removes, in the source's form. */
  async stale(shape: TableShape, before: number): Promise<Key[]> {
    return keysOf(shape, await this.#transaction.read(staleSql(shape, keysMax), [String(before)]));
  }

  /** Writes what is known of a row where it is, under its new key when that has changed. False when it is not there. */
  async update(shape: TableShape, row: PartialRow, oldKey: BoundKey): Promise<boolean> {
    const moved = isMoved(row);
    const known = row.values.flatMap((value, index) => (value !== UNCHANGED && (moved || !shape.key.includes(index)) ? [index] : []));
    const values = known.map((index) => row.values[index] as Bound);
    const answer = await this.#transaction.run(updateSql(shape, known), [...values, this.#batchId, ...oldKey.values]);
    this.#tally.addWritten(shape.mapping, answer.affected, 0);
    refuseChanged(shape, answer);
    return answer.affected > 0;
  }

  /** Gives a row that is there what it refers to. Throws RowsRefused. */
  async refer(shape: TableShape, row: BoundRow, key: BoundKey): Promise<void> {
    const values = shape.references.map((index) => row.values[index] ?? null);
    await this.#transaction.run(updateSql(shape, shape.references), [...values, this.#batchId, ...key.values]);
  }

  /** A row's values in these columns as they can be bound again, by column index; null when the row is not there. */
  async read(shape: TableShape, columns: readonly number[], key: BoundKey): Promise<Bound[] | null> {
    const [found] = await this.#transaction.read(readSql(shape, columns), key.values);
    if (found === undefined) return null;
    const values: Bound[] = [];
    for (const [place, index] of columns.entries()) {
      const value = found[place] ?? null;
      values[index] = shape.columns[index]?.binary === true ? value : (value?.toString("utf8") ?? null);
    }
    return values;
  }

  #parameters(rows: readonly BoundRow[]): Bound[] {
    const parameters: Bound[] = [];
    for (const { values } of rows) parameters.push(...values, this.#batchId);
    return parameters;
  }
}

function keyPieces(shape: TableShape, keys: readonly BoundKey[]): BoundKey[][] {
  const items = Math.min(rowsMax, Math.floor(parametersMax / shape.key.length));
  return cutPieces(keys, { items, bytes: bytesMax, even: true }, () => 0);
}

function parametersOf(keys: readonly BoundKey[]): Bound[] {
  return keys.flatMap(({ values }) => values);
}

function keysOf(shape: TableShape, rows: readonly (Buffer | null)[][]): Key[] {
  return rows.map((row) => shape.key.map((index, place) => sourceText(shape.columns[index], row[place] ?? Buffer.alloc(0))));
}

/** A key's value in the source's text form, from how the target shows it. */
function sourceText(column: ShapeColumn | undefined, value: Buffer): Buffer {
  if (column === undefined) return value;
  const { category, bare, declaration } = column.sourceType;
  if (category === "bytes") return bytesText(value);
  if (category === "boolean") return Buffer.from((column.binary ? value[0] === 1 : value.toString("latin1") === "1") ? "t" : "f");
  if (category === "uuid" && column.binary) return Buffer.from(value.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"));
  if (column.binary && /\bbit\b/.test(bare)) return Buffer.from(bitText(value, readDeclaration(declaration).numbers[0] ?? 1));
  // YEAR and ZEROFILL are shown with zeros in front.
  if (category === "integer") return Buffer.from(value.toString("latin1").replace(/^0+(?=\d)/, ""));
  if (category !== "time" && category !== "timestamp" && category !== "instant") return value;
  return Buffer.from(`${trimFraction(value.toString("latin1"))}${category === "instant" ? "+00" : ""}`);
}

/** A server that changes a value says so in a note at most. The configuration may have accepted that for a column. */
function refuseChanged(shape: TableShape, { warnings }: Answer): void {
  if (warnings.length === 0) return;
  const lossy = shape.mapping.columns.filter(({ conversion }) => conversion === "lossy").map(({ target }) => target);
  const changed = changedValue(warnings, lossy);
  if (changed !== null) throw changed;
}

/** Bounds of a piece; `even`: cut to powers of two, so that few statements have to be prepared. */
interface PieceLimits {
  readonly items: number;
  readonly bytes: number;
  readonly even: boolean;
}

function cutPieces<T>(items: readonly T[], limits: PieceLimits, bytesOf: (item: T) => number): T[][] {
  const pieces: T[][] = [];
  for (let start = 0; start < items.length;) {
    let end = start;
    let sum = 0;
    while (end < items.length && end - start < limits.items) {
      sum += bytesOf(items[end] as T);
      if (sum > limits.bytes && end > start) break;
      end += 1;
    }
    const size = limits.even ? 2 ** Math.floor(Math.log2(end - start)) : end - start;
    pieces.push(items.slice(start, start + size));
    start += size;
  }
  return pieces;
}
