// RC-02 where the copy, or master and copy, are MariaDB: what the consumer's own tables refer to and the copy does not have is listed
// with its cause, until the consumer has mended it.
import { expect, test } from "vitest";
import { roles } from "../support/cluster.ts";
import type { MasterKind } from "../support/two-families.ts";
import { PairStage } from "./pair-stage.ts";
import { dangling, onlyTable, reconcile, type ReconciledTable } from "./reconciling.ts";

/** Provinces 01 to 30, of which the north has those up to 20. */
function tablesOf(master: MasterKind): string[] {
  const text = master === "mysql" ? "varchar(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci" : "varchar(40)";
  const codes = Array.from({ length: 30 }, (_, index) => String(index + 1).padStart(2, "0"));
  const rows = codes.map((code) => `('${code}', ${Number(code)}, 'Tỉnh ${Number(code)}', '${Number(code) <= 20 ? "north" : "south"}')`);
  return [
    `CREATE TABLE province (code ${text} NOT NULL, number bigint NOT NULL, name ${text} NOT NULL, region varchar(10) NOT NULL, PRIMARY KEY (code, number))`,
    `INSERT INTO province VALUES ${rows.join(", ")}`,
  ];
}

/** In other character sets, collations and types than the copy has. A value is held by as many rows as its number says, modulo 3, and one more. */
const consumer = [
  "CREATE DATABASE app CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
  "CREATE TABLE app.resident (id int AUTO_INCREMENT PRIMARY KEY, `Số` decimal(8,2), province_code char(10) COLLATE utf8mb4_bin)",
  "CREATE TABLE app.alias (name varchar(60) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci)",
  ...Array.from({ length: 20 }, (_, index) => index + 1).flatMap((number) => [
    ...Array.from(
      { length: (number % 3) + 1 },
      () => `INSERT INTO app.resident (\`Số\`, province_code) VALUES (${number}, '${String(number).padStart(2, "0")}')`,
    ),
    `INSERT INTO app.alias VALUES ('Tỉnh ${number}')`,
  ]),
  "INSERT INTO app.resident (`Số`, province_code) VALUES (NULL, 'xx'), (7, NULL)",
];
const grants = [
  `GRANT SELECT (\`Số\`, \`province_code\`) ON app.resident TO ${roles.target}`,
  `GRANT SELECT ON app.alias TO ${roles.target}`,
];

async function referencedStage(master: MasterKind): Promise<PairStage> {
  const stage = await PairStage.create({
    master,
    tables: tablesOf(master),
    shares: {
      population: [
        {
          source: `${master === "mysql" ? "national" : "public"}.province`,
          target: "population.province",
          key: ["code", "number"],
          columns: ["code", "number", "name"],
          where: { region: "north" },
          referenced_by: [
            { table: "app.resident", columns: ["Số", "province_code"], to: ["number", "code"] },
            { table: "app.alias", columns: ["name"], to: ["name"] },
          ],
        },
      ],
    },
    copies: [{ target: "hcm", share: "population", connector: "mysql" }],
  });
  await stage.onTarget("hcm", ...consumer, ...grants);
  stage.start();
  await stage.shows("hcm", "SELECT count(*) AS n FROM population.province", [["20"]]);
  return stage;
}

async function compared(stage: PairStage, code: number, ...options: readonly string[]): Promise<ReconciledTable> {
  const report = await reconcile(stage.home, options);
  expect(report.code, JSON.stringify(report)).toBe(code);
  return onlyTable(report);
}

const nothing = { "app.resident": [], "app.alias": [] };

test.each(["mysql", "postgres"] as const)(
  "RC-02: from %s to MariaDB, what was renamed, deleted or moved is listed until it is mended",
  async (master) => {
    await using stage = await referencedStage(master);
    expect(dangling(await compared(stage, 0))).toEqual(nothing);

    await stage.onMaster(
      "UPDATE province SET code = '001' WHERE code = '01'",
      "DELETE FROM province WHERE code = '02'",
      "UPDATE province SET region = 'south' WHERE code = '03'",
      "UPDATE province SET name = 'Tỉnh mới' WHERE code = '05'",
    );
    await stage.shows("hcm", "SELECT count(*) AS n FROM population.province", [["18"]]);
    await stage.shows("hcm", "SELECT count(*) AS n FROM population.province WHERE code = '001' OR name = 'Tỉnh mới'", [["2"]]);
    await stage.onTarget("hcm", "DELETE FROM population_copy.province WHERE code = '04'");
    await stage.onTarget("hcm", "INSERT INTO app.resident (`Số`, province_code) VALUES (6.5, '06'), (21, '21'), (6, 'không có')");
    const found = await compared(stage, 3);
    expect(dangling(found)).toEqual({
      "app.resident": [
        ["2", "02", 3, "not in the master"],
        ["1", "01", 2, "not in the master"],
        ["4", "04", 2, "missing in the copy"],
        ["21", "21", 1, "outside the share's filter"],
        ["3", "03", 1, "outside the share's filter"],
        ["6", "không có", 1, "not in the master"],
        ["6.5", "06", 1, "not in the master"],
      ],
      "app.alias": ["Tỉnh 2", "Tỉnh 3", "Tỉnh 4", "Tỉnh 5"].map((name) => [name, 1, "no row of the copy has it"]),
    });
    expect(found.references.map((of) => [of.values_count, of.rows_count])).toEqual([
      [7, 11],
      [4, 4],
    ]);

    await stage.onTarget(
      "hcm",
      "UPDATE app.resident SET province_code = '001' WHERE province_code = '01'",
      "DELETE FROM app.resident WHERE `Số` IN (2, 3, 6.5, 21) OR province_code = 'không có'",
      "DELETE FROM app.alias WHERE name IN ('Tỉnh 2', 'Tỉnh 3', 'Tỉnh 5')",
    );
    expect(dangling(await compared(stage, 3, "--repair", "auto"))).toEqual(nothing);
    expect(dangling(await compared(stage, 0))).toEqual(nothing);
    await stage.stop();
  },
);

test("RC-02: on MariaDB a table that cannot be read is told with the remedy, and spoils neither the comparison nor the other tables", async () => {
  await using stage = await referencedStage("mysql");
  await stage.onMaster("DELETE FROM province WHERE code = '20'");
  await stage.shows("hcm", "SELECT count(*) AS n FROM population.province", [["19"]]);
  await stage.onTarget("hcm", `REVOKE SELECT (\`Số\`) ON app.resident FROM ${roles.target}`);
  const refused = (await compared(stage, 0)).references;
  expect(refused.map(({ problem, values_count: values }) => [problem?.code ?? null, values])).toEqual([
    ["DB-REC-016", 0],
    [null, 1],
  ]);
  expect(refused[0]?.problem?.cause).toBe('there is no column "Số" in it, or dongbo\'s user may not see it');
  const grant = /GRANT SELECT \(`Số`, `province_code`\) ON `app`\.`resident` TO `dongbo_target`@`[^`]+`/.exec(
    refused[0]?.problem?.remedy ?? "",
  );
  // The statement that is proposed suffices.
  await stage.onTarget("hcm", grant?.[0] ?? "");
  expect(dangling(await compared(stage, 0))["app.resident"]).toEqual([["20", "20", 3, "not in the master"]]);
  await stage.onTarget("hcm", "DROP TABLE app.alias");
  const [, gone] = (await compared(stage, 0)).references;
  expect(gone).toMatchObject({
    values_count: 0,
    problem: { code: "DB-REC-016", cause: "there is no such table, or dongbo's user may not see it" },
  });
  await stage.stop();
});
