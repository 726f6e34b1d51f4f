import { expect, test } from "vitest";
import { ShownLater } from "../../../connectors/debezium/capture/shown-later.ts";
import { eventTopic, heartbeatTopic, MemoryTopics } from "../../support/memory-topics.ts";
import { connectionTo, debeziumOptions } from "../../support/topic-lab.ts";

const minute = 60_000;

test("a transaction counts as shown a minute after it was first asked for, one without a name at once", () => {
  const shown = new ShownLater();
  expect(["7", ""].map((id) => shown.at(0).sees(id))).toEqual([false, true]);
  expect(["7", "8"].map((id) => shown.at(minute - 1).sees(id))).toEqual([false, false]);
  expect(["7", "8"].map((id) => shown.at(minute).sees(id))).toEqual([true, false]);
  expect(shown.at(2 * minute).sees("8")).toBe(true);
});

test("of many transactions the oldest count as shown before", () => {
  const shown = new ShownLater();
  let ids = Array.from({ length: 70_000 }, (_, id) => String(id));
  for (const nowMs of [0, 1_000, 2_000]) {
    const visibility = shown.at(nowMs);
    ids = ids.filter((id) => !visibility.sees(id));
  }
  expect(ids).toHaveLength(65_536);
  expect(ids[0]).toBe("4464");
});

test("where rows are read at the master, what has just come through its topics is not taken as shown there", async () => {
  const topics = new MemoryTopics();
  topics.make(eventTopic);
  topics.make(heartbeatTopic);
  const tls = { mode: "disable", rootCertificate: null, certificate: null, key: null } as const;
  const master = { kind: "postgres", host: "127.0.0.1", port: 1, user: "dongbo", password: null, database: "national", tls };
  const seenBy = async (others: object) => {
    const source = connectionTo(topics, debeziumOptions({}, others)).source(0);
    return (await source.endOfLog()).visibility.sees("7");
  };
  expect([await seenBy({ master }), await seenBy({})]).toEqual([false, true]);
});
