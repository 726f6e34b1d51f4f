// What becomes of copies that are fed through Kafka when topics, records, brokers, connectors and processes are not as they should be:
// a code with a remedy, or recovery by itself, and never a copy that is quietly wrong.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TableShare } from "../support/population-config.ts";
import { deleteTopic, emptyTopic, produce, readTopic } from "../support/topic-reader.ts";
import { waitUntil } from "../support/wait-until.ts";
import { DebeziumStage, type DebeziumStageOptions } from "./debezium-stage.ts";
import { KafkaUnderFire } from "./kafka-under-fire.ts";
import type { ComparedColumns } from "./pair-stage.ts";

let kafka: KafkaUnderFire;
beforeAll(async () => {
  kafka = await KafkaUnderFire.start();
});
afterAll(async () => kafka?.[Symbol.asyncDispose]());

const shareOf = (name: string, columns = ["id", "full_name"]): TableShare => ({
  source: `public.${name}`,
  target: `population.${name}`,
  key: ["id"],
  columns,
});
const shape: ComparedColumns = { key: ["id"], forms: { id: "integer", full_name: "text" } };
const count = "SELECT count(*) AS n FROM population.citizen";
const ddl = (name: string) => `CREATE TABLE ${name} (id int PRIMARY KEY, full_name varchar(200))`;
const ten = (name: string) => `INSERT INTO ${name} SELECT i, 'Nguyễn ' || i FROM generate_series(1, 10) AS i`;

/** A master with ten people, a connector, an engine, and a copy that has all of them. */
async function loaded(changes: Partial<DebeziumStageOptions> = {}): Promise<DebeziumStage> {
  const stage = await DebeziumStage.create({
    kafka,
    master: "postgres",
    tables: ["citizen", "household"].flatMap((name) => [ddl(name), ten(name)]),
    shares: { population: [shareOf("citizen"), shareOf("household")] },
    copies: [{ target: "hcm", share: "population" }],
    ...changes,
  });
  await stage.capture();
  stage.pair.start();
  await stage.pair.shows("hcm", count, [["10"]]);
  await stage.pair.shows("hcm", "SELECT count(*) AS n FROM population.household", [["10"]]);
  return stage;
}

/** Waits until `status` names a problem of the subscription or of one of its tables, and gives its code. */
async function problemOf({ pair }: DebeziumStage): Promise<string> {
  const { code } = await waitUntil(
    async () => {
      const { problem, tables } = await pair.status("population/hcm");
      return problem ?? tables.find(({ stopped }) => stopped !== null)?.stopped;
    },
    { describe: "status to name what is wrong", deadlineMs: 60_000, everyMs: 300, detail: () => pair.start().describe() },
  );
  return code;
}

/** Waits until `status` names this problem of the source, which is one of all its subscriptions. */
async function sourceHas({ pair }: DebeziumStage, code: string): Promise<void> {
  await waitUntil(
    async () => {
      const { sources } = await pair.home.json<{ sources: { problem: { code: string } | null }[] }>(["status"], [0, 5]);
      return sources.some(({ problem }) => problem?.code === code);
    },
    { describe: `status to name ${code}`, deadlineMs: 60_000, everyMs: 300, detail: () => pair.start().describe() },
  );
}

async function expectEqual({ pair }: DebeziumStage, table = "citizen"): Promise<void> {
  let differences: string[] = [];
  await waitUntil(
    async () => {
      differences = await pair.differences("hcm", table, `population.${table}`, shape).catch((error: unknown) => [String(error)]);
      return differences.length === 0;
    },
    {
      describe: `${table} to be equal`,
      deadlineMs: 60_000,
      everyMs: 200,
      detail: () => `${differences.join("\n")}\n${pair.start().describe()}`,
    },
  );
}

const withMaster = { source: { master: "${env:POPULATION_URL}" } };

