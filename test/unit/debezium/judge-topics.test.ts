import { expect, test } from "vitest";
import { silence, silentConnector } from "../../../connectors/debezium/heartbeats.ts";
import { judgeTopics } from "../../../connectors/debezium/preflight/judge-topics.ts";
import type { HeartbeatTopic, TableTopic, TopicsSeen } from "../../../connectors/debezium/preflight/topic-facts.ts";
import type { DebeziumOptions } from "../../../engine/model/debezium-options.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { debeziumOptions } from "../../support/debezium-options.ts";

const second = 1_000_000;
const now = 1_767_323_045 * second;
const options = debeziumOptions({ prefix: "pop" });
const unreadable = new ReplicationError("DB-KAF-100", { subject: "pop.public.citizen" });

interface Change {
  readonly citizen?: Partial<TableTopic>;
  readonly beats?: Partial<HeartbeatTopic>;
  readonly transactions?: TopicsSeen["transactions"];
}

/** A topic as brokers tell it, compacted unless it is said otherwise. */
function facts(
  topic: string,
  partitions = 1,
  [cleanupPolicy, retentionMs] = ["compact", -1] as [string, number],
): NonNullable<TableTopic["facts"]> {
  const numbers = Array.from({ length: partitions }, (_, index) => index);
  return { topic, id: "x", partitions: numbers, cleanupPolicy, tombstoneRetentionMs: 1, retentionMs };
}

function seen({ citizen, beats, transactions = null }: Change): TopicsSeen {
  const heartbeats = { newest: now - second, interval: second };
  return {
    tables: new Map([
      ["public.citizen", { topic: table, facts: facts(table), partitionsCut: 0, problem: null, nullableDefaults: [], ...citizen }],
    ]),
    heartbeat: { topic: beatTopic, facts: facts(beatTopic), beats: heartbeats, problem: null, ...beats },
    transactions,
  };
}

function judged(change: Change, settings: Partial<DebeziumOptions> = {}): string[] {
  const configured = { ...options, ...settings };
  const findings = judgeTopics(seen(change), { options: configured, validitySeconds: 60, now, settingsKnown: false });
  return findings.map(({ code, severity }) => `${code} ${severity}`);
}

const table = "pop.public.citizen";
const beatTopic = "__debezium-heartbeat.pop";
const master = { kind: "postgres" } as DebeziumOptions["master"];
const deleting = (retentionMs: number): TableTopic["facts"] => facts(table, 1, ["delete", retentionMs]);
const heard = (age: number, interval: number | null): HeartbeatTopic["beats"] => ({
  newest: now - age * second,
  interval: interval === null ? null : interval * second,
});
const marks = "pop.transaction";
const kept = deleting(-1);
const transactions = (found: TableTopic["facts"], citizen: TableTopic["facts"] = kept): Change => ({
  transactions: { topic: marks, facts: found },
  citizen: { facts: citizen },
});

test.each<[string, Change, Partial<DebeziumOptions>, string[]]>([
  ["all is well", {}, {}, []],
  ["a topic that does not exist", { citizen: { facts: null } }, {}, ["DB-KAF-140 warning"]],
  ["records that are kept for a week", { citizen: { facts: deleting(604_800_000) } }, {}, ["DB-KAF-142 warning"]],
  ["records that are kept for ever", { citizen: { facts: deleting(-1) } }, {}, []],
  ["records that are gone", { citizen: { facts: deleting(-1), partitionsCut: 1 } }, {}, ["DB-KAF-142 error"]],
  ["records that compaction removed", { citizen: { partitionsCut: 1 } }, {}, []],
  ["records that are gone where the master is read", { citizen: { facts: deleting(1), partitionsCut: 1 } }, { master }, []],
  ["a record that nobody understands", { citizen: { problem: unreadable } }, {}, ["DB-KAF-100 error"]],
  ["a column whose NULL may come as its default", { citizen: { nullableDefaults: ["age"] } }, {}, ["DB-KAF-148 warning"]],
  ["more slices than partitions", {}, { slices: 2 }, ["DB-KAF-141 warning"]],
  ["as many slices as partitions", { citizen: { facts: facts(table, 2) } }, { slices: 2 }, []],
  ["no heartbeat topic", { beats: { facts: null } }, {}, ["DB-KAF-150 warning"]],
  ["no heartbeat", { beats: { beats: { newest: null, interval: null } } }, {}, ["DB-KAF-150 warning"]],
  ["a heartbeat that nobody understands", { beats: { problem: unreadable } }, {}, ["DB-KAF-100 error"]],
  ["a silent connector", { beats: { beats: heard(34, 1) } }, {}, ["DB-KAF-143 error"]],
  ["a heartbeat as old as half of the validity period", { beats: { beats: heard(31, null) } }, {}, ["DB-KAF-143 error"]],
  ["heartbeats in one of several partitions", { beats: { facts: facts(beatTopic, 2) } }, {}, []],
  ["no transactions yet", transactions(null), {}, ["DB-KAF-151 warning"]],
  ["transactions in one order", transactions(facts(marks, 1, ["delete", -1])), {}, []],
  ["transactions in several partitions", transactions(facts(marks, 3, ["delete", -1])), {}, ["DB-KAF-141 error"]],
  ["transactions whose beginnings are compacted away", transactions(facts(marks)), {}, ["DB-KAF-151 error"]],
  ["transactions whose events are compacted away", transactions(facts(marks, 1, ["delete", -1]), facts(table)), {}, ["DB-KAF-151 error"]],
])("%s", (_what, change, settings, expected) => {
  expect(judged(change, settings)).toEqual(expected);
});

test("a connector is silent when three of its heartbeats are missing, and never before the second heartbeat", () => {
  const found = heard(60, 10);
  expect(silence(found, 20, now)).toBe(60 * second);
  expect(silence(found, 20, now - 21 * second)).toBeNull();
  expect(silence({ newest: 0, interval: null }, 20, now)).toBeNull();
  expect(silentConnector("population", found, 60 * second).message).toContain("is 60 s old; they came every 10 s before");
});
