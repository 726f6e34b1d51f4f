// What `dongbo run` and `dongbo worker` have in common: one process with its log, its metrics, its listener and an engine.
import { judgeHealth } from "../../../engine/telemetry/health.ts";
import { createLogger, type LogLevel } from "../../../engine/telemetry/json-logger.ts";
import { PrometheusMetrics } from "../../../engine/telemetry/metrics.ts";
import type { Configuration } from "../../../engine/config/configuration.ts";
import { timedCodes } from "../../../engine/fleet/retry-policy.ts";
import type { Finding } from "../../../engine/model/finding.ts";
import type { ControlCommands, EngineClaim } from "../../../engine/ports/control-commands.ts";
import type { Logger } from "../../../engine/ports/logger.ts";
import { currentActor } from "../actor.ts";
import type { CommandContext, CommandInput } from "../command.ts";
import { usageError } from "../command-failure.ts";
import { openShared } from "../connections.ts";
import type { FleetMember } from "../fleet/fleet-member.ts";
import { startHttpListener } from "../http-listener.ts";
import { systemClock, systemRandom } from "../system-clock.ts";
import { dongboVersion } from "../version.ts";
import { EngineGauges } from "./engine-gauges.ts";
import { EngineRun, type RunEnd } from "./engine-run.ts";
import { LoadTracker } from "./load-progress.ts";
import { barDisplay, plainDisplay, type ProgressDisplay } from "./progress-display.ts";

const levels: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** For the definition of a command. */
export const logLevelOption = [
  "--log-level <level>",
  `least grave lines of the log that are written: ${levels.join(", ")} (default: info)`,
] as const;

/** Throws a usage error for a level that there is not. */
export function logLevelOf({ options }: CommandInput): LogLevel {
  const level = levels.find((known) => known === (options["logLevel"] ?? "info"));
  if (level === undefined) throw usageError("--log-level is unknown", `Give one of: ${levels.join(", ")}`);
  return level;
}

export interface ProcessSettings {
  readonly level: LogLevel;
  readonly configuration: Configuration;
  readonly warnings: readonly Finding[];
  readonly store: ControlCommands;
  readonly claim: EngineClaim;
  readonly standsBy: boolean;
  readonly untilCaughtUp: boolean;
  readonly display: ProgressDisplay;
  /** Of a worker: joins the fleet, once its log and metrics are there; null: this process is none. */
  readonly joinFleet: ((parts: { readonly logger: Logger; readonly metrics: PrometheusMetrics }) => Promise<FleetMember>) | null;
}

export async function runProcess({ terminal, json }: CommandContext, settings: ProcessSettings): Promise<RunEnd> {
  const { configuration, display, store, claim, standsBy } = settings;
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
  const fleet = (await settings.joinFleet?.({ logger, metrics })) ?? null;
  const gauges = new EngineGauges(metrics);
  const tracker = new LoadTracker();
  const run = new EngineRun(configuration, {
    store,
    claim,
    standsBy,
    fleet,
    clock: systemClock,
    random: systemRandom,
    logger,
    metrics,
    environment: terminal.environment,
    actor: currentActor(),
    tell: (line) => {
      if (json) return;
      if (terminal.screen === null) terminal.out(`${line}\n`);
      else display.log(`${line}\n`);
    },
    tick: (health, current) => {
      const nowMs = systemClock.monotonicMs();
      if (!json) display.show(tracker.update(health, nowMs), nowMs);
      gauges.update(health, current, nowMs);
    },
    startEngine: (current) => {
      const parts = { control: store, clock: systemClock, random: systemRandom, logger, metrics };
      return startEngine(current, { ...parts, leads: claim.leads, leased: fleet !== null, openShared });
    },
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
    const ended = await run.run(terminal.interrupted, settings.untilCaughtUp);
    logger.info("dongbo ends", { ended });
    return ended;
  } finally {
    await Promise.all([listener?.close(), gauges.close()]);
  }
}

export function newDisplay(context: CommandContext): ProgressDisplay {
  const { screen, out, err } = context.terminal;
  return screen === null || context.json ? plainDisplay(out, err) : barDisplay(screen);
}
