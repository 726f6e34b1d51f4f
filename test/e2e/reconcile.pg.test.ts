// `dongbo reconcile` says of every copy whether it equals its part of the master, and names each row that does not.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, roles, startCluster } from "../support/cluster.ts";
import {
  citizen,
  citizensOfHcm,
  inHue,
  populationStage,
  reconcileCitizens,
  rowsHcm,
  rowsHue,
  rowsOffice,
  rowsVisit,
  startLoaded,
} from "./reconcile-stage.ts";
import { found, nothing, onlyTable, reconcile, type Reconciliation } from "./reconciling.ts";
import { type Side, Stage } from "./stage.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ targets: [] });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

/** Which tables were compared, and how many rows of each. */
function compared({ tables }: Reconciliation): string[] {
  return tables.map((table) => `${table.subscription} ${table.table} ${table.rows_checked}`).toSorted();
}

const everything = [
  `offices/hcm office.office ${rowsOffice}`,
  `population/hcm population.citizen ${rowsHcm}`,
  `population/hcm population.visit ${rowsVisit}`,
  `population/hue population.citizen ${rowsHue}`,
  `population/hue population.visit ${rowsVisit}`,
];

function digests({ tables }: Reconciliation): string[] {
  return tables.map((table) => `${table.subscription} ${table.table} ${table.digest}`).toSorted();
}

test("RC-01, RC-10: equal copies are found equal beside a running engine and without one, and when that was is on record", async () => {
  await using stage = await populationStage(cluster, "equal");
  await startLoaded(stage);
  expect(await stage.status("population/hcm")).toMatchObject({ last_reconciled_at: null });
  const begun = Date.now();
  const report = await reconcile(stage.home);
  expect(report).toMatchObject({ code: 0, verdict: "equal" });
  expect(compared(report)).toEqual(everything);
  for (const table of report.tables) {
    expect(found(table)).toEqual(nothing);
    expect(table).toMatchObject({ unsettled: 0, quarantined: 0, repaired: 0, skipped: [], problem: null });
    expect(table.digest).toMatch(/^[0-9a-f]{32}$/);
    expect(table.position).toMatch(/./);
  }

  const status = await stage.status("population/hcm");
  const at = Date.parse(status.last_reconciled_at ?? "");
  expect(at).toBeGreaterThan(begun - 1_000);
  expect(at).toBeLessThan(Date.now() + 1_000);
  for (const table of status.tables) expect(table.last_reconciled_at).not.toBeNull();
  const view = "SELECT subscription, target_table FROM dongbo.status WHERE last_reconciled_at > now() - interval '1 minute' ORDER BY 1, 2";
  expect(await stage.read("hcm", view)).toEqual([
    { subscription: "offices/hcm", target_table: "office.office" },
    { subscription: "population/hcm", target_table: "population.citizen" },
    { subscription: "population/hcm", target_table: "population.visit" },
  ]);
  expect(await stage.record("hcm", "population.citizen")).toMatchObject({ verdict: "equal" });

  await stage.stop();
  // What has come to the log meanwhile is applied on the way.
  await stage.onMaster("UPDATE public.visit SET note = 'sau' WHERE id = 1", "DELETE FROM public.citizen WHERE id = 20");
  const alone = await reconcile(stage.home);
  expect(alone).toMatchObject({ code: 0 });
  expect(compared(alone)).toEqual(
    everything.map((line) => line.replace(`hcm population.citizen ${rowsHcm}`, `hcm population.citizen ${rowsHcm - 1}`)),
  );
  expect(await stage.onTarget("hcm", "SELECT note FROM population_copy.visit WHERE id = 1")).toEqual([{ note: "sau" }]);
  // Rows that are the same have the same digest.
  const again = await reconcile(stage.home);
  expect(digests(again)).toEqual(digests(alone));
  const changed = digests(alone).filter((line) => !digests(report).includes(line));
  expect(changed.map((line) => line.slice(0, line.lastIndexOf(" ")))).toEqual([
    "population/hcm population.citizen",
    "population/hcm population.visit",
    "population/hue population.visit",
  ]);
  // It has left the place to the next engine.
  stage.start();
  await stage.onMaster("UPDATE public.visit SET note = 'nữa' WHERE id = 1");
  await stage.shows("hue", "SELECT note FROM population.visit WHERE id = 1", [["nữa"]]);
  await stage.stop();
});

