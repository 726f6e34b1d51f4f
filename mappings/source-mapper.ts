// The map stage of one source: each change once through the index of its table, and on to the copies it concerns.
import type { ColumnLost, RowChange, TableReplaced, Truncate } from "../engine/model/change-message.ts";

import { predicateColumns } from "../engine/model/predicate.ts";
import { packedKey, type PackedRow, packedValue, unpackRow } from "../engine/model/packed-rows.ts";
import { ABSENT, type Key, type Row, UNCHANGED } from "../engine/model/row.ts";
import type { Subscription, TableMapping } from "../engine/model/share.ts";
import { type StreamedTable, tableKey } from "../engine/model/table.ts";
import type { ChangeMapper, Growth, MapEmit, MappedChange } from "../engine/ports/change-mapper.ts";
import { mismatch } from "./mismatch.ts";
import { FilterIndex } from "./filter-index.ts";
import { compileProjection, isSameKey, type Projection, rowImages } from "./project-row.ts";
import { type Membership, membership, routeChange, type RoutedChange } from "./route-change.ts";
import { checkContract, neededColumns } from "./schema-contract.ts";

/** One table of one subscription. */
interface Route<T> {
  readonly handle: T;
  readonly table: number;
  readonly mapping: TableMapping;
  active: boolean;
}

interface CompiledRoute<T> {
  readonly route: Route<T>;
  readonly projection: Projection;
  old: Membership;
  next: Membership;
  /** The change for which `old` and `next` were last set. */
  seenIn: number;
}

/** The routes of a table for one description of it in the stream. */
interface CompiledTable<T> {
  readonly index: FilterIndex<CompiledRoute<T>>;
  /** An update that comes without a before image has changed neither what a filter asks nor a key. */
  readonly steady: boolean;
  /** Positions of the columns that filters ask. */
  readonly asked: readonly number[];
  /** A row of which nothing but these is there; written anew for each change that comes in one piece. */
  readonly probe: Row;
  readonly mismatches: { readonly route: Route<T>; readonly change: MappedChange; told: boolean }[];
}

export class SourceMapper<T> implements ChangeMapper<T> {
  readonly #routes = new Map<string, Route<T>[]>();
  /** By the table's identity; null when no subscription wants it. */
  readonly #compiled = new Map<string, { readonly streamed: StreamedTable; readonly table: CompiledTable<T> | null }>();
  #change = 0;

  add(handle: T, subscription: Subscription): void {
    for (const [table, mapping] of subscription.tables.entries()) {
      const name = tableKey(mapping.source);
      const routes = this.#routes.get(name) ?? [];
      routes.push({ handle, table, mapping, active: true });
      this.#routes.set(name, routes);
    }
    this.#compiled.clear();
  }

  setActive(handle: T, table: number, active: boolean): void {
    for (const routes of this.#routes.values()) {
      for (const route of routes) if (route.handle === handle && route.table === table) route.active = active;
    }
    this.#compiled.clear();
  }

  remove(handle: T): void {
    for (const [name, routes] of this.#routes) {
      const rest = routes.filter((route) => route.handle !== handle);
      if (rest.length > 0) this.#routes.set(name, rest);
      else this.#routes.delete(name);
    }
    this.#compiled.clear();
  }

  map(change: RowChange | Truncate | TableReplaced | ColumnLost, emit: MapEmit<T>): void {
    if (change.tag === "replaced") {
      this.#replaced(change, emit);
      return;
    }
    if (change.tag === "column lost") {
      this.#columnLost(change, emit);
      return;
    }
    if (change.tag === "truncate") {
      for (const streamed of change.tables) this.#truncate(streamed, emit);
      return;
    }
    const compiled = this.#table(change.table);
    if (compiled === null) return;
    tellMismatches(compiled, emit);
    this.#route(compiled, change, emit);
  }

  #truncate(streamed: StreamedTable, emit: MapEmit<T>): void {
    if (streamed.columns.length === 0) {
      // Of a table without rows so far a binary log tells no columns; the next row's will be compared.
      for (const { handle, table, active } of this.#routesOf(streamed)) if (active) emit(handle, table, { tag: "truncate" });
      return;
    }
    const compiled = this.#table(streamed);
    if (compiled === null) return;
    tellMismatches(compiled, emit);
    compiled.index.visitAll(({ route }) => {
      emit(route.handle, route.table, { tag: "truncate" });
    });
  }

