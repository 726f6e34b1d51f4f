// Aborted transactions of any number of producers, cut into pieces anywhere: exactly the committed records come out.
import { array, assert, bigInt, boolean, constantFrom, integer, oneof, property, record, constant } from "fast-check";
import { expect, test } from "vitest";
import { type AbortedTransaction, type LogBatch, committedRecords } from "../../connectors/debezium/kafka/committed-records.ts";

/** What producers do, one after the other: producer 0 writes outside transactions. */
const deeds = array(
  oneof(
    record({ does: constant("write" as const), producer: bigInt({ min: 0n, max: 3n }), size: integer({ min: 1, max: 3 }) }),
    record({ does: constantFrom("commit" as const, "abort" as const), producer: bigInt({ min: 1n, max: 3n }) }),
  ),
  { maxLength: 40 },
);

interface Log {
  readonly batches: LogBatch<bigint>[];
  readonly aborted: (AbortedTransaction & { readonly lastOffset: bigint })[];
  /** Offsets of records that count. */
  readonly committed: bigint[];
}

/** A log in which every transaction is decided, as below a last stable offset. */
function write(work: readonly { does: "write" | "commit" | "abort"; producer: bigint; size?: number }[]): Log {
  const log: Log = { batches: [], aborted: [], committed: [] };
  const open = new Map<bigint, bigint[]>();
  let next = 0n;
  const end = (producer: bigint, does: "commit" | "abort"): void => {
    const records = open.get(producer);
    if (records === undefined) return;
    open.delete(producer);
    const lastOffset = next++;
    log.batches.push({ producerId: producer, transactional: true, marker: does === "abort" ? "abort" : "other", lastOffset, records: [] });
    if (does === "commit") log.committed.push(...records);
    else log.aborted.push({ producerId: producer, firstOffset: records[0] ?? 0n, lastOffset });
  };
  for (const { does, producer, size = 0 } of work) {
    if (does !== "write") {
      end(producer, does);
      continue;
    }
    const records = Array.from({ length: size }, () => next++);
    log.batches.push({ producerId: producer, transactional: producer > 0n, marker: null, lastOffset: next - 1n, records });
    if (producer === 0n) log.committed.push(...records);
    else open.set(producer, [...(open.get(producer) ?? []), ...records]);
  }
  for (const producer of open.keys()) end(producer, "commit");
  log.committed.sort((a, b) => Number(a - b));
  return log;
}

test("exactly the records of transactions that were not aborted are kept, however the log is cut into pieces", () => {
  assert(
    property(deeds, array(boolean(), { minLength: 100, maxLength: 100 }), (work, cuts) => {
      const { batches, aborted, committed } = write(work);
      const kept: bigint[] = [];
      for (let from = 0; from < batches.length;) {
        let to = from + 1;
        while (to < batches.length && cuts[to] !== true) to++;
        const piece = batches.slice(from, to);
        const [first, last] = [from === 0 ? 0n : batches[from - 1]!.lastOffset + 1n, piece.at(-1)!.lastOffset];
        // What a broker tells of a piece: the aborted transactions that reach into it, in the order in which they ended.
        const told = aborted.filter(({ firstOffset, lastOffset }) => firstOffset <= last && lastOffset >= first);
        kept.push(...committedRecords(piece, told));
        from = to;
      }
      expect(kept).toEqual(committed);
    }),
    // Two that overlap and are aborted are rare among what comes by chance.
    { numRuns: 1000 },
  );
});
