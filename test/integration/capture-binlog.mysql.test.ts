import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { MysqlSource } from "../../connectors/mysql/mysql-source.ts";
import { StreamReader } from "../conformance/stream-reader.ts";
import { serverAddress } from "../support/server-address.ts";
import { BinlogLab, named, readToEnd, rowChanges } from "../support/binlog-lab.ts";
import { connectMysql } from "../../connectors/mysql/mysql-client.ts";
import { SettledSnapshots } from "../../connectors/mysql/settled-snapshot.ts";
import { seenBefore } from "../../connectors/mysql/snapshot/snapshot-visibility.ts";
import type { SnapshotVisibility } from "../../engine/ports/snapshot-source.ts";
import type { ChangeMessage } from "../../engine/model/change-message.ts";
import { printTable } from "../../engine/model/table.ts";
import { numbersTo, startMysqlServer, testedFlavour } from "../support/mysql-server.ts";
import { mysqlClient } from "../support/mysql-session.ts";

test.runIf(testedFlavour === "mariadb")("a server that has logged nothing yet is read from its very beginning", async () => {
  await using server = await startMysqlServer();
  const source = new MysqlSource({ address: serverAddress(server.url("")) });
  const from = await source.reserve();
  expect(from).toBe("");
  expect((await source.reservation()).position).toBe("");
  await server.query("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY)", "INSERT INTO d.t VALUES (1)");
  const reader = new StreamReader(await source.open(from, new AbortController().signal));
  expect(await reader.transactions(3)).toEqual([[], [], ["insert 1"]]);
  await reader.stream.close();
  await source.close();
});

test("columns added, dropped and changed in the middle of the stream are those of each row's own time", async () => {
  await using lab = await BinlogLab.open();
  const source = lab.source();
  const from = await source.reserve();
  await lab.query(
    "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(10))",
    "INSERT INTO t VALUES (1, 'a')",
    "ALTER TABLE t ADD COLUMN b INT AFTER id",
    "INSERT INTO t VALUES (2, 20, 'b')",
    "ALTER TABLE t DROP COLUMN a, MODIFY b BIGINT UNSIGNED",
    "INSERT INTO t VALUES (3, 30)",
    "ALTER TABLE t COMMENT 'the same columns'",
    "INSERT INTO t VALUES (4, 40)",
  );
  // Everything is read only now, when the table has long been another.
  const reader = await lab.readerFrom(source, from);
  const changes = rowChanges(await readToEnd(reader, source));
  expect(changes.map((change) => named(change, change.after))).toEqual([
    { id: "1", a: "a" },
    { id: "2", b: "20", a: "b" },
    { id: "3", b: "30" },
    { id: "4", b: "40" },
  ]);
  expect(changes.map(({ table }) => table.version)).toEqual([1, 2, 3, 3]);
  expect(changes[3]!.table).toBe(changes[2]!.table);
  expect(changes.map(({ table }) => table.columns.find(({ name }) => name === "b")?.typeIdentity)).toEqual([
    undefined,
    "integer(4)",
    "integer(8) unsigned",
    "integer(8) unsigned",
  ]);
});

test("truncated, dropped, renamed and re-made tables are told in their place, and so are partitions", async () => {
  await using lab = await BinlogLab.open();
  const source = lab.source();
  const reader = await lab.readerFrom(source, await source.reserve());
  await lab.query(
    "CREATE TABLE t (id INT PRIMARY KEY)",
    "INSERT INTO t VALUES (1)",
    "TRUNCATE t",
    "TRUNCATE TABLE `national` . `t`",
    "RENAME TABLE t TO u, u TO `t t`",
    "ALTER TABLE `t t` RENAME TO t",
    ...(testedFlavour === "mariadb" ? [] : ["DROP TABLE t"]),
    `${testedFlavour === "mariadb" ? "CREATE OR REPLACE" : "CREATE"} TABLE t (id INT PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (20))`,
    "CREATE TABLE other (id INT PRIMARY KEY)",
    "ALTER TABLE t EXCHANGE PARTITION p0 WITH TABLE other",
    "ALTER TABLE t TRUNCATE PARTITION p0",
    "ALTER TABLE t DROP PARTITION p0",
    "/* a comment */ DROP TABLE IF EXISTS other, t -- the end",
    "CREATE TEMPORARY TABLE t (id INT PRIMARY KEY)",
    "INSERT INTO t VALUES (1)",
    "DROP TEMPORARY TABLE t",
    "CREATE TABLE t (id INT PRIMARY KEY)",
    "CREATE TABLE filled SELECT 7 AS id",
    "CREATE VIEW v AS SELECT * FROM t",
    "DROP VIEW v",
    "ANALYZE TABLE t",
    "DROP DATABASE national",
  );
  expect(print(await readToEnd(reader, source))).toEqual([
    "insert national.t",
    "truncate national.t",
    "truncate national.t",
    "replaced national.t: the table was renamed",
    "replaced national.u: another table was given its name",
    "replaced national.u: the table was renamed",
    "replaced national.t t: another table was given its name",
    "replaced national.t t: the table was renamed",
    "replaced national.t: another table was given its name",
    testedFlavour === "mariadb" ? "replaced national.t: the table was created again" : "replaced national.t: the table was dropped",
    "replaced national.t: a partition was exchanged with another table",
    "replaced national.other: a partition was exchanged with another table",
    "replaced national.t: a partition was emptied",
    "replaced national.t: a partition was dropped",
    "replaced national.other: the table was dropped",
    "replaced national.t: the table was dropped",
    "insert national.filled",
    "replaced national.t: its database was dropped",
    "replaced national.filled: its database was dropped",
  ]);
});

