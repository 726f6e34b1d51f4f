// What `dongbo reconcile` does about differences: nothing, a plan that a person approves, or repair through the copy's own way of
// being written; what it leaves behind as evidence; and when it asks although it was told to go ahead.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, roles, runSql, startCluster } from "../support/cluster.ts";
import { testFolder } from "../support/test-run.ts";
import { Background } from "./background.ts";
import { citizensOfHcm, differencesOfHcm, inHcm, populationStage, reconcileCitizens, rowsHcm, startLoaded } from "./reconcile-stage.ts";
import { found, nothing, reconcile, type ReconciledTable } from "./reconciling.ts";
import type { Stage } from "./stage.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ targets: [] });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

/** One of each kind: a missing one, two extra ones of which one is of another province, two that differ. */
const damage = [
  "DELETE FROM population_copy.citizen WHERE id = 21",
  "INSERT INTO population_copy.citizen (id, full_name, dongbo_batch) VALUES (5001, 'Nguyễn Không Có', 1), (16, 'Nguyễn Thị 16', 1)",
  "UPDATE population_copy.citizen SET full_name = normalize(full_name, NFD) WHERE id = 12",
  "UPDATE population_copy.citizen SET balance = 0, note = 'sai' WHERE id = 13",
];
const damaged = {
  ...nothing,
  missing: ["21"],
  extra: ["16", "5001"],
  outsideFilter: 1,
  different: ["12 (full_name) ~", "13 (balance, note)"],
};
const damagedCount = 5;

/** Everything in the copy, for telling whether anything was written. */
function content(stage: Stage): Promise<unknown> {
  return stage.onTarget("hcm", "SELECT count(*), sum(hashtextextended(c::text, 0)) AS digest FROM population_copy.citizen AS c");
}

/** What a plan says of itself. */
function planOf(table: ReconciledTable): { readonly kind: string; readonly breaker: string | null } {
  return table.action as { kind: string; breaker: string | null };
}

test("RC-05: repaired at once, and the next run is clean; the rows come by a batch of their own and readers see all or nothing", async () => {
  await using stage = await populationStage(cluster, "auto");
  await startLoaded(stage);
  await stage.onTarget("hcm", ...damage);
  const repaired = await reconcileCitizens(stage, 3, "--repair", "auto");
  expect(found(repaired)).toEqual(damaged);
  expect(repaired).toMatchObject({ repaired: damagedCount, action: { kind: "repaired", rows: damagedCount } });
  expect(await differencesOfHcm(stage)).toEqual([]);
  expect(found(await reconcileCitizens(stage, 0))).toEqual(nothing);

  const batches = "SELECT sum(rows_written) AS written, sum(rows_deleted) AS deleted FROM dongbo.batch WHERE kind = 'repair'";
  expect(await stage.onTarget("hcm", batches)).toEqual([{ written: "3", deleted: "2" }]);
  const traced = await stage.home.run(["trace", "population/hcm", "13", "--table", "population.citizen"]);
  expect(traced.stdout).toMatch(/repair/);
  expect(await stage.record("hcm", "population.citizen")).toMatchObject({ rows: String(rowsHcm), verdict: "equal" });
  await stage.stop();

  // The same with no engine, the engine being started for it.
  await stage.onTarget("hcm", ...damage);
  expect(await reconcileCitizens(stage, 3, "--repair", "auto")).toMatchObject({ repaired: damagedCount });
  expect(await differencesOfHcm(stage)).toEqual([]);
  expect(found(await reconcileCitizens(stage, 0))).toEqual(nothing);
  await stage.catchUp();
});

