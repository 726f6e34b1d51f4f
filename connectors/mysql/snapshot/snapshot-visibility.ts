// Which transactions a read has seen. The stream calls a transaction `<gtid>@<file>:<offset of its first event>` on MariaDB,
// whose snapshots know their place in the log to the byte; by its GTID alone on MySQL.
import { assert } from "../../../engine/model/assert.ts";
import type { SnapshotVisibility } from "../../../engine/ports/snapshot-source.ts";
import { gtidSetCovers, parseGtidSet } from "../gtid-set.ts";
import { compareLogOffsets, type LogOffset, parseLogOffset } from "../positions.ts";

/** All transactions that begin in the log before `end` were seen, and no others. */
export function seenBefore(end: LogOffset): SnapshotVisibility {
  return {
    sees(transactionId) {
      const start = parseLogOffset(transactionId.slice(transactionId.lastIndexOf("@") + 1));
      assert(start !== null, "a transaction is named by its place in the log");
      return compareLogOffsets(start, end) < 0;
    },
  };
}

/** The transactions of `executed` were seen; others may have been too, and are only applied once more. */
export function seenIn(executed: string): SnapshotVisibility {
  const seen = parseGtidSet(executed);
  assert(seen !== null, "the server prints a set of GTIDs");
  return {
    sees(transactionId) {
      const wanted = parseGtidSet(transactionId);
      assert(wanted !== null, "a transaction is named by its GTID");
      return gtidSetCovers(seen, wanted);
    },
  };
}
