// What every Kafka client behind the port promises, as tests against a real broker.
import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type {
  GroupMember,
  GroupOptions,
  KafkaAddress,
  KafkaClient,
  KafkaProducer,
  KafkaRecord,
  NewTopic,
  RecordReading,
} from "../../connectors/debezium/kafka/kafka-client.ts";
import { type KafkaLibrary, type KafkaTiming, openKafkaClient, openKafkaProducer } from "../../connectors/debezium/kafka/open-client.ts";
import type { KafkaVersion } from "../../deploy/embedded/kafka-artifacts.ts";
import type { ErrorCode } from "../../engine/model/error-codes.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import { KafkaLab } from "../support/kafka-lab.ts";
import { produce } from "../support/topic-reader.ts";
import { pause, waitUntil } from "../support/wait-until.ts";

/** What differs between clients. */
export interface KafkaClientTraits {
  /** Reads topics that are written in transactions; else refuses them (DB-KAF-014). */
  readonly readsTransactions: boolean;
  /** Tells a topic that was made anew by its id. */
  readonly knowsTopicIds: boolean;
  /** Slices without partitions have an owner also where several members share them. */
  readonly sharesEmptySlices: boolean;
  readonly compressions: readonly string[];
}

/** What Kafka's own tests say of its hash (org.apache.kafka.common.utils.UtilsTest, testMurmur2). */
const javaHashes = new Map([
  ["21", -973932308],
  ["foobar", -790332482],
  ["a-little-bit-long-string", -985981536],
  ["a-little-bit-longer-string", -1486304829],
  ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
]);

