// What `dongbo status`, its exit code and /healthz say when the source does not give what it should: the code, the cause and
// the remedy, while the engine runs and after it was stopped, and never a copy that looks as if it were supplied.
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import { type Cluster, roles, runSql, startCluster } from "../support/cluster.ts";
import type { DongboProcess } from "../support/dongbo-process.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { testFolder } from "../support/test-run.ts";
import { waitUntil } from "../support/wait-until.ts";
import { Stage, type StageOptions } from "./stage.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ targets: [] });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

const citizen = { source: "public.citizen", target: "population.citizen", key: ["id"], columns: ["id", "full_name"] };
const tables = [
  "CREATE TABLE public.citizen (id int PRIMARY KEY, full_name text)",
  "INSERT INTO public.citizen SELECT i, 'Nguyễn ' || i FROM generate_series(1, 100) AS i",
];
const publication = "CREATE PUBLICATION dongbo_population FOR TABLE public.citizen WITH (publish_via_partition_root = true)";

function options(name: string, changes: Partial<StageOptions> = {}): StageOptions {
  return { name, master: tables, shares: { population: [citizen] }, copies: [{ target: "hcm", share: "population" }], ...changes };
}

interface Problem {
  readonly code: string;
  readonly cause: string;
  readonly remedy: string;
}

interface Report {
  readonly sources: readonly { readonly problem: Problem | null }[];
  readonly subscriptions: readonly {
    readonly problem: Problem | null;
    readonly tables: readonly { readonly stopped: { code: string } | null }[];
  }[];
}

/** Both forms of `status` name the code with a remedy, the copy's line does not say valid, and the exit code is 5. */
async function expectTold(stage: Stage, code: string): Promise<void> {
  const told = await stage.home.run(["status"]);
  expect(told.stdout, told.stderr).toContain(`${code}: `);
  expect(told.stdout).toMatch(/^population\/hcm +\S+ +(stopped|retrying) /m);
  expect(told.code).toBe(5);
  const report = await stage.home.json<Report>(["status"], [5]);
  const [subscription] = report.subscriptions;
  const stops = subscription?.tables.map(({ stopped }) => stopped?.code) ?? [];
  expect([subscription?.problem?.code, ...stops]).toContain(code);
  if (subscription?.problem !== null) expect(subscription?.problem.remedy).toMatch(/\w/);
}

/** What /healthz answers: the codes of its reasons; empty when all is well, or before it listens. */
async function unhealthy(engine: DongboProcess): Promise<string[]> {
  const url = /"listening":"([^"]+)"/.exec(engine.stderr)?.[1];
  if (url === undefined) return [];
  const answer = await fetch(`${url}/healthz`);
  const { reasons } = (await answer.json()) as { reasons: { code: string | null; remedy: string }[] };
  expect(answer.status).toBe(reasons.length === 0 ? 200 : 503);
  return reasons.map(({ code }) => code ?? "");
}

async function expectUnhealthy(engine: DongboProcess, code: string): Promise<void> {
  await waitUntil(async () => (await unhealthy(engine)).includes(code), {
    describe: `/healthz to name ${code}`,
    detail: () => engine.describe(),
  });
}

/** Takes the slot away from whoever reads from it. */
async function dropSlot(stage: Stage): Promise<void> {
  await waitUntil(
    () =>
      stage
        .onMasterAsSuperuser(
          `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '${stage.slot}' AND active`,
          `SELECT pg_drop_replication_slot('${stage.slot}')`,
        )
        .then(
          () => true,
          () => false,
        ),
    { describe: "the slot to be dropped", everyMs: 5 },
  );
}

async function streaming(stage: Stage): Promise<DongboProcess> {
  const engine = stage.start();
  await stage.shows("hcm", "SELECT count(*) AS n FROM population.citizen", [["100"]]);
  return engine;
}

async function contentStatus(stage: Stage): Promise<void> {
  let said = "";
  await waitUntil(
    async () => {
      const status = await stage.home.run(["status"]);
      said = status.stdout;
      return status.code === 0;
    },
    { describe: "status to be content", detail: () => `${said}\n${stage.start().describe()}` },
  );
}

interface Trouble {
  readonly name: string;
  readonly code: string;
  readonly make: (stage: Stage) => Promise<unknown>;
}

const troubles: readonly Trouble[] = [
  { name: "the slot was dropped", code: "DB-SLOT-001", make: dropSlot },
  {
    name: "the slot was dropped and made again",
    code: "DB-SLOT-005",
    make: async (stage) => {
      await stage.kill();
      await dropSlot(stage);
      await stage.onMaster("INSERT INTO public.citizen VALUES (101, 'Mất')");
      await stage.onMasterAsSuperuser(`SELECT pg_create_logical_replication_slot('${stage.slot}', 'pgoutput')`);
      stage.start();
    },
  },
  { name: "the publication was dropped", code: "DB-SLOT-007", make: (stage) => stage.onMaster("DROP PUBLICATION dongbo_population") },
  {
    name: "a table was taken out of the publication",
    code: "DB-PG-032",
    make: (stage) => stage.onMaster("ALTER PUBLICATION dongbo_population DROP TABLE public.citizen"),
  },
  {
    name: "deletes are not published any more",
    code: "DB-PG-032",
    make: (stage) => stage.onMaster("ALTER PUBLICATION dongbo_population SET (publish = 'insert, update, truncate')"),
  },
  {
    name: "the table was renamed",
    code: "DB-MAP-030",
    make: (stage) => stage.onMaster("ALTER TABLE public.citizen RENAME TO citizens"),
  },
];

