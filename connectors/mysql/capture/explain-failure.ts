// What is behind a failure of the log's connection that the server put in its own words.
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { errorNumber, toReplicationError } from "../mysql-errors.ts";
import { purged } from "./source-server.ts";

/** The server cannot go on sending its log (ER_MASTER_FATAL_ERROR_READING_BINLOG); the reason is in its words, in English. */
const cannotSend = 1236;
/** MariaDB: another reader has our server_id (ER_SLAVE_SAME_ID). */
const sameId = 4052;

/** The failure as the register knows it. `look` throws what is wrong with the log as the server shows it now. */
export async function explainFailure(error: unknown, subject: string, look: () => Promise<unknown>): Promise<ReplicationError> {
  const failure = toReplicationError(error, subject);
  const number = errorNumber(failure);
  const words = error instanceof Error ? error.message : "";
  if (number === sameId || (number === cannotSend && /same server_(uu)?id/i.test(words))) {
    return new ReplicationError("DB-SLOT-026", { subject }, { cause: failure });
  }
  if (number !== cannotSend) return failure;
  try {
    await look();
  } catch (found) {
    if (found instanceof ReplicationError && found.code.startsWith("DB-SLOT-")) return found;
    return failure;
  }
  if (/purged|too old|first log file|log index/i.test(words)) return purged(subject, words, failure);
  if (/not in the master|not in the source|diverged|more GTIDs/i.test(words)) {
    return new ReplicationError("DB-SLOT-004", { subject, cause: `the server does not know the position: ${words}` }, { cause: failure });
  }
  return new ReplicationError("DB-SLOT-027", { subject, cause: `the server cannot send its log: ${words}` }, { cause: failure });
}
