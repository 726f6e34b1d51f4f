// Changed configurations are carried out as differences: only what is newly disclosed is read, what is withdrawn goes.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, startCluster } from "../support/cluster.ts";
import { type Side, Stage } from "./stage.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ targets: [] });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

const columns = ["id", "full_name"];
const citizen = {
  source: "public.citizen",
  target: "population.citizen",
  key: ["id"],
  columns,
  where: { province: { in: "$provinces" } },
};

function side(provinces: string, shared: readonly string[] = columns): Side {
  return { source: "public.citizen", target: "population.citizen", key: ["id"], columns: shared, where: `province IN (${provinces})` };
}

const master = [
  "CREATE TABLE public.citizen (id int PRIMARY KEY, full_name text, province text NOT NULL, born date)",
  `INSERT INTO public.citizen SELECT i, 'Nguyễn ' || i, (ARRAY['79', '46', '01'])[1 + i % 3], date '1980-01-01' + i
     FROM generate_series(1, 3000) AS i`,
];

function copyOf(target: string, ...provinces: string[]) {
  return { target, share: "population", parameters: { provinces } };
}

/** Rows by the batch that wrote them, as the physical table says. */
async function batches(stage: Stage, target: string, condition: string): Promise<string> {
  const rows = await stage.onTarget(target, `SELECT DISTINCT dongbo_batch FROM population_copy.citizen WHERE ${condition} ORDER BY 1`);
  return rows.map((row) => row["dongbo_batch"]).join(",");
}

test("a parameter that grows loads the difference only and one that shrinks withdraws rows, while the neighbour streams on", async () => {
  await using stage = await Stage.create(cluster, {
    name: "grow",
    master,
    shares: { population: [citizen] },
    copies: [copyOf("hcm", "79"), copyOf("hue", "46")],
  });
  stage.start();
  await stage.shows("hcm", "SELECT count(*) FROM population.citizen", [["1000"]]);
  await stage.shows("hue", "SELECT count(*) FROM population.citizen", [["1000"]]);
  const untouched = await batches(stage, "hcm", "id % 3 = 0");
  const neighbour = await batches(stage, "hue", "true");

  stage.configure({ copies: [copyOf("hcm", "79", "01"), copyOf("hue", "46")] });
  const plan = await stage.command("plan");
  expect(plan.stdout).toMatch(/1,?000/);
  await stage.command("apply");
  await stage.shows("hcm", "SELECT count(*) FROM population.citizen", [["2000"]], 60_000);
  expect(await batches(stage, "hcm", "id % 3 = 0")).toBe(untouched);
  expect(await batches(stage, "hue", "true")).toBe(neighbour);
  await stage.onMaster("UPDATE public.citizen SET province = '46' WHERE id = 3", "UPDATE public.citizen SET province = '01' WHERE id = 1");
  await stage.shows(
    "hcm",
    "SELECT count(*) FILTER (WHERE id = 3) AS three, count(*) FILTER (WHERE id = 1) AS one FROM population.citizen",
    [["0", "1"]],
  );
  await stage.shows(
    "hue",
    "SELECT count(*) FILTER (WHERE id = 3) AS three, count(*) FILTER (WHERE id = 1) AS one FROM population.citizen",
    [["1", "0"]],
  );

  stage.configure({ copies: [copyOf("hcm", "01"), copyOf("hue", "46")] });
  await stage.command("apply");
  await stage.shows("hcm", "SELECT count(*) FILTER (WHERE id % 3 = 0) FROM population.citizen", [["0"]], 60_000);
  expect(await stage.onTarget("hcm", "SELECT count(*) FROM population_copy.citizen WHERE id % 3 = 0")).toEqual([{ count: "0" }]);
  await stage.stop();
  expect(await stage.differences("hcm", side("'01'"))).toEqual([]);
  expect(await stage.differences("hue", side("'46'"))).toEqual([]);
});

