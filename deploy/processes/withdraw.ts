// A subscription that was removed from the configuration: its copy must be refused, whether or not an engine runs.
import type { AppliedDocument } from "../../engine/config/applied-document.ts";
import type { Configuration } from "../../engine/config/configuration.ts";
import { asReplicationError } from "../../engine/fleet/retry-policy.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import type { ControlCommands } from "../../engine/ports/control-commands.ts";
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

async function withdraw(configuration: Configuration, subscription: string, target: string): Promise<ReplicationError | null> {
  const configured = configuration.targets.get(target);
  if (configured === undefined) {
    return new ReplicationError("DB-RUN-028", {
      subject: subscription,
      cause: `its target \`${target}\` is not in the configuration any more`,
    });
  }
  const records = openTargetRecords(configured);
  try {
    await records.terminate(subscription);
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
