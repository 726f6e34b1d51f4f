import { MysqlSnapshot } from "../../connectors/mysql/snapshot/mysql-snapshot.ts";
import { quoteIdentifier, quoteIdentifiers, quoteTable } from "../../connectors/mysql/quote.ts";
import { bytewiseCollation, serverName, startMysqlServer, testedFlavour } from "../support/mysql-server.ts";
import { mysqlClient } from "../support/mysql-session.ts";
import { serverAddress } from "../support/server-address.ts";
import { type ColumnKind, describeSnapshotSource, type SnapshotHarness } from "./snapshot-source.ts";

const types: Readonly<Record<ColumnKind, string>> = {
  integer: "int",
  decimal: "decimal(12,3)",
  uuid: testedFlavour === "mariadb" ? "uuid" : "char(36) CHARACTER SET ascii COLLATE ascii_bin",
  timestamp: "datetime(6)",
  text: `varchar(200) COLLATE ${bytewiseCollation}`,
  // Tells letters by their marks, and not by their case.
  vietnamese: "varchar(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_vietnamese_ci",
  long: "longtext",
  bytes: "longblob",
};

async function start(): Promise<SnapshotHarness> {
  const server = await startMysqlServer({ max_allowed_packet: "256M" });
  const client = await mysqlClient(server.url());
  await client.query("SET SESSION sql_mode = 'STRICT_ALL_TABLES'");
  await client.query("CREATE DATABASE conformance CHARACTER SET utf8mb4");
  const snapshot = new MysqlSnapshot({ address: serverAddress(server.url()), connections: 3 });
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
      await server.destroy();
    },
  };
}

describeSnapshotSource(serverName, start);
