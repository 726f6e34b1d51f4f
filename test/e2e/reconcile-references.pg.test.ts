// RC-02: what the consumer's own tables refer to and a copy does not have is listed with its cause, until the consumer has mended it.
import { join } from "node:path";
import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, roles, runSql, startCluster } from "../support/cluster.ts";
import { testFolder } from "../support/test-run.ts";
import { dangling, onlyTable, reconcile, type ReconciledTable } from "./reconciling.ts";
import { Stage } from "./stage.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ targets: [] });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

/** Provinces 01 to 60, of which the north has those up to 30; three wards each. */
const master = [
  "CREATE TABLE public.province (code text PRIMARY KEY, name text NOT NULL, region text NOT NULL)",
  "CREATE TABLE public.ward (province char(3), number smallint, area numeric(8,2) NOT NULL, PRIMARY KEY (province, number))",
  `INSERT INTO public.province SELECT lpad(i::text, 2, '0'), 'Tỉnh ' || i, CASE WHEN i <= 30 THEN 'north' ELSE 'south' END
     FROM generate_series(1, 60) AS i`,
  "INSERT INTO public.ward SELECT lpad(i::text, 2, '0'), n, i + n / 4.0 FROM generate_series(1, 60) AS i, generate_series(1, 3) AS n",
];
const province = {
  source: "public.province",
  target: "population.province",
  key: ["code"],
  columns: ["code", "name"],
  where: { region: "north" },
  referenced_by: [
    { table: "app.resident", columns: ["province_code"] },
    { table: "app.Sổ hộ khẩu", columns: ["Tên tỉnh"], to: ["name"] },
  ],
};
const ward = {
  source: "public.ward",
  target: "population.ward",
  key: ["province", "number"],
  columns: ["province", "number", "area"],
  // In another order than the key's, of other types, and to what is no key.
  referenced_by: [
    { table: "app.house", columns: ["ward", "province"], to: ["number", "province"] },
    { table: "app.map", columns: ["area"], to: ["area"] },
  ],
};
/** Every value is held by as many rows as its number says, modulo 3, and one more. */
const consumer = [
  "CREATE SCHEMA app",
  'CREATE TABLE app.resident (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, province_code varchar(10) COLLATE "und-x-icu")',
  'CREATE TABLE app."Sổ hộ khẩu" ("Tên tỉnh" varchar(40))',
  "CREATE TABLE app.house (ward numeric(6,2), province text)",
  "CREATE TABLE app.map (area numeric)",
  "INSERT INTO app.resident (province_code) SELECT lpad(i::text, 2, '0') FROM generate_series(1, 30) AS i, generate_series(0, i % 3)",
  "INSERT INTO app.resident (province_code) SELECT NULL FROM generate_series(1, 5)",
  `INSERT INTO app."Sổ hộ khẩu" SELECT 'Tỉnh ' || i FROM generate_series(1, 30) AS i`,
  "INSERT INTO app.house SELECT n, lpad(i::text, 2, '0') FROM generate_series(1, 60) AS i, generate_series(1, 3) AS n",
  "INSERT INTO app.house VALUES (NULL, '99'), (99, NULL)",
  "INSERT INTO app.map SELECT i + n / 4.0 FROM generate_series(1, 60) AS i, generate_series(1, 3) AS n",
  `GRANT USAGE ON SCHEMA app TO ${roles.target}`,
  `GRANT SELECT ON ALL TABLES IN SCHEMA app TO ${roles.target}`,
];

async function referencedStage(name: string): Promise<Stage> {
  const stage = await Stage.create(cluster, {
    name,
    master,
    shares: { population: [province, ward] },
    copies: [{ target: "hcm", share: "population" }],
  });
  await stage.onTarget("hcm", ...consumer);
  stage.start();
  await stage.shows("hcm", "SELECT count(*) FROM population.province", [["30"]]);
  await stage.shows("hcm", "SELECT count(*) FROM population.ward", [["180"]]);
  return stage;
}

const nothing = { "app.resident": [], "app.Sổ hộ khẩu": [] };
const provinces = ["--table", "population.province"];