export function registerKafkaClientTests(library: KafkaLibrary, version: KafkaVersion, traits: KafkaClientTraits): void {
  describe(`${library} on Kafka ${version}`, () => {
    let lab: KafkaLab;
    let client: KafkaClient;
    const cleanups: (() => Promise<void>)[] = [];

    beforeAll(async () => {
      lab = await KafkaLab.start(version);
      client = await openKafkaClient(lab.plain, library);
    });
    afterEach(async () => {
      for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
    });
    afterAll(async () => {
      await client?.close();
      await lab?.[Symbol.asyncDispose]();
    });

    async function open(address: KafkaAddress, timing?: KafkaTiming): Promise<KafkaClient> {
      const other = await openKafkaClient(address, library, timing);
      cleanups.push(() => other.close());
      return other;
    }

    async function topicOf({ partitions = 1, settings = {} }: Partial<Omit<NewTopic, "topic">> = {}): Promise<string> {
      const topic = `t-${randomUUID()}`;
      await client.createTopics([{ topic, partitions, settings }]);
      return topic;
    }

    async function fill(topic: string, from: number, to: number, partition = 0, size = 0): Promise<void> {
      const messages = Array.from({ length: to - from }, (_, at) => {
        return { partition, key: `k${from + at}`, value: `v${from + at}`.padEnd(size, ".") };
      });
      // In requests that a topic takes.
      const many = Math.max(1, Math.floor(500_000 / Math.max(size, 100)));
      for (let at = 0; at < messages.length; at += many) await produce(lab.broker.brokers, topic, messages.slice(at, at + many));
    }

    async function join(topics: readonly string[], options: Partial<GroupOptions> = {}, by = client): Promise<GroupMember> {
      const member = await by.join({ groupId: `g-${randomUUID()}`, topics, slices: 1, sessionTimeoutMs: 3000, ...options });
      cleanups.push(() => member.leave());
      return member;
    }

    function readFrom(member: GroupMember, topic: string, offset: bigint | number, partition = 0): RecordReading {
      const reading = member.read([{ topic, partition, offset: BigInt(offset) }], new AbortController().signal);
      cleanups.push(() => reading.close());
      return reading;
    }

    async function producer(id: string): Promise<KafkaProducer> {
      const made = await openKafkaProducer(lab.plain, id);
      cleanups.push(() => made.close());
      await made.start();
      return made;
    }

    describe("topics and offsets", () => {
      test("tells the topics that exist, with partitions and settings", async () => {
        const topic = await topicOf({ partitions: 3, settings: { "cleanup.policy": "compact", "delete.retention.ms": "1234" } });
        const [facts, ...others] = await client.topics(["no-such-topic", topic]);
        expect(others).toEqual([]);
        expect(facts).toMatchObject({ topic, partitions: [0, 1, 2], cleanupPolicy: "compact", tombstoneRetentionMs: 1234 });
        expect(facts!.id !== null).toBe(traits.knowsTopicIds);
        expect(await client.clusterId()).toMatch(/^\S{10,}$/);
      });

      test("makes missing topics and leaves those that exist as they are", async () => {
        const topic = `t-${randomUUID()}`;
        await client.createTopics([{ topic, partitions: 2, settings: { "cleanup.policy": "compact" } }]);
        await client.createTopics([{ topic, partitions: 5, settings: { "cleanup.policy": "delete" } }]);
        const [facts] = await client.topics([topic]);
        expect(facts).toMatchObject({ partitions: [0, 1], cleanupPolicy: "compact" });
      });

      test("tells first and end of each partition, after deletions too", async () => {
        const topic = await topicOf({ partitions: 2 });
        await fill(topic, 0, 10, 0);
        await lab.deleteBefore(topic, 4n);
        const partitions = [1, 0].map((partition) => ({ topic, partition }));
        expect(await client.offsets("first", partitions)).toEqual([
          { topic, partition: 1, offset: 0n },
          { topic, partition: 0, offset: 4n },
        ]);
        expect(await client.offsets("end", partitions)).toEqual([
          { topic, partition: 1, offset: 0n },
          { topic, partition: 0, offset: 10n },
        ]);
      });

      test("a topic that does not exist is said to be missing, and found later", async () => {
        const topic = `t-${randomUUID()}`;
        await expectCode("DB-KAF-004", client.offsets("end", [{ topic, partition: 0 }]));
        await expectCode("DB-KAF-004", client.join({ groupId: topic, topics: [topic], slices: 1, sessionTimeoutMs: 3000 }));
        await client.createTopics([{ topic, partitions: 1, settings: {} }]);
        await fill(topic, 0, 1);
        const member = await join([topic]);
        expect(await take(readFrom(member, topic, 0), 1)).toHaveLength(1);
      });

      test("gives the last records with a value of each partition, behind tombstones", async () => {
        const topic = await topicOf({ partitions: 2 });
        await fill(topic, 0, 700, 0);
        await fill(topic, 0, 1, 1);
        const tombstones = Array.from({ length: 350 }, (_, at) => ({ partition: 1, key: `gone${at}`, value: null }));
        await produce(lab.broker.brokers, topic, tombstones);
        const last = await client.lastRecords(topic, 2);
        const seen = last.toSorted((a, b) => a.partition - b.partition).map(({ partition, value }) => [partition, String(value)]);
        expect(seen).toEqual([
          [0, "v698"],
          [0, "v699"],
          [1, "v0"],
        ]);
        expect(await client.lastRecords(await topicOf(), 2)).toEqual([]);
      });
    });

    describe("reading", () => {
      test("gives keys, values, headers, times and offsets exactly, from the offset asked for", async () => {
        const topic = await topicOf();
        await produce(lab.broker.brokers, topic, [
          { key: "skipped", value: "skipped" },
          { key: Buffer.from([0, 255]), value: null, timestamp: "1700000000123", headers: { a: "1", b: ["2", "3"] } },
          { key: null, value: Buffer.alloc(0) },
        ]);
        const member = await join([topic]);
        const [tombstone, empty] = await take(readFrom(member, topic, 1), 2);
        expect(tombstone).toMatchObject({ topic, partition: 0, offset: 1n, value: null, timestamp: 1_700_000_000_123_000 });
        expect(tombstone!.key).toEqual(Buffer.from([0, 255]));
        expect([...tombstone!.headers].map(([name, value]) => [name, String(value)])).toEqual([
          ["a", "1"],
          ["b", "3"],
        ]);
        expect(empty).toMatchObject({ offset: 2n, key: null, value: Buffer.alloc(0) });
        expect(empty!.headers.size).toBe(0);
      });

      test("reads each partition in order to its end and goes on with what comes", async () => {
        const topic = await topicOf({ partitions: 3 });
        for (const partition of [0, 1, 2]) await fill(topic, 0, 500, partition);
        const member = await join([topic]);
        const from = [0, 1, 2].map((partition) => ({ topic, partition, offset: BigInt(partition * 100) }));
        const reading = member.read(from, new AbortController().signal);
        const first = await take(reading, 1200, { keepOpen: true });
        for (const { partition, offset } of from) {
          const offsets = first.filter((record) => record.partition === partition).map((record) => record.offset);
          expect(offsets).toEqual(range(offset, 500n));
        }
        const more = take(reading, 1);
        await fill(topic, 500, 501, 1);
        expect(await more).toMatchObject([{ partition: 1, offset: 500n }]);
      });

      test("reads the same place again after closing, and ends when its signal says so", async () => {
        const topic = await topicOf();
        await fill(topic, 0, 300);
        const member = await join([topic]);
        for (const from of [0, 299, 100]) {
          const [record] = await take(readFrom(member, topic, from), 1);
          expect(record).toMatchObject({ offset: BigInt(from) });
        }
        const stop = new AbortController();
        const ended = take(member.read([{ topic, partition: 0, offset: 300n }], stop.signal), 1);
        stop.abort();
        expect(await ended).toEqual([]);
      });

      test("reads alone, beside the members of a group, what they do not own as well", async () => {
        const topic = await topicOf({ partitions: 2 });
        for (const partition of [0, 1]) await fill(topic, 0, 300, partition);
        const member = await join([topic]);
        const stop = new AbortController();
        const alone = await client.readAlone(
          [0, 1].map((partition) => ({ topic, partition, offset: 100n })),
          stop.signal,
        );
        expect((await take(alone, 400)).map(({ offset }) => offset).toSorted(byNumber)).toEqual(
          [0, 1].flatMap(() => range(100n, 300n)).toSorted(byNumber),
        );
        expect(member.slices).toEqual([0]);
        await alone.close();
        const ended = take(await client.readAlone([{ topic, partition: 0, offset: 300n }], stop.signal), 1);
        stop.abort();
        expect(await ended).toEqual([]);
      });

      test("reads forty topics at once", async () => {
        const topics = Array.from({ length: 40 }, () => `t-${randomUUID()}`);
        await client.createTopics(topics.map((topic) => ({ topic, partitions: 1, settings: {} })));
        for (const topic of topics) await fill(topic, 0, 3);
        const member = await join(topics);
        const from = topics.map((topic) => ({ topic, partition: 0, offset: 1n }));
        const records = await take(member.read(from, new AbortController().signal), 80);
        expect(new Set(records.map(({ topic, offset }) => `${topic} ${offset}`)).size).toBe(80);
      });

      test("passes over the gaps of compaction", async () => {
        const settings = { "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.001", "segment.ms": "100" };
        const topic = await topicOf({ settings });
        for (let round = 0; round < 5; round++) await produce(lab.broker.brokers, topic, [{ key: "same", value: `${round}` }]);
        await produce(lab.broker.brokers, topic, [{ key: "other", value: "x" }]);
        const member = await join([topic]);
        const compacted = async (): Promise<bigint[] | null> => {
          await pause(300);
          await produce(lab.broker.brokers, topic, [{ key: "end", value: "end" }]);
          const [end] = await client.offsets("end", [{ topic, partition: 0 }]);
          const seen = (await takeTo(readFrom(member, topic, 0), end!.offset)).map(({ offset }) => offset);
          return seen[0] === 4n ? seen : null;
        };
        const offsets = await waitUntil(compacted, { describe: "compaction", deadlineMs: 60_000 });
        expect(offsets[1]).toBe(5n);
      });

      test("reads a record of 50 MB", async () => {
        const topic = await topicOf({ settings: { "max.message.bytes": "60000000" } });
        const value = Buffer.alloc(50_000_000, "x");
        await produce(lab.broker.brokers, topic, [{ key: "big", value }]);
        await fill(topic, 0, 1);
        const member = await join([topic]);
        const [big, small] = await take(readFrom(member, topic, 0), 2);
        expect(big!.value!.equals(value)).toBe(true);
        expect(String(small!.value)).toBe("v0");
      });

      for (const compression of ["gzip", "snappy", "lz4", "zstd"]) {
        const reads = traits.compressions.includes(compression);
        test(`${reads ? "reads" : "refuses"} a topic compressed with ${compression}`, async () => {
          const topic = await topicOf({ settings: { "compression.type": compression } });
          await fill(topic, 0, 200, 0, 500);
          const member = await join([topic], {}, await open(lab.plain, { stalledAfterMs: 5000 }));
          const reading = readFrom(member, topic, 0);
          if (reads) expect((await take(reading, 200)).map(({ offset }) => offset)).toEqual(range(0n, 200n));
          else await expectCode("DB-KAF-013", take(reading, 1));
        });
      }

      test("an offset outside the log is refused on both sides, never moved", async () => {
        const topic = await topicOf();
        await fill(topic, 0, 10);
        await lab.deleteBefore(topic, 5n);
        const member = await join([topic]);
        await expectCode("DB-KAF-007", take(readFrom(member, topic, 4), 1));
        await expectCode("DB-KAF-007", take(readFrom(member, topic, 11), 1));
        expect((await take(readFrom(member, topic, 5), 1))[0]).toMatchObject({ offset: 5n });
      });

      test("records that are deleted before a slow reader has asked for them end its reading", async () => {
        const topic = await topicOf();
        await fill(topic, 0, 400, 0, 100_000);
        const member = await join([topic]);
        const reading = readFrom(member, topic, 0);
        const iterator = reading[Symbol.asyncIterator]();
        await iterator.next();
        // The client has fetched what it may hold, and waits to be asked.
        await pause(1500);
        await lab.deleteBefore(topic, 399n);
        await fill(topic, 400, 401);
        await expectCode("DB-KAF-007", take({ ...reading, [Symbol.asyncIterator]: () => iterator }, 400));
      });

      test("a reader that asks for nothing for longer than a session stays a member, and holds little", async () => {
        const topic = await topicOf();
        await fill(topic, 0, 600, 0, 100_000);
        const member = await join([topic], { sessionTimeoutMs: 1500 });
        const changes: unknown[] = [];
        member.onChange((slices) => changes.push(slices));
        const iterator = readFrom(member, topic, 0)[Symbol.asyncIterator]();
        const seen = [...(await nextRecords(iterator))];
        const before = process.memoryUsage().arrayBuffers;
        await pause(5000);
        expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(40_000_000);
        expect(changes).toEqual([]);
        while (seen.length < 600) seen.push(...(await nextRecords(iterator)));
        expect(seen.map(({ offset }) => offset)).toEqual(range(0n, 600n));
      });

      test("a partition that was added can be read beside the others", async () => {
        const topic = await topicOf();
        await fill(topic, 0, 2);
        const member = await join([topic]);
        await take(readFrom(member, topic, 0), 2);
        await lab.administer((admin) => admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] }));
        const there = async () => (await client.topics([topic]))[0]!.partitions.length === 2;
        await waitUntil(there, { describe: "the new partition" });
        await fill(topic, 0, 5, 1);
        const from = [0, 1].map((partition) => ({ topic, partition, offset: 1n }));
        expect(await take(member.read(from, new AbortController().signal), 5)).toHaveLength(5);
      });

      test("a topic that came to be after the group met can be read beside the others", async () => {
        const topic = await topicOf();
        await fill(topic, 0, 2);
        const member = await join([topic]);
        await take(readFrom(member, topic, 0), 2);
        const later = await topicOf({ partitions: 2 });
        await fill(later, 0, 4, 1);
        const from = [
          { topic, partition: 0, offset: 1n },
          { topic: later, partition: 1, offset: 1n },
        ];
        expect(await take(member.read(from, new AbortController().signal), 4)).toHaveLength(4);
      });

      test("a topic that is made anew under a reader ends its reading", async () => {
        const topic = await topicOf();
        await fill(topic, 0, 20);
        const [before] = await client.topics([topic]);
        const member = await join([topic], {}, await open(lab.plain, { stalledAfterMs: 4000 }));
        const reading = readFrom(member, topic, 10);
        await take(reading, 10, { keepOpen: true });
        await lab.administer((admin) => admin.deleteTopics({ topics: [topic] }));
        await waitUntil(async () => (await client.topics([topic])).length === 0, { describe: "the topic to go" });
        await client.createTopics([{ topic, partitions: 1, settings: {} }]);
        await fill(topic, 0, 5);
        const failure = await failureOf(take(reading, 1));
        expect(["DB-KAF-004", "DB-KAF-007"]).toContain(failure.code);
        const [after] = await client.topics([topic]);
        expect(after!.id !== before!.id).toBe(traits.knowsTopicIds);
      });
    });

    describe("transactions", () => {
      test("a producer's aborted records are never read, whatever overlaps them, and its successor fences it", async () => {
        const topic = await topicOf();
        const [first, second] = [await producer(`a-${topic}`), await producer(`b-${topic}`)];
        const record = (value: string) => [{ key: Buffer.from("k"), value: Buffer.from(value), headers: { h: Buffer.from("1") } }];
        await inTransaction(first, topic, "one");
        await Promise.all([first.begin(), second.begin()]);
        await first.send(topic, record("aborted by the first"));
        await second.send(topic, record("aborted by the second"));
        await second.abort();
        await first.abort();
        await first.begin();
        await first.send(topic, record("two"));
        await inTransaction(second, topic, "between");
        await first.commit();
        const successor = await producer(`a-${topic}`);
        await first.begin().catch(() => {});
        await expectCode("DB-KAF-011", first.send(topic, record("fenced")));
        await expectCode("DB-KAF-011", first.commit());
        await inTransaction(successor, topic, "three");

        const reader = traits.readsTransactions ? client : await openKafkaClient(lab.plain, "platformatic");
        if (!traits.readsTransactions) cleanups.push(() => reader.close());
        const [end] = await reader.offsets("end", [{ topic, partition: 0 }]);
        const records = await takeTo(readFrom(await join([topic], {}, reader), topic, 0), end!.offset);
        expect(records.map(({ value }) => String(value))).toEqual(["one", "two", "between", "three"]);
        const [last] = await reader.lastRecords(topic, 1);
        expect(String(last!.value)).toBe("three");
        // From every offset the same records follow.
        for (const from of range(0n, end!.offset)) {
          const rest = await takeTo(readFrom(await join([topic], {}, reader), topic, from), end!.offset);
          expect(rest).toEqual(records.filter(({ offset }) => offset >= from));
        }
        if (!traits.readsTransactions) await expectCode("DB-KAF-014", take(readFrom(await join([topic]), topic, 0), 1));
      });

      test("nothing is read past an open transaction", async () => {
        const topic = await topicOf();
        const writer = await producer(`o-${topic}`);
        await writer.begin();
        await writer.send(topic, [{ key: null, value: Buffer.from("open") }]);
        await fill(topic, 0, 3);
        expect(await client.offsets("end", [{ topic, partition: 0 }])).toMatchObject([{ offset: 0n }]);
        await writer.commit();
        const settled = async () => (await client.offsets("end", [{ topic, partition: 0 }]))[0]!.offset === 5n;
        await waitUntil(settled, { describe: "the transaction to settle" });
      });

      test("keys go to the partitions that Kafka's own clients choose, large batches are split, a large record is refused", async () => {
        const topic = await topicOf({ partitions: 7 });
        const writer = await producer(`p-${topic}`);
        await writer.begin();
        const keys = [...javaHashes.keys(), ...Array.from({ length: 200 }, (_, at) => `khoá-${at}`)];
        await writer.send(
          topic,
          keys.map((key) => ({ key: Buffer.from(key), value: Buffer.alloc(20_000) })),
        );
        await writer.commit();
        const reader = await openKafkaClient(lab.plain, "platformatic");
        cleanups.push(() => reader.close());
        const member = await join([topic], {}, reader);
        const from = range(0n, 7n).map((partition) => ({ topic, partition: Number(partition), offset: 0n }));
        const records = await take(member.read(from, new AbortController().signal), keys.length);
        const places = new Map(records.map(({ key, partition }) => [String(key), partition]));
        for (const [key, hash] of javaHashes) expect([key, places.get(key)]).toEqual([key, (hash & 0x7fffffff) % 7]);
        expect(new Set(places.values()).size).toBe(7);
        await writer.begin();
        await expectCode("DB-KAF-012", writer.send(topic, [{ key: null, value: Buffer.alloc(2_000_000), partition: 0 }]));
      });
    });

    describe("the group", () => {
      test("three members share four slices, and who leaves gives its own to the others", async () => {
        const topic = await topicOf({ partitions: 8 });
        const options = { groupId: `g-${topic}`, slices: 4, sessionTimeoutMs: 3000 };
        const members = [await join([topic], options)];
        expect(members[0]!.slices).toEqual([0, 1, 2, 3]);
        const reading = readFrom(members[0]!, topic, 0);
        const all = members[0]!.read(
          range(0n, 8n).map((p) => ({ topic, partition: Number(p), offset: 0n })),
          new AbortController().signal,
        );
        const ended = failureOf(take(all, 1));
        members.push(await join([topic], options), await join([topic], options));
        await waitUntil(() => spread(members, 4, [1, 1, 2]), { describe: "four slices among three" });
        expect(await ended).toMatchObject({ code: "DB-KAF-006" });
        await reading.close();
        const kept = members[1]!.slices;
        await members[2]!.leave();
        await waitUntil(() => spread(members.slice(0, 2), 4, [2, 2]), { describe: "four slices among two" });
        // What a member had stays with it.
        expect(kept.every((slice) => members[1]!.slices.includes(slice))).toBe(true);
      });

      test("a sole member owns all slices though there are fewer partitions, of a topic that has just been made too", async () => {
        const options = { slices: 5, sessionTimeoutMs: 3000 };
        for (let round = 0; round < 5; round++) {
          const topic = `t-${randomUUID()}`;
          const making = client.createTopics([{ topic, partitions: 2, settings: {} }]);
          // It joins as soon as the topic is known at all.
          const member = await waitUntil(() => join([topic], options).catch(unlessMissing), { describe: "the topic", everyMs: 5 });
          expect(member.slices).toEqual([0, 1, 2, 3, 4]);
          await making;
        }
      });

      test("members share slices without partitions too, and who is left owns all again", async () => {
        const topic = await topicOf();
        const options = { groupId: `g-${topic}`, slices: 4, sessionTimeoutMs: 3000 };
        const members = [await join([topic], options), await join([topic], options)];
        const owners = traits.sharesEmptySlices ? [2, 2] : null;
        if (owners !== null) await waitUntil(() => spread(members, 4, owners), { describe: "four slices among two" });
        else await waitUntil(() => members.flatMap(({ slices }) => slices).includes(0), { describe: "an owner of what there is" });
        await members[0]!.leave();
        await waitUntil(() => members[1]!.slices.length === 4, { describe: "four slices with one" });
        members.push(await join([topic], options));
        await members[1]!.leave();
        await waitUntil(() => members[2]!.slices.length === 4, { describe: "four slices with the next" });
      });

      test("of two members with one slice one stands by, and takes over when the other is cut off", async () => {
        const topic = await topicOf({ partitions: 2 });
        await fill(topic, 0, 3, 1);
        const options = { groupId: `g-${topic}`, slices: 1, sessionTimeoutMs: 2000 };
        const cutOff = await join([topic], options, await open(lab.proxied, { stalledAfterMs: 5000 }));
        const standby = await join([topic], options);
        await waitUntil(() => spread([cutOff, standby], 1, [0, 1]), { describe: "one owner" });
        const [owner, other] = cutOff.slices.length === 1 ? [cutOff, standby] : [standby, cutOff];
        if (owner === cutOff) {
          lab.proxy.blackhole();
          await waitUntil(() => owner.slices.length === 0 && other.slices.length === 1, { describe: "the other to own the slice" });
          lab.proxy.heal();
          lab.proxy.cutAll();
        } else {
          await owner.leave();
          await waitUntil(() => other.slices.length === 1, { describe: "the other to own the slice" });
        }
        expect(await take(readFrom(other, topic, 1, 1), 2)).toHaveLength(2);
      });

      test("a member whose connections are cut finds back by itself", async () => {
        const topic = await topicOf();
        await fill(topic, 0, 5);
        const member = await join([topic], { sessionTimeoutMs: 2000 }, await open(lab.proxied, { stalledAfterMs: 3000 }));
        lab.proxy.blackhole();
        await waitUntil(() => member.slices.length === 0, { describe: "the member to know that it is cut off" });
        lab.proxy.heal();
        lab.proxy.cutAll();
        await waitUntil(() => member.slices.length === 1, { describe: "the slice to come back", deadlineMs: 60_000 });
        expect(await take(readFrom(member, topic, 2), 3)).toHaveLength(3);
      });

      test("noted offsets are people's, never readers'", async () => {
        const topic = await topicOf();
        await fill(topic, 0, 9);
        const group = { groupId: `g-${topic}` };
        const first = await join([topic], group);
        first.note([{ topic, partition: 0, offset: 7n }]);
        const noted = async () => {
          let offset = "";
          await lab.administer(async (admin) => {
            const [answer] = await admin.fetchOffsets({ groupId: group.groupId, topics: [topic] });
            offset = answer!.partitions[0]!.offset;
          });
          return offset === "7";
        };
        await waitUntil(noted, { describe: "the note" });
        await first.leave();
        const second = await join([topic], group);
        expect((await take(readFrom(second, topic, 2), 1))[0]).toMatchObject({ offset: 2n });
      });
    });

    describe("who may come in", () => {
      for (const mechanism of ["plain", "scram-sha-256", "scram-sha-512"] as const) {
        test(`${mechanism} over verified TLS`, async () => {
          const topic = await topicOf();
          await fill(topic, 0, 2);
          const other = await open(lab.secure(mechanism));
          const member = await join([topic], {}, other);
          expect(await take(readFrom(member, topic, 0), 2)).toHaveLength(2);
          await expectCode("DB-KAF-002", (await open(lab.secure(mechanism, { password: "wrong" }))).topics([topic]));
        });
      }

      test("a broker that cannot prove who it is, is refused", async () => {
        const stranger = await open(lab.secure("plain", { authority: "other-ca.pem" }));
        await expectCode("DB-KAF-009", stranger.clusterId());
      });

      test("prefer takes TLS where there is some and plain text where there is none", async () => {
        const prefer = { mode: "prefer", rootCertificate: null, certificate: null, key: null } as const;
        for (const address of [lab.plain, lab.secure("plain")]) {
          const other = await open({ ...address, tls: prefer });
          expect(await other.clusterId()).toBe(await client.clusterId());
        }
      });

      test("nobody at the address is an error that may pass", async () => {
        const address = { ...lab.plain, brokers: [{ host: "127.0.0.1", port: 1 }] };
        await expectCode("DB-KAF-001", (await open(address, { stalledAfterMs: 2000 })).clusterId());
      });
    });

    describe("a broker in trouble", () => {
      test("killed and started again: the reading goes on, nothing lost or repeated", async () => {
        const topic = await topicOf();
        await fill(topic, 0, 300, 0, 50_000);
        const member = await join([topic], { sessionTimeoutMs: 20_000 });
        const reading = readFrom(member, topic, 0);
        const seen = await take(reading, 40, { keepOpen: true });
        await lab.broker.kill();
        const rest = take(reading, 310 - seen.length, { keepOpen: true });
        await lab.broker.restart();
        await fill(topic, 300, 310);
        expect([...seen, ...(await rest)].map(({ offset }) => offset)).toEqual(range(0n, 310n));
      });

      test("frozen: the reading is said to be stalled, and a new one goes on after the thaw", async () => {
        const topic = await topicOf();
        await fill(topic, 0, 5);
        const other = await open(lab.plain, { stalledAfterMs: 2000 });
        const member = await join([topic], { sessionTimeoutMs: 6000 }, other);
        const reading = readFrom(member, topic, 0);
        await take(reading, 5, { keepOpen: true });
        lab.broker.signal("SIGSTOP");
        const stalled = failureOf(take(reading, 1));
        try {
          expect(await stalled).toMatchObject({ code: "DB-KAF-008" });
        } finally {
          lab.broker.signal("SIGCONT");
        }
        await waitUntil(() => member.slices.length === 1, { describe: "the slice to come back", deadlineMs: 60_000 });
        await waitUntil(() => take(readFrom(member, topic, 2), 3).catch(() => null), { describe: "a new reading", deadlineMs: 60_000 });
      });
    });
  });
}

