// What only an operator can mend: each a coded stop with its remedy, never a silent restart.
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, test } from "vitest";
import { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import { CaptureLab, prepareLabServer } from "../support/capture-lab.ts";
import { testFolder } from "../support/test-run.ts";
import { waitUntil } from "../support/wait-until.ts";

const never = new AbortController().signal;

test("a slot that was dropped is DB-SLOT-001, and is not made again by itself (reliability 28)", async () => {
  await using lab = await CaptureLab.start();
  const source = lab.source();
  const from = await source.reserve();
  const reader = await lab.open(source, from);
  const ended = expect(reader.untilEnd()).rejects.toMatchObject({ code: "DB-PG-009" });
  await lab.sql("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots");
  await waitUntil(async () => (await lab.sql("SELECT FROM pg_replication_slots WHERE active")).length === 0, {
    describe: "the slot to be free",
  });
  await lab.sql("SELECT pg_drop_replication_slot('dongbo_lab')");
  await ended;
  await expect(source.open(from, never)).rejects.toMatchObject({
    code: "DB-SLOT-001",
    remedy: expect.stringContaining("resync") as string,
  });
  expect(await source.reservation()).toBeNull();
  expect(await lab.sql("SELECT FROM pg_replication_slots")).toHaveLength(0);
});

test("a slot that was dropped and made again is a gap, DB-SLOT-005 with its size", async () => {
  await using lab = await CaptureLab.start();
  const source = lab.source();
  const from = await source.reserve();
  await lab.sql(
    "SELECT pg_drop_replication_slot('dongbo_lab')",
    "INSERT INTO public.item SELECT n, repeat('x', 100) FROM generate_series(1, 10000) n",
    "SELECT pg_create_logical_replication_slot('dongbo_lab', 'pgoutput')",
  );
  await expect(source.open(from, never)).rejects.toMatchObject({
    code: "DB-SLOT-005",
    explanation: expect.stringMatching(/it starts at [0-9A-F/]+, [0-9.]+ MB after/) as string,
  });
});

describe.each([15, 18] as const)("PostgreSQL %i", (major) => {
  const smallLog = { wal_level: "logical", max_slot_wal_keep_size: "1MB", max_wal_size: "2MB", min_wal_size: "2MB", fsync: "off" };

  async function labWithSmallLog(): Promise<CaptureLab> {
    const dataDir = `${testFolder("small-log")}/data`;
    const server = await EmbeddedPostgres.start({ dataDir, major, settings: smallLog, initdbArguments: ["--wal-segsize=1"] });
    return CaptureLab.start({ server });
  }

  const flood = [
    ...Array.from(
      { length: 8 },
      (_, round) => `INSERT INTO public.item SELECT ${round * 10_000} + n, repeat('x', 100) FROM generate_series(1, 5000) n`,
    ),
    "CHECKPOINT",
  ];

  test("a slot whose log the server has removed is DB-SLOT-002 with sizes, while it is not streamed from (reliability 29)", async () => {
    await using lab = await labWithSmallLog();
    const source = lab.source();
    const from = await source.reserve();
    await lab.sql(...flood);
    const stop = { code: "DB-SLOT-002", explanation: expect.stringMatching(/[0-9.]+ MB behind.*max_slot_wal_keep_size is 1MB/) as string };
    await expect(source.open(from, never)).rejects.toMatchObject(stop);
    await expect(source.reservation()).rejects.toMatchObject(stop);
    await expect(source.reserve()).rejects.toMatchObject(stop);
    // What an operator's re-sync does.
    await source.release();
    const again = await source.reserve();
    const reader = await lab.open(source, again);
    await lab.change(1_000_000);
    expect(await reader.transactions(2)).toEqual([["insert 1000000 x"], ["delete 1000000"]]);
  });

  test("a slot that is invalidated under a stream that was held up ends it with DB-SLOT-002", async () => {
    await using lab = await labWithSmallLog();
    const source = lab.source();
    const reader = await lab.open(source, await source.reserve());
    lab.proxy.pause();
    const ended = expect(reader.untilEnd()).rejects.toMatchObject({ code: "DB-SLOT-002" });
    await lab.sql(...flood);
    await waitUntil(
      async () => (await lab.sql("CHECKPOINT", "SELECT wal_status FROM pg_replication_slots"))[0]?.["wal_status"] === "lost",
      { describe: "the slot to be lost" },
    );
    lab.proxy.resume();
    await ended;
  });

  test("a publication dropped under the stream is DB-SLOT-007, also after it was made again", async () => {
    await using lab = await CaptureLab.start({ major });
    const source = lab.source();
    const reader = await lab.open(source, await source.reserve());
    await lab.change(1);
    await reader.transactions(2);
    const from = reader.commits().at(-1)?.position;
    if (from === undefined) throw new Error("a transaction was read");
    await lab.sql("DROP PUBLICATION dongbo_lab", "INSERT INTO public.item VALUES (2, 'lost')");
    await expect(reader.untilEnd()).rejects.toMatchObject({ code: "DB-SLOT-007" });
    await expect(source.open(from, never)).rejects.toMatchObject({ code: "DB-SLOT-007" });
    await lab.sql("CREATE PUBLICATION dongbo_lab FOR TABLE public.item", "INSERT INTO public.item VALUES (3, 'x')");
    const again = await lab.open(source, from);
    await expect(again.untilEnd()).rejects.toMatchObject({ code: "DB-SLOT-007" });
    const changes = [...reader.messages, ...again.messages].filter((message) => message.tag === "commit");
    expect(changes).toHaveLength(2);
  });
});

test("another server under the same address is DB-SLOT-004, whatever it holds (reliability 30)", async () => {
  await using lab = await CaptureLab.start();
  const dataDir = `${testFolder("other-server")}/data`;
  mkdirSync(dirname(dataDir), { recursive: true });
  const other = await EmbeddedPostgres.start({ dataDir, settings: { wal_level: "logical", fsync: "off" } });
  try {
    await prepareLabServer(other);
    const source = lab.source();
    const from = await source.reserve();
    const reader = await lab.open(source, from);
    await other.query("SELECT pg_create_logical_replication_slot('dongbo_lab', 'pgoutput')");
    lab.proxy.leadTo({ host: "127.0.0.1", port: other.port });
    lab.proxy.cutAll();
    await expect(reader.untilEnd()).rejects.toMatchObject({ code: "DB-PG-015" });
    const stop = { code: "DB-SLOT-004", explanation: expect.stringContaining("another server answers") as string };
    await expect(source.open(from, never)).rejects.toMatchObject(stop);
    await expect(source.reservation()).rejects.toMatchObject(stop);
    // What an operator's re-sync does: begins anew on the server that is there.
    await source.release();
    expect(await source.reserve()).toMatch(/^\d/);
    expect(await source.reservation()).not.toBeNull();
  } finally {
    await other.destroy();
  }
});

test("a promoted standby or a restored backup has another timeline: DB-SLOT-004", async () => {
  await using lab = await CaptureLab.start();
  const source = lab.source();
  const from = await source.reserve();
  await lab.server.stop("fast");
  // Recovery that ends begins a new timeline, as a promotion does.
  const { writeFileSync } = await import("node:fs");
  writeFileSync(`${lab.server.dataDir}/recovery.signal`, "");
  await lab.server.restart({ restore_command: "false" });
  await waitUntil(async () => (await lab.sql("SELECT pg_is_in_recovery()::text AS recovering"))[0]?.["recovering"] === "false", {
    describe: "recovery to end",
  });
  await expect(source.open(from, never)).rejects.toMatchObject({
    code: "DB-SLOT-004",
    explanation: expect.stringContaining("timeline 1 then, 2 now") as string,
  });
});

test("a privilege and a login that were taken away while it ran are told as such", async () => {
  await using lab = await CaptureLab.start();
  const source = lab.source();
  const from = await source.reserve();
  await lab.sql("ALTER ROLE dongbo_source NOREPLICATION");
  await expect(source.open(from, never)).rejects.toMatchObject({ code: "DB-PG-003" });
  await lab.sql("ALTER ROLE dongbo_source REPLICATION NOLOGIN");
  lab.proxy.cutAll();
  await expect(source.open(from, never)).rejects.toMatchObject({ code: "DB-PG-002" });
});
