// Records of a Debezium source → what they say.
import { ABSENT, type Key, type Row } from "../../../engine/model/row.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { printTable } from "../../../engine/model/table.ts";
import type { DebeziumOptions } from "../../../engine/model/debezium-options.ts";
import type { KafkaRecord } from "../kafka/kafka-client.ts";
import type { DataEvent, DebeziumEvent, DescribedTable, SourceConnector } from "./change-event.ts";
import { DecodeFailure, malformed } from "./decode-failure.ts";
import { type Envelope, readEnvelope, readHeartbeat, readSchemaChange, readTransactionMark } from "./envelope.ts";
import { JsonEnvelope } from "./envelope-reader.ts";
import { type KnownSchemas, type Opened, RecordOpener } from "./opened-record.ts";
import { notAnEnvelope } from "./other-envelopes.ts";
import { RecordKeys } from "./record-keys.ts";
import { asBeforeImage, type RowPlan } from "./row-plan.ts";
import { RowPlans } from "./row-plans.ts";
import { TableDescriber } from "./table-describer.ts";

export type ReaderOptions = Pick<DebeziumOptions, "topics" | "converter" | "fullBeforeImages">;

interface Images {
  before: Row | null;
  after: Row | null;
}

const dataOps: ReadonlySet<string> = new Set<DataEvent["op"]>(["r", "c", "u", "d", "t"]);

export class RecordReader {
  readonly #topics: DebeziumOptions["topics"];
  readonly #opener: RecordOpener;
  readonly #plans: RowPlans;
  readonly #keys: RecordKeys;
  readonly #describer: TableDescriber;
  readonly #fullBeforeImages: boolean;
  /** How each topic's last row was read, and its table. */
  readonly #last = new Map<string, { readonly table: DescribedTable; readonly row: RowPlan }>();
  #connector: SourceConnector | null = null;

  constructor({ topics, converter, fullBeforeImages }: ReaderOptions, schemas: KnownSchemas | null) {
    this.#topics = topics;
    this.#opener = new RecordOpener(converter.format, schemas);
    this.#plans = new RowPlans(converter);
    this.#keys = new RecordKeys(this.#opener, this.#plans);
    this.#describer = new TableDescriber(fullBeforeImages);
    this.#fullBeforeImages = fullBeforeImages;
  }

  read(record: KafkaRecord): DebeziumEvent {
    try {
      return record.value === null ? this.#tombstone(record) : this.#event(record, record.value);
    } catch (error) {
      if (!(error instanceof DecodeFailure)) throw error;
      const { topic, partition, offset } = record;
      const column = error.column === null ? "" : `, column "${error.column}"`;
      const subject = `${topic}${column} (partition ${partition}, offset ${offset})`;
      throw new ReplicationError(error.code, { subject, ...error.facts }, { cause: error });
    }
  }

  #tombstone(record: KafkaRecord): DebeziumEvent {
    const last = this.#last.get(record.topic);
    const table = last === undefined ? tableOfTopic(this.#topics, record.topic) : printTable(last.table.streamed.table);
    const key = this.#keys.read(record, { connector: this.#connector ?? "postgresql", table, row: last?.row ?? null });
    return { kind: "tombstone", key };
  }

