// What a plan's tables hold otherwise than their master does, because the target is of another database family.
import type { Configuration } from "../../engine/config/configuration.ts";
import type { SubscriptionChange } from "../../engine/config/configuration-changes.ts";
import { type CatalogTable, printTable, tableKey, type TableName } from "../../engine/model/table.ts";
import type { Conversion } from "../../mappings/convert-columns.ts";
import { resolveSubscription } from "../../mappings/resolve-subscription.ts";
import { wantedOf } from "./resolve-shares.ts";

export interface PlannedConversion extends Conversion {
  readonly subscription: string;
  /** As readers name it. */
  readonly table: string;
}

/** What the master of a source has; empty when it cannot be asked. */
type Describe = (source: string, tables: readonly TableName[]) => Promise<readonly CatalogTable[]>;

/** Columns of changed tables whose type is not held exactly, in the order of the configuration. */
export async function plannedConversions(
  configuration: Configuration,
  changes: readonly SubscriptionChange[],
  describe: Describe,
): Promise<PlannedConversion[]> {
  const planned: PlannedConversion[] = [];
  for (const change of changes) {
    const wanted = wantedOf(configuration, change.source).find(({ subscription }) => subscription.id === change.subscription);
    if (wanted === undefined || wanted.family === configuration.sources.get(change.source)?.connector) continue;
    const changed = new Set(change.tables.map(({ source }) => tableKey(source)));
    const tables = wanted.share.tables.filter(({ source }) => changed.has(tableKey(source)));
    if (tables.length === 0) continue;
    const catalog = await describe(
      change.source,
      tables.map(({ source }) => source),
    );
    const { conversions } = resolveSubscription({ ...wanted.share, tables }, wanted.subscription, catalog, wanted.family);
    for (const { table, columns } of conversions) {
      const inexact = columns.filter(({ fidelity }) => fidelity !== "exact");
      planned.push(...inexact.map((conversion) => ({ ...conversion, subscription: change.subscription, table: printTable(table) })));
    }
  }
  return planned;
}
