// Reads the rows of a query on MySQL or MariaDB as lines in COPY's text form, so that they compare with PostgreSQL's byte by byte.
import { createConnection, type Connection } from "mysql2";
import type { RowLines } from "./copy-rows.ts";

/** A forward cursor over a query's rows; nothing but a few of them is held. */
export class MysqlRows implements RowLines {
  current: Buffer | null = null;
  readonly #rows: AsyncIterator<readonly (Buffer | null)[]>;

  private constructor(rows: AsyncIterator<readonly (Buffer | null)[]>) {
    this.#rows = rows;
  }

  /** Starts the query; the cursor stands on the first line. */
  static async open(connection: Connection, sql: string): Promise<MysqlRows> {
    const stream = connection.query({ sql, rowsAsArray: true, typeCast: (field) => field.buffer() }).stream({ highWaterMark: 100 });
    const rows = new MysqlRows(stream[Symbol.asyncIterator]() as AsyncIterator<readonly (Buffer | null)[]>);
    await rows.advance();
    return rows;
  }

  async advance(): Promise<void> {
    const { value, done } = await this.#rows.next();
    this.current = done === true ? null : printLine(value);
  }
}

/** A session in UTC that gives text in UTF-8. */
export async function mysqlDumpSession(url: string): Promise<Connection> {
  const connection = createConnection({ uri: url, charset: "utf8mb4" });
  connection.on("error", () => {});
  await connection.promise().query("SET SESSION time_zone = '+00:00', SESSION net_write_timeout = 600");
  return connection;
}

/** PostgreSQL manual, COPY, "Text Format". */
const escapes = new Map<number, string>([
  [0x5c, "\\\\"],
  [0x08, "\\b"],
  [0x0c, "\\f"],
  [0x0a, "\\n"],
  [0x0d, "\\r"],
  [0x09, "\\t"],
  [0x0b, "\\v"],
]);

function printLine(values: readonly (Buffer | null)[]): Buffer {
  const fields = values.map((value) => (value === null ? "\\N" : value.toString("latin1").replace(/[\\\b\f\n\r\t\v]/g, escaped)));
  return Buffer.from(fields.join("\t"), "latin1");
}

function escaped(character: string): string {
  return escapes.get(character.charCodeAt(0)) ?? character;
}
