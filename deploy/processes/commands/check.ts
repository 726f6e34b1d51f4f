import type { CommandDefinition } from "../command.ts";
import { oneLine, oneLineStatement } from "../output/one-line.ts";
import { findingsJson, printFinding } from "../output/print-finding.ts";
import { bySeverity, type Examined, preflight } from "../preflight.ts";
import { readConfigurationAloud } from "../read-configuration.ts";
import { exitCode } from "../terminal.ts";

export const checkCommand: CommandDefinition = {
  usage: "check",
  description: "look at everything that a run needs, and print the SQL that grants what is missing",
  example: ["keep the statements that an owner must run.", "dongbo check > grants.sql"],
  notes:
    "Findings go to standard error, statements to standard output, one a line, under the server where they belong. Changes nothing anywhere.",
  run: async (context) => {
    const configuration = readConfigurationAloud(context);
    const places = await preflight(configuration);
    const findings = bySeverity(places.flatMap((place) => place.findings));
    const errors = findings.filter((finding) => finding.severity === "error").length;
    if (context.json) context.terminal.out(findingsJson(findings));
    else {
      for (const finding of findings) context.terminal.err(printFinding({ ...finding, sql: [] }));
      context.terminal.out(places.map(mendingSql).join(""));
      const { sources, targets, shares } = configuration;
      const checked = [counted(sources.size, "source"), counted(targets.size, "target"), counted(shares.length, "share")].join(", ");
      context.terminal.err(`check: ${errors === 0 ? "nothing is in the way" : counted(errors, "error")} (${checked})\n`);
    }
    return errors === 0 ? exitCode.ok : exitCode.failed;
  },
};

function counted(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

/** The statements for one server, each group under the finding that it mends; a statement that mends several comes once. */
function mendingSql({ place, findings }: Examined): string {
  const told = new Set<string>();
  const lines: string[] = [];
  for (const { code, subject, sql } of findings) {
    const fresh = sql.map(oneLineStatement).filter((statement) => !told.has(statement));
    if (fresh.length === 0) continue;
    lines.push(oneLine(`-- ${code} ${subject}`), ...fresh);
    for (const statement of fresh) told.add(statement);
  }
  return (lines.length === 0 ? lines : [`-- at ${place}`, ...lines]).map((line) => `${line}\n`).join("");
}
