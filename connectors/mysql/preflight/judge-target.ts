// Facts of a target server → findings. Pure.
import type { Finding } from "../../../engine/model/finding.ts";
import { newFinding } from "../../../engine/model/new-finding.ts";
import { clockSkew } from "../../../engine/validity/clock-skew.ts";
import { accountSql } from "../apply/grants.ts";
import type { Flavour } from "../mysql-client.ts";
import type { TargetFacts } from "./target-facts.ts";

const oldest: Readonly<Record<Flavour, { readonly version: number; readonly name: string }>> = {
  mariadb: { version: 100_600, name: "MariaDB 10.6" },
  mysql: { version: 80_000, name: "MySQL 8.0" },
};
/** What the keys of dongbo's own tables need (InnoDB limits: 3072 bytes for pages of 16 kB or more). */
const pageSizeMinBytes = 16_384;
const packetWarnBytes = 64 * 1024 * 1024;

/** `subject` names the target in findings; `subscriptions`: how many it will hold. */
export function judgeTarget(facts: TargetFacts, subject: string, subscriptions: number): Finding[] {
  const findings: Finding[] = [];
  const { version, name } = oldest[facts.flavour];
  if (facts.version < version) {
    const cause = `the server's version is ${printVersion(facts.version)}; dongbo knows ${name} and later`;
    findings.push(newFinding("DB-MY-011", "error", subject, { cause }));
  }
  if (!facts.innodb) findings.push(newFinding("DB-MY-062", "error", subject, { cause: "InnoDB is switched off" }));
  else if (facts.pageSizeBytes < pageSizeMinBytes) {
    const cause = `innodb_page_size is ${facts.pageSizeBytes}, and keys are longer than it allows`;
    findings.push(newFinding("DB-MY-062", "error", subject, { cause }));
  }
  if (facts.readOnly) {
    findings.push(newFinding("DB-MY-008", "error", subject, { cause: "read_only is on", sql: ["SET GLOBAL read_only = 0"] }));
  }
  if (facts.logsStatements) {
    findings.push(newFinding("DB-MY-064", "error", subject, { sql: ["SET GLOBAL binlog_format = 'ROW'"] }));
  }
  if (facts.clockCanBeSet) findings.push(newFinding("DB-MY-060", "error", subject));
  const skew = clockSkew(facts.clockAheadMs);
  if (skew !== null) findings.push(newFinding("DB-MY-063", skew.severity, subject, { cause: skew.cause }));
  if (facts.packetMaxBytes < packetWarnBytes) {
    const cause = `max_allowed_packet is ${facts.packetMaxBytes} bytes: larger rows, with their statement, are refused`;
    findings.push(newFinding("DB-MY-061", "warning", subject, { cause, sql: [`SET GLOBAL max_allowed_packet = ${packetWarnBytes}`] }));
  }
  return [...findings, ...judgeSessions(facts, subject, subscriptions)];
}

/** Each subscription has a session of its own; others prepare, read records, and end sessions that are left. */
function judgeSessions({ account, sessionsMax }: TargetFacts, subject: string, subscriptions: number): Finding[] {
  const needed = subscriptions + 2;
  if (sessionsMax === 0 || sessionsMax >= needed) return [];
  const cause = `user ${account} may have ${sessionsMax} sessions, ${needed} are needed`;
  const sql = [`ALTER USER ${accountSql(account)} WITH MAX_USER_CONNECTIONS ${needed}`];
  return [newFinding("DB-MY-006", "error", subject, { cause, remedy: "Raise the user's limit", sql })];
}

function printVersion(version: number): string {
  return [Math.floor(version / 10_000), Math.floor(version / 100) % 100, version % 100].join(".");
}
