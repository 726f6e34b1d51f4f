// The prefix checker is judged twice: PostgreSQL's own logical replication must pass it, and every seeded fault must not.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Cluster, roles, runSql, startCluster } from "../support/cluster.ts";
import { waitUntil } from "../support/wait-until.ts";
import { compareAll, type Entitlement, watchedCopy } from "../workload/population-copies.ts";
import { populationDdl } from "../workload/population-tables.ts";
import { PopulationWorkload, workloadTables } from "../workload/population-workload.ts";
import { withCopy } from "./copy-session.ts";
import { type Look, PrefixChecker } from "./prefix-checker.ts";

const identities = { citizen: "full", household: "full", residence: "full" } as const;
const everything: Entitlement = { name: "everything", provinces: null };
const south: Entitlement = { name: "south", provinces: ["79", "80"] };

async function startWorkload(cluster: Cluster, seed: string, writers = 3): Promise<PopulationWorkload> {
  for (const sql of populationDdl(identities)) await cluster.onMaster(sql);
  // A reader whose snapshot is older finds a table that PostgreSQL's own replication has truncated empty (manual, "MVCC Caveats").
  const pace = { changesPerSecond: 3000, bigRows: 1500, truncates: false };
  const workload = await PopulationWorkload.open({ url: cluster.sourceUrl(roles.owner), seed, writers, ...pace });
  await workload.preload(600);
  return workload;
}

async function writeFor(workload: PopulationWorkload, changes: number): Promise<void> {
  const stop = new AbortController();
  const running = workload.run(stop.signal);
  const wanted = workload.model.changes + changes;
  await Promise.race([running, waitUntil(() => workload.model.changes >= wanted, { describe: `${changes} changes`, deadlineMs: 60_000 })]);
  stop.abort();
  await running;
}

/** Puts a view that always refuses in the place of a table. */
function closed(name: string): string[] {
  return [
    `ALTER TABLE population.${name} RENAME TO ${name}_rows`,
    `CREATE VIEW population.${name} AS SELECT * FROM population.${name}_rows WHERE (SELECT population.gate())`,
  ];
}

test("PostgreSQL's own replication of whole and filtered tables shows only prefixes, and ends equal", { timeout: 180_000 }, async () => {
  await using cluster = await startCluster({ targets: ["everything", "south"], targetSettings: { max_logical_replication_workers: 12 } });
  await using workload = await startWorkload(cluster, "native");
  await cluster.publish("everything", workloadTables);
  const inside = "province_code IN ('79', '80')";
  await cluster.onMaster(`CREATE PUBLICATION dongbo_south FOR TABLE public.citizen WHERE (${inside} AND status <> 'deceased'),
    public.household WHERE (${inside}), public.residence WHERE (${inside}), public.ledger, public.journal`);
  for (const { name } of [everything, south]) {
    const url = cluster.target.url(name);
    await runSql(url, ...populationDdl(identities), "DELETE FROM public.ledger");
    await runSql(url, `CREATE SUBSCRIPTION ${name} CONNECTION '${cluster.source.url("national")}' PUBLICATION dongbo_${name}`);
    await waitUntil(
      async () => (await runSql(url, "SELECT count(*) AS n FROM pg_subscription_rel WHERE srsubstate <> 'r'"))[0]?.["n"] === "0",
      { describe: "the first copy" },
    );
  }
  const checkers = [everything, south].map(
    (entitlement) => new PrefixChecker(watchedCopy(entitlement, { copy: cluster.target.url(entitlement.name) }, "public"), workload.model),
  );
  const stop = new AbortController();
  const watching = checkers.map((checker) => checker.watch(stop.signal, 20));
  await writeFor(workload, 15_000);
  await waitUntil(() => checkers.every((checker) => checker.sequences.has(workload.model.head)), {
    describe: "both copies to arrive",
    deadlineMs: 60_000,
  });
  stop.abort();
  await Promise.all(watching);
  for (const checker of checkers) {
    expect(checker.violations).toEqual([]);
    expect(checker.sequences.size).toBeGreaterThan(20);
  }
  for (const entitlement of [everything, south]) {
    const urls = { source: cluster.sourceUrl(roles.source), target: cluster.target.url(entitlement.name) };
    expect(await compareAll(entitlement, urls, "public")).toMatchObject({ equal: true });
  }
  for (const { name } of [everything, south]) await runSql(cluster.target.url(name), `DROP SUBSCRIPTION ${name}`);
});

