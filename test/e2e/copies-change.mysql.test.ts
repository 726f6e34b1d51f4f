// Copies that change, with MariaDB on both sides: a configuration that discloses more or less, and a master whose tables change.
import { describe, expect, test } from "vitest";
import { PairStage } from "./pair-stage.ts";

describe("a configuration that changes", () => {
  const citizen = {
    source: "national.citizen",
    target: "population.citizen",
    key: ["id"],
    columns: ["id", "full_name"],
    where: { province: { in: "$provinces" } },
  };
  const forms = { id: "integer", full_name: "text" } as const;
  const copyOf = (target: string, connector: "mysql" | "postgres", ...provinces: string[]) => {
    return { target, connector, share: "population", parameters: { provinces } };
  };
  const stageOf = (...copies: ReturnType<typeof copyOf>[]) =>
    PairStage.create({
      master: "mysql",
      tables: [
        "CREATE TABLE citizen (id int PRIMARY KEY, full_name varchar(60), province char(2) NOT NULL, born date)",
        `INSERT INTO citizen SELECT seq, CONCAT('Nguyễn ', seq), ELT(1 + seq MOD 3, '79', '46', '01'), DATE '1980-01-01' + INTERVAL seq DAY
         FROM seq_1_to_3000`,
      ],
      shares: { population: [citizen] },
      copies,
    });
  const count = "SELECT count(*) AS n FROM population.citizen";
  /** Rows by the batch that wrote them, as the physical table says. */
  const batches = async (stage: PairStage, target: string, condition: string): Promise<string> => {
    const rows = await stage.onTarget(target, `SELECT DISTINCT dongbo_batch FROM population_copy.citizen WHERE ${condition} ORDER BY 1`);
    return rows.map((row) => row["dongbo_batch"]).join(",");
  };

  test("a parameter that grows loads the difference only and one that shrinks withdraws rows, while the neighbour streams on", async () => {
    await using stage = await stageOf(copyOf("hcm", "mysql", "79"), copyOf("hue", "postgres", "46"));
    stage.start();
    await stage.shows("hcm", count, [["1000"]]);
    await stage.shows("hue", count, [["1000"]]);
    const untouched = await batches(stage, "hcm", "id % 3 = 0");
    const neighbour = await batches(stage, "hue", "true");

    stage.configure({ copies: [copyOf("hcm", "mysql", "79", "01"), copyOf("hue", "postgres", "46")] });
    expect((await stage.command("plan")).stdout).toMatch(/1,?000/);
    await stage.command("apply");
    await stage.shows("hcm", count, [["2000"]], 60_000);
    expect(await batches(stage, "hcm", "id % 3 = 0")).toBe(untouched);
    expect(await batches(stage, "hue", "true")).toBe(neighbour);
    await stage.onMaster("UPDATE citizen SET province = '46' WHERE id = 3", "UPDATE citizen SET province = '01' WHERE id = 1");
    const both = "SELECT count(CASE WHEN id = 3 THEN 1 END) AS three, count(CASE WHEN id = 1 THEN 1 END) AS one FROM population.citizen";
    await stage.shows("hcm", both, [["0", "1"]]);
    await stage.shows("hue", both, [["1", "0"]]);

    stage.configure({ copies: [copyOf("hcm", "mysql", "01"), copyOf("hue", "postgres", "46")] });
    await stage.command("apply");
    await stage.shows("hcm", "SELECT count(CASE WHEN id % 3 = 0 THEN 1 END) AS n FROM population.citizen", [["0"]], 60_000);
    expect(await stage.onTarget("hcm", "SELECT count(*) AS n FROM population_copy.citizen WHERE id % 3 = 0")).toEqual([{ n: "0" }]);
    await stage.stop();
    const differences = (target: string, where: string) =>
      stage.differences(target, "citizen", "population.citizen", { key: ["id"], forms, where });
    expect(await differences("hcm", "province IN ('01')")).toEqual([]);
    expect(await differences("hue", "province IN ('46')")).toEqual([]);
  });

  test("what is withdrawn is refused at once, also while no engine runs", async () => {
    await using stage = await stageOf(copyOf("hcm", "mysql", "79", "46"));
    await stage.catchUp();
    await stage.shows("hcm", count, [["2000"]]);
    stage.configure({ copies: [copyOf("hcm", "mysql", "79")] });
    await stage.command("apply");
    expect(await stage.read("hcm", count)).toBe("DB001");
    await stage.catchUp();
    await stage.shows("hcm", count, [["1000"]]);
    expect(await stage.onTarget("hcm", "SELECT count(*) AS n FROM population_copy.citizen")).toEqual([{ n: "1000" }]);
  });

  test("a column that is added appears filled or not at all, one that is removed leaves the target", async () => {
    await using stage = await stageOf(copyOf("hcm", "mysql", "79"));
    stage.start();
    await stage.shows("hcm", count, [["1000"]]);
    stage.configure({ shares: { population: [{ ...citizen, columns: ["id", "full_name", "born"] }] } });
    await stage.command("apply");
    await stage.onMaster("UPDATE citizen SET born = '2001-01-01' WHERE id = 3");
    const answers = new Set<string>();
    const until = performance.now() + 60_000;
    while (!answers.has("0") && performance.now() < until) {
      const answer = await stage.read("hcm", "SELECT count(CASE WHEN born IS NULL THEN 1 END) AS n FROM population.citizen");
      answers.add(typeof answer === "string" ? answer : String(answer[0]?.["n"]));
    }
    expect([...answers].filter((answer) => !["42S22", "DB001", "0"].includes(answer))).toEqual([]);
    await stage.shows("hcm", "SELECT born FROM population.citizen WHERE id = 3", [["2001-01-01"]]);
    await stage.stop();
    const where = "province = '79'";
    const wide = { key: ["id"], forms: { ...forms, born: "date" }, where } as const;
    expect(await stage.differences("hcm", "citizen", "population.citizen", wide)).toEqual([]);
    stage.configure({ shares: { population: [{ ...citizen, columns: ["id", "born"] }] } });
    await stage.command("apply");
    await stage.catchUp();
    const narrow = { key: ["id"], forms: { id: "integer", born: "date" }, where } as const;
    expect(await stage.differences("hcm", "citizen", "population.citizen", narrow)).toEqual([]);
    expect(await stage.read("hcm", "SELECT full_name FROM population.citizen")).toBe("42S22");
    const left = await stage.onTarget("hcm", "SELECT count(*) AS n FROM information_schema.columns WHERE column_name = 'full_name'");
    expect(left).toEqual([{ n: "0" }]);
  });
});

