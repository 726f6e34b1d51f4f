// What the provinces of a simulated world have agreed: which rows and columns of the master each of them gets.
import type { Predicate } from "../../engine/model/predicate.ts";
import type { ExpiryPolicy, Subscription, TableMapping } from "../../engine/model/share.ts";
import { printTable } from "../../engine/model/table.ts";
import { contractText } from "../../deploy/processes/copy-contract.ts";
import type { Entitlement } from "../checker/state-judge.ts";
import { catalogTable, column, tableMapping } from "../support/table-builders.ts";
import type { Random } from "../workload/random.ts";
import type { MasterTable } from "./master.ts";

/** By position, in both tables; the key comes first. */
const provinceColumn = 1;
export const provinces = ["01", "46", "48", "79"] as const;
/** Names that begin so are refused by every copy. */
export const poison = "poison";

const columns = ["id", "province", "name", "note"] as const;

export interface SimulatedShare {
  readonly id: string;
  /** Which of the master's tables, and which of their columns. */
  readonly tables: readonly { readonly table: number; readonly columns: readonly string[] }[];
  /** Null: every row. */
  provinces: readonly string[] | null;
  readonly periodSeconds: number;
  readonly onExpiry: ExpiryPolicy;
  readonly quarantineMax: number;
}

export function masterTables(random: Random): MasterTable[] {
  return ["citizen", "household"].map((name, index) => {
    const kind = random.chance(0.4) ? "full" : "default";
    const large = random.chance(0.3);
    return {
      catalog: catalogTable(
        columns.map((each) => column(each, "text")),
        {
          id: String(16_500 + index),
          table: { schema: "public", name },
          identity: { kind, columns: kind === "full" ? [...columns] : ["id"] },
          // So large that its loads are cut into ranges, by the estimate.
          estimatedBytes: large ? 100_000_000 : 0,
          estimatedRows: large ? 5_000_000 : -1,
        },
      ),
      outOfLine: new Set([columns.indexOf("note")]),
    };
  });
}

export function simulatedShare(index: number, random: Random): SimulatedShare {
  const shipped = (): readonly string[] => random.pick([[...columns], ["id", "name", "note"], ["id", "note", "province"], ["id", "name"]]);
  const tables = random.chance(0.8) ? [0, 1] : [random.between(0, 1)];
  return {
    id: `population/p${index}`,
    tables: tables.map((table) => ({ table, columns: shipped() })),
    provinces: random.chance(0.25) ? null : provinces.filter(() => random.chance(0.4)),
    periodSeconds: random.pick([300, 900, 3600, 86_400]),
    onExpiry: random.chance(0.4) ? "resync" : "refuse",
    quarantineMax: random.chance(0.1) ? 1 : 100,
  };
}

/** As the engine is given it. */
export function subscriptionOf(share: SimulatedShare, tables: readonly MasterTable[]): Subscription {
  return {
    id: share.id,
    share: "population",
    source: "national",
    target: share.id.split("/")[1] ?? "",
    agreement: { id: "TT-07/2026", from: new Date(0), to: null },
    regulation: { id: "QC-01", validityPeriodSeconds: share.periodSeconds, onExpiry: share.onExpiry, logRetentionSeconds: 86_400 },
    tables: mappingsOf(share, tables),
    stopped: [],
    quarantineMax: share.quarantineMax,
  };
}

function mappingsOf(share: SimulatedShare, tables: readonly MasterTable[]): TableMapping[] {
  const filter: Predicate | null = share.provinces === null ? null : { op: "in", column: "province", values: share.provinces };
  return share.tables.map((each) => tableMapping((tables[each.table] as MasterTable).catalog, each.columns, filter));
}

/** What the share says now, as the judge is told it: by table as readers name it. */
export function agreedNow(
  share: SimulatedShare,
  tables: readonly MasterTable[],
): Map<string, { contract: string; entitlement: Entitlement }> {
  const accepted = share.provinces === null ? null : new Set(share.provinces);
  return new Map(
    mappingsOf(share, tables).map((mapping, index) => {
      const { table, columns: shipped } = share.tables[index] as SimulatedShare["tables"][number];
      const entitlement: Entitlement = {
        table,
        columns: shipped.map((name) => columns.indexOf(name as (typeof columns)[number])),
        accepts: (row) => accepted === null || (row[provinceColumn] !== null && accepted.has(row[provinceColumn] ?? "")),
      };
      return [printTable(mapping.target), { contract: contractText(mapping), entitlement }];
    }),
  );
}

/** A copy refuses these rows, by their values. */
export function isPoison(_: string, values: readonly (string | null)[]): boolean {
  return values.some((value) => value?.startsWith(poison) === true);
}
