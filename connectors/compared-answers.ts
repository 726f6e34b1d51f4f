// What servers answer to a comparison's questions, from text. Each row begins with the key's parts.
import type { CanonicalKey, ColumnDigests, GroupDigest, RowDigest } from "../engine/ports/compared-table.ts";

export type AnswerRow = readonly (string | null)[];

/** `group, rows, sum of high halves, sum of low halves` each; a group without rows is left out. Sums may be of signed numbers. */
export function toGroups(rows: readonly AnswerRow[]): GroupDigest[] {
  return rows
    .map(([group, count, high, low]) => ({
      group: Number(group),
      count: Number(count),
      high: BigInt.asUintN(64, BigInt(high ?? "0")),
      low: BigInt.asUintN(64, BigInt(low ?? "0")),
    }))
    .filter(({ count }) => count > 0);
}

/** `key, digest`. */
export function toRowDigest(row: AnswerRow, keyLength: number): RowDigest {
  return { key: toKey(row, keyLength), digest: row[keyLength] ?? "" };
}

/** `key, one digest a column` each. */
export function toColumnDigests(rows: readonly AnswerRow[], keys: readonly CanonicalKey[]): ColumnDigests[] {
  const keyLength = keys[0]?.length ?? 0;
  return asked(
    rows.map((row) => ({ key: toKey(row, keyLength), digests: row.slice(keyLength) })),
    keys,
  );
}

/** A value of one column and the key of its row. */
export interface KeyedValue {
  readonly key: CanonicalKey;
  readonly value: string | null;
}

/** `key, value` each. */
export function toValues(rows: readonly AnswerRow[], keys: readonly CanonicalKey[]): KeyedValue[] {
  const keyLength = keys[0]?.length ?? 0;
  return asked(
    rows.map((row) => ({ key: toKey(row, keyLength), value: row[keyLength] ?? null })),
    keys,
  );
}

export function toKey(row: AnswerRow, keyLength: number): CanonicalKey {
  return row.slice(0, keyLength).map((part) => part ?? "");
}

/** Servers may take another writing of a key for the same one; what is not the key that was asked for is no answer. */
export function asked<Row extends { readonly key: CanonicalKey }>(rows: readonly Row[], keys: readonly CanonicalKey[]): Row[] {
  const wanted = new Set(keys.map((key) => JSON.stringify(key)));
  return rows.filter(({ key }) => wanted.has(JSON.stringify(key)));
}
