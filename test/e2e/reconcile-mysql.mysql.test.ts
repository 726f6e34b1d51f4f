// Reconciling where the master, the copy or both are MariaDB: equal, each kind of difference, and repair.
import { expect, test } from "vitest";
import { numbersTo } from "../support/mysql-server.ts";
import type { MasterKind } from "../support/two-families.ts";
import { PairStage } from "./pair-stage.ts";
import { found, nothing, onlyTable, reconcile } from "./reconciling.ts";

const forms = {
  id: "integer",
  full_name: "text",
  born: "date",
  balance: "decimal",
  seen: "instant",
  alive: "boolean",
  photo: "bytes",
  weight: "double",
  note: "text",
} as const;
const placeForms = { code: "text", number: "integer", name: "text" } as const;
const citizenShape = { key: ["id"], forms, where: "province = '79'" } as const;
const placeShape = { key: ["code", "number"], forms: placeForms } as const;
const rows = 1_000;
const rowsInCopy = 600;

/** The same population as the two families write it. */
function tablesOf(master: MasterKind): string[] {
  const mysql = master === "mysql";
  const citizen = `CREATE TABLE citizen (id bigint PRIMARY KEY, province char(2) NOT NULL, full_name varchar(60), born date, balance decimal(12,2),
    seen ${mysql ? "datetime(6)" : "timestamp(6)"}, alive ${mysql ? "tinyint(1)" : "boolean"}, photo ${mysql ? "varbinary(20)" : "bytea"},
    weight ${mysql ? "double" : "float8"}, note varchar(60))`;
  const collation = mysql ? " COLLATE utf8mb4_general_ci" : "";
  const place = `CREATE TABLE place (code varchar(20)${collation} NOT NULL, number int NOT NULL, name varchar(60), PRIMARY KEY (code, number))`;
  const provinces = "CASE WHEN i % 10 < 6 THEN '79' WHEN i % 10 < 9 THEN '46' ELSE '01' END";
  const fill = mysql
    ? `INSERT INTO citizen SELECT i, ${provinces}, CONCAT('Nguyễn Thị ', i), '1950-01-01' + INTERVAL i DAY, i + 0.5,
         TIMESTAMP('2026-01-01 00:00:00.123456') + INTERVAL i SECOND, i % 3 = 0, UNHEX(LPAD(HEX(i), 8, '0')), i / 7e0,
         CASE WHEN i % 7 = 0 THEN NULL WHEN i % 11 = 0 THEN '' ELSE CONCAT('ghi chú ', i) END FROM (SELECT seq AS i FROM ${numbersTo(rows)}) AS n`
    : `INSERT INTO citizen SELECT i, ${provinces}, 'Nguyễn Thị ' || i, date '1950-01-01' + i, i + 0.5,
         timestamp '2026-01-01 00:00:00.123456' + i * interval '1 second', i % 3 = 0, decode(lpad(to_hex(i), 8, '0'), 'hex'), i / 7e0,
         CASE WHEN i % 7 = 0 THEN NULL WHEN i % 11 = 0 THEN '' ELSE 'ghi chú ' || i END FROM generate_series(1, ${rows}) AS i`;
  // A case-insensitive key of MariaDB takes these once only.
  const places = ["phường 1", "Quận 10", "xã A", "", "~", "a|b", "z", "B"];
  return [
    citizen,
    place,
    fill,
    ...places.flatMap((code) => [1, 2, 3].map((number) => `INSERT INTO place VALUES ('${code}', ${number}, 'Nơi ${number}')`)),
  ];
}

async function pairStage(master: MasterKind, connector: MasterKind): Promise<PairStage> {
  const schema = master === "mysql" ? "national" : "public";
  const stage = await PairStage.create({
    master,
    tables: tablesOf(master),
    shares: {
      population: [
        {
          source: `${schema}.citizen`,
          target: "population.citizen",
          key: ["id"],
          columns: Object.keys(forms),
          where: { province: { eq: "79" } },
        },
        { source: `${schema}.place`, target: "population.place", key: ["code", "number"], columns: Object.keys(placeForms) },
      ],
    },
    copies: [{ target: "hcm", share: "population", connector }],
  });
  stage.start();
  await stage.shows("hcm", "SELECT count(*) AS n FROM population.citizen", [[String(rowsInCopy)]]);
  await stage.shows("hcm", "SELECT count(*) AS n FROM population.place", [["24"]]);
  return stage;
}

