// Reads the rows of one SELECT as they come, so that no more of them is ever held than is wanted.
import type { Row } from "../../../engine/model/row.ts";
import type { MysqlSession } from "../mysql-client.ts";
import type { ColumnReader } from "./column-reader.ts";

export interface ReadResult {
  readonly rows: readonly Row[];
  /** Bytes of text of these rows. */
  readonly bytes: number;
  /** There were rows behind `bytesMax`. */
  readonly cut: boolean;
  /** The server had more to say than is worth hearing: the session must be dropped. */
  readonly abandoned: boolean;
}

/** What is read and thrown away after `bytesMax` before the session is given up instead, which costs a new one. */
const wasteBytesMax = 4 * 1024 * 1024;
/** Beside its text, a value costs a length and its part in a row. */
const valueBytes = 8;

/** Reading ends after the row that passes `bytesMax`. `readers` are those of the columns selected. */
export function readRows(session: MysqlSession, sql: string, readers: readonly ColumnReader[], bytesMax: number): Promise<ReadResult> {
  return new Promise((resolve, reject) => {
    const { connection } = session;
    const rows: Row[] = [];
    let [bytes, wasted, cut] = [0, 0, false];
    const finish = (abandoned: boolean): void => {
      connection.off("error", fail);
      resolve({ rows, bytes, cut, abandoned });
    };
    const fail = (error: unknown): void => {
      connection.off("error", fail);
      reject(error);
    };
    // A query that is not given a callback does not hear that its connection was lost.
    connection.on("error", fail);
    const query = connection.query({ sql, rowsAsArray: true, typeCast: (field) => field.buffer() });
    query.on("error", fail);
    query.on("end", () => finish(false));
    query.on("result", (values) => {
      const row = values as unknown as (Buffer | null)[];
      const size = row.reduce((sum, value) => sum + (value?.length ?? 0), valueBytes * row.length);
      if (bytes <= bytesMax) {
        bytes += size;
        for (const [index, value] of row.entries()) if (value !== null) row[index] = (readers[index] as ColumnReader).toText(value);
        rows.push(row);
        return;
      }
      cut = true;
      wasted += size;
      if (wasted > wasteBytesMax) finish(true);
    });
  });
}
