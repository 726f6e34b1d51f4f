// plan, apply: what a changed configuration discloses and withdraws, and putting it in force.
import type { ReplicationError } from "../../../engine/model/replication-error.ts";
import { currentActor } from "../actor.ts";
import type { CommandContext, CommandDefinition } from "../command.ts";
import { planConfiguration, recordPlan } from "../configuration-plan.ts";
import { openControl } from "../control-database.ts";
import { openControlToRead } from "../observe.ts";
import { engineJson, whoActs } from "../output/print-engine.ts";
import { printFinding, toFinding } from "../output/print-finding.ts";
import { planJson, printPlan } from "../output/print-plan.ts";
import { readConfigurationAloud } from "../read-configuration.ts";
import { exitCode } from "../terminal.ts";
import { refuseWithdrawn, withdrawRemoved } from "../withdraw.ts";

export const planCommand: CommandDefinition = {
  usage: "plan",
  description: "show which rows and columns a changed configuration would newly disclose or withdraw",
  example: ["compare dongbo.yaml with what was applied last.", "dongbo plan"],
  notes: "Rows are counted at the masters as they are now; `?` where a master cannot be asked. Changes nothing.",
  run: async (context) => {
    const configuration = readConfigurationAloud(context);
    await using control = await openControlToRead(configuration);
    const plan = await planConfiguration(configuration, control.store, { count: true, open: "fresh" });
    tellProblems(context, plan.problems);
    context.terminal.out(context.json ? `${JSON.stringify({ ok: true, ...planJson(plan) })}\n` : printPlan(plan));
    return exitCode.ok;
  },
};

export const applyCommand: CommandDefinition = {
  usage: "apply",
  description: "put the configuration in force as a delta, and show what that discloses and withdraws",
  example: ["put a changed dongbo.yaml in force.", "dongbo apply"],
  notes:
    "A running engine takes it up at once; otherwise the next `dongbo run` does. Copies of which something is withdrawn are refused until then. Versions are kept for ever.",
  run: async (context) => {
    const configuration = readConfigurationAloud(context);
    await using control = await openControl(configuration);
    const { store } = control;
    const plan = await planConfiguration(configuration, store, { count: true, open: "fresh" });
    tellProblems(context, plan.problems);
    const applied = plan.changes.length === 0 ? null : await recordPlan(plan, store, currentActor());
    const removed = await withdrawRemoved(configuration, plan.document, store);
    const engine = await store.engineSeen();
    // A running engine refuses by itself what it is about to change.
    const lessened = engine === null ? await refuseWithdrawn(configuration, plan.changes) : [];
    const owed = [...removed, ...lessened].flatMap(({ problem }) => (problem === null ? [] : [problem]));
    if (context.json) {
      const answer = {
        ok: true,
        applied: applied?.version ?? null,
        ...planJson(plan),
        engine: engineJson(engine),
        owed: owed.map(toFinding),
      };
      context.terminal.out(`${JSON.stringify(answer)}\n`);
    } else {
      context.terminal.out(printPlan(plan));
      if (applied !== null) context.terminal.out(`\napplied as version ${applied.version}; ${whoActs(engine, "takes it up")}\n`);
    }
    tellProblems(context, owed);
    return owed.length === 0 ? exitCode.ok : exitCode.attention;
  },
};

function tellProblems(context: CommandContext, problems: readonly ReplicationError[]): void {
  for (const problem of problems) context.terminal.err(printFinding({ ...toFinding(problem), severity: "warning" }));
}