describe("told by status while the engine runs and after it was stopped", () => {
  test.each(troubles.map((trouble, index) => ({ ...trouble, index })))("$name: $code", async ({ code, make, index }) => {
    await using stage = await Stage.create(cluster, options(`live${index}`));
    await streaming(stage);
    expect(await stage.home.run(["status"])).toMatchObject({ code: 0 });
    await make(stage);
    await expectTold(stage, code);
    const engine = stage.start();
    // A table that was renamed streams on until it changes; everything else the engine meets by itself.
    if (code !== "DB-MAP-030") await expectUnhealthy(engine, code);
    await stage.kill();
    await expectTold(stage, code);
    const again = stage.start();
    await expectUnhealthy(again, code);
    await expectTold(stage, code);
    const explained = await stage.home.run(["explain", "population/hcm"]);
    expect(explained.stdout).toContain(code);
  });
});

test("a slot that is lost is no trouble of a copy that starts anew, and status is content again once it has", async () => {
  await using stage = await Stage.create(cluster, options("anew"));
  await streaming(stage);
  await dropSlot(stage);
  await stage.command("resync", "population/hcm");
  await stage.shows("hcm", "SELECT count(*) AS n FROM population.citizen", [["100"]]);
  await contentStatus(stage);
});

test("a password that became wrong, and a source that is away: DB-PG-002, DB-PG-001", async () => {
  await using proxy = await TcpProxy.start({ host: "127.0.0.1", port: cluster.source.port });
  const url = cluster.source.url("m_away", roles.source, null).replace(`:${cluster.source.port}/`, `:${proxy.port}/`);
  await using stage = await Stage.create(cluster, options("away", { urls: { master: url } }));
  await streaming(stage);
  await stage.onMasterAsSuperuser(`ALTER ROLE ${roles.source} NOLOGIN`);
  try {
    proxy.cutAll();
    await expectTold(stage, "DB-PG-002");
    await expectUnhealthy(stage.start(), "DB-PG-002");
  } finally {
    await stage.onMasterAsSuperuser(`ALTER ROLE ${roles.source} LOGIN`);
  }
  await proxy.refuse();
  proxy.cutAll();
  await expectTold(stage, "DB-PG-001");
  await stage.kill();
  await expectTold(stage, "DB-PG-001");
});

test("another server under the source's address is DB-SLOT-004, and the copy goes on when the address is right again", async () => {
  // Not from the template: its servers share their system identifier.
  const other = await EmbeddedPostgres.start({
    dataDir: join(testFolder("other"), "data"),
    settings: { wal_level: "logical", fsync: "off" },
  });
  try {
    await runSql(
      other.url(),
      `CREATE ROLE ${roles.owner} LOGIN`,
      `CREATE ROLE ${roles.source} LOGIN REPLICATION`,
      "CREATE DATABASE m_other",
    );
    const master = other.url("m_other");
    await runSql(master, ...tables, publication, `GRANT SELECT ON public.citizen TO ${roles.source}`);
    await using proxy = await TcpProxy.start({ host: "127.0.0.1", port: cluster.source.port });
    const url = cluster.source.url("m_other", roles.source, null).replace(`:${cluster.source.port}/`, `:${proxy.port}/`);
    await using stage = await Stage.create(cluster, options("other", { urls: { master: url } }));
    await streaming(stage);
    proxy.leadTo({ host: "127.0.0.1", port: other.port });
    proxy.cutAll();
    await expectTold(stage, "DB-SLOT-004");
    await expectUnhealthy(stage.start(), "DB-SLOT-004");
    await stage.kill();
    await expectTold(stage, "DB-SLOT-004");
    await expectUnhealthy(stage.start(), "DB-SLOT-004");
    await expectTold(stage, "DB-SLOT-004");
    // Nothing was made on the wrong server, and nothing was lost on the right one.
    expect(await runSql(master, "SELECT FROM pg_replication_slots")).toHaveLength(0);
    await stage.onMaster("INSERT INTO public.citizen VALUES (101, 'Trong lúc nhầm máy')");
    proxy.leadTo({ host: "127.0.0.1", port: cluster.source.port });
    proxy.cutAll();
    await stage.shows("hcm", "SELECT count(*) AS n FROM population.citizen", [["101"]]);
    await contentStatus(stage);
  } finally {
    await other.destroy();
  }
});

describe("servers of their own", () => {
  test("a slot that was invalidated is DB-SLOT-002; a server that stopped logging what is needed is DB-PG-012", async () => {
    await using own = await startCluster({
      targets: [],
      sourceSettings: { max_slot_wal_keep_size: "1MB", min_wal_size: "32MB", max_wal_size: "32MB" },
    });
    await using stage = await Stage.create(own, options("removed"));
    await stage.catchUp();
    expect((await stage.home.run(["status"])).code).toBe(0);
    for (let segment = 0; segment < 5; segment++)
      await stage.onMasterAsSuperuser("SELECT pg_switch_wal(), pg_logical_emit_message(false, 'x', 'y')");
    await stage.onMasterAsSuperuser("CHECKPOINT");
    await expectTold(stage, "DB-SLOT-002");
    await expectUnhealthy(stage.start(), "DB-SLOT-002");
    await expectTold(stage, "DB-SLOT-002");
    await stage.kill();
    await expectTold(stage, "DB-SLOT-002");
    await stage.onMasterAsSuperuser(`SELECT pg_drop_replication_slot('${stage.slot}')`);
    await own.source.stop();
    await own.source.restart({ wal_level: "replica" });
    await expectTold(stage, "DB-PG-012");
    await expectUnhealthy(stage.start(), "DB-PG-012");
    await stage.kill();
    await expectTold(stage, "DB-PG-012");
  });
});
