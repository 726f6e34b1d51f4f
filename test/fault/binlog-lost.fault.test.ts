// What an administrator or another reader can do to a stream: each a coded stop that says what to do, and never a gap.
import { closeSync, openSync, writeSync } from "node:fs";
import { expect, test } from "vitest";
import { MysqlSource } from "../../connectors/mysql/mysql-source.ts";
import type { EmbeddedMariaDb } from "../../deploy/embedded/mariadb-server.ts";
import { BinlogLab } from "../support/binlog-lab.ts";
import { serverAddress } from "../support/server-address.ts";
import { waitUntil } from "../support/wait-until.ts";

const dumps = "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'";

async function startLab(): Promise<BinlogLab<EmbeddedMariaDb>> {
  const lab = await BinlogLab.openPrivate();
  await lab.query("CREATE TABLE item (id INT PRIMARY KEY, text TEXT)");
  return lab;
}

test("a purged log is DB-SLOT-005, and what is kept is told", async () => {
  await using lab = await startLab();
  const source = lab.source();
  const from = await source.reserve();
  const kept = await source.reservation();
  await lab.query("INSERT INTO item VALUES (1, 'x')", "FLUSH BINARY LOGS", "INSERT INTO item VALUES (2, 'x')", "FLUSH BINARY LOGS");
  await waitUntil(
    async () => {
      // Looking at the oldest file's age holds it for a moment.
      await lab.query("PURGE BINARY LOGS TO 'binlog.000003'");
      return (await lab.query("SHOW BINARY LOGS")).length === 1;
    },
    { describe: "the log to be purged" },
  );
  await expect(lab.readerFrom(source, from)).rejects.toMatchObject({ code: "DB-SLOT-005" });
  const now = await source.reservation();
  expect(source.positions.covers(now.position, kept.position)).toBe(true);
  expect(now.position).not.toBe(kept.position);
  expect(now.keptSince).toBeGreaterThanOrEqual(kept.keptSince ?? Number.NaN);
  const reader = await lab.readerFrom(source, now.position);
  await lab.query("INSERT INTO item VALUES (3, 'kept')");
  expect(await reader.transactions(1)).toEqual([["insert 3 kept"]]);
});

test("a server that knows nothing of the position is DB-SLOT-004", async () => {
  await using lab = await startLab();
  const source = lab.source();
  const from = await source.reserve();
  await lab.query("INSERT INTO item VALUES (1, 'x')");
  const ahead = await source.reserve();
  await lab.query("RESET MASTER");
  await expect(lab.readerFrom(source, ahead)).rejects.toMatchObject({ code: "DB-SLOT-004" });
  await expect(lab.readerFrom(source, from)).rejects.toMatchObject({ code: "DB-SLOT-004" });
  const other = lab.source({ expectedIdentity: "mariadb/somebody else" });
  await expect(other.reservation()).rejects.toMatchObject({ code: "DB-SLOT-004" });
});

test("a log that is emptied under a stream is DB-SLOT-004: the server would say for ever that nothing comes", async () => {
  await using lab = await startLab();
  const source = lab.source();
  const from = await source.reserve();
  const reader = await lab.readerFrom(source, from);
  await lab.query("INSERT INTO item VALUES (1, 'x')");
  expect(await reader.transactions(1)).toEqual([["insert 1 x"]]);
  await source.endOfLog();
  const ended = expect(reader.untilEnd()).rejects.toMatchObject({ code: "DB-SLOT-004" });
  await lab.query("RESET MASTER", "INSERT INTO item VALUES (2, 'lost')", "INSERT INTO item VALUES (3, 'lost')");
  await expect(source.endOfLog()).rejects.toMatchObject({ code: "DB-SLOT-004" });
  await ended;
  // Also when the new log has as many transactions as the old one had.
  await lab.query("FLUSH BINARY LOGS");
  await source.reserve();
  const rows = ["INSERT INTO item VALUES (4, 'x')", "INSERT INTO item VALUES (5, 'x')", "INSERT INTO item VALUES (6, 'x')"];
  await lab.query("RESET MASTER", ...rows);
  await expect(source.endOfLog()).rejects.toMatchObject({ code: "DB-SLOT-004" });
});

test("a reader with the same server_id ends ours with DB-SLOT-026, which nobody but an operator ends", async () => {
  await using lab = await startLab();
  const [first, second] = [lab.source({ serverId: 77 }), lab.source({ serverId: 77 })];
  const reader = await lab.readerFrom(first, await first.reserve());
  const ended = expect(reader.untilEnd()).rejects.toMatchObject({ code: "DB-SLOT-026" });
  const other = await lab.readerFrom(second, await second.reserve());
  await ended;
  await lab.query("INSERT INTO item VALUES (1, 'x')");
  expect(await other.transactions(1)).toEqual([["insert 1 x"]]);
});

test("a lost connection of ours is ended by the next one, and two instances do not meet", async () => {
  await using lab = await startLab();
  const [first, second] = [lab.source(), lab.source()];
  const from = await first.reserve();
  const one = await lab.readerFrom(first, from);
  const two = await lab.readerFrom(second, from);
  await lab.query("INSERT INTO item VALUES (1, 'x')");
  expect(await one.transactions(1)).toEqual(await two.transactions(1));
  await one.stream.close();
  await lab.readerFrom(first, from);
  await waitUntil(async () => (await lab.query(dumps)).length === 2, { describe: "the connection that was left to be ended" });
});

test("a revoked privilege is DB-MY-003 at the next connection, a killed one is read again", async () => {
  await using lab = await startLab();
  await lab.query("CREATE USER reader@'127.0.0.1'", "GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO reader@'127.0.0.1'");
  const source = new MysqlSource({ address: serverAddress(lab.server.url("", "reader")), name: "national" });
  const from = await source.reserve();
  const reader = await lab.readerFrom(source, from);
  await lab.query("REVOKE REPLICATION SLAVE ON *.* FROM reader@'127.0.0.1'");
  for (const row of await lab.query(dumps)) await lab.query(`KILL ${row["id"] ?? ""}`);
  await expect(reader.untilEnd()).rejects.toMatchObject({ code: expect.stringMatching(/^DB-MY-0(09|13|15)$/) as string });
  await expect(lab.readerFrom(source, from)).rejects.toMatchObject({ code: "DB-MY-003" });
  await lab.query("GRANT REPLICATION SLAVE ON *.* TO reader@'127.0.0.1'", "INSERT INTO item VALUES (1, 'x')");
  const again = await lab.readerFrom(source, from);
  expect((await again.transactions(1)).flat()).toEqual([]);
  expect((await again.until((changes) => changes.length > 0)).flat()).toEqual(["insert 1 x"]);
  await source.close();
});

test("a log that the server cannot read is DB-SLOT-027 and skips nothing", async () => {
  await using lab = await startLab();
  const source = lab.source();
  const from = await source.reserve();
  const [start] = await lab.query("SHOW MASTER STATUS");
  await lab.query("INSERT INTO item VALUES (1, REPEAT('x', 1000))");
  const file = openSync(`${lab.server.dataDir}/${start!["File"]!}`, "r+");
  writeSync(file, Buffer.alloc(16, 0xee), 0, 16, Number(start!["Position"]) + 500);
  closeSync(file);
  const reader = lab.readerFrom(source, from).then((found) => found.untilEnd());
  await expect(reader).rejects.toMatchObject({ code: expect.stringMatching(/^DB-SLOT-0(27|10)$/) as string });
});
