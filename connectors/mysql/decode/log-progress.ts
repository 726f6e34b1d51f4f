// Where in the log a stream is: the bookkeeping of positions, in each of their three forms.
import type { Position } from "../../../engine/model/position.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { formatGtidSet, gtidSetJoin, type GtidSet, parseGtidSet } from "../gtid-set.ts";
import { formatMariaDbGtid, formatMariaDbPosition, type MariaDbGtid, parseMariaDbPosition } from "../mariadb-gtid.ts";
import { formatLogOffset, type LogOffset } from "../positions.ts";
import { malformed } from "./byte-reader.ts";

/** A transaction's own number, and where in the log it begins. */
export interface TransactionStart {
  /** MariaDB's; null elsewhere. */
  readonly mariaDb: MariaDbGtid | null;
  /** MySQL's, as a set of one; null elsewhere, and where transactions have no number. */
  readonly mysql: string | null;
  readonly at: LogOffset;
}

export interface LogProgress {
  /** Everything committed up to here was given out. */
  readonly reached: Position;
  begin(start: TransactionStart): { readonly transactionId: string; readonly position: Position };
  /** The transaction that began last is over; `end`: where. */
  commit(end: LogOffset): Position;
  /** The log was read up to here and no transaction is open. */
  passed(end: LogOffset): void;
}

export function mariaDbProgress(from: Position): LogProgress {
  const reached = new Map<number, MariaDbGtid>(parseMariaDbPosition(from));
  let printed = from;
  let open: MariaDbGtid | null = null;
  return {
    get reached() {
      return printed;
    },
    begin({ mariaDb, at }) {
      if (mariaDb === null) throw malformed("a transaction has no number");
      verifyOrder(reached.get(mariaDb.domain), mariaDb);
      open = mariaDb;
      const gtid = formatMariaDbGtid(mariaDb);
      return { transactionId: `${gtid}@${formatLogOffset(at)}`, position: gtid as Position };
    },
    commit() {
      if (open !== null) reached.set(open.domain, open);
      open = null;
      printed = formatMariaDbPosition(reached) as Position;
      return printed;
    },
    passed() {},
  };
}

/** Whoever has reached a number has all up to it: positions say nothing where a domain counts back. */
function verifyOrder(last: MariaDbGtid | undefined, next: MariaDbGtid): void {
  if (last === undefined || next.sequence > last.sequence) return;
  const cause = `transaction ${formatMariaDbGtid(next)} comes after ${formatMariaDbGtid(last)}`;
  throw new ReplicationError("DB-SLOT-028", { subject: "binary log", cause, sql: ["SET GLOBAL gtid_strict_mode = ON;"] });
}

export function gtidSetProgress(from: Position): LogProgress {
  let reached: GtidSet = parseGtidSet(from) ?? new Map();
  let printed = from;
  let open: string | null = null;
  return {
    get reached() {
      return printed;
    },
    begin({ mysql }) {
      if (mysql === null) throw malformed("a transaction has no number although the server gives them");
      open = mysql;
      return { transactionId: mysql, position: mysql as Position };
    },
    commit() {
      reached = gtidSetJoin(reached, parseGtidSet(open ?? "") ?? new Map());
      open = null;
      printed = formatGtidSet(reached) as Position;
      return printed;
    },
    passed() {},
  };
}

export function offsetProgress(from: Position): LogProgress {
  let reached = from;
  return {
    get reached() {
      return reached;
    },
    begin({ at }) {
      // One byte into the transaction: covered by its end, and by no earlier one's.
      const position = formatLogOffset({ file: at.file, offset: at.offset + 1 }) as Position;
      return { transactionId: formatLogOffset(at), position };
    },
    commit(end) {
      reached = formatLogOffset(end) as Position;
      return reached;
    },
    passed(end) {
      reached = formatLogOffset(end) as Position;
    },
  };
}
