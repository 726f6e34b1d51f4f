// Facts about the shared tables → findings. Pure.
import type { Finding } from "../../../engine/model/finding.ts";
import type { TableMapping } from "../../../engine/model/share.ts";
import { type ColumnType, printTable, tableKey, type TableName } from "../../../engine/model/table.ts";
import type { PublicationNeed, PublicationState } from "../capture/publication-plan.ts";
import { systemColumns } from "../compare/postgres-master-table.ts";
import { quoteIdentifier, quoteIdentifiers, quoteTable } from "../quote.ts";
import { judgeIdentity } from "./judge-identity.ts";
import { newFinding } from "../../../engine/model/new-finding.ts";
import type { TableFacts } from "./table-facts.ts";

/** A table as `check` sees it: facts, and what the shares make of it. */
export interface CheckedTable {
  readonly facts: TableFacts;
  readonly mappings: readonly TableMapping[];
  /** Its partitions, and the columns needed by all mappings; null when no mapping of it could be resolved. */
  readonly need: PublicationNeed | null;
  /** Major version of the server. */
  readonly major: number;
  readonly publication: CheckedPublication;
}

/** The publication as it is; `complete`: it needs no change, so that statements of its own may be offered. */
export interface CheckedPublication {
  readonly name: string;
  readonly state: PublicationState | null;
  readonly complete: boolean;
}

const kinds: Readonly<Record<string, string>> = {
  v: "a view",
  m: "a materialized view",
  f: "a foreign table",
  S: "a sequence",
  i: "an index",
  I: "an index",
  c: "a composite type",
};

/** Kinds of relations that changes can be followed of, the tables around a table, and its types. `named`: all tables shared. */
export function judgeTable(checked: CheckedTable, named: readonly TableName[], role: string): Finding[] {
  const { facts } = checked;
  const subject = printTable(facts.table);
  if (facts.kind !== "r" && facts.kind !== "p") {
    return [newFinding("DB-MAP-037", "error", subject, { cause: `${subject} is ${kinds[facts.kind] ?? "no table"}, not a table` })];
  }
  if (facts.persistence === "t") return [newFinding("DB-MAP-038", "error", subject, { cause: "the table is temporary" })];
  const findings = [...judgeSurroundings(facts, subject, named), ...judgePrivileges(checked, subject, role)];
  if (facts.persistence === "u") {
    const sql = [`ALTER TABLE ${quoteTable(facts.table)} SET LOGGED`];
    findings.unshift(newFinding("DB-MAP-038", "error", subject, { cause: "the table is unlogged", sql }));
  }
  return [...findings, ...judgeIdentity(checked), ...judgeTypes(checked)];
}

function judgeSurroundings(facts: TableFacts, subject: string, named: readonly TableName[]): Finding[] {
  const isNamed = (table: TableName): boolean => named.some((other) => tableKey(other) === tableKey(table));
  const findings: Finding[] = [];
  for (const root of facts.ancestors.filter(isNamed)) {
    findings.push(
      newFinding("DB-MAP-045", "error", subject, { cause: `shares name both the partition and its partitioned table ${printTable(root)}` }),
    );
  }
  for (const partition of facts.foreignPartitions) {
    findings.push(newFinding("DB-MAP-047", "error", subject, { cause: `its partition ${printTable(partition)} is a foreign table` }));
  }
  const strangers = facts.children.filter((child) => !isNamed(child));
  if (strangers.length > 0) {
    const cause = `the rows of ${strangers.map(printTable).join(", ")}, which inherits from it, are not part of the copy`;
    findings.push(newFinding("DB-MAP-044", "warning", subject, { cause }));
  }
  if (facts.kind === "p") findings.push(newFinding("DB-MAP-042", "warning", subject));
  return findings;
}

function judgePrivileges({ facts, need, mappings }: CheckedTable, subject: string, role: string): Finding[] {
  const findings: Finding[] = [];
  const to = quoteIdentifier(role);
  if (!facts.mayUseSchema) {
    const sql = [`GRANT USAGE ON SCHEMA ${quoteIdentifier(facts.table.schema)} TO ${to}`];
    findings.push(
      newFinding("DB-PG-003", "error", subject, { cause: `role "${role}" may not use the schema "${facts.table.schema}"`, sql }),
    );
  }
  if (need === null) return findings;
  const missing = need.columns.filter((column) => facts.unreadable.includes(column));
  const whole = need.table.columns.every((column) => need.columns.includes(column.name));
  const columns = need.table.columns.map((column) => column.name).filter((column) => need.columns.includes(column));
  const granted = whole ? "" : ` (${quoteIdentifiers([...columns, ...systemColumns])})`;
  const sql = [`GRANT SELECT${granted} ON TABLE ${quoteTable(facts.table)} TO ${to}`];
  if (missing.length > 0) {
    findings.push(newFinding("DB-PG-003", "error", subject, { cause: `role "${role}" may not read ${quoteIdentifiers(missing)}`, sql }));
  } else if (systemColumns.some((column) => facts.unreadable.includes(column))) {
    const cause = `role "${role}" may not read ${systemColumns.join(", ")}, without which \`dongbo reconcile\` cannot compare the table`;
    findings.push(newFinding("DB-PG-003", "warning", subject, { cause, sql }));
  }
  if (mappings.some(({ catalog }) => catalog.rowSecurityApplies)) {
    findings.push(newFinding("DB-PG-031", "error", subject, { sql: [`ALTER ROLE ${to} BYPASSRLS`] }));
  }
  return findings;
}

/** Types whose values refer to other things in their own database, under names or numbers that mean nothing elsewhere. */
const local = /^(?:pg_catalog\.)?"?(?:reg\w+|aclitem|pg_node_tree|pg_ndistinct|pg_dependencies|pg_mcv_list|pg_brin_\w+)"?(?:\[\])*$/;

function judgeTypes({ mappings }: CheckedTable): Finding[] {
  const columns = mappings.flatMap((mapping) =>
    mapping.columns.filter(({ targetType }) => targetType === null).map((column) => ({ mapping, column })),
  );
  return columns
    .filter(({ column }) => isLocal(column.sourceType))
    .map(({ mapping, column }) => {
      const cause = `values of type ${column.sourceType.declaration} mean nothing outside their own database`;
      const remedy = "Leave the column out, or copy it as text with `type: text`";
      return newFinding("DB-MAP-046", "error", `${printTable(mapping.source)}.${column.source}`, { cause, remedy });
    });
}

function isLocal(type: ColumnType): boolean {
  const parts = type.definitions.flatMap((definition) =>
    definition.kind === "composite" ? definition.attributes.map((attribute) => attribute.type) : [],
  );
  return [type.bare, ...parts].some((part) => local.test(part));
}
