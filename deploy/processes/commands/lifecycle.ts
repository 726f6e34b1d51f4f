// suspend, resume: recorded in the control database; carried out by the running engine, or by the next one.
import type { SuspensionReason } from "../../../engine/ports/control-store.ts";
import { currentActor } from "../actor.ts";
import type { CommandDefinition } from "../command.ts";
import { usageError } from "../command-failure.ts";
import { openControl } from "../control-database.ts";
import { engineJson, whoActs } from "../output/print-engine.ts";
import { findSubscriptions, readConfigurationFile } from "../read-configuration.ts";
import { exitCode } from "../terminal.ts";

/** D47 43.1, 43.2. */
const reasons: readonly SuspensionReason[] = ["maintenance", "force_majeure", "breach", "security"];

export const suspendCommand: CommandDefinition = {
  usage: "suspend <subscription-or-share>",
  description: "stop supplying a copy, or all copies of a share, for one of the law's reasons",
  options: [["--reason <reason>", `why: ${reasons.join(", ")}`]],
  example: ["stop supplying one province while its server is moved.", "dongbo suspend population/hcm --reason maintenance"],
  notes: "A suspension stops supply, not the clock: the copy expires when its validity period ends (Decree 47/2024, Articles 41, 43).",
  run: async (context, input) => {
    const reason = reasons.find((known) => known === input.options["reason"]);
    if (reason === undefined) throw usageError("--reason is missing or unknown", `Give --reason with one of: ${reasons.join(", ")}`);
    const configuration = readConfigurationFile(context);
    const ids = findSubscriptions(configuration, String(input.arguments[0])).map(({ subscription }) => subscription.id);
    await using control = await openControl(configuration);
    await control.store.suspend(ids, reason, currentActor());
    const engine = await control.store.engineSeen();
    if (context.json) context.terminal.out(`${JSON.stringify({ ok: true, suspended: ids, reason, engine: engineJson(engine) })}\n`);
    else for (const id of ids) context.terminal.out(`${id}: suspended for ${reason}; ${whoActs(engine, "stops supplying it")}\n`);
    return exitCode.ok;
  },
};

export const resumeCommand: CommandDefinition = {
  usage: "resume <subscription-or-share>",
  description: "let a suspended copy, or all copies of a share, be supplied again",
  example: ["go on after the maintenance.", "dongbo resume population/hcm"],
  run: async (context, input) => {
    const configuration = readConfigurationFile(context);
    const ids = findSubscriptions(configuration, String(input.arguments[0])).map(({ subscription }) => subscription.id);
    await using control = await openControl(configuration);
    const resumed = await control.store.resume(ids, currentActor());
    const engine = await control.store.engineSeen();
    if (context.json) {
      context.terminal.out(`${JSON.stringify({ ok: true, resumed, engine: engineJson(engine) })}\n`);
      return exitCode.ok;
    }
    for (const id of ids) {
      const said = resumed.includes(id) ? `resumed; ${whoActs(engine, "supplies it again")}` : "was not suspended";
      context.terminal.out(`${id}: ${said}\n`);
    }
    return exitCode.ok;
  },
};