test("--share, --subscription and --table choose what is compared; what is not configured is bad usage", async () => {
  await using stage = await populationStage(cluster, "choose");
  await stage.catchUp();
  const choose = async (...options: readonly string[]) => compared(await reconcile(stage.home, options));
  expect(await choose("--share", "offices")).toEqual([everything[0]]);
  expect(await choose("--share", "population")).toEqual(everything.slice(1));
  expect(await choose("--subscription", "population/hue")).toEqual(everything.slice(3));
  expect(await choose("--table", "population.visit")).toEqual([everything[2], everything[4]]);
  expect(await choose(...citizensOfHcm)).toEqual([everything[1]]);
  for (const wrong of [
    ["--share", "nobody"],
    ["--subscription", "population/nobody"],
    ["--table", "population.nobody"],
    ["--share", "offices", "--table", "population.visit"],
    ["--repair", "sometimes"],
  ]) {
    const { code, stderr } = await stage.home.run(["reconcile", ...wrong]);
    expect([wrong, code]).toEqual([wrong, 2]);
    expect(stderr).toMatch(/\w/);
  }
});

test("RC-08, RC-09: every kind of difference is found, with exactly its keys and columns, and in no other copy", async () => {
  await using stage = await populationStage(cluster, "kinds");
  await startLoaded(stage);
  await stage.onTarget("hcm", "UPDATE population_copy.citizen SET balance = balance + 0.01 WHERE id = 11");
  const one = await reconcileCitizens(stage, 3);
  expect(found(one)).toEqual({ ...nothing, different: ["11 (balance)"] });
  expect(one).toMatchObject({ rows_checked: rowsHcm, different_count: 1, repaired: 0 });
  expect(await stage.record("hcm", "population.citizen")).toMatchObject({ verdict: "different" });

  await stage.onTarget(
    "hcm",
    "UPDATE population_copy.citizen SET full_name = normalize(full_name, NFD) WHERE id IN (12, 23)",
    "UPDATE population_copy.citizen SET balance = NULL WHERE id = 23",
    "UPDATE population_copy.citizen SET born = born + 1, note = note || ' ' WHERE id = 13",
    "UPDATE population_copy.citizen SET seen = seen + interval '1 microsecond' WHERE id = 14",
    "UPDATE population_copy.citizen SET alive = NOT alive WHERE id = 15",
    // No note and an empty one are not the same.
    "UPDATE population_copy.citizen SET note = '' WHERE id = 70 AND note IS NULL",
    "UPDATE population_copy.citizen SET note = NULL WHERE id = 55 AND note = ''",
    "UPDATE population_copy.citizen SET born = 'infinity' WHERE id = 30",
    "DELETE FROM population_copy.citizen WHERE id IN (21, 1990)",
    "INSERT INTO population_copy.citizen (id, full_name, dongbo_batch) VALUES (5001, 'Nguyễn Không Có', 1)",
    // Rows of the master, but of other provinces, just as they are there.
    `INSERT INTO population_copy.citizen SELECT id + 5, full_name, born, balance, seen, alive, note, 1 FROM population_copy.citizen WHERE id IN (11, 14)`,
  );
  // A person's edit, as somebody with the engine's own rights makes it; and one that the master has since overwritten.
  await stage.onTarget(
    "hcm",
    `SET ROLE ${roles.target}`,
    "UPDATE population_copy.citizen SET full_name = 'Sửa tay', dongbo_batch = dongbo_batch + 1 WHERE id IN (24, 25)",
  );
  await stage.onMaster("UPDATE public.citizen SET balance = 1 WHERE id = 25");
  await stage.shows("hcm", "SELECT full_name, balance FROM population.citizen WHERE id = 25", [["Nguyễn Thị 25", "1.00"]]);

  const report = await reconcile(stage.home);
  expect(report.code).toBe(3);
  for (const table of report.tables)
    if (table.subscription !== "population/hcm" || table.table !== "population.citizen") expect(found(table)).toEqual(nothing);
  const all = report.tables.find((table) => table.subscription === "population/hcm" && table.table === "population.citizen");
  expect(all && found(all)).toEqual({
    missing: ["1990", "21"],
    extra: ["16", "19", "5001"],
    outsideFilter: 2,
    different: [
      "11 (balance)",
      "12 (full_name) ~",
      "13 (born, note)",
      "14 (seen)",
      "15 (alive)",
      "23 (full_name, balance)",
      "24 (full_name)",
      "30 (born)",
      "55 (note)",
      "70 (note)",
    ],
    duplicate: [],
  });
  // People are shown keys, never what is in the rows.
  const shown = await stage.home.run(["reconcile", ...citizensOfHcm]);
  expect(shown.code).toBe(3);
  expect(shown.stdout).toContain("population.citizen");
  expect(shown.stdout + shown.stderr).not.toMatch(/Sửa tay|Nguyễn/);
  // Looking changes nothing.
  expect(await stage.onTarget("hcm", "SELECT full_name FROM population_copy.citizen WHERE id = 24")).toEqual([{ full_name: "Sửa tay" }]);
  expect(await stage.differences("hue", { ...citizen, where: inHue })).toEqual([]);
  await stage.stop();
});

