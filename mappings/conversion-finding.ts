// What `check` says of a column whose type in the copy is not the source's.
import type { ErrorCode } from "../engine/model/error-codes.ts";
import { errorCodes } from "../engine/model/error-codes.ts";
import type { Finding, SourceLocation } from "../engine/model/finding.ts";
import type { Conversion } from "./convert-columns.ts";

/** Nothing for an exact one. `table`: the source's, as it is printed. */
export function conversionFinding(conversion: Conversion, table: string, location: SourceLocation): Finding[] {
  const judged = judge(conversion);
  if (judged === null) return [];
  const { code, severity } = judged;
  const subject = `${table}.${conversion.column}`;
  const remedy = code === "DB-MAP-052" && conversion.key ? keyRemedy : errorCodes[code].remedy;
  return [{ code, severity, subject, cause: sentence(conversion), remedy, sql: [], location }];
}

const keyRemedy = "Take `type:` out, or name a type that holds all: of a key nothing may be lost, or two rows could become one";

interface Judged {
  readonly code: ErrorCode;
  readonly severity: Finding["severity"];
}

function judge({ fidelity, lossAccepted }: Conversion): Judged | null {
  switch (fidelity) {
    case "exact":
      return null;
    case "widened":
      return { code: "DB-MAP-050", severity: "info" };
    case "lossy":
      return lossAccepted ? { code: "DB-MAP-051", severity: "warning" } : { code: "DB-MAP-052", severity: "error" };
    case "unknown":
      return { code: "DB-MAP-054", severity: "warning" };
    case "none":
      return { code: "DB-MAP-053", severity: "error" };
  }
}

function sentence({ from, to, fidelity, note }: Conversion): string {
  if (to === null) return note ?? "";
  const what = { exact: "", widened: ": ", lossy: ", which loses ", unknown: "", none: "" }[fidelity];
  return note === null ? `${from} becomes ${to}` : `${from} becomes ${to}${what}${note}`;
}
