// Reads the rows of one SELECT as they come, so that no more of them is ever held than is wanted.
import type { EventEmitter } from "node:events";
import type { PackedRows } from "../../../engine/model/packed-rows.ts";
import type { MysqlSession } from "../mysql-client.ts";
import type { ColumnReader } from "./column-reader.ts";
import { RowPacker } from "./row-packer.ts";

export interface ReadResult {
  readonly rows: PackedRows;
  /** There were rows behind `bytesMax`. */
  readonly cut: boolean;
  /** The server had more to say than is worth hearing: the session must be dropped. */
  readonly abandoned: boolean;
}

/** A packet of the driver's, good until the next one only. */
interface Packet {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly end: number;
  isEOF(): boolean;
}

/** What takes the next packet of an answer. */
type Step = (this: Query, packet: Packet, connection: unknown) => Step | null;

/** The driver's query: its step for the packets of rows, which would make objects of them, can be another one. */
type Query = EventEmitter & { row: Step };

/** What is read and thrown away after `bytesMax` before the session is given up instead, which costs a new one. */
const wasteBytesMax = 4 * 1024 * 1024;

/** Reading ends after the row that passes `bytesMax`. `readers` are those of the columns selected. */
export function readRows(session: MysqlSession, sql: string, readers: readonly ColumnReader[], bytesMax: number): Promise<ReadResult> {
  return new Promise((resolve, reject) => {
    const { connection } = session;
    const rows = new RowPacker(readers);
    let [bytes, wasted, cut] = [0, 0, false];
    const finish = (abandoned: boolean): void => {
      connection.off("error", fail);
      resolve({ rows: rows.finish(), cut, abandoned });
    };
    const fail = (error: unknown): void => {
      connection.off("error", fail);
      reject(error);
    };
    // A query that is not given a callback does not hear that its connection was lost.
    connection.on("error", fail);
    // Not in the driver's types, and a reason why its version is pinned.
    const query = connection.query({ sql }) as unknown as Query;
    query.on("error", fail);
    query.on("end", () => finish(false));
    const end = query.row;
    query.row = function row(packet, inner): Step | null {
      if (packet.isEOF()) return end.call(this, packet, inner);
      if (bytes <= bytesMax) {
        bytes += rows.add(packet.buffer, packet.offset, packet.end);
        return row;
      }
      cut = true;
      wasted += packet.end - packet.offset;
      if (wasted > wasteBytesMax) finish(true);
      return row;
    };
  });
}