test("rows in quarantine are no differences, and what else is wrong is found beside them", async () => {
  await using stage = await populationStage(cluster, "poison");
  await startLoaded(stage);
  await stage.onTarget("hcm", "ALTER TABLE population_copy.citizen ADD CONSTRAINT solvent CHECK (balance >= 0)");
  await stage.onMaster(
    "UPDATE public.citizen SET balance = -1 WHERE id = 10",
    "INSERT INTO public.citizen (id, province, full_name, balance) VALUES (3000, '79', 'Nợ', -5)",
  );
  await stage.recorded("hcm", "population.citizen", (row) => row["rows_quarantined"] === "2");
  const clean = await reconcileCitizens(stage, 0);
  expect(found(clean)).toEqual(nothing);
  expect(clean).toMatchObject({ quarantined: 2, rows_checked: rowsHcm - 1 });
  await stage.onTarget("hcm", "UPDATE population_copy.citizen SET note = 'sai' WHERE id = 11");
  const dirty = await reconcileCitizens(stage, 3);
  expect(found(dirty)).toEqual({ ...nothing, different: ["11 (note)"] });
  expect(dirty).toMatchObject({ quarantined: 2 });
  const repaired = await reconcileCitizens(stage, 3, "--repair", "auto");
  expect(repaired).toMatchObject({ repaired: 1 });
  expect(await reconcileCitizens(stage, 0)).toMatchObject({ quarantined: 2 });
  expect(await stage.status("population/hcm")).toMatchObject({ rows_quarantined: 2 });
  await stage.stop();
});

test("a key that the copy has twice is named once", async () => {
  await using stage = await populationStage(cluster, "twice");
  await startLoaded(stage);
  await stage.onTarget(
    "hcm",
    "ALTER TABLE population_copy.citizen DROP CONSTRAINT citizen_pkey",
    "INSERT INTO population_copy.citizen SELECT * FROM population_copy.citizen WHERE id IN (31, 32)",
    "UPDATE population_copy.citizen SET note = 'khác' WHERE ctid = (SELECT max(ctid) FROM population_copy.citizen WHERE id = 32)",
  );
  const table = await reconcileCitizens(stage, 3);
  expect(found(table)).toEqual({ ...nothing, duplicate: ["31", "32"] });
  await stage.onTarget(
    "hcm",
    "DELETE FROM population_copy.citizen AS c USING population_copy.citizen AS o WHERE c.id = o.id AND c.ctid > o.ctid",
    "ALTER TABLE population_copy.citizen ADD PRIMARY KEY (id)",
  );
  await reconcileCitizens(stage, 0);
  await stage.stop();
});

interface KeyedTable {
  readonly name: string;
  readonly side: Side;
  readonly damage: readonly string[];
  readonly wanted: Partial<ReturnType<typeof found>>;
}

const place: Side = { source: "public.place", target: "population.place", key: ["code"], columns: ["code", "name"] };
const ward: Side = { source: "public.ward", target: "population.ward", key: ["code"], columns: ["code", "name"] };
const deed: Side = {
  source: "public.deed",
  target: "population.deed",
  key: ["province", "number", "signed"],
  columns: ["province", "number", "signed", "note"],
};
const resident: Side = {
  source: "public.resident",
  target: "population.resident",
  key: ["province", "id"],
  columns: ["province", "id", "full_name"],
};