  #replaced({ table, cause }: TableReplaced, emit: MapEmit<T>): void {
    for (const { handle, table: index, mapping, active } of this.#routes.get(tableKey(table)) ?? []) {
      if (active) emit(handle, index, mismatch(mapping, "DB-MAP-014", cause));
    }
  }

  #columnLost({ table, column, newName }: ColumnLost, emit: MapEmit<T>): void {
    const cause = newName === null ? `column "${column}" was dropped` : `column "${column}" was given the name "${newName}"`;
    for (const { handle, table: index, mapping, active } of this.#routes.get(tableKey(table)) ?? []) {
      if (!active || !neededColumns(mapping).some((needed) => needed.toLowerCase() === column.toLowerCase())) continue;
      emit(handle, index, mismatch(mapping, newName === null ? "DB-MAP-010" : "DB-MAP-012", cause));
    }
  }

  #route(compiled: CompiledTable<T>, change: RowChange, emit: MapEmit<T>): void {
    const inPlace = change.tag === "update" && change.before === null && compiled.steady;
    const { packed } = change;
    if (packed !== undefined && (inPlace || change.tag === "insert")) {
      routePacked(compiled, packed, inPlace ? 0 : 1, emit);
      return;
    }
    if (inPlace && change.after !== null) {
      routeInPlace(compiled, change.after, emit);
      return;
    }
    const { old, next } = rowImages(change);
    const concerned = this.#concerned(compiled, old, next);
    for (const entry of concerned) {
      const { projection, route } = entry;
      const newKey = next === null ? null : projection.key(next);
      const oldKey = old === null ? newKey : (projection.key(old) ?? newKey);
      const key = newKey ?? oldKey;
      if (key === null) {
        emit(route.handle, route.table, mismatch(route.mapping, "DB-MAP-013"));
        continue;
      }
      const keyChanged = oldKey !== null && !isSameKey(oldKey, key);
      const action = routeChange(this.#described(entry, change.tag, next, keyChanged));
      const cleared = action.clearsOldKey && keyChanged ? oldKey : null;
      const mapped = mappedChange(action.action, {
        key,
        oldKey: cleared,
        deleteKey: oldKey ?? key,
        growth: growthOf(old === null ? "out" : entry.old, next === null ? "out" : entry.next),
        row: () => projection.row(next ?? []),
      });
      if (mapped !== null) emit(route.handle, route.table, mapped);
    }
  }

  #described(entry: CompiledRoute<T>, op: RowChange["tag"], next: Row | null, keyChanged: boolean): RoutedChange {
    if (op === "delete" || next === null) return { op: "delete", old: entry.old };
    const content = entry.projection.content(next);
    if (op === "insert") return { op, next: entry.next, content };
    return { op, old: entry.old, next: entry.next, content, keyChanged };
  }

  /** Routes whose filter the row passes or may pass, before or after the change. */
  #concerned(compiled: CompiledTable<T>, old: Row | null, next: Row | null): CompiledRoute<T>[] {
    const change = ++this.#change;
    const concerned: CompiledRoute<T>[] = [];
    const meet = (entry: CompiledRoute<T>): void => {
      if (entry.seenIn === change) return;
      entry.seenIn = change;
      entry.old = "out";
      entry.next = "out";
      concerned.push(entry);
    };
    if (old !== null) {
      compiled.index.matches(old, (entry, verdict) => {
        meet(entry);
        entry.old = membership(verdict);
      });
    }
    if (next !== null) {
      compiled.index.matches(next, (entry, verdict) => {
        meet(entry);
        entry.next = membership(verdict);
      });
    }
    return concerned;
  }

  /** Null when no subscription wants the table. */
  #table(streamed: StreamedTable): CompiledTable<T> | null {
    const known = this.#compiled.get(streamed.id);
    if (known !== undefined && known.streamed === streamed) return known.table;
    const routes = this.#routesOf(streamed).filter((route) => route.active);
    const table = routes.length === 0 ? null : compileTable(streamed, routes);
    this.#compiled.set(streamed.id, { streamed, table });
    return table;
  }

  /** By name, and by identity: a table that was renamed must stop its copies, not be lost to them. */
  #routesOf({ table, id }: StreamedTable): Route<T>[] {
    const named = this.#routes.get(tableKey(table)) ?? [];
    const renamed = [...this.#routes.values()].flat().filter((route) => route.mapping.catalog.id === id && !named.includes(route));
    return [...named, ...renamed];
  }
}

function compileTable<T>(streamed: StreamedTable, routes: readonly Route<T>[]): CompiledTable<T> {
  // Subscriptions may have been resolved against different states of the table.
  const catalogued = routes.flatMap((route) => route.mapping.catalog.columns);
  const columns = streamed.columns.map(
    ({ name, typeIdentity }) => catalogued.find((known) => known.name === name && known.type.identity === typeIdentity) ?? null,
  );
  const index = new FilterIndex<CompiledRoute<T>>(columns);
  const mismatches: CompiledTable<T>["mismatches"] = [];
  for (const route of routes) {
    const breach = checkContract(streamed, route.mapping);
    if (breach === null) {
      const projection = compileProjection(streamed, route.mapping);
      index.add({ route, projection, old: "out", next: "out", seenIn: 0 }, route.mapping.filter);
    } else {
      const change: MappedChange = { tag: "mismatch", code: breach.code, message: breach.message };
      mismatches.push({ route, change, told: false });
    }
  }
  return {
    index,
    mismatches,
    steady: isSteady(streamed, routes),
    asked: askedBy(streamed, routes),
    probe: streamed.columns.map(() => ABSENT),
  };
}

