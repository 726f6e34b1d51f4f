// The shared tables of a source: whether they can be read, and whether the log tells all that happens to them.
import type { Finding } from "../../../engine/model/finding.ts";
import { newFinding } from "../../../engine/model/new-finding.ts";
import { predicateColumns } from "../../../engine/model/predicate.ts";
import type { TableMapping } from "../../../engine/model/share.ts";
import { printTable, tableKey, type TableName } from "../../../engine/model/table.ts";
import type { MysqlSession } from "../mysql-client.ts";
import { errorNumber } from "../mysql-errors.ts";
import { quoteIdentifiers, quoteTable } from "../quote.ts";
import { readTableNature } from "../table-nature.ts";
import { accountSql } from "./judge-source.ts";
import type { SourceFacts } from "./source-facts.ts";

export async function checkTable(
  session: MysqlSession,
  facts: SourceFacts,
  { table, mappings }: { readonly table: TableName; readonly mappings: readonly TableMapping[] },
): Promise<Finding[]> {
  const subject = printTable(table);
  const access = await tryToRead(session, table, columnsOf(table, mappings));
  if (access === "missing") return [newFinding("DB-MAP-030", "error", subject)];
  if (access === "denied") {
    const sql = [`GRANT SELECT ON ${quoteTable(table)} TO ${accountSql(facts.account)}`];
    return [newFinding("DB-MY-003", "error", subject, { cause: `user ${facts.account} may not read the table`, sql })];
  }
  const nature = await readTableNature(session, table);
  if (nature === null) {
    // Names are looked up without regard to case where the file system has none; the log has the one that was written.
    return [
      newFinding("DB-MAP-030", "error", subject, {
        cause: "the server writes the table's name otherwise",
        remedy: "Write it as the server does",
      }),
    ];
  }
  const findings: Finding[] = [];
  if (nature.kind !== "table") {
    return [newFinding("DB-MAP-037", "error", subject, { cause: `${subject} is a ${nature.kind}, not a table` })];
  }
  if (nature.versioned) findings.push(newFinding("DB-MY-037", "error", subject, { cause: "the table is system-versioned" }));
  if (nature.engine !== "InnoDB") {
    const sql = [`ALTER TABLE ${quoteTable(table)} ENGINE = InnoDB`];
    findings.push(newFinding("DB-MY-037", "error", subject, { cause: `the table's engine is ${nature.engine}`, sql }));
  }
  if (nature.selfActing === null) {
    const cause = `user ${facts.account} may not see how the table is made, and so not whether foreign keys change it`;
    const remedy = "Run the statement: it lets the user see, and do nothing";
    const sql = [`GRANT REFERENCES ON ${quoteTable(table)} TO ${accountSql(facts.account)}`];
    findings.push(newFinding("DB-MY-003", "error", subject, { cause, remedy, sql }));
  } else if (nature.selfActing.length > 0) {
    const cause = `foreign keys change rows of the table by themselves, and the log does not tell: ${nature.selfActing.join(", ")}`;
    findings.push(newFinding("DB-MY-039", "error", subject, { cause }));
  }
  if (isHidden(table.schema, facts)) findings.push(newFinding("DB-MY-033", "error", subject));
  return findings;
}

function isHidden(database: string, { logFilter }: SourceFacts): boolean {
  if (logFilter === null) return false;
  return (logFilter.only.length > 0 && !logFilter.only.includes(database)) || logFilter.without.includes(database);
}

/** Every column that is read of the table; none where no mapping of it could be resolved. */
function columnsOf(table: TableName, mappings: readonly TableMapping[]): string[] {
  const own = mappings.filter(({ source }) => tableKey(source) === tableKey(table));
  const read = own.flatMap(({ columns, key, filter }) => [
    ...columns.map(({ source }) => source),
    ...key,
    ...(filter === null ? [] : predicateColumns(filter)),
  ]);
  return [...new Set(read)];
}

async function tryToRead(session: MysqlSession, table: TableName, columns: readonly string[]): Promise<"readable" | "missing" | "denied"> {
  try {
    await session.query(`SELECT ${columns.length === 0 ? "1" : quoteIdentifiers(columns)} FROM ${quoteTable(table)} LIMIT 0`);
    return "readable";
  } catch (error) {
    const number = errorNumber(error) ?? 0;
    if (unknownNames.has(number)) return "missing";
    if (accessDenied.has(number)) return "denied";
    throw error;
  }
}

const unknownNames: ReadonlySet<number> = new Set([1049, 1146]);
const accessDenied: ReadonlySet<number> = new Set([1044, 1142, 1143]);
