// What we send on a replication connection, as bytes (manual, "Streaming Replication Protocol" and "Message Formats"). Pure.
import type { Lsn } from "../lsn.ts";

/** Microseconds from 1970-01-01 to 2000-01-01, where PostgreSQL's own time begins. */
const microsTo2000 = 946_684_800_000_000n;

export interface StandbyStatus {
  /**
   * What the server may forget. Stands for written, flushed and applied alike: dongbo reports nothing that it has merely
   * received, or the server would let go of it.
   */
  readonly acknowledged: Lsn;
  /** Our clock, microseconds since 1970; the server only shows it. */
  readonly at: bigint;
  /** Asks the server to answer at once with a keepalive. */
  readonly replyRequested: boolean;
}

/** A standby status update within its CopyData frame. */
export function encodeStandbyStatus(status: StandbyStatus): Buffer {
  const body = Buffer.alloc(34);
  body.write("r", 0, "latin1");
  for (const offset of [1, 9, 17]) body.writeBigUInt64BE(status.acknowledged, offset);
  body.writeBigInt64BE(status.at - microsTo2000, 25);
  body.writeUInt8(status.replyRequested ? 1 : 0, 33);
  return frame("d", body);
}

/** Ends our side of the copy; the server answers with its own end. */
export function encodeCopyDone(): Buffer {
  return frame("c", Buffer.alloc(0));
}

/** Says goodbye; the server closes the connection. */
export function encodeTerminate(): Buffer {
  return frame("X", Buffer.alloc(0));
}

/** A simple query. */
export function encodeQuery(sql: string): Buffer {
  return frame("Q", Buffer.from(`${sql}\0`, "utf8"));
}

function frame(type: string, body: Buffer): Buffer {
  const header = Buffer.alloc(5);
  header.write(type, 0, "latin1");
  header.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([header, body]);
}
