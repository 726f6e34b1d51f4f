// Which records of a fetched piece of a log belong to committed transactions. The broker sends everything below the last stable
// offset and, beside it, which producers' transactions were aborted (KIP-98, "Consumer").

/** A batch of records as the log holds it. */
export interface LogBatch<R> {
  readonly producerId: bigint;
  readonly transactional: boolean;
  /** Null: records of data. Else what the marker at the end of a producer's transaction says. */
  readonly marker: "abort" | "other" | null;
  readonly lastOffset: bigint;
  readonly records: readonly R[];
}

export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: bigint;
}

/**
 * The records of transactions that were not aborted and of no transaction at all, in the order of the log. An aborted transaction
 * reaches from its first offset to its producer's next abort marker, or to the end of the piece when the marker comes later.
 */
export function committedRecords<R>(batches: readonly LogBatch<R>[], aborted: readonly AbortedTransaction[]): R[] {
  // The broker lists them in the order in which they ended.
  const coming = aborted.toSorted((a, b) => Number(a.firstOffset - b.firstOffset));
  const aborting = new Set<bigint>();
  const kept: R[] = [];
  let next = 0;
  for (const batch of batches) {
    for (let first = coming[next]; first !== undefined && first.firstOffset <= batch.lastOffset; first = coming[++next]) {
      aborting.add(first.producerId);
    }
    if (batch.marker === "abort") aborting.delete(batch.producerId);
    if (batch.marker !== null || (batch.transactional && aborting.has(batch.producerId))) continue;
    for (const record of batch.records) kept.push(record);
  }
  return kept;
}
