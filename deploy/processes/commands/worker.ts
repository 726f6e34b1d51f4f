// worker: one of several processes that share the sources of a configuration, and do the jobs that come with them.
import type { Configuration } from "../../../engine/config/configuration.ts";
import { parseListenAddress } from "../../../engine/config/listen-address.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { RedisAddress } from "../../../engine/model/server-address.ts";
import type { ControlCommands } from "../../../engine/ports/control-commands.ts";
import type { CommandContext, CommandDefinition, CommandInput } from "../command.ts";
import { usageError } from "../command-failure.ts";
import { openControl } from "../control-database.ts";
import { currentEngine } from "../current-engine.ts";
import { prepareDataFolder } from "../data-folder.ts";
import { readConfigurationWithWarnings } from "../read-configuration.ts";
import { keepMemoryLow } from "../run/memory-keeper.ts";
import { logLevelOf, logLevelOption, newDisplay, type ProcessSettings, runProcess } from "../run/run-process.ts";
import { systemClock } from "../system-clock.ts";
import { exitCode } from "../terminal.ts";

export const workerCommand: CommandDefinition = {
  usage: "worker",
  description: "be one of several processes that share the work: sources, and the jobs that come with them",
  options: [
    ["--listen <address>", "where this worker serves metrics and health, in place of `listen:`; host:port, or off"],
    logLevelOption,
  ],
  example: ["start one on each machine, with the same file and the same control database.", "dongbo worker"],
  notes:
    "Needs `redis:` in the configuration. Who owns which source is a lease in the control database: a worker that ends hands its sources on, one " +
    "that dies or stands still is replaced when its lease is over (`fleet.lease`, PT8S by default).",
  run: async (context, input) => {
    const level = logLevelOf(input);
    const { configuration: read, warnings } = readConfigurationWithWarnings(context);
    const configuration = { ...read, listen: listenOf(read, input) };
    const { redis } = configuration;
    const leaseMs = configuration.fleet.leaseSeconds * 1_000;
    if (redis === null) throw new ReplicationError("DB-FLT-001", { subject: configuration.file });
    prepareDataFolder(configuration.dataDir);
    await using control = await openControl(configuration);
    const { store } = control;
    const claim = await store.claimEngine(currentEngine(), "join");
    const display = newDisplay(context);
    const endMemoryKeeping = keepMemoryLow();
    try {
      const joinFleet = joining(store, redis, leaseMs);
      const settings = { level, configuration, warnings, store, claim, display, standsBy: true, untilCaughtUp: false, joinFleet };
      const ended = await runProcess(context, settings);
      tell(context, ended);
      return exitCode.ok;
    } finally {
      endMemoryKeeping();
      display.close();
      await claim.release();
    }
  },
};

function tell({ json, terminal }: CommandContext, ended: string): void {
  if (json) terminal.out(`${JSON.stringify({ ok: true, ended })}\n`);
}

function joining(store: ControlCommands, redis: RedisAddress, leaseMs: number): ProcessSettings["joinFleet"] {
  return async ({ logger, metrics }) => {
    // Only here: no other command needs the queue's client, and loading it takes time.
    const { FleetMember } = await import("../fleet/fleet-member.ts");
    return FleetMember.join({ leases: store.leases, leaseMs, redis, clock: systemClock, logger, metrics: metrics.fleet() });
  };
}

function listenOf({ listen }: Configuration, { options }: CommandInput): Configuration["listen"] {
  const written = options["listen"];
  if (typeof written !== "string") return listen;
  const reading = parseListenAddress(written);
  if (!reading.ok) throw usageError("--listen is no address", "Give host:port, or off; port 0 is any free one");
  return reading.value;
}