test("a snapshot has seen exactly the transactions that begin before its place in the log, whoever writes meanwhile", async () => {
  await using lab = await BinlogLab.openPrivate({ max_binlog_size: 16_384, innodb_flush_log_at_trx_commit: 1, sync_binlog: 1 });
  const source = lab.source();
  await lab.query("CREATE TABLE t (id INT PRIMARY KEY)");
  const from = await source.reserve();
  const snapshots: { visibility: SnapshotVisibility; ids: Set<string> }[] = [];
  const work = { next: 1, done: false };
  const write = async (): Promise<void> => {
    const client = await mysqlClient(lab.server.url("national"));
    while (!work.done) await client.query("INSERT INTO t VALUES (?)", [work.next++]);
    await client.end();
  };
  const writing = Promise.all(Array.from({ length: 6 }, write));
  const session = await connectMysql(serverAddress(lab.server.url("national")), { role: "test" });
  const settled = new SettledSnapshots();
  while (snapshots.length < 300) {
    const visibility = seenBefore(await settled.begin(session));
    snapshots.push({ visibility, ids: new Set((await session.query("SELECT id FROM t")).map((row) => String(row["id"]))) });
    await session.query("COMMIT");
  }
  work.done = true;
  await writing;
  await session.end();
  const stream = await lab.readerFrom(source, from);
  const transactions = new Map<string, string>();
  let transaction = "";
  for (const message of await readToEnd(stream, source)) {
    if (message.tag === "begin") transaction = message.transactionId;
    if (message.tag === "insert") transactions.set(String(message.after?.[0]), transaction);
  }
  expect(transactions.size).toBe(work.next - 1);
  for (const { visibility, ids } of snapshots) {
    const seen = [...transactions].filter(([, id]) => visibility.sees(id)).map(([id]) => id);
    expect(new Set(seen)).toEqual(ids);
  }
  expect(new Set(snapshots.map(({ ids }) => ids.size)).size).toBeGreaterThan(20);
});

test.runIf(testedFlavour === "mariadb")("an ALTER that is logged in two phases counts when it is done, not when it fails", async () => {
  await using lab = await BinlogLab.open({ binlog_alter_two_phase: 1 });
  const source = lab.source();
  await lab.query("CREATE TABLE t (id INT PRIMARY KEY, v INT)", "INSERT INTO t VALUES (1, 5), (2, 5)");
  const reader = await lab.readerFrom(source, await source.reserve());
  await expect(lab.query("ALTER TABLE t ADD UNIQUE (v), RENAME TO u, ALGORITHM = COPY")).rejects.toThrow(/Duplicate/);
  await lab.query("ALTER TABLE t ADD INDEX (v), RENAME TO u, ALGORITHM = COPY", "INSERT INTO u VALUES (3, 5)");
  const [log] = await lab.query("SHOW MASTER STATUS");
  const logged = (await lab.query(`SHOW BINLOG EVENTS IN '${log!["File"]!}'`)).filter((event) => event["Event_type"] === "Gtid");
  expect(logged.map((event) => /(START|COMMIT|ROLLBACK) ALTER/.exec(event["Info"] ?? "")?.[1]).filter(Boolean)).toEqual([
    "START",
    "ROLLBACK",
    "START",
    "COMMIT",
  ]);
  expect(print(await readToEnd(reader, source))).toEqual([
    "replaced national.t: the table was renamed",
    "replaced national.u: another table was given its name",
    "insert national.u",
  ]);
});

