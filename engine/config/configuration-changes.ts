// What changes for whom when a configuration takes another's place. Pure; rows are counted by whoever asks the master.
import type { Predicate } from "../model/predicate.ts";
import { printTable, type TableName, tableKey } from "../model/table.ts";
import type { AppliedColumn, AppliedDocument, AppliedSubscription, AppliedTable } from "./applied-document.ts";

export type ChangeKind = "added" | "removed" | "changed";

export interface SubscriptionChange {
  readonly subscription: string;
  readonly source: string;
  readonly target: string;
  readonly kind: ChangeKind;
  /** The source that had it before; null: the same. */
  readonly movedFrom: string | null;
  /** Agreement, regulation, readers and the like: `name: before → after`. */
  readonly terms: readonly string[];
  readonly parameters: readonly ParameterChange[];
  /** Tables that change; all of them when the subscription is added or removed. */
  readonly tables: readonly TableChange[];
}

export interface ParameterChange {
  readonly name: string;
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

export interface TableChange {
  readonly kind: ChangeKind;
  readonly source: TableName;
  /** As readers name it. */
  readonly target: string;
  /** Columns newly disclosed, as readers name them. */
  readonly columnsAdded: readonly string[];
  readonly columnsRemoved: readonly string[];
  /** Columns that keep their name and change their type in the copy. */
  readonly columnsRetyped: readonly string[];
  /** Key, name of the copy or its place changed: the copy is loaded anew. */
  readonly remade: boolean;
  /** Rows before and after; `undefined`: none at all. */
  readonly rows: { readonly before: Predicate | null | undefined; readonly after: Predicate | null | undefined };
}

/** In the order of ids; empty when nothing changes. `before` null: nothing was ever applied. */
export function compareDocuments(before: AppliedDocument | null, after: AppliedDocument): SubscriptionChange[] {
  const old = new Map(before?.subscriptions.map((subscription) => [subscription.id, subscription]));
  const now = new Map(after.subscriptions.map((subscription) => [subscription.id, subscription]));
  const ids = [...new Set([...old.keys(), ...now.keys()])].toSorted();
  return ids.flatMap((id) => {
    const change = compareSubscription(old.get(id), now.get(id));
    return change === null ? [] : [change];
  });
}

function compareSubscription(before: AppliedSubscription | undefined, after: AppliedSubscription | undefined): SubscriptionChange | null {
  const known = after ?? before;
  if (known === undefined) return null;
  const { id: subscription, source, target } = known;
  const tables = compareTables(before?.tables ?? [], after?.tables ?? []);
  if (before === undefined || after === undefined) {
    const kind = before === undefined ? "added" : "removed";
    return { subscription, source, target, kind, movedFrom: null, terms: [], parameters: [], tables };
  }
  const terms = compareTerms(before, after);
  const parameters = compareParameters(before.parameters, after.parameters);
  if (terms.length + parameters.length + tables.length === 0) return null;
  const movedFrom = before.source === source ? null : before.source;
  return { subscription, source, target, kind: "changed", movedFrom, terms, parameters, tables };
}

function compareTerms(before: AppliedSubscription, after: AppliedSubscription): string[] {
  const old = { source: before.source, ...before.terms };
  const now = { source: after.source, ...after.terms };
  const names = new Set([...Object.keys(now), ...Object.keys(old)]);
  const changed = [...names].filter((name) => textOf(old, name) !== textOf(now, name));
  return changed.map((name) => `${name}: ${textOf(old, name)} → ${textOf(now, name)}`);
}

function textOf(terms: Readonly<Record<string, string>>, name: string): string {
  return Object.hasOwn(terms, name) && terms[name] !== "" ? (terms[name] ?? "none") : "none";
}

function compareParameters(before: AppliedSubscription["parameters"], after: AppliedSubscription["parameters"]): ParameterChange[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted();
  return names.flatMap((name) => {
    const [old, now] = [before[name] ?? [], after[name] ?? []];
    const added = now.filter((value) => !old.includes(value));
    const removed = old.filter((value) => !now.includes(value));
    return added.length + removed.length === 0 ? [] : [{ name, added, removed }];
  });
}

function compareTables(before: readonly AppliedTable[], after: readonly AppliedTable[]): TableChange[] {
  const old = new Map(before.map((table) => [tableKey(table.source), table]));
  const now = new Map(after.map((table) => [tableKey(table.source), table]));
  const keys = [...new Set([...old.keys(), ...now.keys()])].toSorted();
  return keys.flatMap((key) => {
    const change = compareTable(old.get(key), now.get(key));
    return change === null ? [] : [change];
  });
}

function compareTable(before: AppliedTable | undefined, after: AppliedTable | undefined): TableChange | null {
  const known = after ?? before;
  if (known === undefined) return null;
  const { source } = known;
  const target = printTable(known.target);
  const rows = { before: before === undefined ? undefined : before.filter, after: after === undefined ? undefined : after.filter };
  const [old, now] = [before?.columns ?? [], after?.columns ?? []];
  const columnsAdded = now.filter((column) => !old.some((other) => isSame(column, other))).map((column) => column.target);
  const columnsRemoved = old.filter((column) => !now.some((other) => isSame(column, other))).map((column) => column.target);
  if (before === undefined || after === undefined) {
    const kind = before === undefined ? "added" : "removed";
    return { kind, source, target, columnsAdded, columnsRemoved, columnsRetyped: [], remade: false, rows };
  }
  const retyped = now.filter((column) => old.some((other) => isSame(column, other) && typeText(other) !== typeText(column)));
  const columnsRetyped = retyped.map((column) => column.target);
  const remade = place(before) !== place(after);
  const filtered = JSON.stringify(before.filter) !== JSON.stringify(after.filter);
  if (columnsAdded.length + columnsRemoved.length + columnsRetyped.length === 0 && !remade && !filtered) return null;
  return { kind: "changed", source, target, columnsAdded, columnsRemoved, columnsRetyped, remade, rows };
}

function isSame(a: AppliedColumn, b: AppliedColumn): boolean {
  return a.source === b.source && a.target === b.target;
}

/** What decides how the values are held. */
function typeText({ type, accept_loss: acceptLoss }: AppliedColumn): string {
  return JSON.stringify([type, acceptLoss ?? false]);
}

/** Where the copy lies and what identifies its rows. */
function place({ target, physical_schema: schema, key }: AppliedTable): string {
  return JSON.stringify([target.schema, target.name, schema, key]);
}
