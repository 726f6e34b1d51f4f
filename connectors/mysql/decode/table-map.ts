// TABLE_MAP events: what the columns of the rows that follow are (MySQL Internals, "Table_map_event"; libs/mysql/binlog/event/
// rows_event.h, "Table_map_event::Optional_metadata_field_type"; the same in MariaDB with binlog_row_metadata=FULL).
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { printTable, type TableName } from "../../../engine/model/table.ts";
import type { Flavour } from "../mysql-client.ts";
import { ByteReader } from "./byte-reader.ts";
import { fieldType, isCharacter, isNumeric, readColumnType, type ColumnFacts, wireTypeOf } from "./field-types.ts";
import type { WireType } from "../wire-type.ts";

export interface MappedColumn {
  readonly name: string;
  readonly type: WireType;
  /** MariaDB's COMPRESSED attribute. */
  readonly compressed: boolean;
}

/** Name of the table that a TABLE_MAP event's body describes. */
export function readTableName(body: Buffer): TableName {
  const reader = new ByteReader(body, 8);
  const schema = reader.text(reader.uint8());
  reader.skip(1);
  return { schema, name: reader.text(reader.uint8()) };
}

/**
 * The columns, in the order of row images. Throws DB-SLOT-020 when the log does not name them, DB-SLOT-021 when one is of a
 * type that cannot be read exactly.
 */
export function readColumns(body: Buffer, flavour: Flavour): MappedColumn[] {
  const table = readTableName(body);
  const reader = new ByteReader(body, 8);
  reader.skip(reader.uint8() + 1);
  reader.skip(reader.uint8() + 1);
  const count = reader.lengthEncoded();
  const types = reader.slice(count);
  const metadata = new ByteReader(reader.slice(reader.lengthEncoded()));
  const facts = Array.from(types, (type) => readColumnType(type, metadata));
  reader.skip((count + 7) >> 3);
  const optional = readOptional(reader, facts, flavour);
  if (optional.names.length !== count) {
    const cause = `rows of ${printTable(table)} are logged without their columns' names: binlog_row_metadata was not FULL`;
    throw new ReplicationError("DB-SLOT-020", { subject: "binary log", cause, sql: ["SET GLOBAL binlog_row_metadata = 'FULL';"] });
  }
  return facts.map((fact, index) => {
    const name = optional.names[index] ?? "";
    const type = wireTypeOf(fact, {
      unsigned: optional.unsigned[index] ?? false,
      collation: optional.collations[index] ?? null,
      labels: optional.labels[index] ?? null,
      flavour,
    });
    if (typeof type === "string") {
      throw new ReplicationError("DB-SLOT-021", { subject: `${printTable(table)}.${name}`, cause: type });
    }
    return { name, type, compressed: fact.type === fieldType.varcharCompressed || fact.type === fieldType.blobCompressed };
  });
}

/** By column index; sparse where a fact concerns only some columns. */
interface Optional {
  readonly names: string[];
  readonly unsigned: boolean[];
  readonly collations: number[];
  readonly labels: Buffer[][];
}

const field = {
  signedness: 1,
  defaultCharset: 2,
  columnCharset: 3,
  columnName: 4,
  setLabels: 5,
  enumLabels: 6,
  labelDefaultCharset: 10,
  labelColumnCharset: 11,
} as const;

function readOptional(reader: ByteReader, facts: readonly ColumnFacts[], flavour: Flavour): Optional {
  const optional: Optional = { names: [], unsigned: [], collations: [], labels: [] };
  const indexes = (wanted: (fact: ColumnFacts) => boolean): number[] =>
    [...facts.keys()].filter((index) => wanted(facts[index] as ColumnFacts));
  const numeric = indexes((fact) => isNumeric(fact.type));
  const character = indexes((fact) => isCharacter(fact.type, flavour));
  const labelled = indexes(({ type }) => type === fieldType.enum || type === fieldType.set);
  while (reader.remaining > 0) {
    const type = reader.uint8();
    const value = new ByteReader(reader.slice(reader.lengthEncoded()));
    if (type === field.signedness) readBits(value, numeric, optional.unsigned);
    else if (type === field.defaultCharset) readDefaultCharset(value, character, optional.collations);
    else if (type === field.columnCharset) for (const index of character) optional.collations[index] = value.lengthEncoded();
    else if (type === field.labelDefaultCharset) readDefaultCharset(value, labelled, optional.collations);
    else if (type === field.labelColumnCharset) for (const index of labelled) optional.collations[index] = value.lengthEncoded();
    else if (type === field.columnName) while (value.remaining > 0) optional.names.push(value.text(value.uint8()));
    else if (type === field.enumLabels)
      readLabels(
        value,
        indexes((fact) => fact.type === fieldType.enum),
        optional.labels,
      );
    else if (type === field.setLabels)
      readLabels(
        value,
        indexes((fact) => fact.type === fieldType.set),
        optional.labels,
      );
  }
  return optional;
}

/** The highest bit of each byte comes first. */
function readBits(value: ByteReader, columns: readonly number[], into: boolean[]): void {
  const bytes = value.slice(value.remaining);
  for (const [place, index] of columns.entries()) into[index] = (((bytes[place >> 3] ?? 0) >> (7 - (place & 7))) & 1) === 1;
}

/** One collation for all, and pairs of a column's place among these columns with its own. */
function readDefaultCharset(value: ByteReader, columns: readonly number[], into: number[]): void {
  const common = value.lengthEncoded();
  for (const index of columns) into[index] = common;
  while (value.remaining > 0) {
    const index = columns[value.lengthEncoded()];
    const collation = value.lengthEncoded();
    if (index !== undefined) into[index] = collation;
  }
}

function readLabels(value: ByteReader, columns: readonly number[], into: Buffer[][]): void {
  for (const index of columns) {
    const labels: Buffer[] = [];
    for (let left = value.lengthEncoded(); left > 0; left--) labels.push(value.slice(value.lengthEncoded()));
    into[index] = labels;
  }
}
