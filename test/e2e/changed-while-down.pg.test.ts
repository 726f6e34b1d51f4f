// The master's tables change while no engine runs: when it comes back, the copy concerned stands still and says why, all else
// goes on, and nothing is taken for what it was before.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, startCluster } from "../support/cluster.ts";
import { citizen, loaded, names, othersGoOn, schemaStage, visit } from "./schema-stage.ts";
import type { Plan, Stage } from "./stage.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ targets: [] });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

interface Change {
  readonly name: string;
  readonly how: string;
  readonly change: readonly string[];
  readonly code: RegExp;
  readonly says: RegExp;
  /** What the owner of the master does then, and the configuration that goes with it. */
  readonly mend?: readonly string[];
  readonly plan?: Partial<Plan>;
}

const followed = { ...citizen, columns: ["id", "full_name", { birth_date: { to: "born" } }] as unknown as string[] };
const narrower = { ...citizen, columns: ["id", "full_name"] };

const changes: readonly Change[] = [
  {
    name: "gone",
    how: "lost a column, which comes back",
    change: ["ALTER TABLE public.citizen DROP COLUMN born"],
    code: /^DB-MAP-010$/,
    says: /"born" \(date\) is gone\. Bring the column back/,
    mend: ["ALTER TABLE public.citizen ADD COLUMN born date DEFAULT '2001-02-03'"],
  },
  {
    name: "left",
    how: "lost a column, which leaves the share",
    change: ["ALTER TABLE public.citizen DROP COLUMN born"],
    code: /^DB-MAP-010$/,
    says: /"born" \(date\) is gone/,
    plan: { shares: { population: [narrower, visit], names: [names] } },
  },
  {
    name: "renamed",
    how: "renamed a column, and the share follows",
    change: ["ALTER TABLE public.citizen RENAME COLUMN born TO birth_date"],
    code: /^DB-MAP-012$/,
    says: /"born" \(date\) is gone: it is called "birth_date" now/,
    plan: { shares: { population: [followed, visit], names: [names] } },
  },
  {
    name: "retyped",
    how: "changed a column's type, which the copy takes",
    change: ["ALTER TABLE public.citizen ALTER COLUMN born TYPE text USING 'ngày ' || born"],
    code: /^DB-MAP-011$/,
    says: /"born" was date and is text now/,
  },
  {
    name: "remade",
    how: "dropped a column and made it again",
    change: ["ALTER TABLE public.citizen DROP COLUMN born", "ALTER TABLE public.citizen ADD COLUMN born date"],
    code: /^DB-MAP-015$/,
    says: /"born" was dropped and made again/,
  },
  {
    name: "keyless",
    how: "lost its key, which comes back",
    change: ["ALTER TABLE public.citizen DROP CONSTRAINT citizen_pkey"],
    code: /^DB-MAP-032$/,
    says: /no unique index over NOT NULL columns has exactly the key \(id\)/,
    mend: ["ALTER TABLE public.citizen ADD PRIMARY KEY (id)"],
  },
];

async function stopsAlone(stage: Stage, table: string, code: RegExp, says: RegExp): Promise<void> {
  const stopped = await stage.recorded("hcm", table, (row) => row["stopped_code"] !== null);
  expect(stopped["stopped_code"]).toMatch(code);
  expect(stopped["stopped_message"]).toMatch(says);
  const status = await stage.home.run(["status"]);
  expect(status.code).toBe(5);
  expect(status.stdout).toContain(`population/hcm ${table}: stopped by ${stopped["stopped_code"]}`);
}

