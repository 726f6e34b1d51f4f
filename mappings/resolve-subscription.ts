// The configuration meets the source's catalogue: a subscription as all stages need it, or all that stands in its way.
import { bindParameters } from "../engine/config/bind-parameters.ts";
import type { ShareConfiguration, SubscriptionConfiguration, TableConfiguration } from "../engine/config/configuration.ts";
import type { ErrorCode } from "../engine/model/error-codes.ts";
import { errorCodes } from "../engine/model/error-codes.ts";
import type { Finding, SourceLocation } from "../engine/model/finding.ts";
import type { Predicate } from "../engine/model/predicate.ts";
import type { ColumnMapping, Subscription, TableMapping } from "../engine/model/share.ts";
import { type CatalogColumn, type CatalogTable, printTable, tableKey } from "../engine/model/table.ts";
import { checkFilter } from "./check-filter.ts";

/** PostgreSQL's limit of 1,600 columns, less `dongbo_batch`. */
const columnsMax = 1_599;

/** Column of every physical table that says which batch wrote the row. */
const batchColumn = "dongbo_batch";

export interface Resolution {
  /** Null when a finding is an error. */
  readonly subscription: Subscription | null;
  readonly findings: readonly Finding[];
}

/** `catalog`: at least the tables of the share that exist. All mistakes are found at once. */
export function resolveSubscription(
  share: ShareConfiguration,
  subscription: SubscriptionConfiguration,
  catalog: readonly CatalogTable[],
): Resolution {
  const findings: Finding[] = [];
  const tables: TableMapping[] = [];
  for (const table of share.tables) {
    const found = catalog.find((entry) => tableKey(entry.table) === tableKey(table.source));
    const mapping = found === undefined ? null : resolveTable(table, found, subscription, findings);
    if (found === undefined) findings.push(finding("DB-MAP-030", printTable(table.source), table.location));
    if (mapping !== null) tables.push(mapping);
  }
  if (findings.some((entry) => entry.severity === "error")) return { subscription: null, findings };
  const { regulation, agreement } = share;
  const resolved: Subscription = {
    id: subscription.id,
    share: share.id,
    source: share.source,
    target: subscription.target,
    agreement: { id: agreement.id, from: agreement.from, to: agreement.to },
    regulation: {
      id: regulation.id,
      validityPeriodSeconds: regulation.validityPeriodSeconds,
      onExpiry: regulation.onExpiry,
      logRetentionSeconds: regulation.logRetentionSeconds,
    },
    tables,
    quarantineMax: share.quarantineMax,
  };
  return { subscription: resolved, findings };
}

function resolveTable(
  table: TableConfiguration,
  catalog: CatalogTable,
  subscription: SubscriptionConfiguration,
  findings: Finding[],
): TableMapping | null {
  const before = findings.length;
  const name = printTable(table.source);
  const columns = resolveColumns(table, catalog, findings);
  const key = keyOf(table, catalog);
  for (const problem of keyProblems(key, columns, catalog)) findings.push(finding(problem.code, name, table.location, problem.cause));
  const filter = table.where === null ? null : bindParameters(table.where, subscription.parameters);
  if (filter !== null) findings.push(...filterFindings(filter, catalog, table.location));
  if (findings.slice(before).some((entry) => entry.severity === "error")) return null;
  return {
    source: table.source,
    target: table.target,
    physical: { schema: table.physicalSchema, name: table.target.name },
    key,
    columns,
    filter,
    catalog,
  };
}

function resolveColumns(table: TableConfiguration, catalog: CatalogTable, findings: Finding[]): ColumnMapping[] {
  const name = printTable(table.source);
  const columns: ColumnMapping[] = [];
  const taken = new Set<string>([batchColumn]);
  for (const { source, target, type, location } of table.columns ?? everyColumn(table, catalog, findings)) {
    const found = catalog.columns.find((column) => column.name === source);
    const subject = `${name}.${source}`;
    if (found === undefined) findings.push(finding("DB-MAP-031", subject, location));
    else if (!isStreamed(found)) findings.push(finding("DB-MAP-035", subject, location));
    else columns.push({ source, target, sourceType: found.type, targetType: type, nullable: found.nullable });
    if (taken.has(target)) findings.push(finding("DB-MAP-034", subject, location, `the copy already has a column "${target}"`));
    taken.add(target);
  }
  if (columns.length > columnsMax) findings.push(finding("DB-MAP-036", name, table.location));
  return columns;
}