describe("a standing copy", () => {
  let cluster: Cluster;
  let workload: PopulationWorkload;
  beforeAll(async () => {
    cluster = await startCluster({ targets: [] });
    workload = await startWorkload(cluster, "standing");
    await writeFor(workload, 2000);
  });
  afterAll(async () => {
    await workload[Symbol.asyncDispose]();
    await cluster[Symbol.asyncDispose]();
  });

  /** Looks at a right copy that was then damaged. */
  async function lookAfter(entitlement: Entitlement, ...damage: string[]): Promise<Look> {
    const inside = entitlement.provinces === null ? "true" : "province_code IN ('79', '80')";
    const url = cluster.sourceUrl(roles.owner);
    await runSql(
      url,
      "DROP SCHEMA IF EXISTS population CASCADE",
      "CREATE SCHEMA population",
      `CREATE TABLE population.citizen AS SELECT * FROM public.citizen WHERE ${inside}${inside === "true" ? "" : " AND status <> 'deceased'"}`,
      `CREATE TABLE population.household AS SELECT * FROM public.household WHERE ${inside}`,
      `CREATE TABLE population.residence AS SELECT * FROM public.residence WHERE ${inside}`,
      "CREATE TABLE population.ledger AS SELECT * FROM public.ledger",
      "CREATE TABLE population.journal AS SELECT * FROM public.journal",
      ...damage,
    );
    return withCopy(url, (session) =>
      new PrefixChecker(watchedCopy(entitlement, { copy: url, master: url }), workload.model, 200).look(session),
    );
  }

  test.each([everything, south])("is a prefix when nothing is wrong: $name", async (entitlement) => {
    expect(await lookAfter(entitlement)).toEqual({ kind: "prefix", sequence: workload.model.head, refusedTables: [] });
  });

  test("equals the master by ordered dump as well, and a damaged one does not", async () => {
    const url = cluster.sourceUrl(roles.owner);
    await lookAfter(south);
    expect(await compareAll(south, { source: url, target: url })).toMatchObject({ equal: true });
    await runSql(
      url,
      "UPDATE population.residence SET evidence = CASE WHEN evidence IS NULL THEN '' END WHERE household_id = (SELECT min(household_id) FROM population.residence)",
    );
    const result = await compareAll(south, { source: url, target: url });
    expect(result.equal).toBe(false);
    expect(result.lines.filter((line) => line.includes("NOT EQUAL"))).toHaveLength(1);
  });

  const oneCitizen = "(SELECT min(personal_id) FROM population.citizen)";
  test.each([
    ["a missing row", `DELETE FROM population.citizen WHERE personal_id = ${oneCitizen}`, /citizen is not .* missing 1/],
    ["a row twice", `INSERT INTO population.citizen SELECT * FROM population.citizen LIMIT 1`, /citizen is not/],
    [
      "a row of another province",
      "INSERT INTO population.household SELECT * FROM public.household WHERE province_code = '01' LIMIT 1",
      /household is not .* extra 1/,
    ],
    [
      "a deceased citizen who should have gone",
      "INSERT INTO population.citizen SELECT * FROM public.citizen WHERE province_code = '79' AND status = 'deceased' LIMIT 1",
      /citizen is not .* extra 1/,
    ],
    [
      "another value",
      `UPDATE population.citizen SET note = 'x' WHERE personal_id = ${oneCitizen}`,
      /citizen is not .* different 1.*note is 1:x instead of/,
    ],
    [
      "NULL for the empty text",
      "UPDATE population.citizen SET note = NULL WHERE personal_id = (SELECT min(personal_id) FROM population.citizen WHERE note = '')",
      /citizen is not .* different 1/,
    ],
    ["rows without their transaction's number", "UPDATE population.ledger SET seq = seq - 1", /half applied/],
    [
      "a transaction's number without its rows",
      "UPDATE population.ledger SET seq = seq + 1; INSERT INTO population.journal SELECT max(seq) + 1, 0 FROM population.journal",
      /never committed/,
    ],
    ["a transaction left out", "DELETE FROM population.journal WHERE seq = 17", /missing or half applied/],
    ["an emptied copy", "DELETE FROM population.ledger; DELETE FROM population.journal", /no single newest/],
  ])("is not one with %s", async (_, damage, reason) => {
    expect(await lookAfter(south, damage)).toMatchObject({ kind: "violation", reason: expect.stringMatching(reason) as string });
  });

  test("is not one when it holds half of the last transaction", async () => {
    // The newest transaction's changes to one table are there, to the other not.
    const url = cluster.sourceUrl(roles.owner);
    await lookAfter(everything);
    await withCopy(url, async (session) => {
      const checker = new PrefixChecker(watchedCopy(everything, { copy: url }), workload.model);
      expect(await checker.look(session)).toMatchObject({ kind: "prefix" });
      const before = workload.model.head;
      await writeFor(workload, 300);
      await runSql(
        url,
        "DELETE FROM population.ledger",
        "INSERT INTO population.ledger SELECT * FROM public.ledger",
        `INSERT INTO population.journal SELECT * FROM public.journal WHERE seq > ${before}`,
        "TRUNCATE population.citizen",
        "INSERT INTO population.citizen SELECT * FROM public.citizen",
      );
      expect(await checker.look(session)).toMatchObject({ kind: "violation" });
      expect(checker.violations).toHaveLength(1);
    });
  });

  test("may not go back to an earlier transaction", async () => {
    const url = cluster.sourceUrl(roles.owner);
    await lookAfter(everything, "CREATE TABLE population.early AS SELECT * FROM public.journal");
    await withCopy(url, async (session) => {
      const checker = new PrefixChecker(watchedCopy(everything, { copy: url }), workload.model);
      await checker.look(session);
      await runSql(url, `DELETE FROM population.journal WHERE seq = ${workload.model.head}`, "UPDATE population.ledger SET seq = seq - 1");
      expect(await checker.look(session)).toMatchObject({ kind: "violation", reason: expect.stringMatching(/went back/) as string });
    });
  });

  test("counts a refusal of the gate as refused, of one table too, and a copy not made yet as absent", async () => {
    const gate = `CREATE FUNCTION population.gate() RETURNS boolean LANGUAGE plpgsql
      AS $$ BEGIN RAISE SQLSTATE 'DB001' USING MESSAGE = 'not usable'; END $$`;
    expect(await lookAfter(south, gate, ...closed("household"))).toMatchObject({ kind: "prefix", refusedTables: ["population.household"] });
    expect(await lookAfter(south, gate, ...closed("journal"))).toEqual({ kind: "refused" });
    expect(await lookAfter(south, "DROP SCHEMA population CASCADE")).toEqual({ kind: "absent" });
  });
});
