// Where a change stands in its source's own log, as Debezium's source block tells it: what tells a redelivered record from a new one.

/**
 * A place in the source's log, printed so that it can be stored. `log` names what must be equal for two places to compare
 * (PostgreSQL `lsn`; MySQL `file` without GTIDs, or one GTID domain or server, `gtid:<domain>`; SQL Server and Db2 `lsn`; Oracle `scn`), `parts` compare
 * one after the other as numbers.
 */
export interface SourceOrder {
  readonly log: string;
  readonly parts: readonly bigint[];
}

/** Negative: a is before b. Null: they stand in different logs and do not compare. */
export function compareOrder(a: SourceOrder, b: SourceOrder): number | null {
  if (a.log !== b.log) return null;
  const length = Math.max(a.parts.length, b.parts.length);
  for (let index = 0; index < length; index++) {
    const [left, right] = [a.parts[index] ?? 0n, b.parts[index] ?? 0n];
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}
