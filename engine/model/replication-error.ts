import { errorCodes, type ErrorCode } from "./error-codes.ts";

/** Facts we own about a failure. Never row values, never secrets. */
export interface ErrorFacts {
  /** What the error is about: a table, a file position, a subscription, a server. Printed first. */
  readonly subject: string;
  /** What happened, in one sentence, when the register's own sentence is not specific enough. */
  readonly cause?: string;
  /** What to do, when more can be said than the register does. */
  readonly remedy?: string;
  /** Statements that would mend it, one each, for `check` to print. */
  readonly sql?: readonly string[];
}

/**
 * The one base error of expected failures. Prints as `DB-<AREA>-<NNN>: subject: cause. Remedy.`
 * Whether and when to retry is not decided here but by engine/fleet/retry-policy.ts, from the code.
 */
export class ReplicationError extends Error {
  override readonly name = "ReplicationError";
  readonly code: ErrorCode;
  readonly subject: string;
  readonly explanation: string;
  readonly remedy: string;
  readonly sql: readonly string[];

  constructor(code: ErrorCode, facts: ErrorFacts, options?: { cause?: unknown }) {
    const entry = errorCodes[code];
    const explanation = facts.cause ?? entry.meaning;
    const remedy = facts.remedy ?? entry.remedy;
    super(`${code}: ${facts.subject}: ${withoutStop(explanation)}. ${withoutStop(remedy)}.`, options);
    this.code = code;
    this.subject = facts.subject;
    this.explanation = explanation;
    this.remedy = remedy;
    this.sql = facts.sql ?? [];
  }
}

function withoutStop(sentence: string): string {
  return sentence.endsWith(".") ? sentence.slice(0, -1) : sentence;
}
