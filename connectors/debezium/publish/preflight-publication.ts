// What `check` asks of a Kafka target before anything runs. Changes nothing.
import type { Finding } from "../../../engine/model/finding.ts";
import { findingOf, newFinding, withoutRepeats } from "../../../engine/model/new-finding.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { Subscription } from "../../../engine/model/share.ts";
import type { KafkaClient } from "../kafka/kafka-client.ts";
import { openKafkaClient } from "../kafka/open-client.ts";
import { type PublishOptions, readingLibrary } from "./publish-options.ts";
import { registered } from "./register-subscription.ts";
import { judgeTopics, readState } from "./state-topic.ts";
import { tableTopic } from "./topic-names.ts";

export interface PublicationCheck {
  /** The target's name in the configuration. */
  readonly target: string;
  readonly publish: PublishOptions;
  /** Those of its subscriptions that could be resolved. */
  readonly subscriptions: readonly Subscription[];
}

const stalledAfterMs = 5_000;

/** Never throws for what the brokers do or lack: that is a finding. */
export async function preflightPublication(check: PublicationCheck): Promise<Finding[]> {
  const { target, publish, subscriptions } = check;
  const [first, ...others] = subscriptions;
  const findings = others.map(({ id }) =>
    newFinding("DB-KAF-160", "error", target, { cause: `${id} is published to it beside ${first?.id}` }),
  );
  let client: KafkaClient | null = null;
  try {
    client = await openKafkaClient(publish.kafka, readingLibrary, { stalledAfterMs });
    await client.clusterId();
    if (first !== undefined) findings.push(...(await judge(client, check, first)));
  } catch (error) {
    findings.push(asFinding(error));
  } finally {
    await client?.close();
  }
  return withoutRepeats(findings);
}

async function judge(client: KafkaClient, { publish }: PublicationCheck, subscription: Subscription): Promise<Finding[]> {
  const findings: Finding[] = [];
  const attempt = async <T>(work: () => T | Promise<T>): Promise<T | null> => {
    try {
      return await work();
    } catch (error) {
      findings.push(asFinding(error));
      return null;
    }
  };
  const { prefix, partitions } = publish;
  const tables: string[] = [];
  for (const { target } of subscription.tables) {
    const topic = await attempt(() => tableTopic(prefix, target));
    if (topic !== null) tables.push(topic);
  }
  const stored = await attempt(() => readState(client, prefix));
  const now = Date.now() * 1000;
  if (tables.length === subscription.tables.length)
    await attempt(() => registered(stored, { subscription, prefix, objection: () => null, freshTopics: new Set(), now }));
  const topics = await attempt(() => judgeTopics(client, { prefix, tables, partitions, written: stored !== null }));
  const known = topics?.there.filter(({ topic }) => tables.includes(topic)) ?? [];
  const untruncatable = known.filter(({ topic }) => topics?.truncatable.has(topic) === false).map(({ topic }) => topic);
  const manyPartitions = partitions > 1 && tables.some((topic) => !known.some((facts) => facts.topic === topic));
  for (const topic of [...untruncatable, ...(manyPartitions ? [`${prefix}.*`] : [])])
    findings.push(newFinding("DB-KAF-163", "warning", topic, { cause: "the table could be truncated, or loaded again, only by hand" }));
  return findings;
}

function asFinding(error: unknown): Finding {
  if (error instanceof ReplicationError) return findingOf(error);
  throw error;
}
