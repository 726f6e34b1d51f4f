import type { Configuration } from "../../../engine/config/configuration.ts";
import type { CommandContext, CommandDefinition, CommandInput } from "../command.ts";
import { openControl } from "../control-database.ts";
import { currentEngine } from "../current-engine.ts";
import { prepareDataFolder } from "../data-folder.ts";
import { observe } from "../observe.ts";
import { readConfigurationWithWarnings } from "../read-configuration.ts";
import { isShared } from "../resolve-shares.ts";
import type { RunEnd } from "../run/engine-run.ts";
import { keepMemoryLow } from "../run/memory-keeper.ts";
import { logLevelOf, logLevelOption, newDisplay, runProcess } from "../run/run-process.ts";
import { buildStatus, needsAttention } from "../status-report.ts";
import { type ExitCode, exitCode } from "../terminal.ts";

export const runCommand: CommandDefinition = {
  usage: "run",
  description: "synchronize everything that is configured, in this one process",
  options: [["--until-caught-up", "leave once every copy has applied what its source held at the start"], logLevelOption],
  example: ["load and follow until stopped by Ctrl-C or SIGTERM.", "dongbo run"],
  notes: "Stops within 10 s of SIGTERM; a kill is always safe. The log goes to standard error, JSON where that is no terminal.",
  run: async (context, input) => {
    const level = logLevelOf(input);
    const { configuration, warnings } = readConfigurationWithWarnings(context);
    prepareDataFolder(configuration.dataDir);
    await using control = await openControl(configuration);
    const standsBy = mayStandBy(configuration, input);
    const claim = await control.store.claimEngine(currentEngine(), standsBy ? "stand by" : "refuse");
    const display = newDisplay(context);
    const endMemoryKeeping = keepMemoryLow();
    const { store } = control;
    const untilCaughtUp = input.options["untilCaughtUp"] === true;
    try {
      const ended = await runProcess(context, {
        level,
        configuration,
        warnings,
        store,
        claim,
        standsBy,
        untilCaughtUp,
        display,
        joinFleet: null,
      });
      display.close();
      return await finish(context, configuration, ended);
    } finally {
      endMemoryKeeping();
      display.close();
      await claim.release();
    }
  },
};

/** Several processes may share the sources of this configuration; who waits until all is caught up must have all of it. */
function mayStandBy({ sources }: Configuration, input: CommandInput): boolean {
  return [...sources.values()].some(isShared) && input.options["untilCaughtUp"] !== true;
}

/** Whoever waited until all is caught up is told when something is not. */
async function finish(context: CommandContext, configuration: Configuration, ended: RunEnd): Promise<ExitCode> {
  if (ended === "interrupted") {
    if (context.json) context.terminal.out(`${JSON.stringify({ ok: true, ended })}\n`);
    return exitCode.ok;
  }
  const report = buildStatus(configuration, await observe(configuration));
  if (context.json) context.terminal.out(`${JSON.stringify({ ok: true, ended, ...report })}\n`);
  if (!needsAttention(report)) return exitCode.ok;
  if (!context.json)
    context.terminal.err(
      "Caught up, but something is stopped, quarantined, parked or found different from its master: see `dongbo status`.\n",
    );
  return exitCode.attention;
}
