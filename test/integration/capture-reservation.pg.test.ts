// What stands in the way of reserving and opening a PostgreSQL source, each told by its own code and remedy.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { PostgresSource } from "../../connectors/postgres/postgres-source.ts";
import { lsnOrder } from "../../connectors/postgres/lsn.ts";
import type { Position } from "../../engine/model/position.ts";
import { CaptureLab } from "../support/capture-lab.ts";
import { runSql, startServer, textClient } from "../support/cluster.ts";
import { serverAddress } from "../support/server-address.ts";

let lab: CaptureLab;
let source: PostgresSource;

beforeAll(async () => {
  lab = await CaptureLab.start({ settings: { max_prepared_transactions: 5 } });
});
afterAll(async () => {
  await lab[Symbol.asyncDispose]();
});
beforeEach(() => {
  source = lab.source({ slotWaitMsMax: 500 });
});
afterEach(async () => {
  await lab.sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active");
});

const never = new AbortController().signal;

test("a transaction that is open for long does not hang the reservation: DB-SLOT-011 names it and how old it is", async () => {
  const idler = textClient(lab.server.url());
  await idler.connect();
  try {
    await idler.query("BEGIN");
    await idler.query("INSERT INTO public.item VALUES (1, 'x')");
    const pid = String((await idler.query<{ pid: string }>("SELECT pg_backend_pid() AS pid")).rows[0]?.pid);
    await expect(source.reserve()).rejects.toMatchObject({
      code: "DB-SLOT-011",
      explanation: expect.stringContaining(`process ${pid} of user postgres`) as string,
    });
    expect(await source.reservation()).toBeNull();
    await idler.query("ROLLBACK");
    expect(await source.reserve()).toMatch(/^\d/);
  } finally {
    await idler.end();
  }
});

test("a prepared transaction that nobody finishes is named too", async () => {
  await lab.sql("BEGIN", "INSERT INTO public.item VALUES (1, 'x')", "PREPARE TRANSACTION 'left behind'");
  try {
    await expect(source.reserve()).rejects.toMatchObject({
      code: "DB-SLOT-011",
      explanation: expect.stringContaining("a prepared transaction has waited for") as string,
    });
  } finally {
    await lab.sql("ROLLBACK PREPARED 'left behind'");
  }
});

describe("a slot of our name that is not ours is left alone with DB-SLOT-006", () => {
  test.each([
    ["another plugin", "SELECT pg_create_logical_replication_slot('dongbo_lab', 'test_decoding')"],
    ["physical replication", "SELECT pg_create_physical_replication_slot('dongbo_lab')"],
  ])("%s", async (_, sql) => {
    await lab.sql(sql);
    await expect(source.reserve()).rejects.toMatchObject({ code: "DB-SLOT-006" });
    await expect(source.reservation()).rejects.toMatchObject({ code: "DB-SLOT-006" });
    await expect(source.release()).rejects.toMatchObject({ code: "DB-SLOT-006" });
    await expect(source.open(lsnOrder.parse("0/1"), never)).rejects.toMatchObject({ code: "DB-SLOT-006" });
    expect(await lab.sql("SELECT slot_name FROM pg_replication_slots")).toHaveLength(1);
  });

  test("another database", async () => {
    await lab.sql("DROP DATABASE IF EXISTS other", "CREATE DATABASE other");
    await runSql(lab.server.url("other"), "SELECT pg_create_logical_replication_slot('dongbo_lab', 'pgoutput')");
    await expect(source.reserve()).rejects.toMatchObject({
      code: "DB-SLOT-006",
      explanation: expect.stringContaining("the database other") as string,
    });
    await runSql(lab.server.url("other"), "SELECT pg_drop_replication_slot('dongbo_lab')");
  });

  test("a temporary one", async () => {
    const session = textClient(lab.server.url());
    await session.connect();
    await session.query("SELECT pg_create_logical_replication_slot('dongbo_lab', 'pgoutput', true)");
    await expect(source.reserve()).rejects.toMatchObject({ code: "DB-SLOT-006" });
    await session.end();
  });
});

test("a publication that is missing stops the reservation and the stream with DB-SLOT-007", async () => {
  const other = lab.source({ publication: "dongbo \"vắng\" 'x'" });
  await expect(other.reserve()).rejects.toMatchObject({ code: "DB-SLOT-007" });
  const from = await source.reserve();
  await expect(other.open(from, never)).rejects.toMatchObject({ code: "DB-SLOT-007" });
});

