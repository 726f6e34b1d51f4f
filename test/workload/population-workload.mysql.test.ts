// The workload on MariaDB: it must reach every kind of change and know what it did, as on PostgreSQL.
import { expect, test } from "vitest";
import type { Effect } from "../checker/master-model.ts";
import { rowHash } from "../checker/row-hash.ts";
import { roles } from "../support/cluster.ts";
import { runMysql } from "../support/mysql-session.ts";
import { startMysqlMaster } from "../support/two-families.ts";
import { compareAll } from "./population-copies.ts";
import { mysqlPopulationDdl, populationTables } from "./population-tables.ts";
import { PopulationWorkload } from "./population-workload.ts";

test("the model of several concurrent writers is the MariaDB master, at the end of 20,000 changes of every kind", async () => {
  await using server = await startMysqlMaster({});
  const url = server.url("national", roles.owner);
  await runMysql(url, ...mysqlPopulationDdl());
  await using workload = await PopulationWorkload.open({
    url,
    make: "mysql",
    seed: "model",
    writers: 3,
    changesPerSecond: 1e6,
    bigRows: 2000,
    truncates: true,
  });
  const effects = new Set<string>();
  const commit = workload.model.commit.bind(workload.model);
  workload.model.commit = (sequence: number, list: readonly Effect[]) => {
    for (const effect of list) effects.add(`${effect.table} ${effect.kind}${effect.kind === "put" && effect.from !== null ? " over" : ""}`);
    commit(sequence, list);
  };
  await workload.preload(1000);
  const stop = new AbortController();
  const running = workload.run(stop.signal);
  while (workload.model.changes < 20_000) await Promise.race([running, new Promise(setImmediate)]);
  stop.abort();
  await running;
  console.log(workload.summary());
  for (const { tracked } of Object.values(populationTables("mysql"))) {
    for (const [projection, columns] of Object.entries(tracked.projections)) {
      const sql = `SELECT count(*) AS held, coalesce(sum(${rowHash("mysql", tracked, columns)}), 0) AS total FROM ${tracked.name}`;
      const [row] = await runMysql(url, sql);
      const { rows, sum } = workload.model.digestAt(workload.model.head, tracked.name, projection, () => true);
      expect({ held: String(rows), total: String(sum) }).toEqual(row);
    }
  }
  expect(workload.summary()).toMatch(/ [1-9]\d* truncations/);
  expect([...effects].toSorted()).toEqual(
    ["citizen", "household", "residence"].flatMap((table) => [`${table} put`, `${table} put over`, `${table} remove`]),
  );
  expect(await compareAll({ name: "self", provinces: null }, { source: url, target: url }, "national")).toMatchObject({ equal: true });
});