/** Texts that collations order as they like, and that a careless reader would cut or fold. */
const oddTexts = `('', 'a'), ('A', 'b'), ('a', 'c'), ('á', 'd'), ('ă', 'e'), ('đ', 'f'), ('z', 'g'), ('Z', 'h'), ('a ', 'i'), (' a', 'j'), ('a''b', 'k'),
  (E'a\\\\b', 'l'), (E'a\\nb', 'm'), (E'a\\tb', 'n'), ('a,b', 'o'), ('a|b', 'p'), ('~', 'q'), ('{a}', 'r'), ('"a"', 's'), ('NULL', 't'), ('🙂', 'u'),
  (normalize('ế', NFC), 'v'), (normalize('ế', NFD), 'w'), (E'\\uFEFFa', 'x'), ('a-b', 'y'), ('ab', 'z')`;

const keyedTables: readonly KeyedTable[] = [
  {
    name: "text in the database's collation",
    side: place,
    damage: [
      "UPDATE population_copy.place SET name = 'sai' WHERE code IN ('a', 'đ', E'a\\\\b', 'place 77')",
      "DELETE FROM population_copy.place WHERE code IN ('', 'á', 'place 500')",
      "INSERT INTO population_copy.place VALUES ('Á', 'thừa', 1), ('place 500 ', 'thừa', 1)",
    ],
    wanted: {
      missing: ["", "place 500", "á"],
      extra: ["place 500 ", "Á"],
      different: ["a (name)", "a\\b (name)", "place 77 (name)", "đ (name)"],
    },
  },
  {
    name: "text in an ICU collation of the master",
    side: ward,
    damage: [
      "UPDATE population_copy.ward SET name = 'sai' WHERE code IN ('Z', normalize('ế', NFD), 'ward 3')",
      "DELETE FROM population_copy.ward WHERE code IN ('A', 'ward 1')",
      "INSERT INTO population_copy.ward VALUES ('ward 1 bis', 'thừa', 1)",
    ],
    wanted: { missing: ["A", "ward 1"], extra: ["ward 1 bis"], different: ["Z (name)", `${"ế".normalize("NFD")} (name)`, "ward 3 (name)"] },
  },
  {
    name: "three columns",
    side: deed,
    damage: [
      "UPDATE population_copy.deed SET note = NULL WHERE province = '79' AND number = 5",
      "DELETE FROM population_copy.deed WHERE province = '46' AND number = 7",
      "INSERT INTO population_copy.deed VALUES ('79', 5, '1999-12-31', 'thừa', 1)",
    ],
    wanted: { missing: ["46/7/2020-01-08"], extra: ["79/5/1999-12-31"], different: ["79/5/2020-01-06 (note)"] },
  },
  {
    name: "a partitioned master",
    side: resident,
    damage: [
      "UPDATE population_copy.resident SET full_name = 'sai' WHERE id IN (1, 400)",
      "DELETE FROM population_copy.resident WHERE id = 200",
      "INSERT INTO population_copy.resident VALUES ('99', 200, 'thừa', 1)",
    ],
    wanted: { missing: ["46/200"], extra: ["99/200"], different: ["01/400 (full_name)", "79/1 (full_name)"] },
  },
];

