// The plans of rows and keys, each made once.
import type { ConverterOptions } from "../../../engine/model/debezium-options.ts";
import type { SourceConnector } from "./change-event.ts";
import { codecContexts } from "./codec-options.ts";
import { connectField, type ConnectSchema, fieldOf } from "./connect-schema.ts";
import { DecodeFailure } from "./decode-failure.ts";
import { RowPlan } from "./row-plan.ts";
import { sourceConnector } from "./source-block.ts";
import { untypedSchema } from "./untyped-schema.ts";

/** What the schema of an envelope says of the rows inside. */
export interface ValueShape {
  /** It has an operation; without one it is no envelope. */
  readonly hasOp: boolean;
  readonly connector: SourceConnector | null;
  /** Null: no rows, as in logical messages. */
  readonly row: ConnectSchema | null;
}

const sourceName = /^io\.debezium\.connector\.([a-z0-9]+)\.Source$/;

export class RowPlans {
  readonly #types: ConverterOptions["types"];
  readonly #contexts: ReturnType<typeof codecContexts>;
  readonly #typed = new WeakMap<ConnectSchema, Map<SourceConnector, RowPlan>>();
  readonly #keys = new WeakMap<ConnectSchema, Map<RowPlan, RowPlan>>();
  readonly #untyped = new Map<string, RowPlan>();
  readonly #shapes = new WeakMap<ConnectSchema, ValueShape>();

  constructor(converter: ConverterOptions) {
    this.#types = converter.types;
    this.#contexts = codecContexts(converter);
  }

  shapeOf(schema: ConnectSchema): ValueShape {
    let shape = this.#shapes.get(schema);
    if (shape === undefined) {
      const name = sourceName.exec(fieldOf(schema, "source")?.name ?? "")?.[1];
      const connector = name === undefined ? null : sourceConnector(name === "mongo" ? "mongodb" : name);
      shape = { hasOp: fieldOf(schema, "op") !== null, connector, row: fieldOf(schema, "after") };
      this.#shapes.set(schema, shape);
    }
    return shape;
  }

  /** For rows, or keys, that come with their schema. */
  typed(schema: ConnectSchema, connector: SourceConnector): RowPlan {
    if (schema.type !== "struct") throw new DecodeFailure("DB-KAF-100", { cause: "a row or a key is no object" });
    const plans = this.#typed.get(schema) ?? new Map<SourceConnector, RowPlan>();
    this.#typed.set(schema, plans);
    return remembered(plans, connector, () => new RowPlan(schema, (column) => this.#contexts(column, connector)));
  }

  /** For keys: their schemas do not tell the source's types, so those of the row's columns count. */
  key(schema: ConnectSchema, connector: SourceConnector, row: RowPlan | null): RowPlan {
    if (row === null) return this.typed(schema, connector);
    const plans = this.#keys.get(schema) ?? new Map<RowPlan, RowPlan>();
    this.#keys.set(schema, plans);
    return remembered(plans, row, () => this.typed(withParametersOf(row, schema), connector));
  }

  /** For rows, or keys, of JSON without schemas. `table`: as the configuration names it. */
  untyped(table: string, columns: readonly string[], connector: SourceConnector): RowPlan {
    return remembered(this.#untyped, JSON.stringify([table, connector, ...columns]), () => {
      const schema = untypedSchema(columns, this.#types.get(table));
      return new RowPlan(schema, (column) => this.#contexts(column, connector));
    });
  }
}

function withParametersOf(row: RowPlan, schema: ConnectSchema): ConnectSchema {
  const fields = schema.fields.map((field) => {
    const column = row.columns.find(({ name }) => name === field.name)?.schema;
    const isSame = column !== undefined && column.type === field.schema.type && column.name === field.schema.name;
    return isSame ? connectField(field.name, { ...field.schema, parameters: column.parameters }) : field;
  });
  return { ...schema, fields };
}

function remembered<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
