// The copies that the randomized tests ask for, and the tests' own statement of what each must hold.
import { compareCopy, type Comparison, describeComparison } from "../checker/compare-copy.ts";
import type { WatchedCopy } from "../checker/prefix-checker.ts";
import type { TableShare } from "../support/population-config.ts";
import { familyOfMake, ledgerTables, type Make, type PopulationTable, populationTables } from "./population-tables.ts";

/** What one copy is entitled to; null: everything. */
export interface Entitlement {
  readonly name: string;
  readonly provinces: readonly string[] | null;
}

/** The copy as the prefix checker looks at it: views in `schema` named like the master's tables. */
export function watchedCopy(
  entitlement: Entitlement,
  urls: { readonly copy: string; readonly master?: string },
  schema = "population",
): WatchedCopy {
  return {
    name: entitlement.name,
    url: urls.copy,
    ...(urls.master === undefined ? {} : { master: urls.master }),
    ledger: `${schema}.ledger`,
    journal: `${schema}.journal`,
    tables: Object.entries(populationTables("native")).map(([name, table]) => ({
      table: table.tracked,
      view: `${schema}.${name}`,
      projection: projectionOf(entitlement),
    })),
    accepts: (bucket) => {
      const [province, status] = bucket.split("/");
      return entitlement.provinces === null || (entitlement.provinces.includes(province ?? "") && status !== "deceased");
    },
  };
}

/** The same entitlement as SQL on the master, written down here a second time and by hand. */
function condition(entitlement: Entitlement, table: PopulationTable): string | undefined {
  if (entitlement.provinces === null) return undefined;
  const inside = `province_code IN (${entitlement.provinces.map((code) => `'${code}'`).join(", ")})`;
  return table === "citizen" ? `${inside} AND status <> 'deceased'` : inside;
}

/** Compares all five tables of a copy with the master by ordered dumps; one line a table, and whether all are equal. */
export async function compareAll(
  entitlement: Entitlement,
  urls: { source: string; target: string },
  schema = "population",
): Promise<{ equal: boolean; lines: string[] }> {
  const results: [string, Comparison][] = [];
  for (const [name, table] of Object.entries(populationTables("native"))) {
    const columns = table.tracked.projections[projectionOf(entitlement)] ?? [];
    const where = condition(entitlement, name as PopulationTable);
    const shape = { columns, key: table.tracked.key, forms: table.tracked.forms };
    const source = { url: urls.source, table: table.tracked.name, ...shape, ...(where === undefined ? {} : { where }) };
    results.push([name, await compareCopy(source, { url: urls.target, table: `${schema}.${name}`, ...shape })]);
  }
  for (const [name, { name: table, columns, key }] of Object.entries(ledgerTables)) {
    const shape = { columns, key };
    results.push([
      name,
      await compareCopy({ url: urls.source, table, ...shape }, { url: urls.target, table: `${schema}.${name}`, ...shape }),
    ]);
  }
  return {
    equal: results.every(([, result]) => result.equal),
    lines: results.map(([name, result]) => describeComparison(`${entitlement.name}.${name}`, result)),
  };
}

function projectionOf(entitlement: Entitlement): "all" | "basic" {
  return entitlement.provinces === null ? "all" : "basic";
}

/** Where the master's tables lie. */
const masterSchemas = { postgres: "public", mysql: "national" } as const;

/** The share's tables as dongbo.yaml names them: whole, or filtered by `$provinces` with the shorter column lists. */
export function sharedTables(kind: "all" | "filtered", make: Make = "native"): TableShare[] {
  const schema = masterSchemas[familyOfMake(make)];
  const inside = { province_code: { in: "$provinces" } };
  const tracked = Object.entries(populationTables("native")).map(([name, { tracked: table }]) => ({
    source: `${schema}.${table.name}`,
    target: `population.${name}`,
    key: table.key,
    columns: table.projections[kind === "all" ? "all" : "basic"] ?? [],
    ...(kind === "all" ? {} : { where: name === "citizen" ? { ...inside, status: { ne: "deceased" } } : inside }),
  }));
  const counted = Object.entries(ledgerTables).map(([name, table]) => ({
    source: `${schema}.${table.name}`,
    target: `population.${name}`,
    key: table.key,
    columns: table.columns,
  }));
  return [...tracked, ...counted];
}
