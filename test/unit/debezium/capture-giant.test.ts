// A transaction larger than memory should be passes through as it comes.
import { expect, test } from "vitest";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { change, eventTopic, mark, MemoryTopics, transactionTopic } from "../../support/memory-topics.ts";
import { connectionTo, debeziumOptions } from "../../support/topic-lab.ts";
import { waitUntil } from "../../support/wait-until.ts";

test("a transaction of 200,000 events over two partitions passes through before it has ended, no more of it waiting than is asked for", async () => {
  const events = 200_000;
  const topics = new MemoryTopics();
  topics.fetched = 500;
  topics.make(eventTopic, 2);
  topics.make(transactionTopic);
  topics.write(transactionTopic, 0, mark("begin", "7"));
  const padded = "x".repeat(200);
  for (let index = 1; index <= events; index++) {
    const event = change("c", String(index), "text", {
      lsn: index,
      time: 9_000_000,
      transaction: { id: "7", totalOrder: BigInt(index), tableOrder: BigInt(index) },
    });
    topics.write(eventTopic, index % 2, event, padded);
  }
  const source = connectionTo(topics, debeziumOptions({ transactions: transactionTopic })).source(0);
  const { position } = await source.reservation();
  const stream = await source.open(position, new AbortController().signal, [position]);
  const iterator = stream[Symbol.asyncIterator]();
  const counts = { begin: 0, insert: 0, commit: 0 };
  let aheadMost = 0;
  const take = async (): Promise<void> => {
    const { value } = await iterator.next();
    if (value === undefined) throw new ReplicationError("DB-RUN-001", { subject: "the stream has ended" });
    for (const { tag } of value) if (tag in counts) counts[tag as keyof typeof counts] += 1;
    aheadMost = Math.max(aheadMost, topics.handedOut - counts.insert);
  };
  // Nobody asks: reading stops at what may wait.
  let before = -1;
  await waitUntil(
    () => {
      const still = before === topics.handedOut && before > 0;
      before = topics.handedOut;
      return still;
    },
    { describe: "reading to be held up", everyMs: 50 },
  );
  expect(topics.handedOut).toBeLessThan(20_000);
  while (counts.insert < events) await take();
  expect(counts).toEqual({ begin: 1, insert: events, commit: 0 });
  expect(aheadMost).toBeLessThan(20_000);
  topics.write(transactionTopic, 0, mark("end", "7", { "public.citizen": events }));
  while (counts.commit < 1) await take();
  expect(counts.begin).toBe(1);
  await stream.close();
});
