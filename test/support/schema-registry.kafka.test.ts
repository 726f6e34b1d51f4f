import avro from "avsc";
import { expect, test } from "vitest";
import { runSql, startServer } from "./cluster.ts";
import { postgresConnector } from "./debezium-connectors.ts";
import { sharedKafka, startConnect } from "./kafka-server.ts";
import { TestSchemaRegistry } from "./schema-registry.ts";
import { readTopic, topicLength } from "./topic-reader.ts";
import { waitUntil } from "./wait-until.ts";

test("Debezium writes Avro in Confluent's wire format, with the ids of the registry", async () => {
  await using registry = await TestSchemaRegistry.start();
  await using master = await startServer(18, { wal_level: "logical" });
  const brokers = await sharedKafka();
  await using worker = await startConnect(brokers, { plugins: ["debezium", "avro"] });
  const url = master.url();
  await runSql(url, "CREATE TABLE citizen (id int PRIMARY KEY, name varchar(40))", "INSERT INTO citizen VALUES (1, 'Nguyễn')");
  const connector = postgresConnector({ name: "smoke_avro", url, tables: ["public.citizen"], format: { avro: registry.converterUrl } });
  await worker.rest.createConnector(connector.name, connector.config);
  const topic = connector.topics.of("public.citizen");
  await waitUntil(async () => (await topicLength(brokers, topic)) > 0, { describe: "a row" });
  await runSql(url, "DELETE FROM citizen");
  await waitUntil(async () => (await topicLength(brokers, topic)) === 3, { describe: "a deletion and its tombstone" });
  const messages = await readTopic(brokers, topic);
  expect(await Promise.all(messages.map(({ key }) => decode(registry, key)))).toEqual([{ id: 1 }, { id: 1 }, { id: 1 }]);
  expect(await Promise.all(messages.map(({ value }) => decode(registry, value)))).toMatchObject([
    { op: "r", after: { id: 1, name: "Nguyễn" }, source: { connector: "postgresql", table: "citizen" } },
    { op: "d", before: { id: 1, name: null }, after: null },
    null,
  ]);
  expect((await fetch(`${registry.url}/schemas/ids/99`)).status).toBe(404);
});

async function decode(registry: TestSchemaRegistry, message: Buffer | null): Promise<unknown> {
  if (message === null) return null;
  expect(message[0]).toBe(0);
  const response = await fetch(`${registry.url}/schemas/ids/${message.readUInt32BE(1)}`);
  const { schema } = (await response.json()) as { schema: string };
  const type = avro.Type.forSchema(JSON.parse(schema) as avro.Schema, { registry: { long } });
  return { ...(type.fromBuffer(message.subarray(5)) as object) };
}

/** The nanoseconds of a source block are no exact JavaScript numbers. */
const long = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === "bigint",
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
});
