// A database for one test: on a private MariaDB server, or, where DONGBO_TEST_MYSQL_URL names a server, on that one.
import { connectMysql, type Flavour } from "../../connectors/mysql/mysql-client.ts";
import { quoteIdentifier } from "../../connectors/mysql/quote.ts";
import { runMysql, startMariaDb } from "./mysql-server.ts";
import { serverAddress } from "./server-address.ts";

export interface MysqlDatabase extends AsyncDisposable {
  /** Of an account that may do anything in the database. */
  readonly url: string;
  readonly flavour: Flavour;
}

/** Empty, utf8mb4, text compared byte by byte. */
export async function mysqlDatabase(name: string): Promise<MysqlDatabase> {
  const given = process.env["DONGBO_TEST_MYSQL_URL"];
  const server = given === undefined ? await startMariaDb() : null;
  const base = server === null ? (given ?? "") : server.url();
  const database = server === null ? `dongbo_test_${name}_${process.pid}` : name;
  const session = await connectMysql(serverAddress(base), { role: "test" });
  const { flavour } = session;
  await session.end();
  const collation = flavour === "mariadb" ? "utf8mb4_nopad_bin" : "utf8mb4_0900_bin";
  await runMysql(base, `CREATE DATABASE ${quoteIdentifier(database)} CHARACTER SET utf8mb4 COLLATE ${collation}`);
  const url = new URL(base);
  url.pathname = `/${database}`;
  return {
    url: url.href,
    flavour,
    async [Symbol.asyncDispose]() {
      if (server === null) await runMysql(base, `DROP DATABASE ${quoteIdentifier(database)}`);
      else await server[Symbol.asyncDispose]();
    },
  };
}
