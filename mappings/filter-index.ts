// Which of many subscriptions a row concerns. A filter that can be true only for certain values of a column is found
// through an index on these values, so that a row costs one look-up however many subscriptions there are.
import { assert } from "../engine/model/assert.ts";
import type { Predicate } from "../engine/model/predicate.ts";
import type { Row } from "../engine/model/row.ts";
import { isProvenByProbe, probesOf, varietyOf, type Probe } from "./filter-probes.ts";
import { valueKind, type ValueKind } from "./filter-value.ts";
import { compileFilter, longestKey, UNKNOWN, type FilterColumn, type RowFilter } from "./row-filter.ts";

interface Member<T> {
  readonly entry: T;
  readonly predicate: Predicate | null;
  readonly filter: RowFilter;
  /** Where a look-up succeeds, it alone proves the filter true. */
  readonly provenByProbe: boolean;
  /** The row that the member was last considered for: several look-ups may lead to it. */
  consideredFor: number;
}

interface ColumnIndex<T> {
  readonly position: number;
  readonly kind: ValueKind;
  readonly byKey: Map<string, Member<T>[]>;
  readonly members: Set<Member<T>>;
  longest: number;
}

type Visit<T> = (entry: T, verdict: true | typeof UNKNOWN) => void;

/** Routes rows of one source table to the subscriptions whose filters they pass. `T` is the caller's handle of one. */
export class FilterIndex<T> {
  readonly #columns: readonly (FilterColumn | null)[];
  readonly #members = new Map<T, Member<T>>();
  #indexes: ColumnIndex<T>[] = [];
  #unindexed: Member<T>[] = [];
  #stale = false;
  #row = 0;

  /** `columns` as for compileFilter. */
  constructor(columns: readonly (FilterColumn | null)[]) {
    this.#columns = columns;
  }

  /** Adds a subscription with a filter that checkFilter has found nothing wrong with; null: all rows. */
  add(entry: T, predicate: Predicate | null): void {
    assert(!this.#members.has(entry), "a subscription is in the index of a table once");
    const filter = compileFilter(predicate, this.#columns);
    const provenByProbe = predicate !== null && isProvenByProbe(predicate);
    this.#members.set(entry, { entry, predicate, filter, provenByProbe, consideredFor: 0 });
    this.#stale = true;
  }

  /** False when it was not there. */
  remove(entry: T): boolean {
    const removed = this.#members.delete(entry);
    this.#stale ||= removed;
    return removed;
  }

  get size(): number {
    return this.#members.size;
  }

  /**
   * Visits each subscription whose filter is true for the row, or may be, once, in no particular order. The visitor must
   * not use the index itself.
   */
  matches(row: Row, visit: Visit<T>): void {
    if (this.#stale) this.#rebuild();
    this.#row += 1;
    for (const member of this.#unindexed) this.#consider(member, row, visit);
    for (const index of this.#indexes) {
      const value = row[index.position];
      // A comparison with NULL is never true.
      if (value === null) continue;
      const key = typeof value === "object" ? index.kind.key(value, index.longest) : null;
      if (key === null) {
        for (const member of index.members) this.#consider(member, row, visit);
        continue;
      }
      const found = index.byKey.get(key);
      if (found === undefined) continue;
      for (const member of found) {
        if (!member.provenByProbe) this.#consider(member, row, visit);
        else if (this.#isFirstLook(member)) visit(member.entry, true);
      }
    }
  }

  /** Every subscription, whatever its filter. */
  visitAll(visit: (entry: T) => void): void {
    for (const entry of this.#members.keys()) visit(entry);
  }

  #consider(member: Member<T>, row: Row, visit: Visit<T>): void {
    if (!this.#isFirstLook(member)) return;
    const verdict = member.filter.evaluate(row);
    if (verdict === true || verdict === UNKNOWN) visit(member.entry, verdict);
  }

  #isFirstLook(member: Member<T>): boolean {
    if (member.consideredFor === this.#row) return false;
    member.consideredFor = this.#row;
    return true;
  }

  #rebuild(): void {
    this.#stale = false;
    this.#indexes = [];
    this.#unindexed = [];
    const members = [...this.#members.values()];
    const predicates = members.map((member) => member.predicate).filter((predicate) => predicate !== null);
    const variety = varietyOf(predicates, this.#columns);
    for (const member of members) {
      const probes = member.predicate === null ? null : probesOf(member.predicate, this.#columns, variety);
      if (probes === null) this.#unindexed.push(member);
      else for (const probe of probes) this.#enter(member, probe);
    }
  }

  #enter(member: Member<T>, { position, keys }: Probe): void {
    const index = this.#indexes.find((candidate) => candidate.position === position) ?? this.#addIndex(position);
    index.members.add(member);
    index.longest = Math.max(index.longest, longestKey(keys));
    for (const key of keys) {
      const sharing = index.byKey.get(key);
      if (sharing === undefined) index.byKey.set(key, [member]);
      else sharing.push(member);
    }
  }

  #addIndex(position: number): ColumnIndex<T> {
    const kind = valueKind(this.#columns[position]?.type.category ?? "other");
    assert(kind, "a filter compares columns that can be compared");
    const index: ColumnIndex<T> = { position, kind, byKey: new Map(), members: new Set(), longest: 0 };
    this.#indexes.push(index);
    return index;
  }
}
