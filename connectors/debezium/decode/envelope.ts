// The envelope of change events, of heartbeats, transactions and schema changes (Debezium 2.x and 3.x).
import type { Micros } from "../../../engine/model/change-message.ts";
import type { DataEvent, TransactionMark } from "./change-event.ts";
import { malformed } from "./decode-failure.ts";
import type { EnvelopeReader } from "./envelope-reader.ts";
import { MemberNames } from "./member-names.ts";
import { commitOrder } from "../source-order.ts";
import { readSourceBlock, type SourceBlock } from "./source-block.ts";

export interface Envelope {
  /** Null: there is none, so it is no envelope. */
  op: string | null;
  source: SourceBlock | null;
  processedAt: Micros | null;
  transaction: DataEvent["transaction"];
  /** The names of its fields. */
  readonly names: string[];
}

const [envelopeNames, transactionNames, markNames] = [new MemberNames(), new MemberNames(), new MemberNames()];

/** Reads an envelope; `row` must read or skip one image. */
export function readEnvelope(reader: EnvelopeReader, row: (image: "before" | "after") => void): Envelope {
  const envelope: Envelope = { op: null, source: null, processedAt: null, transaction: null, names: [] };
  let millis: number | null = null;
  const isObject = reader.members((name) => {
    envelope.names.push(name);
    switch (name) {
      case "before":
      case "after":
        row(name);
        break;
      case "source":
        envelope.source = reader.isNull() ? null : readSourceBlock(reader);
        break;
      case "op":
        envelope.op = reader.word();
        break;
      case "ts_us":
        envelope.processedAt = reader.number();
        break;
      case "ts_ms":
        millis = reader.number();
        break;
      case "transaction":
        envelope.transaction = readTransaction(reader);
        break;
      default:
        reader.skip();
    }
  }, envelopeNames);
  if (!isObject) throw malformed("a record holds NULL instead of an object");
  envelope.processedAt ??= millis === null ? null : millis * 1000;
  return envelope;
}

function readTransaction(reader: EnvelopeReader): DataEvent["transaction"] {
  let [id, totalOrder, tableOrder]: [string | null, bigint | null, bigint | null] = [null, null, null];
  const isThere = reader.members((name) => {
    if (name === "id") id = reader.string();
    else if (name === "total_order") totalOrder = reader.integer();
    else if (name === "data_collection_order") tableOrder = reader.integer();
    else reader.skip();
  }, transactionNames);
  if (!isThere) return null;
  if (id === null || totalOrder === null) throw malformed("the transaction block lacks its id or its order");
  return { id: sharedId(id), totalOrder, tableOrder };
}

/** PostgreSQL's ids are `<transaction>:<LSN>` with an LSN of each event's and mark's own: what they share is the transaction. */
function sharedId(id: string): string {
  return /^([1-9]\d*):[1-9]\d*$/.exec(id)?.[1] ?? id;
}

/** The source's or the connector's time of a record without rows. */
export function readHeartbeat(reader: EnvelopeReader): Micros {
  const { processedAt } = readEnvelope(reader, () => reader.skip());
  if (processedAt === null) throw malformed("a heartbeat has no time");
  return processedAt;
}

/** A record of `<prefix>.transaction` (Debezium documentation, "Transaction metadata"). */
export function readTransactionMark(reader: EnvelopeReader): TransactionMark {
  let [status, id, millis]: [string | null, string | null, number | null] = [null, null, null];
  const counts = new Map<string, bigint>();
  reader.members((name) => {
    if (name === "status") status = reader.string();
    else if (name === "id") id = reader.string();
    else if (name === "ts_ms") millis = reader.number();
    else if (name === "data_collections") reader.list(() => readCount(reader, counts));
    else reader.skip();
  }, markNames);
  if (id === null || millis === null || (status !== "BEGIN" && status !== "END")) {
    throw malformed("a record of the transaction topic lacks its status, its id or its time");
  }
  const order = status === "END" ? commitOrder(id) : null;
  return { kind: "transaction", status: status === "BEGIN" ? "begin" : "end", id: sharedId(id), order, counts, at: millis * 1000 };
}

function readCount(reader: EnvelopeReader, counts: Map<string, bigint>): void {
  let [collection, count]: [string | null, bigint | null] = [null, null];
  reader.members((name) => {
    if (name === "data_collection") collection = reader.string();
    else if (name === "event_count") count = reader.integer();
    else reader.skip();
  });
  if (collection === null || count === null) throw malformed("a transaction's count lacks its table or its number");
  counts.set(collection, count);
}

export interface SchemaChange {
  readonly ddl: string;
  readonly tables: readonly string[];
  readonly source: SourceBlock | null;
}

/** A record of the connector's own topic (Debezium documentation, "Schema change topic"). */
export function readSchemaChange(reader: EnvelopeReader): SchemaChange {
  let [ddl, source]: [string, SourceBlock | null] = ["", null];
  const tables: string[] = [];
  reader.members((name) => {
    if (name === "ddl") ddl = reader.string() ?? "";
    else if (name === "source") source = reader.isNull() ? null : readSourceBlock(reader);
    else if (name === "tableChanges") reader.list(() => readTableChange(reader, tables));
    else reader.skip();
  });
  return { ddl, tables, source };
}

/** Ids are written `"database"."table"`. */
function readTableChange(reader: EnvelopeReader, tables: string[]): void {
  reader.members((name) => {
    const id = name === "id" ? reader.string() : reader.skip();
    if (typeof id === "string") tables.push(id.replace(/"((?:[^"]|"")*)"/g, (_, part: string) => part.replaceAll('""', '"')));
  });
}
