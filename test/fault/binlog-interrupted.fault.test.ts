// The source and the way to it fail again and again while it is written to: nothing may be lost, nothing come twice.
import { truncateSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { EmbeddedMariaDb } from "../../deploy/embedded/mariadb-server.ts";
import { BinlogLab } from "../support/binlog-lab.ts";
import { mysqlClient } from "../support/mysql-session.ts";
import { serverAddress } from "../support/server-address.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { pause, waitUntil } from "../support/wait-until.ts";
import { ResumingReader } from "./resuming-reader.ts";

const seed = Number(process.env["SEED"] ?? 1);

/** Writes one row a transaction, in order; after a failure it finds out whether the commit took place. */
class Writer {
  readonly #lab: BinlogLab<EmbeddedMariaDb>;
  #stopped = false;
  last: number | null = null;
  next = 1;

  constructor(lab: BinlogLab<EmbeddedMariaDb>) {
    this.#lab = lab;
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      try {
        const client = await mysqlClient(this.#lab.server.url("national"));
        try {
          const [rows] = await client.query("SELECT COALESCE(MAX(id), 0) AS last FROM item");
          this.next = Number((rows as { last: string }[])[0]?.last) + 1;
          while (!this.#stopped) {
            await client.query("INSERT INTO item VALUES (?, 'x')", [this.next]);
            this.next++;
          }
        } finally {
          client.destroy();
        }
      } catch {
        await pause(20);
      }
    }
    this.last = this.next - 1;
  }

  stop(): void {
    this.#stopped = true;
  }
}

async function startLab(): Promise<BinlogLab<EmbeddedMariaDb>> {
  const lab = await BinlogLab.openPrivate();
  await lab.query("CREATE TABLE item (id INT PRIMARY KEY, text TEXT)");
  return lab;
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

test(`a source that is killed, stopped and restarted again and again (seed ${seed})`, { timeout: 300_000 }, async () => {
  await using lab = await startLab();
  const source = lab.source();
  const reader = new ResumingReader(source, await source.reserve());
  const writer = new Writer(lab);
  const writing = writer.run();
  const reading = reader.readTo(() => writer.last);
  const running = (more: number) => {
    const before = reader.ids.length;
    return waitUntil(() => reader.ids.length > before + more, { describe: "the stream to run" });
  };
  for (const [index, blow] of (["kill", "stop", "kill", "flush", "kill"] as const).entries()) {
    await running(50);
    await pause((seed * 7919 * (index + 1)) % 100);
    if (blow === "flush") await lab.query("FLUSH BINARY LOGS", "FLUSH TABLES", "FLUSH LOGS");
    else {
      await lab.server[blow]();
      await lab.server.restart();
    }
  }
  await running(50);
  writer.stop();
  await Promise.all([writing, reading]);
  expect(reader.ids).toEqual(upTo(reader.ids.length));
  expect(reader.failures.size).toBeGreaterThan(0);
});

test(`a connection that is reset again and again (seed ${seed})`, { timeout: 300_000 }, async () => {
  await using lab = await startLab();
  await using proxy = await TcpProxy.start({ host: "127.0.0.1", port: lab.server.port });
  const source = lab.source({ address: { ...serverAddress(lab.server.url("")), port: proxy.port } });
  const reader = new ResumingReader(source, await source.reserve());
  const writer = new Writer(lab);
  const writing = writer.run();
  const reading = reader.readTo(() => writer.last);
  for (let round = 1; round <= 12; round++) {
    const before = reader.ids.length;
    await waitUntil(() => reader.ids.length > before + 20, { describe: "the stream to run" });
    await pause((seed * 7919 * round) % 40);
    proxy.cutAll();
  }
  writer.stop();
  await Promise.all([writing, reading]);
  expect(reader.ids).toEqual(upTo(reader.ids.length));
  expect(reader.failures.size).toBeGreaterThan(0);
});

test("a server that stands still is noticed, and read again when it goes on", async () => {
  await using lab = await startLab();
  const source = lab.source({ silenceMsMax: 2000 });
  const reader = await lab.readerFrom(source, await source.reserve());
  await lab.query("INSERT INTO item VALUES (1, 'x')");
  await reader.transactions(1);
  const [commit] = reader.commits();
  // Silence alone is no failure as long as heartbeats come.
  await pause(3000);
  lab.server.signal("SIGSTOP");
  try {
    const before = performance.now();
    await expect(reader.untilEnd()).rejects.toMatchObject({ code: "DB-SLOT-008" });
    expect(performance.now() - before).toBeLessThan(4000);
  } finally {
    lab.server.signal("SIGCONT");
  }
  await lab.query("INSERT INTO item VALUES (2, 'y')");
  const again = await lab.readerFrom(source, commit!.position);
  expect(await again.transactions(1)).toEqual([["insert 2 y"]]);
});

test("a transaction that a crash has cut off in the log is read over", async () => {
  await using lab = await startLab();
  const source = lab.source();
  const from = await source.reserve();
  await lab.query("INSERT INTO item VALUES (1, 'x')");
  const [before] = await lab.query("SHOW MASTER STATUS");
  await lab.query("INSERT INTO item SELECT seq, REPEAT('x', 1000) FROM seq_100_to_150", "DELETE FROM item WHERE id = 1");
  const events = await lab.query(`SHOW BINLOG EVENTS IN '${before!["File"]!}' FROM ${before!["Position"]!}`);
  const rows = events.filter((event) => event["Event_type"] === "Write_rows_v1");
  expect(rows.length).toBeGreaterThan(2);
  await lab.server.kill();
  // As if the log had not reached the disk any further: between two events with rows of one transaction.
  truncateSync(join(lab.server.dataDir, before!["File"]!), Number(rows[1]!["End_log_pos"]));
  await lab.server.restart();
  await lab.query("DELETE FROM item", "INSERT INTO item VALUES (2, 'after')");
  const reader = new ResumingReader(source, from);
  await reader.readTo(() => 2);
  expect(reader.ids).toEqual([1, 2]);
});