test("RC-07: review changes nothing until its plan is approved, and then what is still wrong is repaired and nothing else", async () => {
  await using stage = await populationStage(cluster, "review");
  await startLoaded(stage);
  await stage.onTarget("hcm", ...damage);
  const before = await content(stage);
  const plan = await reconcileCitizens(stage, 3, "--repair", "review");
  expect(found(plan)).toEqual(damaged);
  expect(plan).toMatchObject({ repaired: 0, action: { kind: "plan", breaker: null } });
  expect(await content(stage)).toEqual(before);
  expect(found(await reconcileCitizens(stage, 3))).toEqual(damaged);
  expect(await content(stage)).toEqual(before);

  // Before somebody approves, the master deletes a row that is missing, one that differs, and changes another one.
  await stage.onMaster("DELETE FROM public.citizen WHERE id IN (21, 12)", "UPDATE public.citizen SET note = 'mới' WHERE id = 13");
  await stage.shows("hcm", "SELECT note FROM population.citizen WHERE id = 13", [["mới"]]);
  await stage.onTarget("hcm", "UPDATE population_copy.citizen SET note = 'sau kế hoạch' WHERE id = 24");
  const approved = await reconcile(stage.home, ["--approve", String(plan.run)]);
  expect([0, 3]).toContain(approved.code);
  const left = await reconcileCitizens(stage, 3);
  // What was damaged after the plan was made is nobody's approval.
  expect(found(left)).toEqual({ ...nothing, different: ["24 (note)"] });
  expect(await stage.onTarget("hcm", "SELECT id FROM population_copy.citizen WHERE id IN (12, 16, 21, 5001)")).toEqual([]);

  // A plan is carried out once, and there must be one.
  for (const run of [String(plan.run), "no-such-run", "999999"]) {
    const refused = await stage.home.run(["reconcile", "--approve", run]);
    expect([run, refused.code]).not.toEqual([run, 0]);
    expect(refused.stderr).toMatch(/DB-[A-Z]+-\d{3}/);
  }
  expect(found(await reconcileCitizens(stage, 3))).toEqual({ ...nothing, different: ["24 (note)"] });
  await reconcileCitizens(stage, 3, "--repair", "auto");
  expect(await differencesOfHcm(stage)).toEqual([]);
  await stage.stop();
});

test("damage that looks like a mistake of the comparison is not repaired without asking: one column of many rows, many rows too much", async () => {
  await using stage = await populationStage(cluster, "breaker");
  await startLoaded(stage);
  // Two of five.
  await stage.onTarget("hcm", "UPDATE population_copy.citizen SET balance = balance + 1 WHERE id <= 800");
  const wrong = (2 * rowsHcm) / 5;
  const before = await content(stage);
  const plan = await reconcileCitizens(stage, 3, "--repair", "auto");
  expect(plan).toMatchObject({ different_count: wrong, missing_count: 0, extra_count: 0, repaired: 0 });
  expect(planOf(plan)).toEqual({ kind: "plan", breaker: "one column explains most" });
  expect(plan.different.every(({ columns }) => columns.join() === "balance")).toBe(true);
  expect(await content(stage)).toEqual(before);
  const approved = await reconcile(stage.home, ["--approve", String(plan.run)]);
  expect(approved.tables.reduce((sum, { repaired }) => sum + repaired, 0)).toBe(wrong);
  expect(found(await reconcileCitizens(stage, 0))).toEqual(nothing);

  await stage.onTarget(
    "hcm",
    "INSERT INTO population_copy.citizen (id, full_name, dongbo_batch) SELECT 10000 + i, 'thừa', 1 FROM generate_series(1, 600) AS i",
  );
  const extra = await reconcileCitizens(stage, 3, "--repair", "auto");
  expect(extra).toMatchObject({ extra_count: 600, outside_filter_count: 0, repaired: 0 });
  expect(planOf(extra)).toEqual({ kind: "plan", breaker: "mass delete" });
  expect(await stage.onTarget("hcm", "SELECT count(*) AS n FROM population_copy.citizen")).toEqual([{ n: String(rowsHcm + 600) }]);
  await reconcile(stage.home, ["--approve", String(extra.run)]);
  expect(found(await reconcileCitizens(stage, 0))).toEqual(nothing);
  expect(await differencesOfHcm(stage)).toEqual([]);
  await stage.stop();
});

test("a master that hides its rows from dongbo empties no copy", async () => {
  await using stage = await populationStage(cluster, "hidden");
  await stage.catchUp();
  await stage.onMaster("ALTER TABLE public.citizen ENABLE ROW LEVEL SECURITY", "CREATE POLICY none ON public.citizen USING (false)");
  const before = await content(stage);
  const finished = await stage.home.run(["reconcile", ...citizensOfHcm, "--repair", "auto", "--json"]);
  expect([1, 3, 4]).toContain(finished.code);
  expect(await content(stage)).toEqual(before);
});

/** Every file below a folder, by its path. */
function filesBelow(folder: string): Map<string, string> {
  if (!existsSync(folder)) return new Map();
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(names.map((entry) => [entry.name, readFileSync(join(entry.parentPath, entry.name), "utf8")]));
}

