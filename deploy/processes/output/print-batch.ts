import type { BatchRecord } from "../../../engine/ports/target-records.ts";
import { printCount, type TimePrinter } from "./print-time.ts";

/** Where a row came from, one fact a line. */
export function batchLines(batch: BatchRecord, times: TimePrinter): string[] {
  const { firstPosition, lastPosition, sourceTimeFirst, sourceTimeLast } = batch;
  const positions =
    firstPosition === null || firstPosition === lastPosition
      ? (lastPosition ?? "unknown")
      : `${firstPosition} to ${lastPosition ?? "unknown"}`;
  const from = sourceTimeFirst === null ? "" : times.full(sourceTimeFirst);
  const to = sourceTimeLast === null || sourceTimeLast.getTime() === sourceTimeFirst?.getTime() ? "" : times.full(sourceTimeLast);
  const rows = `${printCount(batch.rowsWritten)} rows written, ${printCount(batch.rowsDeleted)} removed`;
  return [
    `  batch       ${batch.id} (${batch.kind}), applied ${times.full(batch.appliedAt)}`,
    `  source      position ${positions}`,
    `  committed   ${[from, to].filter((text) => text !== "").join(" to ") || "unknown"}`,
    `  contains    ${printCount(batch.transactions)} transactions, ${rows}`,
    `  agreement   ${batch.agreementId ?? "unknown"}`,
  ];
}

export function batchJson(batch: BatchRecord): object {
  return {
    id: batch.id,
    kind: batch.kind,
    first_position: batch.firstPosition,
    last_position: batch.lastPosition,
    source_time_first: batch.sourceTimeFirst,
    source_time_last: batch.sourceTimeLast,
    transactions: batch.transactions,
    rows_written: batch.rowsWritten,
    rows_deleted: batch.rowsDeleted,
    agreement: batch.agreementId,
    applied_at: batch.appliedAt,
  };
}
