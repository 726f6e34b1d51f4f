// The `source` block of change events (Debezium documentation, "Change events" of each connector).
import type { Micros } from "../../../engine/model/change-message.ts";
import type { TableName } from "../../../engine/model/table.ts";
import { type LogPlace, lsnOrder, mysqlOrder, oracleOrder, postgresOrder, type SourceOrder } from "../source-order.ts";
import type { SourceConnector, SourcePlace } from "./change-event.ts";
import { DecodeFailure, malformed } from "./decode-failure.ts";
import type { EnvelopeReader } from "./envelope-reader.ts";
import { isMysqlFamily } from "./codec-context.ts";
import { MemberNames } from "./member-names.ts";

export interface SourceBlock {
  readonly place: SourcePlace;
  /** Null: the event concerns no table. */
  readonly table: TableName | null;
}

const connectors: ReadonlySet<string> = new Set<SourceConnector>(["postgresql", "mysql", "mariadb", "sqlserver", "oracle", "db2"]);

/** The connector by the name that it gives itself. */
export function sourceConnector(name: string): SourceConnector {
  if (connectors.has(name)) return name as SourceConnector;
  if (name === "mongodb") throw new DecodeFailure("DB-KAF-104");
  throw new DecodeFailure("DB-KAF-105", { cause: `the records come from the connector "${name.slice(0, 40)}"` });
}

type Facts = {
  -readonly [Name in keyof LogPlace]: LogPlace[Name];
} & {
  connector: string;
  db: string | null;
  schema: string | null;
  table: string | null;
  snapshot: string | null;
  txId: string | null;
  millis: number | null;
  micros: number | null;
};

const blockNames = new MemberNames();

/** Reads the block's fields by name, in any order; unknown ones are skipped. */
export function readSourceBlock(reader: EnvelopeReader): SourceBlock {
  const facts: Facts = {
    connector: "",
    db: null,
    schema: null,
    table: null,
    snapshot: null,
    txId: null,
    millis: null,
    micros: null,
    sequence: null,
    lsn: null,
    gtid: null,
    file: null,
    pos: null,
    row: null,
    commitLsn: null,
    changeLsn: null,
    eventSerialNumber: null,
    commitScn: null,
  };
  reader.members((name) => readMember(reader, name, facts), blockNames);
  const connector = sourceConnector(facts.connector);
  const at = facts.micros ?? (facts.millis === null ? null : facts.millis * 1000);
  if (at === null) throw malformed("the source block has no time");
  const place: SourcePlace = {
    connector,
    order: orderOf(connector, facts),
    at: at satisfies Micros,
    transactionId: transactionIdOf(connector, facts),
    snapshot: snapshotOf(facts.snapshot),
  };
  return { place, table: tableOf(connector, facts) };
}

function readMember(reader: EnvelopeReader, name: string, facts: Facts): void {
  switch (name) {
    case "connector":
      facts.connector = reader.string() ?? "";
      break;
    case "db":
    case "schema":
    case "table":
    case "sequence":
    case "gtid":
    case "file":
      facts[name] = reader.string();
      break;
    case "snapshot":
      facts.snapshot = reader.word();
      break;
    case "txId":
      facts.txId = reader.word();
      break;
    case "ts_ms":
      facts.millis = reader.number();
      break;
    case "ts_us":
      facts.micros = reader.number();
      break;
    case "lsn":
    case "pos":
    case "row":
      facts[name] = reader.integer();
      break;
    case "commit_lsn":
      facts.commitLsn = reader.string();
      break;
    case "change_lsn":
      facts.changeLsn = reader.string();
      break;
    case "event_serial_no":
      facts.eventSerialNumber = reader.integer();
      break;
    case "commit_scn":
      facts.commitScn = reader.word();
      break;
    default:
      reader.skip();
  }
}

function orderOf(connector: SourceConnector, facts: Facts): SourceOrder | null {
  switch (connector) {
    case "postgresql":
      return postgresOrder(facts);
    case "mysql":
    case "mariadb":
      return mysqlOrder(facts);
    case "sqlserver":
    case "db2":
      return lsnOrder(facts);
    case "oracle":
      return oracleOrder(facts);
  }
}

/** Only the families that have a direct snapshot know transactions by their ids. */
function transactionIdOf(connector: SourceConnector, { txId, gtid, file, pos }: Facts): string | null {
  if (connector === "postgresql") return txId;
  if (!isMysqlFamily(connector)) return null;
  // MySQL's snapshots know GTIDs; MariaDB's the place in the log, and any place inside a transaction lies on the same side as its first.
  if (gtid !== null && gtid.includes(":")) return gtid;
  if (file === null || pos === null) return null;
  return gtid === null ? `${file}:${pos}` : `${gtid}@${file}:${pos}`;
}

const snapshotWords: ReadonlySet<string> = new Set<NonNullable<SourcePlace["snapshot"]>>([
  "true",
  "first",
  "first_in_data_collection",
  "last_in_data_collection",
  "last",
  "incremental",
]);

function snapshotOf(word: string | null): SourcePlace["snapshot"] {
  if (word === null || word === "false") return null;
  if (snapshotWords.has(word)) return word as SourcePlace["snapshot"];
  throw malformed("the source block has an unknown word for its snapshot");
}

function tableOf(connector: SourceConnector, { db, schema, table }: Facts): TableName | null {
  const space = isMysqlFamily(connector) ? db : schema;
  return table === null || table === "" || space === null ? null : { schema: space, name: table };
}
