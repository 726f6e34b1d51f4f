import { PostgresSnapshot } from "../../connectors/postgres/snapshot/postgres-snapshot.ts";
import { quoteIdentifier, quoteIdentifiers, quoteTable } from "../../connectors/postgres/quote.ts";
import type { PostgresMajor } from "../../deploy/embedded/postgres-binaries.ts";
import { startServer, textClient } from "../support/cluster.ts";
import { serverAddress } from "../support/server-address.ts";
import { type ColumnKind, describeSnapshotSource, type SnapshotHarness } from "./snapshot-source.ts";

const types: Readonly<Record<ColumnKind, string>> = {
  integer: "integer",
  decimal: "numeric(12,3)",
  uuid: "uuid",
  timestamp: "timestamp",
  text: "text",
  vietnamese: 'text COLLATE "vi-x-icu"',
  long: "text",
  bytes: "bytea",
};

async function start(major: PostgresMajor): Promise<SnapshotHarness> {
  const server = await startServer(major, {});
  const client = textClient(server.url());
  await client.connect();
  await client.query("CREATE SCHEMA conformance");
  const snapshot = new PostgresSnapshot({ address: serverAddress(server.url()), connections: 3, publication: null });
  return {
    snapshot,
    missingTableCode: "DB-PG-020",
    async create(spec) {
      const table = { schema: "conformance", name: spec.name };
      const names = Object.keys(spec.columns);
      const columns = Object.entries(spec.columns).map(([name, kind]) => `${quoteIdentifier(name)} ${types[kind]}`);
      await client.query(`CREATE TABLE ${quoteTable(table)} (${columns.join(", ")}, PRIMARY KEY (${quoteIdentifiers(spec.key)}))`);
      const perStatement = spec.rows.some((row) => row.some((value) => (value?.length ?? 0) > 100_000)) ? 1 : 5000;
      for (let from = 0; from < spec.rows.length; from += perStatement) {
        const part = spec.rows.slice(from, from + perStatement);
        const arrays = names.map(
          (name, index) =>
            `$${index + 1}::${spec.columns[name] === "bytes" ? "text" : (types[spec.columns[name] ?? "text"].split(" ")[0] ?? "")}[]`,
        );
        const values = names.map((name) =>
          spec.columns[name] === "bytes" ? `decode(${quoteIdentifier(name)}, 'hex')` : quoteIdentifier(name),
        );
        await client.query(
          `INSERT INTO ${quoteTable(table)} SELECT ${values.join(", ")} FROM unnest(${arrays.join(", ")}) AS given(${quoteIdentifiers(names)})`,
          names.map((_, index) => part.map((row) => row[index] ?? null)),
        );
      }
      await client.query(`ANALYZE ${quoteTable(table)}`);
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

for (const major of [15, 18] as const) describeSnapshotSource(`PostgreSQL ${major}`, () => start(major));
describeSnapshotSource("PostgreSQL 18, in its native form where it has one", () => start(18), true);
