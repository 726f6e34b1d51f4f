import type { ErrorCode } from "../model/error-codes.ts";
import { errorCodes } from "../model/error-codes.ts";
import type { Finding } from "../model/finding.ts";
import type { Place } from "./config-node.ts";
import type { Problem, Reading } from "./reading.ts";

/** Gathers what reading the file found, so that every mistake is told at once. */
export class Report {
  readonly #findings: Finding[] = [];
  /** What was said already: two checks may meet the same mistake. */
  readonly #said = new Set<string>();

  error(code: ErrorCode, place: Place, facts: Omit<Problem, "code"> = {}): void {
    this.#add("error", place, { code, ...facts });
  }

  warning(code: ErrorCode, place: Place, facts: Omit<Problem, "code"> = {}): void {
    this.#add("warning", place, { code, ...facts });
  }

  problem(problem: Problem, place: Place): void {
    this.#add("error", place, problem);
  }

  /** The value that was read; undefined, and the mistake noted, when it could not be. */
  take<T>(reading: Reading<T>, place: Place): T | undefined {
    if (reading.ok) return reading.value;
    this.problem(reading.problem, place);
    return undefined;
  }

  get hasErrors(): boolean {
    return this.#findings.some((finding) => finding.severity === "error");
  }

  /** In the order of the file. */
  findings(): Finding[] {
    return this.#findings.toSorted((a, b) => offset(a) - offset(b) || a.code.localeCompare(b.code));
  }

  #add(severity: Finding["severity"], place: Place, problem: Problem): void {
    const { file, line, column } = place.location;
    const position = `${file}:${line}:${column}`;
    const finding: Finding = {
      code: problem.code,
      severity,
      subject: place.path === "" ? position : `${position} ${place.path}`,
      cause: problem.cause ?? errorCodes[problem.code].meaning,
      remedy: problem.remedy ?? errorCodes[problem.code].remedy,
      sql: [],
      location: place.location,
    };
    const said = JSON.stringify([finding.code, finding.subject, finding.cause]);
    if (this.#said.has(said)) return;
    this.#said.add(said);
    this.#findings.push(finding);
  }
}

/** Orders findings by position: no line of a file that is read at all has 2^21 columns. */
function offset(finding: Finding): number {
  return (finding.location?.line ?? 0) * 2 ** 21 + (finding.location?.column ?? 0);
}
