// Where the rows of copies come from when changes come through Kafka: the connector's own snapshots, whole or incremental, or the
// master itself over a connection that only reads; always while the master goes on changing, and always equal in the end.
import { beforeAll, expect, test } from "vitest";
import { roles } from "../support/cluster.ts";
import { sharedConnect } from "../support/kafka-server.ts";
import { numbersTo } from "../support/mysql-server.ts";
import type { TableShare } from "../support/population-config.ts";
import { createTopics, produce } from "../support/topic-reader.ts";
import type { MasterKind } from "../support/two-families.ts";
import { pause, waitUntil } from "../support/wait-until.ts";
import { Background } from "./background.ts";
import { DebeziumStage, type DebeziumStageOptions, type KafkaPlace } from "./debezium-stage.ts";
import { HiddenCommits } from "./hidden-commits.ts";
import type { ComparedColumns } from "./pair-stage.ts";

let kafka: KafkaPlace;
beforeAll(async () => {
  kafka = await sharedConnect();
});

const columns = ["id", "full_name", "province_code"];
const forms = { id: "integer", full_name: "text", province_code: "text" } as const;
const whole: ComparedColumns = { key: ["id"], forms };
const within = (...provinces: string[]): ComparedColumns => ({ ...whole, where: `province_code IN ('${provinces.join("', '")}')` });

const schemas = { postgres: "public", mysql: "national" } as const;
const shareOf = (master: MasterKind, name: string, where?: object): TableShare => ({
  source: `${schemas[master]}.${name}`,
  target: `population.${name}`,
  key: ["id"],
  columns,
  ...(where === undefined ? {} : { where }),
});
const inside = { province_code: { in: "$provinces" } };

const ddl = (name: string) => `CREATE TABLE ${name} (id int PRIMARY KEY, full_name varchar(200), province_code varchar(4))`;

/** People 1 to `count` in three provinces. */
function people(master: MasterKind, name: string, count: number): string {
  const numbers = master === "mysql" ? numbersTo(count) : `generate_series(1, ${count}) AS numbers (seq)`;
  const province = "CASE seq % 3 WHEN 0 THEN '79' WHEN 1 THEN '46' ELSE '01' END";
  return `INSERT INTO ${name} SELECT seq, CONCAT('Nguyễn ', seq), ${province} FROM ${numbers}`;
}

/** By which people tell a connector what to do, in the master itself. */
const signalTable = "CREATE TABLE debezium_signal (id varchar(42) PRIMARY KEY, type varchar(32), data varchar(2048))";
const bySignalTable = { "signal.data.collection": "public.debezium_signal" };
const incremental = (table: string) => ({ "data-collections": [table], type: "INCREMENTAL" });
const executeSnapshot = (table: string) =>
  `INSERT INTO debezium_signal VALUES ('one', 'execute-snapshot', '${JSON.stringify(incremental(table))}')`;

/** Neither the connector's own commits wait for a standby, nor the owner's. */
const local = (role: string) => `ALTER ROLE ${role} SET synchronous_commit = local`;
const commitsLocally = ["CREATE ROLE connector SUPERUSER LOGIN", local("connector"), local(roles.owner)];
/** A commit is in the log before it is visible. */
const notShown = [
  "UPDATE citizen SET full_name = 'Mới' WHERE id BETWEEN 500 AND 509",
  "DELETE FROM citizen WHERE id BETWEEN 510 AND 519",
  "UPDATE citizen SET id = id + 1000 WHERE id BETWEEN 520 AND 529",
];

const kinds = ["postgres", "mysql"] as const;

/** Two copies, one on each family: the whole, and what lies in the provinces asked for. */
function stageOf(master: MasterKind, changes: Partial<DebeziumStageOptions> = {}): Promise<DebeziumStage> {
  return DebeziumStage.create({
    kafka,
    master,
    tables: [ddl("citizen"), people(master, "citizen", 600)],
    shares: { everything: [shareOf(master, "citizen")], population: [shareOf(master, "citizen", inside)] },
    copies: [whole1, part(["46"])],
    ...changes,
  });
}

const whole1 = { target: "hcm", share: "everything" } as const;
const part = (provinces: string[]) => ({ target: "hue", share: "population", connector: "mysql", parameters: { provinces } }) as const;