async function compared(stage: Stage, code: number, ...options: readonly string[]): Promise<ReconciledTable> {
  const report = await reconcile(stage.home, options.includes("--table") ? options : [...provinces, ...options]);
  expect(report.code, JSON.stringify(report)).toBe(code);
  return onlyTable(report);
}

test("RC-02: a code that was renamed, deleted, moved or set aside is listed with its cause, until the consumer has mended its tables", async () => {
  await using stage = await referencedStage("cascade");
  expect(dangling(await compared(stage, 0))).toEqual(nothing);

  await stage.onTarget("hcm", "ALTER TABLE population_copy.province ADD CONSTRAINT named CHECK (name <> 'xấu')");
  await stage.onMaster(
    "UPDATE public.province SET code = '001' WHERE code = '01'",
    "DELETE FROM public.province WHERE code = '02'",
    "UPDATE public.province SET region = 'south' WHERE code = '03'",
    "UPDATE public.province SET name = 'Tỉnh mới' WHERE code = '05'",
    "INSERT INTO public.province VALUES ('91', 'xấu', 'north')",
  );
  await stage.recorded("hcm", "population.province", (row) => row["rows_quarantined"] === "1");
  await stage.onTarget(
    "hcm",
    "DELETE FROM population_copy.province WHERE code = '04'",
    "INSERT INTO app.resident (province_code) VALUES ('91'), ('31'), ('không có'), ('')",
  );
  const found = await compared(stage, 3);
  const causes = {
    "app.resident": [
      ["02", 3, "not in the master"],
      ["01", 2, "not in the master"],
      ["04", 2, "missing in the copy"],
      ["", 1, "not in the master"],
      ["03", 1, "outside the share's filter"],
      ["31", 1, "outside the share's filter"],
      ["91", 1, "in quarantine"],
      ["không có", 1, "not in the master"],
    ],
    "app.Sổ hộ khẩu": ["Tỉnh 2", "Tỉnh 3", "Tỉnh 4", "Tỉnh 5"].map((name) => [name, 1, "no row of the copy has it"]),
  };
  expect(dangling(found)).toEqual(causes);
  expect(found.references.map((of) => [of.columns, of.values_count, of.rows_count])).toEqual([
    [["province_code"], 8, 12],
    [["Tên tỉnh"], 4, 4],
  ]);

  // What the copy lacked and was given back is gone from the list at once; the rest is the consumer's to mend.
  const repaired = await compared(stage, 3, "--repair", "auto");
  expect(dangling(repaired)["app.resident"]).toEqual(causes["app.resident"].filter(([code]) => code !== "04"));
  await stage.onTarget(
    "hcm",
    "UPDATE app.resident SET province_code = '001' WHERE province_code = '01'",
    "DELETE FROM app.resident WHERE province_code NOT IN (SELECT code FROM population_copy.province)",
    `DELETE FROM app."Sổ hộ khẩu" WHERE "Tên tỉnh" NOT IN (SELECT name FROM population_copy.province)`,
  );
  expect(dangling(await compared(stage, 0))).toEqual(nothing);

  // Records and certificate count, and name no value.
  const [record] = await runSql(
    cluster.target.url("c_cascade", roles.control, null),
    `SELECT record FROM dongbo_control.reconcile_run WHERE id = ${String(found.run)}`,
  );
  const { references } = JSON.parse(record?.["record"] ?? "{}") as { references: unknown[] };
  expect(references).toEqual([
    {
      table: "app.resident",
      columns: ["province_code"],
      values_count: 8,
      rows_count: 12,
      causes: { "in quarantine": 1, "missing in the copy": 1, "not in the master": 4, "outside the share's filter": 2 },
      problem: null,
    },
    {
      table: "app.Sổ hộ khẩu",
      columns: ["Tên tỉnh"],
      values_count: 4,
      rows_count: 4,
      causes: { "no row of the copy has it": 4 },
      problem: null,
    },
  ]);
  await stage.stop();
});