test.each(changes)("$name: a table that $how", async ({ name, change, code, says, mend = [], plan }) => {
  await using stage = await schemaStage(cluster, `down${name}`);
  await loaded(stage);
  await stage.stop();
  await stage.onMaster("UPDATE public.citizen SET full_name = 'Trước' WHERE id = 2", "UPDATE public.visit SET note = 'Trước' WHERE id = 2");
  await stage.onMaster(...change);
  stage.start();
  await stopsAlone(stage, "population.citizen", code, says);
  if (name !== "keyless") await othersGoOn(stage, 32);
  await stage.shows("hcm", "SELECT note FROM population.visit WHERE id = 2", [["Trước"]]);

  await stage.onMaster(...mend);
  if (plan === undefined) await stage.command("resync", "population/hcm", "--table", "population.citizen");
  else {
    stage.configure(plan);
    await stage.command("apply");
  }
  await stage.onMaster("INSERT INTO public.citizen (id, full_name) VALUES (40, 'Sau cùng')");
  await stage.shows("hcm", "SELECT full_name FROM population.citizen WHERE id = 40", [["Sau cùng"]]);
  await stage.stop();
  const [first] = plan?.shares?.["population"] ?? [citizen];
  if (first !== followed) expect(await stage.differences("hcm", { ...citizen, columns: first?.columns ?? [] })).toEqual([]);
  else expect(await stage.read("hcm", "SELECT count(born) FROM population.citizen")).toEqual([{ count: "20" }]);
  expect(await stage.differences("hcm", visit)).toEqual([]);
});

test("a table that was dropped, and one of its name that is not the same", async () => {
  await using stage = await schemaStage(cluster, "downdropped");
  await loaded(stage);
  await stage.stop();
  await stage.onMaster("DROP TABLE public.visit");
  stage.start();
  await stopsAlone(stage, "population.visit", /^DB-MAP-030$/, /public\.visit: the source table does not exist/);
  await stage.onMaster("UPDATE public.citizen SET full_name = 'Vẫn' WHERE id = 3");
  await stage.shows("hcm", "SELECT full_name FROM population.citizen WHERE id = 3", [["Vẫn"]]);
  expect(await stage.read("hcm", "SELECT * FROM population.visit")).toBe("DB001");
  // As long as it is not mended, an order changes nothing, nor does a restart.
  await stage.command("resync", "population/hcm", "--table", "population.visit");
  await stage.stop();
  stage.start();
  await stopsAlone(stage, "population.visit", /^DB-MAP-030$/, /does not exist/);
  await stage.stop();
  await stage.onMaster(
    "CREATE TABLE public.visit (id int PRIMARY KEY, note text)",
    "ALTER PUBLICATION dongbo_population ADD TABLE public.visit",
    "INSERT INTO public.visit VALUES (1, 'mới')",
  );
  stage.start();
  await stage.recorded("hcm", "population.visit", (row) => row["stopped_code"] === "DB-MAP-014");
  await stage.command("resync", "population/hcm", "--table", "population.visit");
  await stage.shows("hcm", "SELECT * FROM population.visit", [["1", "mới"]]);
});

test("a table whose old values are not logged any more, and one that is not published any more", async () => {
  await using stage = await schemaStage(cluster, "downidentity");
  await loaded(stage);
  await stage.stop();
  await stage.onMaster("ALTER TABLE public.visit REPLICA IDENTITY NOTHING", "INSERT INTO public.visit VALUES (50, 'thêm')");
  stage.start();
  await stopsAlone(stage, "population.visit", /^DB-(MAP-013|PG-032)$/, /replica identity|not published/);
  await stage.onMaster("ALTER TABLE public.visit REPLICA IDENTITY DEFAULT");
  await stage.command("resync", "population/hcm", "--table", "population.visit");
  await stage.shows("hcm", "SELECT note FROM population.visit WHERE id = 50", [["thêm"]]);
  await stage.stop();
  await stage.onMaster("ALTER PUBLICATION dongbo_population DROP TABLE public.visit", "DELETE FROM public.visit WHERE id = 50");
  stage.start();
  await stopsAlone(stage, "population.visit", /^DB-PG-032$/, /not published/);
  await stage.onMaster("UPDATE public.citizen SET full_name = 'Vẫn' WHERE id = 3");
  await stage.shows("hcm", "SELECT full_name FROM population.citizen WHERE id = 3", [["Vẫn"]]);
  await stage.onMaster("ALTER PUBLICATION dongbo_population ADD TABLE public.visit");
  await stage.command("resync", "population/hcm", "--table", "population.visit");
  await stage.shows("hcm", "SELECT count(*) FROM population.visit", [["20"]]);
});
