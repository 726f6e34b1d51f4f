// Positions of MySQL and MariaDB sources in their three forms: MariaDB's GTID position, MySQL's GTID set, and a place in a
// binary log file where MySQL numbers no transactions. The empty text is the position before everything.
import { assert } from "../../engine/model/assert.ts";
import type { Position, PositionOrder } from "../../engine/model/position.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import { formatGtidSet, type GtidSet, gtidSetCovers, gtidSetJoin, gtidSetMeet, parseGtidSet } from "./gtid-set.ts";
import {
  formatMariaDbPosition,
  mariaDbCovers,
  mariaDbJoin,
  mariaDbMeet,
  type MariaDbPosition,
  parseMariaDbPosition,
} from "./mariadb-gtid.ts";

/** A byte in a binary log file. Files are numbered and written one after the other. */
export interface LogOffset {
  readonly file: string;
  readonly offset: number;
}

type Parsed =
  | { readonly form: "mariadb"; readonly value: MariaDbPosition }
  | { readonly form: "mysql"; readonly value: GtidSet }
  | { readonly form: "offset"; readonly value: LogOffset };

const offsetForm = /^([^:,]+\.\d{6,}):(\d{1,15})$/;

/** Reads `binlog.000012:4567`; null when it is something else. */
export function parseLogOffset(text: string): LogOffset | null {
  const match = offsetForm.exec(text);
  return match === null ? null : { file: match[1] ?? "", offset: Number(match[2]) };
}

export function formatLogOffset({ file, offset }: LogOffset): string {
  return `${file}:${offset}`;
}

/** Negative, zero or positive: which place in the log comes first. File numbers grow beyond six digits. */
export function compareLogOffsets(a: LogOffset, b: LogOffset): number {
  return a.file === b.file ? a.offset - b.offset : fileNumber(a.file) - fileNumber(b.file);
}

function fileNumber(file: string): number {
  return Number(file.slice(file.lastIndexOf(".") + 1));
}

/** Partially ordered: of two positions with several servers or domains neither need cover the other. */
export const mysqlPositions: PositionOrder = {
  parse: (text) => format(parse(text)),
  covers(reached, wanted) {
    if (reached === wanted || wanted === "") return true;
    const [a, b] = [parse(reached), parse(wanted)];
    if (a.form === "mariadb" && b.form === "mariadb") return mariaDbCovers(a.value, b.value);
    if (a.form === "mysql" && b.form === "mysql") return gtidSetCovers(a.value, b.value);
    return a.form === "offset" && b.form === "offset" && compareLogOffsets(a.value, b.value) >= 0;
  },
  least(positions) {
    assert(positions.length > 0, "the least of no positions was asked for");
    return positions.reduce(meet);
  },
  join(a, b) {
    if (mysqlPositions.covers(a, b)) return a;
    if (mysqlPositions.covers(b, a)) return b;
    const [one, other] = [parse(a), parse(b)];
    if (one.form === "mariadb" && other.form === "mariadb") return format({ form: "mariadb", value: mariaDbJoin(one.value, other.value) });
    assert(one.form === "mysql" && other.form === "mysql", "positions of one source have one form");
    return format({ form: "mysql", value: gtidSetJoin(one.value, other.value) });
  },
  bytesBetween: (from, end) => {
    const [a, b] = [parseLogOffset(from), parseLogOffset(end)];
    return a !== null && b !== null && a.file === b.file ? Math.max(0, b.offset - a.offset) : null;
  },
};

function meet(a: Position, b: Position): Position {
  if (mysqlPositions.covers(a, b)) return b;
  if (mysqlPositions.covers(b, a)) return a;
  const [one, other] = [parse(a), parse(b)];
  if (one.form === "mariadb" && other.form === "mariadb") return format({ form: "mariadb", value: mariaDbMeet(one.value, other.value) });
  assert(one.form === "mysql" && other.form === "mysql", "positions of one source have one form");
  return format({ form: "mysql", value: gtidSetMeet(one.value, other.value) });
}

function parse(text: string): Parsed {
  const mariadb = parseMariaDbPosition(text);
  if (mariadb !== null) return { form: "mariadb", value: mariadb };
  const offset = parseLogOffset(text);
  if (offset !== null) return { form: "offset", value: offset };
  const set = parseGtidSet(text);
  if (set !== null) return { form: "mysql", value: set };
  const cause = `${JSON.stringify(text.slice(0, 40))} is not a position in a MySQL or MariaDB binary log`;
  throw new ReplicationError("DB-RUN-002", { subject: "position", cause });
}

function format(parsed: Parsed): Position {
  switch (parsed.form) {
    case "mariadb":
      return formatMariaDbPosition(parsed.value) as Position;
    case "mysql":
      return formatGtidSet(parsed.value) as Position;
    case "offset":
      return formatLogOffset(parsed.value) as Position;
  }
}
