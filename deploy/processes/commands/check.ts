import type { Finding } from "../../../engine/model/finding.ts";
import type { CommandDefinition } from "../command.ts";
import { findingsJson, printFinding } from "../output/print-finding.ts";
import { preflight } from "../preflight.ts";
import { readConfigurationAloud } from "../read-configuration.ts";
import { exitCode } from "../terminal.ts";

export const checkCommand: CommandDefinition = {
  usage: "check",
  description: "look at everything that a run needs, and print the SQL that grants what is missing",
  example: ["keep the statements that an owner must run.", "dongbo check > grants.sql"],
  notes: "Findings go to standard error, statements to standard output, one a line. Changes nothing anywhere.",
  run: async (context) => {
    const configuration = readConfigurationAloud(context);
    const findings = await preflight(configuration);
    const errors = findings.filter((finding) => finding.severity === "error").length;
    if (context.json) context.terminal.out(findingsJson(findings));
    else {
      for (const finding of findings) context.terminal.err(printFinding({ ...finding, sql: [] }));
      context.terminal.out(mendingSql(findings));
      const checked = `${configuration.sources.size} sources, ${configuration.targets.size} targets, ${configuration.shares.length} shares`;
      context.terminal.err(errors === 0 ? `check: nothing is in the way (${checked})\n` : `check: ${errors} errors (${checked})\n`);
    }
    return errors === 0 ? exitCode.ok : exitCode.failed;
  },
};

/** A script of all statements, each group under the finding that it mends; a statement that mends several comes once. */
function mendingSql(findings: readonly Finding[]): string {
  const told = new Set<string>();
  const lines: string[] = [];
  for (const { code, subject, sql } of findings) {
    const fresh = sql.map((statement) => statement.replaceAll("\n", " ")).filter((statement) => !told.has(statement));
    if (fresh.length === 0) continue;
    lines.push(`-- ${code} ${subject.replaceAll("\n", " ")}`, ...fresh);
    for (const statement of fresh) told.add(statement);
  }
  return lines.map((line) => `${line}\n`).join("");
}
