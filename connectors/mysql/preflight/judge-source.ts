// Facts of a source server → findings. Pure.
import type { Finding } from "../../../engine/model/finding.ts";
import { newFinding } from "../../../engine/model/new-finding.ts";
import { clockSkew } from "../../../engine/validity/clock-skew.ts";
import { quoteIdentifier } from "../quote.ts";
import type { SourceFacts } from "./source-facts.ts";

const oldest = { mariadb: { version: 100_600, name: "MariaDB 10.6" }, mysql: { version: 80_000, name: "MySQL 8.0" } } as const;
const retentionWarnSeconds = 86_400;
const packetWarnBytes = 16 * 1024 * 1024;

/** What the shares' configuration says of a source. */
export interface SourceExpectation {
  /** The source's name in the configuration. */
  readonly source: string;
  readonly connections: number;
}

export function judgeSource(facts: SourceFacts, { source, connections }: SourceExpectation): Finding[] {
  const { version, name } = oldest[facts.flavour];
  if (facts.version < version) {
    const [major, minor] = [Math.floor(facts.version / 10_000), Math.floor(facts.version / 100) % 100];
    const cause = `the server's version is ${major}.${minor}; dongbo knows ${name} and later`;
    return [newFinding("DB-MY-011", "error", source, { cause })];
  }
  const findings = [...judgeLog(facts, source), ...judgeRetention(facts, source), ...judgePrivileges(facts, source)];
  const skew = clockSkew(facts.clockAheadMs);
  if (skew !== null) findings.push(newFinding("DB-MY-063", skew.severity, source, { cause: skew.cause }));
  if (facts.sessionsMax !== 0 && facts.sessionsMax < connections) {
    const cause = `user ${facts.account} may have ${facts.sessionsMax} sessions, the configuration allows ${connections}`;
    const sql = [`ALTER USER ${accountSql(facts.account)} WITH MAX_USER_CONNECTIONS ${connections}`];
    findings.push(newFinding("DB-MY-006", "error", source, { cause, remedy: "Raise the user's limit or lower limits.connections", sql }));
  }
  const packetBytes = Number(facts.variables.get("max_allowed_packet"));
  if (packetBytes < packetWarnBytes) {
    const cause = `max_allowed_packet is ${packetBytes} bytes`;
    findings.push(newFinding("DB-MY-036", "warning", source, { cause, sql: ["SET GLOBAL max_allowed_packet = 67108864"] }));
  }
  return findings;
}

const needed = { binlog_format: "ROW", binlog_row_image: "FULL", binlog_row_metadata: "FULL" } as const;

function judgeLog({ flavour, variables, isReplica }: SourceFacts, source: string): Finding[] {
  if (variables.get("log_bin") !== "ON") {
    const remedy = "Set log_bin and server_id in the server's configuration and restart it";
    return [newFinding("DB-SLOT-020", "error", source, { cause: "the server writes no binary log", remedy })];
  }
  const findings: Finding[] = [];
  for (const [name, wanted] of Object.entries(needed)) {
    const value = variables.get(name);
    if (value === wanted) continue;
    const cause = `${name} is ${value ?? "unknown to the server"}, not ${wanted}`;
    const remedy =
      "Run the statement, set it in the server's configuration too, and have open sessions connect again: each keeps what it had";
    findings.push(newFinding("DB-SLOT-020", "error", source, { cause, remedy, sql: [`SET GLOBAL ${name} = '${wanted}'`] }));
  }
  const unreadable = { binlog_transaction_compression: ["ON", "OFF"], binlog_row_value_options: ["PARTIAL_JSON", "''"] } as const;
  for (const [name, [bad, good]] of Object.entries(unreadable)) {
    if (variables.get(name) !== bad) continue;
    findings.push(newFinding("DB-SLOT-022", "error", source, { cause: `${name} is ${bad}`, sql: [`SET GLOBAL ${name} = ${good}`] }));
  }
  if (variables.get("server_id") === "0") findings.push(newFinding("DB-MY-038", "error", source));
  if (flavour === "mysql" && variables.get("gtid_mode") !== "ON") {
    findings.push(newFinding("DB-MY-032", "warning", source, { cause: `gtid_mode is ${variables.get("gtid_mode") ?? "unknown"}` }));
  }
  const logsReplicated = variables.get("log_replica_updates") ?? variables.get("log_slave_updates");
  if (logsReplicated === "OFF" && isReplica !== false) {
    const severity = isReplica === null ? "warning" : "error";
    const cause = isReplica === null ? "log_slave_updates is off, and the user may not see whether the server is a replica" : undefined;
    findings.push(newFinding("DB-MY-034", severity, source, cause === undefined ? {} : { cause }));
  }
  return findings;
}

