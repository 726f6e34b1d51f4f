import type { ErrorCode } from "../engine/model/error-codes.ts";
import { ReplicationError } from "../engine/model/replication-error.ts";
import type { TableMapping } from "../engine/model/share.ts";
import { printTable } from "../engine/model/table.ts";
import type { MappedChange } from "../engine/ports/change-mapper.ts";

/** The change that stops a table of a copy, with the code and the words that its operator will see. */
export function mismatch(mapping: TableMapping, code: ErrorCode, cause?: string): MappedChange {
  const error = new ReplicationError(code, { subject: printTable(mapping.source), ...(cause === undefined ? {} : { cause }) });
  return { tag: "mismatch", code: error.code, message: error.message };
}
