// What pgoutput sends, as data (PostgreSQL manual, "Logical Replication Message Formats", protocol versions 1 to 4).
import type { Row } from "../../../engine/model/row.ts";

/** A message of the pgoutput plugin. Row values are text or binary as the server sent them, see TupleImage. */
export type PgoutputMessage =
  | BeginMessage
  | CommitMessage
  | OriginMessage
  | RelationMessage
  | TypeMessage
  | InsertMessage
  | UpdateMessage
  | DeleteMessage
  | TruncateMessage
  | LogicalMessage;

export interface BeginMessage {
  readonly tag: "begin";
  /** Where the commit record begins. */
  readonly commitLsn: WireLsn;
  /** Microseconds since 1970-01-01T00:00:00Z. */
  readonly committedAt: number;
  /** 32 bits: without the epoch that pg_current_snapshot() has. */
  readonly transactionId: number;
}

export interface CommitMessage {
  readonly tag: "commit";
  readonly commitLsn: WireLsn;
  /** Just after the commit record: where streaming may resume. */
  readonly endLsn: WireLsn;
  readonly committedAt: number;
}

/** The transaction was itself replicated to the source, from the origin of this name. */
export interface OriginMessage {
  readonly tag: "origin";
  readonly lsn: WireLsn;
  readonly name: string;
}

/** Describes a table before its first change and again after anything about it may have changed. */
export interface RelationMessage {
  readonly tag: "relation";
  readonly id: number;
  readonly schema: string;
  readonly name: string;
  readonly identity: "default" | "index" | "full" | "nothing";
  readonly columns: readonly RelationColumn[];
}

export interface RelationColumn {
  readonly name: string;
  readonly inIdentity: boolean;
  readonly typeId: number;
  readonly typeModifier: number;
}

/** Names a type that is not built in. */
export interface TypeMessage {
  readonly tag: "type";
  readonly id: number;
  readonly schema: string;
  readonly name: string;
}

export interface InsertMessage {
  readonly tag: "insert";
  readonly relationId: number;
  readonly after: TupleImage;
}

export interface UpdateMessage {
  readonly tag: "update";
  readonly relationId: number;
  /** Null when the update did not change the identity. */
  readonly before: BeforeImage | null;
  readonly after: TupleImage;
}

export interface DeleteMessage {
  readonly tag: "delete";
  readonly relationId: number;
  readonly before: BeforeImage;
}

export interface TruncateMessage {
  readonly tag: "truncate";
  readonly relationIds: readonly number[];
  readonly cascade: boolean;
  readonly restartIdentity: boolean;
}

/** Somebody called pg_logical_emit_message. */
export interface LogicalMessage {
  readonly tag: "message";
  readonly transactional: boolean;
  readonly lsn: WireLsn;
  readonly prefix: string;
  readonly content: Buffer;
}

/** One row: NULL is null, an out-of-line value that did not change is UNCHANGED, anything else a Buffer. */
export interface TupleImage {
  readonly values: Row;
  /** Some value came in the type's binary form instead of its text form. */
  readonly binary: boolean;
}

export interface BeforeImage extends TupleImage {
  /** True: only the identity's columns mean anything, the others came as NULL. False: the whole row. */
  readonly keyOnly: boolean;
}

/** An LSN as two unsigned 32-bit halves: cheaper than a bigint where millions are read. */
export interface WireLsn {
  readonly high: number;
  readonly low: number;
}
