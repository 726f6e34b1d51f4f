// What decoding says of a column is what a PostgreSQL server's catalogue would say of it.
import { expect, test } from "vitest";
import { connectPostgres } from "../../connectors/postgres/postgres-client.ts";
import { describeTables } from "../../connectors/postgres/postgres-schema.ts";
import {
  arrayOf,
  columnTypeOf,
  type PostgresType,
  postgresType,
  postgresTypeNames,
} from "../../connectors/debezium/decode/postgres-type.ts";
import { startServer } from "../support/cluster.ts";
import { serverAddress } from "../support/server-address.ts";

test("built-in types, their modifiers and their arrays", async () => {
  await using server = await startServer(18, {});
  const types: PostgresType[] = [
    ...postgresTypeNames.filter((name) => name !== "bit" && name !== "bpchar").map((name) => postgresType(name)),
    postgresType("bit", 7),
    postgresType("varchar", 20),
    postgresType("bpchar", 6),
    postgresType("numeric", 10, 2),
    postgresType("numeric", 1000, 800),
    postgresType("numeric", 5, -2),
    postgresType("time", 3),
    postgresType("timestamp", 0),
    postgresType("timestamptz", 6),
    postgresType("interval", 6),
  ];
  const all = [...types, ...types.map(arrayOf)];
  const session = await connectPostgres(serverAddress(server.url()), { role: "test" });
  try {
    const columns = all.map((type, index) => `c${index} ${columnTypeOf(type).declaration}`);
    await session.query(`CREATE TABLE public.every (${columns.join(", ")})`);
    const [table] = await describeTables(session, [{ schema: "public", name: "every" }]);
    expect(table?.columns.map(({ type }) => type)).toEqual(all.map(columnTypeOf));
  } finally {
    await session.end();
  }
});