/** The master goes on changing: rows change, move between the provinces, go and come. */
function stir({ pair }: DebeziumStage): Background {
  return new Background(async (signal) => {
    for (let round = 0; !signal.aborted; round++) {
      const id = 1 + ((round * 37) % 600);
      await pair.onMaster(
        `UPDATE citizen SET full_name = 'Đổi ${round}' WHERE id % 50 = ${round % 50}`,
        `UPDATE citizen SET province_code = '${["79", "46", "01"][round % 3]}' WHERE id % 60 = ${round % 60}`,
        `DELETE FROM citizen WHERE id = ${id}`,
        `INSERT INTO citizen VALUES (${10_000 + round}, 'Mới ${round}', '46')`,
      );
      // As fast as it goes would be faster than a connector that shares the machine.
      await pause(50);
    }
  });
}

async function expectEqual({ pair }: DebeziumStage, target: string, shape: ComparedColumns, table = "citizen"): Promise<void> {
  let differences: string[] = [];
  await waitUntil(
    async () => {
      differences = await pair.differences(target, table, `population.${table}`, shape).catch((error: unknown) => [String(error)]);
      return differences.length === 0;
    },
    {
      describe: `${target} to equal the master`,
      deadlineMs: 60_000,
      everyMs: 200,
      detail: () => `${differences.join("\n").slice(0, 4_000)}\n${pair.start().describe()}`,
    },
  );
}

test.each(kinds)("copies load from the snapshot that a connector makes of %s, one that joins later too", async (master) => {
  await using stage = await stageOf(master);
  stage.configure({ copies: [whole1] });
  stage.pair.start();
  await using stirring = stir(stage);
  // The engine was first: there are no topics yet.
  await stage.capture();
  await stage.pair.recorded("hcm", "population.citizen", (row) => row["copy_state"] === "VALID");
  await stage.pair.stop();
  stage.configure({ copies: [whole1, part(["46", "01"])] });
  stage.pair.start();
  await stage.pair.recorded("hue", "population.citizen", (row) => row["copy_state"] === "VALID");
  await stirring.stop();
  await expectEqual(stage, "hcm", whole);
  await expectEqual(stage, "hue", within("46", "01"));
});

test("a table that has no rows yet has no topic: its copy waits and begins with the first row", async () => {
  const tables = [shareOf("postgres", "citizen"), shareOf("postgres", "household")];
  await using stage = await stageOf("postgres", {
    tables: [ddl("citizen"), people("postgres", "citizen", 10), ddl("household")],
    shares: { everything: tables },
    copies: [whole1],
  });
  await stage.capture();
  stage.pair.start();
  await expectEqual(stage, "hcm", whole);
  expect(await stage.pair.read("hcm", "SELECT count(*) AS n FROM population.household")).toEqual(expect.any(String));
  await stage.pair.onMaster("INSERT INTO household VALUES (1, 'Trần', '46')");
  await expectEqual(stage, "hcm", whole, "household");
});

test.each(kinds)("an incremental snapshot of %s between the changes puts no row back", async (master) => {
  const signals = `signals-${master}`;
  await createTopics(kafka.brokers, { topic: signals });
  const byTopic = {
    "signal.enabled.channels": "source,kafka",
    "signal.kafka.topic": signals,
    "signal.kafka.bootstrap.servers": kafka.brokers,
    "signal.poll.interval.ms": "500",
    "read.only": "true",
  };
  await using stage = await stageOf(master, {
    tables: [ddl("citizen"), people(master, "citizen", 600), ...(master === "postgres" ? [signalTable] : [])],
    captured: master === "postgres" ? ["public.debezium_signal"] : [],
    connector: { "incremental.snapshot.chunk.size": "50", ...(master === "postgres" ? bySignalTable : byTopic) },
  });
  await stage.capture();
  stage.pair.start();
  await expectEqual(stage, "hcm", whole);
  await using stirring = stir(stage);
  // A connector hears signals from when it streams; one that came before would be lost.
  await waitUntil(async () => (await stage.recordsOf("citizen", "u")) > 0, {
    describe: "the connector to stream",
    deadlineMs: 60_000,
    everyMs: 500,
  });
  const before = await stage.recordsOf("citizen", "r");
  if (master === "mysql") {
    const value = JSON.stringify({ type: "execute-snapshot", data: incremental("national.citizen") });
    await produce(kafka.brokers, signals, [{ key: stage.name, value }]);
  } else {
    await stage.pair.onMaster(executeSnapshot("public.citizen"));
  }
  await waitUntil(async () => (await stage.recordsOf("citizen", "r")) >= before + 300, {
    describe: "the incremental snapshot",
    deadlineMs: 100_000,
    everyMs: 500,
  });
  await stirring.stop();
  await expectEqual(stage, "hcm", whole);
  await expectEqual(stage, "hue", within("46"));
});

