// Somebody writes into a copy behind the engine's back: the stream's next word about such a row is noticed not to fit, is counted, and the
// table is compared long before its time.
import { expect, test } from "vitest";
import { numbersTo } from "../support/mysql-server.ts";
import type { MasterKind } from "../support/two-families.ts";
import { waitUntil } from "../support/wait-until.ts";
import { PairStage } from "./pair-stage.ts";

const names = { postgres: "public", mysql: "national" } as const;

/** Two copies, one on each family: the whole, and what lies in one province. */
function stageOf(master: MasterKind): Promise<PairStage> {
  const columns = ["id", "full_name", "province_code"];
  const table = { source: `${names[master]}.citizen`, target: "population.citizen", key: ["id"], columns };
  const numbers = master === "mysql" ? numbersTo(60) : "generate_series(1, 60) AS numbers (seq)";
  return PairStage.create({
    master,
    tables: [
      "CREATE TABLE citizen (id int PRIMARY KEY, full_name varchar(200), province_code varchar(4))",
      ...(master === "postgres" ? ["ALTER TABLE citizen REPLICA IDENTITY FULL"] : []),
      `INSERT INTO citizen SELECT seq, CONCAT('Nguyễn ', seq), CASE seq % 2 WHEN 0 THEN '46' ELSE '01' END FROM ${numbers}`,
    ],
    shares: { everything: [table], population: [{ ...table, where: { province_code: { in: "$provinces" } } }] },
    copies: [
      { target: "hcm", share: "everything" },
      { target: "hue", share: "population", connector: "mysql", parameters: { provinces: ["46"] } },
    ],
    share: { reconcile: { every: "PT12H", repair: "auto" } },
  });
}

test.each(["postgres", "mysql"] as const)(
  "RC-06: what the stream of %s does not find as it left it is counted, and the table is compared at once",
  async (master) => {
    await using stage = await stageOf(master);
    const engine = stage.start();
    const [, listening] = await engine.waitForOutput(/"listening":"(http:[^"]+)"/);
    const drifts = async (): Promise<string[]> => {
      const text = await (await fetch(`${listening}/metrics`)).text();
      return [...text.matchAll(/^dongbo_copy_drift_rows_total\{subscription="([^"]+)"\} (\d+)$/gm)].map(([, id, rows]) => `${id} ${rows}`);
    };
    for (const target of ["hcm", "hue"]) await stage.recorded(target, "population.citizen", (row) => row["verdict"] === "equal");
    // What the stream brings to rows that are as they were is no drift, whatever moves in and out.
    await stage.onMaster(
      "UPDATE citizen SET full_name = 'đổi' WHERE id BETWEEN 1 AND 20",
      "UPDATE citizen SET province_code = '46' WHERE id BETWEEN 11 AND 14",
      "UPDATE citizen SET province_code = '01' WHERE id BETWEEN 15 AND 18",
      "UPDATE citizen SET id = id + 100 WHERE id = 20",
      "DELETE FROM citizen WHERE id = 19",
      "INSERT INTO citizen VALUES (201, 'mới', '46'), (202, 'mới', '01')",
    );
    await stage.shows("hcm", "SELECT count(*) AS n FROM population.citizen WHERE id IN (120, 201, 202)", [["3"]]);
    await stage.shows("hue", "SELECT count(*) AS n FROM population.citizen WHERE id IN (120, 201, 202)", [["2"]]);
    expect((await drifts()).toSorted()).toEqual(["everything/hcm 0", "population/hue 0"]);

    await stage.onTarget(
      "hcm",
      "DELETE FROM population_copy.citizen WHERE id IN (1, 2)",
      "UPDATE population_copy.citizen SET full_name = 'sai' WHERE id = 40",
    );
    await stage.onTarget(
      "hue",
      "DELETE FROM population_copy.citizen WHERE id IN (2, 4)",
      "UPDATE population_copy.citizen SET full_name = 'sai' WHERE id = 40",
    );
    // An update and a delete that find nothing, and a row that leaves the province in vain.
    await stage.onMaster(
      "UPDATE citizen SET full_name = 'đổi nữa' WHERE id = 1",
      "DELETE FROM citizen WHERE id = 2",
      "UPDATE citizen SET province_code = '01' WHERE id = 4",
    );
    await waitUntil(async () => (await drifts()).toSorted().join() === "everything/hcm 2,population/hue 2", {
      describe: "the drift to be counted",
      detail: async () => (await drifts()).join(),
    });
    for (const target of ["hcm", "hue"])
      await stage.shows(target, "SELECT full_name FROM population.citizen WHERE id = 40", [["Nguyễn 40"]]);
    const { stdout, stderr } = await stage.stop();
    expect(`${stdout}${stderr}`).toContain("copy was not what the stream took it to be");
  },
);