function judgeRetention({ variables }: SourceFacts, source: string): Finding[] {
  if (variables.get("log_bin") !== "ON") return [];
  const seconds = Number(variables.get("binlog_expire_logs_seconds") ?? 0) || Number(variables.get("expire_logs_days") ?? 0) * 86_400;
  const purges = variables.get("binlog_expire_logs_auto_purge") !== "OFF";
  const findings: Finding[] = [];
  if (seconds > 0 && purges) {
    const short = seconds < retentionWarnSeconds;
    const cause = `the server keeps its binary log for ${printDuration(seconds)}`;
    const sql = short ? [`SET GLOBAL binlog_expire_logs_seconds = ${7 * 86_400}`] : [];
    findings.push(newFinding("DB-MY-031", short ? "warning" : "info", source, { cause, sql }));
  } else {
    const cause = "the server keeps its binary log until somebody purges it";
    findings.push(newFinding("DB-MY-031", "info", source, { cause, remedy: "Watch the space that it takes on the server's disk" }));
  }
  const bytesMax = Number(variables.get("max_binlog_total_size") ?? 0);
  if (bytesMax > 0) {
    const cause = `the server keeps no more than ${Math.floor(bytesMax / 1024 ** 2)} MB of its binary log, however new it is`;
    findings.push(newFinding("DB-MY-031", "warning", source, { cause }));
  }
  return findings;
}

/** The log is read as a replica reads it, and its files are listed. */
function judgePrivileges({ flavour, account, privileges, logFilter, variables }: SourceFacts, source: string): Finding[] {
  if (privileges === null || privileges.has("ALL PRIVILEGES")) return [];
  const monitor = flavour === "mariadb" ? "BINLOG MONITOR" : "REPLICATION CLIENT";
  // Without numbers a chunk's place in the log is found by holding commits up for an instant.
  const mayHoldUp = ["RELOAD", "FLUSH_TABLES"].some((name) => privileges.has(name));
  const holdsUp = flavour === "mysql" && variables.get("gtid_mode") !== "ON" && variables.get("log_bin") === "ON";
  const lacking = [
    ...(privileges.has("REPLICATION SLAVE") ? [] : ["REPLICATION SLAVE"]),
    ...(logFilter === null ? [monitor] : []),
    ...(holdsUp && !mayHoldUp ? ["RELOAD"] : []),
  ];
  if (lacking.length === 0) return [];
  const sql = [`GRANT ${lacking.join(", ")} ON *.* TO ${accountSql(account)}`];
  return [newFinding("DB-MY-003", "error", source, { cause: `user ${account} lacks ${lacking.join(" and ")}`, sql })];
}

/** `user@host`, as CURRENT_USER() gives it, for statements. */
export function accountSql(account: string): string {
  const at = account.lastIndexOf("@");
  return `${quoteIdentifier(account.slice(0, at))}@${quoteIdentifier(account.slice(at + 1))}`;
}

function printDuration(seconds: number): string {
  if (seconds >= 2 * 86_400) return `${Math.floor(seconds / 86_400)} days`;
  return seconds >= 2 * 3600 ? `${Math.floor(seconds / 3600)} hours` : `${Math.floor(seconds / 60)} minutes`;
}
