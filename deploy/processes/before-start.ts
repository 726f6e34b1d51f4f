// What must be so before anything is looked up at a source, or its copies are taken over.
import { retryKind } from "../../engine/fleet/retry-policy.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import { otherServer } from "../../engine/pipeline/admission.ts";
import type { ChangeSource } from "../../engine/ports/change-source.ts";
import type { ControlStore } from "../../engine/ports/control-store.ts";
import type { Wanted } from "./resolve-shares.ts";

/**
 * Another server than the one that kept the log for us has other tables under the same names, so that nothing is looked up
 * there before somebody has said, by a re-sync, that it is the right one. Throws DB-SLOT-004.
 */
export async function refuseOtherServer(
  source: Pick<ChangeSource, "identity">,
  control: ControlStore,
  { id, wanted }: { readonly id: string; readonly wanted: readonly Wanted[] },
): Promise<void> {
  const known = (await control.reservation(id))?.identity ?? null;
  if (known === null) return;
  const found = await source.identity();
  const ids = new Set(wanted.map(({ subscription }) => subscription.id));
  const accepted = (await control.pendingOrders()).some(({ kind, subscription }) => kind === "resync" && ids.has(subscription));
  if (found !== known && !accepted) throw otherServer(id, known, found);
}

/** Whoever streams already serves these copies: taking them over would stop that engine and give this one no stream. Throws DB-SLOT-003. */
export async function refuseOtherEngine(source: Pick<ChangeSource, "reservation">, id: string): Promise<void> {
  // A reservation that was lost is dealt with when somebody wants to stream from it.
  const reservation = await source.reservation().catch((error: unknown) => {
    if (retryKind(error) === "timed") throw error;
    return null;
  });
  const cause = "another engine, with a control database of its own, streams from this source";
  if (reservation?.inUse === true) throw new ReplicationError("DB-SLOT-003", { subject: id, cause });
}
