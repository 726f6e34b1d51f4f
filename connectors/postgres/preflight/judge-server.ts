// Server facts → findings. Pure.
import type { Finding } from "../../../engine/model/finding.ts";
import { newFinding } from "../../../engine/model/new-finding.ts";
import { clockSkew } from "../../../engine/validity/clock-skew.ts";
import { quoteIdentifier, quoteLiteral } from "../quote.ts";
import type { LogFacts, ServerFacts } from "./server-facts.ts";

const oldestMajor = 15;
const newestMajor = 18;
const senderTimeoutMinMs = 10_000;
const oldTransactionSeconds = 15 * 60;

/** What the shares' configuration says of a source. */
export interface SourceExpectation {
  /** The source's name in the configuration. */
  readonly source: string;
  readonly slot: string;
  readonly connections: number;
  readonly walRetainedMaxBytes: number;
}

/** What holds for source and target alike. `subject` names the server in findings. */
export function judgeServer(facts: ServerFacts, subject: string): Finding[] {
  const findings: Finding[] = [];
  if (facts.pooled) {
    const remedy = "Connect directly to the server, on its own port";
    findings.push(newFinding("DB-PG-011", "error", subject, { cause: "a connection pooler answers in place of the server", remedy }));
  }
  if (facts.major < oldestMajor || facts.major > newestMajor) {
    const cause = `the server is PostgreSQL ${facts.major}; dongbo knows ${oldestMajor} to ${newestMajor}`;
    findings.push(newFinding("DB-PG-011", "error", subject, { cause }));
  }
  const skew = clockSkew(facts.clockAheadMs);
  if (skew !== null) findings.push(newFinding("DB-PG-039", skew.severity, subject, { cause: skew.cause }));
  return findings;
}

/** What a server needs to be a source. */
export function judgeSource(facts: ServerFacts, log: LogFacts, wanted: SourceExpectation): Finding[] {
  const findings = [...judgeLog(log, wanted), ...judgeSlot(log, wanted)];
  const { source } = wanted;
  const { role } = facts;
  if (facts.inRecovery) findings.unshift(newFinding("DB-PG-011", "error", source, { cause: "the server is a standby" }));
  if (facts.encoding !== "UTF8") {
    const cause = `the database's encoding is ${facts.encoding}`;
    const remedy = "Values are converted to UTF8; one that cannot be stops its table";
    findings.push(
      newFinding(
        "DB-PG-040",
        facts.encoding === "SQL_ASCII" ? "error" : "warning",
        source,
        facts.encoding === "SQL_ASCII" ? { cause } : { cause, remedy },
      ),
    );
  }
  if (!role.replication && !role.superuser) {
    const sql = [`ALTER ROLE ${quoteIdentifier(role.name)} REPLICATION`];
    findings.push(newFinding("DB-PG-003", "error", source, { cause: `role "${role.name}" lacks the attribute REPLICATION`, sql }));
  }
  if (role.connectionLimit >= 0 && role.connectionLimit < wanted.connections) {
    const cause = `role "${role.name}" may have ${role.connectionLimit} sessions, the configuration allows ${wanted.connections}`;
    const sql = [`ALTER ROLE ${quoteIdentifier(role.name)} CONNECTION LIMIT ${wanted.connections}`];
    findings.push(newFinding("DB-PG-006", "error", source, { cause, remedy: "Raise the role's limit or lower limits.connections", sql }));
  }
  return findings;
}

function judgeLog(log: LogFacts, { source, walRetainedMaxBytes }: SourceExpectation): Finding[] {
  const findings: Finding[] = [];
  if (log.walLevel !== "logical") {
    findings.push(
      newFinding("DB-PG-012", "error", source, { cause: `wal_level is ${log.walLevel}`, sql: [alterSystem("wal_level", "logical")] }),
    );
  }
  const megabytes = Math.ceil((walRetainedMaxBytes * 1.25) / 1024 / 1024);
  if (log.slotKeepBytes === null || log.slotKeepBytes < walRetainedMaxBytes) {
    const cause =
      log.slotKeepBytes === null
        ? "max_slot_wal_keep_size is unlimited: while dongbo is away, the log kept for it can fill the server's disk"
        : "max_slot_wal_keep_size is smaller than limits.wal_retained_max: the server gives up the slot before dongbo gives way";
    const sql = [alterSystem("max_slot_wal_keep_size", `${megabytes}MB`), reload];
    findings.push(newFinding("DB-PG-036", "warning", source, { cause, sql }));
  }
  if (log.senderTimeoutMs < senderTimeoutMinMs) {
    const cause =
      log.senderTimeoutMs === 0
        ? "wal_sender_timeout is off: dead connections are never noticed"
        : `wal_sender_timeout is ${log.senderTimeoutMs} ms`;
    findings.push(newFinding("DB-PG-037", "warning", source, { cause, sql: [alterSystem("wal_sender_timeout", "60s"), reload] }));
  }
  if (log.idleSlotTimeoutSeconds > 0) {
    const cause = `idle_replication_slot_timeout is ${log.idleSlotTimeoutSeconds} s: the slot is lost when dongbo is away for longer`;
    findings.push(newFinding("DB-PG-041", "warning", source, { cause, sql: [alterSystem("idle_replication_slot_timeout", "0"), reload] }));
  }
  const old = log.oldestTransaction;
  if (old !== null && old.seconds > oldTransactionSeconds) {
    const cause = `the transaction of ${old.what} has been open for ${Math.round(old.seconds / 60)} minutes`;
    findings.push(newFinding("DB-PG-038", "warning", source, { cause }));
  }
  return findings;
}

function judgeSlot(log: LogFacts, { source, slot }: SourceExpectation): Finding[] {
  const findings: Finding[] = [];
  if (log.slot === null && log.slotsUsed >= log.slotsMax) {
    const cause = `all ${log.slotsMax} replication slots are taken (max_replication_slots)`;
    findings.push(
      newFinding("DB-PG-016", "error", source, { cause, sql: [alterSystem("max_replication_slots", String(log.slotsMax + 5))] }),
    );
  }
  if (log.slot?.active !== true && log.sendersUsed >= log.sendersMax) {
    const cause = `all ${log.sendersMax} replication connections are taken (max_wal_senders)`;
    const remedy = "End replication connections that nobody uses, or raise max_wal_senders and restart the server";
    findings.push(
      newFinding("DB-PG-006", "error", source, { cause, remedy, sql: [alterSystem("max_wal_senders", String(log.sendersMax + 5))] }),
    );
  }
  if (log.slot !== null && (log.slot.plugin !== "pgoutput" || !log.slot.here)) {
    findings.push(newFinding("DB-SLOT-006", "error", slot));
  } else if (log.slot?.lost === true) {
    findings.push(newFinding("DB-SLOT-002", "error", slot));
  }
  return findings;
}

const reload = "SELECT pg_reload_conf()";

function alterSystem(name: string, value: string): string {
  return `ALTER SYSTEM SET ${name} = ${quoteLiteral(value)}`;
}