  #event(record: KafkaRecord, value: Buffer): DebeziumEvent {
    const opened = this.#opener.open(value, record.topic);
    const event = this.#read(record, opened);
    opened.finish();
    return event;
  }

  #read(record: KafkaRecord, opened: Opened): DebeziumEvent {
    const { heartbeat, transactions, prefix, tables } = this.#topics;
    switch (record.topic) {
      case heartbeat:
        return { kind: "heartbeat", processedAt: readHeartbeat(opened.envelope) };
      case transactions:
        return readTransactionMark(opened.envelope);
      default:
        if (record.topic !== prefix || [...tables.values()].includes(prefix)) return this.#change(record, opened);
        const { source, ...change } = readSchemaChange(opened.envelope);
        return { kind: "schema change", ...change, source: source?.place ?? null };
    }
  }

  #change(record: KafkaRecord, opened: Opened): DebeziumEvent {
    return opened.schema === null ? this.#untyped(record, opened) : this.#typed(record, opened, opened.schema);
  }

  #typed(record: KafkaRecord, { envelope: reader }: Opened, schema: NonNullable<Opened["schema"]>): DebeziumEvent {
    const shape = this.#plans.shapeOf(schema);
    if (!shape.hasOp) {
      const names = schema.fields.map(({ name }) => name);
      throw notAnEnvelope(names, record.headers);
    }
    const connector = shape.connector ?? this.#connector;
    const plan = shape.row === null || connector === null ? null : this.#plans.typed(shape.row, connector);
    const images: Images = { before: null, after: null };
    const envelope = readEnvelope(reader, (image) => {
      if (plan === null) reader.skip();
      else if (!reader.isNull()) images[image] = plan.read(reader.values);
    });
    return this.#eventOf(record, envelope, { plan, images });
  }

  /** Rows come before it is known whose they are, and are read when it is. */
  #untyped(record: KafkaRecord, { envelope: reader }: Opened): DebeziumEvent {
    if (!(reader instanceof JsonEnvelope) || !reader.values.nextIs("object")) throw new DecodeFailure("DB-KAF-100");
    const places: { image: keyof Images; at: number; columns: string[] }[] = [];
    const envelope = readEnvelope(reader, (image) => {
      if (reader.values.nextIs("object")) places.push({ image, at: reader.values.position, columns: reader.values.memberNames() });
      else reader.skip();
    });
    const images: Images = { before: null, after: null };
    let plan: RowPlan | null = null;
    const table = envelope.source?.table ?? null;
    const connector = envelope.source?.place.connector ?? this.#connector;
    if (table !== null && connector !== null) {
      for (const { image, at, columns } of places) {
        plan = this.#plans.untyped(printTable(table), columns, connector);
        images[image] = plan.read(reader.values.again(at));
      }
    }
    return this.#eventOf(record, envelope, { plan, images });
  }

  #eventOf(record: KafkaRecord, envelope: Envelope, row: { plan: RowPlan | null; images: Images }): DebeziumEvent {
    const { op, source, processedAt, transaction, names } = envelope;
    if (op === null || source === null) throw notAnEnvelope(names, record.headers);
    if (processedAt === null) throw malformed("an envelope has no time");
    const { place, table } = source;
    this.#connector = place.connector;
    if (op === "m") return { kind: "message", source: place, processedAt };
    if (!dataOps.has(op)) throw malformed("an envelope has an unknown operation");
    if (table === null) throw malformed("the source block names no table");
    const described = this.#describe(record, table, { plan: row.plan, connector: place.connector, isTruncate: op === "t" });
    const owner = { connector: place.connector, table: printTable(table), row: row.plan };
    const keyIn = (header: "oldKey" | "newKey"): Key | null => this.#keys.inHeader(record, header, owner);
    const oldKey = op === "c" && record.headers.size > 0 ? keyIn("oldKey") : null;
    const movesAway = op === "d" && record.headers.size > 0 && keyIn("newKey") !== null;
    const { before, after } = row.images;
    if (after !== null) this.#check(after, { op, isUpdate: op === "u" || oldKey !== null, plan: row.plan, connector: place.connector });
    if (op === "t" ? after !== null : (after === null) !== (op === "d"))
      throw malformed("an envelope lacks the row that its operation has");
    return {
      kind: "data",
      op: op as DataEvent["op"],
      table: described,
      before: before === null ? null : this.#before(before, described),
      after,
      source: place,
      processedAt,
      transaction,
      oldKey,
      movesAway,
    };
  }

  #describe(
    record: KafkaRecord,
    table: DescribedTable["streamed"]["table"],
    { plan, connector, isTruncate }: { plan: RowPlan | null; connector: SourceConnector; isTruncate: boolean },
  ): DescribedTable {
    const last = this.#last.get(record.topic);
    // A truncation has neither key nor rows that could describe the table.
    if (isTruncate && last !== undefined && printTable(last.table.streamed.table) === printTable(table)) return last.table;
    if (plan === null) throw malformed("nothing describes the table");
    const key = this.#keys.columns(record);
    const described = this.#describer.describe({ topic: record.topic, table, connector, plan, key });
    if (!isTruncate) this.#last.set(record.topic, { table: described, row: plan });
    return described;
  }

  #check(
    after: Row,
    { op, isUpdate, plan, connector }: { op: string; isUpdate: boolean; plan: RowPlan | null; connector: SourceConnector },
  ): void {
    if (op === "r") plan?.checkSnapshot(after);
    if (connector !== "postgresql" || !this.#fullBeforeImages) plan?.checkNulls(after, isUpdate);
  }

  /** PostgreSQL logs the key alone by default, and its connector prints NULL for the rest. */
  #before(row: Row, { streamed }: DescribedTable): Row {
    const image = asBeforeImage(row);
    if (streamed.identity === "full") return image;
    return image.map((value, index) => (streamed.columns[index]?.inIdentity === true ? value : ABSENT));
  }
}

/** `schema.table`, as far as the topic's name tells; topics of SQL Server name the database before. */
function tableOfTopic({ prefix, tables }: DebeziumOptions["topics"], topic: string): string {
  for (const [table, named] of tables) if (named === topic) return table;
  const parts = topic.startsWith(`${prefix}.`) ? topic.slice(prefix.length + 1).split(".") : [topic];
  return parts.slice(-2).join(".");
}
