// A server that is busy with others is told by how long it takes to answer, and is left alone for longer.
import { expect, test } from "vitest";
import { pacedMaster } from "../../reconcilers/paced-tables.ts";
import { CompareLab } from "../support/compare-lab.ts";
import { PassingClock } from "../support/passing-clock.ts";
import { waitUntil } from "../support/wait-until.ts";

test("RC-06: a statement that waited behind another's lock is followed by a rest in proportion", async () => {
  await using lab = await CompareLab.open(["postgres"]);
  await lab.onMaster(
    "postgres",
    "CREATE TABLE person (id int PRIMARY KEY, name text)",
    "INSERT INTO person SELECT i, 'người ' || i FROM generate_series(1, 5000) AS i",
  );
  const pair = await lab.pair("postgres", "postgres", "person");
  const clock = new PassingClock();
  const master = pacedMaster(pair.master, { clock, share: 0.5, signal: new AbortController().signal });
  const read = async (whileItRuns: () => Promise<void>): Promise<void> => {
    const reading = master.digest({ after: null, until: null }, 1);
    await whileItRuns();
    expect((await reading).answer).toMatchObject([{ count: 5_000 }]);
  };
  const passes = (ms: number) => (): Promise<void> => {
    clock.nowMs += ms;
    return Promise.resolve();
  };
  await read(passes(100));
  await read(passes(110));
  const other = await lab.masterSession();
  await other.query("BEGIN; LOCK TABLE person IN ACCESS EXCLUSIVE MODE");
  await read(async () => {
    const waits = "SELECT count(*)::text AS n FROM pg_locks WHERE relation = 'person'::regclass AND NOT granted";
    await waitUntil(async () => (await lab.onMaster("postgres", waits))[0]?.["n"] === "1", { describe: "the comparison to wait" });
    clock.nowMs += 700;
    await other.query("COMMIT");
  });
  await read(passes(100));
  expect(clock.slept.map(Math.round)).toEqual([100, 110, 700 * (1 + 6), 100]);
  await other.end();
  await pair.close();
});