test("keys of text, of several columns and of a partitioned master are compared and repaired like any other", async () => {
  const sides = keyedTables.map(({ side }) => side);
  await using stage = await Stage.create(cluster, {
    name: "keys",
    master: [
      "CREATE TABLE public.place (code text PRIMARY KEY, name text)",
      'CREATE TABLE public.ward (code text COLLATE "vi-x-icu" PRIMARY KEY, name text)',
      "CREATE TABLE public.deed (province text, number int, signed date, note text, PRIMARY KEY (province, number, signed))",
      "CREATE TABLE public.resident (province text, id int, full_name text, PRIMARY KEY (province, id)) PARTITION BY LIST (province)",
      ...["79", "46", "01"].map((code) => `CREATE TABLE public.resident_${code} PARTITION OF public.resident FOR VALUES IN ('${code}')`),
      `INSERT INTO public.place VALUES ${oddTexts}`,
      `INSERT INTO public.ward VALUES ${oddTexts}`,
      "INSERT INTO public.place SELECT 'place ' || i, 'x' FROM generate_series(1, 500) AS i",
      "INSERT INTO public.ward SELECT 'ward ' || i, 'x' FROM generate_series(1, 500) AS i",
      `INSERT INTO public.deed SELECT province, i, date '2020-01-01' + i, 'ghi ' || i
         FROM generate_series(1, 250) AS i CROSS JOIN (VALUES ('79'), ('46')) AS p(province)`,
      `INSERT INTO public.resident SELECT CASE WHEN i <= 150 THEN '79' WHEN i <= 300 THEN '46' ELSE '01' END, i, 'Lê ' || i
         FROM generate_series(1, 450) AS i`,
    ],
    shares: { population: sides.map(({ source, target, key, columns }) => ({ source, target, key, columns })) },
    copies: [{ target: "hcm", share: "population" }],
  });
  stage.start();
  await stage.shows("hcm", "SELECT count(*) FROM population.resident", [["450"]]);
  await stage.shows("hcm", "SELECT count(*) FROM population.ward", [["526"]]);
  expect(await reconcile(stage.home)).toMatchObject({ code: 0 });
  for (const { side, damage, name, wanted } of keyedTables) {
    await stage.onTarget("hcm", ...damage);
    const report = await reconcile(stage.home, ["--table", side.target, "--repair", "auto"]);
    expect({ name, ...found(onlyTable(report)) }).toEqual({ name, ...nothing, ...wanted });
    const count = [wanted.missing, wanted.extra, wanted.different].reduce((sum, keys) => sum + (keys?.length ?? 0), 0);
    expect({ name, repaired: onlyTable(report).repaired }).toEqual({ name, repaired: count });
  }
  const after = await reconcile(stage.home);
  expect(after.tables.map(found)).toEqual(keyedTables.map(() => nothing));
  expect(after.code).toBe(0);
  for (const side of sides) expect(await stage.differences("hcm", side)).toEqual([]);
  await stage.stop();
});

test("what cannot be brought to the position that is compared is unverified, and says why", async () => {
  await using stage = await populationStage(cluster, "held");
  await startLoaded(stage);
  await stage.command("suspend", "population/hcm", "--reason", "maintenance");
  await stage.onMaster("UPDATE public.citizen SET note = 'sau' WHERE id = 11");
  const expectUnverified = async (): Promise<void> => {
    const report = await reconcile(stage.home, ["--share", "population"]);
    expect(report).toMatchObject({ code: 4, verdict: "unverified" });
    for (const table of report.tables) {
      expect(found(table)).toEqual(nothing);
      if (table.subscription === "population/hue") expect(table).toMatchObject({ problem: null });
      else expect(table.problem?.code).toMatch(/^DB-REC-\d{3}$/);
      if (table.problem !== null) expect(table.problem.remedy).toMatch(/\w/);
    }
  };
  await expectUnverified();
  expect(await stage.status("population/hcm")).toMatchObject({ last_reconciled_at: null });
  await stage.stop();
  await expectUnverified();
  await stage.command("resume", "population/hcm");
  expect(await reconcile(stage.home)).toMatchObject({ code: 0 });

  // A share whose agreement is over is supplied no more.
  const agreement = { id: "TT-07/2026", from: "2020-01-01", to: "2021-01-01", purpose: "thử nghiệm", storage_basis: "42.1" };
  stage.configure({ share: { agreement } });
  await stage.command("apply");
  const over = await reconcile(stage.home, citizensOfHcm);
  expect(over).toMatchObject({ code: 4, tables: [{ problem: { code: "DB-REC-001", cause: expect.stringContaining("agreement") } }] });
  stage.configure({});
  await stage.command("apply");

  // A table that stands still: its quarantine is full.
  stage.configure({ share: { quarantine_max: 1 } });
  stage.start();
  await stage.onTarget("hcm", "ALTER TABLE population_copy.citizen ADD CONSTRAINT solvent CHECK (balance >= 0)");
  await stage.onMaster("UPDATE public.citizen SET balance = -1 WHERE id IN (10, 11, 12)");
  await stage.recorded("hcm", "population.citizen", (row) => row["stopped_code"] !== null);
  expect((await reconcileCitizens(stage, 4)).problem?.code).toMatch(/^DB-REC-\d{3}$/);
  const other = await reconcile(stage.home, ["--subscription", "population/hcm", "--table", "population.visit"]);
  expect(other).toMatchObject({ code: 0 });
  await stage.stop();
});
