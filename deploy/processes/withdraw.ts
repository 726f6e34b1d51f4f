// What a changed configuration takes away from its consumers must be refused, whether or not an engine runs: the copies of
// subscriptions that were removed, and copies that hold rows or values which are withdrawn.
import type { AppliedDocument } from "../../engine/config/applied-document.ts";
import type { SubscriptionChange, TableChange } from "../../engine/config/configuration-changes.ts";
import type { Configuration } from "../../engine/config/configuration.ts";
import { asReplicationError } from "../../engine/fleet/retry-policy.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import type { ControlCommands } from "../../engine/ports/control-commands.ts";
import type { TargetRecords } from "../../engine/ports/target-records.ts";
import { addedRows } from "../../engine/snapshot/load-plan.ts";
import { removedSubscriptions } from "./configuration-plan.ts";
import { openTargetRecords } from "./connections.ts";
import { mapBounded } from "./map-bounded.ts";

export interface Withdrawal {
  readonly subscription: string;
  /** Null: its copy is refused now, or there never was one. */
  readonly problem: ReplicationError | null;
}

/** Refuses the copies of all removed subscriptions in their targets; those already refused stay so. */
export async function withdrawRemoved(
  configuration: Configuration,
  document: AppliedDocument,
  store: ControlCommands,
): Promise<Withdrawal[]> {
  const removed = await removedSubscriptions(document, store);
  return mapBounded([...removed], 8, async ([subscription, target]) => ({
    subscription,
    problem: await withdraw(configuration, subscription, target),
  }));
}

/** Refuses, in their targets, the copies of which a change takes something away, until an engine has carried it out. */
export function refuseWithdrawn(configuration: Configuration, changes: readonly SubscriptionChange[]): Promise<Withdrawal[]> {
  const kept = changes.filter(({ kind }) => kind === "changed");
  const lessened = kept.map(({ subscription, target, tables }) => ({ subscription, target, tables: tables.filter(takesAway) }));
  return mapBounded(
    lessened.filter(({ tables }) => tables.length > 0),
    8,
    async ({ subscription, target, tables }) => {
      const names = tables.map((table) => table.target);
      const refuse = (records: TargetRecords): Promise<void> => records.refuseUntilLoaded(subscription, names);
      return { subscription, problem: await tell(configuration, { subscription, target }, refuse) };
    },
  );
}

/** Another filter may let fewer rows in, unless it is plain that it only lets in more. */
function takesAway({ kind, columnsRemoved, rows: { before, after } }: TableChange): boolean {
  if (kind === "added" || before === undefined) return false;
  if (kind === "removed" || after === undefined || columnsRemoved.length > 0) return true;
  return JSON.stringify(before) !== JSON.stringify(after) && addedRows(before, after) === null;
}

async function withdraw(configuration: Configuration, subscription: string, target: string): Promise<ReplicationError | null> {
  return tell(configuration, { subscription, target }, (records) => records.terminate(subscription));
}

interface Place {
  readonly subscription: string;
  readonly target: string;
}

/** Null when the target has been told. */
async function tell(
  configuration: Configuration,
  { subscription, target }: Place,
  what: (records: TargetRecords) => Promise<unknown>,
): Promise<ReplicationError | null> {
  const configured = configuration.targets.get(target);
  if (configured === undefined) {
    return new ReplicationError("DB-RUN-028", {
      subject: subscription,
      cause: `its target \`${target}\` is not in the configuration any more`,
    });
  }
  const records = openTargetRecords(configured);
  try {
    await what(records);
    return null;
  } catch (error) {
    const { code, explanation } = asReplicationError(error, target);
    return new ReplicationError(
      "DB-RUN-028",
      { subject: subscription, cause: `its target cannot be told: ${explanation} (${code})` },
      { cause: error },
    );
  } finally {
    await records.close();
  }
}
