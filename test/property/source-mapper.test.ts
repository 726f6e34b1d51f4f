// Whatever the source does, and whatever its before images hold, each copy ends as filter∘projection of the master.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RowChange, Truncate } from "../../engine/model/change-message.ts";
import type { Predicate } from "../../engine/model/predicate.ts";
import { ABSENT, type Key, keyText, type Row, UNCHANGED } from "../../engine/model/row.ts";
import type { Subscription, TableMapping } from "../../engine/model/share.ts";
import type { CatalogColumn, CatalogTable, ColumnType, StreamedTable } from "../../engine/model/table.ts";
import { packedBytes, packValues } from "../../engine/model/packed-rows.ts";
import { DriftAccount } from "../../engine/pipeline/drift.ts";
import { NetEffect } from "../../engine/pipeline/net-effect.ts";
import { ChangePacker, isRowChange } from "../../engine/pipeline/packed-change.ts";
import type { MappedChange } from "../../engine/ports/change-mapper.ts";
import type { TableChange } from "../../engine/ports/change-target.ts";
import { SourceMapper } from "../../mappings/source-mapper.ts";

const type = (category: ColumnType["category"], identity: string): ColumnType => ({
  family: "postgres",
  identity,
  declaration: category,
  bare: category,
  kind: "base",
  category,
  definitions: [],
  extension: null,
});

const text = type("text", "25:-1");
const names = ["id", "province", "small", "large"] as const;
const columns: CatalogColumn[] = names.map((name) => ({
  name,
  id: name,
  type: text,
  nullable: name !== "id",
  bytewiseCollation: true,
  deterministic: true,
  generated: false,
}));

type Identity = "default" | "index" | "full";

function streamedTable(identity: Identity): StreamedTable {
  const inIdentity = (name: string): boolean => identity === "full" || name === "id" || (identity === "index" && name === "province");
  return {
    id: "1",
    table: { schema: "public", name: "citizen" },
    identity,
    version: 1,
    columns: names.map((name) => ({ name, typeIdentity: "25:-1", inIdentity: inIdentity(name) })),
  };
}

function mapping(filter: Predicate | null, shipped: readonly string[]): TableMapping {
  const catalog: CatalogTable = {
    table: { schema: "public", name: "citizen" },
    id: "1",
    columns,
    primaryKey: ["id"],
    uniqueKeys: [],
    identity: { kind: "default", columns: ["id"] },
    partitioned: false,
    estimatedRows: 1,
    estimatedBytes: 1,
    rowSecurityApplies: false,
  };
  const mapped = shipped.map((source) => ({ source, target: source, sourceType: text, targetType: null, nullable: true }));
  return { source: catalog.table, target: catalog.table, physical: catalog.table, key: ["id"], columns: mapped, filter, catalog };
}

const mappings: readonly TableMapping[] = [
  mapping(null, ["id", "province", "small", "large"]),
  mapping({ op: "in", column: "province", values: ["A"] }, ["id", "small", "large"]),
  mapping({ op: "in", column: "province", values: ["B", "C"] }, ["large", "id"]),
  mapping({ op: "eq", column: "province", value: "B" }, ["id", "small"]),
  mapping({ op: "not", of: { op: "eq", column: "small", value: "x" } }, ["id", "large"]),
  mapping({ op: "is_null", column: "province", value: true }, ["id", "large", "small"]),
];

interface Person {
  readonly id: string;
  readonly province: string | null;
  readonly small: string;
  readonly large: string;
}

type Step =
  | { readonly kind: "insert"; readonly person: Person }
  | { readonly kind: "update"; readonly id: string; readonly person: Person; readonly keepsLarge: boolean }
  | { readonly kind: "delete"; readonly id: string }
  | { readonly kind: "truncate" };

const id = fc.constantFrom("1", "2", "3", "4");
const person = fc.record({
  id,
  province: fc.constantFrom("A", "B", "C", null),
  small: fc.constantFrom("x", "y"),
  large: fc.constantFrom("p", "q", "r"),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("insert" as const), person }) },
  { weight: 10, arbitrary: fc.record({ kind: fc.constant("update" as const), id, person, keepsLarge: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("delete" as const), id }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("truncate" as const) }) },
);

const bytes = (value: string | null): Buffer | null => (value === null ? null : Buffer.from(value));
const imageOf = (one: Person): Row => names.map((name) => bytes(one[name]));

/** Carries the step out and says what PostgreSQL would put into the stream; null when the source could not do it. */
function carryOut(master: Map<string, Person>, done: Step, table: StreamedTable): RowChange | Truncate | null {
  const identityOf = (one: Person): Row => names.map((name, at) => (table.columns[at]?.inIdentity === true ? bytes(one[name]) : ABSENT));
  switch (done.kind) {
    case "truncate":
      master.clear();
      return { tag: "truncate", tables: [table] };
    case "insert":
      if (master.has(done.person.id)) return null;
      master.set(done.person.id, done.person);
      return { tag: "insert", table, before: null, after: imageOf(done.person) };
    case "delete": {
      const old = master.get(done.id);
      master.delete(done.id);
      return old === undefined ? null : { tag: "delete", table, before: identityOf(old), after: null };
    }
    case "update": {
      const old = master.get(done.id);
      if (old === undefined || (done.person.id !== old.id && master.has(done.person.id))) return null;
      // An index over a nullable column cannot be a replica identity.
      const next = done.keepsLarge ? { ...done.person, large: old.large } : done.person;
      master.delete(old.id);
      master.set(next.id, next);
      const identityChanged = names.some((name, at) => table.columns[at]?.inIdentity === true && old[name] !== next[name]);
      const before = table.identity === "full" || identityChanged ? identityOf(old) : null;
      const after = imageOf(next);
      if (next.large === old.large) after[names.indexOf("large")] = UNCHANGED;
      return { tag: "update", table, before, after };
    }
  }
}

