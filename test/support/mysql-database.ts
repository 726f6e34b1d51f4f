// An empty database for one test, on the server of the lane.
import { quoteIdentifier } from "../../connectors/mysql/quote.ts";
import { bytewiseCollation, startMysqlServer } from "./mysql-server.ts";

export interface MysqlDatabase extends AsyncDisposable {
  /** Of an account that may do anything in the database. */
  readonly url: string;
}

/** utf8mb4, text compared byte by byte. */
export async function mysqlDatabase(name: string): Promise<MysqlDatabase> {
  const server = await startMysqlServer();
  await server.query(`CREATE DATABASE ${quoteIdentifier(name)} CHARACTER SET utf8mb4 COLLATE ${bytewiseCollation}`);
  return { url: server.url(name), [Symbol.asyncDispose]: () => server.destroy() };
}
