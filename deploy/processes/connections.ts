// Which implementation serves which connector. With the engine's wiring the only place that knows.
import { preflightSource } from "../../connectors/postgres/preflight/preflight-source.ts";
import { preflightTarget } from "../../connectors/postgres/preflight/preflight-target.ts";
import { PostgresSource } from "../../connectors/postgres/postgres-source.ts";
import { PostgresTargetRecords } from "../../connectors/postgres/records/postgres-target-records.ts";
import { PostgresSnapshot } from "../../connectors/postgres/snapshot/postgres-snapshot.ts";
import type { SourceConfiguration, TargetConfiguration } from "../../engine/config/configuration.ts";
import type { Finding } from "../../engine/model/finding.ts";
import type { Subscription, TableMapping } from "../../engine/model/share.ts";
import type { TableName } from "../../engine/model/table.ts";
import type { ChangeSource } from "../../engine/ports/change-source.ts";
import type { SnapshotSource } from "../../engine/ports/snapshot-source.ts";
import type { TargetRecords } from "../../engine/ports/target-records.ts";

/** Nothing is connected before the first call. */
export function openTargetRecords(target: TargetConfiguration): TargetRecords {
  return new PostgresTargetRecords(target.address);
}

/** For a command's few questions: one connection, nothing to do with the change stream. */
export function openSnapshotSource(source: SourceConfiguration): SnapshotSource & { close(): Promise<void> } {
  return new PostgresSnapshot({ address: source.address, connections: 1, publication: null });
}

/** For questions about the reservation; nothing is streamed. */
export function openChangeSource({ id, address, slot, publication }: SourceConfiguration): ChangeSource {
  return new PostgresSource({ address, slot, publication, name: id });
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
