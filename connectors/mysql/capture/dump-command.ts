// Commands that ask a server for its binary log (MySQL Internals, "COM_BINLOG_DUMP", "COM_BINLOG_DUMP_GTID").
import type { GtidSet } from "../gtid-set.ts";
import type { LogOffset } from "../positions.ts";

const command = { dump: 0x12, dumpGtid: 0x1e } as const;
/** BINLOG_DUMP_NON_BLOCK: the server ends where its log ends. */
const nonBlocking = 1;

/**
 * From a place in a file. MariaDB passes the place over where it was told a GTID position before. `waits`: for more, at the
 * end of the log.
 */
export function encodeDump(serverId: number, { file, offset }: LogOffset, waits = true): Buffer {
  const name = Buffer.from(file, "utf8");
  const body = Buffer.alloc(11 + name.length);
  body.writeUInt8(command.dump, 0);
  body.writeUInt32LE(offset, 1);
  body.writeUInt16LE(waits ? 0 : nonBlocking, 5);
  body.writeUInt32LE(serverId, 7);
  name.copy(body, 11);
  return packet(body);
}

/** All transactions that are not in the set; MySQL only. */
export function encodeDumpGtid(serverId: number, executed: GtidSet): Buffer {
  const set = encodeGtidSet(executed);
  const body = Buffer.alloc(23 + set.length);
  body.writeUInt8(command.dumpGtid, 0);
  body.writeUInt32LE(serverId, 3);
  body.writeBigUInt64LE(4n, 11);
  body.writeUInt32LE(set.length, 19);
  set.copy(body, 23);
  return packet(body);
}

/**
 * Number of servers, then each one's UUID, number of intervals, and those with their ends excluded. With tagged transactions
 * (MySQL 8.3; sql/rpl_gtid_set.cc, Gtid_set::encode) the number stands between marks, and a tag behind each UUID.
 */
function encodeGtidSet(set: GtidSet): Buffer {
  const tagged = [...set.keys()].some((source) => source.includes(":"));
  const count = uint64(BigInt(set.size));
  const parts: Buffer[] = [tagged ? Buffer.concat([taggedMark, count.subarray(0, 6), taggedMark]) : count];
  for (const [source, intervals] of set) {
    const [uuid = "", tag = ""] = source.split(":");
    parts.push(Buffer.from(uuid.replaceAll("-", ""), "hex"));
    // Its length as a number of variable length, whose lowest bit says that it has one byte.
    if (tagged) parts.push(Buffer.from([tag.length << 1]), Buffer.from(tag, "latin1"));
    parts.push(uint64(BigInt(intervals.length)));
    for (const [first, last] of intervals) parts.push(uint64(first), uint64(last + 1n));
  }
  return Buffer.concat(parts);
}

const taggedMark = Buffer.from([1]);

function uint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

function packet(body: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUIntLE(body.length, 0, 3);
  return Buffer.concat([header, body]);
}
