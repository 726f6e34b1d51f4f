import type { Micros } from "../model/change-message.ts";
import type { CopyReference } from "../model/copy-reference.ts";
import type { Position } from "../model/position.ts";
import type { Key } from "../model/row.ts";
import type { StopReason } from "../model/share.ts";

/** A key as its parts' canonical forms, in key order. Never logged: it holds personal values. */
export type CanonicalKey = readonly string[];

/** Keys after one and up to another in the server's order; null: open. */
export interface KeyRange {
  readonly after: CanonicalKey | null;
  readonly until: CanonicalKey | null;
}

/**
 * Rows of a range whose row digests fall into one group; a group without rows is left out. Sums are of the digests' halves, modulo 2^64,
 * so that order does not matter.
 */
export interface GroupDigest {
  readonly group: number;
  readonly count: number;
  readonly high: bigint;
  readonly low: bigint;
}

/** Which groups are meant: a row is in group (first 16 bits of its digest) modulo `groups`, a power of two of at most 65,536. */
export interface GroupChoice {
  readonly groups: number;
  readonly wanted: readonly number[];
}

export interface RowDigest {
  readonly key: CanonicalKey;
  /** Of all compared columns, 128 bits, hexadecimal: MD5, or what `QuickHash` makes. */
  readonly digest: string;
}

/** A row looked up by its key. */
export interface FoundRow extends RowDigest {
  /**
   * Changes whenever the row is written, even when it is the same afterwards: with it, two equal readings mean that nothing happened
   * between them. Empty where the server tells no such thing.
   */
  readonly version: string;
}

export interface MasterRow extends FoundRow {
  /** It passes the copy's filter. */
  readonly passes: boolean;
  /**
   * Nobody was changing it: no transaction, committed in the log and not yet visible, hides a newer version. False: not certain; a row that
   * was locked for a foreign key may stay so for long.
   */
  readonly untouched: boolean;
}

/** Digest of each compared column by its place, null: the value is NULL; and the value itself where it was asked for. */
export interface ColumnDigests {
  readonly key: CanonicalKey;
  readonly digests: readonly (string | null)[];
}

/** Something that the log of the master held when it was taken: everything that was in it by then. */
export interface LogMark {
  readonly mark: string;
}

/** What a table of the master said at one instant. */
export interface MasterReading<T> {
  readonly answer: T;
  /** Everything that was seen had been logged before this position. */
  readonly position: Position;
  /** The master's clock when everything had been read. */
  readonly at: Micros;
  /** Everything that the log held at the mark, which was taken before this reading, was visible. False: not certain. */
  readonly shows: (mark: LogMark) => boolean;
}

/** What a copy said at one instant, with what its records said at the same. */
export interface CopyReading<T> {
  readonly answer: T;
  readonly stand: CopyStand;
}

export interface CopyStand {
  /** What it has applied, joined over all slices; null: nothing, or of some slice. */
  readonly position: Position | null;
  /** Everything that the master had committed by then is in it; the oldest of all slices' times. Null: not known of all. */
  readonly sourceTime: Micros | null;
  /** Of the subscription, of its slices their sum: changes with whoever writes. */
  readonly epoch: number;
  readonly sourceIdentity: string | null;
  /** What its rows obey; null before the first load is complete. */
  readonly contract: string | null;
  /** A load has not come to its end: rows may be of several instants. */
  readonly loading: boolean;
  readonly stopped: StopReason | null;
}

/** Distinct values of a referring table's columns. */
export interface DanglingReading {
  /** Those that most rows hold come first. */
  readonly listed: readonly DanglingValue[];
  /** Of all, listed or not. */
  readonly values: number;
  readonly rows: number;
}

export interface DanglingValue {
  /** One for each of the reference's columns, as text. */
  readonly values: readonly string[];
  /** The same as a key; null: the reference is not to the key, or its columns are of types in which that cannot be told. */
  readonly key: CanonicalKey | null;
  /** That hold them. */
  readonly rows: number;
}

/** A way of hashing rows that takes a server less work than MD5. */
export interface QuickHash {
  /** Equal on two servers exactly where they hash alike; null: this one does not have it after all. */
  word(): Promise<string | null>;
  /** Digests of rows are made so from now on; before that, and on servers whose words are not equal, they are MD5. */
  use(): void;
}

/** Both sides of a comparison answer these; each call is one short read-only transaction, and locks nothing. They throw ReplicationError only. */
interface ComparedTable {
  /**
   * How the server orders keys: ranges hold the same rows on two servers whose words for it are equal. Null: as text of a collation
   * that another server need not have.
   */
  keyOrder(): Promise<string | null>;
  /** Null: the server has none. */
  readonly quickHash: QuickHash | null;
  close(): Promise<void>;
}

/** The table at the master, as far as it belongs to the copy. */
export interface MasterTable extends ComparedTable {
  /** FoundRow.version tells every write apart. */
  readonly versioned: boolean;
  /** The server's own estimate of the table's rows, -1 when it has none. */
  readonly estimatedRows: number;
  /** Key of the range's `rows`-th row, whether or not it passes the filter; null: there are fewer. */
  border(range: KeyRange, rows: number): Promise<CanonicalKey | null>;
  /** To be compared with a later reading's `shows`. */
  mark(): Promise<LogMark>;
  digest(range: KeyRange, groups: number): Promise<MasterReading<readonly GroupDigest[]>>;
  list(range: KeyRange, choice: GroupChoice): Promise<MasterReading<readonly RowDigest[]>>;
  /** Rows with these keys, whether or not they pass the filter. */
  find(keys: readonly CanonicalKey[]): Promise<MasterReading<readonly MasterRow[]>>;
  columns(keys: readonly CanonicalKey[]): Promise<MasterReading<readonly ColumnDigests[]>>;
  /** Canonical texts of one compared column, by its place. */
  values(keys: readonly CanonicalKey[], column: number): Promise<readonly { readonly key: CanonicalKey; readonly value: string | null }[]>;
}

/** The copy. */
export interface CopyTable extends ComparedTable {
  stand(): Promise<CopyStand>;
  digest(range: KeyRange, groups: number): Promise<CopyReading<readonly GroupDigest[]>>;
  list(range: KeyRange, choice: GroupChoice): Promise<CopyReading<readonly RowDigest[]>>;
  /** A key that is there twice gives two rows. `version`: the batch that wrote the row. */
  find(keys: readonly CanonicalKey[]): Promise<CopyReading<readonly FoundRow[]>>;
  columns(keys: readonly CanonicalKey[]): Promise<CopyReading<readonly ColumnDigests[]>>;
  values(keys: readonly CanonicalKey[], column: number): Promise<readonly { readonly key: CanonicalKey; readonly value: string | null }[]>;
  /** Keys, in the source's text form, of rows that are set aside in quarantine. */
  quarantined(): Promise<readonly Key[]>;
  /**
   * What a table of the consumer's refers to and no row of the copy has; rows in which a column is NULL refer to nothing. At most `limit`
   * values are listed. Throws DB-REC-016 where that table cannot be read.
   */
  dangling(reference: CopyReference, limit: number): Promise<DanglingReading>;
}
