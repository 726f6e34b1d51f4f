// What the server's error says of a row that it refuses.
import type { ErrorCode } from "../../../engine/model/error-codes.ts";
import type { Refusal } from "../../../engine/target/quarantine-book.ts";
import { namedObjects, sqlState } from "../postgres-errors.ts";

/** The code that belongs to what the server said (PostgreSQL manual, appendix "PostgreSQL Error Codes"). */
export function refusalOf(error: unknown): Refusal {
  const sqlstate = sqlState(error);
  const { column, constraint } = namedObjects(error);
  const detail = constraint === null ? (column === null ? null : `column ${column}`) : `constraint ${constraint}`;
  return { code: codeOf(sqlstate ?? ""), sqlstate, detail };
}

function codeOf(state: string): ErrorCode {
  switch (state) {
    case "23502":
      return "DB-ROW-002";
    case "23505":
    case "23P01":
      return "DB-ROW-003";
    case "23503":
      return "DB-ROW-004";
    case "23514":
    case "44000":
      return "DB-ROW-005";
    case "54000":
      return "DB-ROW-007";
    default:
      return state.startsWith("22") || state === "42804" ? "DB-ROW-001" : "DB-ROW-006";
  }
}