test("RC-10: a certificate says in both languages what was compared and what came of it, and every run is in the chain", async () => {
  await using stage = await populationStage(cluster, "certify");
  await stage.catchUp();
  const folder = join(testFolder("certificates"), "equal");
  const report = await reconcile(stage.home, [...citizensOfHcm, "--certificate", folder]);
  expect(report.code).toBe(0);
  const [table] = report.tables;
  const files = filesBelow(folder);
  const texts = [...files.values()].join("\n");
  expect(files.size).toBeGreaterThan(0);
  for (const part of ["population/hcm", "population.citizen", table?.digest ?? "?", "TT-07/2026"]) expect(texts).toContain(part);
  expect(texts).toMatch(/đối soát/i);
  expect(texts).toMatch(/reconcil/i);

  await stage.onTarget("hcm", ...damage);
  const other = join(testFolder("certificates"), "different");
  expect(await reconcile(stage.home, [...citizensOfHcm, "--certificate", other, "--repair", "auto"])).toMatchObject({ code: 3 });
  const found = [...filesBelow(other).values()].join("\n");
  expect(found).not.toMatch(/Nguyễn/);

  const sql = "SELECT id, record, previous_hash, hash FROM dongbo_control.reconcile_run ORDER BY id";
  const runs = await runSql(cluster.target.url("c_certify", roles.control, null), sql);
  expect(runs.map(({ id }) => id)).toEqual(["1", "2"]);
  let previous = "0".repeat(64);
  for (const { record, previous_hash: before, hash } of runs) {
    expect(before).toBe(previous);
    previous = createHash("sha256")
      .update(previous + (record ?? ""))
      .digest("hex");
    expect(hash).toBe(previous);
  }
  const [first, second] = runs.map(({ record }) => JSON.parse(record ?? "{}") as Record<string, unknown>);
  expect(first).toMatchObject({
    subscription: "population/hcm",
    table: "population.citizen",
    agreement: "TT-07/2026",
    verdict: "equal",
    position: table?.position,
    rows_checked: rowsHcm,
    digest: table?.digest,
    action: { kind: "none" },
    by: expect.stringMatching(/.+@.+/) as string,
  });
  expect(second).toMatchObject({ verdict: "different", outside_filter_count: 1, unicode_form_only_count: 1, repaired: damagedCount });
  expect(second).toMatchObject({
    differences: { missing: { count: 1 }, extra: { count: 2 }, different: { count: 2 }, duplicate: { count: 0 } },
  });
  // The certificate holds the hash that it can be held against.
  expect(texts).toContain(runs[0]?.["hash"]);
  expect(JSON.stringify(runs)).not.toMatch(/Nguyễn/);
});

test("repair beside writers leaves what the master holds, whoever comes first", async () => {
  await using stage = await populationStage(cluster, "race");
  await startLoaded(stage);
  const ids = "SELECT id FROM public.citizen WHERE " + inHcm + " AND id % 10 = 1 ORDER BY id";
  const keys = (await stage.onMaster(ids)).map(({ id }) => Number(id));
  for (const round of [1, 2, 3]) {
    await stage.onTarget(
      "hcm",
      "UPDATE population_copy.citizen SET note = 'sai' WHERE id % 20 = 1",
      "DELETE FROM population_copy.citizen WHERE id % 20 = 11 AND id % 3 = 0",
    );
    // The very rows that are repaired are written, moved out of the copy and back, and deleted, one after the other.
    await using writing = new Background(async (signal) => {
      for (let at = 0; !signal.aborted; at = (at + 1) % keys.length)
        await stage.onMaster(
          `UPDATE public.citizen SET note = 'lần ${round}' WHERE id = ${keys[at]}`,
          `UPDATE public.citizen SET province = CASE province WHEN '79' THEN '01' ELSE '79' END WHERE id = ${keys[(at * 7) % keys.length]}`,
        );
    });
    const report = await writing.during(reconcile(stage.home, [...citizensOfHcm, "--repair", "auto"]));
    expect([0, 3]).toContain(report.code);
    await writing.stop();
    const after = await reconcileCitizens(stage, 0);
    expect(found(after)).toEqual(nothing);
    await stage.stop();
    await stage.catchUp();
    expect(await differencesOfHcm(stage)).toEqual([]);
    stage.start();
  }
  await stage.stop();
});
