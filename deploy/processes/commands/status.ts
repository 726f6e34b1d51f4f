import type { CommandDefinition } from "../command.ts";
import { printStatus } from "../output/print-status.ts";
import { TimePrinter } from "../output/print-time.ts";
import { observe } from "../observe.ts";
import { readConfigurationFile } from "../read-configuration.ts";
import { buildStatus, needsAttention } from "../status-report.ts";
import { exitCode } from "../terminal.ts";

export const statusCommand: CommandDefinition = {
  usage: "status",
  description: "show where every copy stands: valid or not, until when, how far behind",
  example: ["one line a copy, read from the targets themselves.", "dongbo status"],
  notes: "Works without a running engine. Leaves with 5 when something is stopped, quarantined, parked or out of reach.",
  run: async (context) => {
    const configuration = readConfigurationFile(context);
    const report = buildStatus(configuration, await observe(configuration));
    const times = new TimePrinter(context.terminal.timeZone, new Date(report.at));
    context.terminal.out(context.json ? `${JSON.stringify(report)}\n` : printStatus(report, times));
    return needsAttention(report) ? exitCode.attention : exitCode.ok;
  },
};
