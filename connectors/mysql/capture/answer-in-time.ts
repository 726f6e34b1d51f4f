// A bound on work that a server which hangs would leave waiting for ever: the driver has none.
import { ReplicationError } from "../../../engine/model/replication-error.ts";

export interface AnswerLimit<T> {
  readonly msMax: number;
  /** What the error names. */
  readonly subject: string;
  /** Gets what comes when nobody waits for it any more. */
  readonly late?: (value: T) => void;
}

/** The work's own outcome, or DB-MY-001 when it takes too long. */
export async function answerInTime<T>(work: Promise<T>, limit: AnswerLimit<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([
      work,
      new Promise<never>((_, reject) => {
        timer = setTimeout(() => {
          const cause = `the server did not answer within ${Math.round(limit.msMax / 1000)} s`;
          reject(new ReplicationError("DB-MY-001", { subject: limit.subject, cause }));
          work.then(limit.late, () => {});
        }, limit.msMax);
      }),
    ]);
  } finally {
    clearTimeout(timer);
  }
}
