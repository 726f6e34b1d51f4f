// Rows that a copy on MariaDB refuses are set aside, visibly and within a bound; everything else goes on.
import { expect, test } from "vitest";
import type { MasterKind } from "../support/two-families.ts";
import { PairStage } from "./pair-stage.ts";

const citizenForms = { id: "integer", full_name: "text", age: "integer", email: "text" } as const;
const visitForms = { id: "integer", citizen_id: "integer", note: "text" } as const;

function stageOf(master: MasterKind, quarantineMax: number): Promise<PairStage> {
  const schema = master === "mysql" ? "national" : "public";
  return PairStage.create({
    master,
    tables: [
      "CREATE TABLE citizen (id int PRIMARY KEY, full_name varchar(60), age int, email varchar(60), province char(2))",
      "CREATE TABLE visit (id int PRIMARY KEY, citizen_id int, note varchar(60))",
      ...Array.from({ length: 10 }, (_, index) => {
        return `INSERT INTO citizen VALUES (${index + 1}, 'Nguyễn ${index + 1}', ${21 + index}, 'm${index + 1}', '79')`;
      }),
      "INSERT INTO citizen VALUES (90, 'Lê', 50, 'm90', '46'), (91, 'Lý', 51, 'm91', '46')",
      ...Array.from({ length: 9 }, (_, index) => `INSERT INTO visit VALUES (${index + 1}, ${index + 1}, 'khám')`),
    ],
    shares: {
      population: [
        {
          source: `${schema}.citizen`,
          target: "population.citizen",
          key: ["id"],
          columns: Object.keys(citizenForms),
          where: { province: { eq: "79" } },
        },
        { source: `${schema}.visit`, target: "population.visit", key: ["id"], columns: Object.keys(visitForms) },
      ],
    },
    copies: [{ target: "hcm", share: "population", connector: "mysql" }],
    share: { quarantine_max: quarantineMax },
  });
}

async function held(stage: PairStage): Promise<string[]> {
  const rows = await stage.onTarget("hcm", "SELECT target_table, `key` AS k, code FROM dongbo.quarantine");
  return rows.map((row) => `${row["target_table"]} ${row["k"]} ${row["code"]}`).toSorted();
}

async function differences(stage: PairStage): Promise<string[]> {
  const citizens = { key: ["id"], forms: citizenForms, where: "province = '79'" };
  return [
    ...(await stage.differences("hcm", "citizen", "population.citizen", citizens)),
    ...(await stage.differences("hcm", "visit", "population.visit", { key: ["id"], forms: visitForms })),
  ];
}

const ids = (view: string) => `SELECT GROUP_CONCAT(id ORDER BY id) AS ids FROM ${view}`;

