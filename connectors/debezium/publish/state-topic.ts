// The topic in which dongbo keeps what it knows of a publication, and the other topics of its prefix.
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { KafkaClient, NewTopic, OutgoingRecord, TopicFacts } from "../kafka/kafka-client.ts";
import type { PublicationState } from "./publication-state.ts";
import { heartbeatTopic, stateTopic, transactionTopic } from "./topic-names.ts";

/** Rows of this size can be published. */
const messageBytesMax = String(64 * 1024 * 1024);
const forever = "-1";
const dayMs = String(86_400_000);

/** How topics are made: events are kept for ever, for whoever comes later needs all of them. */
function wantedTopics(prefix: string, tables: readonly string[], partitions: number): NewTopic[] {
  const common = { "compression.type": "gzip", "max.message.bytes": messageBytesMax };
  const kept = { "cleanup.policy": "delete", "retention.ms": forever, "retention.bytes": forever };
  return [
    {
      topic: stateTopic(prefix),
      partitions: 1,
      settings: { "cleanup.policy": "compact", "segment.ms": "600000", "max.message.bytes": messageBytesMax },
    },
    { topic: transactionTopic(prefix), partitions: 1, settings: { ...kept } },
    { topic: heartbeatTopic(prefix), partitions: 1, settings: { "cleanup.policy": "delete", "retention.ms": dayMs } },
    ...tables.map((topic) => ({ topic, partitions, settings: { ...kept, ...common } })),
  ];
}

export interface TopicNeeds {
  readonly prefix: string;
  /** Topics of the tables. */
  readonly tables: readonly string[];
  readonly partitions: number;
  /** There is a state that tells what was published. */
  readonly written: boolean;
}

/** The topics as they are, and those that are missing. */
export interface JudgedTopics {
  readonly there: readonly TopicFacts[];
  readonly missing: readonly NewTopic[];
  /** Topics of tables in which a truncate has its place among the rows. */
  readonly truncatable: ReadonlySet<string>;
}

/**
 * Looks at the topics of the prefix. Throws DB-TGT-004 when a table's topic holds records of which no state tells, DB-KAF-162 when
 * a topic that belongs to no table is not as it must be.
 */
export async function judgeTopics(client: KafkaClient, needs: TopicNeeds): Promise<JudgedTopics> {
  const wanted = wantedTopics(needs.prefix, needs.tables, needs.partitions);
  const there = await client.topics(wanted.map(({ topic }) => topic));
  for (const { topic, settings } of wanted) {
    const facts = there.find((found) => found.topic === topic);
    const policy = settings["cleanup.policy"];
    if (facts === undefined || needs.tables.includes(topic)) continue;
    if (facts.partitions.length === 1 && facts.cleanupPolicy === policy) continue;
    throw new ReplicationError("DB-KAF-162", { subject: topic, cause: `it must have one partition and cleanup.policy ${policy}` });
  }
  for (const { topic } of there) {
    if (needs.written || !needs.tables.includes(topic)) continue;
    if ((await client.lastRecords(topic, 1)).length > 0) throw lostState(topic, "it holds records, and no state tells of them");
  }
  return {
    there,
    missing: wanted.filter(({ topic }) => !there.some((facts) => facts.topic === topic)),
    truncatable: new Set(there.filter(takesTruncates).map(({ topic }) => topic)),
  };
}

/** Makes the topics that are missing; throws as judgeTopics does. `made`: topics of tables among them. */
export async function prepareTopics(
  client: KafkaClient,
  needs: TopicNeeds,
): Promise<Pick<JudgedTopics, "truncatable"> & { readonly made: ReadonlySet<string> }> {
  const { missing } = await judgeTopics(client, needs);
  if (missing.length > 0) await client.createTopics(missing);
  const facts = await client.topics(needs.tables);
  return {
    made: new Set(missing.map(({ topic }) => topic).filter((topic) => needs.tables.includes(topic))),
    truncatable: new Set(facts.filter(takesTruncates).map(({ topic }) => topic)),
  };
}

/** Only in one partition, and only where records may have no key, a truncate has a place among the rows. */
function takesTruncates({ partitions, cleanupPolicy }: TopicFacts): boolean {
  return partitions.length === 1 && !cleanupPolicy.includes("compact");
}

/** What was published last under the prefix; null: nothing is there. Throws DB-TGT-002 when a newer dongbo wrote it. */
export async function readState(client: KafkaClient, prefix: string): Promise<PublicationState | null> {
  const topic = stateTopic(prefix);
  if ((await client.topics([topic])).length === 0) return null;
  const value = (await client.lastRecords(topic, 1))[0]?.value ?? null;
  if (value === null) return null;
  const state = JSON.parse(value.toString("utf8")) as { readonly version: number };
  if (state.version !== 1) throw new ReplicationError("DB-TGT-002", { subject: topic });
  return state as PublicationState;
}

/** Nobody but the operator may call topics that were written before a new publication. */
export function lostState(topic: string, cause: string): ReplicationError {
  return new ReplicationError("DB-TGT-004", {
    subject: topic,
    cause,
    remedy: "Delete the topics of the prefix, or give the target another prefix; dongbo then publishes everything anew",
  });
}

export function stateRecord(state: PublicationState): OutgoingRecord {
  return { key: Buffer.from(state.subscription, "utf8"), value: Buffer.from(JSON.stringify(state), "utf8") };
}
