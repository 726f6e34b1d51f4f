import { type ErrorCode, errorCodes } from "./error-codes.ts";
import type { Finding } from "./finding.ts";
import type { ReplicationError } from "./replication-error.ts";

/** What of a finding is more specific than the register's entry for its code. */
export interface FindingDetails {
  readonly cause?: string;
  readonly remedy?: string;
  /** Without their semicolons. */
  readonly sql?: readonly string[];
}

export function newFinding(code: ErrorCode, severity: Finding["severity"], subject: string, details: FindingDetails = {}): Finding {
  const { meaning, remedy } = errorCodes[code];
  const sql = (details.sql ?? []).map((statement) => (statement.endsWith(";") ? statement : `${statement};`));
  return { code, severity, subject, cause: details.cause ?? meaning, remedy: details.remedy ?? remedy, sql, location: null };
}

/** A failure as a finding: for `check`, not being able to look is an answer too. */
export function findingOf(error: ReplicationError): Finding {
  const { code, subject, explanation, remedy, sql } = error;
  return newFinding(code, "error", subject, { cause: explanation, remedy, sql });
}

/** The same news once, in the order of first mention. */
export function withoutRepeats(findings: readonly Finding[]): Finding[] {
  const seen = new Map(findings.map((finding) => [JSON.stringify([finding.code, finding.subject, finding.cause]), finding]));
  return [...seen.values()];
}
