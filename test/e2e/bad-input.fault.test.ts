// What users and servers do wrong: each time a coded message with a remedy, nothing lost, and equality once it is mended.
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Cluster, roles, runSql, startCluster } from "../support/cluster.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { testFolder } from "../support/test-run.ts";
import { Stage, type StageOptions } from "./stage.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ targets: [] });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

const citizen = {
  source: "public.citizen",
  target: "population.citizen",
  key: ["id"],
  columns: ["id", "full_name"],
};
const count = "SELECT count(*) AS n FROM population.citizen";

function options(name: string, changes: Partial<StageOptions> = {}): StageOptions {
  return {
    name,
    master: [
      "CREATE TABLE public.citizen (id int PRIMARY KEY, full_name text)",
      "INSERT INTO public.citizen SELECT i, 'Nguyễn ' || i FROM generate_series(1, 100) AS i",
    ],
    shares: { population: [citizen] },
    copies: [{ target: "hcm", share: "population" }],
    ...changes,
  };
}

/** An account that must give a password: others in the cluster are trusted. */
async function demandPassword(url: string, role: string): Promise<void> {
  const [found] = await runSql(url, "SHOW hba_file");
  const file = String(found?.["hba_file"]);
  writeFileSync(file, `host all ${role} 127.0.0.1/32 scram-sha-256\n${readFileSync(file, "utf8")}`);
  await runSql(url, `CREATE ROLE ${role} LOGIN REPLICATION PASSWORD 'đúng'`, "SELECT pg_reload_conf()");
}

interface Mistake {
  readonly name: string;
  /** What a run says; null: only `check` does. */
  readonly codes: RegExp | null;
  readonly options?: Partial<StageOptions>;
  readonly make: (stage: Stage) => Promise<unknown>;
  readonly mend: (stage: Stage) => Promise<unknown>;
}

