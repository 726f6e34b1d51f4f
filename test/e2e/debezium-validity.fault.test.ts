// The clock of copies that are fed through Kafka: only the source's own times move it, never the arrival of a record, and whatever ends
// the supply — connector, worker, heartbeats, master — ends the copy's use when its period is over. It comes back by itself.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EmbeddedMariaDb } from "../../deploy/embedded/mariadb-server.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { produce, readTopic } from "../support/topic-reader.ts";
import { pause } from "../support/wait-until.ts";
import { DebeziumStage, type DebeziumStageOptions } from "./debezium-stage.ts";
import { KafkaUnderFire } from "./kafka-under-fire.ts";
import type { Row, SubscriptionStatus } from "./staged-engine.ts";

const periodMs = 6_000;

let kafka: KafkaUnderFire;
beforeAll(async () => {
  kafka = await KafkaUnderFire.start();
});
afterAll(async () => kafka?.[Symbol.asyncDispose]());

const citizens = [
  "CREATE TABLE citizen (id int PRIMARY KEY, full_name varchar(200))",
  "INSERT INTO citizen VALUES (1, 'Nguyễn'), (2, 'Trần')",
];
const count = "SELECT count(*) AS n FROM population.citizen";

async function stageOf(changes: Partial<DebeziumStageOptions> & Pick<DebeziumStageOptions, "master">): Promise<DebeziumStage> {
  const schema = changes.master === "mysql" ? "national" : "public";
  const stage = await DebeziumStage.create({
    kafka,
    tables: citizens,
    shares: { population: [{ source: `${schema}.citizen`, target: "population.citizen", key: ["id"], columns: ["id", "full_name"] }] },
    copies: [{ target: "hcm", share: "population" }],
    regulation: { validity_period: "PT6S" },
    ...changes,
  });
  await stage.capture();
  stage.pair.start();
  await stage.pair.shows("hcm", count, [["2"]]);
  return stage;
}

/** Milliseconds, as a copy's record in PostgreSQL tells them. */
const syncedAt = (record: Row): number => new Date(String(record["last_sync_at"])).getTime();

async function lastSync(stage: DebeziumStage, target = "hcm"): Promise<number> {
  return syncedAt(await stage.pair.recorded(target, "population.citizen", (row) => row["last_sync_at"] !== null));
}

/** Waits until the clock shows more than a whole period beyond a moment of its own. */
async function expectFresh(stage: DebeziumStage, target = "hcm"): Promise<void> {
  const before = await lastSync(stage, target);
  await stage.pair.recorded(target, "population.citizen", (row) => syncedAt(row) > before + periodMs);
  await stage.pair.shows(target, count, [["2"]]);
}

async function expectExpired(stage: DebeziumStage): Promise<SubscriptionStatus> {
  await stage.pair.shows("hcm", count, "DB001", 30_000);
  const status = await stage.pair.status("population/hcm");
  expect(status).toMatchObject({ usable: false, reason: "expired" });
  return status;
}

describe("PostgreSQL, heartbeats alone", () => {
  let stage: DebeziumStage;
  beforeAll(async () => {
    stage = await stageOf({ master: "postgres", copies: ["hcm", "hue"].map((target) => ({ target, share: "population" })) });
  });
  afterAll(async () => stage?.[Symbol.asyncDispose]());

  const heartbeats = () => `__debezium-heartbeat.${stage.name}`;

  test("VL-07: nothing changes, and heartbeats keep the copies usable", async () => {
    await expectFresh(stage, "hcm");
    await expectFresh(stage, "hue");
  });

  interface Silence {
    readonly name: string;
    readonly begin: () => Promise<unknown>;
    readonly end: () => Promise<unknown>;
  }
  const silences: readonly Silence[] = [
    { name: "the connector is paused", begin: () => kafka.rest.pause(stage.name), end: () => kafka.rest.resume(stage.name) },
    { name: "the connector is deleted", begin: () => kafka.rest.deleteConnector(stage.name), end: () => stage.capture() },
    { name: "the Connect worker is killed", begin: () => kafka.worker.kill(), end: () => kafka.worker.restart() },
    {
      name: "the connector is made to send no heartbeats",
      begin: () => stage.capture({ "heartbeat.interval.ms": "0" }),
      end: () => stage.capture(),
    },
    { name: "the broker is killed", begin: () => kafka.broker.kill(), end: () => kafka.broker.restart() },
  ];

  test.each(silences)("VL-02, VL-03: when $name, use ends with the period, and begins again by itself", async ({ begin, end }) => {
    await begin();
    await expectExpired(stage);
    await end();
    await expectFresh(stage);
  });

  test("VL-08: what was true before is not made newer by coming now", async () => {
    const snapshotted = await stage.length("citizen");
    await stage.pair.onMaster("UPDATE citizen SET full_name = 'Lê' WHERE id = 1", "UPDATE citizen SET full_name = 'Phạm' WHERE id = 2");
    await stage.reaches("citizen", snapshotted + 2);
    await kafka.rest.pause(stage.name);
    await expectExpired(stage);
    const old = (await readTopic(stage.brokers, heartbeats())).slice(-20);
    // Rows of a snapshot would be taken for another one.
    const rows = (await readTopic(stage.brokers, stage.topic("citizen"))).slice(snapshotted);
    const again = (messages: typeof old) => messages.map(({ key, value }) => ({ key, value }));
    const before = await lastSync(stage);
    for (let times = 0; times < 10; times++) {
      await produce(stage.brokers, heartbeats(), again(old));
      await produce(stage.brokers, stage.topic("citizen"), again(rows));
      await pause(200);
    }
    expect(await stage.pair.read("hcm", count)).toBe("DB001");
    // The last heartbeat counts when another one follows it.
    expect((await lastSync(stage)) - before).toBeLessThan(1_500);
    await kafka.rest.resume(stage.name);
    await expectFresh(stage);
  });
});

test("VL-07: a dead MariaDB ends the use of its copies, and its return brings them back", async () => {
  await using stage = await stageOf({ master: "mysql" });
  await expectFresh(stage);
  const server = stage.pair.servers.mysqlMaster;
  if (!(server instanceof EmbeddedMariaDb)) throw new Error("the master cannot be killed");
  await server.kill();
  await expectExpired(stage);
  await server.restart();
  await expectFresh(stage);
});

// Heartbeats of this connector go on when its connection is stuck: a row that they change at the master is what proves it alive.
test("VL-07: a PostgreSQL that cannot be heard is not taken for alive where a row of its own is the proof", async () => {
  const proof = "public.heartbeat";
  await using stage = await stageOf({
    master: "postgres",
    tables: [...citizens, "CREATE TABLE heartbeat (id int PRIMARY KEY, at timestamptz)", "INSERT INTO heartbeat VALUES (1, now())"],
    captured: [proof],
    proof,
    connector: { "heartbeat.action.query": "UPDATE public.heartbeat SET at = now() WHERE id = 1" },
  });
  await using proxy = await TcpProxy.start({ host: "127.0.0.1", port: stage.pair.servers.cluster.source.port });
  await stage.capture({ "database.port": String(proxy.port) });
  await expectFresh(stage);
  proxy.pause();
  await expectExpired(stage);
  proxy.resume();
  await expectFresh(stage);
});
