// SQLSTATE and socket errors of PostgreSQL sessions → error codes.
import { ReplicationError } from "../../engine/model/replication-error.ts";

/** Wraps what a driver threw. Keeps the cause; takes neither row values nor DETAIL lines into the message. */
export function toReplicationError(error: unknown, subject: string): ReplicationError {
  if (error instanceof ReplicationError) return error;
  return new ReplicationError("DB-PG-001", { subject }, { cause: error });
}
