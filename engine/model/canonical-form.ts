import type { TableMapping } from "./share.ts";

/**
 * How a column's value is printed before it is hashed, so that a value and its copy print alike whatever servers hold them. Every form
 * is UTF-8 and tells all values of its column apart.
 *
 * printed: as PostgreSQL prints it under the connector's fixed session settings; between PostgreSQL servers only ·
 * integer: decimal digits · decimal: without trailing zeros after the point, so that scales do not matter · float: the eight bytes of the
 * double, hexadecimal, which tells -0 from 0 · real: the same for copies in MySQL and MariaDB, which are not given the sign of zero: -0
 * is 0 · boolean: 0 or 1 · text: the characters themselves, of padded types without the padding · bytes: lower-case hexadecimal ·
 * date: YYYY-MM-DD · time: HH:MM:SS, and the fraction of a second without its trailing zeros · timestamp: YYYY-MM-DD HH:MM:SS, likewise ·
 * instant: the same in UTC · span: as time, hours of two digits or more, `-` before negative ones · bits: binary digits · uuid: 36
 * characters, lower case · address: an IP address as PostgreSQL sends it, hexadecimal · array: JSON.
 */
export type CanonicalForm =
  | "printed"
  | "integer"
  | "decimal"
  | "float"
  | "real"
  | "boolean"
  | "text"
  | "bytes"
  | "date"
  | "time"
  | "timestamp"
  | "instant"
  | "span"
  | "bits"
  | "uuid"
  | "address"
  | "array";

/**
 * New numbers come when what a form prints, or how rows are put together and hashed, changes: digests of other versions are not comparable.
 * By the hash of a row: MD5; between PostgreSQL servers with UTF8, its `hashtextextended` under the seeds 0 and 1, 64 bits each, which
 * takes a third less of a server's time.
 */
export const canonicalVersions = { md5: 1, lookup3: 2 } as const;

/**
 * Forms whose texts hold neither `|` nor `~`. What is hashed of a row is a head and a tail. The head has for each column, with `|` behind
 * it, the text itself of these forms, and of others the number of its octets; of NULL `~` and -1. The tail has the texts of the
 * others, one straight behind the other; of one with more than `longValueOctets` the MD5, hexadecimal (of bytes that of the bytes
 * themselves). Where all columns are `printed` it is PostgreSQL's own text of the row instead. Both can be read back in one way only.
 */
export const selfEndingForms: ReadonlySet<CanonicalForm> = new Set<CanonicalForm>([
  "integer",
  "decimal",
  "float",
  "real",
  "boolean",
  "date",
  "time",
  "timestamp",
  "instant",
  "span",
  "bits",
  "address",
]);

/** Longer texts go into a row by their digest: servers do not put texts together beyond some length. */
export const longValueOctets = 4096;

/** A column that is compared. */
export interface ComparedColumn {
  readonly source: string;
  readonly target: string;
  readonly form: CanonicalForm;
}

/** What is compared of a copy, and what cannot be. */
export interface ComparedCopy {
  readonly table: TableMapping;
  /** In the mapping's order; the key's columns are among them. */
  readonly columns: readonly ComparedColumn[];
  /** Columns of which no form is known on both sides, by source name, and why. */
  readonly skipped: readonly { readonly column: string; readonly why: string }[];
}
