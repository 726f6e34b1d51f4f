// Keys of records, and the other key that the two halves of a changed primary key carry in their headers.
import type { Key } from "../../../engine/model/row.ts";
import type { KafkaRecord } from "../kafka/kafka-client.ts";
import type { SourceConnector } from "./change-event.ts";
import type { ConnectSchema } from "./connect-schema.ts";
import { DecodeFailure, malformed } from "./decode-failure.ts";
import { JsonEnvelope } from "./envelope-reader.ts";
import type { Opened, RecordOpener } from "./opened-record.ts";
import { keyValue, type RowPlan } from "./row-plan.ts";
import type { RowPlans } from "./row-plans.ts";

/** On the delete and on the create that follows it (Debezium documentation, "Primary key updates"). */
export const keyHeaders = { newKey: "__debezium.newkey", oldKey: "__debezium.oldkey" } as const;

/** Whose key it is: what cannot be seen in the key itself. */
export interface KeyOwner {
  readonly connector: SourceConnector;
  /** As the configuration names it, for keys without schema. */
  readonly table: string;
  /** How rows of the table are read; null: none was. */
  readonly row: RowPlan | null;
}

export class RecordKeys {
  readonly #opener: RecordOpener;
  readonly #plans: RowPlans;
  readonly #names = new WeakMap<ConnectSchema, readonly string[]>();

  constructor(opener: RecordOpener, plans: RowPlans) {
    this.#opener = opener;
    this.#plans = plans;
  }

  /** Names of the key's columns, in its order; none without a key. */
  columns({ key, topic }: KafkaRecord): readonly string[] {
    if (key === null) return [];
    const known = this.#opener.knownSchema(key, `${topic}/key`);
    if (known !== null) return this.#namesOf(known);
    const { envelope, schema } = this.#opener.open(key, `${topic}/key`);
    if (schema !== null) return this.#namesOf(schema);
    if (!(envelope instanceof JsonEnvelope)) throw malformed("a key has no schema");
    return envelope.values.memberNames();
  }

  read({ key, topic }: KafkaRecord, owner: KeyOwner): Key | null {
    if (key === null) return null;
    const opened = this.#opener.open(key, `${topic}/key`);
    const plan = this.#planOf(opened, owner);
    const values = plan.read(opened.envelope.values).map(keyValue);
    opened.finish();
    return values;
  }

  /**
   * The key in a header, which a converter of its own wrote, by default one that prints JSON; null when there is none, or when its form
   * loses what a value was: the two halves then count as a delete and an insert of their own.
   */
  inHeader(record: KafkaRecord, header: keyof typeof keyHeaders, owner: KeyOwner): Key | null {
    const bytes = record.headers.get(keyHeaders[header]);
    if (bytes === undefined || record.key === null) return null;
    const plan = this.#planOf(this.#opener.open(record.key, `${record.topic}/key`), owner);
    try {
      const { envelope, finish } = this.#opener.openHeader(bytes);
      const key = plan.read(envelope.values).map(keyValue);
      finish();
      return key;
    } catch (error) {
      if (error instanceof DecodeFailure) return null;
      throw error;
    }
  }

  #namesOf(schema: ConnectSchema): readonly string[] {
    const known = this.#names.get(schema);
    if (known !== undefined) return known;
    const names = schema.fields.map(({ name }) => name);
    this.#names.set(schema, names);
    return names;
  }

  #planOf({ envelope, schema }: Opened, { connector, table, row }: KeyOwner): RowPlan {
    if (schema !== null) return this.#plans.key(schema, connector, row);
    if (!(envelope instanceof JsonEnvelope)) throw malformed("a key has no schema");
    const names = envelope.values.again().memberNames();
    return this.#plans.untyped(table, names, connector);
  }
}
