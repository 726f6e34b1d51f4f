// The only place that decides what a failure leads to. Nothing else in the engine asks whether an error is worth a retry.
import type { BackoffLimits } from "../concurrency/backoff.ts";
import { errorCodes, type ErrorCode, type RetryKind } from "../model/error-codes.ts";
import { ReplicationError } from "../model/replication-error.ts";

/** Pauses between attempts of anything that may pass by itself: soon at first, and often enough to be back within 15 s. */
export const retryPauses: BackoffLimits = { firstMs: 250, maxMs: 15_000 };

/**
 * timed: try again after a pause · operator: stop what is named until somebody acts · never: the command ends. Takes what
 * was caught, or a code.
 */
export function retryKind(failure: unknown): RetryKind {
  if (failure instanceof ReplicationError) return errorCodes[failure.code].retry;
  // What we did not foresee is a defect: trying again could do harm, so somebody must look.
  return typeof failure === "string" && isErrorCode(failure) ? errorCodes[failure].retry : "operator";
}

function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorCodes, text);
}

/** What anything caught becomes on its way to an operator: itself, or DB-RUN-001 with the cause kept. */
export function asReplicationError(error: unknown, subject: string): ReplicationError {
  if (error instanceof ReplicationError) return error;
  return new ReplicationError("DB-RUN-001", { subject }, { cause: error });
}

/** Codes that are retried by themselves, for the register of metrics. */
export function timedCodes(): ErrorCode[] {
  return (Object.keys(errorCodes) as ErrorCode[]).filter((code) => errorCodes[code].retry === "timed");
}
