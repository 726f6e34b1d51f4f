// resync, replay: orders that wait in the control database until the engine has carried them out.
import type { OrderRequest } from "../../../engine/ports/control-commands.ts";
import { currentActor } from "../actor.ts";
import type { CommandDefinition, CommandContext, CommandInput } from "../command.ts";
import { openControl } from "../control-database.ts";
import { engineJson, whoActs } from "../output/print-engine.ts";
import { findSubscription, findTable, readConfigurationFile } from "../read-configuration.ts";
import { type ExitCode, exitCode } from "../terminal.ts";

const tableOption = ["--table <table>", "only this table, as readers name it"] as const;

export const resyncCommand: CommandDefinition = {
  usage: "resync <subscription>",
  description: "read a copy's rows anew from the master, while the others keep streaming",
  options: [tableOption],
  example: ["load one table of a copy again.", "dongbo resync population/hcm --table population.citizen"],
  notes: "The copy is refused until the re-sync has ended.",
  run: (context, input) => order(context, input, { kind: "resync", act: "re-syncs it" }),
};

export const replayCommand: CommandDefinition = {
  usage: "replay <subscription>",
  description: "try the rows in quarantine again, after their cause was mended",
  options: [tableOption],
  example: ["try again what the target had refused.", "dongbo replay population/hcm"],
  run: (context, input) => order(context, input, { kind: "replay", act: "tries the rows in quarantine again" }),
};

async function order(context: CommandContext, input: CommandInput, what: { kind: OrderRequest["kind"]; act: string }): Promise<ExitCode> {
  const configuration = readConfigurationFile(context);
  const named = findSubscription(configuration, String(input.arguments[0]));
  const { id } = named.subscription;
  const asked = input.options["table"];
  const table = typeof asked === "string" ? findTable(named, asked) : null;
  await using control = await openControl(configuration);
  const number = await control.store.order({ kind: what.kind, subscription: id, table }, currentActor());
  const engine = await control.store.engineSeen();
  if (context.json) {
    const answer = { ok: true, order: { id: number, kind: what.kind, subscription: id, table }, engine: engineJson(engine) };
    context.terminal.out(`${JSON.stringify(answer)}\n`);
  } else {
    context.terminal.out(`${id}: ${what.kind} of ${table ?? "all tables"} is ordered; ${whoActs(engine, what.act)}\n`);
  }
  return exitCode.ok;
}
