// Both Kafka clients reading the same topic, in processes of their own, one after the other and by turns: records a second,
// processor time, largest memory. `npm run bench:kafka-clients [-- records [rounds]]`
import { execFileSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Kafka, logLevel } from "kafkajs";
import { type KafkaLibrary, openKafkaClient } from "../../connectors/debezium/kafka/open-client.ts";
import { EmbeddedKafka } from "../../deploy/embedded/kafka-broker.ts";

interface Reading {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly rssMb: number;
}

const topic = "measured";
const recordBytes = 500;
const libraries: readonly KafkaLibrary[] = ["platformatic", "kafkajs"];

async function measure(records: number, rounds: number): Promise<void> {
  const broker = await EmbeddedKafka.start({ dataDir: mkdtempSync(join(tmpdir(), "dongbo-bench-")) });
  try {
    await fill(broker.brokers, records);
    const readings = new Map<KafkaLibrary, Reading[]>(libraries.map((library) => [library, []]));
    for (let round = 0; round < rounds; round++) {
      for (const library of libraries) {
        const answer = execFileSync(process.execPath, [
          fileURLToPath(import.meta.url),
          "read",
          library,
          String(broker.port),
          String(records),
        ]);
        readings.get(library)?.push(JSON.parse(answer.toString()) as Reading);
      }
    }
    for (const [library, list] of readings) console.log(line(library, list, records));
  } finally {
    await broker.destroy();
  }
}

async function fill(brokers: string, records: number): Promise<void> {
  const kafka = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] });
  await admin.disconnect();
  const producer = kafka.producer();
  await producer.connect();
  const value = Buffer.alloc(recordBytes, "x");
  const chunk = 1000;
  for (let from = 0; from < records; from += chunk) {
    const messages = Array.from({ length: Math.min(chunk, records - from) }, (_, at) => ({ key: `k${from + at}`, value }));
    await producer.send({ topic, messages });
  }
  await producer.disconnect();
}

/** Reads everything in this process. */
async function read(library: KafkaLibrary, port: number, records: number): Promise<Reading> {
  const tls = { mode: "disable", rootCertificate: null, certificate: null, key: null } as const;
  const client = await openKafkaClient({ brokers: [{ host: "127.0.0.1", port }], tls, sasl: null }, library);
  const member = await client.join({ groupId: `bench-${process.pid}`, topics: [topic], slices: 1, sessionTimeoutMs: 30_000 });
  const started = performance.now();
  const cpu = process.cpuUsage();
  let seen = 0;
  for await (const batches of member.read([{ topic, partition: 0, offset: 0n }], new AbortController().signal)) {
    for (const batch of batches) seen += batch.records.length;
    if (seen >= records) break;
  }
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (performance.now() - started) / 1000;
  await member.leave();
  await client.close();
  return { seconds, cpuSeconds: (user + system) / 1e6, rssMb: process.resourceUsage().maxRSS / 1024 };
}

function line(library: string, readings: readonly Reading[], records: number): string {
  const median = (of: (reading: Reading) => number): number => readings.map(of).toSorted((a, b) => a - b)[readings.length >> 1] ?? 0;
  const rate = Math.round(records / median(({ seconds }) => seconds));
  const [cpu, rss] = [median(({ cpuSeconds }) => cpuSeconds).toFixed(1), Math.round(median(({ rssMb }) => rssMb))];
  return `${library}: ${rate} records/s, ${cpu} s of processor time, ${rss} MB at most (medians of ${readings.length})`;
}

const [mode, ...rest] = process.argv.slice(2);
if (mode === "read") {
  const [library, port, records] = rest;
  console.log(JSON.stringify(await read(library as KafkaLibrary, Number(port), Number(records))));
} else {
  await measure(Number(mode ?? 1_000_000), Number(rest[0] ?? 5));
}