test("a statement of many tables, and transactions of engines without transactions, come whole", async () => {
  await using lab = await BinlogLab.open();
  const source = lab.source();
  await lab.query(
    "CREATE TABLE a (id INT PRIMARY KEY, v INT)",
    "CREATE TABLE b (id INT PRIMARY KEY, v INT)",
    "CREATE TABLE m (id INT PRIMARY KEY) ENGINE = MyISAM",
    "INSERT INTO a VALUES (1, 0), (2, 0)",
    "INSERT INTO b VALUES (1, 0), (2, 0)",
  );
  const reader = await lab.readerFrom(source, await source.reserve());
  await lab.query(
    "UPDATE a JOIN b USING (id) SET a.v = 1, b.v = 2",
    "INSERT INTO m VALUES (1), (2)",
    "BEGIN",
    "DELETE FROM a",
    "SAVEPOINT s",
    "DELETE FROM b",
    "ROLLBACK TO s",
    "COMMIT",
  );
  const messages = await readToEnd(reader, source);
  const tags = messages.filter(({ tag }) => tag !== "progress").map(({ tag }) => tag);
  expect(tags.join(" ")).toBe("begin update update update update commit begin insert insert commit begin delete delete commit");
});

test("streaming goes on over rotated and flushed logs, and passes what is compressed", async () => {
  await using lab = await BinlogLab.open({
    max_binlog_size: 4096,
    ...(testedFlavour === "mariadb" ? { log_bin_compress: 1, log_bin_compress_min_len: 10 } : {}),
  });
  const source = lab.source();
  const reader = await lab.readerFrom(source, await source.reserve());
  await lab.query("CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT)");
  for (let id = 0; id < 60; id++)
    await lab.query(`INSERT INTO t VALUES (${id}, REPEAT('${id} ', 400))`, ...(id % 20 === 0 ? ["FLUSH BINARY LOGS", "FLUSH TABLES"] : []));
  await lab.query("UPDATE t SET v = 'x' WHERE id < 2", "DELETE FROM t WHERE id = 0");
  const changes = rowChanges(await readToEnd(reader, source));
  expect(changes.map((change) => [change.tag, named(change, change.after ?? change.before)])).toEqual([
    ...Array.from({ length: 60 }, (_, id) => ["insert", { id: String(id), v: `${id} `.repeat(400) }]),
    ["update", { id: "0", v: "x" }],
    ["update", { id: "1", v: "x" }],
    ["delete", { id: "0", v: "x" }],
  ]);
  expect((await lab.query("SHOW BINARY LOGS")).length).toBeGreaterThan(4);
});

test("a log without checksums is read as well, also after they were turned on", async () => {
  await using lab = await BinlogLab.open({ binlog_checksum: "NONE" });
  const source = lab.source();
  const from = await source.reserve();
  const reader = await lab.readerFrom(source, from);
  await lab.query(
    "CREATE TABLE t (id INT PRIMARY KEY)",
    "INSERT INTO t VALUES (1)",
    "SET GLOBAL binlog_checksum = CRC32",
    "INSERT INTO t VALUES (2)",
  );
  await readToEnd(reader, source);
  const again = await lab.readerFrom(lab.source(), from);
  await lab.query("INSERT INTO t VALUES (3)", "SET GLOBAL binlog_checksum = NONE", "INSERT INTO t VALUES (4)");
  for (const each of [reader, again]) {
    const changes = rowChanges(await readToEnd(each, source));
    expect(changes.map((change) => named(change, change.after)["id"])).toEqual(["1", "2", "3", "4"]);
  }
});

test("a row of 50 MB passes", async () => {
  await using lab = await BinlogLab.open({ max_allowed_packet: "128M" });
  const source = lab.source();
  await lab.query("CREATE TABLE t (id INT PRIMARY KEY, v LONGBLOB)");
  const reader = await lab.readerFrom(source, await source.reserve());
  const bytes = randomBytes(50 * 1024 * 1024);
  const client = await mysqlClient(lab.server.url("national"));
  await client.query("INSERT INTO t VALUES (1, ?)", [bytes]);
  await client.end();
  const [first] = rowChanges(await readToEnd(reader, source));
  expect((first!.after![1] as Buffer).equals(Buffer.from(`\\x${bytes.toString("hex")}`, "latin1"))).toBe(true);
});

test("a transaction of 300 MB takes no memory of its size", async () => {
  await using lab = await BinlogLab.open(testedFlavour === "mariadb" ? { innodb_log_file_size: "512M" } : {});
  const source = lab.source();
  await lab.query("CREATE TABLE t (id INT PRIMARY KEY, v TEXT)");
  const from = await source.reserve();
  await lab.query(`INSERT INTO t SELECT seq, REPEAT('x', 1000) FROM ${numbersTo(300_000)}`);
  const reader = await lab.readerFrom(source, from);
  const before = process.memoryUsage().arrayBuffers;
  let [rows, peak] = [0, 0];
  for await (const messages of reader.stream) {
    rows += rowChanges(messages).length;
    peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
    if (messages.some(({ tag }) => tag === "commit")) break;
  }
  expect(rows).toBe(300_000);
  expect(peak).toBeLessThan(150 * 1024 * 1024);
});

