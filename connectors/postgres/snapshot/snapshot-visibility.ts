// Which transactions a read has seen, from the text of pg_current_snapshot() (manual, "Transaction ID and Snapshot
// Information Functions"). The stream's begin message carries only the low 32 bits of a transaction's id.
import { assert } from "../../../engine/model/assert.ts";
import type { SnapshotVisibility } from "../../../engine/ports/snapshot-source.ts";

const printed = /^(\d+):(\d+):(\d+(?:,\d+)*)?$/;

/**
 * Reads `xmin:xmax:xip,xip…`. Ids are compared as the server compares 32-bit ids: the shorter way around the circle, which
 * is right as long as the transactions asked for lie within two thousand million of the snapshot; the server itself stops
 * before more than that are alive.
 */
export function parseSnapshot(text: string): SnapshotVisibility {
  const match = printed.exec(text);
  assert(match !== null, "the server prints a snapshot as xmin:xmax:xip");
  const oldestRunning = low32(match[1] ?? "");
  const nextId = low32(match[2] ?? "");
  const running = new Set((match[3] ?? "").split(",").filter(Boolean).map(low32));
  return {
    sees(transactionId) {
      const id = low32(transactionId);
      if (isBefore(id, oldestRunning)) return true;
      return isBefore(id, nextId) && !running.has(id);
    },
  };
}

function low32(id: string): number {
  return Number(BigInt(id) & 0xffff_ffffn);
}

/** `|` makes the difference a signed 32-bit number: negative exactly when `a` lies in the half circle before `b`. */
function isBefore(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}
