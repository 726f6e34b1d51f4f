import { expect, test } from "vitest";
import { type Cluster, roles, runSql, startCluster, textClient } from "../support/cluster.ts";
import { createTpcbTables, runTpcb } from "../workload/tpcb.ts";
import { BalanceChecker } from "./balance-checker.ts";

async function look(cluster: Cluster, checker: BalanceChecker): Promise<void> {
  const client = textClient(cluster.sourceUrl(roles.owner));
  await client.connect();
  await checker.look(client);
  await client.end();
}

test("pgbench's script keeps the sums equal, and any half transaction is seen", async () => {
  await using cluster = await startCluster({ targets: [] });
  const url = cluster.sourceUrl(roles.owner);
  const checker = new BalanceChecker(url, "public");
  await look(cluster, checker);
  expect(checker.looks).toEqual({ total: 1, agreeing: 0, refused: 1 });
  await createTpcbTables(url, 1);
  const stop = new AbortController();
  const writing = runTpcb({ url, scale: 1, clients: 4, seed: "bank" }, stop.signal);
  while (checker.looks.agreeing < 5 || checker.newest < 100) await look(cluster, checker);
  stop.abort();
  const transactions = await writing;
  await look(cluster, checker);
  expect(checker.newest).toBe(transactions);
  expect(checker.violations).toEqual([]);
  for (const damage of [
    "UPDATE public.pgbench_accounts SET abalance = abalance + 1 WHERE aid = 1",
    "UPDATE public.pgbench_tellers SET tbalance = tbalance + 1 WHERE tid = 1",
    "UPDATE public.pgbench_branches SET bbalance = bbalance + 1 WHERE bid = 1",
  ]) {
    await runSql(url, damage);
    await look(cluster, checker);
  }
  expect(checker.violations).toHaveLength(3);
  // The missing row of history makes the sums agree again, but no transaction may be lost either.
  await runSql(url, "INSERT INTO public.pgbench_history (delta) VALUES (1)");
  await look(cluster, checker);
  expect(checker.violations).toHaveLength(3);
  await runSql(url, "DELETE FROM public.pgbench_history WHERE delta = 0 OR hid = (SELECT max(hid) FROM public.pgbench_history)");
  await look(cluster, checker);
  expect(checker.violations.length).toBeGreaterThan(3);
});