test("records that retention deleted before they were read are missed aloud, and a re-synchronisation mends it", async () => {
  await using stage = await loaded(withMaster);
  await stage.pair.stop();
  const end = await stage.length("citizen");
  await stage.pair.onMaster("UPDATE citizen SET full_name = 'Mất' WHERE id = 1", "DELETE FROM citizen WHERE id = 2");
  // The deletion and its tombstone.
  await stage.reaches("citizen", end + 3);
  await emptyTopic(kafka.brokers, stage.topic("citizen"));
  stage.pair.start();
  expect(await problemOf(stage)).toMatch(/^DB-(SLOT|KAF)-\d+$/);
  expect(await stage.pair.onTarget("hcm", "SELECT count(*) AS n FROM population_copy.citizen")).toEqual([{ n: "10" }]);
  await stage.pair.command("resync", "population/hcm");
  await expectEqual(stage);
});

test("a topic that was deleted and made anew is not taken for the one before", async () => {
  await using stage = await loaded(withMaster);
  await stage.pair.stop();
  await kafka.rest.pause(stage.name);
  await deleteTopic(kafka.brokers, stage.topic("citizen"));
  await kafka.rest.deleteConnector(stage.name);
  await stage.pair.onMaster("UPDATE citizen SET full_name = 'Chủ đề mới'", "UPDATE citizen SET full_name = 'Chủ đề mới hơn'");
  await stage.capture();
  await stage.reaches("citizen", 20);
  stage.pair.start();
  await sourceHas(stage, "DB-SLOT-004");
  await stage.pair.command("resync", "population/hcm");
  await expectEqual(stage);
});

test("a record that nobody can read stops its table, by name and place, and no other", async () => {
  await using stage = await loaded();
  const [row] = await readTopic(kafka.brokers, stage.topic("citizen"));
  await produce(kafka.brokers, stage.topic("citizen"), [{ key: row?.key ?? null, value: "{ không phải JSON" }]);
  expect(await problemOf(stage)).toBe("DB-MAP-014");
  const told = await stage.pair.home.run(["status"]);
  expect(told.stdout).toMatch(new RegExp(`record 10 of partition 0 of topic ${stage.topic("citizen")} cannot be read \\(DB-KAF-\\d+`));
  expect(told.stdout + stage.pair.start().stderr).not.toContain("không phải JSON");
  await stage.pair.onMaster("UPDATE household SET full_name = 'Vẫn đến' WHERE id = 1");
  await expectEqual(stage, "household");
});

test("placeholders and skipped changes that would lose data are found by `check`, where Connect may be asked", async () => {
  await using stage = await loaded({
    connector: { "unavailable.value.placeholder": "__khac__", "skipped.operations": "t" },
    withConnect: true,
  });
  const checked = await stage.pair.home.run(["check", "--json"]);
  const { findings } = JSON.parse(checked.stdout) as { findings: { code: string; cause: string; remedy: string }[] };
  const about = (setting: string) => findings.filter(({ cause, remedy }) => `${cause} ${remedy}`.includes(setting));
  expect(about("unavailable.value.placeholder")).toEqual([expect.objectContaining({ code: expect.stringMatching(/^DB-KAF-/) as string })]);
  expect(about("skipped.operations")).toEqual([expect.objectContaining({ code: expect.stringMatching(/^DB-KAF-/) as string })]);
});

test("long values that did not change are left as they are, whatever the placeholder is", async () => {
  const long = "repeat('dài ', 4000)";
  await using stage = await loaded({
    tables: [
      "CREATE TABLE citizen (id int PRIMARY KEY, full_name text, note text)",
      "ALTER TABLE citizen ALTER COLUMN full_name SET STORAGE EXTERNAL",
      `INSERT INTO citizen SELECT i, i || ${long}, NULL FROM generate_series(1, 10) AS i`,
      ddl("household"),
      ten("household"),
    ],
    shares: { population: [shareOf("citizen", ["id", "full_name", "note"]), shareOf("household")] },
    connector: { "unavailable.value.placeholder": "__khac__" },
    source: { converter: { format: "json", unavailable: "__khac__" } },
  });
  await stage.pair.onMaster("UPDATE citizen SET note = 'đổi' WHERE id = 3", "UPDATE citizen SET id = 30 WHERE id = 4");
  await stage.pair.shows("hcm", "SELECT id FROM population.citizen WHERE note = 'đổi' OR id = 30 ORDER BY id", [["3"], ["30"]]);
  await expectEqual(stage);
});