test("no slot left to have is DB-PG-016", async () => {
  for (let count = 0; count < 4; count++) await lab.sql(`SELECT pg_create_physical_replication_slot('taken_${count}')`);
  await expect(source.reserve()).rejects.toMatchObject({ code: "DB-PG-016" });
});

test("a slot that somebody else streams from cannot be released: DB-SLOT-003, and it stays", async () => {
  const from = await source.reserve();
  const reader = await lab.open(source, from);
  await expect(lab.source().release()).rejects.toMatchObject({ code: "DB-SLOT-003" });
  await lab.change(1);
  expect(await reader.transactions(2)).toHaveLength(2);
  await reader.stream.close();
  await source.release();
  expect(await source.reservation()).toBeNull();
});

test("a role without REPLICATION is told DB-PG-003 with the server's own words", async () => {
  await lab.sql("DROP ROLE IF EXISTS plain", "CREATE ROLE plain LOGIN");
  const address = serverAddress(lab.server.url("postgres", "plain"));
  const plain = lab.source({ address });
  await expect(plain.reserve()).rejects.toMatchObject({ code: "DB-PG-003" });
  const from = await source.reserve();
  await expect(plain.open(from, never)).rejects.toMatchObject({ code: "DB-PG-003" });
});

test("the reservation tells position, server and history, and how much log is kept", async () => {
  const from = await source.reserve();
  const [row] = await lab.sql("SELECT system_identifier::text AS id FROM pg_control_system()");
  const first = await source.reservation();
  expect(first).toMatchObject({ position: from, identity: `${row?.["id"]}/1` });
  await lab.sql("INSERT INTO public.item SELECT n, repeat('x', 100) FROM generate_series(1, 10000) n", "DELETE FROM public.item");
  const second = await source.reservation();
  expect(second?.retainedBytes).toBeGreaterThan((first?.retainedBytes ?? 0) + 1_000_000);
});

describe("a position of another server or history is a coded stop, DB-SLOT-004", () => {
  test.each([
    ["another server", (identity: string) => `1${identity}`, "another server answers"],
    ["another timeline", (identity: string) => identity.replace(/\d+$/, "7"), "history has branched"],
  ])("%s", async (_, change, words) => {
    const from = await source.reserve();
    const identity = (await source.reservation())?.identity ?? "";
    const mistaken = lab.source({ expectedIdentity: change(identity) });
    const stop = { code: "DB-SLOT-004", explanation: expect.stringContaining(words) as string };
    await expect(mistaken.open(from, never)).rejects.toMatchObject(stop);
    await expect(mistaken.reservation()).rejects.toMatchObject(stop);
    const right = lab.source({ expectedIdentity: identity });
    await (await right.open(from, never)).close();
  });

  test("a position beyond the end of the server's log", async () => {
    await source.reserve();
    await expect(source.open("FFFF/0" as Position, never)).rejects.toMatchObject({
      code: "DB-SLOT-004",
      explanation: expect.stringContaining("beyond the end") as string,
    });
  });
});

describe("servers that cannot be read from", () => {
  test("wal_level below logical is DB-PG-012 with the statement that mends it", async () => {
    const server = await startServer(15, { wal_level: "replica" });
    const replica = new PostgresSource({ address: serverAddress(server.url()), slot: "dongbo_x", publication: "p" });
    try {
      const stop = { code: "DB-PG-012", sql: ["ALTER SYSTEM SET wal_level = logical;"] };
      await expect(replica.reserve()).rejects.toMatchObject(stop);
      await expect(replica.reservation()).rejects.toMatchObject(stop);
    } finally {
      await replica.close();
      await server.destroy();
    }
  });

  test.each([15, 18] as const)("a standby (PostgreSQL %i) is DB-PG-011", async (major) => {
    const server = await startServer(major, { wal_level: "logical" });
    await server.stop();
    writeFileSync(join(server.dataDir, "standby.signal"), "");
    await server.restart();
    const standby = new PostgresSource({ address: serverAddress(server.url()), slot: "dongbo_x", publication: "p" });
    try {
      await expect(standby.reserve()).rejects.toMatchObject({ code: "DB-PG-011", explanation: "the server is a standby" });
    } finally {
      await standby.close();
      await server.destroy();
    }
  });
});
