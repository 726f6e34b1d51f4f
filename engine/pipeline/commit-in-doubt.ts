// A commit whose reply is lost may have taken place: the checkpoint in the target knows.
import type { Position, PositionOrder } from "../model/position.ts";
import { ReplicationError } from "../model/replication-error.ts";
import type { ChangeTarget, CheckpointWrite, CommitOutcome, StoredCheckpoint, TargetTransaction } from "../ports/change-target.ts";

/** Whom to ask, and how the copy was left. */
export interface CommitWitness {
  readonly target: Pick<ChangeTarget, "checkpoint">;
  readonly positions: PositionOrder;
  readonly left: { readonly subject: string; readonly epoch: number; readonly position: Position | null };
}

/**
 * Commits. Null: it took place, but its reply was lost; what the reply said besides comes again with the next commit. Throws what the
 * commit failed for, and DB-RUN-012 where the target was set back meanwhile.
 */
export async function commitOrAsk(
  transaction: TargetTransaction,
  checkpoint: CheckpointWrite,
  witness: CommitWitness,
): Promise<CommitOutcome | null> {
  try {
    return await transaction.commit(checkpoint);
  } catch (error) {
    if (!(error instanceof ReplicationError) || error.code !== "DB-RUN-011") throw error;
    const stored = await witness.target.checkpoint();
    refuseSetBack(stored, checkpoint, transaction.batchId, witness);
    const tookPlace = stored.epoch === witness.left.epoch && stored.nextBatch > transaction.batchId;
    if (!tookPlace) throw error;
    return null;
  }
}

/** A target that was set back while the commit was under way holds neither what it was left with nor what was committed. */
function refuseSetBack(
  { position, nextBatch }: StoredCheckpoint,
  { position: committed }: CheckpointWrite,
  batchId: number,
  { positions, left }: CommitWitness,
): void {
  const isAt = (place: Position | null): boolean =>
    position === null || place === null ? position === place : positions.covers(position, place) && positions.covers(place, position);
  if (nextBatch >= batchId && (isAt(left.position) || isAt(committed))) return;
  const cause = `it is at ${position ?? "its beginning"}, and was left at ${left.position ?? "its beginning"}`;
  throw new ReplicationError("DB-RUN-012", { subject: left.subject, cause });
}
