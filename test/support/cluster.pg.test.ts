import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { roles, runSql, startCluster } from "./cluster.ts";

test("a cluster gives dongbo REPLICATION and SELECT on the master and nothing to write with", async () => {
  const folders: string[] = [];
  {
    await using cluster = await startCluster({ targets: ["hcm", "hue"] });
    folders.push(cluster.source.dataDir, cluster.target.dataDir);
    await cluster.onMaster("CREATE TABLE public.citizen (personal_id text PRIMARY KEY)");
    await cluster.publish("population", ["public.citizen"]);
    expect(await runSql(cluster.sourceUrl(roles.source), "SELECT count(*) AS n FROM public.citizen")).toEqual([{ n: "0" }]);
    await expect(runSql(cluster.sourceUrl(roles.source), "DELETE FROM public.citizen")).rejects.toMatchObject({ code: "42501" });
    await expect(runSql(cluster.sourceUrl(roles.source), "CREATE TABLE public.own ()")).rejects.toMatchObject({ code: "42501" });
    expect(await runSql(cluster.targetUrl("hue", roles.target), "CREATE SCHEMA population", "SELECT current_database() AS d")).toEqual([
      { d: "hue" },
    ]);
    await expect(runSql(cluster.targetUrl("hue", roles.reader), "CREATE SCHEMA mine")).rejects.toMatchObject({ code: "42501" });
    expect(await runSql(cluster.source.url(), "SHOW wal_level")).toEqual([{ wal_level: "logical" }]);
  }
  expect(folders.filter((folder) => existsSync(folder))).toEqual([]);
});

test.each([15, 16, 17] as const)("the master can be a PostgreSQL %i", async (major) => {
  await using cluster = await startCluster({ targets: [], major });
  const rows = await cluster.onMaster("SELECT current_setting('server_version_num')::int / 10000 AS major");
  expect(rows).toEqual([{ major: String(major) }]);
});
