// What `check` asks of a Debezium source before anything runs: brokers, topics, and the connector's own settings. Reads only.
import type { DebeziumOptions } from "../../../engine/model/debezium-options.ts";
import type { Finding } from "../../../engine/model/finding.ts";
import { findingOf, withoutRepeats } from "../../../engine/model/new-finding.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { readConnector } from "./connector-facts.ts";
import { judgeConnector, type SourceNeeds } from "./judge-connector.ts";
import { judgeTopics } from "./judge-topics.ts";
import { readTopics, type TopicReaders } from "./topic-facts.ts";

export interface SourceCheck extends SourceNeeds {
  readonly options: DebeziumOptions;
  /** Opens what the topics are read with. Throws what keeps the brokers from being reached. */
  readonly open: () => Promise<TopicReaders>;
}

/** Never throws for what brokers or connector do or lack: that is a finding. */
export async function preflightSource(check: SourceCheck): Promise<Finding[]> {
  const [settings, topics] = await Promise.all([lookAtConnector(check), lookAtTopics(check)]);
  return withoutRepeats([...settings, ...topics]);
}

async function lookAtConnector({ options, ...needs }: SourceCheck): Promise<Finding[]> {
  if (options.connect === null) return [];
  const { connect } = options;
  return asFindings(async () => judgeConnector(await readConnector(connect), options, needs));
}

async function lookAtTopics({ options, open, tables, validitySeconds }: SourceCheck): Promise<Finding[]> {
  return asFindings(async () => {
    const readers = await open();
    try {
      const seen = await readTopics(readers, options, tables);
      return judgeTopics(seen, { options, validitySeconds, now: Date.now() * 1000, settingsKnown: options.connect !== null });
    } finally {
      await readers.client.close();
    }
  });
}

async function asFindings(look: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof ReplicationError) return [findingOf(error)];
    throw error;
  }
}