test("RC-02: columns of other types, several of them in another order than the key's, and values that the master cannot hold", async () => {
  await using stage = await referencedStage("types");
  const wards = ["--table", "population.ward"];
  expect(dangling(await compared(stage, 0, ...wards))).toEqual({ "app.house": [], "app.map": [] });
  await stage.onMaster(
    "UPDATE public.ward SET number = 9 WHERE province = '01' AND number = 2",
    "UPDATE public.ward SET area = 0.5 WHERE province = '07' AND number = 3",
  );
  await stage.shows("hcm", "SELECT count(*) FROM population.ward WHERE number = 9 OR area = 0.5", [["2"]]);
  await stage.onTarget("hcm", "INSERT INTO app.house VALUES (1.5, '02'), (9999, '02'), (9, '01'), (1, 'một trăm'), (1, '02')");
  expect(dangling(await compared(stage, 0, ...wards))).toEqual({
    "app.house": [
      ["1", "một trăm", 1, "not in the master"],
      ["1.5", "02", 1, "not in the master"],
      ["2", "01", 1, "not in the master"],
      ["9999", "02", 1, "not in the master"],
    ],
    "app.map": [["7.75", 1, "no row of the copy has it"]],
  });
  await stage.stop();
});

test("RC-02: a table that cannot be read is told with the remedy, and spoils neither the comparison nor the other tables", async () => {
  await using stage = await referencedStage("rights");
  await stage.onMaster("DELETE FROM public.province WHERE code = '30'");
  await stage.shows("hcm", "SELECT count(*) FROM population.province", [["29"]]);
  await stage.onTarget("hcm", `REVOKE ALL ON app.resident FROM ${roles.target}`);
  const refused = (await compared(stage, 0)).references;
  expect(refused.map(({ problem, values_count: values }) => [problem?.code ?? null, values])).toEqual([
    ["DB-REC-016", 0],
    [null, 1],
  ]);
  expect(refused[0]?.problem?.cause).toMatch(/permission denied for table resident/);
  const grant = /GRANT SELECT \("province_code"\) ON "app"\."resident" TO "dongbo_target"/.exec(refused[0]?.problem?.remedy ?? "");
  // The statement that is proposed suffices.
  await stage.onTarget("hcm", grant?.[0] ?? "");
  expect(dangling(await compared(stage, 0))["app.resident"]).toEqual([["30", 1, "not in the master"]]);

  const causeAfter = async (statement: string): Promise<string | undefined> => {
    await stage.onTarget("hcm", statement);
    const [first] = (await compared(stage, 0)).references;
    expect(first).toMatchObject({ values_count: 0, problem: { code: "DB-REC-016" } });
    return first?.problem?.cause;
  };
  expect(await causeAfter("ALTER TABLE app.resident ENABLE ROW LEVEL SECURITY")).toMatch(/row security hides rows/);
  expect(await causeAfter("ALTER TABLE app.resident RENAME province_code TO code")).toBe('there is no column "province_code" in it');
  expect(await causeAfter("ALTER TABLE app.resident RENAME TO residents")).toBe("there is no such table");

  // For people, with digests, and in the certificate: no value.
  stage.configure({ share: { reconcile: { keys: "digests" } } });
  const folder = join(testFolder("certificates"), "references");
  const finished = await stage.home.run(["reconcile", ...provinces, "--certificate", folder]);
  expect(finished.code).toBe(0);
  expect(finished.stdout).toMatch(/app\.resident \(province_code\): DB-REC-016: there is no such table\. .*GRANT SELECT/);
  expect(finished.stdout).toMatch(
    /app\.Sổ hộ khẩu \(Tên tỉnh\): 1 value in 1 row is not in the copy: [0-9a-f]{64} \(1 row, no row of the copy has it\)\./,
  );
  const pages = readdirSync(folder).map((file) => readFileSync(join(folder, file), "utf8"));
  expect(pages.join("\n")).toContain("app.Sổ hộ khẩu (Tên tỉnh): 1 giá trị trong 1 bản ghi không có trong bản sao");
  for (const text of [...pages, finished.stdout]) expect(text).not.toContain("Tỉnh 30");
  await stage.stop();

  // A copy of which nothing can be said says nothing of what refers to it.
  await stage.command("suspend", "population/hcm", "--reason", "maintenance");
  const still = await compared(stage, 4);
  expect(still.references.map(({ problem }) => problem?.code)).toEqual(["DB-REC-001", "DB-REC-001"]);
});
