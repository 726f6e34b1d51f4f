// How a lease on a source and the epochs in its targets go together. Each taking of a lease begins a term; the epochs of a term
// all come before those of the next, so that whoever held an older term can never take a copy back.
import { ReplicationError } from "../model/replication-error.ts";

/** More often than this nobody takes over from himself within one term. With terms in seconds all epochs stay exact numbers. */
const epochsPerTerm = 2 ** 20;

export interface TermEpochs {
  readonly first: number;
  /** The first one of the next term. */
  readonly end: number;
}

/** `term`: null where no lease says who owns the source, so that any epoch may follow any other. */
export function epochsOf(term: number | null): TermEpochs {
  if (term === null) return { first: 0, end: Number.MAX_SAFE_INTEGER };
  return { first: term * epochsPerTerm, end: (term + 1) * epochsPerTerm };
}

/** Throws DB-RUN-010 when the epoch is of a later term than the one that ends before `end`. */
export function refuseLaterTerm(subscription: string, epoch: number, end: number): void {
  if (epoch < end) return;
  throw new ReplicationError("DB-RUN-010", { subject: subscription, cause: `epoch ${epoch} is of a later lease than this process had` });
}

/**
 * Prepares a target. What is in the way (DB-TGT-012) may be a transaction that an earlier session of the same subscription has left
 * open: `endOwnSessions` ends it, and the server gives its locks free for the next attempt. Throws what the attempt failed for.
 */
export async function clearingTheWay<T>(attempt: () => Promise<T>, endOwnSessions: () => Promise<void>): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    if (error instanceof ReplicationError && error.code === "DB-TGT-012") await endOwnSessions().catch(() => {});
    throw error;
  }
}
