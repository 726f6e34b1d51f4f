// The publishing engine dies by SIGKILL in the middle of loads and batches. A consumer of committed records still sees every batch
// once and whole, in order, and in the end holds what the master does.
import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { roles, runSql } from "../support/cluster.ts";
import type { Failpoint } from "../support/dongbo-home.ts";
import { KafkaTargetLab, type PublishedEvent } from "../support/kafka-target-lab.ts";
import { publishingHome } from "../support/publishing-home.ts";
import { sharedKafka } from "../support/kafka-server.ts";
import { catalogTable, column, tableMapping } from "../support/table-builders.ts";
import { Families } from "../support/two-families.ts";
import { waitUntil } from "../support/wait-until.ts";
import { Background } from "../e2e/background.ts";

const rows = 3_000;
const citizen = tableMapping(
  catalogTable([column("id", "text"), column("name", "text")], { table: { schema: "population", name: "citizen" } }),
  ["id", "name"],
);

/** While it loads, and while it streams. */
const loading: readonly Failpoint[] = [
  { name: "snapshot-mid-chunk" },
  { name: "target-after-rows", nth: 2 },
  { name: "target-after-checkpoint", nth: 3 },
  { name: "target-after-commit", nth: 3 },
];
const streaming: readonly Failpoint[] = [
  { name: "target-after-rows", nth: 4 },
  { name: "target-after-checkpoint", nth: 4 },
  { name: "target-commit-sent", nth: 4 },
  { name: "target-after-commit", nth: 4 },
];

test("killed in a load and in streaming, the engine publishes every batch once", { timeout: 400_000 }, async () => {
  const brokers = await sharedKafka();
  await using lab = await KafkaTargetLab.open(brokers);
  const { prefix } = lab.publish;
  await using servers = await Families.start({ master: "postgres", postgresTargets: [], mysqlTargets: [] });
  const master = servers.sourceUrl(roles.owner);
  await runSql(
    master,
    "CREATE TABLE citizen (id bigint PRIMARY KEY, name text NOT NULL)",
    `INSERT INTO citizen SELECT n, 'Nguyễn ' || n FROM generate_series(1, ${rows}) AS n`,
  );
  await servers.cluster.publish("population", ["public.citizen"]);
  const tables = [{ source: "public.citizen", target: "population.citizen", key: ["id"], columns: ["id", "name"] }];
  await using home = await publishingHome({ servers, brokers, prefix, tables });

  const dieAt = async (failpoint: Failpoint): Promise<void> => {
    const engine = home.start(["run"], failpoint);
    const describe = `the engine to reach ${failpoint.name}`;
    const { signal } = await waitUntil(() => engine.exit, { describe, deadlineMs: 120_000, detail: () => engine.describe() });
    if (signal !== "SIGKILL") throw new Error(engine.describe());
  };
  const change = async (signal: AbortSignal): Promise<void> => {
    for (let round = 0; !signal.aborted; round += 1) {
      const key = (round * 7) % rows;
      await runSql(
        master,
        `BEGIN; UPDATE citizen SET name = name || '.' WHERE id = ${key}; DELETE FROM citizen WHERE id = ${key + 1};
         INSERT INTO citizen VALUES (${rows + 1 + round}, 'mới ${randomUUID()}'); COMMIT`,
      );
    }
  };
  await using changing = new Background(change);
  for (const failpoint of [...loading, ...streaming]) await changing.during(dieAt(failpoint));
  await changing.stop();

  const finished = await home.run(["run", "--until-caught-up"], 120_000);
  expect({ code: finished.code, stderr: finished.stderr }).toMatchObject({ code: 0 });
  const events = (await lab.records(citizen)).flatMap(({ event }) => (event === null ? [] : [event]));
  expect(brokenOrder(events)).toEqual([]);
  const held = new Map((await lab.rows(citizen)).map(([id, name]) => [String(id), name]));
  const wanted = await runSql(master, "SELECT id::text, name FROM citizen");
  expect(held.size).toBe(wanted.length);
  expect(wanted.filter(({ id, name }) => held.get(id ?? "") !== name)).toEqual([]);
});

/** Batches follow one another with growing numbers, and the events of each are numbered from 1 without gap: none is told twice. */
function brokenOrder(events: readonly PublishedEvent[]): string[] {
  const broken: string[] = [];
  let before = [0, 0];
  for (const { source } of events) {
    const [batch = 0, order = 0] = (JSON.parse(String(source["sequence"])) as string[]).map(Number);
    const follows = batch === before[0] ? order === (before[1] ?? 0) + 1 : batch > (before[0] ?? 0) && order === 1;
    if (!follows) broken.push(`${batch}/${order} after ${before.join("/")}`);
    before = [batch, order];
  }
  return broken;
}
