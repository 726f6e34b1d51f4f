// Events of the binary log as they come over the network: header, body, checksum (MySQL Internals, "Binary Log Event").
import { crc32, inflateSync } from "node:zlib";
import { ByteReader, malformed } from "./byte-reader.ts";

export const eventType = {
  query: 2,
  stop: 3,
  rotate: 4,
  intvar: 5,
  rand: 13,
  userVar: 14,
  formatDescription: 15,
  xid: 16,
  beginLoadQuery: 17,
  executeLoadQuery: 18,
  tableMap: 19,
  writeRowsV1: 23,
  updateRowsV1: 24,
  deleteRowsV1: 25,
  incident: 26,
  heartbeat: 27,
  ignorable: 28,
  rowsQuery: 29,
  writeRows: 30,
  updateRows: 31,
  deleteRows: 32,
  gtid: 33,
  anonymousGtid: 34,
  previousGtids: 35,
  transactionContext: 36,
  viewChange: 37,
  xaPrepare: 38,
  partialUpdateRows: 39,
  transactionPayload: 40,
  heartbeatV2: 41,
  taggedGtid: 42,
  annotateRows: 160,
  binlogCheckpoint: 161,
  mariaDbGtid: 162,
  mariaDbGtidList: 163,
  startEncryption: 164,
  queryCompressed: 165,
  writeRowsCompressedV1: 166,
  updateRowsCompressedV1: 167,
  deleteRowsCompressedV1: 168,
  writeRowsCompressed: 169,
  updateRowsCompressed: 170,
  deleteRowsCompressed: 171,
} as const;

/** The event can be passed over by who does not know its type. */
export const ignorableFlag = 0x80;
/** Made for this connection, not in the file. */
export const artificialFlag = 0x20;

const headerBytes = 19;
const checksumBytes = 4;

export interface BinlogEvent {
  /** Seconds since 1970. */
  readonly timestamp: number;
  readonly type: number;
  readonly serverId: number;
  /** Bytes of the whole event in its file. */
  readonly length: number;
  /** Where the event ends in its file; 0 for events that are in none. Only the lower 32 bits. */
  readonly endOffset: number;
  readonly flags: number;
  readonly body: Buffer;
}

/** Splits an event's bytes. `checked`: it ends with its checksum, which is compared. Throws DB-SLOT-010. */
export function readEvent(bytes: Buffer, checked: boolean): BinlogEvent {
  const reader = new ByteReader(bytes);
  const timestamp = reader.uint32();
  const type = reader.uint8();
  const serverId = reader.uint32();
  const length = reader.uint32();
  const endOffset = reader.uint32();
  const flags = reader.uint16();
  if (length !== bytes.length) throw malformed("its length is not that of its packet");
  const end = bytes.length - (checked ? checksumBytes : 0);
  if (end < headerBytes) throw malformed("it ends too early");
  if (checked && crc32(bytes.subarray(0, end)) !== bytes.readUInt32LE(end)) throw malformed("its checksum is wrong");
  return { timestamp, type, serverId, length, endOffset, flags, body: bytes.subarray(headerBytes, end) };
}

/** Type byte of an event, to decide whether it is looked into. */
export function peekType(bytes: Buffer): number {
  return bytes[4] ?? 0;
}

/**
 * Whether the events of a file end with a checksum, from its FORMAT_DESCRIPTION event, which itself always has room for one
 * (WL#2540): algorithm (1 byte, 1: CRC32), checksum (4 bytes).
 */
export function describesChecksums(bytes: Buffer): boolean {
  return bytes[bytes.length - checksumBytes - 1] === 1;
}

/**
 * What MariaDB has compressed with log_bin_compress (sql/log_event.cc, binlog_buf_compress): 0x80, the algorithm in bits 4 to
 * 6 (0: zlib), the number of bytes of the length in bits 0 to 2; the length, big-endian; the compressed bytes.
 */
export function decompress(bytes: Buffer): Buffer {
  const first = bytes[0] ?? 0;
  if ((first & 0xf0) !== 0x80) throw malformed("it is compressed in a way that is not known");
  const sizeBytes = first & 7;
  const size = Number(new ByteReader(bytes, 1).bigEndian(sizeBytes));
  try {
    const plain = inflateSync(bytes.subarray(1 + sizeBytes), { maxOutputLength: Math.max(size, 1) });
    if (plain.length === size) return plain;
  } catch (error) {
    throw malformed("a compressed event cannot be read", error);
  }
  throw malformed("a compressed event has another length");
}
