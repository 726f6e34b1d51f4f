// How rows of one schema are read: a codec for each column, and what a NULL there may hide.
import { ABSENT, type ColumnValue, type Row, UNCHANGED } from "../../../engine/model/row.ts";
import type { SourceConnector } from "./change-event.ts";
import type { CodecContext } from "./codec-context.ts";
import { columnCodec } from "./column-codec.ts";
import type { ConnectSchema } from "./connect-schema.ts";
import { DecodeFailure, inexact, unreadable } from "./decode-failure.ts";
import type { ValueCodec } from "./value-codec.ts";
import type { ValueReader } from "./value-reader.ts";

export interface PlannedColumn {
  readonly name: string;
  readonly schema: ConnectSchema;
  readonly codec: ValueCodec;
  readonly nullHides: NullHides;
}

/** PostgreSQL's connector prints NULL for some arrays that it cannot read, and for some that were not sent. */
export type NullHides = "nothing" | "unchanged" | "anything";

export class RowPlan {
  readonly schema: ConnectSchema;
  readonly columns: readonly PlannedColumn[];
  /** Columns to look at in an image that was read by the connector's snapshot. */
  readonly #doubtful: readonly number[];
  readonly #ambiguous: readonly number[];
  readonly #absent: ColumnValue[];

  /** `contextOf` gives what the codec of a column is chosen by. */
  constructor(schema: ConnectSchema, contextOf: (schema: ConnectSchema) => CodecContext) {
    this.schema = schema;
    this.columns = schema.fields.map((field) => {
      try {
        const context = contextOf(field.schema);
        const codec = columnCodec(field.schema, context);
        return { name: field.name, schema: field.schema, codec, nullHides: nullHides(field.schema, context) };
      } catch (error) {
        throw ofColumn(error, field.name);
      }
    });
    this.#absent = this.columns.map(() => ABSENT);
    const indices = [...this.columns.keys()];
    this.#doubtful = indices.filter((index) => this.columns[index]?.codec.doubtful !== null);
    this.#ambiguous = indices.filter((index) => this.columns[index]?.nullHides !== "nothing");
  }

  read(reader: ValueReader): Row {
    const { columns } = this;
    const row = this.#absent.slice();
    reader.struct(this.schema, (index) => {
      const column = columns[index];
      if (column === undefined) return;
      try {
        row[index] = column.schema.optional && reader.isNull(column.schema) ? null : column.codec.read(reader);
      } catch (error) {
        throw ofColumn(error, column.name);
      }
    });
    return row;
  }

  /** Refuses what the connector's snapshot may have distorted. */
  checkSnapshot(row: Row): void {
    for (const index of this.#doubtful) {
      const [column, value] = [this.columns[index], row[index]];
      if (column === undefined || !(value instanceof Buffer) || column.codec.doubtful?.(value) !== true) continue;
      const cause = "the connector's own snapshot does not read such a value exactly";
      throw ofColumn(inexact(cause, "Configure `master`, a read-only connection, so that rows are read there"), column.name);
    }
  }

  /** Refuses NULL where it may stand for something else. `isUpdate`: the row was there before, under whatever key. */
  checkNulls(row: Row, isUpdate: boolean): void {
    for (const index of this.#ambiguous) {
      const column = this.columns[index];
      if (column === undefined || row[index] !== null || (column.nullHides === "unchanged" && !isUpdate)) continue;
      const cause = "NULL cannot be told from a value that the connector leaves out";
      throw ofColumn(inexact(cause, "Leave the column out with `column.exclude.list` of the connector"), column.name);
    }
  }
}

/** A value that was not sent is not known of the row before. */
export function asBeforeImage(row: Row): Row {
  return row.map((value) => (value === UNCHANGED ? ABSENT : value));
}

function ofColumn(error: unknown, name: string): unknown {
  if (error instanceof DecodeFailure) error.column ??= name;
  return error;
}

/** Of these the connector shows that they did not change; of arrays of other items it prints NULL. */
function showsUnchanged({ type, name }: ConnectSchema, connector: SourceConnector): boolean {
  if (connector !== "postgresql") return true;
  if (type === "int32") return name === null || name.endsWith(".Date");
  if (type === "int64" || type === "bytes") return name === null;
  return type === "string" && (name === null || name === "io.debezium.data.Uuid" || name === "io.debezium.data.Json");
}

function nullHides({ type, items }: ConnectSchema, { connector }: CodecContext): NullHides {
  if (type !== "array" || items === null || connector !== "postgresql") return "nothing";
  // Items that are never NULL: an array of labels with NULL among them becomes NULL itself.
  if (!items.optional) return "anything";
  return showsUnchanged(items, connector) ? "nothing" : "unchanged";
}

/** A key column holds a value. */
export function keyValue(value: ColumnValue): Buffer {
  if (value instanceof Buffer) return value;
  throw unreadable("a key holds no value");
}
