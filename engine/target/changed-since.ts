import { ReplicationError } from "../model/replication-error.ts";

/** One slice was prepared for what another has changed meanwhile, or another worker has taken it: it is prepared again. */
export function changedSince(subscription: string): ReplicationError {
  const cause = "its copies, or who writes them, changed while it was about to begin";
  return new ReplicationError("DB-RUN-012", { subject: subscription, cause, remedy: "None needed; it begins again" });
}
