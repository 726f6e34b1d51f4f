import { AssertionError } from "../../engine/model/assert.ts";
import { errorCodes, type ErrorCode } from "../../engine/model/error-codes.ts";
import type { Finding } from "../../engine/model/finding.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import { asReplicationError } from "../../engine/fleet/retry-policy.ts";
import { findingsJson, printFinding, toFinding } from "./output/print-finding.ts";
import { sourceTrace } from "./source-trace.ts";
import { type ExitCode, exitCode, type Terminal } from "./terminal.ts";

/** Several findings end the command at once: the configuration's mistakes, for example. */
export class FindingsFailure extends Error {
  override readonly name = "FindingsFailure";
  readonly findings: readonly Finding[];

  constructor(findings: readonly Finding[]) {
    super("the command ended with findings");
    this.findings = findings;
  }
}

/** Mistakes of whoever typed the command, beside those of the configuration file. */
const usageCodes: ReadonlySet<ErrorCode> = new Set(["DB-RUN-020", "DB-RUN-021", "DB-RUN-022", "DB-RUN-023", "DB-REC-008", "DB-FLT-001"]);

/** Says on standard error what went wrong (and, for machines, on standard output) and how the command ends. */
export function reportFailure(error: unknown, terminal: Terminal, json: boolean): ExitCode {
  const findings = error instanceof FindingsFailure ? error.findings : [toFinding(asReplicationError(error, "dongbo"))];
  if (json) terminal.out(findingsJson(findings));
  for (const finding of findings) terminal.err(printFinding(finding));
  // A defect of ours, never a user's mistake: only the trace tells where. Its words may be a driver's, or quote what could not be read.
  if (!(error instanceof FindingsFailure) && !(error instanceof ReplicationError)) terminal.err(`${traceOf(error)}\n`);
  const mistaken = findings.every(({ code }) => code.startsWith("DB-CFG-") || usageCodes.has(code));
  return mistaken ? exitCode.usage : exitCode.failed;
}

/** Where it happened, with no other words than our own. */
function traceOf(error: unknown): string {
  if (!(error instanceof Error)) return `something was thrown that is no error: ${typeof error}`;
  const places = (error.stack ?? "").split("\n").filter((line) => /^ {4}at /.test(line));
  return sourceTrace([error instanceof AssertionError ? `${error.name}: ${error.message}` : error.name, ...places].join("\n"));
}

/** A mistake on the command line. */
export function usageError(cause: string, remedy: string = errorCodes["DB-RUN-020"].remedy): ReplicationError {
  return new ReplicationError("DB-RUN-020", { subject: "command line", cause, remedy });
}
