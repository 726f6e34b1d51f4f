// What Kafka Connect tells of a connector over its REST interface ("Connect REST Interface", Kafka documentation).
import { errorCodes } from "../../../engine/model/error-codes.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { ConnectAddress } from "../../../engine/model/debezium-options.ts";
import type { SourceConnector } from "../decode/change-event.ts";
import { askHttp } from "../http-question.ts";

export interface ConnectorFacts {
  /** By setting. May hold passwords: only settings that are looked for by name, and are no secrets, are ever told. */
  readonly settings: ReadonlyMap<string, string>;
  /** Null: Debezium has no such connector, or dongbo does not know it. */
  readonly kind: SourceConnector | null;
  /** `RUNNING`, `PAUSED`, `FAILED` …, of the connector and of each of its tasks. */
  readonly state: string;
  readonly tasks: readonly string[];
}

const kinds: Readonly<Record<string, SourceConnector>> = {
  "io.debezium.connector.postgresql.PostgresConnector": "postgresql",
  "io.debezium.connector.mysql.MySqlConnector": "mysql",
  "io.debezium.connector.mariadb.MariaDbConnector": "mariadb",
  "io.debezium.connector.sqlserver.SqlServerConnector": "sqlserver",
  "io.debezium.connector.oracle.OracleConnector": "oracle",
  "io.debezium.connector.db2.Db2Connector": "db2",
};

/** Throws DB-KAF-144. */
export async function readConnector(connect: ConnectAddress): Promise<ConnectorFacts> {
  const [config, status] = await Promise.all([ask(connect, "config"), ask(connect, "status")]);
  const settings = new Map(Object.entries(asObject(config)).map(([name, value]) => [name, String(value)]));
  const { connector, tasks } = asObject(status);
  return {
    settings,
    kind: kinds[settings.get("connector.class") ?? ""] ?? null,
    state: stateOf(connector),
    tasks: Array.isArray(tasks) ? tasks.map(stateOf) : [],
  };
}

async function ask({ address, connector }: ConnectAddress, what: "config" | "status"): Promise<unknown> {
  const path = `/connectors/${encodeURIComponent(connector)}/${what}`;
  try {
    const untrusted = { code: "DB-KAF-144", subject: connector } as const;
    const { status, body } = await askHttp(address, { path, accept: "application/json", untrusted });
    if (status >= 200 && status < 300) return JSON.parse(body);
    throw refused(connector, status === 404 ? "there is no connector of this name" : `it answers with status ${status}`);
  } catch (error) {
    if (error instanceof ReplicationError) throw error;
    throw refused(connector, error instanceof SyntaxError ? "its answer is not JSON" : "it cannot be reached", error);
  }
}

function refused(subject: string, what: string, cause?: unknown): ReplicationError {
  const { meaning } = errorCodes["DB-KAF-144"];
  return new ReplicationError("DB-KAF-144", { subject, cause: `${meaning}: ${what}` }, cause === undefined ? {} : { cause });
}

function stateOf(value: unknown): string {
  const { state } = asObject(value);
  return typeof state === "string" ? state : "unknown";
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