test("what is withdrawn is refused at once: while no engine runs, and while supply is suspended", async () => {
  await using stage = await Stage.create(cluster, {
    name: "withdraw",
    master,
    shares: { population: [citizen] },
    copies: [copyOf("hcm", "79", "46")],
  });
  const count = "SELECT count(*) FROM population.citizen";
  await stage.catchUp();
  await stage.shows("hcm", count, [["2000"]]);
  stage.configure({ copies: [copyOf("hcm", "79")] });
  await stage.command("apply");
  expect(await stage.read("hcm", count)).toBe("DB001");
  // Thought better of before any engine ran: the copy owes a load all the same, and comes back.
  stage.configure({ copies: [copyOf("hcm", "79", "46")] });
  await stage.command("apply");
  expect(await stage.read("hcm", count)).toBe("DB001");
  await stage.catchUp();
  await stage.shows("hcm", count, [["2000"]]);

  stage.start();
  await stage.shows("hcm", count, [["2000"]]);
  await stage.command("suspend", "population/hcm", "--reason", "maintenance");
  await stage.shows("hcm", "SELECT share_state FROM dongbo.status", [["SUSPENDED"]]);
  stage.configure({ copies: [copyOf("hcm", "79")] });
  await stage.command("apply");
  await stage.shows("hcm", count, "DB001", 30_000);
  await stage.command("resume", "population/hcm");
  await stage.shows("hcm", count, [["1000"]]);
  await stage.stop();
  expect(await stage.onTarget("hcm", "SELECT count(*) FROM population_copy.citizen")).toEqual([{ count: "1000" }]);
  expect(await stage.differences("hcm", side("'79'"))).toEqual([]);
});

test("a column that is added appears filled or not at all, one that is removed leaves the target, both while rows change", async () => {
  await using stage = await Stage.create(cluster, {
    name: "columns",
    master,
    shares: { population: [citizen] },
    copies: [copyOf("hcm", "79")],
  });
  stage.start();
  await stage.shows("hcm", "SELECT count(*) FROM population.citizen", [["1000"]]);
  stage.configure({ shares: { population: [{ ...citizen, columns: [...columns, "born"] }] } });
  await stage.command("apply");
  await stage.onMaster("UPDATE public.citizen SET born = '2001-01-01' WHERE id = 3");
  // Never NULL before it is there: the master has none.
  const answers = new Set<string>();
  const until = performance.now() + 60_000;
  while (!answers.has("0") && performance.now() < until) {
    const answer = await stage.read("hcm", "SELECT count(*) FILTER (WHERE born IS NULL) AS n FROM population.citizen");
    answers.add(typeof answer === "string" ? answer : String(answer[0]?.["n"]));
  }
  expect([...answers].filter((answer) => !["42703", "DB001", "0"].includes(answer))).toEqual([]);
  await stage.shows("hcm", "SELECT born FROM population.citizen WHERE id = 3", [["2001-01-01"]]);
  await stage.stop();
  expect(await stage.differences("hcm", side("'79'", [...columns, "born"]))).toEqual([]);

  stage.configure({ shares: { population: [{ ...citizen, columns: ["id", "born"] }] } });
  await stage.command("apply");
  await stage.catchUp();
  expect(await stage.differences("hcm", side("'79'", ["id", "born"]))).toEqual([]);
  expect(await stage.read("hcm", "SELECT full_name FROM population.citizen")).toBe("42703");
  const left = await stage.onTarget("hcm", "SELECT count(*) FROM information_schema.columns WHERE column_name = 'full_name'");
  expect(left).toEqual([{ count: "0" }]);
});

test("a subscription joins while others stream, and one that is removed is refused at once", async () => {
  await using stage = await Stage.create(cluster, {
    name: "join",
    master,
    shares: { population: [citizen] },
    copies: [copyOf("hcm", "79"), copyOf("hue", "46")],
  });
  stage.configure({ copies: [copyOf("hcm", "79")] });
  stage.start();
  await stage.shows("hcm", "SELECT count(*) FROM population.citizen", [["1000"]]);
  const before = await batches(stage, "hcm", "true");
  stage.configure({ copies: [copyOf("hcm", "79"), copyOf("hue", "46")] });
  await stage.command("apply");
  for (let id = 4000; id < 4050; id++) await stage.onMaster(`INSERT INTO public.citizen VALUES (${id}, 'Mới', '46')`);
  await stage.shows("hue", "SELECT count(*) FROM population.citizen", [["1050"]]);
  expect(await batches(stage, "hcm", "true")).toBe(before);

  // Its target leaves the file with it, so `apply` alone cannot reach it any more; the running engine can.
  stage.configure({ copies: [copyOf("hue", "46")] });
  expect(await stage.home.run(["apply"])).toMatchObject({ code: 5, stderr: expect.stringContaining("DB-RUN-028") as unknown });
  await stage.shows("hcm", "SELECT count(*) FROM population.citizen", "DB001");
  await stage.onMaster("INSERT INTO public.citizen VALUES (5000, 'Sau', '46'), (5001, 'Sau', '79')");
  await stage.shows("hue", "SELECT count(*) FROM population.citizen WHERE id = 5000", [["1"]]);
  expect(await stage.onTarget("hcm", "SELECT count(*) FROM population_copy.citizen WHERE id = 5001")).toEqual([{ count: "0" }]);
  await stage.stop();
  expect(await stage.differences("hue", side("'46'"))).toEqual([]);
});
