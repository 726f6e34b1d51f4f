// What must be true of a server before its log can be read, and which server it is.
import { createHash } from "node:crypto";
import type { Position } from "../../../engine/model/position.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { Flavour, MysqlSession } from "../mysql-client.ts";
import { mysqlPositions } from "../positions.ts";

/** How the server's log tells transactions apart, and so what positions are. */
export type LogForm = "mariadb" | "gtid" | "offset";

export interface SourceServer {
  readonly flavour: Flavour;
  readonly form: LogForm;
  /** `mysql/<uuid>`, `mariadb/<uid>`. */
  readonly identity: string;
  /** lower_case_table_names is not 0. */
  readonly foldsNames: boolean;
}

const variables = [
  "log_bin",
  "binlog_format",
  "binlog_row_image",
  "binlog_row_metadata",
  "gtid_mode",
  "lower_case_table_names",
  "server_uuid",
  "server_uid",
  "server_id",
  "hostname",
  "port",
  "datadir",
] as const;

type Variables = ReadonlyMap<string, string>;

const versionMin = { mariadb: 100_600, mysql: 80_000 } as const;

/** Looks at the server. Throws DB-MY-011 when it is too old, DB-SLOT-020 when its log does not hold what is needed. */
export async function inspectServer(session: MysqlSession, subject: string): Promise<SourceServer> {
  const { flavour, version } = session;
  if (version < versionMin[flavour]) {
    const name = flavour === "mariadb" ? "MariaDB" : "MySQL";
    const cause = `the server is ${name} ${Math.floor(version / 10_000)}.${Math.floor(version / 100) % 100}`;
    throw new ReplicationError("DB-MY-011", { subject, cause });
  }
  const rows = await session.query(`SHOW GLOBAL VARIABLES WHERE Variable_name IN (${variables.map((name) => `'${name}'`).join(", ")})`);
  const values: Variables = new Map(rows.map((row) => [row["Variable_name"] ?? "", row["Value"] ?? ""]));
  verifyLog(values, subject);
  const numbered = numbersTransactions(values.get("gtid_mode"));
  return {
    flavour,
    form: flavour === "mariadb" ? "mariadb" : numbered ? "gtid" : "offset",
    identity: identityOf(flavour, values),
    foldsNames: values.get("lower_case_table_names") !== "0",
  };
}

/** Whether all transactions of a MySQL server have numbers under this gtid_mode: with ON_PERMISSIVE others may come in between. */
export function numbersTransactions(mode: string | null | undefined): boolean {
  return mode === "ON";
}

const needed = { binlog_format: "ROW", binlog_row_image: "FULL", binlog_row_metadata: "FULL" } as const;

function verifyLog(values: Variables, subject: string): void {
  if (values.get("log_bin") !== "ON") throw new ReplicationError("DB-SLOT-020", { subject, cause: "the server writes no binary log" });
  for (const [name, wanted] of Object.entries(needed)) {
    const value = values.get(name);
    if (value === wanted) continue;
    const cause = `${name} is ${value ?? "unknown to the server"}, not ${wanted}`;
    throw new ReplicationError("DB-SLOT-020", { subject, cause, sql: [`SET GLOBAL ${name} = '${wanted}';`] });
  }
}

/**
 * MariaDB's server_uid is a digest of its machine's network address and its port; before there was one, what tells servers
 * apart as well as can be.
 */
function identityOf(flavour: Flavour, values: Variables): string {
  if (flavour === "mysql") return `mysql/${values.get("server_uuid") ?? ""}`;
  const uid = values.get("server_uid");
  if (uid !== undefined && uid !== "") return `mariadb/${uid}`;
  const traits = ["hostname", "port", "datadir", "server_id"].map((name) => values.get(name) ?? "");
  return `mariadb/${createHash("sha256").update(traits.join("\0")).digest("hex").slice(0, 40)}`;
}

/** Throws DB-SLOT-004 when the server is another one than expected. */
export function verifyIdentity(actual: string, expected: string, subject: string): void {
  if (actual === expected) return;
  const cause = `another server answers (${expected} then, ${actual} now)`;
  throw new ReplicationError("DB-SLOT-004", { subject, cause });
}

/** `from` must lie between what the log still holds and its end. */
export function verifyReach(from: Position, log: { readonly oldest: Position; readonly end: Position }, subject: string): void {
  if (!mysqlPositions.covers(from, log.oldest))
    throw purged(subject, `it begins after ${printed(log.oldest)}, and changes were applied up to ${printed(from)}`);
  if (mysqlPositions.covers(log.end, from)) return;
  throw setBack(from, log.end, subject);
}

/** The log ends before where it has been. */
export function setBack(reached: Position, end: Position, subject: string): ReplicationError {
  const cause = `the position ${printed(reached)} lies beyond the end of the server's log, ${printed(end)}: it was emptied or set back, or its numbers went back`;
  return new ReplicationError("DB-SLOT-004", { subject, cause });
}

/** The server has removed log that was still needed. */
export function purged(subject: string, detail: string, cause?: unknown): ReplicationError {
  const facts = {
    subject,
    cause: `the binary log was purged: ${detail}`,
    remedy: "Re-sync the subscriptions of this source with `dongbo resync`, and let the server keep its log for longer",
  };
  return new ReplicationError("DB-SLOT-005", facts, { cause });
}

function printed(position: Position): string {
  return position === "" ? "the very beginning" : position;
}
