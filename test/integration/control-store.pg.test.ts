import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { connectPostgres } from "../../connectors/postgres/postgres-client.ts";
import { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import { systemClock } from "../../deploy/processes/system-clock.ts";
import type { OpenControlSession } from "../../engine/control-store/control-session.ts";
import { PostgresControlStore } from "../../engine/control-store/postgres-control-store.ts";
import type { EngineIdentity } from "../../engine/ports/control-commands.ts";
import { describeControlStore } from "../conformance/control-store.ts";
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

describeControlStore("PostgreSQL control store", async () => {
  const database = await newDatabase();
  return { store: await openStore(database), another: () => openStore(database) };
});

describe("PostgreSQL control store: schema", () => {
  test("processes that start at the same time on an empty database all succeed, and the schema is made once", async () => {
    const database = await newDatabase();
    await Promise.all(Array.from({ length: 8 }, () => openStore(database)));
    expect(await server.query("SELECT count(*)::int AS migrations FROM dongbo_control.migration", database)).toEqual([{ migrations: 5 }]);
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