const mistakes: readonly Mistake[] = [
  {
    name: "no SELECT on the table",
    codes: /DB-PG-003/,
    make: (stage) => stage.onMaster(`REVOKE SELECT ON public.citizen FROM ${roles.source}`),
    mend: (stage) => stage.onMaster(`GRANT SELECT ON public.citizen TO ${roles.source}`),
  },
  {
    name: "no REPLICATION",
    codes: /DB-PG-003/,
    make: (stage) => stage.onMasterAsSuperuser(`ALTER ROLE ${roles.source} NOREPLICATION`),
    mend: (stage) => stage.onMasterAsSuperuser(`ALTER ROLE ${roles.source} REPLICATION`),
  },
  {
    name: "no LOGIN at the source",
    codes: /DB-PG-00[23]/,
    make: (stage) => stage.onMasterAsSuperuser(`ALTER ROLE ${roles.source} NOLOGIN`),
    mend: (stage) => stage.onMasterAsSuperuser(`ALTER ROLE ${roles.source} LOGIN`),
  },
  {
    name: "a table without key",
    codes: /DB-MAP-032/,
    make: (stage) => stage.onMaster("ALTER TABLE public.citizen DROP CONSTRAINT citizen_pkey"),
    mend: (stage) => stage.onMaster("ALTER TABLE public.citizen ADD PRIMARY KEY (id)"),
  },
  {
    name: "replica identity nothing",
    // It is the master's own updates that fail then; a run has nothing to say of it before a change comes.
    codes: null,
    make: (stage) => stage.onMaster("ALTER TABLE public.citizen REPLICA IDENTITY NOTHING"),
    mend: (stage) => stage.onMaster("ALTER TABLE public.citizen REPLICA IDENTITY DEFAULT"),
  },
  {
    name: "a table that does not exist",
    codes: /DB-MAP-030/,
    make: (stage) => stage.onMaster("ALTER TABLE public.citizen RENAME TO citizens"),
    mend: (stage) => stage.onMaster("ALTER TABLE public.citizens RENAME TO citizen"),
  },
  {
    name: "no publication",
    codes: /DB-SLOT-007/,
    make: (stage) => stage.onMaster("DROP PUBLICATION dongbo_population"),
    mend: (stage) =>
      stage.onMaster("CREATE PUBLICATION dongbo_population FOR TABLE public.citizen WITH (publish_via_partition_root = true)"),
  },
  {
    name: "a publication without the table",
    codes: /DB-PG-032/,
    make: (stage) => stage.onMaster("ALTER PUBLICATION dongbo_population DROP TABLE public.citizen"),
    mend: (stage) => stage.onMaster("ALTER PUBLICATION dongbo_population ADD TABLE public.citizen"),
  },
  {
    name: "a publication that hides a shared column",
    codes: /DB-PG-032/,
    make: (stage) => stage.onMaster("ALTER PUBLICATION dongbo_population SET TABLE public.citizen (id)"),
    mend: (stage) => stage.onMaster("ALTER PUBLICATION dongbo_population SET TABLE public.citizen"),
  },
  {
    name: "a publication with a row filter",
    codes: /DB-PG-032/,
    make: (stage) => stage.onMaster("ALTER PUBLICATION dongbo_population SET TABLE public.citizen WHERE (id > 50)"),
    mend: (stage) => stage.onMaster("ALTER PUBLICATION dongbo_population SET TABLE public.citizen"),
  },
  {
    name: "row security that hides rows",
    codes: /DB-PG-003|DB-PG-031/,
    make: (stage) => stage.onMaster("ALTER TABLE public.citizen ENABLE ROW LEVEL SECURITY"),
    mend: (stage) => stage.onMaster("ALTER TABLE public.citizen DISABLE ROW LEVEL SECURITY"),
  },
  {
    name: "a target database that dongbo may not create schemas in",
    codes: /DB-TGT-003|DB-PG-003/,
    make: (stage) => stage.onTarget("hcm", `ALTER DATABASE "${stage.databaseOf("hcm")}" OWNER TO postgres`),
    mend: (stage) => stage.onTarget("hcm", `ALTER DATABASE "${stage.databaseOf("hcm")}" OWNER TO ${roles.target}`),
  },
  {
    name: "a target that is read-only",
    codes: /DB-PG-008/,
    make: (stage) => stage.onTarget("hcm", `ALTER DATABASE "${stage.databaseOf("hcm")}" SET default_transaction_read_only = on`),
    mend: (stage) =>
      stage.onTarget(
        "hcm",
        "SET default_transaction_read_only = off",
        `ALTER DATABASE "${stage.databaseOf("hcm")}" RESET default_transaction_read_only`,
      ),
  },
  {
    name: "a table of somebody else's under the view's name",
    codes: /DB-TGT-005/,
    make: (stage) =>
      stage.onTarget(
        "hcm",
        "CREATE SCHEMA population",
        "CREATE TABLE population.citizen (id int)",
        "GRANT ALL ON SCHEMA population TO PUBLIC",
      ),
    mend: (stage) => stage.onTarget("hcm", "DROP SCHEMA population CASCADE"),
  },
  {
    name: "a reader that does not exist",
    codes: /DB-TGT-011/,
    make: (stage) => stage.onTarget("hcm", `ALTER ROLE ${roles.reader} RENAME TO somebody`),
    mend: (stage) => stage.onTarget("hcm", `ALTER ROLE somebody RENAME TO ${roles.reader}`),
  },
];

describe("before the first load", () => {
  test.each(mistakes.map((mistake, index) => ({ ...mistake, index })))("$name", async ({ codes, make, mend, index, options: changes }) => {
    await using stage = await Stage.create(cluster, options(`early${index}`, changes));
    await make(stage);
    try {
      const engine = stage.start();
      if (codes !== null) await engine.waitForOutput(codes, 15_000);
      // Said with its remedy, and not taken for a copy.
      if (codes !== null) expect(await stage.read("hcm", count)).toEqual(expect.stringMatching(/^(DB001|42P01|3F000|42501|28000)$/));
      const check = await stage.home.run(["check"]);
      expect(`${check.stdout}${check.stderr}`, "by check").toMatch(/DB-[A-Z]+-\d{3}/);
      expect(check.code, "check leaves with").toBe(1);
      await stage.kill();
    } finally {
      await mend(stage);
    }
    // The engine that stays up, or the next one: either needs nothing but the mending.
    await stage.catchUp();
    expect(await stage.differences("hcm", citizen)).toEqual([]);
  });

  // Rows that the master deletes would stay in a copy that is called valid.
  test("a publication without deletes is refused", async () => {
    await using stage = await Stage.create(cluster, options("partial"));
    await stage.onMaster("ALTER PUBLICATION dongbo_population SET (publish = 'insert, update')");
    await stage.start().waitForOutput(/DB-PG-032/, 60_000);
  });

  test("a wrong password at the source and at the target", async () => {
    await Promise.all([demandPassword(cluster.source.url(), "secretive"), demandPassword(cluster.target.url(), "secretive")]);
    await using stage = await Stage.create(
      cluster,
      options("password", { urls: { hcm: cluster.target.url("password_hcm", "secretive", "sai mật khẩu") } }),
    );
    const engine = stage.start();
    await engine.waitForOutput(/DB-PG-002/, 15_000);
    expect(engine.stdout + engine.stderr).not.toMatch(/sai|m%E1/);
    const source = await Stage.create(
      cluster,
      options("password2", { urls: { master: cluster.source.url("m_password2", "secretive", "sai mật khẩu") } }),
    );
    await using second = source;
    const other = second.start();
    await other.waitForOutput(/DB-PG-002/, 15_000);
    expect(other.stdout + other.stderr).not.toMatch(/sai|m%E1/);
    const finished = await second.home.run(["status", "--json"]);
    expect(finished.stdout).toContain("DB-PG-002");
  });
});