test("without its broker the engine waits, and goes on where it was", async () => {
  await using stage = await loaded();
  await kafka.broker.stop();
  expect(await problemOf(stage)).toMatch(/^DB-KAF-\d+$/);
  await stage.pair.onMaster("UPDATE citizen SET full_name = 'Trong lúc tắt' WHERE id = 5");
  await kafka.broker.restart();
  await expectEqual(stage);
});

test("columns come, change and go at the master: what is not shared does not matter, what is shared stops its table", async () => {
  await using stage = await loaded();
  await stage.pair.onMaster(
    "ALTER TABLE citizen ADD COLUMN note text",
    "UPDATE citizen SET note = 'mới', full_name = 'Có cột mới' WHERE id = 1",
  );
  await expectEqual(stage);
  await stage.pair.onMaster("ALTER TABLE citizen DROP COLUMN note", "UPDATE citizen SET full_name = 'Không còn cột' WHERE id = 2");
  await expectEqual(stage);
  await stage.pair.onMaster("ALTER TABLE citizen DROP COLUMN full_name", "INSERT INTO citizen VALUES (11)");
  const stopped = await stage.pair.recorded("hcm", "population.citizen", (row) => row["stopped_code"] !== null);
  expect(stopped["stopped_code"]).toMatch(/^DB-/);
  await stage.pair.onMaster("UPDATE household SET full_name = 'Vẫn đến' WHERE id = 1");
  await expectEqual(stage, "household");
});

test("a column that takes another type stops its table", async () => {
  await using stage = await loaded();
  await stage.pair.onMaster(
    "ALTER TABLE citizen ALTER COLUMN full_name TYPE bytea USING full_name::bytea",
    "INSERT INTO citizen VALUES (11, 'x')",
  );
  const stopped = await stage.pair.recorded("hcm", "population.citizen", (row) => row["stopped_code"] !== null);
  expect(stopped["stopped_code"]).toMatch(/^DB-/);
});

test("a second engine stands by: it takes over from a killed one, and one that slept writes nothing when it wakes", async () => {
  await using stage = await loaded();
  await using other = stage.pair.home.twin();
  const first = stage.pair.start();
  const standby = other.start(["run"]);
  await standby.waitForOutput(/dongbo runs/);
  const epoch = async () => Number((await stage.pair.onTarget("hcm", "SELECT epoch FROM dongbo.subscription"))[0]?.["epoch"]);
  const before = await epoch();
  first.signal("SIGSTOP");
  await standby.waitFor(async () => (await epoch()) > before, "the standby to take over", 60_000);
  await stage.pair.onMaster("UPDATE citizen SET full_name = 'Người thay' WHERE id = 1");
  await expectEqual(stage);
  first.signal("SIGCONT");
  await stage.pair.onMaster("UPDATE citizen SET full_name = 'Sau khi thức' WHERE id = 1", "DELETE FROM citizen WHERE id = 2");
  await expectEqual(stage);
  expect(first.exit, first.describe()).toBeNull();
  await standby.kill9();
  await stage.pair.onMaster("UPDATE citizen SET full_name = 'Lại thay' WHERE id = 3");
  await expectEqual(stage);
});

test("an engine that is told to stop does not wait for its group, which waits for a member that was killed", async () => {
  await using stage = await loaded();
  await using other = stage.pair.home.twin();
  await stage.pair.start().kill9();
  const second = other.start(["run"]);
  await second.waitForOutput(/dongbo runs/);
  expect(await second.terminate()).toMatchObject({ signal: null });
  expect(second.describe()).not.toContain("did not stop in time");
});