function accepts(filter: Predicate | null, one: Person): boolean {
  if (filter === null) return true;
  switch (filter.op) {
    case "in":
      return one.province !== null && filter.values.includes(one.province);
    case "eq":
      return one.province === filter.value;
    case "not":
      return one.small !== "x";
    default:
      return one.province === null;
  }
}

const project = (table: TableMapping, one: Person): Row =>
  table.columns.map((column) => bytes(one[column.source as (typeof names)[number]]));

/** Writes a net effect as a target does; keys that need the source are read from the master as it is now. */
function write(copy: Map<string, Row>, effect: NetEffect, table: TableMapping, master: ReadonlyMap<string, Person>): void {
  const { change, refetch } = effect.take();
  const keyAt = table.columns.findIndex((column) => column.source === "id");
  const read = (keys: readonly Key[]): Pick<TableChange, "deletes" | "upserts"> => {
    const found = keys.map((key) => master.get(String(key[0]))).filter((one) => one !== undefined && accepts(table.filter, one));
    return { deletes: [...keys], upserts: found.map((one) => project(table, one as Person)) };
  };
  const missing: Key[] = [...refetch];
  if (change.truncate) copy.clear();
  const moved: Row[] = [];
  for (const { key, row } of change.updates) {
    const base = copy.get(keyText(key));
    if (base === undefined) missing.push([row[keyAt] as Buffer]);
    else moved.push(row.map((value, column) => (value === UNCHANGED ? (base[column] ?? null) : value)));
  }
  const extra = read(missing);
  for (const key of [...change.deletes, ...extra.deletes]) copy.delete(keyText(key));
  for (const row of [...moved, ...change.upserts, ...extra.upserts]) copy.set(keyText([row[keyAt] as Buffer]), row);
}

/** As the stream brings it: what comes without a before image and with every value comes in one piece. */
function inOnePiece(change: RowChange | Truncate): RowChange | Truncate {
  if (change.tag === "truncate" || change.before !== null || change.after === null || change.after.includes(UNCHANGED)) return change;
  const bytes = Buffer.alloc(3 + packedBytes(change.after));
  return { ...change, packed: { bytes, from: 3, to: packValues(change.after, bytes, 3) } };
}

/** By way of a subscription's queue. */
function take(effects: readonly NetEffect[], packer: ChangePacker, at: number, change: MappedChange): void {
  if (isRowChange(change)) {
    packer.add(at, change);
    return;
  }
  packer.end();
  effects[at]?.add(change);
}

const whole = mapping(null, names);
const sets: Readonly<Record<string, readonly TableMapping[]>> = { "all kinds of copies": mappings, "whole copies alone": [whole, whole] };
const cases = (["default", "index", "full"] as const).flatMap((identity) => Object.keys(sets).map((set) => [identity, set] as const));

describe("mapping the changes of a source to its copies", () => {
  it.each(cases)("CP-02 CP-03 leaves each copy as filter and projection of the master, replica identity %s, %s", (identity, set) => {
    const wanted = sets[set] ?? [];
    const table = streamedTable(identity);
    const people =
      identity === "index" ? (one: Person): Person => ({ ...one, province: one.province ?? "C" }) : (one: Person): Person => one;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 12 }), (steps, pieceSize) => {
        const master = new Map<string, Person>();
        const mapper = new SourceMapper<string>();
        mapper.add("all", { tables: wanted } as unknown as Subscription);
        const copies = wanted.map(() => new Map<string, Row>());
        const effects = wanted.map((one) => new NetEffect(one));
        let account = new DriftAccount();
        const packer = new ChangePacker(({ table: at, bytes: run, growth }) => {
          effects[at]?.addPacked(run);
          account.add(at, growth);
          // Whatever the before images hold, a whole copy has the row exactly when the master has it.
          if (wanted[at]?.filter === null) expect(growth).not.toBeNaN();
        });
        for (const [index, raw] of steps.entries()) {
          const done = raw.kind === "insert" || raw.kind === "update" ? { ...raw, person: people(raw.person) } : raw;
          const change = carryOut(master, done, table);
          if (change !== null) mapper.map(inOnePiece(change), (_, at, mapped) => take(effects, packer, at, mapped));
          if (change?.tag === "truncate") for (const at of wanted.keys()) account.spoil(at);
          if (index % pieceSize > 0 && index < steps.length - 1) continue;
          packer.end();
          const sizes = copies.map(({ size }) => size);
          for (const [at, effect] of effects.entries()) write(copies[at] as Map<string, Row>, effect, wanted[at] as TableMapping, master);
          const grownBy = (one: TableMapping): number => (copies[wanted.indexOf(one)]?.size ?? 0) - (sizes[wanted.indexOf(one)] ?? 0);
          expect(account.drifts(wanted, grownBy), "what the stream told of each copy's growth").toEqual([]);
          account = new DriftAccount();
        }
        for (const [at, one] of wanted.entries()) {
          const due = [...master.values()].filter((row) => accepts(one.filter, row)).map((row) => project(one, row).map(String).join("|"));
          const found = [...(copies[at]?.values() ?? [])].map((row) => row.map(String).join("|"));
          expect(found.toSorted(), `copy ${at}`).toEqual(due.toSorted());
        }
      }),
      { numRuns: Number(process.env["DONGBO_RUNS"] ?? 1_000) },
    );
  });
});
