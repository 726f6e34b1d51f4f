// Writers that outlive their master: after each of its deaths the model holds what the master does, also of commits whose answer was lost.
import { expect, test } from "vitest";
import { rowHash } from "../checker/row-hash.ts";
import { withCopy } from "../checker/copy-session.ts";
import { prepareMaster, roles, runSql, startServer } from "../support/cluster.ts";
import { startMariaDb } from "../support/mysql-server.ts";
import { runMysql } from "../support/mysql-session.ts";
import { prepareMysqlMaster } from "../support/two-families.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { pause } from "../support/wait-until.ts";
import { LastingMaster } from "./lasting-master.ts";
import { MysqlMaster } from "./mysql-session.ts";
import { familyOfMake, type Make, mysqlPopulationDdl, populationDdl, populationTables } from "./population-tables.ts";
import { PopulationWorkload } from "./population-workload.ts";
import { PostgresMaster } from "./postgres-session.ts";
import { Random, runSeed } from "./random.ts";

const deaths = 6;

async function startPostgres() {
  const server = await startServer(18, { wal_level: "logical" });
  await prepareMaster(server);
  const url = server.url("national", roles.owner, null);
  await runSql(url, ...populationDdl({ citizen: "full", household: "default", residence: "index" }, "portable"));
  return { server, url };
}

async function startMysql() {
  const server = await startMariaDb();
  await prepareMysqlMaster(server);
  const url = server.url("national", roles.owner, null);
  await runMysql(url, ...mysqlPopulationDdl());
  return { server, url };
}

test.each(["portable", "mysql"] as const)(
  "of make %s: a commit whose answer is lost took place, one that was not sent did not",
  async (make) => {
    const { server, url } = make === "mysql" ? await startMysql() : await startPostgres();
    await using _server = server;
    await using proxy = await TcpProxy.start({ host: "127.0.0.1", port: server.port });
    const through = new URL(url);
    through.port = String(proxy.port);
    const master = await LastingMaster.open(() =>
      make === "mysql" ? MysqlMaster.open(through.href) : PostgresMaster.open(through.href, make),
    );
    await master.begin();
    const sequence = await master.number(1);
    const cut = proxy.cutAfterBytes(1, "to-client");
    await master.commit();
    await cut;
    expect(await master.holds(sequence, 1)).toBe(true);

    await master.begin();
    expect(await master.number(1)).toBe(sequence + 1);
    proxy.cutAll();
    const error: unknown = await master.commit().catch((thrown: unknown) => thrown);
    expect(master.crossed(error)).toBe(true);
    await master.rollback();
    await master.begin();
    expect(await master.holds(sequence + 1, 1)).toBe(false);
    // The number is free again.
    expect(await master.number(2)).toBe(sequence + 1);
    await master.commit();
    expect(await master.holds(sequence + 1, 2)).toBe(true);
    await master.end();
  },
);

test.each(["portable", "mysql"] as const)("a master of make %s that is killed again and again", async (make: Make) => {
  const seed = runSeed();
  console.log(`DONGBO_TEST_SEED=${seed}`);
  const random = new Random(`${seed}/deaths`);
  const { server, url } = make === "mysql" ? await startMysql() : await startPostgres();
  await using _server = server;
  const pace = { writers: 3, changesPerSecond: 1e6, bigRows: 500, truncates: true, lasting: true };
  await using workload = await PopulationWorkload.open({ url, make, seed, ...pace });
  await workload.preload(300);
  const stop = new AbortController();
  const running = workload.run(stop.signal);
  for (let death = 0; death < deaths; death++) {
    const before = workload.model.head;
    await Promise.race([running, pause(random.between(200, 900))]);
    expect(workload.model.head).toBeGreaterThan(before);
    await server.kill();
    await server.restart();
  }
  stop.abort();
  await running;
  console.log(workload.summary());
  await withCopy(url, async (session) => {
    await session.beginSnapshot();
    for (const { tracked } of Object.values(populationTables(make))) {
      const hash = rowHash(familyOfMake(make), tracked, tracked.projections["all"] ?? []);
      const answer = await session.ask(`SELECT count(*) AS held, coalesce(sum(${hash}), 0) AS total FROM ${tracked.name}`);
      const { rows, sum } = workload.model.digestAt(workload.model.head, tracked.name, "all", () => true);
      expect(answer).toEqual([{ held: String(rows), total: String(sum) }]);
    }
    expect(await session.ask("SELECT count(*) AS held, max(seq) AS high FROM journal")).toEqual([
      { held: String(workload.model.head), high: String(workload.model.head) },
    ]);
  });
});
