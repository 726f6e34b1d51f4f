// Which implementation serves which connector. With the engine's wiring the only place that knows.
import { DebeziumDecoder } from "../../connectors/debezium/debezium-decoder.ts";
import { type Heartbeats, noHeartbeats, readHeartbeats } from "../../connectors/debezium/heartbeats.ts";
import { openKafkaClient } from "../../connectors/debezium/kafka/open-client.ts";
import type { SourceNeeds } from "../../connectors/debezium/preflight/judge-connector.ts";
import { preflightSource as preflightDebeziumSource } from "../../connectors/debezium/preflight/preflight-source.ts";
import type { TopicReaders } from "../../connectors/debezium/preflight/topic-facts.ts";
import { KafkaTarget } from "../../connectors/debezium/publish/kafka-target.ts";
import { KafkaTargetRecords } from "../../connectors/debezium/publish/kafka-target-records.ts";
import { preflightPublication } from "../../connectors/debezium/publish/preflight-publication.ts";
import type { PublishOptions } from "../../connectors/debezium/publish/publish-options.ts";
import { MysqlTarget } from "../../connectors/mysql/apply/mysql-target.ts";
import { MysqlSource } from "../../connectors/mysql/mysql-source.ts";
import { preflightSource as preflightMysqlSource } from "../../connectors/mysql/preflight/preflight-source.ts";
import { preflightTarget as preflightMysqlTarget } from "../../connectors/mysql/preflight/preflight-target.ts";
import { MysqlTargetRecords } from "../../connectors/mysql/records/mysql-target-records.ts";
import { MysqlSnapshot } from "../../connectors/mysql/snapshot/mysql-snapshot.ts";
import { PostgresTarget } from "../../connectors/postgres/apply/postgres-target.ts";
import { lookAtPublication, preparePublication, type PublicationLook } from "../../connectors/postgres/capture/publication.ts";
import { preflightSource as preflightPostgresSource } from "../../connectors/postgres/preflight/preflight-source.ts";
import { preflightTarget as preflightPostgresTarget } from "../../connectors/postgres/preflight/preflight-target.ts";
import { PostgresSource } from "../../connectors/postgres/postgres-source.ts";
import { PostgresTargetRecords } from "../../connectors/postgres/records/postgres-target-records.ts";
import { PostgresSnapshot } from "../../connectors/postgres/snapshot/postgres-snapshot.ts";
import type { KafkaTargetConfiguration, SourceConfiguration, TargetConfiguration } from "../../engine/config/configuration.ts";
import { assert } from "../../engine/model/assert.ts";
import type { Finding } from "../../engine/model/finding.ts";
import type { Subscription } from "../../engine/model/share.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import type { TableName } from "../../engine/model/table.ts";
import type { PositionOrder } from "../../engine/model/position.ts";
import type { ChangeSource } from "../../engine/ports/change-source.ts";
import type { ChangeTarget } from "../../engine/ports/change-target.ts";
import type { SnapshotSource } from "../../engine/ports/snapshot-source.ts";
import type { TargetRecords } from "../../engine/ports/target-records.ts";
import { DebeziumShare } from "./debezium-share.ts";
import type { SharedConnection } from "./shared-source.ts";

/** A command waits no longer than this for brokers that are down: everything else must still be shown. */
const checkStalledAfterMs = 5_000;

type Closable<T> = T & { close(): Promise<void> };

/** Nothing is connected before the first call. */
export function openTargetRecords(target: TargetConfiguration): TargetRecords {
  switch (target.connector) {
    case "postgres":
      return new PostgresTargetRecords(target.address);
    case "mysql":
      return new MysqlTargetRecords(target.address);
    case "kafka":
      return new KafkaTargetRecords(publishing(target));
  }
}

function publishing({ kafka, client, topics }: KafkaTargetConfiguration): PublishOptions {
  return { kafka, client, ...topics };
}

/** For a command's few questions: one connection, nothing to do with the change stream. */
export function openCatalog(source: SourceConfiguration): Closable<SnapshotSource> {
  if (source.connector === "postgres") return new PostgresSnapshot({ address: source.address, connections: 1, publication: null });
  return openSnapshotSource(source, 1);
}

/** For loading: at most so many connections, reading what the change stream will carry on. */
export function openSnapshotSource(source: SourceConfiguration, connections: number): Closable<SnapshotSource> {
  switch (source.connector) {
    case "postgres":
      return new PostgresSnapshot({ address: source.address, publication: source.publication, connections });
    case "mysql":
      return new MysqlSnapshot({ address: source.address, connections });
    case "debezium":
      throw notWired(source.id);
  }
}