/** Statements in the words of the target's family. Row 23 differs in the form of its characters and in a value. */
function damageOf(connector: MasterKind): string[] {
  const mysql = connector === "mysql";
  const decomposed = (id: number) => `'${`Nguyễn Thị ${id}`.normalize("NFD")}'`;
  const microsecond = mysql ? "seen + INTERVAL 1 MICROSECOND" : "seen + interval '1 microsecond'";
  const bytes = mysql ? "x'00'" : "'\\x00'::bytea";
  return [
    "UPDATE population_copy.citizen SET balance = balance + 0.01 WHERE id = 11",
    `UPDATE population_copy.citizen SET full_name = ${decomposed(12)} WHERE id = 12`,
    `UPDATE population_copy.citizen SET full_name = ${decomposed(23)}, balance = NULL WHERE id = 23`,
    `UPDATE population_copy.citizen SET seen = ${microsecond} WHERE id = 14`,
    "UPDATE population_copy.citizen SET alive = 1 - alive WHERE id = 15",
    "UPDATE population_copy.citizen SET note = '' WHERE id = 70",
    "UPDATE population_copy.citizen SET note = NULL WHERE id = 55",
    `UPDATE population_copy.citizen SET photo = ${bytes}, weight = 0 WHERE id = 33`,
    // The number after the one that is held.
    "UPDATE population_copy.citizen SET weight = 5.000000000000001e0 WHERE id = 35",
    "DELETE FROM population_copy.citizen WHERE id IN (21, 990)",
    "INSERT INTO population_copy.citizen (id, full_name, dongbo_batch) VALUES (5001, 'Nguyễn Không Có', 1), (16, 'Nguyễn Thị 16', 1)",
    "UPDATE population_copy.place SET name = 'sai' WHERE code = 'xã A' AND number = 2",
    "DELETE FROM population_copy.place WHERE code = '' AND number = 3",
    "INSERT INTO population_copy.place (code, number, name, dongbo_batch) VALUES ('xã A', 22, 'thừa', 1)",
  ];
}

const wanted = {
  "population.citizen": {
    ...nothing,
    missing: ["21", "990"],
    extra: ["16", "5001"],
    outsideFilter: 1,
    different: [
      "11 (balance)",
      "12 (full_name) ~",
      "14 (seen)",
      "15 (alive)",
      "23 (full_name, balance)",
      "33 (photo, weight)",
      "35 (weight)",
      "55 (note)",
      "70 (note)",
    ],
  },
  "population.place": { ...nothing, missing: ["/3"], extra: ["xã A/22"], different: ["xã A/2 (name)"] },
};

async function differences(stage: PairStage): Promise<string[]> {
  return [
    ...(await stage.differences("hcm", "citizen", "population.citizen", citizenShape)),
    ...(await stage.differences("hcm", "place", "population.place", placeShape)),
  ];
}

const pairs = [
  ["postgres", "mysql"],
  ["mysql", "postgres"],
  ["mysql", "mysql"],
] as const;

test.each(pairs)("RC-01, RC-05, RC-08, RC-09: from %s to %s", async (master, connector) => {
  await using stage = await pairStage(master, connector);
  const clean = await reconcile(stage.home);
  expect(clean.tables.map(found)).toEqual([nothing, nothing]);
  expect(clean).toMatchObject({ code: 0, verdict: "equal" });
  expect(clean.tables.map(({ table, rows_checked: checked, skipped }) => [table, checked, skipped])).toEqual([
    ["population.citizen", rowsInCopy, []],
    ["population.place", 24, []],
  ]);

  await stage.onTarget("hcm", ...damageOf(connector));
  const report = await reconcile(stage.home);
  expect(report.tables.map(({ problem }) => problem)).toEqual([null, null]);
  expect(report.code).toBe(3);
  expect(Object.fromEntries(report.tables.map((table) => [table.table, found(table)]))).toEqual(wanted);

  // With nobody else running: the command runs an engine for as long as it needs one.
  await stage.stop();
  await stage.onMaster("UPDATE citizen SET note = 'sau' WHERE id = 40", "DELETE FROM citizen WHERE id = 41");
  const repaired = await reconcile(stage.home, ["--repair", "auto"]);
  expect(Object.fromEntries(repaired.tables.map((table) => [table.table, found(table)]))).toEqual(wanted);
  expect(repaired.tables.map((table) => table.repaired)).toEqual([13, 3]);
  stage.start();
  const after = await reconcile(stage.home);
  expect(after.tables.map(found)).toEqual([nothing, nothing]);
  expect(after.code).toBe(0);
  expect(await differences(stage)).toEqual([]);
  await stage.onMaster("UPDATE citizen SET note = 'còn chạy' WHERE id = 40");
  await stage.shows("hcm", "SELECT note FROM population.citizen WHERE id = 40", [["còn chạy"]]);
  await stage.stop();
});

test("where master and copy are MariaDB, rows in quarantine are no differences", async () => {
  await using stage = await pairStage("mysql", "mysql");
  await stage.onTarget("hcm", "ALTER TABLE population_copy.citizen ADD CONSTRAINT solvent CHECK (balance >= 0)");
  await stage.onMaster("UPDATE citizen SET balance = -1 WHERE id = 10");
  await stage.recorded("hcm", "population.citizen", (row) => row["rows_quarantined"] === "1");
  const only = ["--table", "population.citizen"];
  expect(onlyTable(await reconcile(stage.home, only))).toMatchObject({ quarantined: 1, missing_count: 0, different_count: 0 });
  await stage.onTarget("hcm", "DELETE FROM population_copy.citizen WHERE id = 11");
  expect(found(onlyTable(await reconcile(stage.home, [...only, "--repair", "auto"])))).toEqual({ ...nothing, missing: ["11"] });
  expect(await reconcile(stage.home, only)).toMatchObject({ code: 0 });
  await stage.stop();
});
