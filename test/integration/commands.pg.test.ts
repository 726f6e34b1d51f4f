// The commands against real servers, inside this process: one master, two provinces.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Cluster, masterDatabase, roles, runSql, startCluster } from "../support/cluster.ts";
import { type CopyPlan, populationConfig, populationEnvironment, type TableShare } from "../support/population-config.ts";
import { type CommandOutcome, runCommand } from "../support/run-command.ts";
import { testFolder } from "../support/test-run.ts";
import { waitUntil } from "../support/wait-until.ts";

let cluster: Cluster;
let folder: string;
let config: string;
let environment: Record<string, string>;

const citizen = {
  source: "public.citizen",
  target: "population.citizen",
  key: ["personal_id"],
  columns: ["personal_id", "full_name"],
  where: { all: [{ province_code: { in: "$provinces" } }, { deleted: { eq: "false" } }] },
};
/** Leaves key and columns to what the source has. */
const province = { source: "public.province", target: "population.province" } as TableShare;

const hcm: CopyPlan = { target: "hcm", share: "population", parameters: { provinces: ["79"] } };
const hue: CopyPlan = { target: "hue", share: "population", parameters: { provinces: ["46"] } };

/** Writes dongbo.yaml with these copies; everything else as given. */
function configure(copies: readonly CopyPlan[], change: object = {}): void {
  const plan = populationConfig({ shares: { population: [citizen, province] }, copies });
  const all = populationConfig({ shares: {}, copies: [hcm, hue] }) as { targets: object };
  writeFileSync(config, JSON.stringify({ ...plan, targets: all.targets, ...change }));
}

function dongbo(...parameters: string[]): Promise<CommandOutcome> {
  return runCommand([...parameters, "--config", config], { environment });
}

async function json<Answer>(...parameters: string[]): Promise<Answer> {
  const { stdout, stderr } = await dongbo(...parameters, "--json");
  try {
    return JSON.parse(stdout) as Answer;
  } catch (error) {
    throw new Error(`${parameters.join(" ")}: ${stdout}${stderr}`, { cause: error });
  }
}

interface Status {
  readonly engine: object | null;
  readonly sources: { id: string; retained_bytes: number | null }[];
  readonly subscriptions: {
    id: string;
    share_state: string;
    copy_state: string;
    usable: boolean;
    reason: string | null;
    lag_seconds: number | null;
    last_sync_at: string;
    position: string;
    tables: { target: string; rows: number }[];
    problem: { code: string } | null;
    pending_orders: { kind: string; table: string | null }[];
    suspended: { reason: string } | null;
  }[];
}

