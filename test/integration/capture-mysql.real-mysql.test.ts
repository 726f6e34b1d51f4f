// What is particular to the binary log of a real MySQL: tagged numbers, what preflight refuses when it comes all the same,
// columns that the server adds, and what a snapshot has seen.
import { expect, test } from "vitest";
import { connectMysql } from "../../connectors/mysql/mysql-client.ts";
import { mysqlPositions } from "../../connectors/mysql/positions.ts";
import { preflightSource } from "../../connectors/mysql/preflight/preflight-source.ts";
import { MysqlSnapshot } from "../../connectors/mysql/snapshot/mysql-snapshot.ts";
import { Secret } from "../../engine/model/secret.ts";
import { positionOf } from "../support/chunk-position.ts";
import { BinlogLab, named, readToEnd, rowChanges } from "../support/binlog-lab.ts";
import { mysqlClient } from "../support/mysql-session.ts";
import { serverAddress } from "../support/server-address.ts";
import { readChunk, type ReadChunk } from "../support/read-chunk.ts";

test("tagged transactions are told, and a position with them in it is gone on from", async () => {
  await using lab = await BinlogLab.open();
  const [server] = await lab.query("SELECT VERSION() AS version, @@gtid_mode AS mode");
  if (Number.parseFloat(server?.["version"] ?? "") < 8.3 || server?.["mode"] !== "ON") return;
  const source = lab.source();
  await lab.query("CREATE TABLE t (id INT PRIMARY KEY)");
  const reader = await lab.readerFrom(source, await source.reserve());
  await lab.query(
    "SET gtid_next = 'AUTOMATIC:import'",
    "INSERT INTO t VALUES (1)",
    "INSERT INTO t VALUES (2)",
    "SET gtid_next = 'AUTOMATIC'",
    "INSERT INTO t VALUES (3)",
  );
  const ids = (changes: readonly ReturnType<typeof rowChanges>[number][]): unknown[] =>
    changes.map((change) => named(change, change.after)["id"]);
  const messages = await readToEnd(reader, source);
  expect(ids(rowChanges(messages))).toEqual(["1", "2", "3"]);
  expect(messages.flatMap((message) => (message.tag === "begin" ? [/:import:\d+$/.test(message.transactionId)] : []))).toEqual([
    true,
    true,
    false,
  ]);
  const from = await source.reserve();
  expect(from).toMatch(/:import:/);
  const later = await lab.readerFrom(lab.source(), from);
  await lab.query("INSERT INTO t VALUES (4)", "SET gtid_next = 'AUTOMATIC:import'", "INSERT INTO t VALUES (5)");
  expect(ids(rowChanges(await readToEnd(later, source)))).toEqual(["4", "5"]);
});

test.each([
  ["binlog_transaction_compression", "ON", "OFF", "transactions are compressed"],
  ["binlog_row_value_options", "'PARTIAL_JSON'", "''", "JSON documents are logged in part"],
])("%s is refused by the check, and a coded stop when it comes", async (name, bad, good, cause) => {
  await using lab = await BinlogLab.open({ [name]: good === "''" ? "" : good });
  const source = lab.source();
  await lab.query("CREATE TABLE t (id INT PRIMARY KEY, doc JSON)", `INSERT INTO t VALUES (1, '{"a": "${"x".repeat(100)}"}')`);
  const reader = await lab.readerFrom(source, await source.reserve());
  await lab.query(`SET SESSION ${name} = ${bad}`, "UPDATE t SET doc = JSON_SET(doc, '$.a', 'y')");
  await expect(reader.untilEnd()).rejects.toThrow(new RegExp(`^DB-SLOT-022: .*${cause}`));
  await lab.query(`SET GLOBAL ${name} = ${bad}`);
  const check = { address: serverAddress(lab.server.url()), source: "national", connections: 4, tables: [], mappings: [] };
  const found = (await preflightSource(check)).find(({ code }) => code === "DB-SLOT-022");
  expect(found?.sql).toEqual([`SET GLOBAL ${name} = ${good};`]);
});

