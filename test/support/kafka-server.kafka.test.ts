import { expect, test } from "vitest";
import { runSql, startServer } from "./cluster.ts";
import { mariadbConnector, postgresConnector } from "./debezium-connectors.ts";
import { sharedConnect, startConnect, startKafka } from "./kafka-server.ts";
import { startMariaDb } from "./mysql-server.ts";
import { runMysql } from "./mysql-session.ts";
import { createTopics, produce, readTopic, topicLength } from "./topic-reader.ts";
import { waitUntil } from "./wait-until.ts";

interface Envelope {
  readonly op: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** What a topic says, in its order: `op`, then the rows; `tombstone` for messages without a value. */
async function changes(brokers: string, topic: string): Promise<unknown[]> {
  const messages = await readTopic(brokers, topic);
  return messages.map(({ value }) => {
    if (value === null) return "tombstone";
    const message = JSON.parse(value.toString()) as Envelope | { readonly payload: Envelope };
    const { op, before, after } = "payload" in message ? message.payload : message;
    return [op, before, after];
  });
}

function messagesIn(brokers: string, topic: string, count: number) {
  return waitUntil(async () => (await topicLength(brokers, topic)) >= count, { describe: `${count} messages in ${topic}` });
}

const insert = "INSERT INTO citizen VALUES (2, 'Trần')";
const update = "UPDATE citizen SET name = 'Lê' WHERE id = 2";
const remove = "DELETE FROM citizen WHERE id = 1";
const structure = "CREATE TABLE citizen (id int PRIMARY KEY, name varchar(40))";

const snapshot = ["r", null, { id: 1, name: "Nguyễn" }];

test.each(["4", "3.9"] as const)("a broker of version %s keeps what it acknowledged through a kill and a stop", async (version) => {
  await using broker = await startKafka({ version });
  await createTopics(broker.brokers, { topic: "t", partitions: 2, settings: { "cleanup.policy": "compact" } });
  await produce(broker.brokers, "t", [{ key: "a", value: "1", partition: 1, headers: { h: "x" } }]);
  await broker.kill();
  await broker.restart();
  await produce(broker.brokers, "t", [{ key: "a", value: null, partition: 1 }]);
  await broker.stop();
  await broker.restart();
  expect(await readTopic(broker.brokers, "t")).toMatchObject([
    { partition: 1, offset: 0n, key: Buffer.from("a"), value: Buffer.from("1"), headers: { h: Buffer.from("x") } },
    { partition: 1, offset: 1n, value: null, headers: {} },
  ]);
});

test("Debezium reads PostgreSQL: snapshot, changes, transactions and heartbeats", async () => {
  await using master = await startServer(18, { wal_level: "logical" });
  const { brokers, rest } = await sharedConnect();
  const url = master.url();
  await runSql(url, structure, "INSERT INTO citizen VALUES (1, 'Nguyễn')");
  const connector = postgresConnector({ name: "smoke_pg", url, tables: ["public.citizen"] });
  await rest.createConnector(connector.name, connector.config);
  const topic = connector.topics.of("public.citizen");
  await messagesIn(brokers, topic, 1);
  await runSql(url, insert, update, remove);
  await messagesIn(brokers, topic, 5);
  expect(await changes(brokers, topic)).toEqual([
    snapshot,
    ["c", null, { id: 2, name: "Trần" }],
    // Of old rows PostgreSQL logs the key alone, and only where it changed or the row is gone.
    ["u", null, { id: 2, name: "Lê" }],
    ["d", { id: 1, name: null }, null],
    "tombstone",
  ]);
  await messagesIn(brokers, connector.topics.transactions, 6);
  await messagesIn(brokers, connector.topics.heartbeats, 1);
  await rest.pause(connector.name);
  await rest.resume(connector.name);
  await rest.deleteConnector(connector.name);
  expect(await rest.status(connector.name)).toBeNull();
});

test("Debezium reads MariaDB, through kills of the worker and of the broker", async () => {
  await using master = await startMariaDb();
  await using broker = await startKafka();
  await using worker = await startConnect(broker.brokers);
  const { brokers } = broker;
  const url = master.url("national");
  await master.query("CREATE DATABASE national");
  await runMysql(url, structure, "INSERT INTO citizen VALUES (1, 'Nguyễn')");
  const connector = mariadbConnector({ name: "smoke_my", url, tables: ["national.citizen"], brokers, format: "json-schemas" });
  await worker.rest.createConnector(connector.name, connector.config);
  const topic = connector.topics.of("national.citizen");
  await messagesIn(brokers, topic, 1);
  await runMysql(url, insert);
  await messagesIn(brokers, topic, 2);
  await worker.stop();
  await runMysql(url, update);
  await worker.restart();
  await messagesIn(brokers, topic, 3);
  await Promise.all([broker.kill(), worker.kill()]);
  await broker.restart();
  await worker.restart();
  await runMysql(url, remove);
  await waitUntil(async () => (await changes(brokers, topic)).at(-1) === "tombstone", { describe: "the deletion", deadlineMs: 60_000 });
  // What was sent and not yet noted may come twice.
  const distinct = new Set((await changes(brokers, topic)).map((change) => JSON.stringify(change)));
  expect([...distinct].map((text) => JSON.parse(text) as unknown)).toEqual([
    snapshot,
    ["c", null, { id: 2, name: "Trần" }],
    ["u", { id: 2, name: "Trần" }, { id: 2, name: "Lê" }],
    ["d", { id: 1, name: "Nguyễn" }, null],
    "tombstone",
  ]);
  await messagesIn(brokers, connector.topics.schemaChanges, 1);
});