describe("under a running engine", () => {
  test("a slot that is dropped: nothing goes on as if nothing had been lost; resync brings equality", async () => {
    await using stage = await Stage.create(cluster, options("slot"));
    await stage.catchUp();
    await stage.onMaster("INSERT INTO public.citizen VALUES (101, 'Trước')");
    await stage.onMasterAsSuperuser(`SELECT pg_drop_replication_slot('${stage.slot}')`);
    await stage.onMaster("DELETE FROM public.citizen WHERE id = 5");
    const caughtUp = await stage.home.run(["run", "--until-caught-up"], 60_000);
    expect(caughtUp.stderr).toMatch(/DB-SLOT-00[15]/);
    expect(caughtUp.code, "an engine that lost changes is not caught up").not.toBe(0);
    const before = await stage.record("hcm", "population.citizen");
    const engine = stage.start();
    await engine.waitForOutput(/DB-SLOT-00[15]/);
    expect(await stage.record("hcm", "population.citizen")).toMatchObject({ last_sync_at: before?.["last_sync_at"] });
    await stage.command("resync", "population/hcm");
    await stage.shows("hcm", `${count} WHERE id = 101`, [["1"]], 60_000);
    await stage.stop();
    expect(await stage.differences("hcm", citizen)).toEqual([]);
  });

  test("a target that becomes read-only while rows stream, and comes back", async () => {
    await using stage = await Stage.create(cluster, options("readonly"));
    const engine = stage.start();
    await stage.shows("hcm", count, [["100"]]);
    const database = stage.databaseOf("hcm");
    await stage.onTarget(
      "hcm",
      `ALTER DATABASE "${database}" SET default_transaction_read_only = on`,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database}' AND pid <> pg_backend_pid()`,
    );
    await stage.onMaster("INSERT INTO public.citizen VALUES (101, 'Trong lúc chỉ đọc')");
    await engine.waitForOutput(/DB-PG-008/);
    await stage.onTarget(
      "hcm",
      "SET default_transaction_read_only = off",
      `ALTER DATABASE "${database}" RESET default_transaction_read_only`,
    );
    await stage.shows("hcm", count, [["101"]], 60_000);
    await stage.stop();
    expect(await stage.differences("hcm", citizen)).toEqual([]);
  });

  test("a target that cannot be reached, and then can; and a source likewise", async () => {
    await using target = await TcpProxy.start({ host: "127.0.0.1", port: cluster.target.port });
    await using source = await TcpProxy.start({ host: "127.0.0.1", port: cluster.source.port });
    await target.refuse();
    await using stage = await Stage.create(
      cluster,
      options("away", {
        urls: {
          hcm: cluster.target.url("away_hcm", roles.target, null).replace(`:${cluster.target.port}/`, `:${target.port}/`),
          master: cluster.source.url("m_away", roles.source, null).replace(`:${cluster.source.port}/`, `:${source.port}/`),
        },
      }),
    );
    const engine = stage.start();
    await engine.waitForOutput(/DB-PG-001/);
    const status = await stage.home.run(["status"]);
    expect(status.code).toBe(5);
    expect(status.stdout).toContain("DB-PG-001");
    await target.accept();
    await stage.shows("hcm", count, [["100"]]);
    await source.refuse();
    source.cutAll();
    await stage.onMaster("INSERT INTO public.citizen VALUES (101, 'Trong lúc đứt')");
    await engine.waitForOutput(/source retries.*|DB-PG-001.*source/);
    await source.accept();
    await stage.shows("hcm", count, [["101"]], 60_000);
    await stage.stop();
    expect(await stage.differences("hcm", citizen)).toEqual([]);
  });
});