interface TakeOptions {
  /** The reading stays as it is, for the next one to go on with. */
  readonly keepOpen?: boolean;
}

/** Reads until at least so many records were seen. */
async function take(reading: RecordReading | AsyncIterable<unknown>, count: number, options: TakeOptions = {}): Promise<KafkaRecord[]> {
  const iterator = iteratorOf(reading as RecordReading);
  const records: KafkaRecord[] = [];
  while (records.length < count) {
    const { value, done } = await iterator.next();
    if (done === true) return records;
    for (const batch of value) records.push(...batch.records);
  }
  if (options.keepOpen !== true) await iterator.return?.();
  return records;
}

async function nextRecords(iterator: Batches): Promise<readonly KafkaRecord[]> {
  const { value, done } = await iterator.next();
  return done === true ? [] : value.flatMap((batch) => batch.records);
}

/** Reads until the broker has told of everything before this offset. */
async function takeTo(reading: RecordReading, end: bigint): Promise<KafkaRecord[]> {
  const records: KafkaRecord[] = [];
  for await (const batches of reading) {
    for (const batch of batches) records.push(...batch.records);
    if (batches.some(({ nextOffset }) => nextOffset >= end)) break;
  }
  return records;
}

type Batches = AsyncIterator<readonly { readonly records: readonly KafkaRecord[] }[], void>;
const iterators = new WeakMap<object, Batches>();

