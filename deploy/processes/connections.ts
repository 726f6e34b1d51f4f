// Which implementation serves which connector. With the engine's wiring the only place that knows.
import { PostgresTargetRecords } from "../../connectors/postgres/records/postgres-target-records.ts";
import type { TargetConfiguration } from "../../engine/config/configuration.ts";
import type { TargetRecords } from "../../engine/ports/target-records.ts";

/** Nothing is connected before the first call. */
export function openTargetRecords(target: TargetConfiguration): TargetRecords {
  return new PostgresTargetRecords(target.address);
}
