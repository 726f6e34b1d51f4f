import type { ErrorCode } from "../model/error-codes.ts";

/** What is wrong with a value: the code, and what can be said beyond the code's own meaning and remedy. No secrets. */
export interface Problem {
  readonly code: ErrorCode;
  /** One sentence without its full stop; the register's when left out. */
  readonly cause?: string;
  readonly remedy?: string;
}

/** The outcome of reading a written value: it, or what is wrong with it. */
export type Reading<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: Problem };

export function read<T>(value: T): Reading<T> {
  return { ok: true, value };
}

export function refuse<T>(code: ErrorCode, facts: Omit<Problem, "code"> = {}): Reading<T> {
  return { ok: false, problem: { code, ...facts } };
}
