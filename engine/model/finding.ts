import type { ErrorCode } from "./error-codes.ts";

/** Where in a text file something is written; line and column count from 1, the column in UTF-16 code units. */
export interface SourceLocation {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/**
 * One thing that reading the configuration, `check` or `plan` found. An error keeps what it names from running, a
 * warning does not, an info is worth knowing. Printed as `DB-<AREA>-<NNN>: subject: cause. Remedy.`; in `--json` as it is.
 * No row values, no secrets.
 */
export interface Finding {
  readonly code: ErrorCode;
  readonly severity: "error" | "warning" | "info";
  /** What the finding is about: a table, a subscription, a server, `file:line:column path`. */
  readonly subject: string;
  /** One sentence without its full stop. */
  readonly cause: string;
  /** One sentence without its full stop. */
  readonly remedy: string;
  /** Statements that would mend it, one each, in order. */
  readonly sql: readonly string[];
  /** The place in the configuration file that it goes back to, when there is one. */
  readonly location: SourceLocation | null;
}
