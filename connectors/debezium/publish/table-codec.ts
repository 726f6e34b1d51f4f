// A table's keys and rows as JSON, with the schemas that go with them. https://debezium.io/documentation/reference/stable/connectors/postgresql.html#postgresql-events
import { assert } from "../../../engine/model/assert.ts";
import type { Key, Row } from "../../../engine/model/row.ts";
import type { ColumnMapping, TableMapping } from "../../../engine/model/share.ts";
import { publishedType } from "./column-type.ts";
import { type ConnectSchema, type FieldCodec, fieldCodec, textOf } from "./field-codec.ts";
import { sourceSchema, transactionBlockSchema } from "./event-schemas.ts";
import { ValueRefused } from "./value-refused.ts";

interface Column extends FieldCodec {
  /** The column's name as it begins a member of a JSON object. */
  readonly member: string;
  readonly name: string;
}

export class TableCodec {
  readonly topic: string;
  readonly mapping: TableMapping;
  /** JSON of the schemas of keys and of envelopes. */
  readonly keySchema: string;
  readonly envelopeSchema: string;
  readonly #columns: readonly Column[];
  /** Places of the key columns among all. */
  readonly #key: readonly number[];

  constructor(mapping: TableMapping, topic: string) {
    this.topic = topic;
    this.mapping = mapping;
    this.#columns = mapping.columns.map(columnOf);
    this.#key = mapping.key.map((name) => mapping.columns.findIndex(({ source }) => source === name));
    const fields = this.#columns.map(({ name, schema }, index) => ({ ...schema, optional: !this.#key.includes(index), field: name }));
    const keyFields = this.#key.map((index) => fields[index] as (typeof fields)[number]);
    this.keySchema = JSON.stringify({ type: "struct", fields: keyFields, optional: false, name: `${topic}.Key` });
    this.envelopeSchema = JSON.stringify(envelopeSchema(topic, fields));
  }

  keyOf(row: Row): Key {
    return this.#key.map((index) => {
      const value = row[index];
      assert(value instanceof Buffer, "a key column holds a value");
      return value;
    });
  }

  /** JSON of the key. Throws ValueRefused. */
  encodeKey(key: Key): string {
    return `{${key.map((part, place) => this.#member(this.#key[place] ?? -1, part)).join(",")}}`;
  }

  /** JSON of a complete row. Throws ValueRefused. */
  encodeRow(row: Row): string {
    return `{${this.#columns.map((_, index) => this.#member(index, row[index] as Buffer | null)).join(",")}}`;
  }

  /** JSON of a row of which nothing is known but its key, as PostgreSQL's default replica identity tells a row that goes. */
  encodeOldRow(key: Key): string {
    const members = this.#columns.map((_, index) => {
      const place = this.#key.indexOf(index);
      return this.#member(index, place < 0 ? null : (key[place] as Buffer));
    });
    return `{${members.join(",")}}`;
  }

  #member(index: number, value: Buffer | null): string {
    const column = this.#columns[index];
    assert(column !== undefined, "a row has the columns of its table");
    if (value === null) return `${column.member}null`;
    try {
      return column.member + column.encode(textOf(value));
    } catch (error) {
      if (error instanceof ValueRefused) error.message = `column ${column.name}: ${error.message}`;
      throw error;
    }
  }
}

function columnOf(mapping: ColumnMapping): Column {
  return { ...fieldCodec(publishedType(mapping)), name: mapping.target, member: `${JSON.stringify(mapping.target)}:` };
}

function envelopeSchema(topic: string, fields: NonNullable<ConnectSchema["fields"]>): ConnectSchema {
  const image = { type: "struct", fields, optional: true, name: `${topic}.Value` };
  return {
    type: "struct",
    fields: [
      { ...image, field: "before" },
      { ...image, field: "after" },
      { ...sourceSchema, field: "source" },
      { ...transactionBlockSchema, field: "transaction" },
      { type: "string", optional: false, field: "op" },
      { type: "int64", optional: true, field: "ts_ms" },
      { type: "int64", optional: true, field: "ts_us" },
      { type: "int64", optional: true, field: "ts_ns" },
    ],
    optional: false,
    name: `${topic}.Envelope`,
    version: 2,
  };
}
