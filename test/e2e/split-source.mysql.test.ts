// One MariaDB server named as two sources, each with a connection of its own to the binary log, and a share that moves between them.
import { expect, test } from "vitest";
import { populationConfig } from "../support/population-config.ts";
import { waitUntil } from "../support/wait-until.ts";
import { PairStage } from "./pair-stage.ts";

const citizen = { source: "national.citizen", target: "population.citizen", key: ["id"], columns: ["id", "full_name"] };
const household = { source: "national.household", target: "population.household", key: ["id"], columns: ["id", "head"] };
const shares = { people: [citizen], homes: [household] };
const copies = [
  { target: "hcm", share: "people" },
  { target: "hue", share: "homes" },
];

/** Writes the configuration: by which of the two sources each share is read. */
function split(stage: PairStage, by: Readonly<Record<keyof typeof shares, "population_a" | "population_b">>): void {
  const config = populationConfig({ shares, copies, source: { connector: "mysql" } }) as {
    sources: { population: object };
    shares: { id: keyof typeof shares }[];
  };
  stage.home.writeConfig({
    ...config,
    listen: "127.0.0.1:0",
    sources: Object.fromEntries([...new Set(Object.values(by))].map((id) => [id, config.sources.population])),
    shares: config.shares.map((share) => ({ ...share, source: by[share.id] })),
  });
}

async function expectEqual(stage: PairStage): Promise<void> {
  const people = { key: ["id"], forms: { id: "integer", full_name: "text" } } as const;
  const homes = { key: ["id"], forms: { id: "integer", head: "text" } } as const;
  expect(await stage.differences("hcm", "citizen", "population.citizen", people)).toEqual([]);
  expect(await stage.differences("hue", "household", "population.household", homes)).toEqual([]);
}

let turn = 1000;
/** Inserts, deletes and updates rows of both tables. */
async function change(stage: PairStage): Promise<void> {
  turn += 1;
  await stage.onMaster(
    `INSERT INTO citizen VALUES (${turn}, 'Lê')`,
    `DELETE FROM citizen WHERE id = ${turn - 1000}`,
    `UPDATE citizen SET full_name = 'Phạm ${turn}' WHERE id = ${turn - 900}`,
    `INSERT INTO household VALUES (${turn}, 'Lê')`,
    `DELETE FROM household WHERE id = ${turn - 1000}`,
  );
}

/** By which batch a row that nobody changes was written last: another one when it was read anew. */
async function batchOf(stage: PairStage): Promise<unknown> {
  return (await stage.onTarget("hcm", "SELECT dongbo_batch FROM population_copy.citizen WHERE id = 500"))[0]?.["dongbo_batch"];
}

test("two sources over one server read its log side by side, and a share that moves goes on where it was, with the engine at rest and at work", async () => {
  await using stage = await PairStage.create({
    master: "mysql",
    tables: [
      "CREATE TABLE citizen (id int PRIMARY KEY, full_name varchar(60))",
      "CREATE TABLE household (id int PRIMARY KEY, head varchar(60))",
      "INSERT INTO citizen SELECT seq, CONCAT('Nguyễn ', seq) FROM seq_1_to_500",
      "INSERT INTO household SELECT seq, CONCAT('Trần ', seq) FROM seq_1_to_300",
    ],
    shares,
    copies,
  });
  split(stage, { people: "population_a", homes: "population_b" });
  await stage.command("check");
  await stage.catchUp();
  const loaded = await batchOf(stage);
  await change(stage);
  split(stage, { people: "population_b", homes: "population_b" });
  expect((await stage.command("plan")).stdout).not.toContain("loaded anew");
  await change(stage);
  await stage.catchUp();
  await expectEqual(stage);

  const engine = stage.start();
  await engine.waitForOutput(/subscription attached/);
  for (const [version, source] of [
    [3, "population_a"],
    [4, "population_b"],
  ] as const) {
    split(stage, { people: source, homes: "population_b" });
    await stage.command("apply");
    await change(stage);
    await waitUntil(() => engine.stderr.includes(`"version":${version},"event":"configuration taken up"`), {
      describe: `version ${version} to be taken up`,
      detail: () => engine.describe(),
    });
    await change(stage);
    await stage.shows("hcm", `SELECT count(*) AS n FROM population.citizen WHERE id = ${turn}`, [["1"]]);
    await stage.shows("hue", `SELECT count(*) AS n FROM population.household WHERE id = ${turn}`, [["1"]]);
  }
  await stage.stop();
  await expectEqual(stage);
  expect(await batchOf(stage)).toBe(loaded);
});
