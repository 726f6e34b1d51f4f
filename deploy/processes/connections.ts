// Which implementation serves which connector. With the engine's wiring the only place that knows.
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
import type { SourceConfiguration, TargetConfiguration } from "../../engine/config/configuration.ts";
import type { Finding } from "../../engine/model/finding.ts";
import type { Subscription, TableMapping } from "../../engine/model/share.ts";
import type { TableName } from "../../engine/model/table.ts";
import type { PositionOrder } from "../../engine/model/position.ts";
import type { ChangeSource } from "../../engine/ports/change-source.ts";
import type { ChangeTarget } from "../../engine/ports/change-target.ts";
import type { SnapshotSource } from "../../engine/ports/snapshot-source.ts";
import type { TargetRecords } from "../../engine/ports/target-records.ts";

type Closable<T> = T & { close(): Promise<void> };

/** Nothing is connected before the first call. */
export function openTargetRecords({ connector, address }: TargetConfiguration): TargetRecords {
  return connector === "mysql" ? new MysqlTargetRecords(address) : new PostgresTargetRecords(address);
}

/** For a command's few questions: one connection, nothing to do with the change stream. */
export function openCatalog({ connector, address }: SourceConfiguration): Closable<SnapshotSource> {
  if (connector === "mysql") return new MysqlSnapshot({ address, connections: 1 });
  return new PostgresSnapshot({ address, connections: 1, publication: null });
}

/** For loading: at most so many connections, reading what the change stream will carry on. */
export function openSnapshotSource(source: SourceConfiguration, connections: number): Closable<SnapshotSource> {
  const { connector, address, publication } = source;
  if (connector === "mysql") return new MysqlSnapshot({ address, connections });
  return new PostgresSnapshot({ address, publication, connections });
}

/** `tables`: those whose rows are wanted, where the log holds others too; see MysqlSourceOptions. */
export function openChangeSource(
  { id, connector, address, slot, publication, serverId }: SourceConfiguration,
  tables?: () => readonly TableName[],
): ChangeSource {
  if (connector === "mysql") return new MysqlSource({ address, name: id, serverId, ...(tables === undefined ? {} : { tables }) });
  return new PostgresSource({ address, slot, publication, name: id });
}

/** One subscription's copy in its target. `positions`: how its source orders them. */
export function openTarget(
  { connector, address, readers }: TargetConfiguration,
  subscription: Subscription,
  positions: Pick<PositionOrder, "parse">,
): ChangeTarget {
  const options = { address, subscription, readers, positions };
  return connector === "mysql" ? new MysqlTarget(options) : new PostgresTarget(options);
}

/** What the source must be told to put into its change stream, and whether it does. */
export interface Publication {
  /** Makes the publication what these subscriptions need, as far as dongbo may; what it was before, and is after. */
  prepare(subscriptions: readonly Subscription[]): Promise<{ readonly before: PublicationLook; readonly after: PublicationLook }>;
  /** Looks without changing anything. */
  look(subscriptions: readonly Subscription[]): Promise<PublicationLook>;
}

/** A binary log tells of every table. */
const everythingIsPublished: PublicationLook = { lacking: [], versions: new Map() };

export function openPublication({ connector, address, publication }: SourceConfiguration): Publication {
  if (connector === "mysql") {
    return {
      prepare: () => Promise.resolve({ before: everythingIsPublished, after: everythingIsPublished }),
      look: () => Promise.resolve(everythingIsPublished),
    };
  }
  return {
    prepare: (subscriptions) => preparePublication(address, { publication, subscriptions }),
    look: (subscriptions) => lookAtPublication(address, { publication, subscriptions }),
  };
}

/** `tables`: all that shares name; `mappings`: those that could be resolved. */
export function checkSource(
  source: SourceConfiguration,
  tables: readonly TableName[],
  mappings: readonly TableMapping[],
): Promise<Finding[]> {
  const { id, connector, address, slot, publication, limits } = source;
  const { connections, walRetainedMaxBytes } = limits;
  if (connector === "mysql") return preflightMysqlSource({ source: id, address, connections, tables, mappings });
  return preflightPostgresSource({ source: id, address, slot, publication, connections, walRetainedMaxBytes, tables, mappings });
}

/** `subscriptions`: those of the target that could be resolved. */
export function checkTarget(
  { id, connector, address, readers }: TargetConfiguration,
  subscriptions: readonly Subscription[],
): Promise<Finding[]> {
  const wanted = { target: id, address, readers, subscriptions };
  return connector === "mysql" ? preflightMysqlTarget(wanted) : preflightPostgresTarget(wanted);
}
