// What is wrong with a record, before it is known which record it is.
import type { ErrorCode } from "../../../engine/model/error-codes.ts";
import type { ErrorFacts } from "../../../engine/model/replication-error.ts";

/** Becomes a ReplicationError where topic, offset and table are known. Texts never hold values. */
export class DecodeFailure extends Error {
  readonly code: ErrorCode;
  readonly facts: Omit<ErrorFacts, "subject">;
  /** Set on the way up. */
  column: string | null = null;

  constructor(code: ErrorCode, facts: Omit<ErrorFacts, "subject"> = {}) {
    super(facts.cause ?? code);
    this.code = code;
    this.facts = facts;
  }
}

/** The bytes are not what their schema, or JSON, says they are. */
export function malformed(cause: string): DecodeFailure {
  return new DecodeFailure("DB-KAF-101", { cause });
}

/** A value that its type, or PostgreSQL's like type, does not have. */
export function unreadable(cause: string): DecodeFailure {
  return new DecodeFailure("DB-KAF-108", { cause });
}

/** The connector was told to write values so that they cannot be told from others. */
export function inexact(cause: string, remedy: string): DecodeFailure {
  return new DecodeFailure("DB-KAF-109", { cause, remedy });
}
