// The configuration meets the source's catalogue: a subscription as all stages need it, and, table by table, what stands in
// its way.
import { bindParameters } from "../engine/config/bind-parameters.ts";
import type { ShareConfiguration, SubscriptionConfiguration, TableConfiguration } from "../engine/config/configuration.ts";
import type { ErrorCode } from "../engine/model/error-codes.ts";
import { errorCodes } from "../engine/model/error-codes.ts";
import type { Finding, SourceLocation } from "../engine/model/finding.ts";
import { type Predicate, predicateColumns } from "../engine/model/predicate.ts";
import { ReplicationError } from "../engine/model/replication-error.ts";
import type { StoppedTable, Subscription, TableMapping } from "../engine/model/share.ts";
import { type CatalogColumn, type CatalogTable, printTable, tableKey, type TableName } from "../engine/model/table.ts";
import { checkFilter } from "./check-filter.ts";
import { conversionFinding } from "./conversion-finding.ts";
import { type Conversion, convertColumns, type PlainColumn } from "./convert-columns.ts";
import type { Family } from "./like-type.ts";

/** PostgreSQL's limit of 1,600 columns and InnoDB's of 1,017, less `dongbo_batch`. */
const columnsMax: Readonly<Record<Family, number>> = { postgres: 1_599, mysql: 1_016 };

const tooLong = "a row of InnoDB, of which about 8,000 bytes lie in one page, cannot hold all of these columns";

/** Column of every physical table that says which batch wrote the row. */
const batchColumn = "dongbo_batch";

export interface Resolution {
  readonly subscription: Subscription;
  /** All of them. A table of which one is an error is stopped; the others are followed. */
  readonly findings: readonly Finding[];
  /** What becomes of the columns in a target of another family than the source's. */
  readonly conversions: readonly TableConversions[];
}

export interface TableConversions {
  /** What readers query. */
  readonly table: TableName;
  /** In the copy's order. */
  readonly columns: readonly Conversion[];
}

/** `catalog`: at least the tables of the share that exist · `family`: the target's. */
export function resolveSubscription(
  share: ShareConfiguration,
  subscription: SubscriptionConfiguration,
  catalog: readonly CatalogTable[],
  family: Family,
): Resolution {
  const findings: Finding[] = [];
  const conversions: TableConversions[] = [];
  const tables: TableMapping[] = [];
  const stopped: StoppedTable[] = [];
  for (const table of share.tables) {
    const found = catalog.find((entry) => tableKey(entry.table) === tableKey(table.source)) ?? null;
    const own: Finding[] = [];
    const mapping = found === null ? null : resolveTable(table, found, { subscription, family, findings: own, conversions });
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
  return { subscription: resolved, findings, conversions };
}

interface Resolving {
  readonly subscription: SubscriptionConfiguration;
  readonly family: Family;
  readonly findings: Finding[];
  readonly conversions: TableConversions[];
}

function resolveTable(
  table: TableConfiguration,
  catalog: CatalogTable,
  { subscription, family, findings, conversions }: Resolving,
): TableMapping {
  const name = printTable(table.source);
  const columns = resolveColumns(table, catalog, findings);
  if (columns.length > columnsMax[family]) findings.push(finding("DB-MAP-036", name, table.location));
  const key = keyOf(table, catalog);
  for (const problem of keyProblems(key, columns, catalog)) findings.push(finding(problem.code, name, table.location, problem.cause));
  const filter = filterOf(table, subscription);
  if (filter !== null) findings.push(...filterFindings(filter, catalog, table.location));
  const converted = convertColumns(columns, key, family);
  if (converted.tooLong) findings.push(finding("DB-MAP-036", name, table.location, tooLong));
  for (const conversion of converted.conversions) {
    const location = table.columns?.find(({ source }) => source === conversion.column)?.location ?? table.location;
    findings.push(...conversionFinding(conversion, name, location));
  }
  if (converted.conversions.length > 0) conversions.push({ table: table.target, columns: converted.conversions });
  return {
    ...namesOf(table),
    key,
    columns: converted.columns,
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

function resolveColumns(table: TableConfiguration, catalog: CatalogTable, findings: Finding[]): PlainColumn[] {
  const name = printTable(table.source);
  const columns: PlainColumn[] = [];
  const taken = new Set<string>([batchColumn]);
  for (const { source, target, type, acceptLoss, location } of table.columns ?? everyColumn(table, catalog, findings)) {
    const found = catalog.columns.find((column) => column.name === source);
    const subject = `${name}.${source}`;
    if (found === undefined) findings.push(finding("DB-MAP-031", subject, location));
    else if (!isStreamed(found)) findings.push(finding("DB-MAP-035", subject, location));
    else columns.push({ source, target, sourceType: found.type, targetType: type, nullable: found.nullable, lossAccepted: acceptLoss });
    if (taken.has(target)) findings.push(finding("DB-MAP-034", subject, location, `the copy already has a column "${target}"`));
    taken.add(target);
  }
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
  return { source: column.name, target: column.name, type: null, acceptLoss: false, codeList: null, class: null, location };
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

function keyProblems(key: readonly string[], columns: readonly PlainColumn[], catalog: CatalogTable): KeyProblem[] {
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
 * Rows are read in the order of their keys by comparing with a key's text. In PostgreSQL that needs operators that are found
 * without a search_path and without naming the type: built-in types have them, and enums, but not a domain over an enum.
 * In MySQL it needs values that are equal to themselves after printing, which floating-point numbers may not be.
 */
function canBeKey({ type }: CatalogColumn): boolean {
  if (type.family === "mysql") return type.category !== "float" && (type.category !== "other" || mysqlKeyTypes.has(type.bare));
  if (type.kind === "enum") return true;
  return type.bare.startsWith("pg_catalog.") && !type.bare.endsWith("]");
}

/** MySQL's types without a category that have an order all the same. */
const mysqlKeyTypes: ReadonlySet<string> = new Set(["bit", "inet4", "inet6", "set", "time"]);

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