/** All columns of the source that its change stream can carry; that others are left out is worth a warning. */
function everyColumn(table: TableConfiguration, catalog: CatalogTable, findings: Finding[]): NonNullable<TableConfiguration["columns"]> {
  const left = catalog.columns.filter((column) => !isStreamed(column)).map(({ name }) => `"${name}"`);
  if (left.length > 0) {
    const cause = `the copy leaves out the generated ${left.length === 1 ? "column" : "columns"} ${left.join(", ")}, which the source does not put into its change stream`;
    const remedy = "List the columns wanted; the copy's owner can compute the others in a view";
    findings.push({ ...finding("DB-MAP-035", printTable(table.source), table.location, cause), severity: "warning", remedy });
  }
  return catalog.columns.filter(isStreamed).map((column) => plainColumn(column, table.location));
}

function isStreamed(column: CatalogColumn): boolean {
  return !column.generated || column.publishable === true;
}

function plainColumn(column: CatalogColumn, location: SourceLocation): NonNullable<TableConfiguration["columns"]>[number] {
  return { source: column.name, target: column.name, type: null, codeList: null, class: null, location };
}

/** The share's key in the order of the index that stands behind it: rows are read in that order. */
function keyOf(table: TableConfiguration, catalog: CatalogTable): readonly string[] {
  const { key } = table;
  if (key === null) return catalog.primaryKey;
  const sameColumns = (index: readonly string[]): boolean => index.length === key.length && index.every((column) => key.includes(column));
  return [catalog.primaryKey, ...catalog.uniqueKeys].find(sameColumns) ?? key;
}

interface KeyProblem {
  readonly code: ErrorCode;
  readonly cause: string;
}

function keyProblems(key: readonly string[], columns: readonly ColumnMapping[], catalog: CatalogTable): KeyProblem[] {
  if (key.length === 0) return [{ code: "DB-MAP-032", cause: "the table has no primary key and the share names no key" }];
  const problems: KeyProblem[] = [];
  if (![catalog.primaryKey, ...catalog.uniqueKeys].includes(key)) {
    problems.push({ code: "DB-MAP-032", cause: `no unique index over NOT NULL columns has exactly the key (${key.join(", ")})` });
  }
  for (const name of key) {
    const column = catalog.columns.find((entry) => entry.name === name);
    if (column?.deterministic === false) {
      problems.push({ code: "DB-MAP-032", cause: `the key column "${name}" compares text by a nondeterministic collation` });
    } else if (column !== undefined && !canBeKey(column)) {
      problems.push({
        code: "DB-MAP-039",
        cause: `the key column "${name}" has type ${column.type.declaration}, whose order dongbo cannot rely on`,
      });
    }
    if (!columns.some((mapped) => mapped.source === name)) {
      problems.push({ code: "DB-MAP-033", cause: `the key column "${name}" is not among the columns shared` });
    }
  }
  return problems;
}

/**
 * Rows are read in the order of their keys by comparing with a key's text, which needs operators that are found without a
 * search_path and without naming the type: built-in types have them, and enums, but not a domain over an enum.
 */
function canBeKey({ type }: CatalogColumn): boolean {
  if (type.kind === "enum") return true;
  return type.bare.startsWith("pg_catalog.") && !type.bare.endsWith("]");
}

function filterFindings(filter: Predicate, catalog: CatalogTable, location: SourceLocation): Finding[] {
  return checkFilter(filter, catalog, printTable(catalog.table)).map(({ code, subject, cause, remedy }) => ({
    code,
    severity: "error",
    subject,
    cause,
    remedy,
    sql: [],
    location,
  }));
}

function finding(code: ErrorCode, subject: string, location: SourceLocation, cause?: string): Finding {
  const { meaning, remedy } = errorCodes[code];
  return { code, severity: "error", subject, cause: cause ?? meaning, remedy, sql: [], location };
}
