import type { Finding } from "../../../engine/model/finding.ts";
import type { ReplicationError } from "../../../engine/model/replication-error.ts";
import { redactText } from "../../../engine/telemetry/redact.ts";
import { oneLine, oneLineStatement } from "./one-line.ts";

/** `DB-<AREA>-<NNN>: subject: cause. Remedy.` and, below it, the statements that would mend it, one a line. */
export function printFinding(finding: Finding): string {
  const lead = finding.severity === "error" ? "" : `${finding.severity}: `;
  const sentence = `${lead}${finding.code}: ${finding.subject}: ${printExplanation(finding)}`;
  return [oneLine(redactText(sentence)), ...finding.sql.map((statement) => `  ${oneLineStatement(statement)}`)]
    .map((line) => `${line}\n`)
    .join("");
}

/** A failure as a finding, for `--json`. */
export function toFinding(error: ReplicationError): Finding {
  return {
    code: error.code,
    severity: "error",
    subject: redactText(error.subject),
    cause: redactText(error.explanation),
    remedy: redactText(error.remedy),
    sql: error.sql,
    location: null,
  };
}

/** `{"ok":…,"findings":[…]}`: what every command prints with `--json` when it fails, and `check` always. */
export function findingsJson(findings: readonly Finding[]): string {
  const ok = !findings.some((finding) => finding.severity === "error");
  return `${JSON.stringify({ ok, findings })}\n`;
}

/** `cause. Remedy.`, whether or not the sentences end with a full stop of their own. */
export function printExplanation({ cause, remedy }: { readonly cause: string; readonly remedy: string }): string {
  return `${withoutStop(cause)}. ${withoutStop(remedy)}.`;
}

function withoutStop(sentence: string): string {
  return sentence.endsWith(".") ? sentence.slice(0, -1) : sentence;
}
