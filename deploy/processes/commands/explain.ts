import type { Configuration } from "../../../engine/config/configuration.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { CommandContext, CommandDefinition } from "../command.ts";
import { type Check, explainCopy, lagText } from "../explain-copy.ts";
import { explainRow, type RowExplanation, rowVerdict } from "../explain-row.ts";
import { observe } from "../observe.ts";
import { batchJson, batchLines } from "../output/print-batch.ts";
import { TimePrinter } from "../output/print-time.ts";
import { findSubscription, findTable, type NamedSubscription, readConfigurationFile } from "../read-configuration.ts";
import { buildStatus, toProblem } from "../status-report.ts";
import { type ExitCode, exitCode } from "../terminal.ts";

export const explainCommand: CommandDefinition = {
  usage: "explain <subscription> [key...]",
  description: "say why a copy is or is not usable, or why a row is or is not in it",
  options: [["--table <table>", "only this table, as readers name it; needed when several have a fitting key"]],
  example: ["why does the province not see a citizen?", "dongbo explain population/hcm 079087000001"],
  notes: "A key of several columns is given as several arguments, in key order; after `--` also such that begin with a minus.",
  run: async (context, input) => {
    const configuration = readConfigurationFile(context);
    const named = findSubscription(configuration, String(input.arguments[0]));
    const key = input.arguments[1] ?? [];
    if (!Array.isArray(key) || key.length === 0) return explainSubscription(context, configuration, named);
    const asked = input.options["table"];
    const only = typeof asked === "string" ? findTable(named, asked) : null;
    const explanations = await explainRow(configuration, named, key as readonly string[], only);
    const times = new TimePrinter(context.terminal.timeZone, new Date());
    const { id } = named.subscription;
    if (context.json) context.terminal.out(`${JSON.stringify({ ok: true, subscription: id, tables: explanations.map(rowJson) })}\n`);
    else for (const explanation of explanations) context.terminal.out(printRow(id, explanation, times));
    return exitCode.ok;
  },
};

async function explainSubscription(context: CommandContext, configuration: Configuration, named: NamedSubscription): Promise<ExitCode> {
  const { id } = named.subscription;
  const report = buildStatus(configuration, await observe(configuration));
  const times = new TimePrinter(context.terminal.timeZone, new Date(report.at));
  const subscription = report.subscriptions.find((candidate) => candidate.id === id);
  const checks = explainCopy(report, named.share, id, times);
  const { usable = false, reason = null } = subscription ?? {};
  if (context.json) {
    context.terminal.out(`${JSON.stringify({ ok: true, subscription: id, usable, reason, checks })}\n`);
    return exitCode.ok;
  }
  const verdict = usable ? "is usable" : `is not usable: ${reason ?? "unknown"}`;
  context.terminal.out(`${id} ${verdict}${subscription === undefined ? "" : ` (${lagText(subscription)})`}\n`);
  for (const check of checks) context.terminal.out(printCheck(check));
  return exitCode.ok;
}

function printCheck({ check, ok, detail, remedy }: Check): string {
  const mark = ok === null ? "?? " : ok ? "ok " : "NO ";
  const line = `  ${mark} ${check}: ${detail}`;
  return remedy === null ? `${line}\n` : `${line}\n      → ${remedy}\n`;
}

function printRow(id: string, explanation: RowExplanation, times: TimePrinter): string {
  const { master, copy } = explanation;
  const lines = [`${id} ${explanation.table}: ${rowVerdict(explanation)}`];
  if (master instanceof ReplicationError) lines.push(`  master      cannot be read: ${master.code}: ${master.explanation}`);
  else {
    lines.push(`  master      ${master.exists ? "has the row" : "has no such row"}`);
    if (master.exists) lines.push(`  filter      ${master.failing.length === 0 ? "passed" : `not passed: ${master.failing.join("; ")}`}`);
  }
  if (copy instanceof ReplicationError)
    return `${[...lines, `  copy        cannot be read: ${copy.code}: ${copy.explanation}`].join("\n")}\n`;
  lines.push(`  copy        ${copy.present ? "has the row" : "has no such row"}`);
  if (copy.quarantine !== null) {
    const { code, sqlstate, detail, firstSeen, attempts } = copy.quarantine;
    const state = sqlstate === null ? "" : ` (SQLSTATE ${sqlstate})`;
    lines.push(
      `  quarantine  since ${times.full(firstSeen)}, ${attempts} attempts: ${code}${state}${detail === null ? "" : `: ${detail}`}`,
    );
    lines.push(`              Mend the cause, then \`dongbo replay ${id}\``);
  }
  if (copy.batch !== null) lines.push(...batchLines(copy.batch, times));
  return `${lines.join("\n")}\n`;
}

/** The shape of one table in `explain SUB KEY --json`. */
function rowJson(explanation: RowExplanation): object {
  const { table, master, copy } = explanation;
  const masterKnown = master instanceof ReplicationError ? null : master;
  const copyKnown = copy instanceof ReplicationError ? null : copy;
  const held = copyKnown?.quarantine ?? null;
  return {
    table,
    verdict: rowVerdict(explanation),
    in_master: masterKnown?.exists ?? null,
    passes_filter: masterKnown === null || !masterKnown.exists ? null : masterKnown.failing.length === 0,
    failing: masterKnown?.failing ?? [],
    in_copy: copyKnown?.present ?? null,
    quarantine:
      held === null
        ? null
        : {
            code: held.code,
            sqlstate: held.sqlstate,
            detail: held.detail,
            first_seen: held.firstSeen,
            last_seen: held.lastSeen,
            attempts: held.attempts,
          },
    batch: copyKnown?.batch === undefined || copyKnown.batch === null ? null : batchJson(copyKnown.batch),
    problems: [master, copy].flatMap((facts) => (facts instanceof ReplicationError ? [toProblem(facts)] : [])),
  };
}
