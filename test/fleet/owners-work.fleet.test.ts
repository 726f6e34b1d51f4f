// What `dongbo run` does beside streaming, done by whoever of the fleet is to do it, once: drift, orders, copies that are withdrawn or expire.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, runSql, startCluster } from "../support/cluster.ts";
import { waitUntil } from "../support/wait-until.ts";
import { FleetStage } from "./fleet-stage.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ targets: [] });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

/** Events of the history, by source, that say so. */
async function events(stage: FleetStage, kind: string): Promise<readonly string[]> {
  const sql = `SELECT subscription, detail FROM dongbo_control.event WHERE kind = '${kind}' ORDER BY id`;
  return (await runSql(stage.controlUrl(), sql)).map((row) => `${row["subscription"]} ${row["detail"]}`);
}

test("RC-06: a copy that was not what the stream took it to be is compared at once, by one of the fleet, whoever owns it", async () => {
  const reconcile = { every: "P1D", repair: "auto" };
  await using stage = await FleetStage.create(cluster, { name: "drift", sources: 2, share: { reconcile } });
  const workers = [stage.worker(), stage.worker()] as const;
  await stage.allReach(60_000, () => workers[0].describe());
  await stage.spread(workers);
  for (const source of stage.sources) await stage.compared(source, 1, () => workers[1].describe());
  for (const source of stage.sources) {
    await stage.onCopy(source, "DELETE FROM public_copy.item WHERE id IN (7, 8)", "UPDATE public_copy.item SET note = 'sai' WHERE id = 40");
    // The stream inserts what it meant to update.
    await stage.onMaster(source, "UPDATE public.item SET value = value + 1 WHERE id = 7");
  }
  for (const source of stage.sources) {
    const [, hastened] = await stage.compared(source, 2, () => `${workers[0].describe()}\n${workers[1].describe()}`);
    expect(hastened).toMatchObject({ verdict: "different", repaired: 2, table: "public.item" });
  }
  await stage.allReach();
  expect(await stage.differences()).toEqual([]);
  for (const worker of workers) expect(await worker.terminate()).toEqual({ code: 0, signal: null });
  // Once: what was looked into is not looked into again by the next look.
  for (const source of stage.sources) expect(await stage.runs(source)).toHaveLength(2);
});

test("a re-sync is carried out by whoever owns the source, once, also when that one dies before", async () => {
  await using stage = await FleetStage.create(cluster, { name: "orders", sources: 2, lease: "PT4S" });
  let workers = [stage.worker(), stage.worker()];
  await stage.allReach(60_000, () => workers[0]?.describe() ?? "");
  await stage.spread(workers);
  const [source = ""] = stage.sources;
  const damaged = "UPDATE public_copy.item SET note = 'sai' WHERE id = 40";
  for (const id of stage.sources) await stage.onCopy(id, damaged);
  for (const id of stage.sources) await stage.home.json(["resync", `${id}/${id}`]);
  const carriedOut = (id: string): Promise<boolean> =>
    waitUntil(async () => (await events(stage, "order_closed")).filter((event) => event.startsWith(`${id}/${id} `)).length > 0, {
      describe: `the re-sync of ${id}`,
      deadlineMs: 60_000,
      detail: () => workers.map((worker) => worker.describe()).join("\n"),
    });
  for (const id of stage.sources) await carriedOut(id);
  await stage.allReach();
  expect(await stage.differences()).toEqual([]);
  expect((await events(stage, "order_closed")).toSorted()).toEqual(
    stage.sources.map((id) => `${id}/${id} resync of all tables: carried out`).toSorted(),
  );
  // Nobody is there to carry it out: whoever takes the source over does.
  const owners = await stage.spread(workers);
  const lost = workers.find(({ pid }) => pid === owners.get(source));
  await lost?.kill9();
  await stage.onCopy(source, damaged);
  await stage.home.json(["resync", `${source}/${source}`]);
  workers = workers.filter((worker) => worker !== lost);
  await waitUntil(async () => (await events(stage, "order_closed")).length === 3, {
    describe: "the re-sync by the other worker",
    deadlineMs: 60_000,
    detail: () => workers[0]?.describe() ?? "",
  });
  await stage.allReach();
  expect(await stage.differences()).toEqual([]);
});

test("a copy that is withdrawn is refused at once and gets nothing more, also of its owner that stood still meanwhile", async () => {
  await using stage = await FleetStage.create(cluster, { name: "withdrawn", sources: 2, lease: "PT4S" });
  const workers = [stage.worker(), stage.worker()];
  const words = (): string => workers.map((worker) => worker.describe()).join("\n");
  await stage.allReach(60_000, words);
  const owners = await stage.spread(workers);
  const [gone = "", kept = ""] = stage.sources;
  const owner = workers.find(({ pid }) => pid === owners.get(gone));
  owner?.signal("SIGSTOP");
  await stage.onMaster(gone, "UPDATE public.item SET note = 'sau' WHERE id = 1");
  const { shares } = stage.configuration({}) as { readonly shares: readonly { readonly id: string }[] };
  stage.home.writeConfig(stage.configuration({ shares: shares.filter(({ id }) => id !== gone) }));
  await stage.home.run(["apply"]);

  const read = (): Promise<unknown> => stage.onCopy(gone, "SELECT note FROM public.item WHERE id = 1");
  await expect(read()).rejects.toMatchObject({ code: "DB001" });
  owner?.signal("SIGCONT");
  await stage.reaches(kept, 60_000, words);
  const slot = `SELECT active FROM pg_replication_slots WHERE slot_name = 'dongbo_${gone}'`;
  await waitUntil(async () => (await stage.onMaster(gone, slot))[0]?.["active"] === "f", {
    describe: "the stream of whoever owned it to end",
    deadlineMs: 60_000,
    detail: words,
  });
  await expect(read()).rejects.toMatchObject({ code: "DB001" });
  expect(await stage.onCopy(gone, "SELECT share_state FROM dongbo.subscription")).toEqual([{ share_state: "TERMINATED" }]);
  expect(await stage.onCopy(gone, "SELECT count(*) AS n FROM public_copy.item WHERE note = 'sau'")).toEqual([{ n: "0" }]);
  expect(workers.map(({ exit }) => exit)).toEqual([null, null]);
});
