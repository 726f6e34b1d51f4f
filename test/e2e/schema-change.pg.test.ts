// What happens to copies when the master's tables change under them: what is not shared may come and go, what is shared
// stops one table of one subscription, loudly, and the configuration or a re-sync brings it back.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Cluster, startCluster } from "../support/cluster.ts";
import { citizen, loaded, names, othersGoOn, schemaStage, visit } from "./schema-stage.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ targets: [] });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

test("columns that are not shared are added, renamed, retyped and dropped under a running stream, and nobody notices", async () => {
  await using stage = await schemaStage(cluster, "unshared");
  await loaded(stage);
  await stage.onMaster(
    "ALTER TABLE public.citizen ADD COLUMN extra int DEFAULT 7",
    "INSERT INTO public.citizen VALUES (21, 'Thêm', '2000-01-01', 's', 8)",
    "ALTER TABLE public.citizen RENAME COLUMN secret TO hidden",
    "UPDATE public.citizen SET full_name = 'Đổi' WHERE id = 1",
    "ALTER TABLE public.citizen ALTER COLUMN extra TYPE bigint",
    "INSERT INTO public.citizen VALUES (22, 'Nữa', '2000-01-02', 's', 9)",
    "ALTER TABLE public.citizen DROP COLUMN hidden",
    "DELETE FROM public.citizen WHERE id = 2",
    "ALTER TABLE public.citizen ADD COLUMN hidden text DEFAULT 'lại'",
    "INSERT INTO public.citizen VALUES (23, 'Cuối', '2000-01-03', 10, 'h')",
  );
  await stage.shows("hcm", "SELECT full_name FROM population.citizen WHERE id = 23", [["Cuối"]]);
  await stage.shows("hue", "SELECT full_name FROM names.citizen WHERE id = 23", [["Cuối"]]);
  await stage.stop();
  // Also while nobody is streaming.
  await stage.onMaster(
    "INSERT INTO public.citizen VALUES (24, 'Trước', '2000-01-04', 11, 'h')",
    "ALTER TABLE public.citizen DROP COLUMN hidden, DROP COLUMN extra",
    "INSERT INTO public.citizen VALUES (25, 'Sau', '2000-01-05')",
  );
  await stage.catchUp();
  expect(await stage.differences("hcm", citizen)).toEqual([]);
  expect(await stage.differences("hue", names)).toEqual([]);
});

describe.each([
  ["dropped", "gone", "ALTER TABLE public.citizen DROP COLUMN born", "DB-MAP-010", /"born" \(date\) is gone/],
  [
    "renamed",
    "named",
    "ALTER TABLE public.citizen RENAME COLUMN born TO birth_date",
    "DB-MAP-012",
    /"born" \(date\) is gone.*"birth_date"/,
  ],
  ["retyped", "typed", "ALTER TABLE public.citizen ALTER COLUMN born TYPE text", "DB-MAP-011", /"born" was date and is text now/],
] as const)("a shared column that is %s", (_, name, change, code, message) => {
  test("under a running stream stops that table of that subscription, says what was and what is, and resync or configuration revives it", async () => {
    await using stage = await schemaStage(cluster, name);
    await loaded(stage);
    await stage.onMaster(change, "UPDATE public.citizen SET full_name = 'Đổi' WHERE id = 1");
    const stopped = await stage.recorded("hcm", "population.citizen", (row) => row["stopped_code"] !== null);
    expect(stopped["stopped_code"]).toBe(code);
    expect(stopped["stopped_message"]).toMatch(message);
    await othersGoOn(stage, 31);
    const status = await stage.home.run(["status"]);
    expect(status.code).toBe(5);
    expect(status.stdout).toContain(`population/hcm population.citizen: stopped by ${code}`);

    // The column leaves the share, as a delta, under the running engine.
    const shares = { population: [{ ...citizen, columns: ["id", "full_name"] }, visit], names: [names] };
    stage.configure({ shares });
    await stage.command("apply");
    await stage.shows("hcm", "SELECT count(*) FROM population.citizen", [["21"]], 60_000);
    await stage.stop();
    expect(await stage.differences("hcm", { ...citizen, columns: ["id", "full_name"] })).toEqual([]);
    expect(await stage.differences("hcm", visit)).toEqual([]);
  });
});

