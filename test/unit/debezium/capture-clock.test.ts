// A copy's clock goes by what the source and the connector say, never by when a record arrived (VL-07).
import { beforeEach, describe, expect, it } from "vitest";
import type { ChangeMessage } from "../../../engine/model/change-message.ts";
import type { ChangeStream } from "../../../engine/ports/change-source.ts";
import type { DebeziumSource } from "../../../connectors/debezium/debezium-source.ts";
import {
  change,
  described,
  eventTopic,
  heartbeat,
  heartbeatTopic,
  mark,
  MemoryTopics,
  transactionTopic,
} from "../../support/memory-topics.ts";
import { connectionTo, debeziumOptions } from "../../support/topic-lab.ts";

const ms = 1000;

describe("VL-07 the clock of Debezium topics", () => {
  let topics = new MemoryTopics();
  let iterator: AsyncIterator<readonly ChangeMessage[]>;
  let stream: ChangeStream;

  beforeEach(() => {
    topics = new MemoryTopics();
    topics.make(eventTopic, 2);
    topics.make(heartbeatTopic);
  });

  async function open(source: DebeziumSource): Promise<void> {
    const { position } = await source.reservation();
    stream = await source.open(position, new AbortController().signal, [position]);
    iterator = stream[Symbol.asyncIterator]();
  }

  /** Reads everything that the topics hold now, and asks as the engine's heartbeat does. */
  async function confirmed(source: DebeziumSource): Promise<number> {
    const { position } = await source.endOfLog();
    for (;;) {
      stream.requestProgress();
      const { value } = await iterator.next();
      const reached = (value as readonly ChangeMessage[]).findLast((message) => message.tag === "commit" || message.tag === "progress");
      if (reached !== undefined && source.positions.covers(reached.position, position)) break;
    }
    return (await source.endOfLog()).at;
  }

  const source = (topicNames = {}, tables?: { schema: string; name: string }[]) =>
    connectionTo(topics, debeziumOptions(topicNames), tables).source(0);

  it("stands still without heartbeats while a partition has told nothing", async () => {
    const one = source();
    await open(one);
    topics.write(eventTopic, 0, change("c", "1", "a", { lsn: 5 }));
    expect(await confirmed(one)).toBe(0);
    await stream.close();
  });

  it("goes by the partition that is furthest behind, up to just before its last event", async () => {
    const one = source();
    await open(one);
    topics.write(eventTopic, 0, change("c", "1", "a", { lsn: 5, time: 500 * ms }));
    topics.write(eventTopic, 1, change("c", "2", "b", { lsn: 6, time: 300 * ms }));
    expect(await confirmed(one)).toBe(300 * ms - 1);
    await stream.close();
  });

  it("counts a heartbeat once the next one has come, and what the topics held then has been read", async () => {
    const one = source();
    await open(one);
    topics.write(heartbeatTopic, 0, heartbeat(10_000 * ms));
    expect(await confirmed(one)).toBe(0);
    topics.write(heartbeatTopic, 0, heartbeat(20_000 * ms));
    expect(await confirmed(one)).toBe(10_000 * ms);
    topics.write(heartbeatTopic, 0, heartbeat(30_000 * ms));
    topics.silent.add(`${eventTopic}/1`);
    topics.write(eventTopic, 1, change("c", "2", "b", { lsn: 6, time: 15_000 * ms }));
    expect((await one.endOfLog()).at).toBe(10_000 * ms);
    expect((await one.endOfLog()).at).toBe(10_000 * ms);
    topics.silent.clear();
    topics.wake();
    expect(await confirmed(one)).toBe(20_000 * ms);
    await stream.close();
  });

  it("takes off how far the connector is behind with what it works off", async () => {
    const one = source();
    await open(one);
    topics.write(heartbeatTopic, 0, heartbeat(10_000 * ms));
    topics.write(eventTopic, 0, change("c", "1", "a", { lsn: 5, time: 3_000 * ms, processed: 14_000 * ms }));
    topics.write(eventTopic, 0, change("c", "3", "a", { lsn: 6, time: 12_000 * ms, processed: 19_000 * ms }));
    topics.write(heartbeatTopic, 0, heartbeat(20_000 * ms));
    topics.write(heartbeatTopic, 0, heartbeat(30_000 * ms));
    expect(await confirmed(one)).toBe(13_000 * ms);
    topics.write(heartbeatTopic, 0, heartbeat(40_000 * ms));
    expect(await confirmed(one)).toBe(30_000 * ms);
    await stream.close();
  });

  it("goes by nothing but the proof where one is named", async () => {
    const proofTopic = "national.public.proof";
    topics.make(proofTopic);
    const one = source({ proof: proofTopic });
    await open(one);
    topics.write(heartbeatTopic, 0, heartbeat(10_000 * ms));
    topics.write(heartbeatTopic, 0, heartbeat(20_000 * ms));
    topics.write(heartbeatTopic, 0, heartbeat(30_000 * ms));
    expect(await confirmed(one)).toBe(0);
    const beat = (time: number) =>
      topics.write(proofTopic, 0, change("u", "1", "t", { lsn: time, time: time * ms, table: described("proof") }));
    beat(7_000);
    beat(8_000);
    expect(await confirmed(one)).toBe(7_000 * ms);
    await stream.close();
  });

  it("does not take a beat for a topic's that came to be after it was last looked for", async () => {
    const other = { schema: "public", name: "house" };
    const one = source({}, [{ schema: "public", name: "citizen" }, other]);
    await open(one);
    topics.write(heartbeatTopic, 0, heartbeat(10_000 * ms));
    topics.make("national.public.house");
    topics.silent.add("national.public.house/0");
    topics.write("national.public.house", 0, change("c", "1", "x", { lsn: 5, time: 9_000 * ms, table: described("house") }));
    topics.write(heartbeatTopic, 0, heartbeat(20_000 * ms));
    expect((await one.endOfLog()).at).toBe(0);
    expect((await one.endOfLog()).at).toBe(0);
    topics.silent.clear();
    topics.wake();
    expect(await confirmed(one)).toBe(10_000 * ms);
    await stream.close();
  });

  it("goes by whole transactions where their order is told", async () => {
    topics.make(transactionTopic);
    const one = source({ transactions: transactionTopic });
    await open(one);
    const transaction = (totalOrder: bigint) => ({ id: "7", totalOrder, tableOrder: totalOrder });
    topics.write(transactionTopic, 0, mark("begin", "7"));
    topics.write(eventTopic, 0, change("c", "1", "a", { lsn: 5, time: 500 * ms, transaction: transaction(1n) }));
    topics.write(eventTopic, 1, change("c", "2", "b", { lsn: 6, time: 500 * ms, transaction: transaction(2n) }));
    expect((await one.endOfLog()).at).toBe(0);
    topics.write(transactionTopic, 0, mark("end", "7", { "public.citizen": 2 }));
    expect(await confirmed(one)).toBe(500 * ms);
    await stream.close();
  });

  it("knows nothing without an open stream", async () => {
    topics.write(heartbeatTopic, 0, heartbeat(10_000 * ms));
    topics.write(heartbeatTopic, 0, heartbeat(20_000 * ms));
    expect((await source().endOfLog()).at).toBe(0);
  });
});
