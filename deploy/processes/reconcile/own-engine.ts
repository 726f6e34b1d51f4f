// An engine for as long as a comparison takes, where none runs: without one a copy does not come to where the master was read.
import { createLogger } from "../../../engine/telemetry/json-logger.ts";
import { PrometheusMetrics } from "../../../engine/telemetry/metrics.ts";
import type { Configuration } from "../../../engine/config/configuration.ts";
import { asReplicationError, timedCodes } from "../../../engine/fleet/retry-policy.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { ControlCommands } from "../../../engine/ports/control-commands.ts";
import { openShared } from "../connections.ts";
import { currentEngine } from "../current-engine.ts";
import { systemClock, systemRandom } from "../system-clock.ts";
import type { Terminal } from "../terminal.ts";
import { dongboVersion } from "../version.ts";

/** Does nothing where an engine runs already; else runs one until it is disposed of. Its warnings go to standard error. */
export async function ownEngine(configuration: Configuration, control: ControlCommands, terminal: Terminal): Promise<AsyncDisposable> {
  if ((await control.engineSeen()) !== null) return nothing;
  const claim = await control.claimEngine(currentEngine(), "refuse").catch((error: unknown) => {
    // Another came first.
    if (error instanceof ReplicationError && error.code === "DB-RUN-024") return null;
    throw error;
  });
  if (claim === null) return nothing;
  const { startEngine } = await import("../engine.ts");
  const logger = createLogger({ clock: systemClock, level: "error", format: "lines", write: terminal.err });
  const metrics = new PrometheusMetrics({ clock: systemClock, version: dongboVersion(), retriedCodes: timedCodes() });
  const engine = startEngine(configuration, {
    control,
    clock: systemClock,
    random: systemRandom,
    logger,
    metrics,
    leads: true,
    leased: false,
    openShared,
  });
  // A comparison does not end with it: what the engine cannot go on from is told, and the copies stand still.
  const ended = engine.done.catch((error: unknown) => {
    terminal.err(`${asReplicationError(error, "engine").message}\n`);
  });
  return {
    [Symbol.asyncDispose]: async () => {
      await engine.stop().catch(() => {});
      await ended;
      await claim.release();
    },
  };
}

const nothing: AsyncDisposable = { [Symbol.asyncDispose]: () => Promise.resolve() };
