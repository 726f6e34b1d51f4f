// Which rows may differ, from digests alone. Pure.
import type { CanonicalKey, GroupDigest, RowDigest } from "../engine/ports/compared-table.ts";

const two64 = 1n << 64n;

/** Groups whose digests are not the same on both sides. */
export function differingGroups(master: readonly GroupDigest[], copy: readonly GroupDigest[]): number[] {
  const theirs = new Map(copy.map((digest) => [digest.group, digest]));
  const differing: number[] = [];
  for (const own of master) {
    const other = theirs.get(own.group);
    theirs.delete(own.group);
    if (other === undefined || other.count !== own.count || other.high !== own.high || other.low !== own.low) differing.push(own.group);
  }
  return [...differing, ...theirs.keys()];
}

/** Keys that are not on both sides with the same digest. Rows that changed between the two readings are among them. */
export function suspectKeys(master: readonly RowDigest[], copy: readonly RowDigest[]): CanonicalKey[] {
  const theirs = new Map(copy.map((row) => [printKey(row.key), row]));
  const suspects: CanonicalKey[] = [];
  const seen = new Set<string>();
  for (const { key, digest } of master) {
    const text = printKey(key);
    const other = theirs.get(text);
    seen.add(text);
    if (other === undefined || other.digest !== digest) suspects.push(key);
  }
  for (const [text, { key }] of theirs) if (!seen.has(text)) suspects.push(key);
  // A key that is there twice hides behind itself.
  const counted = new Set<string>();
  for (const { key } of copy) {
    const text = printKey(key);
    if (counted.has(text)) suspects.push(key);
    counted.add(text);
  }
  return suspects;
}

/** A key as one string, for maps. Never logged. */
export function printKey(key: CanonicalKey): string {
  return JSON.stringify(key);
}

/** Digests of disjoint sets of rows, as one. */
export class DigestSum {
  #high = 0n;
  #low = 0n;
  rows = 0;

  /** As it was printed. */
  static of(rows: number, digest: string): DigestSum {
    const sum = new DigestSum();
    sum.rows = rows;
    sum.#high = BigInt(`0x${digest.slice(0, 16)}`);
    sum.#low = BigInt(`0x${digest.slice(16)}`);
    return sum;
  }

  add(digests: readonly GroupDigest[]): void {
    for (const { count, high, low } of digests) {
      this.rows += count;
      this.#high = (this.#high + high) % two64;
      this.#low = (this.#low + low) % two64;
    }
  }

  /** Those of another sum as well. */
  join(other: DigestSum): void {
    this.rows += other.rows;
    this.#high = (this.#high + other.#high) % two64;
    this.#low = (this.#low + other.#low) % two64;
  }

  /** 32 hexadecimal digits. */
  toString(): string {
    return [this.#high, this.#low].map((half) => half.toString(16).padStart(16, "0")).join("");
  }
}