test.each([
  ["made again", "remade", "DB-MAP-015", ["ALTER TABLE public.citizen DROP COLUMN born, ADD COLUMN born date"]],
  ["retyped", "silent", "DB-MAP-011", ["ALTER TABLE public.citizen ALTER COLUMN born TYPE text USING 'ngày ' || born"]],
])("a shared column that is %s, and nothing else happens: the copy does not pass for valid", async (_, name, code, statements) => {
  await using stage = await schemaStage(cluster, name);
  await loaded(stage);
  await stage.onMaster(...statements);
  const stopped = await stage.recorded("hcm", "population.citizen", (row) => row["stopped_code"] !== null);
  expect(stopped["stopped_code"]).toBe(code);
  await stage.command("resync", "population/hcm", "--table", "population.citizen");
  await stage.shows("hcm", "SELECT count(*) FROM population.citizen", [["20"]]);
  await stage.stop();
  expect(await stage.differences("hcm", citizen)).toEqual([]);
});

test("a table that was dropped and made again stops its copies; resync of the table takes the new one", async () => {
  await using stage = await schemaStage(cluster, "again");
  await loaded(stage);
  await stage.onMaster(
    "DROP TABLE public.visit",
    "CREATE TABLE public.visit (id int PRIMARY KEY, note text)",
    "ALTER PUBLICATION dongbo_population ADD TABLE public.visit",
    "INSERT INTO public.visit SELECT i, 'mới' FROM generate_series(1, 5) AS i",
  );
  const stopped = await stage.recorded("hcm", "population.visit", (row) => row["stopped_code"] !== null);
  expect(stopped["stopped_code"]).toBe("DB-MAP-014");
  expect(await stage.read("hcm", "SELECT * FROM population.visit")).toBe("DB001");
  await stage.onMaster("UPDATE public.citizen SET full_name = 'Vẫn' WHERE id = 3");
  await stage.shows("hcm", "SELECT full_name FROM population.citizen WHERE id = 3", [["Vẫn"]]);
  await stage.command("resync", "population/hcm", "--table", "population.visit");
  await stage.shows("hcm", "SELECT count(*), min(note) FROM population.visit", [["5", "mới"]]);
  await stage.onMaster("INSERT INTO public.visit VALUES (6, 'tiếp')");
  await stage.shows("hcm", "SELECT note FROM population.visit WHERE id = 6", [["tiếp"]]);
  await stage.stop();
  expect(await stage.differences("hcm", visit)).toEqual([]);
  expect(await stage.differences("hcm", citizen)).toEqual([]);
});

test("a shared column that is renamed and whose share follows by configuration goes on under its old name in the copy", async () => {
  await using stage = await schemaStage(cluster, "follow");
  await loaded(stage);
  await stage.onMaster(
    "ALTER TABLE public.citizen RENAME COLUMN born TO birth_date",
    "UPDATE public.citizen SET birth_date = '1999-09-09' WHERE id = 4",
  );
  await stage.recorded("hcm", "population.citizen", (row) => row["stopped_code"] === "DB-MAP-012");
  const followed = { ...citizen, columns: ["id", "full_name", { birth_date: { to: "born" } }] as unknown as string[] };
  stage.configure({ shares: { population: [followed, visit], names: [names] } });
  await stage.command("apply");
  await stage.shows("hcm", "SELECT born FROM population.citizen WHERE id = 4", [["1999-09-09"]], 60_000);
  await stage.onMaster("UPDATE public.citizen SET birth_date = '1999-09-10' WHERE id = 5");
  await stage.shows("hcm", "SELECT born FROM population.citizen WHERE id = 5", [["1999-09-10"]]);
  await stage.stop();
});

test("a table that its owner takes out of the publication stops its copies and no other", async () => {
  await using stage = await schemaStage(cluster, "unpublished");
  await loaded(stage);
  await stage.onMaster("ALTER PUBLICATION dongbo_population DROP TABLE public.visit", "INSERT INTO public.visit VALUES (50, 'ngoài')");
  await stage.onMaster("UPDATE public.citizen SET full_name = 'Vẫn' WHERE id = 3");
  await stage.shows("hcm", "SELECT full_name FROM population.citizen WHERE id = 3", [["Vẫn"]]);
  // Changes of the table are no longer in the stream: the copy must not pass for valid.
  const stopped = await stage.recorded("hcm", "population.visit", (row) => row["stopped_code"] !== null);
  expect(stopped["stopped_code"]).toMatch(/^DB-(PG|MAP|SLOT)-/);
  await stage.onMaster("ALTER PUBLICATION dongbo_population ADD TABLE public.visit");
  // The engine may have begun to load it again by itself: the order is another load.
  await stage.resync("population/hcm", "--table", "population.visit");
  await stage.shows("hcm", "SELECT note FROM population.visit WHERE id = 50", [["ngoài"]]);
  await stage.stop();
  expect(await stage.differences("hcm", visit)).toEqual([]);
});
