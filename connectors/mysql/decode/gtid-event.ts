// Events that begin a transaction: MariaDB's GTID (sql/log_event.h, class Gtid_log_event) and MySQL's GTID and ANONYMOUS_GTID
// (libs/mysql/binlog/event/control_events.h, class Gtid_event).
import type { MariaDbGtid } from "../mariadb-gtid.ts";
import { type BinlogEvent, eventType } from "./binlog-event.ts";
import { ByteReader } from "./byte-reader.ts";

export interface GtidFacts {
  readonly mariaDb: MariaDbGtid | null;
  /** `uuid:number`. */
  readonly mysql: string | null;
  /** MariaDB's, see mariaDbFlag. */
  readonly flags: number;
  /** The statement that follows only begins, or was given up (binlog_alter_two_phase): it has no effect. */
  readonly withoutEffect: boolean;
  /** Microseconds; null: the event does not tell. */
  readonly committedAt: number | null;
}

export const mariaDbFlag = { standalone: 1, groupCommit: 2, preparedXa: 64, completedXa: 128 } as const;
const extraFlag = { startAlter: 2, rollbackAlter: 8 } as const;

export function readMariaDbGtid({ body, serverId }: BinlogEvent): GtidFacts {
  const reader = new ByteReader(body);
  const sequence = reader.uint64();
  const domain = reader.uint32();
  const flags = reader.uint8();
  if ((flags & mariaDbFlag.groupCommit) !== 0) reader.skip(8);
  if ((flags & (mariaDbFlag.preparedXa | mariaDbFlag.completedXa)) !== 0) {
    reader.skip(4);
    reader.skip(reader.uint8() + reader.uint8());
  }
  const extra = reader.remaining > 0 ? reader.uint8() : 0;
  const withoutEffect = (extra & (extraFlag.startAlter | extraFlag.rollbackAlter)) !== 0;
  return { mariaDb: { domain, server: serverId, sequence }, mysql: null, flags, withoutEffect, committedAt: null };
}

/** Before the time of the commit: a byte that says that the two numbers of the logical clock follow, and those. */
const logicalClock = 2;

export function readGtid({ body, type }: BinlogEvent): GtidFacts {
  const reader = new ByteReader(body);
  reader.skip(1);
  const uuid = reader.slice(16).toString("hex");
  const number = reader.uint64();
  const printed = [uuid.slice(0, 8), uuid.slice(8, 12), uuid.slice(12, 16), uuid.slice(16, 20), uuid.slice(20)].join("-");
  let committedAt: number | null = null;
  if (reader.remaining > 0 && reader.uint8() === logicalClock) {
    reader.skip(16);
    // The highest bit says that the time of the original commit follows.
    if (reader.remaining >= 7) committedAt = reader.uint56() % 2 ** 55;
  }
  return { mariaDb: null, mysql: type === eventType.gtid ? `${printed}:${number}` : null, flags: 0, withoutEffect: false, committedAt };
}
