// Log sequence numbers: byte positions in a PostgreSQL server's write-ahead log (manual, "pg_lsn Type").
import { assert } from "../../engine/model/assert.ts";
import type { Position, PositionOrder } from "../../engine/model/position.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";

/** Unsigned 64-bit byte position in the log. */
export type Lsn = bigint;

/** The server's "no position". */
export const invalidLsn: Lsn = 0n;

const printed = /^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/;

/** Reads the printed form `16/B374D848`, capitals as PostgreSQL writes it. Throws DB-RUN-002 on anything else. */
export function parseLsn(text: string): Lsn {
  if (!printed.test(text)) {
    const cause = `${JSON.stringify(text.slice(0, 40))} is not a PostgreSQL log position`;
    throw new ReplicationError("DB-RUN-002", { subject: "position", cause });
  }
  const slash = text.indexOf("/");
  return (BigInt(`0x${text.slice(0, slash)}`) << 32n) | BigInt(`0x${text.slice(slash + 1)}`);
}

/** `X/Y` with the high and the low half in hexadecimal, without leading zeros: the server's own form. */
export function formatLsn(lsn: Lsn): Position {
  return formatLsnHalves(Number(lsn >> 32n), Number(lsn & 0xffff_ffffn));
}

/** The same from the two halves as they come over the wire; spares the hot path the bigint. */
export function formatLsnHalves(high: number, low: number): Position {
  return `${high.toString(16)}/${low.toString(16)}`.toUpperCase() as Position;
}

/** Negative, zero or positive. The printed form does not sort like this: `9/0` is before `10/0`. */
export function compareLsn(a: Lsn, b: Lsn): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Size of the pages that the log is made of, and the largest header a page begins with (xlog_internal.h). */
const pageBytes = 8192n;
const pageHeaderBytesMax = 40n;

/**
 * The end of the log as the stream will report it. The server's insert position at the start of a page points past the
 * page's header, where the next record will begin; the stream reports the end of the last record, which is the page's
 * start. An idle server would never confirm the former. No record starts inside a header, so nothing is left out.
 */
export function endOfLastRecord(insertLsn: Lsn): Lsn {
  const inPage = insertLsn % pageBytes;
  return inPage <= pageHeaderBytesMax ? insertLsn - inPage : insertLsn;
}

/** Positions of one PostgreSQL server history: totally ordered. Positions given must have come from `parse` or the stream. */
export const lsnOrder: PositionOrder = {
  parse: (text) => formatLsn(parseLsn(text)),
  covers(reached, wanted) {
    // Digits in the same places compare as the numbers do; two bigints for each such question were felt.
    const alike = reached.length === wanted.length && reached.indexOf("/") === wanted.indexOf("/");
    return alike ? reached >= wanted : parseLsn(reached) >= parseLsn(wanted);
  },
  least(positions) {
    const [first, ...others] = positions;
    assert(first !== undefined, "the least of no positions was asked for");
    return others.reduce((least, position) => (lsnOrder.covers(position, least) ? least : position), first);
  },
  join: (a, b) => (lsnOrder.covers(a, b) ? a : b),
  bytesBetween: (from, end) => Math.max(0, Number(parseLsn(end) - parseLsn(from))),
};
