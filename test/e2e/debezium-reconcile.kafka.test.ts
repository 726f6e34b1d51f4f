// Copies behind a connector are compared with the master itself, over a connection that only reads; without one, with what was sent.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { sharedConnect } from "../support/kafka-server.ts";
import { numbersTo } from "../support/mysql-server.ts";
import type { MasterKind } from "../support/two-families.ts";
import { pause } from "../support/wait-until.ts";
import { Background } from "./background.ts";
import { DebeziumStage, type KafkaPlace } from "./debezium-stage.ts";
import { reconcile } from "./reconciling.ts";

let kafka: KafkaPlace;
beforeAll(async () => {
  kafka = await sharedConnect();
});

const schemas = { postgres: "public", mysql: "national" } as const;
const readsMaster = { master: "${env:POPULATION_URL}" };

/** Two copies, one on each family: the whole, and what lies in one province. */
function stageOf(master: MasterKind, source: object, partitions = 1): Promise<DebeziumStage> {
  const table = {
    source: `${schemas[master]}.citizen`,
    target: "population.citizen",
    key: ["id"],
    columns: ["id", "full_name", "born", "province_code"],
  };
  const numbers = master === "mysql" ? numbersTo(600) : "generate_series(1, 600) AS numbers (seq)";
  return DebeziumStage.create({
    kafka,
    master,
    source,
    partitions,
    tables: [
      "CREATE TABLE citizen (id int PRIMARY KEY, full_name varchar(200), born date, province_code varchar(4))",
      `INSERT INTO citizen SELECT seq, CONCAT('Nguyễn ', seq), '1990-05-01', CASE seq % 3 WHEN 0 THEN '79' WHEN 1 THEN '46' ELSE '01' END FROM ${numbers}`,
    ],
    shares: { everything: [table], population: [{ ...table, where: { province_code: { in: "$provinces" } } }] },
    copies: [
      { target: "hcm", share: "everything" },
      { target: "hue", share: "population", connector: "mysql", parameters: { provinces: ["46"] } },
    ],
  });
}

/** Rows from 500 on change all the time. */
function stir({ pair }: DebeziumStage): Background {
  return new Background(async (signal) => {
    for (let round = 0; !signal.aborted; round++) {
      await pair.onMaster(
        `UPDATE citizen SET full_name = 'Đổi ${round}' WHERE id = ${500 + (round % 50)}`,
        `UPDATE citizen SET province_code = '${["79", "46", "01"][round % 3]}' WHERE id = ${550 + (round % 50)}`,
      );
      await pause(50);
    }
  });
}

test.each(["postgres", "mysql"] as const)(
  "RC-01, RC-08, RC-09: copies of %s behind a connector are compared with the master itself",
  async (master) => {
    await using stage = await stageOf(master, readsMaster);
    const { pair } = stage;
    await stage.capture();
    pair.start();
    for (const target of ["hcm", "hue"]) await pair.recorded(target, "population.citizen", (row) => row["copy_state"] === "VALID");
    await using stirring = stir(stage);
    const equal = await reconcile(pair.home);
    expect(equal.tables.map(({ subscription, problem }) => [subscription, problem])).toEqual([
      ["everything/hcm", null],
      ["population/hue", null],
    ]);
    expect(equal.code).toBe(0);
    await pair.onTarget(
      "hcm",
      "UPDATE population_copy.citizen SET full_name = 'sai' WHERE id = 7",
      "DELETE FROM population_copy.citizen WHERE id = 8",
    );
    await pair.onTarget(
      "hue",
      "INSERT INTO population_copy.citizen (id, full_name, province_code, dongbo_batch) VALUES (9, 'của tỉnh khác', '79', 1)",
    );
    const found = await reconcile(pair.home, ["--repair", "auto"]);
    expect(found.tables).toMatchObject([
      { missing: [["8"]], different: [{ key: ["7"], columns: ["full_name"] }], extra: [], repaired: 2 },
      { missing: [], different: [], extra: [["9"]], outside_filter_count: 1, repaired: 1 },
    ]);
    expect((await reconcile(pair.home)).code).toBe(0);
    await stirring.stop();
  },
);

test.each([
  ["postgres", 3],
  ["mysql", 1],
] as const)(
  "RC-01, RC-08: without a connection to the master of %s, what was received is compared with what was sent, and nothing is said of the master",
  async (master, partitions) => {
    await using stage = await stageOf(master, {}, partitions);
    const { pair } = stage;
    await stage.capture();
    pair.start();
    for (const target of ["hcm", "hue"]) await pair.recorded(target, "population.citizen", (row) => row["copy_state"] === "VALID");
    await using stirring = stir(stage);
    const folder = join(pair.home.folder, "certificates");
    const equal = await reconcile(pair.home, ["--repair", "auto", "--certificate", folder]);
    expect(equal).toMatchObject({
      code: 4,
      verdict: "unverified",
      tables: [
        { subscription: "everything/hcm", compared_with: "sent", sent: "equal", verdict: "unverified", rows_checked: 600, skipped: [] },
        { subscription: "population/hue", compared_with: "sent", sent: "equal", verdict: "unverified", skipped: [] },
      ],
    });
    for (const { problem } of equal.tables) expect(problem).toMatchObject({ code: "DB-REC-007", remedy: expect.stringMatching(/master/) });
    const pages = readdirSync(folder).filter((file) => file.endsWith(".html"));
    for (const page of pages) expect(readFileSync(join(folder, page), "utf8")).toContain("It was not compared with the master.");
    expect(pages.length).toBe(2);
    await pair.onTarget(
      "hcm",
      "UPDATE population_copy.citizen SET full_name = 'sai' WHERE id = 7",
      "DELETE FROM population_copy.citizen WHERE id = 8",
      "INSERT INTO population_copy.citizen (id, full_name, province_code, dongbo_batch) VALUES (9999, 'không ai gửi', '79', 1)",
    );
    await pair.onTarget(
      "hue",
      "INSERT INTO population_copy.citizen (id, full_name, province_code, dongbo_batch) VALUES (9, 'của tỉnh khác', '79', 1)",
    );
    const found = await reconcile(pair.home, ["--repair", "auto"]);
    expect(found).toMatchObject({
      code: 3,
      tables: [
        {
          sent: "different",
          missing: [["8"]],
          different: [{ key: ["7"], columns: ["full_name"] }],
          extra: [["9999"]],
          repaired: 0,
          action: { kind: "none" },
        },
        { sent: "different", missing: [], different: [], extra: [["9"]], outside_filter_count: 1, repaired: 0 },
      ],
    });
    const status = await pair.home.run(["status"]);
    for (const copy of ["everything/hcm", "population/hue"])
      expect(status.stdout).toContain(`${copy} population.citizen: found different from what was sent`);
    await stirring.stop();
  },
);