describe("servers of their own", () => {
  test("wal_level=replica is named before anything is made; logical and a restart are all it takes", async () => {
    await using own = await startCluster({ targets: [], sourceSettings: { wal_level: "replica" } });
    await using stage = await Stage.create(own, options("level"));
    const engine = stage.start();
    await engine.waitForOutput(/DB-PG-012/);
    await own.source.stop();
    await own.source.restart({ wal_level: "logical" });
    // The same engine goes on by itself.
    await stage.shows("hcm", count, [["100"]], 60_000);
    await stage.stop();
    expect(await stage.differences("hcm", citizen)).toEqual([]);
  });

  test("WAL that the master has removed: a coded stop, and resync brings equality; a restarted master is followed on", async () => {
    await using own = await startCluster({
      targets: [],
      sourceSettings: { max_slot_wal_keep_size: "1MB", min_wal_size: "32MB", max_wal_size: "32MB" },
    });
    await using stage = await Stage.create(own, options("removed"));
    const first = stage.start();
    await stage.shows("hcm", count, [["100"]]);
    await own.source.stop();
    await own.source.restart();
    await stage.onMaster("INSERT INTO public.citizen VALUES (101, 'Sau khi khởi động lại')");
    await stage.shows("hcm", count, [["101"]], 60_000);
    expect(first.exit).toBeNull();
    await stage.stop();
    await stage.onMaster("DELETE FROM public.citizen WHERE id = 7");
    for (let segment = 0; segment < 5; segment++)
      await stage.onMasterAsSuperuser("SELECT pg_switch_wal(), pg_logical_emit_message(false, 'x', 'y')");
    await stage.onMasterAsSuperuser("CHECKPOINT");
    const engine = stage.start();
    await engine.waitForOutput(/DB-SLOT-002/);
    await stage.command("resync", "population/hcm");
    await stage.shows("hcm", count, [["100"]], 60_000);
    await stage.onMaster("INSERT INTO public.citizen VALUES (102, 'Tiếp')");
    await stage.shows("hcm", count, [["101"]]);
    await stage.stop();
    expect(await stage.differences("hcm", citizen)).toEqual([]);
  });

  const isRoot = process.getuid?.() === 0;
  if (!isRoot) console.warn("SKIPPED: a target's full disk needs root, for a small file system of its own");
  test.skipIf(!isRoot)("a target whose disk is full holds nothing up for ever: with room again it goes on by itself", async () => {
    const folder = join(testFolder("disk"), "small");
    mkdirSync(folder);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=24m", "tmpfs", folder]);
    try {
      const owner = statSync(cluster.target.dataDir);
      execFileSync("chown", [`${owner.uid}:${owner.gid}`, folder]);
      chmodSync(folder, 0o700);
      await runSql(cluster.target.url(), `CREATE TABLESPACE small LOCATION '${folder}'`);
      await using stage = await Stage.create(cluster, options("disk"));
      await runSql(cluster.target.url(), `ALTER DATABASE "${stage.databaseOf("hcm")}" SET TABLESPACE small`);
      const engine = stage.start();
      await stage.shows("hcm", count, [["100"]]);
      await stage.onMaster("INSERT INTO public.citizen SELECT i, repeat(md5(i::text), 20) FROM generate_series(1000, 41000) AS i");
      await engine.waitForOutput(/DB-PG-007/, 60_000);
      execFileSync("mount", ["-o", "remount,size=300m", folder]);
      await stage.shows("hcm", count, [["40101"]], 60_000);
      await stage.stop();
      expect(await stage.differences("hcm", citizen)).toEqual([]);
      await runSql(cluster.target.url(), `DROP DATABASE "${stage.databaseOf("hcm")}" WITH (FORCE)`, "DROP TABLESPACE small");
    } finally {
      execFileSync("umount", ["-l", folder]);
    }
  });
});
