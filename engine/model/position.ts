/**
 * A place in one source's change log, in that source's own printed form: a PostgreSQL LSN (`16/B374D848`), a MySQL or
 * MariaDB GTID set, a vector of Kafka offsets. Opaque outside the connector that made it; compare only by PositionOrder.
 */
export type Position = string & { readonly __brand: "Position" };

/**
 * How positions of one source compare. Offset vectors and GTID sets are only partially ordered, so the question the
 * engine asks is never "which is greater" but "is everything up to `wanted` included in `reached`".
 */
export interface PositionOrder {
  /** Reads a stored position back. Throws DB-RUN-002 when the text is not a position of this source. */
  parse(text: string): Position;
  /** True when everything at or before `wanted` is at or before `reached`; equal positions cover each other. */
  covers(reached: Position, wanted: Position): boolean;
  /** The newest position that each of the given ones covers; at least one must be given. */
  least(positions: readonly Position[]): Position;
  /** The oldest position that covers both. */
  join(a: Position, b: Position): Position;
  /** Bytes of log after `from`, up to `end`; null where positions do not tell (GTID sets, offsets). */
  bytesBetween(from: Position, end: Position): number | null;
}