beforeAll(async () => {
  cluster = await startCluster({ targets: ["hcm", "hue"] });
  await cluster.onMaster("CREATE TABLE province (code text PRIMARY KEY, name text NOT NULL)");
  await cluster.onMaster(
    "CREATE TABLE citizen (personal_id text PRIMARY KEY, full_name text NOT NULL, province_code text, deleted boolean NOT NULL DEFAULT false)",
  );
  await cluster.onMaster("INSERT INTO province VALUES ('79', 'Thành phố Hồ Chí Minh'), ('46', 'Thành phố Huế'), ('01', 'Hà Nội')");
  await cluster.onMaster(
    `INSERT INTO citizen SELECT to_char(n, 'FM000000'), 'Công dân ' || n, (ARRAY['79', '46', '01', NULL])[n % 4 + 1], n % 100 = 0
     FROM generate_series(1, 1000) AS n`,
  );
  await cluster.onMaster("ANALYZE");
  await cluster.publish("population", ["public.citizen", "public.province"]);
  folder = testFolder("commands");
  config = join(folder, "dongbo.yaml");
  environment = populationEnvironment(cluster, ["hcm", "hue"]);
  configure([hcm]);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

describe("check", () => {
  test("an installation without grant and publication: the SQL that it prints mends it", async () => {
    await cluster.onMaster("DROP PUBLICATION dongbo_population");
    await cluster.onMaster(`REVOKE SELECT ON citizen FROM ${roles.source}`);
    const { code, stdout, stderr } = await dongbo("check");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^DB-PG-003: public\.citizen: /m);
    expect(stderr).toMatch(/^check: [1-9]\d* errors \(1 source, 2 targets, 1 share\)$/m);
    const { findings } = await json<{ ok: boolean; findings: { code: string; severity: string; sql: string[] }[] }>("check");
    expect(findings.filter(({ severity }) => severity === "error").map((finding) => finding.code)).toContain("DB-PG-003");
    for (const statement of stdout.split("\n").filter((line) => line !== "" && !line.startsWith("--")))
      await runSql(cluster.source.url(masterDatabase), statement);
    const again = await dongbo("check");
    expect(again.code).toBe(0);
    expect(again.stdout).not.toMatch(/^GRANT|PUBLICATION/m);
    expect(again.stderr).toContain("check: nothing is in the way (1 source, 2 targets, 1 share)\n");
    expect(await json("check")).toMatchObject({ ok: true });
  });

  test("the SQL stands under the server where it belongs, also when two servers lack the same", async () => {
    const plan = populationConfig({ shares: { population: [citizen, province] }, copies: [hcm, hue] });
    writeFileSync(config, JSON.stringify(plan).replaceAll(`"${roles.reader}"`, '"new_reader"'));
    const { code, stdout, stderr } = await dongbo("check");
    configure([hcm]);
    expect(code).toBe(1);
    const [hcmAt, hueAt] = ["hcm", "hue"].map((target) => `-- at target ${target}, 127.0.0.1:${cluster.target.port}/${target}\n`);
    const statements = (target: string): string => `-- DB-TGT-011 ${target} new_reader\nCREATE ROLE "new_reader";\n`;
    expect(stdout).toContain(`${hcmAt}${statements("hcm")}${hueAt}${statements("hue")}`);
    expect(stderr).toMatch(/^DB-TGT-011: hcm new_reader: .*\nDB-TGT-011: hue new_reader: /m);
  });

  test("everything that is wrong is told at once, in every place, and nobody's password", async () => {
    const broken = {
      ...environment,
      TARGET_HCM_URL: "postgres://x:canary-7f@127.0.0.1:1/x",
      CONTROL_URL: "postgres://x:canary-7f@127.0.0.1:1/x",
    };
    const gone = { ...citizen, source: "public.citizens" };
    writeFileSync(config, JSON.stringify(populationConfig({ shares: { population: [gone, province] }, copies: [hcm] })));
    const { code, stdout, stderr } = await runCommand(["check", "--config", config], { environment: broken });
    configure([hcm]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^DB-CTL-001: |^DB-PG-001: /m);
    expect(stderr).toMatch(/^DB-MAP-030: public\.citizens: /m);
    expect(stdout + stderr).not.toContain("canary-7f");
  });
});

describe("commands, in the order of a first day", () => {
  test("status before anything has run: agreed, never synced, nothing broken", async () => {
    const { code, stdout } = await dongbo("status");
    expect(stdout).toMatch(/^population\/hcm +no +never_synced +never/m);
    expect(stdout).toContain("engine: not running");
    expect(code).toBe(0);
  });

  test("plan counts what would be disclosed and changes nothing", async () => {
    interface Plan {
      version: object;
      changes: { subscription: string; change: string; tables: { table: string; rows_disclosed: number; columns_added: string[] }[] }[];
    }
    const plan = await json<Plan>("plan");
    expect(plan.version).toEqual({ in_force: 0, next: 1 });
    expect(plan.changes).toMatchObject([{ subscription: "population/hcm", change: "added" }]);
    expect(plan.changes[0]?.tables).toMatchObject([
      // 250 citizens of province 79, of which n = 100, 200 … are all deleted ones.
      { table: "population.citizen", rows_disclosed: 240, rows_withdrawn: 0, columns_added: ["personal_id", "full_name"] },
      { table: "population.province", rows_disclosed: 3, columns_added: ["code", "name"] },
    ]);
    expect(await json("plan")).toMatchObject({ version: { in_force: 0 } });
  });

  test("run until caught up loads the copy, tells what it applied, and leaves with 0", async () => {
    const { code, stdout, stderr } = await dongbo("run", "--until-caught-up");
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("configuration applied as version 1\n");
    expect(stdout).toContain("  population/hcm population.province: subscription added +code +name\n");
  });

  test("status shows the copy as usable, read from the target while no engine runs", async () => {
    const { code, stdout } = await dongbo("status", "--json");
    expect(code).toBe(0);
    const status = JSON.parse(stdout) as Status;
    expect(status.engine).toBeNull();
    expect(status.sources).toMatchObject([{ id: "population", retained_bytes: expect.any(Number) as number }]);
    expect(status.subscriptions).toMatchObject([
      {
        id: "population/hcm",
        share_state: "ACTIVE",
        copy_state: "VALID",
        usable: true,
        reason: null,
        position: expect.stringMatching(/^[0-9A-F]+\/[0-9A-F]+$/) as string,
        last_sync_at: expect.stringMatching(/Z$/) as string,
        tables: [
          { target: "population.citizen", rows: 240 },
          { target: "population.province", rows: 3 },
        ],
      },
    ]);
  });

  test("plan afterwards has nothing to apply", async () => {
    expect((await dongbo("plan")).stdout).toBe("nothing to apply: version 1 is in force\n");
  });

  test("explain says that the copy is usable, and what is not as it should be", async () => {
    const { code, stdout } = await dongbo("explain", "population/hcm");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^population\/hcm is usable \(last sync /);
    expect(stdout).toContain("  NO  engine: no engine is running\n      → Start `dongbo run`\n");
    expect(stdout).toContain("  ok  table population.citizen: VALID, last sync ");
  });

  test.each([
    ["000004", "it is in the copy, as it should be", { in_master: true, passes_filter: true, failing: [], in_copy: true }],
    [
      "000001",
      "it is not in the copy because it does not pass the filter",
      { passes_filter: false, failing: ["province_code in (79)"], in_copy: false },
    ],
    ["000003", "it is not in the copy because it does not pass the filter", { failing: ["province_code in (79)"] }],
    ["000100", "it is not in the copy because it does not pass the filter", { failing: ["deleted = false"] }],
    ["999999", "it is neither in the master nor in the copy", { in_master: false, passes_filter: null, in_copy: false }],
  ])("explain %s: %s", async (key, verdict, facts) => {
    const answer = await json<{ tables: object[] }>("explain", "population/hcm", key, "--table", "population.citizen");
    expect(answer.tables).toMatchObject([{ table: "population.citizen", verdict, ...facts, problems: [] }]);
    const { stdout } = await dongbo("explain", "population/hcm", key, "--table", "population.citizen");
    expect(stdout.startsWith(`population/hcm population.citizen: ${verdict}\n`)).toBe(true);
    // VL: what is known of a person is not printed, only what was asked with.
    expect(stdout).not.toContain("Công dân");
  });

  test("explain with too many key values is bad usage and names the key", async () => {
    const { code, stderr } = await dongbo("explain", "population/hcm", "000001", "2");
    expect(code).toBe(2);
    expect(stderr).toContain("DB-RUN-023: ");
    expect(stderr).toContain("personal_id");
  });

  test("trace names the batch, the source position and the agreement of a row", async () => {
    interface Trace {
      rows: { table: string; batch: { id: number; kind: string; last_position: string; agreement: string; applied_at: string } }[];
    }
    const trace = await json<Trace>("trace", "population/hcm", "000004", "--table", "population.citizen");
    expect(trace.rows).toMatchObject([{ table: "population.citizen", batch: { kind: "load", agreement: "TT-07/2026" } }]);
    const { stdout } = await dongbo("trace", "population/hcm", "000004");
    expect(stdout).toContain("population/hcm population.citizen\n  batch       ");
    const missing = await dongbo("trace", "population/hcm", "000001");
    expect(missing.code).toBe(1);
    expect(missing.stderr).toMatch(/^DB-RUN-026: population\/hcm: the row is not in the copy\. /);
  });

  test("a changed row is traced to its source transaction", async () => {
    await cluster.onMaster("UPDATE citizen SET full_name = 'Đã đổi' WHERE personal_id = '000004'");
    expect((await dongbo("run", "--until-caught-up")).code).toBe(0);
    const trace = await json<{ rows: { batch: { kind: string; transactions: number; source_time_last: string } }[] }>(
      "trace",
      "population/hcm",
      "000004",
    );
    expect(trace.rows[0]?.batch).toMatchObject({ kind: "stream", transactions: 1 });
    expect(Date.now() - Date.parse(trace.rows[0]?.batch.source_time_last ?? "")).toBeLessThan(60_000);
  });

  test("suspend is recorded with its reason and shown; the copy stays usable; resume takes it back", async () => {
    const { code, stdout } = await dongbo("suspend", "population", "--reason", "maintenance");
    expect(code).toBe(0);
    expect(stdout).toBe("population/hcm: suspended for maintenance; no engine is running: the next `dongbo run` stops supplying it\n");
    const [subscription] = (await json<Status>("status")).subscriptions;
    expect(subscription).toMatchObject({ share_state: "SUSPENDED", usable: true, suspended: { reason: "maintenance" } });
    expect((await dongbo("explain", "population/hcm")).stdout).toContain("  NO  supply: suspended for maintenance since ");
    expect((await dongbo("resume", "population/hcm")).stdout).toContain("population/hcm: resumed; ");
    expect((await dongbo("resume", "population/hcm")).stdout).toBe("population/hcm: was not suspended\n");
  });

  test("an order waits until a run has carried it out", async () => {
    const { stdout } = await dongbo("resync", "population/hcm", "--table", "population.province");
    expect(stdout).toContain("population/hcm: resync of population.province is ordered; no engine is running");
    expect((await json<Status>("status")).subscriptions[0]?.pending_orders).toEqual([{ kind: "resync", table: "population.province" }]);
    expect((await dongbo("run", "--until-caught-up")).code).toBe(0);
    expect((await json<Status>("status")).subscriptions[0]?.pending_orders).toEqual([]);
  });
});

describe("a changed configuration", () => {
  test("plan and apply tell rows newly disclosed and withdrawn, and the next run makes it so", async () => {
    configure([{ ...hcm, parameters: { provinces: ["46", "01"] } }]);
    const { stdout } = await dongbo("apply");
    expect(stdout).toContain("configuration version 1 → 2\n");
    expect(stdout).toMatch(/^population\/hcm +population\.citizen +changed +500 +240$/m);
    expect(stdout).toContain("population/hcm: parameter provinces: +01 +46 -79\n");
    expect(stdout).toContain("applied as version 2; no engine is running: the next `dongbo run` takes it up\n");
    expect((await dongbo("run", "--until-caught-up")).code).toBe(0);
    expect((await json<Status>("status")).subscriptions[0]?.tables).toMatchObject([{ rows: 500 }, { rows: 3 }]);
  });

  test("columns that the source has gained are shared only after an apply", async () => {
    await cluster.onMaster("ALTER TABLE province ADD COLUMN region text");
    expect((await dongbo("run", "--until-caught-up")).code).toBe(0);
    const columns = "SELECT column_name FROM information_schema.columns WHERE table_schema = 'population' AND table_name = 'province'";
    expect(await runSql(cluster.targetUrl("hcm", roles.target), columns)).toHaveLength(2);
    expect((await dongbo("apply")).stdout).toMatch(/^population\/hcm +population\.province +changed +0 +0 +\+region$/m);
    expect((await dongbo("run", "--until-caught-up")).code).toBe(0);
    expect(await runSql(cluster.targetUrl("hcm", roles.target), columns)).toHaveLength(3);
  });

  test("a running engine takes up an added subscription, and another engine is refused meanwhile", async () => {
    configure([{ ...hcm, parameters: { provinces: ["46", "01"] } }]);
    const controller = new AbortController();
    const running = runCommand(["run", "--config", config], { environment, interrupted: controller.signal });
    await waitUntil(async () => (await json<Status>("status")).engine !== null, { describe: "the engine to be seen" });
    const second = await dongbo("run");
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(/DB-RUN-024: process \d+ on .*: another engine is running with this control database\. /);
    configure([{ ...hcm, parameters: { provinces: ["46", "01"] } }, hue]);
    expect((await dongbo("apply")).stdout).toMatch(/; the running engine \(process \d+ on .*\) takes it up\n/);
    await waitUntil(async () => (await json<Status>("status")).subscriptions.find(({ id }) => id === "population/hue")?.usable, {
      describe: "the joined copy to be usable",
    });
    controller.abort();
    expect((await running).code).toBe(0);
  });

  test("a removed subscription is refused in its target from the moment of apply", async () => {
    configure([{ ...hcm, parameters: { provinces: ["46", "01"] } }]);
    const before = await runSql(cluster.targetUrl("hue", roles.reader), "SELECT count(*) AS rows FROM population.citizen");
    expect(before).toEqual([{ rows: "250" }]);
    const { code, stdout } = await dongbo("apply");
    expect(code).toBe(0);
    expect(stdout).toContain("population/hue: removed: its copy is refused from now on, its rows stay until they are purged\n");
    await expect(runSql(cluster.targetUrl("hue", roles.reader), "SELECT count(*) FROM population.citizen")).rejects.toMatchObject({
      code: "DB001",
    });
  });

  test("a subscription that comes back is supplied again", async () => {
    configure([{ ...hcm, parameters: { provinces: ["46", "01"] } }, hue]);
    expect((await dongbo("apply")).code).toBe(0);
    expect((await dongbo("run", "--until-caught-up")).code).toBe(0);
    expect(await runSql(cluster.targetUrl("hue", roles.reader), "SELECT count(*) AS rows FROM population.citizen")).toEqual([
      { rows: "250" },
    ]);
  });
});

describe("a row that the target refuses", () => {
  const physical = "population_copy.citizen";

  test("is set aside: run and status leave with 5, and explain says which row and why, without its values", async () => {
    await runSql(
      cluster.targetUrl("hue", roles.target),
      `ALTER TABLE ${physical} ADD CONSTRAINT no_bad_names CHECK (full_name <> 'canary-7f')`,
    );
    await cluster.onMaster("UPDATE citizen SET full_name = 'canary-7f' WHERE personal_id = '000005'");
    await cluster.onMaster("UPDATE citizen SET full_name = 'Tên mới' WHERE personal_id = '000009'");
    const run = await dongbo("run", "--until-caught-up");
    expect(run.code).toBe(5);
    const status = await dongbo("status");
    expect(status.code).toBe(5);
    expect(status.stdout).toContain(
      "population/hue population.citizen: 1 rows in quarantine. Mend the cause, then `dongbo replay population/hue`.",
    );
    const answer = await json<{ tables: { quarantine: { code: string; sqlstate: string } }[] }>("explain", "population/hue", "000005");
    expect(answer.tables[0]?.quarantine).toMatchObject({ code: expect.stringMatching(/^DB-ROW-/) as string, sqlstate: "23514" });
    const { stdout } = await dongbo("explain", "population/hue", "000005");
    expect(stdout).toContain("in quarantine");
    expect(run.stdout + run.stderr + status.stdout + stdout + JSON.stringify(answer)).not.toContain("canary-7f");
    // The rest goes on.
    const names = "SELECT full_name FROM population_copy.citizen WHERE personal_id = '000009'";
    expect(await runSql(cluster.targetUrl("hue", roles.target), names)).toEqual([{ full_name: "Tên mới" }]);
  });

  test("comes into the copy by replay once the cause is mended", async () => {
    await runSql(cluster.targetUrl("hue", roles.target), `ALTER TABLE ${physical} DROP CONSTRAINT no_bad_names`);
    expect((await dongbo("replay", "population/hue")).code).toBe(0);
    expect((await dongbo("run", "--until-caught-up")).code).toBe(0);
    expect((await dongbo("status")).code).toBe(0);
    const answer = await json<{ tables: object[] }>("explain", "population/hue", "000005");
    expect(answer.tables).toMatchObject([{ in_copy: true, quarantine: null }, {}]);
  });
});

describe("what is out of reach", () => {
  test("status names an unreachable target and an unreachable source, shows the rest, and asks for attention", async () => {
    const nowhere = { ...environment, TARGET_HUE_URL: "postgres://x@127.0.0.1:1/x", POPULATION_URL: "postgres://x@127.0.0.1:1/x" };
    const { code, stdout } = await runCommand(["status", "--config", config, "--json"], { environment: nowhere });
    expect(code).toBe(5);
    const { subscriptions, sources } = JSON.parse(stdout) as Status;
    expect(subscriptions).toMatchObject([
      // Usable as long as its time lasts; nothing new comes.
      { id: "population/hcm", usable: true, problem: { code: "DB-PG-001" } },
      { id: "population/hue", usable: false, reason: "unreachable", problem: { code: "DB-PG-001" } },
    ]);
    expect(sources).toMatchObject([{ retained_bytes: null, problem: { code: "DB-PG-001" } }]);
  });

  test("status works without its control database and says so", async () => {
    const nowhere = { ...environment, CONTROL_URL: "postgres://x:canary-7f@127.0.0.1:1/x" };
    const { stdout } = await runCommand(["status", "--config", config], { environment: nowhere });
    expect(stdout).toMatch(/^control: DB-CTL-001: /m);
    expect(stdout).toMatch(/^population\/hcm +yes /m);
    expect(stdout).not.toContain("canary-7f");
  });

  test("plan counts what it can and says why not the rest", async () => {
    configure([{ ...hcm, parameters: { provinces: ["79"] } }, hue]);
    const closed = { ...province, key: ["code"], columns: ["code", "name", "region"] };
    writeFileSync(config, JSON.stringify({ ...populationConfig({ shares: { population: [citizen, closed] }, copies: [hcm, hue] }) }));
    const nowhere = { ...environment, POPULATION_URL: "postgres://x@127.0.0.1:1/x" };
    const { code, stdout, stderr } = await runCommand(["plan", "--config", config], { environment: nowhere });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^population\/hcm +population\.citizen +changed +\? +\?$/m);
    expect(stderr).toMatch(/^warning: DB-PG-001: /m);
  });
});
