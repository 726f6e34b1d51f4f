import { MysqlSnapshot } from "../../connectors/mysql/snapshot/mysql-snapshot.ts";
import { quoteIdentifier, quoteIdentifiers, quoteTable } from "../../connectors/mysql/quote.ts";
import { mysqlClient, startMariaDb } from "../support/mysql-server.ts";
import { serverAddress } from "../support/server-address.ts";
import { type ColumnKind, describeSnapshotSource, type SnapshotHarness } from "./snapshot-source.ts";

type Types = Readonly<Record<ColumnKind, string>>;

const mysqlTypes: Types = {
  integer: "int",
  decimal: "decimal(12,3)",
  uuid: "char(36)",
  timestamp: "datetime(6)",
  text: "varchar(200) COLLATE utf8mb4_0900_bin",
  // Tells letters by their marks, and not by tone or case.
  vietnamese: "varchar(200) COLLATE utf8mb4_vietnamese_ci",
  long: "longtext",
  bytes: "longblob",
};
const mariaDbTypes: Types = { ...mysqlTypes, uuid: "uuid", text: "varchar(200) COLLATE utf8mb4_nopad_bin" };

/** `stop` ends the server when it is the tests' own. */
async function start(url: string, types: Types, stop: () => Promise<void>): Promise<SnapshotHarness> {
  const client = await mysqlClient(url);
  await client.query("SET SESSION sql_mode = 'STRICT_ALL_TABLES'");
  await client.query("DROP DATABASE IF EXISTS conformance");
  await client.query("CREATE DATABASE conformance CHARACTER SET utf8mb4");
  const snapshot = new MysqlSnapshot({ address: serverAddress(url), connections: 3 });
  return {
    snapshot,
    missingTableCode: "DB-MY-020",
    async create(spec) {
      const table = { schema: "conformance", name: spec.name };
      const names = Object.keys(spec.columns);
      const columns = Object.entries(spec.columns).map(([name, kind]) => `${quoteIdentifier(name)} ${types[kind]}`);
      await client.query(`CREATE TABLE ${quoteTable(table)} (${columns.join(", ")}, PRIMARY KEY (${quoteIdentifiers(spec.key)}))`);
      const perStatement = spec.rows.some((row) => row.some((value) => (value?.length ?? 0) > 100_000)) ? 1 : 1000;
      for (let from = 0; from < spec.rows.length; from += perStatement) {
        const rows = spec.rows
          .slice(from, from + perStatement)
          .map((row) =>
            row.map((value, index) => (value === null || spec.columns[names[index] ?? ""] !== "bytes" ? value : Buffer.from(value, "hex"))),
          );
        await client.query(`INSERT INTO ${quoteTable(table)} (${quoteIdentifiers(names)}) VALUES ?`, [rows]);
      }
      await client.query(`ANALYZE TABLE ${quoteTable(table)}`);
      const [described] = await snapshot.describe([table]);
      if (described === undefined) throw new Error("the table was not made");
      return described;
    },
    async [Symbol.asyncDispose]() {
      await snapshot.close();
      await client.end();
      await stop();
    },
  };
}

describeSnapshotSource("MariaDB", async () => {
  const server = await startMariaDb({ max_allowed_packet: "256M" });
  return start(server.url(), mariaDbTypes, () => server.destroy());
});

/** A MySQL server whose max_allowed_packet lets a row of 50 MB pass; its database `conformance` is made anew. */
const mysqlUrl = process.env["DONGBO_TEST_MYSQL_URL"];
if (mysqlUrl !== undefined) describeSnapshotSource("MySQL", () => start(mysqlUrl, mysqlTypes, () => Promise.resolve()));
