// Nothing outside filter and columns reaches a copy on MariaDB, its spool, log, metrics or error texts (invariant 7). Each
// secret is a word of its own that is looked for everywhere, in the server's files too.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { waitUntil } from "../support/wait-until.ts";
import { PairStage } from "./pair-stage.ts";
import { EmbeddedMariaDb } from "../../deploy/embedded/mariadb-server.ts";

/** In a column that is not shared; in rows that never pass the filter; in rows that pass it for a while; shared, but not for logs. */
const [columnSecret, rowSecret, visitor, shared] = ["CANARYCOLUMN", "CANARYROW", "VISITORROW", "SHAREDVALUE"];
const long = (word: string): string => `REPEAT('${word}', 800)`;

/** Every file below a folder. */
function filesText(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"))
    .join("\n");
}

test("CP-02, CP-03: columns and rows that are not shared are nowhere, also while rows move in and out under a target that is down", async () => {
  await using stage = await PairStage.create({
    master: "mysql",
    tables: [
      "CREATE TABLE citizen (id int PRIMARY KEY, province char(2) NOT NULL, full_name varchar(100), note longtext, secret longtext)",
      `INSERT INTO citizen SELECT seq, '79', '${shared}', '${shared}', '${columnSecret}' FROM seq_1_to_20`,
      `INSERT INTO citizen SELECT seq, '46', '${rowSecret}', ${long(rowSecret)}, ${long(columnSecret)} FROM seq_21_to_60`,
    ],
    shares: {
      population: [
        {
          source: "national.citizen",
          target: "population.citizen",
          key: ["id"],
          columns: ["id", "full_name", "note"],
          where: { province: { eq: "79" } },
        },
      ],
    },
    copies: [{ target: "hcm", share: "population", connector: "mysql" }],
  });
  const server = stage.servers.mysqlTargets.get("hcm");
  if (!(server instanceof EmbeddedMariaDb)) throw new Error("no target");
  const engine = stage.start("--log-level", "debug");
  await stage.shows("hcm", "SELECT count(*) AS n FROM population.citizen", [["20"]]);
  const [, listening] = await engine.waitForOutput(/"listening":"(http:[^"]+)"/);
  const metrics = async (): Promise<string> => (await fetch(`${listening}/metrics`)).text();
  const spool = () => filesText(join(stage.home.folder, ".dongbo"));

  // Rows outside that come, go and change; rows whose hidden column changes.
  await stage.onMaster(
    `INSERT INTO citizen VALUES (100, '46', '${rowSecret}', ${long(rowSecret)}, '${columnSecret}')`,
    `UPDATE citizen SET note = '${rowSecret}2' WHERE id = 21`,
    `UPDATE citizen SET secret = '${columnSecret}2' WHERE id = 1`,
    "DELETE FROM citizen WHERE id = 22",
    "UPDATE citizen SET full_name = 'đến đây' WHERE id = 2",
  );
  await stage.shows("hcm", "SELECT full_name FROM population.citizen WHERE id = 2", [["đến đây"]]);

  // The target goes away: what waits for it lies in memory and, since it is much, on disk.
  await server.stop();
  await stage.onMaster(
    `INSERT INTO citizen SELECT seq, '79', '${shared}', ${long(shared)}, ${long(columnSecret)} FROM seq_1000_to_4000`,
    `INSERT INTO citizen SELECT seq, '46', '${rowSecret}', ${long(rowSecret)}, ${long(columnSecret)} FROM seq_10000_to_12000`,
    `INSERT INTO citizen VALUES (101, '79', '${visitor}', ${long(visitor)}, '${columnSecret}')`,
    "UPDATE citizen SET province = '46' WHERE id = 101",
    `UPDATE citizen SET full_name = '${rowSecret}', note = '${rowSecret}' WHERE id = 101`,
    // Rows that move in come whole; those that move out must vanish.
    "UPDATE citizen SET province = '79', full_name = 'moved in', note = 'short' WHERE id BETWEEN 30 AND 35",
    "UPDATE citizen SET province = '46' WHERE id BETWEEN 1000 AND 1100",
  );
  await waitUntil(() => spool().includes(shared), {
    describe: "the backlog to be spilled to disk",
    detail: () => engine.describe(),
    deadlineMs: 60_000,
  });
  expect(spool()).not.toMatch(/CANARY/);
  expect(await metrics()).not.toMatch(/CANARY|VISITOR|SHAREDVALUE/);
  await server.restart();
  await stage.shows("hcm", "SELECT count(*) AS n FROM population.citizen", [[String(20 + 3001 - 101 + 6)]], 60_000);

  // Errors whose server texts hold values: a poison row.
  await stage.onTarget("hcm", "ALTER TABLE population_copy.citizen ADD CONSTRAINT short CHECK (CHAR_LENGTH(full_name) < 30)");
  await stage.onMaster(`UPDATE citizen SET full_name = CONCAT('${shared}', REPEAT('x', 40)), secret = '${columnSecret}3' WHERE id = 5`);
  await stage.recorded("hcm", "population.citizen", (row) => row["rows_quarantined"] === "1");
  expect(await metrics()).not.toMatch(/CANARY|VISITOR|SHAREDVALUE/);
  const explained = await stage.home.run(["explain", "population/hcm", "5"]);
  expect(explained.stdout).not.toMatch(/CANARY|SHAREDVALUE/);
  await stage.onMaster(`UPDATE citizen SET full_name = '${shared}' WHERE id = 5`);
  await stage.recorded("hcm", "population.citizen", (row) => row["rows_quarantined"] === "0");
  await stage.stop();
  const shape = { key: ["id"], forms: { id: "integer", full_name: "text", note: "text" }, where: "province = '79'" } as const;
  expect(await stage.differences("hcm", "citizen", "population.citizen", shape)).toEqual([]);
  expect(spool()).not.toMatch(/CANARY|VISITOR|SHAREDVALUE/);
  expect(engine.stdout + engine.stderr).not.toMatch(/CANARY|VISITOR|SHAREDVALUE/);
  // Not in the server's files either, which hold what was shared.
  await server.stop();
  const files = filesText(server.dataDir);
  expect(files).toContain(shared);
  expect(files).not.toMatch(/CANARY/);
});
