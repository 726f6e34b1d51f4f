// Rows that break what the owner of a copy has added are set aside, visibly and within a bound; everything else goes on.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, startCluster } from "../support/cluster.ts";
import { type Side, Stage } from "./stage.ts";
import type { Row } from "./staged-engine.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ targets: [] });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

const citizen: Side = {
  source: "public.citizen",
  target: "population.citizen",
  key: ["id"],
  columns: ["id", "full_name", "age", "email"],
};
const visit: Side = { source: "public.visit", target: "population.visit", key: ["id"], columns: ["id", "citizen_id", "note"] };

/** Ten citizens of province 79, two of 46, a visit for nine of the former. */
const master = [
  "CREATE TABLE public.citizen (id int PRIMARY KEY, full_name text, age int, email text, province text)",
  "CREATE TABLE public.visit (id int PRIMARY KEY, citizen_id int, note text)",
  "INSERT INTO public.citizen SELECT i, 'Nguyễn ' || i, 20 + i, 'm' || i, '79' FROM generate_series(1, 10) AS i",
  "INSERT INTO public.citizen VALUES (90, 'Lê', 50, 'm90', '46'), (91, 'Lý', 51, 'm91', '46')",
  "INSERT INTO public.visit SELECT i, i, 'khám' FROM generate_series(1, 9) AS i",
];

async function populationStage(name: string, quarantineMax: number): Promise<Stage> {
  const tables = [citizen, visit].map(({ source, target, key, columns }) => ({ source, target, key, columns }));
  const [people, visits] = tables as [(typeof tables)[0], (typeof tables)[0]];
  return Stage.create(cluster, {
    name,
    master,
    shares: { population: [{ ...people, where: { province: { eq: "79" } } }, visits] },
    copies: [{ target: "hcm", share: "population" }],
    share: { quarantine_max: quarantineMax },
  });
}

async function held(stage: Stage): Promise<Row[]> {
  return stage.onTarget("hcm", "SELECT target_table, key::text, code, sqlstate, detail, key_digest FROM dongbo.quarantine ORDER BY 1, 2");
}

async function allDifferences(stage: Stage): Promise<string[]> {
  return [...(await stage.differences("hcm", { ...citizen, where: "province = '79'" })), ...(await stage.differences("hcm", visit))];
}

test("rows that break an added CHECK, UNIQUE or FOREIGN KEY are set aside with code and digest, the rest goes on, replay brings them back", async () => {
  await using stage = await populationStage("poison", 100);
  stage.start();
  await stage.shows("hcm", "SELECT count(*) FROM population.citizen", [["10"]]);
  await stage.onTarget(
    "hcm",
    "ALTER TABLE population_copy.citizen ADD CONSTRAINT adult CHECK (age >= 18)",
    "ALTER TABLE population_copy.citizen ADD CONSTRAINT one_email UNIQUE (email)",
    "ALTER TABLE population_copy.visit ADD CONSTRAINT of_citizen FOREIGN KEY (citizen_id) REFERENCES population_copy.citizen (id)",
  );
  // One source transaction with three poison rows, an update that turns a good row bad, and good rows around them.
  await stage.onMaster(
    `BEGIN;
     INSERT INTO public.citizen VALUES (20, 'Trần', 30, 'm20', '79'), (21, 'Bé', 3, 'm21', '79'), (22, 'Trùng', 40, 'm1', '79');
     UPDATE public.citizen SET age = 4 WHERE id = 10;
     INSERT INTO public.visit VALUES (20, 20, 'mới'), (21, 90, 'ngoài');
     COMMIT`,
    "UPDATE public.citizen SET full_name = 'Sau' WHERE id = 2",
  );
  await stage.shows("hcm", "SELECT full_name FROM population.citizen WHERE id = 2", [["Sau"]]);
  // The one whose last good version is out of date is not shown with it either.
  await stage.shows("hcm", "SELECT string_agg(id::text, ',' ORDER BY id) FROM population.citizen", [["1,2,3,4,5,6,7,8,9,20"]]);

  const rows = await held(stage);
  expect(rows.map(({ target_table: table, key, code, sqlstate }) => [table, key, code, sqlstate])).toEqual([
    ["population.citizen", "{10}", "DB-ROW-005", "23514"],
    ["population.citizen", "{21}", "DB-ROW-005", "23514"],
    ["population.citizen", "{22}", "DB-ROW-003", "23505"],
    ["population.visit", "{21}", "DB-ROW-004", "23503"],
  ]);
  expect(rows.map(({ detail }) => detail).join(" ")).toMatch(/adult.*adult.*one_email.*of_citizen/s);
  for (const { key_digest: digest } of rows) expect(digest).toMatch(/^[0-9a-f]{32}$/);
  expect(new Set(rows.map(({ key_digest: digest }) => digest)).size).toBe(rows.length);

  const status = await stage.home.run(["status"]);
  expect(status.code).toBe(5);
  expect(status.stdout).toMatch(/population\.citizen: 3 rows in quarantine/);
  expect(await stage.status("population/hcm")).toMatchObject({ usable: true, rows_quarantined: 4, copy_state: "VALID" });
  const explained = await stage.home.run(["explain", "population/hcm", "21", "--table", "population.citizen"]);
  expect(explained.stdout).toContain("DB-ROW-005");

  // Mended at the source: it returns by itself. Deleted there: it is no longer held.
  await stage.onMaster("UPDATE public.citizen SET age = 44 WHERE id = 10", "DELETE FROM public.citizen WHERE id = 22");
  await stage.shows("hcm", "SELECT age FROM population.citizen WHERE id = 10", [["44"]]);
  // Mended in the target: replay.
  await stage.onTarget(
    "hcm",
    "ALTER TABLE population_copy.citizen DROP CONSTRAINT adult",
    "ALTER TABLE population_copy.visit DROP CONSTRAINT of_citizen",
  );
  await stage.command("replay", "population/hcm");
  await stage.shows("hcm", "SELECT count(*) FROM population.citizen", [["12"]]);
  await stage.shows("hcm", "SELECT count(*) FROM population.visit", [["11"]]);
  await stage.stop();
  expect(await held(stage)).toEqual([]);
  expect(await allDifferences(stage)).toEqual([]);
  expect(await stage.status("population/hcm")).toMatchObject({ usable: true, rows_quarantined: 0 });
  expect((await stage.home.run(["status"])).code).toBe(0);
});

