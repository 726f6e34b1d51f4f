import { hostname } from "node:os";
import { judgeHealth } from "../../../engine/telemetry/health.ts";
import { createLogger, type LogLevel } from "../../../engine/telemetry/json-logger.ts";
import { PrometheusMetrics } from "../../../engine/telemetry/metrics.ts";
import type { Configuration } from "../../../engine/config/configuration.ts";
import type { Finding } from "../../../engine/model/finding.ts";
import { timedCodes } from "../../../engine/fleet/retry-policy.ts";
import type { ControlCommands, EngineIdentity } from "../../../engine/ports/control-commands.ts";
import { currentActor } from "../actor.ts";
import type { CommandContext, CommandDefinition, CommandInput } from "../command.ts";
import { usageError } from "../command-failure.ts";
import { openShared } from "../connections.ts";
import { openControl } from "../control-database.ts";
import { prepareDataFolder } from "../data-folder.ts";
import { startHttpListener } from "../http-listener.ts";
import { observe } from "../observe.ts";
import { readConfigurationWithWarnings } from "../read-configuration.ts";
import { isShared } from "../resolve-shares.ts";
import { EngineGauges } from "../run/engine-gauges.ts";
import { EngineRun, type RunEnd } from "../run/engine-run.ts";
import { keepMemoryLow } from "../run/memory-keeper.ts";
import { LoadTracker } from "../run/load-progress.ts";
import { barDisplay, plainDisplay, type ProgressDisplay } from "../run/progress-display.ts";
import { buildStatus, needsAttention } from "../status-report.ts";
import { systemClock, systemRandom } from "../system-clock.ts";
import { type ExitCode, exitCode } from "../terminal.ts";
import { dongboVersion } from "../version.ts";

const levels: readonly LogLevel[] = ["debug", "info", "warn", "error"];

export const runCommand: CommandDefinition = {
  usage: "run",
  description: "synchronize everything that is configured, in this one process",
  options: [
    ["--until-caught-up", "leave once every copy has applied what its source held at the start"],
    ["--log-level <level>", `least grave lines of the log that are written: ${levels.join(", ")} (default: info)`],
  ],
  example: ["load and follow until stopped by Ctrl-C or SIGTERM.", "dongbo run"],
  notes: "Stops within 10 s of SIGTERM; a kill is always safe. The log goes to standard error, JSON where that is no terminal.",
  run: async (context, input) => {
    const level = levels.find((known) => known === (input.options["logLevel"] ?? "info"));
    if (level === undefined) throw usageError("--log-level is unknown", `Give one of: ${levels.join(", ")}`);
    const { configuration, warnings } = readConfigurationWithWarnings(context);
    prepareDataFolder(configuration.dataDir);
    await using control = await openControl(configuration);
    const standsBy = mayStandBy(configuration, input);
    const claim = await control.store.claimEngine(identity(), standsBy ? "stand by" : "refuse");
    const display = newDisplay(context);
    const endMemoryKeeping = keepMemoryLow();
    try {
      const ended = await runEngine(context, { input, level, configuration, warnings, store: control.store, claim, standsBy, display });
      display.close();
      return await finish(context, configuration, ended);
    } finally {
      endMemoryKeeping();
      display.close();
      await claim.release();
    }
  },
};

interface RunSettings {
  readonly input: CommandInput;
  readonly level: LogLevel;
  readonly configuration: Configuration;
  readonly warnings: readonly Finding[];
  readonly store: ControlCommands;
  readonly claim: Awaited<ReturnType<ControlCommands["claimEngine"]>>;
  readonly standsBy: boolean;
  readonly display: ProgressDisplay;
}

async function runEngine(context: CommandContext, settings: RunSettings): Promise<RunEnd> {
  const { configuration, display, store, claim, standsBy } = settings;
  const { terminal } = context;
  // Only here: no other command needs the engine, and loading it takes time.
  const { startEngine } = await import("../engine.ts");
  const format = terminal.screen === null ? "json" : "lines";
  const logger = createLogger({
    clock: systemClock,
    level: settings.level,
    format,
    write: (line) => {
      display.log(line);
    },
  });
  const metrics = new PrometheusMetrics({ clock: systemClock, version: dongboVersion(), retriedCodes: timedCodes() });
  const gauges = new EngineGauges(metrics);
  const tracker = new LoadTracker();
  const run = new EngineRun(configuration, {
    store,
    claim,
    standsBy,
    clock: systemClock,
    random: systemRandom,
    logger,
    metrics,
    environment: terminal.environment,
    actor: currentActor(),
    tell: (line) => {
      if (context.json) return;
      if (terminal.screen === null) terminal.out(`${line}\n`);
      else display.log(`${line}\n`);
    },
    tick: (health, current) => {
      const nowMs = systemClock.monotonicMs();
      if (!context.json) display.show(tracker.update(health, nowMs), nowMs);
      gauges.update(health, current, nowMs);
    },
    startEngine: (current) =>
      startEngine(current, { control: store, clock: systemClock, random: systemRandom, logger, metrics, leads: claim.leads, openShared }),
  });
  const listener =
    configuration.listen === null
      ? null
      : await startHttpListener(configuration.listen, {
          metrics: async () => ({ text: await metrics.text(), contentType: metrics.contentType }),
          health: () => judgeHealth(run.health(), systemClock.now()),
        });
  try {
    for (const { code, subject, cause, remedy } of settings.warnings) logger.warn("configuration", { code, subject, cause, remedy });
    logger.info("dongbo runs", { version: dongboVersion(), pid: process.pid, listening: listener?.url });
    const ended = await run.run(terminal.interrupted, settings.input.options["untilCaughtUp"] === true);
    logger.info("dongbo ends", { ended });
    return ended;
  } finally {
    await Promise.all([listener?.close(), gauges.close()]);
  }
}

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
  if (!context.json) context.terminal.err("Caught up, but something is stopped, quarantined or parked: see `dongbo status`.\n");
  return exitCode.attention;
}

function newDisplay(context: CommandContext): ProgressDisplay {
  const { screen, out, err } = context.terminal;
  return screen === null || context.json ? plainDisplay(out, err) : barDisplay(screen);
}

function identity(): EngineIdentity {
  return { pid: process.pid, host: hostname(), version: dongboVersion(), startedAt: new Date() };
}
