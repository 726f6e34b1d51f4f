import { type Predicate, predicateColumns } from "../model/predicate.ts";
import type { ColumnMapping } from "../model/share.ts";
import type { CatalogTable } from "../model/table.ts";

/** One column of a stored contract. */
interface ContractColumn {
  readonly source: string;
  readonly target: string;
  /** The column's type in the copy, as DDL. */
  readonly type: string;
  /** The copy may hold less than the source has. Left out where it may not. */
  readonly lossy?: true;
}

/** What of the source the rows were read from, as its catalogue tells tables, columns and types apart. */
export interface ContractOrigin {
  readonly table: string;
  /** The columns that the copy needs: shared ones, its key among them, and its filter's. */
  readonly columns: readonly {
    readonly name: string;
    readonly id: string;
    readonly type: string;
    readonly declaration: string;
  }[];
}

/** What the rows of a copy obey: which columns, which rows (null: all), and of what. Stored with the copy as text. */
export interface Contract {
  readonly columns: readonly ContractColumn[];
  readonly filter: Predicate | null;
  readonly origin: ContractOrigin;
}

const contractVersion = 2;

/**
 * The contract as text that is equal for equal contracts: JSON with columns and conditions in a fixed order, so that
 * writing the same filter in another order, or nested otherwise, is no change. Differences that only the columns' types
 * could rule out (`1` and `1.0`) stay differences.
 */
export function canonicalContract(columns: readonly ColumnMapping[], filter: Predicate | null, catalog: CatalogTable): string {
  const shared = columns.map(({ source, target, targetType, sourceType, conversion }): ContractColumn => ({
    source,
    target,
    type: targetType ?? sourceType.declaration,
    ...(conversion === "lossy" ? { lossy: true } : {}),
  }));
  const sorted = shared.toSorted((a, b) => compareText(JSON.stringify(a), JSON.stringify(b)));
  const contract: Contract = {
    columns: sorted,
    filter: filter === null ? null : canonicalPredicate(filter),
    origin: originOf(columns, filter, catalog),
  };
  return JSON.stringify({ version: contractVersion, ...contract });
}

function originOf(columns: readonly ColumnMapping[], filter: Predicate | null, catalog: CatalogTable): ContractOrigin {
  const needed = new Set([...columns.map(({ source }) => source), ...(filter === null ? [] : predicateColumns(filter))]);
  const found = catalog.columns.filter(({ name }) => needed.has(name));
  const origin = found.map(({ name, id, type }) => ({ name, id, type: type.identity, declaration: type.declaration }));
  return { table: catalog.id, columns: origin.toSorted((a, b) => compareText(a.name, b.name)) };
}

/** Reads a stored contract back; null when it was written in a way that this build does not read. */
export function readContract(text: string): Contract | null {
  try {
    const stored = JSON.parse(text) as ({ version?: unknown } & Contract) | null;
    return stored?.version === contractVersion ? { columns: stored.columns, filter: stored.filter, origin: stored.origin } : null;
  } catch {
    return null;
  }
}

/** The same filter in one fixed form. Every rewriting holds in three-valued logic. */
export function canonicalPredicate(predicate: Predicate): Predicate {
  switch (predicate.op) {
    case "all":
    case "any":
      return canonicalJunction(predicate.op, predicate.of);
    case "not": {
      const inner = canonicalPredicate(predicate.of);
      return inner.op === "not" ? inner.of : { op: "not", of: inner };
    }
    case "in":
    case "not_in": {
      const values = [...new Set(predicate.values)].toSorted(compareText);
      const [only] = values;
      if (values.length !== 1 || only === undefined) return { op: predicate.op, column: predicate.column, values };
      return { op: predicate.op === "in" ? "eq" : "ne", column: predicate.column, value: only };
    }
    case "is_null":
      return { op: predicate.op, column: predicate.column, value: predicate.value };
    default:
      return { op: predicate.op, column: predicate.column, value: predicate.value };
  }
}

/** Joins nested parts of the same kind, drops repeated ones, sorts; a single part stands for itself. */
function canonicalJunction(op: "all" | "any", of: readonly Predicate[]): Predicate {
  const parts = new Map<string, Predicate>();
  for (const part of of.map(canonicalPredicate)) {
    for (const flat of part.op === op ? part.of : [part]) parts.set(sortText(flat), flat);
  }
  const sorted = [...parts].toSorted(([a], [b]) => compareText(a, b)).map(([, part]) => part);
  const [only] = sorted;
  return sorted.length === 1 && only !== undefined ? only : { op, of: sorted };
}

/** Columns lead, so that a list of values that grows keeps its place among the other conditions. */
function sortText(predicate: Predicate): string {
  return ("column" in predicate ? `${JSON.stringify(predicate.column)} ` : "~ ") + JSON.stringify(predicate);
}

/** By UTF-16 code units: the same on every machine, unlike a locale's order. */
function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