/** A row that is new, or that is in each copy or out of it as it was before, and has every value. */
function routePacked<T>({ index, asked, probe }: CompiledTable<T>, packed: PackedRow, growth: Growth, emit: MapEmit<T>): void {
  for (const position of asked) probe[position] = packedValue(packed, position);
  index.matches(probe, ({ route, projection }, verdict) => {
    const row = projection.packedRow(packed);
    if (row === null) emit(route.handle, route.table, mismatch(route.mapping, "DB-MAP-013"));
    else if (verdict === true) emit(route.handle, route.table, new PackedUpsert(row, projection.keyPlaces, growth));
    else emit(route.handle, route.table, { tag: "refetch", key: packedKey(row, projection.keyPlaces), oldKey: null });
  });
}

function askedBy<T>(streamed: StreamedTable, routes: readonly Route<T>[]): number[] {
  const asked = new Set(routes.flatMap(({ mapping: { filter } }) => (filter === null ? [] : [...predicateColumns(filter)])));
  return streamed.columns.flatMap(({ name }, position) => (asked.has(name) ? [position] : []));
}

/** Makes values of the row only for who asks. */
class PackedUpsert {
  readonly tag = "upsert";
  readonly oldKey = null;
  readonly partial = false;
  readonly packed: PackedRow;
  readonly growth: Growth;
  readonly #keyPlaces: readonly number[];

  constructor(packed: PackedRow, places: readonly number[], growth: Growth) {
    this.packed = packed;
    this.growth = growth;
    this.#keyPlaces = places;
  }

  get key(): Key {
    return packedKey(this.packed, this.#keyPlaces);
  }

  get row(): Row {
    return unpackRow(this.packed);
  }
}

/** As it was in a copy or out of it before, it is now, under the same key. */
function routeInPlace<T>({ index }: CompiledTable<T>, row: Row, emit: MapEmit<T>): void {
  index.matches(row, ({ route, projection }, verdict) => {
    const key = projection.key(row);
    if (key === null) {
      emit(route.handle, route.table, mismatch(route.mapping, "DB-MAP-013"));
      return;
    }
    const was = membership(verdict);
    const { action } = routeChange({ op: "update", old: was, next: was, content: projection.content(row), keyChanged: false });
    const growth = growthOf(was, was);
    const mapped = mappedChange(action, { key, oldKey: null, deleteKey: key, growth, row: () => projection.row(row) });
    if (mapped !== null) emit(route.handle, route.table, mapped);
  });
}

/** Whether the identity holds what filters and keys of the routes ask for. */
function isSteady<T>(streamed: StreamedTable, routes: readonly Route<T>[]): boolean {
  if (streamed.identity !== "default" && streamed.identity !== "index") return false;
  const told = new Set(streamed.columns.flatMap(({ name, inIdentity }) => (inIdentity ? [name] : [])));
  return routes.every(({ mapping: { key, filter } }) =>
    [...key, ...(filter === null ? [] : predicateColumns(filter))].every((name) => told.has(name)),
  );
}

function tellMismatches<T>({ mismatches }: CompiledTable<T>, emit: MapEmit<T>): void {
  for (const breach of mismatches) {
    if (breach.told) continue;
    breach.told = true;
    emit(breach.route.handle, breach.route.table, breach.change);
  }
}

interface Keys {
  readonly key: Key;
  readonly oldKey: Key | null;
  readonly deleteKey: Key;
  readonly growth: Growth;
  readonly row: () => Row;
}

function growthOf(old: Membership, next: Membership): Growth {
  return countOf(next) - countOf(old);
}

function countOf(had: Membership): number {
  return had === "unknown" ? Number.NaN : had === "in" ? 1 : 0;
}

function mappedChange(
  action: "none" | "upsert" | "delete" | "refetch",
  { key, oldKey, deleteKey, growth, row }: Keys,
): MappedChange | null {
  switch (action) {
    case "none":
      return null;
    case "delete":
      return { tag: "delete", key: deleteKey, growth };
    case "refetch":
      return { tag: "refetch", key, oldKey, growth };
    case "upsert": {
      const image = row();
      return { tag: "upsert", key, row: image, oldKey, partial: image.includes(UNCHANGED), growth };
    }
  }
}
