// What the brokers tell of a source's topics → findings. Pure.
import type { Micros } from "../../../engine/model/change-message.ts";
import type { DebeziumOptions } from "../../../engine/model/debezium-options.ts";
import type { Finding } from "../../../engine/model/finding.ts";
import { findingOf, newFinding } from "../../../engine/model/new-finding.ts";
import { silence, silentConnector } from "../heartbeats.ts";
import type { TopicFacts } from "../kafka/kafka-client.ts";
import type { HeartbeatTopic, TableTopic, TopicsSeen } from "./topic-facts.ts";

export interface TopicExpectation {
  readonly options: DebeziumOptions;
  /** The shortest of the shares' validity periods. */
  readonly validitySeconds: number;
  readonly now: Micros;
  /** The connector's own settings were read, and say what is otherwise guessed from records. */
  readonly settingsKnown: boolean;
}

export function judgeTopics(seen: TopicsSeen, expected: TopicExpectation): Finding[] {
  const tables = [...seen.tables].flatMap(([table, topic]) => judgeTable(table, topic, expected));
  return [
    ...tables,
    ...judgeSlices(seen, expected),
    ...judgeTransactions(seen, expected.options),
    ...judgeHeartbeat(seen.heartbeat, expected),
  ];
}

function judgeTable(
  table: string,
  { topic, facts, partitionsCut, problem, nullableDefaults }: TableTopic,
  expected: TopicExpectation,
): Finding[] {
  const { options, settingsKnown } = expected;
  if (facts === null) {
    const unknown = options.master === null ? ", and its columns are not known" : "";
    return [newFinding("DB-KAF-140", "warning", table, { cause: `its topic ${topic} does not exist${unknown} yet` })];
  }
  const findings: Finding[] = [];
  if (options.master === null) findings.push(...judgeRetention(table, { topic, facts, partitionsCut }));
  if (problem !== null) findings.push(findingOf(problem));
  if (!settingsKnown && nullableDefaults.length > 0) {
    const cause = `columns with a default may be NULL (${nullableDefaults.slice(0, 5).join(", ")}): Kafka Connect's JsonConverter, as it comes, writes the default in place of NULL`;
    const remedy =
      "Set value.converter.replace.null.with.default=false in the connector's configuration; with `connect` dongbo looks at it";
    findings.push(newFinding("DB-KAF-148", "warning", table, { cause, remedy }));
  }
  return findings;
}

/** A compacted topic loses only what a later record of the same key replaces. */
function judgeRetention(
  table: string,
  { topic, facts, partitionsCut }: Required<Pick<TableTopic, "topic" | "facts" | "partitionsCut">>,
): Finding[] {
  if (facts === null || !isKept(facts, "delete")) return [];
  if (partitionsCut > 0) {
    const cause = `the oldest records of ${topic} are gone (${partitionsCut} of ${facts.partitions.length} partitions), and no \`master\` is configured`;
    return [newFinding("DB-KAF-142", "error", table, { cause })];
  }
  if (facts.retentionMs < 0) return [];
  const cause = `${topic} keeps its records for ${printDays(facts.retentionMs)}: later, nobody can be loaded from it`;
  return [newFinding("DB-KAF-142", "warning", table, { cause })];
}

function printDays(ms: number): string {
  const hours = Math.floor(ms / 3_600_000);
  return hours >= 48 ? `${Math.floor(hours / 24)} days` : `${hours} hours`;
}

function judgeSlices({ tables }: TopicsSeen, { options }: TopicExpectation): Finding[] {
  const counts = [...tables.values()].flatMap(({ facts }) => (facts === null ? [] : [facts.partitions.length]));
  const most = Math.max(0, ...counts);
  if (counts.length === 0 || options.slices <= most) return [];
  const cause = `\`slices\` is ${options.slices}, and no topic has more than ${most} partitions: some processes would have nothing to do`;
  return [newFinding("DB-KAF-141", "warning", options.name, { cause })];
}

function judgeTransactions({ transactions, tables }: TopicsSeen, { name }: DebeziumOptions): Finding[] {
  if (transactions === null) return [];
  const { topic, facts } = transactions;
  const findings = [facts, ...[...tables.values()].map((table) => table.facts)].flatMap((found) => judgeCompaction(found, name));
  if (facts === null) {
    const cause = `${topic} does not exist: it is made with the first transaction, if provide.transaction.metadata is on`;
    findings.push(newFinding("DB-KAF-151", "warning", name, { cause }));
  } else if (facts.partitions.length > 1) {
    const cause = `${topic} has ${facts.partitions.length} partitions, and transactions have one order`;
    findings.push(newFinding("DB-KAF-141", "error", name, { cause, remedy: `Make ${topic} again with one partition` }));
  }
  return findings;
}

/** An event that compaction removed is counted at its transaction's end all the same. */
function judgeCompaction(facts: TopicFacts | null, name: string): Finding[] {
  if (facts === null || !isKept(facts, "compact")) return [];
  const cause = `${facts.topic} is compacted, which removes events of transactions, and then no end of theirs can be told`;
  const remedy = `Set cleanup.policy=delete and retention.ms=-1 on ${facts.topic}, or remove \`topics.transactions\``;
  return [newFinding("DB-KAF-151", "error", name, { cause, remedy })];
}

function isKept({ cleanupPolicy }: TopicFacts, by: "delete" | "compact"): boolean {
  return cleanupPolicy.split(",").some((policy) => policy.trim() === by);
}

/** Twice as long as this silence a copy would already have expired. */
function judgeHeartbeat({ topic, facts, beats, problem }: HeartbeatTopic, { options, validitySeconds, now }: TopicExpectation): Finding[] {
  if (problem !== null) return [findingOf(problem)];
  const { newest } = beats;
  if (facts === null || newest === null) {
    const cause = facts === null ? `its heartbeat topic ${topic} does not exist` : `${topic} holds no heartbeat`;
    return [
      newFinding("DB-KAF-150", "warning", options.name, { cause: `${cause}: copies would expire while nothing changes at the master` }),
    ];
  }
  const silent = silence(beats, validitySeconds, now);
  if (silent !== null) return [findingOf(silentConnector(options.name, beats, silent))];
  const age = Math.floor((now - newest) / 1_000_000);
  if (age * 2 <= validitySeconds) return [];
  const cause = `its newest heartbeat is ${age} s old, and a copy is valid for ${validitySeconds} s`;
  return [newFinding("DB-KAF-143", "error", options.name, { cause })];
}
