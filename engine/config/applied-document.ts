// The configuration as it was agreed and applied: what is disclosed to whom, under which terms. Without secrets and
// addresses, so that it can be kept for ever; with every filter and column written out, so that it means the same for ever.
import { createHash } from "node:crypto";
import type { Predicate } from "../model/predicate.ts";
import { ReplicationError } from "../model/replication-error.ts";
import { printTable, type TableName, tableKey } from "../model/table.ts";
import { bindParameters } from "./bind-parameters.ts";
import type {
  Configuration,
  ReconcileConfiguration,
  ShareConfiguration,
  SubscriptionConfiguration,
  TableConfiguration,
} from "./configuration.ts";
import { canonicalPredicate } from "./contract-text.ts";

export interface AppliedDocument {
  /** Counts up when the shape changes. */
  readonly format: 1;
  /** By id. */
  readonly subscriptions: readonly AppliedSubscription[];
}

export interface AppliedSubscription {
  readonly id: string;
  readonly share: string;
  readonly source: string;
  readonly target: string;
  /** Who, under which agreement and regulation, and how: every item by name, as text. */
  readonly terms: Readonly<Record<string, string>>;
  readonly parameters: Readonly<Record<string, readonly string[]>>;
  /** By source table. */
  readonly tables: readonly AppliedTable[];
}

export interface AppliedTable {
  readonly source: TableName;
  readonly target: TableName;
  readonly physical_schema: string;
  readonly key: readonly string[];
  readonly columns: readonly AppliedColumn[];
  /** With the parameters put in; null: all rows. */
  readonly filter: Predicate | null;
}

export interface AppliedColumn {
  readonly source: string;
  readonly target: string;
  /** As declared in the configuration; null: the source's own type, or what stands for it in the target's family. */
  readonly type: string | null;
  /** The type may hold less than the source's. Left out where it may not. */
  readonly accept_loss?: true;
}

/** What the source has, for tables whose columns or key the file leaves open. */
export interface OpenTable {
  /** Columns that can be shared, in the source's order. */
  readonly columns: readonly string[];
  readonly primaryKey: readonly string[];
}

/** Tables that leave columns or key open, each once, by source. */
export function openTables(configuration: Configuration): { readonly source: string; readonly table: TableName }[] {
  const open = new Map<string, { source: string; table: TableName }>();
  for (const share of configuration.shares) {
    for (const table of share.tables) {
      if (table.columns === null || table.key === null)
        open.set(openKey(share.source, table.source), { source: share.source, table: table.source });
    }
  }
  return [...open.values()];
}

/** Names a table across sources. */
export function openKey(source: string, table: TableName): string {
  return `${source} ${tableKey(table)}`;
}

/** Throws DB-MAP-030 when a table that leaves something open is not among `found`. */
export function toDocument(configuration: Configuration, found: ReadonlyMap<string, OpenTable>): AppliedDocument {
  const subscriptions = configuration.shares.flatMap((share) =>
    share.subscriptions.map((subscription) => ({
      ...toSubscription(share, subscription, found),
      terms: toTerms(configuration, share, subscription),
    })),
  );
  return { format: 1, subscriptions: sortBy(subscriptions, (subscription) => subscription.id) };
}

/** The same text for the same meaning. */
export function documentText(document: AppliedDocument): string {
  return JSON.stringify(document);
}

export function documentDigest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Reads a stored document back; null when it was written in a form that this program does not know. */
export function readDocument(text: string): AppliedDocument | null {
  try {
    const document = JSON.parse(text) as AppliedDocument;
    return (document.format as number) === 1 ? document : null;
  } catch {
    return null;
  }
}

/**
 * The configuration with columns and keys as they were applied where the file leaves them open: what the source has gained
 * since is not disclosed before somebody has applied it.
 */
export function withAppliedTables(configuration: Configuration, document: AppliedDocument): Configuration {
  const shares = configuration.shares.map((share) => ({
    ...share,
    tables: share.tables.map((table) => closeTable(share.id, table, document)),
  }));
  return { ...configuration, shares };
}

/** Columns and keys that were applied for tables that leave them open. */
export function appliedOpenTables(configuration: Configuration, document: AppliedDocument): Map<string, OpenTable> {
  const known = new Map<string, OpenTable>();
  for (const share of configuration.shares) {
    for (const table of share.tables) {
      const applied = findApplied(share.id, table, document);
      if (applied === null) continue;
      known.set(openKey(share.source, table.source), { columns: applied.columns.map((column) => column.source), primaryKey: applied.key });
    }
  }
  return known;
}

