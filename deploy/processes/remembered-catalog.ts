// Tables as their topics describe them, or last did: retention empties the topic of a table that does not change.
import { type CatalogTable, tableKey, type TableName } from "../../engine/model/table.ts";
import type { ControlStore } from "../../engine/ports/control-store.ts";
import type { SnapshotSource } from "../../engine/ports/snapshot-source.ts";

export class RememberedCatalog {
  readonly #source: string;
  readonly #snapshot: Pick<SnapshotSource, "describe">;
  readonly #control: Pick<ControlStore, "described" | "recordDescribed">;
  /** By tableKey, as recorded by this process. */
  readonly #recorded = new Map<string, string>();

  constructor(source: string, snapshot: Pick<SnapshotSource, "describe">, control: Pick<ControlStore, "described" | "recordDescribed">) {
    this.#source = source;
    this.#snapshot = snapshot;
    this.#control = control;
  }

  async describe(tables: readonly TableName[]): Promise<readonly CatalogTable[]> {
    const told = await this.#snapshot.describe(tables);
    await this.#record(told);
    return told.length === tables.length ? told : withRemembered(tables, told, await this.#control.described(this.#source));
  }

  async #record(told: readonly CatalogTable[]): Promise<void> {
    const texts = new Map(told.map((catalog) => [tableKey(catalog.table), JSON.stringify(catalog)]));
    const changed = told.filter(({ table }) => this.#recorded.get(tableKey(table)) !== texts.get(tableKey(table)));
    if (changed.length === 0) return;
    await this.#control.recordDescribed(this.#source, changed);
    for (const { table } of changed) this.#recorded.set(tableKey(table), texts.get(tableKey(table)) ?? "");
  }
}

/** Of these tables what is told of them now, or else what is remembered. */
export function withRemembered(
  tables: readonly TableName[],
  told: readonly CatalogTable[],
  remembered: readonly CatalogTable[],
): readonly CatalogTable[] {
  const known = new Map([...remembered, ...told].map((catalog) => [tableKey(catalog.table), catalog]));
  return tables.flatMap((table) => known.get(tableKey(table)) ?? []);
}
