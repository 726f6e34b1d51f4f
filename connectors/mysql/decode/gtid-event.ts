// Events that begin a transaction: MariaDB's GTID (sql/log_event.h, class Gtid_log_event) and MySQL's GTID, ANONYMOUS_GTID and
// GTID_TAGGED (libs/mysql/binlog/event/control_events.h, class Gtid_event).
import type { MariaDbGtid } from "../mariadb-gtid.ts";
import { type BinlogEvent, eventType } from "./binlog-event.ts";
import { ByteReader, malformed } from "./byte-reader.ts";

export interface GtidFacts {
  readonly mariaDb: MariaDbGtid | null;
  /** `uuid:number`, `uuid:tag:number`. */
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
  const uuid = printUuid(reader.slice(16));
  const number = reader.uint64();
  let committedAt: number | null = null;
  if (reader.remaining > 0 && reader.uint8() === logicalClock) {
    reader.skip(16);
    // The highest bit says that the time of the original commit follows.
    if (reader.remaining >= 7) committedAt = reader.uint56() % 2 ** 55;
  }
  return { mariaDb: null, mysql: type === eventType.gtid ? `${uuid}:${number}` : null, flags: 0, withoutEffect: false, committedAt };
}

function printUuid(bytes: Buffer): string {
  const digits = bytes.toString("hex");
  return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)].join("-");
}

/** Of GTID_TAGGED, in the order in which they come; some may be left out. */
const taggedField = { flags: 0, uuid: 1, number: 2, tag: 3, lastCommitted: 4, sequenceNumber: 5, committedAt: 6 } as const;

/** A message of numbered fields, all numbers of variable length (libs/mysql/serialization/readme.md). */
export function readTaggedGtid({ body }: BinlogEvent): GtidFacts {
  const reader = new ByteReader(body);
  // Version of the form, bytes of the message, and last field that must be understood.
  for (let left = 3; left > 0; left--) unsigned(reader);
  let [uuid, tag, number] = ["", "", 0n];
  for (;;) {
    switch (Number(unsigned(reader))) {
      case taggedField.flags:
        unsigned(reader);
        break;
      case taggedField.uuid:
        uuid = printUuid(Buffer.from(Array.from({ length: 16 }, () => Number(unsigned(reader)))));
        break;
      case taggedField.tag:
        tag = reader.text(Number(unsigned(reader)));
        break;
      case taggedField.number:
        number = positive(reader);
        break;
      case taggedField.lastCommitted:
      case taggedField.sequenceNumber:
        positive(reader);
        break;
      case taggedField.committedAt: {
        const committedAt = Number(unsigned(reader));
        const source = tag === "" ? uuid : `${uuid}:${tag}`;
        return { mariaDb: null, mysql: `${source}:${number}`, flags: 0, withoutEffect: false, committedAt };
      }
      default:
        throw malformed("a transaction does not tell when it was committed");
    }
  }
}

/** As many bytes follow the first as it has ones at its low end. */
function unsigned(reader: ByteReader): bigint {
  const first = reader.uint8();
  let more = 0;
  while (((first >> more) & 1) === 1) more += 1;
  let value = BigInt(first) >> BigInt(more + 1);
  for (let place = 0; place < more; place++) value |= BigInt(reader.uint8()) << BigInt(Math.max(0, 7 - more) + 8 * place);
  return value;
}

/** A signed number that is not negative: its sign is the lowest bit. */
function positive(reader: ByteReader): bigint {
  const value = unsigned(reader);
  if ((value & 1n) === 1n) throw malformed("a transaction's number is negative");
  return value >> 1n;
}
