// reconcile: proves copies equal to their master while both go on, or says in what they are not, and mends it when asked to.
import type { Configuration, ReconcileConfiguration } from "../../../engine/config/configuration.ts";
import { parseDuration } from "../../../engine/config/duration.ts";
import type { RepairPolicy } from "../../../engine/model/reconcile-report.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { type ComparisonLimits, defaultLimits } from "../../../reconcilers/comparison-parts.ts";
import { currentActor } from "../actor.ts";
import type { CommandContext, CommandDefinition, CommandInput } from "../command.ts";
import { usageError } from "../command-failure.ts";
import { planConfiguration } from "../configuration-plan.ts";
import { openControl } from "../control-database.ts";
import { exitCodeOf, overallVerdict, printReconcile, reconcileJson } from "../output/print-reconcile.ts";
import { TimePrinter } from "../output/print-time.ts";
import { findSubscription, findSubscriptions, findTable, type NamedSubscription, readConfigurationFile } from "../read-configuration.ts";
import { carryOutPlan } from "../reconcile/approved-plan.ts";
import { ownEngine } from "../reconcile/own-engine.ts";
import { type ReconciledCopy, type ReconcileOrder, type ReconcileParts, reconcileSubscription } from "../reconcile/reconcile-copies.ts";
import { writeCertificates } from "../reconcile/write-certificates.ts";
import { systemClock } from "../system-clock.ts";
import { barDisplay, plainDisplay } from "../run/progress-display.ts";
import { type ExitCode, exitCode } from "../terminal.ts";

/** Before a comparison without a terminal says how far it is. */
const quietMs = 5_000;

const policies: readonly RepairPolicy[] = ["none", "review", "auto"];

export const reconcileCommand: CommandDefinition = {
  usage: "reconcile",
  description: "compare copies with their master, row by row, while both go on changing",
  options: [
    ["--share <share>", "only the copies of this share"],
    ["--subscription <subscription>", "only the copies of this subscription"],
    ["--table <table>", "only this table, as readers name it"],
    ["--repair <policy>", `what to do about differences: ${policies.join(", ")} (default: as the share says)`],
    ["--approve <run>", "repair what that run found and left for review"],
    ["--wait <duration>", "how long a copy that stands still is waited for, as ISO 8601 (default: PT90S)"],
    ["--fast", "read as fast as both servers answer; else each is left alone half of the time, longer while it is busy"],
    ["--certificate <folder>", "write a certificate of each copy there, as JSON and as a page to print"],
  ],
  example: ["prove one province's copy equal to the master.", "dongbo reconcile --subscription population/hcm"],
  notes:
    "Leaves with 0 when all are equal, 3 when one differs, 4 when it could not be found out. Where no engine runs, one runs meanwhile. " +
    "Copies of a Debezium source without `master:` are compared with what its topics say was sent, which proves nothing of the master. " +
    "Without `--fast` the share's `reconcile.rows_per_second` holds, and a server whose statements take longer than they did is read less.",
  run: async (context, input) => {
    const configuration = readConfigurationFile(context);
    const policy = policyOf(input);
    const chosen = chosenCopies(configuration, input);
    const run = approvedRun(input);
    const limits = { ...defaultLimits, ...(input.options["fast"] === true ? { share: 1 } : {}), ...patienceOf(input) };
    await using control = await openControl(configuration);
    const plan = await planConfiguration(configuration, control.store, { count: false, open: "kept" });
    if (plan.changes.length > 0) throw new ReplicationError("DB-REC-011", { subject: configuration.file });
    await using _engine = await ownEngine(plan.configuration, control.store, context.terminal);
    const parts: ReconcileParts = {
      configuration: plan.configuration,
      version: plan.basedOn,
      control: control.store,
      clock: systemClock,
      actor: currentActor(),
      limits,
      mayRead: () => Promise.resolve(),
      atOnce: 1,
      showProgress: () => {},
    };
    const orders = chosen.map((order) => ({ ...order, policy: policy ?? order.named.share.reconcile.repair, after: null }));
    const copies = await reconciled(context, parts, run === null ? orders : run);
    if (copies !== null) return await finish(context, input, parts, copies);
    context.terminal.err("Interrupted: what was compared to its end is on record; a copy that was not goes on where it was.\n");
    return exitCode.failed;
  },
};

