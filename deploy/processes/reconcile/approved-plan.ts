// A plan that a person has approved: the copy is compared once more, and of the plan's rows those are repaired that are still wrong.
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { findSubscription } from "../read-configuration.ts";
import { type ReconciledCopy, type ReconcileParts, reconcileSubscription } from "./reconcile-copies.ts";

/** Throws DB-REC-008 and DB-REC-009 for what cannot be approved. */
export async function carryOutPlan(parts: ReconcileParts, run: number, signal: AbortSignal): Promise<ReconciledCopy> {
  const plan = await parts.control.reconcile.plan(run);
  if (plan === null) throw new ReplicationError("DB-REC-008", { subject: `run ${run}` });
  if (plan.state === "carried out" || plan.state === "dropped") throw new ReplicationError("DB-REC-009", { subject: `run ${run}` });
  const { subscription, table, keys } = plan;
  const named = findSubscription(parts.configuration, subscription);
  const [copy] = await reconcileSubscription(parts, { named, table, policy: "none", after: null, approved: { run, keys } }, signal);
  if (copy === undefined) throw new ReplicationError("DB-REC-008", { subject: `run ${run}` });
  return copy;
}
