// Which implementation serves which connector. With the engine's wiring the only place that knows.
import { PostgresTarget } from "../../connectors/postgres/apply/postgres-target.ts";
import { lookAtPublication, preparePublication, type PublicationLook } from "../../connectors/postgres/capture/publication.ts";
import { preflightSource } from "../../connectors/postgres/preflight/preflight-source.ts";
import { preflightTarget } from "../../connectors/postgres/preflight/preflight-target.ts";
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

/** Nothing is connected before the first call. */
export function openTargetRecords(target: TargetConfiguration): TargetRecords {
  return new PostgresTargetRecords(target.address);
}

/** For a command's few questions: one connection, nothing to do with the change stream. */
export function openCatalog(source: SourceConfiguration): SnapshotSource & { close(): Promise<void> } {
  return new PostgresSnapshot({ address: source.address, connections: 1, publication: null });
}

/** For loading: at most so many connections, reading what the change stream will carry on. */
export function openSnapshotSource(source: SourceConfiguration, connections: number): SnapshotSource & { close(): Promise<void> } {
  const { address, publication } = source;
  return new PostgresSnapshot({ address, publication, connections });
}

export function openChangeSource({ id, address, slot, publication }: SourceConfiguration): ChangeSource {
  return new PostgresSource({ address, slot, publication, name: id });
}

/** One subscription's copy in its target. `positions`: how its source orders them. */
export function openTarget(
  { address, readers }: TargetConfiguration,
  subscription: Subscription,
  positions: Pick<PositionOrder, "parse">,
): ChangeTarget {
  return new PostgresTarget({ address, subscription, readers, positions });
}

/** What the source must be told to put into its change stream, and whether it does. */
export interface Publication {
  /** Makes the publication what these subscriptions need, as far as dongbo may; what it was before, and is after. */
  prepare(subscriptions: readonly Subscription[]): Promise<{ readonly before: PublicationLook; readonly after: PublicationLook }>;
  /** Looks without changing anything. */
  look(subscriptions: readonly Subscription[]): Promise<PublicationLook>;
}

export function openPublication({ address, publication }: SourceConfiguration): Publication {
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
  const { id, address, slot, publication, limits } = source;
  const { connections, walRetainedMaxBytes } = limits;
  return preflightSource({ source: id, address, slot, publication, connections, walRetainedMaxBytes, tables, mappings });
}

/** `subscriptions`: those of the target that could be resolved. */
export function checkTarget({ id, address, readers }: TargetConfiguration, subscriptions: readonly Subscription[]): Promise<Finding[]> {
  return preflightTarget({ target: id, address, readers, subscriptions });
}