/** `tables`: those whose rows are wanted, where the log holds others too; see MysqlSourceOptions. */
export function openChangeSource(source: SourceConfiguration, tables?: () => readonly TableName[]): ChangeSource {
  switch (source.connector) {
    case "postgres": {
      const { id, address, slot, publication } = source;
      return new PostgresSource({ address, slot, publication, name: id });
    }
    case "mysql": {
      const { id, address, serverId } = source;
      return new MysqlSource({ address, name: id, serverId, ...(tables === undefined ? {} : { tables }) });
    }
    case "debezium":
      throw notWired(source.id);
  }
}

/** A source that several processes share. `tables`: those whose rows are wanted, the same array as long as it holds the same. */
export function openShared(source: SourceConfiguration, tables: () => readonly TableName[]): SharedConnection {
  assert(source.connector === "debezium", "only logs on Kafka can be shared");
  return new DebeziumShare(source, tables);
}

function notWired(subject: string): ReplicationError {
  return new ReplicationError("DB-RUN-001", { subject, cause: "this connector is not wired yet" });
}

/** One subscription's copy in its target. `positions`: how its source orders them. */
export function openTarget(target: TargetConfiguration, subscription: Subscription, positions: Pick<PositionOrder, "parse">): ChangeTarget {
  switch (target.connector) {
    case "postgres":
      return new PostgresTarget({ address: target.address, subscription, readers: target.readers, positions });
    case "mysql":
      return new MysqlTarget({ address: target.address, subscription, readers: target.readers, positions });
    case "kafka":
      return new KafkaTarget({ publish: publishing(target), subscription, positions });
  }
}

/** When a Debezium source's connector was last heard of; null: the source is asked itself. */
export async function readHeartbeatsOf(source: SourceConfiguration): Promise<Heartbeats | null> {
  if (source.connector !== "debezium") return null;
  const { debezium: options } = source;
  const client = await openKafkaClient(options.kafka, options.client, { stalledAfterMs: checkStalledAfterMs });
  try {
    const { heartbeat } = options.topics;
    const exists = (await client.topics([heartbeat])).length > 0;
    return exists ? await readHeartbeats(client, new DebeziumDecoder(options), heartbeat) : noHeartbeats;
  } finally {
    await client.close();
  }
}

/** What the source must be told to put into its change stream, and whether it does. */
export interface Publication {
  /** Makes the publication what these subscriptions need, as far as dongbo may; what it was before, and is after. */
  prepare(subscriptions: readonly Subscription[]): Promise<{ readonly before: PublicationLook; readonly after: PublicationLook }>;
  /** Looks without changing anything. */
  look(subscriptions: readonly Subscription[]): Promise<PublicationLook>;
}

/** A binary log tells of every table; what a Debezium connector leaves out, only its own configuration tells. */
const everythingIsPublished: PublicationLook = { lacking: [], versions: new Map() };

export function openPublication(source: SourceConfiguration): Publication {
  if (source.connector !== "postgres") {
    return {
      prepare: () => Promise.resolve({ before: everythingIsPublished, after: everythingIsPublished }),
      look: () => Promise.resolve(everythingIsPublished),
    };
  }
  const { address, publication } = source;
  return {
    prepare: (subscriptions) => preparePublication(address, { publication, subscriptions }),
    look: (subscriptions) => lookAtPublication(address, { publication, subscriptions }),
  };
}

export function checkSource(source: SourceConfiguration, { tables, mappings, validitySeconds }: SourceNeeds): Promise<Finding[]> {
  const { connections, walRetainedMaxBytes } = source.limits;
  switch (source.connector) {
    case "postgres": {
      const { id, address, slot, publication } = source;
      return preflightPostgresSource({ source: id, address, slot, publication, connections, walRetainedMaxBytes, tables, mappings });
    }
    case "mysql":
      return preflightMysqlSource({ source: source.id, address: source.address, connections, tables, mappings });
    case "debezium": {
      const { debezium: options } = source;
      const open = async (): Promise<TopicReaders> => ({
        client: await openKafkaClient(options.kafka, options.client, { stalledAfterMs: checkStalledAfterMs }),
        decoder: new DebeziumDecoder(options),
      });
      return preflightDebeziumSource({ options, open, tables, mappings, validitySeconds });
    }
  }
}

/** `subscriptions`: those of the target that could be resolved. */
export function checkTarget(target: TargetConfiguration, subscriptions: readonly Subscription[]): Promise<Finding[]> {
  switch (target.connector) {
    case "postgres":
      return preflightPostgresTarget({ target: target.id, address: target.address, readers: target.readers, subscriptions });
    case "mysql":
      return preflightMysqlTarget({ target: target.id, address: target.address, readers: target.readers, subscriptions });
    case "kafka":
      return preflightPublication({ target: target.id, publish: publishing(target), subscriptions });
  }
}