describe("a master whose tables change", () => {
  const citizen = { source: "national.citizen", target: "population.citizen", key: ["id"], columns: ["id", "full_name", "born"] };
  const visit = { source: "national.visit", target: "population.visit", key: ["id"], columns: ["id", "note"] };
  /** Another subscription of the same master table, without the column that the tests break. */
  const names = { source: "national.citizen", target: "names.citizen", key: ["id"], columns: ["id", "full_name"] };
  const citizenShape = { key: ["id"], forms: { id: "integer", full_name: "text", born: "date" } } as const;
  const namesShape = { key: ["id"], forms: { id: "integer", full_name: "text" } } as const;
  const visitShape = { key: ["id"], forms: { id: "integer", note: "text" } } as const;
  const total = (view: string) => `SELECT count(*) AS n FROM ${view}`;

  const stageOf = async () => {
    const stage = await PairStage.create({
      master: "mysql",
      tables: [
        "CREATE TABLE citizen (id int PRIMARY KEY, full_name varchar(60), born date, secret varchar(20))",
        "CREATE TABLE visit (id int PRIMARY KEY, note varchar(60))",
        "INSERT INTO citizen SELECT seq, CONCAT('Nguyễn ', seq), DATE '1980-01-01' + INTERVAL seq DAY, 's' FROM seq_1_to_20",
        "INSERT INTO visit SELECT seq, 'khám' FROM seq_1_to_20",
      ],
      shares: { population: [citizen, visit], names: [names] },
      copies: [
        { target: "hcm", share: "population", connector: "mysql" },
        { target: "hue", share: "names" },
      ],
    });
    stage.start();
    await stage.shows("hcm", total("population.citizen"), [["20"]]);
    await stage.shows("hcm", total("population.visit"), [["20"]]);
    await stage.shows("hue", total("names.citizen"), [["20"]]);
    return stage;
  };

  test("columns that are not shared are added, renamed, retyped, moved and dropped under a running stream, and nobody notices", async () => {
    await using stage = await stageOf();
    await stage.onMaster(
      "ALTER TABLE citizen ADD COLUMN extra int DEFAULT 7 FIRST",
      "INSERT INTO citizen VALUES (8, 21, 'Thêm', '2000-01-01', 's')",
      "ALTER TABLE citizen CHANGE COLUMN secret hidden varchar(30)",
      "UPDATE citizen SET full_name = 'Đổi' WHERE id = 1",
      "ALTER TABLE citizen MODIFY COLUMN extra bigint AFTER born",
      "INSERT INTO citizen VALUES (22, 'Nữa', '2000-01-02', 9, 's')",
      "ALTER TABLE citizen DROP COLUMN hidden",
      "DELETE FROM citizen WHERE id = 2",
      "ALTER TABLE citizen ADD COLUMN hidden text DEFAULT 'lại'",
      "INSERT INTO citizen VALUES (23, 'Cuối', '2000-01-03', 10, 'h')",
    );
    await stage.shows("hcm", "SELECT full_name FROM population.citizen WHERE id = 23", [["Cuối"]]);
    await stage.shows("hue", "SELECT full_name FROM names.citizen WHERE id = 23", [["Cuối"]]);
    await stage.stop();
    // Also while nobody is streaming.
    await stage.onMaster(
      "INSERT INTO citizen VALUES (24, 'Trước', '2000-01-04', 11, 'h')",
      "ALTER TABLE citizen DROP COLUMN hidden, DROP COLUMN extra",
      "INSERT INTO citizen VALUES (25, 'Sau', '2000-01-05')",
    );
    await stage.catchUp();
    expect(await stage.differences("hcm", "citizen", "population.citizen", citizenShape)).toEqual([]);
    expect(await stage.differences("hue", "citizen", "names.citizen", namesShape)).toEqual([]);
  });

  test.each([
    ["dropped", "ALTER TABLE citizen DROP COLUMN born", /DB-MAP-010/],
    ["renamed", "ALTER TABLE citizen CHANGE COLUMN born birth_date date", /DB-MAP-01[02]/],
    ["dropped and made again", "ALTER TABLE citizen DROP COLUMN Born, ADD COLUMN born date", /DB-MAP-010/],
    ["retyped", "ALTER TABLE citizen MODIFY COLUMN born varchar(30)", /DB-MAP-011/],
  ])("a shared column that is %s stops that table of that subscription, and configuration revives it", async (_, change, code) => {
    await using stage = await stageOf();
    await stage.onMaster(change, "UPDATE citizen SET full_name = 'Đổi' WHERE id = 1");
    const stopped = await stage.recorded("hcm", "population.citizen", (row) => row["stopped_code"] !== null);
    expect(stopped["stopped_code"]).toMatch(code);
    // The other table of the subscription and the other subscription take changes, and the stopped table's clock stands.
    const before = await stage.record("hcm", "population.citizen");
    await stage.onMaster("INSERT INTO visit VALUES (31, 'sau')", "INSERT INTO citizen (id, full_name) VALUES (31, 'Sau')");
    await stage.shows("hcm", "SELECT note FROM population.visit WHERE id = 31", [["sau"]]);
    await stage.shows("hue", "SELECT full_name FROM names.citizen WHERE id = 31", [["Sau"]]);
    await stage.recorded("hcm", "population.visit", (row) => Number(row["last_sync_at"]) > Number(before?.["last_sync_at"]));
    expect(await stage.record("hcm", "population.citizen")).toMatchObject({ last_sync_at: before?.["last_sync_at"] });
    expect(await stage.read("hcm", "SELECT * FROM population.citizen")).toBe("DB001");
    const status = await stage.home.run(["status"]);
    expect(status.code).toBe(5);
    expect(status.stdout).toMatch(/population\/hcm population\.citizen: stopped by DB-MAP-01\d/);

    stage.configure({ shares: { population: [{ ...citizen, columns: ["id", "full_name"] }, visit], names: [names] } });
    await stage.command("apply");
    await stage.shows("hcm", total("population.citizen"), [["21"]], 60_000);
    await stage.stop();
    expect(await stage.differences("hcm", "citizen", "population.citizen", namesShape)).toEqual([]);
    expect(await stage.differences("hcm", "visit", "population.visit", visitShape)).toEqual([]);
  });

  test("a table that was dropped and made again stops its copies; resync of the table takes the new one", async () => {
    await using stage = await stageOf();
    await stage.onMaster(
      "DROP TABLE visit",
      "CREATE TABLE visit (id int PRIMARY KEY, note varchar(60))",
      "INSERT INTO visit SELECT seq, 'mới' FROM seq_1_to_5",
    );
    const stopped = await stage.recorded("hcm", "population.visit", (row) => row["stopped_code"] !== null);
    expect(stopped["stopped_code"]).toBe("DB-MAP-014");
    expect(await stage.read("hcm", "SELECT * FROM population.visit")).toBe("DB001");
    await stage.onMaster("UPDATE citizen SET full_name = 'Vẫn' WHERE id = 3");
    await stage.shows("hcm", "SELECT full_name FROM population.citizen WHERE id = 3", [["Vẫn"]]);
    await stage.command("resync", "population/hcm", "--table", "population.visit");
    await stage.shows("hcm", "SELECT count(*) AS n, min(note) AS note FROM population.visit", [["5", "mới"]]);
    await stage.onMaster("INSERT INTO visit VALUES (6, 'tiếp')");
    await stage.shows("hcm", "SELECT note FROM population.visit WHERE id = 6", [["tiếp"]]);
    await stage.stop();
    expect(await stage.differences("hcm", "visit", "population.visit", visitShape)).toEqual([]);
    expect(await stage.differences("hcm", "citizen", "population.citizen", citizenShape)).toEqual([]);
  });

  test("TRUNCATE empties the copies and nothing else; a table that is swapped by rename stops", async () => {
    await using stage = await stageOf();
    await stage.onMaster("TRUNCATE citizen", "INSERT INTO citizen VALUES (7, 'Lại', '2001-01-01', 's')");
    await stage.shows("hcm", "SELECT id, full_name FROM population.citizen", [["7", "Lại"]]);
    await stage.shows("hue", "SELECT id, full_name FROM names.citizen", [["7", "Lại"]]);
    expect(await stage.read("hcm", total("population.visit"))).toEqual([{ n: "20" }]);
    // As gh-ost and pt-online-schema-change end their work.
    await stage.onMaster(
      "CREATE TABLE visit_new LIKE visit",
      "INSERT INTO visit_new SELECT * FROM visit",
      "RENAME TABLE visit TO visit_old, visit_new TO visit",
      "INSERT INTO visit VALUES (50, 'sau khi đổi')",
    );
    const stopped = await stage.recorded("hcm", "population.visit", (row) => row["stopped_code"] !== null);
    expect(stopped["stopped_code"]).toBe("DB-MAP-014");
    await stage.command("resync", "population/hcm", "--table", "population.visit");
    await stage.shows("hcm", total("population.visit"), [["21"]]);
    await stage.stop();
    expect(await stage.differences("hcm", "visit", "population.visit", visitShape)).toEqual([]);
    expect(await stage.differences("hcm", "citizen", "population.citizen", citizenShape)).toEqual([]);
  });

  test("a table that nobody shares may hold what dongbo cannot read", async () => {
    await using stage = await stageOf();
    await stage.onMaster(
      "CREATE TABLE other (id int PRIMARY KEY, v varchar(10) CHARACTER SET sjis)",
      "INSERT INTO other VALUES (1, '日本')",
      "INSERT INTO citizen (id, full_name) VALUES (21, 'Sau')",
    );
    await stage.shows("hue", "SELECT full_name FROM names.citizen WHERE id = 21", [["Sau"]]);
    await stage.shows("hcm", total("population.citizen"), [["21"]]);
  });

  test.each([
    [
      "foreign keys change its rows by themselves",
      ["ALTER TABLE visit ADD CONSTRAINT own FOREIGN KEY (id) REFERENCES parent (id) ON DELETE CASCADE", "DELETE FROM parent WHERE id = 3"],
      ["ALTER TABLE visit DROP FOREIGN KEY own"],
    ],
    [
      "its key is none any more",
      ["ALTER TABLE visit DROP PRIMARY KEY", "INSERT INTO visit VALUES (3, 'hai lần'), (3, 'ba lần')"],
      ["DELETE FROM visit WHERE id = 3", "ALTER TABLE visit ADD PRIMARY KEY (id)"],
    ],
  ])("a table that cannot be followed from now on, because %s, stops its copies under a running stream", async (_, change, mend) => {
    await using stage = await stageOf();
    await stage.onMaster("CREATE TABLE parent (id int PRIMARY KEY)", "INSERT INTO parent SELECT id FROM visit", ...change);
    const stopped = await stage.recorded("hcm", "population.visit", (row) => row["stopped_code"] !== null);
    expect(stopped["stopped_code"]).toBe("DB-MAP-032");
    await stage.onMaster(...mend);
    await stage.command("resync", "population/hcm", "--table", "population.visit");
    await stage.shows("hcm", total("population.visit"), [["19"]]);
    await stage.stop();
    expect(await stage.differences("hcm", "visit", "population.visit", visitShape)).toEqual([]);
  });
});
