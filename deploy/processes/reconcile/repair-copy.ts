// What becomes of differences: a plan that waits for a person, or an order to the engine, which makes the rows what they are at the
// master in the same way in which it applies the stream. The master wins, unless it may itself be wrong (D47 52.2c, LD 34.3; RC-07).
import type { Breaker, Difference, ReconcileAction, RepairPolicy, RowRepair } from "../../../engine/model/reconcile-report.ts";
import { type Key, keyText } from "../../../engine/model/row.ts";
import type { Clock } from "../../../engine/ports/clock.ts";
import type { Actor } from "../../../engine/ports/actor.ts";
import type { ControlCommands } from "../../../engine/ports/control-commands.ts";
import { brokenBy } from "../../../reconcilers/breakers.ts";
import type { FoundDifference } from "../../../reconcilers/classify.ts";
import { type Compared, lookAgain } from "../../../reconcilers/compare-table.ts";
import type { ComparisonParts } from "../../../reconcilers/comparison-parts.ts";

/** Rows in one order: more would keep the batch open for long. */
const rowsPerOrder = 1_000;
/** Attempts, since a repaired row may be damaged again, or an order not carried out in time. */
const attemptsMax = 3;
const askMs = 50;

/** Only by a new load can a key that is there twice be mended. */
function repairable(differences: readonly Difference[]): Key[] {
  return differences.flatMap(({ class: kind, key }) => (kind === "duplicate" ? [] : [key]));
}

/** What is to be done; nothing has been done yet. */
export function decide(policy: RepairPolicy, compared: Compared, masterEstimate: number | null): ReconcileAction | "repair" {
  const { differences, rowsChecked: copyRows, masterRows } = compared;
  if (policy === "none" || differences.length === 0) return { kind: "none" };
  if (policy === "review") return { kind: "plan", breaker: null };
  const breaker: Breaker | null = brokenBy({ differences, copyRows, masterRows, masterEstimate });
  return breaker === null ? "repair" : { kind: "plan", breaker };
}

export interface RepairOrder {
  readonly subscription: string;
  /** As readers name it. */
  readonly table: string;
}

/** Orders the rows to be made what the master has, and tells which of the differences are gone then. */
export async function repair(
  { parts, control, actor, signal }: { parts: ComparisonParts; control: ControlCommands; actor: Actor; signal: AbortSignal },
  order: RepairOrder,
  found: readonly FoundDifference[],
): Promise<readonly RowRepair[]> {
  const { clock, limits } = parts;
  let left = found;
  for (let attempt = 1; attempt <= attemptsMax && left.length > 0; attempt++) {
    const keys = repairable(left.map(({ difference }) => difference));
    await orderRepair({ control, actor, clock, patienceMs: limits.patienceMs, signal }, order, keys);
    left = await lookAgain(parts, left, signal);
  }
  return repairsOf(found, left);
}

/** Of these rows those that do not differ any more. */
export function repairsOf(found: readonly FoundDifference[], left: readonly FoundDifference[]): RowRepair[] {
  const stillThere = new Set(left.map(({ difference }) => keyText(difference.key)));
  const gone = found.filter(({ difference }) => !stillThere.has(keyText(difference.key)));
  return gone.map(({ difference: { key }, copyDigest: before, masterDigest: after }) => ({ key, before, after }));
}

interface OrderParts {
  readonly control: ControlCommands;
  readonly actor: Actor;
  readonly clock: Clock;
  /** How long an engine is waited for. */
  readonly patienceMs: number;
  readonly signal: AbortSignal;
}

/** Resolves when the rows are durable in the target, or nobody saw to that for too long. */
async function orderRepair(parts: OrderParts, order: RepairOrder, keys: readonly Key[]): Promise<void> {
  for (let from = 0; from < keys.length; from += rowsPerOrder) {
    const id = await parts.control.reconcile.orderRepair({ ...order, keys: keys.slice(from, from + rowsPerOrder), run: null }, parts.actor);
    await carriedOut(parts, id);
  }
}

/** Resolves when the order has been carried out, or nobody did so for too long. */
export async function carriedOut({ control, clock, patienceMs, signal }: Omit<OrderParts, "actor">, id: number): Promise<void> {
  const startedAt = clock.monotonicMs();
  while ((await control.pendingOrders()).some((pending) => pending.id === id)) {
    signal.throwIfAborted();
    if (clock.monotonicMs() - startedAt > patienceMs) return;
    await clock.sleep(askMs, signal);
  }
}