/** All of these, or the plan of a run; null: interrupted. */
async function reconciled(
  { terminal, json }: CommandContext,
  parts: ReconcileParts,
  wanted: readonly ReconcileOrder[] | number,
): Promise<ReconciledCopy[] | null> {
  const { screen, err } = terminal;
  const display = json ? null : screen === null ? plainDisplay(err, err) : barDisplay(screen);
  const startedMs = systemClock.monotonicMs();
  const showProgress: ReconcileParts["showProgress"] = ({ label, rows, rowsExpected }) => {
    const nowMs = systemClock.monotonicMs();
    // What is over at once needs no line.
    if (screen === null && nowMs - startedMs < quietMs) return;
    const rate = (rows * 1_000) / Math.max(1, nowMs - startedMs);
    const secondsLeft = rowsExpected === null || rate === 0 ? null : Math.max(0, rowsExpected - rows) / rate;
    display?.show([{ label, rows, rowsExpected, rate, secondsLeft, finished: false }], nowMs);
  };
  const { interrupted } = terminal;
  try {
    const shown = { ...parts, showProgress };
    if (typeof wanted === "number") return [await carryOutPlan(shown, wanted, interrupted)];
    const copies: ReconciledCopy[] = [];
    for (const order of wanted) copies.push(...(await reconcileSubscription(shown, order, interrupted)));
    return copies;
  } catch (error) {
    if (interrupted.aborted) return null;
    throw error;
  } finally {
    display?.close();
  }
}

async function finish(
  context: CommandContext,
  input: CommandInput,
  parts: ReconcileParts,
  copies: readonly ReconciledCopy[],
): Promise<ExitCode> {
  const { terminal, json } = context;
  const folder = input.options["certificate"];
  if (typeof folder === "string") {
    const times = new TimePrinter(terminal.timeZone, new Date());
    for (const file of await writeCertificates(folder, parts, copies, times)) if (!json) terminal.err(`${file}\n`);
  }
  const tables = copies.map(({ report, run }) => ({ report, run: run.id, keys: keysShownOf(parts.configuration, report.subscription) }));
  terminal.out(json ? `${JSON.stringify(reconcileJson(tables))}\n` : printReconcile(tables));
  return exitCodeOf(overallVerdict(tables));
}

function keysShownOf(configuration: Configuration, subscription: string): ReconcileConfiguration["keys"] {
  return findSubscription(configuration, subscription).share.reconcile.keys;
}

function policyOf(input: CommandInput): RepairPolicy | null {
  const asked = input.options["repair"];
  if (asked === undefined) return null;
  const policy = policies.find((known) => known === asked);
  if (policy === undefined) throw usageError("--repair is unknown", `Give one of: ${policies.join(", ")}`);
  return policy;
}

function patienceOf({ options }: CommandInput): Partial<ComparisonLimits> {
  const asked = options["wait"];
  if (typeof asked !== "string") return {};
  const reading = parseDuration(asked);
  if (!reading.ok) throw usageError("--wait is no duration", "Give it as ISO 8601, for example PT10S");
  return { patienceMs: reading.value * 1_000 };
}

function approvedRun({ options }: CommandInput): number | null {
  const text = options["approve"];
  if (typeof text !== "string") return null;
  if (!/^[1-9]\d*$/.test(text)) throw usageError("--approve names no run", "Give the number of the run, as `dongbo reconcile` printed it");
  return Number(text);
}

/** Every copy that the options leave. Throws DB-RUN-021 and DB-RUN-022 for names that there are not. */
function chosenCopies(configuration: Configuration, { options }: CommandInput): Omit<ReconcileOrder, "policy" | "after">[] {
  const names = [options["share"], options["subscription"]].filter((name) => typeof name === "string");
  const all: readonly NamedSubscription[] = configuration.shares.flatMap((share) =>
    share.subscriptions.map((subscription) => ({ share, subscription })),
  );
  const named = names.reduce<readonly NamedSubscription[]>((left, name) => {
    const found = findSubscriptions(configuration, name).map(({ subscription }) => subscription.id);
    return left.filter(({ subscription }) => found.includes(subscription.id));
  }, all);
  const asked = options["table"];
  if (typeof asked !== "string") return named.map((entry) => ({ named: entry, table: null }));
  const having = named.filter((entry) => hasTable(entry, asked));
  // None has it: whoever is asked says what it has.
  const [first] = named;
  if (having.length === 0 && first !== undefined) findTable(first, asked);
  return having.map((entry) => ({ named: entry, table: asked }));
}

function hasTable(named: NamedSubscription, name: string): boolean {
  try {
    findTable(named, name);
    return true;
  } catch {
    return false;
  }
}
