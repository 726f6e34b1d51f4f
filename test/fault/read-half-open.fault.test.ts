// A master whose network swallows a read and works again: the read is given up by asking another way, long before its time is over.
import { afterAll, beforeAll, expect, test } from "vitest";
import { MysqlSnapshot } from "../../connectors/mysql/snapshot/mysql-snapshot.ts";
import { PostgresSnapshot } from "../../connectors/postgres/snapshot/postgres-snapshot.ts";
import type { SnapshotSource } from "../../engine/ports/snapshot-source.ts";
import { type Cluster, runSql, startCluster } from "../support/cluster.ts";
import type { MysqlTestServer } from "../support/given-mysql.ts";
import { startMysqlServer } from "../support/mysql-server.ts";
import { serverAddress } from "../support/server-address.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

let cluster: Cluster;
let server: MysqlTestServer;
beforeAll(async () => {
  cluster = await startCluster({ targets: [] });
  server = await startMysqlServer();
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await server?.destroy();
});

const ddl = ["CREATE TABLE citizen (id int PRIMARY KEY)", "INSERT INTO citizen VALUES (1)"];

/** Where reads do not end by themselves for two minutes and a half. */
async function givenUp(snapshot: SnapshotSource & { close(): Promise<void> }, schema: string, proxy: TcpProxy): Promise<void> {
  const [table] = await snapshot.describe([{ schema, name: "citizen" }]);
  if (table === undefined) throw new Error("no table");
  const read = () => snapshot.readRows({ table, key: ["id"], columns: ["id"], filter: null, keys: [[Buffer.from("1")]] });
  proxy.blackhole();
  const swallowed = read();
  proxy.heal();
  const started = performance.now();
  await expect(swallowed).rejects.toMatchObject({ code: expect.stringMatching(/^DB-(PG|MY)-\d+$/) as string });
  // Not by the limit of statements, but by two looks.
  expect(performance.now() - started).toBeLessThan(120_000);
  expect((await read()).rows.map((row) => row.map(String))).toEqual([["1"]]);
  await snapshot.close();
}

test.concurrent("a read of PostgreSQL", async () => {
  await runSql(cluster.source.url(), "CREATE DATABASE half_open");
  const url = cluster.source.url("half_open");
  await runSql(url, ...ddl);
  const address = serverAddress(url);
  await using proxy = await TcpProxy.start({ host: address.host, port: address.port });
  await givenUp(new PostgresSnapshot({ address: { ...address, port: proxy.port }, connections: 1, publication: null }), "public", proxy);
});

test.concurrent("a read of MariaDB", async () => {
  await server.query("CREATE DATABASE national", ...ddl.map((sql) => sql.replace("citizen", "national.citizen")));
  const address = serverAddress(server.url());
  await using proxy = await TcpProxy.start({ host: address.host, port: address.port });
  await givenUp(new MysqlSnapshot({ address: { ...address, port: proxy.port }, connections: 1 }), "national", proxy);
});