function closeTable(share: string, table: TableConfiguration, document: AppliedDocument): TableConfiguration {
  const applied = findApplied(share, table, document);
  if (applied === null) return table;
  const { location } = table;
  const columns =
    table.columns ??
    applied.columns.map(({ source, target, type }) => ({
      source,
      target,
      type,
      acceptLoss: false,
      codeList: null,
      class: null,
      location,
    }));
  return { ...table, columns, key: table.key ?? applied.key };
}

function findApplied(share: string, table: TableConfiguration, document: AppliedDocument): AppliedTable | null {
  for (const subscription of document.subscriptions) {
    if (subscription.share !== share) continue;
    const found = subscription.tables.find((applied) => tableKey(applied.source) === tableKey(table.source));
    if (found !== undefined) return found;
  }
  return null;
}

function toSubscription(
  share: ShareConfiguration,
  subscription: SubscriptionConfiguration,
  found: ReadonlyMap<string, OpenTable>,
): Omit<AppliedSubscription, "terms"> {
  return {
    id: subscription.id,
    share: share.id,
    source: share.source,
    target: subscription.target,
    parameters: Object.fromEntries(
      sortBy([...subscription.parameters], ([name]) => name).map(([name, values]) => [name, values.toSorted()]),
    ),
    tables: sortBy(
      share.tables.map((table) => toTable(share.source, table, { subscription, found })),
      (table) => tableKey(table.source),
    ),
  };
}

function toTerms(configuration: Configuration, share: ShareConfiguration, subscription: SubscriptionConfiguration): Record<string, string> {
  const { agreement, regulation, model } = share;
  const source = configuration.sources.get(share.source);
  const target = configuration.targets.get(subscription.target);
  const connected = model.kind === "intermediary" ? (model.platform ?? "") : `${model.basis.document} ${model.basis.issuer}`;
  const items = [...agreement.items].map(([name, text]): [string, string] => [`agreement ${name}`, text]);
  const terms: readonly [string, string][] = [
    ["provider", source?.provider.id ?? ""],
    ["consumer", target?.consumer.id ?? ""],
    ["readers", (target === undefined || target.connector === "kafka" ? [] : target.readers).join(", ")],
    ["model", `${model.kind} ${connected}`.trim()],
    ["agreement", agreement.id],
    ["agreement from", agreement.from.toISOString()],
    ["agreement to", agreement.to?.toISOString() ?? "open"],
    ["purpose", agreement.purpose],
    ["storage basis", agreement.storageBasis.join(", ")],
    ...items,
    ["regulation", regulation.id],
    ["validity period", `${regulation.validityPeriodSeconds} s`],
    ["on expiry", regulation.onExpiry],
    ["log retention", `${regulation.logRetentionSeconds} s`],
    ["quarantine bound", `${share.quarantineMax} rows`],
    ...reconcileTerms(share.reconcile),
  ];
  return Object.fromEntries(terms);
}

/**
 * What the parties agree on about differences from the master. Left out where it is the default, so that what was applied before there
 * was a choice means the same.
 */
function reconcileTerms({ everySeconds, repair, onDifference }: ReconcileConfiguration): [string, string][] {
  return [
    ...(everySeconds === null ? [] : [["compared every", `${everySeconds} s`] satisfies [string, string]]),
    ...(repair === "none" ? [] : [["repair", repair] satisfies [string, string]]),
    ...(onDifference === "report" ? [] : [["on difference", onDifference] satisfies [string, string]]),
  ];
}

function toTable(
  source: string,
  table: TableConfiguration,
  { subscription, found }: { subscription: SubscriptionConfiguration; found: ReadonlyMap<string, OpenTable> },
): AppliedTable {
  const open = found.get(openKey(source, table.source));
  const columns =
    table.columns?.map(({ source: name, target, type, acceptLoss }) => ({
      source: name,
      target,
      type,
      ...(acceptLoss ? { accept_loss: true as const } : {}),
    })) ?? open?.columns.map((name) => ({ source: name, target: name, type: null }));
  const key = table.key ?? open?.primaryKey;
  if (columns === undefined || key === undefined) throw new ReplicationError("DB-MAP-030", { subject: printTable(table.source) });
  return {
    source: { schema: table.source.schema, name: table.source.name },
    target: { schema: table.target.schema, name: table.target.name },
    physical_schema: table.physicalSchema,
    key,
    columns,
    filter: table.where === null ? null : canonicalPredicate(bindParameters(table.where, subscription.parameters)),
  };
}

function sortBy<Entry>(entries: readonly Entry[], text: (entry: Entry) => string): Entry[] {
  return entries.toSorted((a, b) => (text(a) < text(b) ? -1 : Number(text(a) > text(b))));
}