test.each(["mysql", "postgres"] as const)(
  "rows of a master on %s that break an added CHECK, UNIQUE or FOREIGN KEY are set aside, the rest goes on, replay brings them back",
  async (master) => {
    await using stage = await stageOf(master, 100);
    stage.start();
    await stage.shows("hcm", "SELECT count(*) AS n FROM population.citizen", [["10"]]);
    await stage.onTarget(
      "hcm",
      "ALTER TABLE population_copy.citizen ADD CONSTRAINT adult CHECK (age >= 18)",
      "ALTER TABLE population_copy.citizen ADD CONSTRAINT one_email UNIQUE (email)",
      "ALTER TABLE population_copy.visit ADD CONSTRAINT of_citizen FOREIGN KEY (citizen_id) REFERENCES population_copy.citizen (id)",
    );
    // One source transaction with three poison rows, an update that turns a good row bad, and good rows around them.
    await stage.onMaster(
      "BEGIN",
      "INSERT INTO citizen VALUES (20, 'Trần', 30, 'm20', '79'), (21, 'Bé', 3, 'm21', '79'), (22, 'Trùng', 40, 'm1', '79')",
      "UPDATE citizen SET age = 4 WHERE id = 10",
      "INSERT INTO visit VALUES (20, 20, 'mới'), (21, 90, 'ngoài')",
      "COMMIT",
      "UPDATE citizen SET full_name = 'Sau' WHERE id = 2",
    );
    await stage.shows("hcm", "SELECT full_name FROM population.citizen WHERE id = 2", [["Sau"]]);
    // The one whose last good version is out of date is not shown with it either.
    await stage.shows("hcm", ids("population.citizen"), [["1,2,3,4,5,6,7,8,9,20"]]);
    expect(await held(stage)).toEqual([
      'population.citizen ["10"] DB-ROW-005',
      'population.citizen ["21"] DB-ROW-005',
      'population.citizen ["22"] DB-ROW-003',
      'population.visit ["21"] DB-ROW-004',
    ]);
    const status = await stage.home.run(["status"]);
    expect(status.code).toBe(5);
    expect(status.stdout).toMatch(/population\.citizen: 3 rows in quarantine/);
    expect(await stage.status("population/hcm")).toMatchObject({ usable: true, rows_quarantined: 4, copy_state: "VALID" });
    const explained = await stage.home.run(["explain", "population/hcm", "21", "--table", "population.citizen"]);
    expect(explained.stdout).toContain("DB-ROW-005");

    // Mended at the source: it returns by itself. Deleted there: it is no longer held.
    await stage.onMaster("UPDATE citizen SET age = 44 WHERE id = 10", "DELETE FROM citizen WHERE id = 22");
    await stage.shows("hcm", "SELECT age FROM population.citizen WHERE id = 10", [["44"]]);
    // Mended in the target: replay.
    await stage.onTarget(
      "hcm",
      "ALTER TABLE population_copy.citizen DROP CONSTRAINT adult",
      "ALTER TABLE population_copy.visit DROP CONSTRAINT of_citizen",
    );
    await stage.command("replay", "population/hcm");
    await stage.shows("hcm", "SELECT count(*) AS n FROM population.citizen", [["12"]]);
    await stage.shows("hcm", "SELECT count(*) AS n FROM population.visit", [["11"]]);
    await stage.stop();
    expect(await held(stage)).toEqual([]);
    expect(await differences(stage)).toEqual([]);
    expect(await stage.status("population/hcm")).toMatchObject({ usable: true, rows_quarantined: 0 });
    expect((await stage.home.run(["status"])).code).toBe(0);
  },
);

test("one poison row too many stops its table and nothing else; after mending, resync of that table makes it equal", async () => {
  await using stage = await stageOf("mysql", 2);
  stage.start();
  await stage.shows("hcm", "SELECT count(*) AS n FROM population.citizen", [["10"]]);
  await stage.onTarget("hcm", "ALTER TABLE population_copy.citizen ADD CONSTRAINT adult CHECK (age >= 18)");
  await stage.onMaster("INSERT INTO citizen SELECT seq, 'Bé', 3, CONCAT('m', seq), '79' FROM seq_30_to_31");
  await stage.recorded("hcm", "population.citizen", (row) => row["rows_quarantined"] === "2");
  await stage.onMaster("INSERT INTO citizen SELECT seq, 'Bé', 3, CONCAT('m', seq), '79' FROM seq_32_to_34");
  const stopped = await stage.recorded("hcm", "population.citizen", (row) => row["stopped_code"] !== null);
  expect(stopped["stopped_code"]).toBe("DB-ROW-008");
  expect(await stage.read("hcm", "SELECT * FROM population.citizen")).toBe("DB001");
  await stage.onMaster("INSERT INTO citizen VALUES (40, 'Trễ', 60, 'm40', '79')", "INSERT INTO visit VALUES (40, 40, 'sau')");
  await stage.shows("hcm", "SELECT note FROM population.visit WHERE id = 40", [["sau"]]);
  // The stop outlives the engine.
  await stage.stop();
  await stage.catchUp(5);
  expect(await stage.read("hcm", "SELECT * FROM population.citizen")).toBe("DB001");
  await stage.onMaster("UPDATE citizen SET age = 20 WHERE id BETWEEN 30 AND 34");
  await stage.command("resync", "population/hcm", "--table", "population.citizen");
  await stage.catchUp();
  expect(await held(stage)).toEqual([]);
  expect(await differences(stage)).toEqual([]);
});