test("what the log lacks, or says in a way that is not understood, is a coded stop", async () => {
  await using lab = await BinlogLab.open();
  const source = lab.source();
  await lab.query("CREATE TABLE t (id INT PRIMARY KEY, v INT, w INT)", "INSERT INTO t VALUES (1, 1, 1), (2, 2, 2)");
  const stop = async (...statements: readonly string[]): Promise<string> => {
    const reader = await lab.readerFrom(source, await source.reserve());
    await lab.query(...statements);
    const error: unknown = await reader.untilEnd().catch((failure: unknown) => failure);
    return (error as Error).message;
  };
  expect(await stop("SET SESSION binlog_row_image = MINIMAL", "UPDATE t SET v = 5 WHERE id = 1")).toMatch(
    /^DB-SLOT-020: national.t: .*binlog_row_image/,
  );
  expect(
    await stop(
      "SET SESSION binlog_format = STATEMENT",
      "SELECT 1",
      "XA START 'x'",
      "DELETE FROM t WHERE id = 2",
      "XA END 'x'",
      "XA PREPARE 'x'",
      "XA COMMIT 'x'",
    ),
  ).toMatch(/^DB-SLOT-023/);
  await lab.query("SET GLOBAL binlog_row_metadata = MINIMAL");
  await expect(source.reserve()).rejects.toMatchObject({ code: "DB-SLOT-020" });
});

test("a transaction whose number its domain has passed already is a coded stop, not one that was applied before", async () => {
  await using lab = await BinlogLab.openPrivate({ gtid_strict_mode: 0 });
  const source = lab.source();
  await lab.query("CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)");
  const reader = await lab.readerFrom(source, await source.reserve());
  await lab.query("INSERT INTO t VALUES (2)", "SET SESSION gtid_domain_id = 7", "INSERT INTO t VALUES (3)");
  await lab.query("SET SESSION server_id = 8, gtid_seq_no = 2", "INSERT INTO t VALUES (4)");
  await expect(reader.untilEnd()).rejects.toMatchObject({ code: "DB-SLOT-028" });
  expect(rowChanges(reader.messages).map((change) => named(change, change.after)["id"])).toEqual(["2", "3"]);
});

test("a change that is logged as a statement replaces what its table holds", async () => {
  await using lab = await BinlogLab.open();
  const source = lab.source();
  await lab.query("CREATE TABLE t (id INT PRIMARY KEY, v INT)", "CREATE TABLE u (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1, 1)");
  const reader = await lab.readerFrom(source, await source.reserve());
  await lab.query(
    "SET SESSION binlog_format = STATEMENT",
    "UPDATE t SET v = 2",
    "INSERT INTO u SELECT id FROM t",
    "DELETE t FROM t JOIN u USING (id)",
  );
  const cause = "rows were changed by a statement that is not logged row by row";
  expect(print(await readToEnd(reader, source))).toEqual([
    `replaced national.t: ${cause}`,
    `replaced national.u: ${cause}`,
    `replaced national.t: ${cause}`,
    `replaced national.u: ${cause}`,
  ]);
});

test("rows of tables that nobody wants are passed over, their transactions are told", async () => {
  await using lab = await BinlogLab.open();
  await lab.query("CREATE TABLE wanted (id INT PRIMARY KEY)", "CREATE TABLE other (id INT PRIMARY KEY, v VARCHAR(10) CHARACTER SET sjis)");
  const source = lab.source({ tables: () => wanted });
  const wanted = [{ schema: "national", name: "wanted" }];
  const reader = await lab.readerFrom(source, await source.reserve());
  await lab.query("INSERT INTO other VALUES (1, '日本')", "INSERT INTO wanted VALUES (1)", "TRUNCATE other", "DROP DATABASE national");
  const messages = await readToEnd(reader, source);
  expect(print(messages)).toEqual(["insert national.wanted", "replaced national.wanted: its database was dropped"]);
  expect(messages.filter(({ tag }) => tag === "commit")).toHaveLength(4);
});

function print(messages: readonly ChangeMessage[]): string[] {
  return messages.flatMap((message) => {
    if (message.tag === "replaced") return [`replaced ${printTable(message.table)}: ${message.cause}`];
    if (message.tag === "column lost") return [`lost ${printTable(message.table)}.${message.column}`];
    if (message.tag === "truncate") return message.tables.map(({ table }) => `truncate ${printTable(table)}`);
    return "table" in message ? [`${message.tag} ${printTable(message.table.table)}`] : [];
  });
}
