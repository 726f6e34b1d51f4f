// Types of the source that have grown since a subscription was resolved: an enum gained labels.
import type { TableMapping } from "../model/share.ts";
import type { LaneParts } from "./lane-parts.ts";

/** Makes the target's types what the source's are now. Throws DB-TGT-009 where more than labels has changed. */
export async function refreshTypes({
  subscription,
  snapshot,
  target,
}: Pick<LaneParts, "subscription" | "snapshot" | "target">): Promise<void> {
  const catalog = await snapshot.describe(subscription.tables.map((table) => table.source));
  for (const table of subscription.tables) {
    const now = catalog.find((entry) => entry.table.schema === table.source.schema && entry.table.name === table.source.name);
    const typeOf = (name: string): TableMapping["columns"][number]["sourceType"] | undefined =>
      now?.columns.find((column) => column.name === name)?.type;
    const columns = table.columns.map((column) => ({ ...column, sourceType: typeOf(column.source) ?? column.sourceType }));
    await target.refreshTypes({ ...table, columns });
  }
}
