// The configuration meets the source's catalogue: a subscription as all stages need it, and, table by table, what stands in
// its way.
import { bindParameters } from "../engine/config/bind-parameters.ts";
import type { ShareConfiguration, SubscriptionConfiguration, TableConfiguration } from "../engine/config/configuration.ts";
import type { ErrorCode } from "../engine/model/error-codes.ts";
import { errorCodes } from "../engine/model/error-codes.ts";
import type { Finding, SourceLocation } from "../engine/model/finding.ts";
import { type Predicate, predicateColumns } from "../engine/model/predicate.ts";
import { ReplicationError } from "../engine/model/replication-error.ts";
import type { ColumnMapping, StoppedTable, Subscription, TableMapping } from "../engine/model/share.ts";
import { type CatalogColumn, type CatalogTable, printTable, tableKey } from "../engine/model/table.ts";
import { checkFilter } from "./check-filter.ts";

/** PostgreSQL's limit of 1,600 columns, less `dongbo_batch`. */
const columnsMax = 1_599;

/** Column of every physical table that says which batch wrote the row. */
const batchColumn = "dongbo_batch";

export interface Resolution {
  readonly subscription: Subscription;
  /** All of them. A table of which one is an error is stopped; the others are followed. */
  readonly findings: readonly Finding[];
}

/** `catalog`: at least the tables of the share that exist. */
export function resolveSubscription(
  share: ShareConfiguration,
  subscription: SubscriptionConfiguration,
  catalog: readonly CatalogTable[],
): Resolution {
  const findings: Finding[] = [];
  const tables: TableMapping[] = [];
  const stopped: StoppedTable[] = [];
  for (const table of share.tables) {
    const found = catalog.find((entry) => tableKey(entry.table) === tableKey(table.source)) ?? null;
    const own: Finding[] = [];
    const mapping = found === null ? null : resolveTable(table, found, subscription, own);
    if (found === null) own.push(finding("DB-MAP-030", printTable(table.source), table.location));
    const reason = reasonOf(own);
    if (mapping !== null && reason === null) tables.push(mapping);
    else if (reason !== null) stopped.push(stoppedTable(table, subscription, { catalog: found, reason }));
    findings.push(...own);
  }
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
    stopped,
    quarantineMax: share.quarantineMax,
  };
  return { subscription: resolved, findings };
}

function resolveTable(
  table: TableConfiguration,
  catalog: CatalogTable,
  subscription: SubscriptionConfiguration,
  findings: Finding[],
): TableMapping {
  const name = printTable(table.source);
  const columns = resolveColumns(table, catalog, findings);
  const key = keyOf(table, catalog);
  for (const problem of keyProblems(key, columns, catalog)) findings.push(finding(problem.code, name, table.location, problem.cause));
  const filter = filterOf(table, subscription);
  if (filter !== null) findings.push(...filterFindings(filter, catalog, table.location));
  return {
    ...namesOf(table),
    key,
    columns,
    filter,
    catalog,
  };
}

function namesOf({ source, target, physicalSchema }: TableConfiguration): Pick<TableMapping, "source" | "target" | "physical"> {
  return { source, target, physical: { schema: physicalSchema, name: target.name } };
}

interface Stop {
  readonly catalog: CatalogTable | null;
  readonly reason: ReplicationError;
}

function stoppedTable(table: TableConfiguration, subscription: SubscriptionConfiguration, { catalog, reason }: Stop): StoppedTable {
  const wanted = table.columns?.map(({ source }) => source) ?? catalog?.columns.map(({ name }) => name) ?? [];
  const filter = filterOf(table, subscription);
  return { ...namesOf(table), catalog, columns: [...wanted, ...(filter === null ? [] : predicateColumns(filter))], reason };
}

/** All that is wrong with a table in one message, under the code of the first mistake; null: nothing. */
function reasonOf(findings: readonly Finding[]): ReplicationError | null {
  const errors = findings.filter(({ severity }) => severity === "error");
  const [first] = errors;
  if (first === undefined) return null;
  const others = errors.slice(1).map(({ subject, cause }) => `; ${subject}: ${cause}`);
  const { code, subject, cause, remedy } = first;
  return new ReplicationError(code, { subject, cause: [cause, ...others].join(""), remedy });
}

function filterOf({ where }: TableConfiguration, { parameters }: SubscriptionConfiguration): Predicate | null {
  return where === null ? null : bindParameters(where, parameters);
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