test("a primary key that the server makes by itself is a key, and invisible to nobody here", async () => {
  await using lab = await BinlogLab.open();
  const source = lab.source();
  await using snapshot = new DisposableSnapshot({ address: serverAddress(lab.server.url()), connections: 1 });
  await lab.query("SET SESSION sql_generate_invisible_primary_key = ON", "CREATE TABLE t (v INT, UNIQUE computed ((v + 1)))");
  const [table] = await snapshot.describe([{ schema: "national", name: "t" }]);
  expect(table).toMatchObject({ primaryKey: ["my_row_id"], uniqueKeys: [], columns: [{ name: "my_row_id" }, { name: "v" }] });
  const reader = await lab.readerFrom(source, await source.reserve());
  await lab.query("INSERT INTO t (v) VALUES (7)", "UPDATE t SET v = 8", "DELETE FROM t");
  const changes = rowChanges(await readToEnd(reader, source));
  expect(changes.map((change) => named(change, change.after ?? change.before))).toEqual([
    { my_row_id: "1", v: "7" },
    { my_row_id: "1", v: "8" },
    { my_row_id: "1", v: "8" },
  ]);
});

test("a password is told to caching_sha2_password also where nothing is cached and there is no TLS", async () => {
  await using lab = await BinlogLab.open();
  await lab.query("CREATE USER secretive IDENTIFIED WITH caching_sha2_password BY 'bí mật'");
  const address = { ...serverAddress(lab.server.url("", "secretive")), password: new Secret("bí mật") };
  for (let round = 0; round < 2; round++) {
    const session = await connectMysql(address, { role: "test" });
    expect(await session.query("SELECT CURRENT_USER() AS who")).toEqual([{ who: "secretive@%" }]);
    await session.end();
  }
  await expect(connectMysql({ ...address, password: new Secret("wrong") }, { role: "test" })).rejects.toMatchObject({ code: "DB-MY-002" });
});

test("what a chunk has seen is among the transactions up to its position, and what it names as seen it shows, while others write", async () => {
  await using lab = await BinlogLab.open();
  const source = lab.source();
  await using snapshot = new DisposableSnapshot({ address: serverAddress(lab.server.url()), connections: 2 });
  await lab.query("CREATE TABLE busy (id BIGINT PRIMARY KEY, v VARCHAR(10))");
  const [table] = await snapshot.describe([{ schema: "national", name: "busy" }]);
  const reader = await lab.readerFrom(source, await source.reserve());
  const stop = new AbortController();
  const writers = [0, 1, 2].map(async (writer) => {
    const client = await mysqlClient(lab.server.url("national"));
    for (let index = 0; !stop.signal.aborted; index++) {
      await client.query(`INSERT INTO busy VALUES (${index * 3 + writer}, 'x')`);
      if (writer === 0 && index % 40 === 0) await client.query("FLUSH BINARY LOGS");
    }
    await client.end();
  });
  const chunks: ReadChunk[] = [];
  const wanted = { table: table!, key: ["id"], columns: ["id"], filter: null, after: null, until: null, rowsMax: 100_000, bytesMax: 1e8 };
  for (let count = 0; count < 100; count++) chunks.push(await readChunk(snapshot, wanted));
  stop.abort();
  await Promise.all(writers);
  const written = new Map<string, string>();
  let transaction = "";
  for (const message of await readToEnd(reader, source)) {
    if (message.tag === "begin") transaction = message.transactionId;
    if (message.tag === "insert") written.set(String(message.after?.[0]), transaction);
  }
  expect(written.size).toBeGreaterThan(300);
  for (const read of chunks) {
    const present = new Set(read.rows.map(([id]) => String(id)));
    const missing = [...written].filter(([id, name]) => read.visibility.sees(name) && !present.has(id));
    const beyond = [...written].filter(
      ([id, name]) => present.has(id) && !mysqlPositions.covers(positionOf(read), mysqlPositions.parse(name)),
    );
    expect([missing, beyond]).toEqual([[], []]);
  }
  expect(new Set(chunks.map((read) => read.rows.length)).size).toBeGreaterThan(20);
  expect(chunks.some((read) => [...written.values()].some((name) => read.visibility.sees(name)))).toBe(true);
});

class DisposableSnapshot extends MysqlSnapshot implements AsyncDisposable {
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