test("an incremental snapshot does not set back what the master does not show yet", async () => {
  await using stage = await stageOf("postgres", {
    before: commitsLocally,
    tables: [ddl("citizen"), people("postgres", "citizen", 600), signalTable],
    captured: ["public.debezium_signal"],
    connector: { "database.user": "connector", "incremental.snapshot.chunk.size": "50", ...bySignalTable },
  });
  await stage.capture();
  stage.pair.start();
  await expectEqual(stage, "hcm", whole);
  await using hidden = new HiddenCommits(stage.pair.servers.cluster);
  await hidden.begin();
  await hidden.commit(...notShown);
  await waitUntil(async () => (await stage.recordsOf("citizen", "c")) >= 10, { describe: "the changes", deadlineMs: 60_000 });
  const before = await stage.recordsOf("citizen", "r");
  await stage.pair.onMaster(executeSnapshot("public.citizen"));
  await waitUntil(async () => (await stage.recordsOf("citizen", "r")) >= before + 600, { describe: "the snapshot", deadlineMs: 60_000 });
  await hidden.release();
  await expectEqual(stage, "hcm", whole);
  await expectEqual(stage, "hue", within("46"));
});

test("a connector made anew takes a new snapshot, from which re-synchronised copies are equal again", async () => {
  await using stage = await stageOf("postgres");
  await stage.capture();
  stage.pair.start();
  await expectEqual(stage, "hcm", whole);
  await stage.rest.deleteConnector(stage.name);
  const free = `SELECT 1 FROM pg_replication_slots WHERE slot_name = '${stage.name}' AND NOT active`;
  await waitUntil(async () => (await stage.pair.onMasterAsSuperuser(free)).length === 1, { describe: "the connector's slot to be free" });
  // Nobody reads these changes.
  await stage.pair.onMasterAsSuperuser(
    `SELECT pg_drop_replication_slot('${stage.name}')`,
    "DELETE FROM citizen WHERE id % 5 = 0",
    "UPDATE citizen SET full_name = 'Không ai đọc' WHERE id % 7 = 0",
  );
  await stage.captureAnew();
  await stage.pair.onMaster("INSERT INTO citizen VALUES (20001, 'Sau đó', '46')");
  // What comes of it before somebody acts depends on how far the copies are: they begin again, or stop with DB-MAP-014.
  await waitUntil(async () => (await stage.recordsOf("citizen", "c")) > 0, { describe: "the new connector to stream", deadlineMs: 60_000 });
  for (const id of ["everything/hcm", "population/hue"]) await stage.pair.command("resync", id);
  await expectEqual(stage, "hcm", whole);
  await expectEqual(stage, "hue", within("46"));
});

test.each(kinds)("rows come from %s itself while its changes come through Kafka", async (master) => {
  await using stage = await stageOf(master, { source: { master: "${env:POPULATION_URL}" }, connector: { "snapshot.mode": "no_data" } });
  await using stirring = stir(stage);
  await stage.capture();
  stage.pair.start();
  await stage.pair.recorded("hue", "population.citizen", (row) => row["copy_state"] === "VALID");
  // The parameter grows: the difference is loaded.
  await stage.pair.stop();
  stage.configure({ copies: [whole1, part(["46", "79"])] });
  stage.pair.start();
  await stage.pair.recorded("hue", "population.citizen", (row) => row["copy_state"] === "VALID");
  await stage.pair.command("resync", "everything/hcm");
  // Another table is shared.
  await stage.pair.onMaster(ddl("household"), people(master, "household", 100));
  await stage.capture({}, [...stage.tables, `${schemas[master]}.household`]);
  await stage.pair.stop();
  stage.configure({
    copies: [whole1, part(["46", "79"])],
    shares: {
      everything: [shareOf(master, "citizen"), shareOf(master, "household")],
      population: [shareOf(master, "citizen", inside)],
    },
  });
  stage.pair.start();
  // Its topic tells what a table is, from its first record on.
  await stage.pair.onMaster("UPDATE household SET full_name = 'Đổi' WHERE id < 20");
  await stage.pair.recorded("hcm", "population.household", (row) => row["copy_state"] === "VALID");
  await stirring.stop();
  await expectEqual(stage, "hcm", whole);
  await expectEqual(stage, "hue", within("46", "79"));
  await expectEqual(stage, "hcm", whole, "household");
});