function iteratorOf(reading: RecordReading): Batches {
  const known = iterators.get(reading) ?? reading[Symbol.asyncIterator]();
  iterators.set(reading, known);
  return known;
}

async function inTransaction(producer: KafkaProducer, topic: string, value: string): Promise<void> {
  await producer.begin();
  await producer.send(topic, [{ key: Buffer.from("k"), value: Buffer.from(value) }]);
  await producer.commit();
}

/** Whether all slices are owned, each once, by members with so many each. */
function spread(members: readonly GroupMember[], slices: number, sizes: readonly number[]): boolean {
  const owned = members.flatMap((member) => member.slices);
  const counts = members.map((member) => member.slices.length).toSorted((a, b) => a - b);
  return owned.length === slices && new Set(owned).size === slices && counts.every((count, at) => count === sizes[at]);
}

async function failureOf(work: Promise<unknown>): Promise<ReplicationError> {
  const failure = await work.then(
    () => null,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(ReplicationError);
  return failure as ReplicationError;
}

/** Null for a topic that is not known, or not led, yet. */
function unlessMissing(error: unknown): null {
  if (error instanceof ReplicationError && ["DB-KAF-004", "DB-KAF-005"].includes(error.code)) return null;
  throw error;
}

async function expectCode(code: ErrorCode, work: Promise<unknown>): Promise<void> {
  expect(await failureOf(work)).toMatchObject({ code });
}

function range(from: bigint, to: bigint): bigint[] {
  return Array.from({ length: Number(to - from) }, (_, at) => from + BigInt(at));
}

function byNumber(a: bigint, b: bigint): number {
  return Number(a - b);
}
