import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { connectPostgres } from "../../connectors/postgres/postgres-client.ts";
import { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import { systemClock } from "../../deploy/processes/system-clock.ts";
import type { OpenControlSession } from "../../engine/control-store/control-session.ts";
import { PostgresControlStore } from "../../engine/control-store/postgres-control-store.ts";
import type { EngineIdentity } from "../../engine/ports/control-commands.ts";
import { type ControlStoreFixture, describeControlStore } from "../conformance/control-store.ts";
import { describeReconcileRecords } from "../conformance/reconcile-records.ts";
import { describeLeases } from "../conformance/leases.ts";
import { keyOf, reconcileReport } from "../support/reconcile-report.ts";
import { testFolder } from "../support/test-run.ts";
import { waitUntil } from "../support/wait-until.ts";

let server: EmbeddedPostgres;
let databases = 0;

beforeAll(async () => {
  server = await EmbeddedPostgres.start({ dataDir: join(testFolder("control"), "data"), settings: { fsync: "off" } });
});
afterAll(async () => {
  await server.destroy();
});

async function newDatabase(): Promise<string> {
  databases += 1;
  const name = `control_${databases}`;
  await server.query(`CREATE DATABASE ${name}`);
  return name;
}

function sessions(database: string, user = "postgres"): OpenControlSession {
  const tls = { mode: "disable", rootCertificate: null, certificate: null, key: null } as const;
  const address = { kind: "postgres", host: "127.0.0.1", port: server.port, database, user, password: null, tls } as const;
  return (role) => connectPostgres(address, { role });
}

async function openStore(database: string): Promise<PostgresControlStore> {
  const store = await PostgresControlStore.open(sessions(database), systemClock);
  onTestFinished(async () => store.close());
  return store;
}

async function open(): Promise<ControlStoreFixture> {
  const database = await newDatabase();
  return { store: await openStore(database), another: () => openStore(database) };
}

describeControlStore("PostgreSQL control store", open);
describeReconcileRecords("PostgreSQL control store", open);
describeLeases("PostgreSQL control store", async () => (await open()).store.leases);

describe("PostgreSQL control store: the chain of recorded runs (RC-10)", () => {
  const runs = "dongbo_control.reconcile_run";
  /** As somebody who may do anything: the trigger is no obstacle. */
  const byHand = (...statements: readonly string[]): string =>
    [`ALTER TABLE ${runs} DISABLE TRIGGER append_only`, ...statements, `ALTER TABLE ${runs} ENABLE TRIGGER append_only`].join("; ");

  test.each<[string, string[], number | null]>([
    ["nothing was done", [], null],
    ["a count was altered", [`UPDATE ${runs} SET record = replace(record, '"rows_checked":2', '"rows_checked":3') WHERE id = 3`], 3],
    [
      "a verdict was altered with its hash",
      [
        `UPDATE ${runs} SET record = replace(record, 'equal', 'different'), hash = encode(sha256(convert_to(previous_hash || replace(record, 'equal', 'different'), 'UTF8')), 'hex') WHERE id = 3`,
      ],
      4,
    ],
    [
      "the newest one was altered with its hash",
      [
        `UPDATE ${runs} SET record = replace(record, 'equal', 'different'), hash = encode(sha256(convert_to(previous_hash || replace(record, 'equal', 'different'), 'UTF8')), 'hex') WHERE id = 5`,
      ],
      5,
    ],
    ["one was given to another subscription", [`UPDATE ${runs} SET subscription = 'population/hue' WHERE id = 2`], 2],
    ["the first one was cut off", [`DELETE FROM ${runs} WHERE id = 1`], 1],
    ["one in the middle is gone", [`DELETE FROM ${runs} WHERE id = 3`], 3],
    [
      "one in the middle is gone and the rest moved up",
      [`DELETE FROM ${runs} WHERE id = 3`, `UPDATE ${runs} SET id = id - 1 WHERE id = 4`, `UPDATE ${runs} SET id = id - 1 WHERE id = 5`],
      3,
    ],
    ["the newest ones were cut off", [`DELETE FROM ${runs} WHERE id >= 4`], 4],
    ["all were cut off", [`DELETE FROM ${runs}`], 1],
    [
      "two were exchanged",
      [`UPDATE ${runs} SET id = 99 WHERE id = 2`, `UPDATE ${runs} SET id = 2 WHERE id = 3`, `UPDATE ${runs} SET id = 3 WHERE id = 99`],
      2,
    ],
    ["the record of the newest is gone", ["DELETE FROM dongbo_control.reconcile_head"], 6],
    [
      "the record of the newest was set back",
      [`UPDATE dongbo_control.reconcile_head SET (id, hash) = (SELECT id, hash FROM ${runs} WHERE id = 4)`],
      5,
    ],
  ])("%s", async (_what, statements, broken) => {
    const database = await newDatabase();
    const store = await openStore(database);
    for (let rowsChecked = 0; rowsChecked < 5; rowsChecked++)
      await store.reconcile.recordReconcile(reconcileReport({ rowsChecked }), "lan");
    await server.query(byHand(...statements), database);
    expect(await store.reconcile.verifyReconcileChain()).toBe(broken);
  });

  test("a chain of several pages is verified to its end", async () => {
    const database = await newDatabase();
    const store = await openStore(database);
    for (let run = 0; run < 1_001; run++) await store.reconcile.recordReconcile(reconcileReport(), "lan");
    expect(await store.reconcile.verifyReconcileChain()).toBeNull();
    await server.query(byHand(`UPDATE ${runs} SET record = replace(record, 'equal', 'unequal') WHERE id = 1001`), database);
    expect(await store.reconcile.verifyReconcileChain()).toBe(1_001);
  });

  test("without the record of the newest run nothing is recorded behind it", async () => {
    const database = await newDatabase();
    const store = await openStore(database);
    await server.query("DELETE FROM dongbo_control.reconcile_head", database);
    await expect(store.reconcile.recordReconcile(reconcileReport(), "lan")).rejects.toMatchObject({ code: "DB-REC-012" });
  });

  test("RC-07: when a repair is carried out no key is left in the control database", async () => {
    const database = await newDatabase();
    const store = await openStore(database);
    const { id: run } = await store.reconcile.recordReconcile(reconcileReport(), "lan");
    const keys = [keyOf("079000000001")];
    await store.reconcile.recordPlan({ run, subscription: "population/hcm", table: "population.citizen", keys, breaker: null }, "lan");
    const held = `SELECT (SELECT count(keys) FROM dongbo_control.repair_plan)::int AS plans, (SELECT count(keys) FROM dongbo_control.work_order)::int AS orders`;
    const order = await store.reconcile.approvePlan(run, "lan");
    expect(await server.query(held, database)).toEqual([{ plans: 1, orders: 1 }]);
    await store.closeOrder(order, "carried out");
    expect(await server.query(held, database)).toEqual([{ plans: 0, orders: 0 }]);
  });
});

describe("PostgreSQL control store: schema", () => {
  test("processes that start at the same time on an empty database all succeed, and the schema is made once", async () => {
    const database = await newDatabase();
    await Promise.all(Array.from({ length: 8 }, () => openStore(database)));
    expect(await server.query("SELECT count(*)::int AS migrations FROM dongbo_control.migration", database)).toEqual([{ migrations: 9 }]);
  });

  test("a schema of a newer dongbo is left alone and named", async () => {
    const database = await newDatabase();
    await openStore(database);
    await server.query("INSERT INTO dongbo_control.migration (version) VALUES (99)", database);
    await expect(openStore(database)).rejects.toMatchObject({ code: "DB-CTL-004" });
  });

  test.each([
    ["event", "UPDATE dongbo_control.event SET detail = ''"],
    ["event", "DELETE FROM dongbo_control.event"],
    ["event", "TRUNCATE dongbo_control.event"],
    ["applied_configuration", "UPDATE dongbo_control.applied_configuration SET document = ''"],
    ["applied_configuration", "DELETE FROM dongbo_control.applied_configuration"],
    ["reconcile_run", "UPDATE dongbo_control.reconcile_run SET record = ''"],
    ["reconcile_run", "DELETE FROM dongbo_control.reconcile_run"],
    ["reconcile_run", "TRUNCATE dongbo_control.reconcile_run CASCADE"],
  ])("%s is append-only: %s is refused", async (_table, sql) => {
    const database = await newDatabase();
    const store = await openStore(database);
    await store.recordConfiguration({ document: "{}", digest: "aa", by: "lan" }, 0);
    await expect(server.query(sql, database)).rejects.toThrow("append-only");
  });

  test("a role that may not create the schema is told so, without its password", async () => {
    const database = await newDatabase();
    await server.query("CREATE ROLE reader_only LOGIN");
    await expect(PostgresControlStore.open(sessions(database, "reader_only"), systemClock)).rejects.toMatchObject({ code: "DB-CTL-008" });
  });
});

describe("PostgreSQL control store: failures", () => {
  test("a session that the server ended is opened again by the next call", async () => {
    const database = await newDatabase();
    const store = await openStore(database);
    const ended =
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dongbo control' AND datname = current_database()";
    await server.query(ended, database);
    await waitUntil(() => store.lifecycle("population/hcm").catch(() => null), {
      describe: "the store to answer again",
      deadlineMs: 5_000,
    });
  });

  test("a watch survives the server's restart and then reports what changed meanwhile", async () => {
    const database = await newDatabase();
    const store = await openStore(database);
    const controller = new AbortController();
    let calls = 0;
    const watching = store.watch(() => (calls += 1), controller.signal);
    await waitUntil(() => calls > 0, { describe: "the first call" });
    await server.stop("immediate");
    await server.restart();
    const before = calls;
    await waitUntil(
      () =>
        store.park("population/hcm", "too far behind").then(
          () => true,
          () => false,
        ),
      { describe: "the write" },
    );
    await waitUntil(() => calls > before, { describe: "a call after the restart", deadlineMs: 10_000 });
    controller.abort();
    await watching;
  });

  test("it calls at least once a second, also while the server is away", async () => {
    const database = await newDatabase();
    const store = await openStore(database);
    const controller = new AbortController();
    let calls = 0;
    const watching = store.watch(() => (calls += 1), controller.signal);
    await server.stop("immediate");
    const before = calls;
    await waitUntil(() => calls > before + 1, { describe: "two calls while the server is away", deadlineMs: 10_000 });
    await server.restart();
    controller.abort();
    await watching;
  });

  test("an unreachable server is DB-CTL-001, which the engine retries", async () => {
    const tls = { mode: "disable", rootCertificate: null, certificate: null, key: null } as const;
    const nowhere = { kind: "postgres", host: "127.0.0.1", port: 1, database: "x", user: "x", password: null, tls } as const;
    const opening = PostgresControlStore.open((role) => connectPostgres(nowhere, { role }), systemClock);
    await expect(opening).rejects.toMatchObject({ code: "DB-CTL-001" });
  });
});

describe("PostgreSQL control store: running engine", () => {
  const engine: EngineIdentity = { pid: 1, host: "máy-1", version: "0.1.0", startedAt: new Date(0) };

  test("a killed engine's claim is free at once, however long it would have lasted", async () => {
    const database = await newDatabase();
    const store = await openStore(database);
    await store.claimEngine(engine, "refuse");
    const killed = new pg.Client({ connectionString: server.url(database) });
    await killed.connect();
    await killed.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dongbo engine' AND datname = current_database()",
    );
    await killed.end();
    expect(await waitUntil(async () => (await store.engineSeen()) === null, { describe: "the claim to be free" })).toBe(true);
    const next = await (await openStore(database)).claimEngine({ ...engine, pid: 2 }, "refuse");
    expect((await store.engineSeen())?.pid).toBe(2);
    await next.release();
  });

  test("an engine whose session broke renews its claim, unless another one has taken it", async () => {
    const database = await newDatabase();
    const store = await openStore(database);
    const claim = await store.claimEngine(engine, "refuse");
    onTestFinished(() => claim.release());
    const end =
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dongbo engine' AND datname = current_database()";
    await server.query(end, database);
    await waitUntil(async () => (await store.engineSeen()) === null, { describe: "the claim to be lost" });
    expect(await claim.renew()).toBe(true);
    expect((await store.engineSeen())?.pid).toBe(1);
    await server.query(end, database);
    await waitUntil(async () => (await store.engineSeen()) === null, { describe: "the claim to be lost" });
    const other = await (await openStore(database)).claimEngine({ ...engine, pid: 2 }, "refuse");
    onTestFinished(() => other.release());
    expect(await claim.renew()).toBe(false);
    expect(await claim.renew()).toBe(false);
  });
});