test("one poison row too many stops its table and nothing else; after mending, resync of that table makes it equal", async () => {
  await using stage = await populationStage("bound", 2);
  stage.start();
  await stage.shows("hcm", "SELECT count(*) FROM population.citizen", [["10"]]);
  await stage.onTarget("hcm", "ALTER TABLE population_copy.citizen ADD CONSTRAINT adult CHECK (age >= 18)");
  await stage.onMaster("INSERT INTO public.citizen SELECT i, 'Bé', 3, 'm' || i, '79' FROM generate_series(30, 31) AS i");
  await stage.recorded("hcm", "population.citizen", (row) => row["rows_quarantined"] === "2");
  await stage.onMaster("INSERT INTO public.citizen SELECT i, 'Bé', 3, 'm' || i, '79' FROM generate_series(32, 34) AS i");
  const stopped = await stage.recorded("hcm", "population.citizen", (row) => row["stopped_code"] !== null);
  expect(stopped["stopped_code"]).toBe("DB-ROW-008");
  expect(stopped["stopped_message"]).toContain("at most 2");

  // Readers of the stopped table are refused at once; the other table goes on, and its clock alone.
  expect(await stage.read("hcm", "SELECT * FROM population.citizen")).toBe("DB001");
  await stage.onMaster("INSERT INTO public.citizen VALUES (40, 'Trễ', 60, 'm40', '79')", "INSERT INTO public.visit VALUES (40, 40, 'sau')");
  await stage.shows("hcm", "SELECT note FROM population.visit WHERE id = 40", [["sau"]]);
  const frozen = String(stopped["last_sync_at"]);
  await stage.recorded("hcm", "population.visit", (row) => String(row["last_sync_at"]) > frozen);
  expect(await stage.record("hcm", "population.citizen")).toMatchObject({ last_sync_at: frozen });
  const status = await stage.home.run(["status"]);
  expect(status.code).toBe(5);
  expect(status.stdout).toMatch(/population\.citizen: stopped by DB-ROW-008/);
  expect(await stage.status("population/hcm")).toMatchObject({ usable: false, reason: "stopped" });

  // The stop outlives the engine.
  await stage.stop();
  await stage.catchUp(5);
  expect(await stage.read("hcm", "SELECT * FROM population.citizen")).toBe("DB001");

  // Mended but for two rows, which the load sets aside as the stream would.
  await stage.onMaster("UPDATE public.citizen SET age = 20 WHERE id BETWEEN 32 AND 34");
  await stage.command("resync", "population/hcm", "--table", "population.citizen");
  await stage.catchUp(5);
  await stage.shows("hcm", "SELECT count(*) FROM population.citizen", [["14"]]);
  expect((await held(stage)).map(({ key }) => key)).toEqual(["{30}", "{31}"]);
  await stage.onTarget("hcm", "ALTER TABLE population_copy.citizen DROP CONSTRAINT adult");
  await stage.command("replay", "population/hcm");
  await stage.catchUp();
  expect(await held(stage)).toEqual([]);
  expect(await allDifferences(stage)).toEqual([]);
});
