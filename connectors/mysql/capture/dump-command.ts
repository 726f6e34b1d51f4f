// Commands that ask a server for its binary log (MySQL Internals, "COM_BINLOG_DUMP", "COM_BINLOG_DUMP_GTID").
import { ReplicationError } from "../../../engine/model/replication-error.ts";
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

/** Number of servers, then each one's UUID, number of intervals, and those with their ends excluded. */
function encodeGtidSet(set: GtidSet): Buffer {
  const parts: Buffer[] = [uint64(BigInt(set.size))];
  for (const [source, intervals] of set) {
    if (source.includes(":"))
      throw new ReplicationError("DB-SLOT-022", { subject: "binary log", cause: "transactions have tagged numbers" });
    parts.push(Buffer.from(source.replaceAll("-", ""), "hex"), uint64(BigInt(intervals.length)));
    for (const [first, last] of intervals) parts.push(uint64(first), uint64(last + 1n));
  }
  return Buffer.concat(parts);
}

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
