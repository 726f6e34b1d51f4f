// What a filter's truth requires of single columns: the look-ups by which an index finds the filters a row may pass.
import { assert } from "../engine/model/assert.ts";
import type { Predicate } from "../engine/model/predicate.ts";
import { literalKey } from "./filter-literal.ts";
import type { FilterColumn } from "./row-filter.ts";

/** A column by its position in the row images, and keys (filter-value.ts) of the values of which it must have one. */
export interface Probe {
  readonly position: number;
  readonly keys: readonly string[];
}

/** How many different constants a set of filters holds per column position: the more, the fewer filters share one. */
export type Variety = ReadonlyMap<number, number>;

type Columns = readonly (FilterColumn | null)[];

/**
 * Probes of which at least one succeeds whenever the filter is true, none when it can never be; null when the filter
 * cannot be found that way. Where there is a choice, the columns of greater variety are taken.
 */
export function probesOf(predicate: Predicate, columns: Columns, variety: Variety): readonly Probe[] | null {
  const own = probeOf(predicate, columns);
  if (own !== null) return [own];
  if (predicate.op === "any") {
    const parts = predicate.of.map((part) => probesOf(part, columns, variety));
    return parts.every((part) => part !== null) ? parts.flat() : null;
  }
  if (predicate.op !== "all") return null;
  let best: readonly Probe[] | null = null;
  for (const part of predicate.of) {
    const probes = probesOf(part, columns, variety);
    if (probes !== null && (best === null || selectivity(probes, variety) > selectivity(best, variety))) best = probes;
  }
  return best;
}

/** Counts the constants of equalities; those under `not` find nothing. */
export function varietyOf(predicates: Iterable<Predicate>, columns: Columns): Variety {
  const constants = new Map<number, Set<string>>();
  const visit = (predicate: Predicate): void => {
    if (predicate.op === "all" || predicate.op === "any") predicate.of.forEach(visit);
    const probe = probeOf(predicate, columns);
    if (probe === null) return;
    const known = constants.get(probe.position) ?? new Set();
    for (const key of probe.keys) known.add(key);
    constants.set(probe.position, known);
  };
  for (const predicate of predicates) visit(predicate);
  return new Map([...constants].map(([position, keys]) => [position, keys.size]));
}

/** Nothing but equalities joined by OR: whichever probe succeeds, the filter is true. */
export function isProvenByProbe(predicate: Predicate): boolean {
  if (predicate.op === "any") return predicate.of.every(isProvenByProbe);
  if (predicate.op === "all") return predicate.of.length === 1 && predicate.of.every(isProvenByProbe);
  return predicate.op === "eq" || predicate.op === "in";
}

function probeOf(predicate: Predicate, columns: Columns): Probe | null {
  if (predicate.op !== "eq" && predicate.op !== "in") return null;
  const position = columns.findIndex((column) => column?.name === predicate.column);
  const column = columns[position];
  assert(column, "a filter names columns of its table");
  const keys = new Set<string>();
  for (const value of "values" in predicate ? predicate.values : [predicate.value]) {
    const key = literalKey(column.type, value);
    assert(key !== null, "a filter's constants were checked against their columns");
    keys.add(key);
  }
  return { position, keys: [...keys] };
}

/** The least varied of the columns decides how many filters may have to be looked at for one row. */
function selectivity(probes: readonly Probe[], variety: Variety): number {
  return Math.min(...probes.map((probe) => variety.get(probe.position) ?? 0));
}
