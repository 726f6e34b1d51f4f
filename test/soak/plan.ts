// What the soak runs: sources of all kinds, the copies of each, and dongbo.yaml for them.
import { roles } from "../support/cluster.ts";
import type { TableShare } from "../support/population-config.ts";
import type { MasterKind } from "../support/two-families.ts";
import { type Entitlement, sharedTables } from "../workload/population-copies.ts";
import type { Make } from "../workload/population-tables.ts";

export type SourceName = "pg" | "my" | "dbz";

export const makes: Readonly<Record<SourceName, Make>> = { pg: "portable", my: "mysql", dbz: "portable" };

export interface PlannedCopy extends Entitlement {
  readonly source: SourceName;
  readonly server: MasterKind;
}

function copy(source: SourceName, server: MasterKind, provinces: readonly string[] | null): PlannedCopy {
  return { name: `${source}_${server === "mysql" ? "my" : "pg"}_${provinces?.join("_") ?? "whole"}`, source, server, provinces };
}

/** Of each source, copies on both families from the first two on. */
const allCopies: readonly PlannedCopy[] = [
  copy("pg", "postgres", null),
  copy("pg", "mysql", ["46"]),
  copy("pg", "postgres", ["79", "80"]),
  copy("pg", "postgres", ["01", "46"]),
  copy("my", "mysql", null),
  copy("my", "postgres", ["79", "80"]),
  copy("my", "postgres", null),
  copy("my", "mysql", ["46", "01"]),
  copy("dbz", "postgres", null),
  copy("dbz", "mysql", ["79", "80"]),
  copy("dbz", "postgres", ["46"]),
  copy("dbz", "postgres", ["01", "79"]),
];

export interface SoakPlan {
  readonly sources: readonly SourceName[];
  readonly copies: readonly PlannedCopy[];
  readonly workers: number;
  /** As configured; the product's own when null. */
  readonly leaseSeconds: number | null;
  readonly seed: string;
  readonly seconds: number;
  /** Fewer are a failure. */
  readonly faultsMin: number;
  /** Kinds of faults; null: all that the servers can suffer. */
  readonly kinds: readonly string[] | null;
  /** Row changes a second at each master. */
  readonly changesPerSecond: number;
}

export function copiesOf(sources: readonly SourceName[], each: number): PlannedCopy[] {
  return sources.flatMap((source) => allCopies.filter((planned) => planned.source === source).slice(0, each));
}

/** Copies of one source that have the same tables and filter are of one share. */
function shareOf({ source, provinces }: PlannedCopy): string {
  return `${source}_${provinces === null ? "whole" : "part"}`;
}

export function subscriptionOf(planned: PlannedCopy): string {
  return `${shareOf(planned)}/${planned.name}`;
}

/**
 * A table that no writer touches: what somebody edits in a copy of it stays wrong until it is repaired, and is nothing that the watch
 * over the other tables could take for a violation.
 */
export const register = { name: "register", key: ["id"], columns: ["id", "note"], rows: 300 } as const;

const schemas: Readonly<Record<SourceName, string>> = { pg: "public", my: "national", dbz: "public" };

/** Names as the connectors and dongbo.yaml have them. */
export function qualified(source: SourceName, table: string): string {
  return `${schemas[source]}.${table}`;
}

function tablesOf(planned: PlannedCopy): TableShare[] {
  const { name, key, columns } = register;
  const own = { source: qualified(planned.source, name), target: `population.${name}`, key, columns };
  return [...sharedTables(planned.provinces === null ? "all" : "filtered", makes[planned.source]), own];
}

export function sourceVariable(source: SourceName): string {
  return `SOURCE_${source.toUpperCase()}_URL`;
}

export function targetVariable(name: string): string {
  return `TARGET_${name.toUpperCase()}_URL`;
}

const connectors: Readonly<Record<SourceName, string>> = { pg: "postgres", my: "mysql", dbz: "debezium" };

/** `topics`: the Debezium source's own entries. */
export function soakConfig({ sources, copies, leaseSeconds }: SoakPlan, topics: object): object {
  const shares = [...new Map(copies.map((planned) => [shareOf(planned), planned]))];
  return {
    version: 1,
    control: "${env:CONTROL_URL}",
    data_dir: ".dongbo",
    redis: "${env:REDIS_URL}",
    ...(leaseSeconds === null ? {} : { fleet: { lease: `PT${leaseSeconds}S` } }),
    sources: Object.fromEntries(
      sources.map((source) => [
        source,
        {
          connector: connectors[source],
          provider: { id: "G01", name: "Bộ Công an" },
          ...(source === "dbz" ? topics : { url: `\${env:${sourceVariable(source)}}` }),
        },
      ]),
    ),
    targets: Object.fromEntries(
      copies.map(({ name, server }, index) => [
        name,
        {
          connector: server,
          url: `\${env:${targetVariable(name)}}`,
          readers: [roles.reader],
          consumer: { id: String(index + 1), name: `Tỉnh ${index + 1}` },
        },
      ]),
    ),
    shares: shares.map(([id, first]) => ({
      id,
      source: first.source,
      regulation: { id: "QC-01/2025", validity_period: "PT24H", on_expiry: "refuse", log_retention: "P1Y" },
      agreement: { id: "TT-07/2026", from: "2020-01-01", to: "2099-01-01", purpose: "thử nghiệm", storage_basis: "42.1" },
      model: "intermediary",
      platform: "Nền tảng thử nghiệm",
      tables: tablesOf(first),
      subscriptions: copies
        .filter((planned) => shareOf(planned) === id)
        .map(({ name, provinces }) => ({ target: name, ...(provinces === null ? {} : { parameters: { provinces } }) })),
    })),
  };
}
