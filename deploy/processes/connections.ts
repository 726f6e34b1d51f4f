// Which implementation serves which connector. With the engine's wiring the only place that knows.
import type { SourceNeeds } from "../../connectors/debezium/preflight/judge-connector.ts";
import { KafkaTarget } from "../../connectors/debezium/publish/kafka-target.ts";
import { KafkaTargetRecords } from "../../connectors/debezium/publish/kafka-target-records.ts";
import { preflightPublication } from "../../connectors/debezium/publish/preflight-publication.ts";
import type { PublishOptions } from "../../connectors/debezium/publish/publish-options.ts";
import { MysqlTarget } from "../../connectors/mysql/apply/mysql-target.ts";
import { MysqlCopyTable } from "../../connectors/mysql/compare/mysql-copy-table.ts";
import { MysqlMasterTable } from "../../connectors/mysql/compare/mysql-master-table.ts";
import { MysqlSource } from "../../connectors/mysql/mysql-source.ts";
import { preflightSource as preflightMysqlSource } from "../../connectors/mysql/preflight/preflight-source.ts";
import { preflightTarget as preflightMysqlTarget } from "../../connectors/mysql/preflight/preflight-target.ts";
import { MysqlTargetRecords } from "../../connectors/mysql/records/mysql-target-records.ts";
import { MysqlSnapshot } from "../../connectors/mysql/snapshot/mysql-snapshot.ts";
import { PostgresTarget } from "../../connectors/postgres/apply/postgres-target.ts";
import { PostgresCopyTable } from "../../connectors/postgres/compare/postgres-copy-table.ts";
import { PostgresMasterTable } from "../../connectors/postgres/compare/postgres-master-table.ts";
import { lookAtPublication, preparePublication, type PublicationLook } from "../../connectors/postgres/capture/publication.ts";
import { preflightSource as preflightPostgresSource } from "../../connectors/postgres/preflight/preflight-source.ts";
import { preflightTarget as preflightPostgresTarget } from "../../connectors/postgres/preflight/preflight-target.ts";
import { PostgresSource } from "../../connectors/postgres/postgres-source.ts";
import { PostgresTargetRecords } from "../../connectors/postgres/records/postgres-target-records.ts";
import { PostgresSnapshot } from "../../connectors/postgres/snapshot/postgres-snapshot.ts";
import type {
  DatabaseTargetConfiguration,
  KafkaTargetConfiguration,
  SourceConfiguration,
  TargetConfiguration,
} from "../../engine/config/configuration.ts";
import type { ComparedCopy } from "../../engine/model/canonical-form.ts";
import type { CopyTable, MasterTable } from "../../engine/ports/compared-table.ts";
import type { Carrier } from "../../engine/ports/control-store.ts";
import { assert } from "../../engine/model/assert.ts";
import type { Finding } from "../../engine/model/finding.ts";
import type { ServerAddress } from "../../engine/model/server-address.ts";
import type { Subscription } from "../../engine/model/share.ts";
import type { PositionOrder } from "../../engine/model/position.ts";
import type { ChangeTarget } from "../../engine/ports/change-target.ts";
import type { SnapshotSource } from "../../engine/ports/snapshot-source.ts";
import type { TargetRecords } from "../../engine/ports/target-records.ts";
import { checkTopics, type OpenSource, openTopicCatalog, openTopics, shareTopics, type SourceUse } from "./debezium-connections.ts";
import type { SharedConnection } from "./shared-source.ts";

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

function publishing({ kafka, topics }: KafkaTargetConfiguration): PublishOptions {
  return { kafka, ...topics };
}

/** For a command's few questions: one connection, nothing to do with the change stream. */
export function openCatalog(source: SourceConfiguration): Closable<SnapshotSource> {
  switch (source.connector) {
    case "postgres":
      return new PostgresSnapshot({ address: source.address, connections: 1, publication: null });
    case "mysql":
      return new MysqlSnapshot({ address: source.address, connections: 1 });
    case "debezium":
      return openTopicCatalog(source);
  }
}

/** A source as a whole. Both are to be closed. */
export function openSource(configured: SourceConfiguration, { connections, tables }: SourceUse): OpenSource {
  switch (configured.connector) {
    case "postgres": {
      const { id, address, slot, publication } = configured;
      const snapshot = new PostgresSnapshot({ address, publication, connections });
      return { source: new PostgresSource({ address, slot, publication, name: id }), snapshot };
    }
    case "mysql": {
      const { id, address, serverId } = configured;
      return { source: new MysqlSource({ address, name: id, serverId, tables }), snapshot: new MysqlSnapshot({ address, connections }) };
    }
    case "debezium":
      return openTopics(configured, { connections, tables });
  }
}

/** A source that several processes share, each some slices of it. */
export function openShared(source: SourceConfiguration, use: SourceUse): SharedConnection {
  assert(source.connector === "debezium", "only logs on Kafka can be shared");
  return shareTopics(source, use);
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

/** The master's side of a comparison. Nothing is connected before the first question. */
export function openMasterTable(
  { connector, address }: { readonly connector: "postgres" | "mysql"; readonly address: ServerAddress },
  copy: ComparedCopy,
): MasterTable {
  return connector === "postgres" ? new PostgresMasterTable({ address, copy }) : new MysqlMasterTable({ address, copy });
}

/** The copy's side. `positions`: how its source orders them. */
export function openCopyTable(
  { connector, address }: DatabaseTargetConfiguration,
  options: { readonly copy: ComparedCopy; readonly subscription: string; readonly positions: Pick<PositionOrder, "parse" | "join"> },
): CopyTable {
  return connector === "postgres" ? new PostgresCopyTable({ address, ...options }) : new MysqlCopyTable({ address, ...options });
}

/** What the source must be told to put into its change stream, and whether it does. */
export interface Publication {
  /** What keeps the log after the places of the copies; null: the server itself, for whoever reads it. */
  readonly carrier: Carrier | null;
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
      carrier: null,
      prepare: () => Promise.resolve({ before: everythingIsPublished, after: everythingIsPublished }),
      look: () => Promise.resolve(everythingIsPublished),
    };
  }
  const { id, address, slot, publication } = source;
  return {
    carrier: { source: id, slot },
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
    case "debezium":
      return checkTopics(source, { tables, mappings, validitySeconds });
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
