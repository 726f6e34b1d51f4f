// What kind of thing a table is, as far as it decides whether its rows can be followed.
import type { TableName } from "../../engine/model/table.ts";
import type { MysqlSession } from "./mysql-client.ts";
import { errorNumber } from "./mysql-errors.ts";
import { quoteTable } from "./quote.ts";

export interface TableNature {
  readonly kind: "table" | "view" | "sequence";
  readonly engine: string;
  /** MariaDB keeps its past rows, and logs them as rows. */
  readonly versioned: boolean;
  /** Columns of MariaDB's type JSON: LONGTEXT with a check that comes of no other declaration. */
  readonly jsonColumns: readonly string[];
  /** Foreign keys of the table that change its rows when another table changes: InnoDB does that behind the log's back. Null: not known. */
  readonly selfActing: readonly string[] | null;
  readonly partitioned: boolean;
  readonly estimatedRows: number;
  readonly estimatedBytes: number;
}

const tableSql = `
SELECT TABLE_SCHEMA AS \`schema\`, TABLE_NAME AS name, TABLE_TYPE AS kind, ENGINE AS engine, TABLE_ROWS AS \`rows\`,
  DATA_LENGTH AS bytes, CREATE_OPTIONS AS options
FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?`;

const kinds: Readonly<Record<string, TableNature["kind"]>> = {
  "BASE TABLE": "table",
  "SYSTEM VERSIONED": "table",
  VIEW: "view",
  "SYSTEM VIEW": "view",
  SEQUENCE: "sequence",
};

/** Null: there is nothing of exactly this name. Temporary tables are nothing. */
export async function readTableNature(session: MysqlSession, { schema, name }: TableName): Promise<TableNature | null> {
  const rows = await session.query(tableSql, [schema, name]);
  // Names compare here without regard to case, and the server may have tables that differ by nothing else.
  const row = rows.find((candidate) => candidate["schema"] === schema && candidate["name"] === name);
  const kind = kinds[row?.["kind"] ?? ""];
  if (row === undefined || kind === undefined) return null;
  const lines = kind === "table" ? await readDefinition(session, { schema, name }) : null;
  return {
    kind,
    engine: row["engine"] ?? "none",
    versioned: row["kind"] === "SYSTEM VERSIONED",
    jsonColumns: namesIn(lines ?? [], jsonColumn),
    selfActing: lines === null ? null : namesIn(lines, selfActingKey),
    partitioned: /\bpartitioned\b/.test(row["options"] ?? ""),
    estimatedRows: Number(row["rows"] ?? -1),
    estimatedBytes: Number(row["bytes"] ?? 0),
  };
}

// Whoever may only SELECT finds neither checks nor foreign keys in information_schema, but may see how the table is made.
const jsonColumn = /^ *`((?:[^`]|``)+)` longtext .* CHECK \(json_valid\(`\1`\)\),?$/;
const selfActingKey = /^ *CONSTRAINT `((?:[^`]|``)+)` FOREIGN KEY .* ON (?:DELETE|UPDATE) (?:CASCADE|SET NULL|SET DEFAULT)[^`]*$/;

/** Lines of the table's CREATE TABLE, one for each column and constraint; null: the user may read some columns, and not see it. */
async function readDefinition(session: MysqlSession, table: TableName): Promise<string[] | null> {
  await session.query("SET SESSION sql_quote_show_create = 1");
  try {
    const [row] = await session.query(`SHOW CREATE TABLE ${quoteTable(table)}`);
    return (row?.["Create Table"] ?? "").split("\n");
  } catch (error) {
    if (errorNumber(error) === tableAccessDenied) return null;
    throw error;
  }
}

/** ER_TABLEACCESS_DENIED_ERROR. */
const tableAccessDenied = 1142;

function namesIn(lines: readonly string[], form: RegExp): string[] {
  return lines.flatMap((line) => form.exec(line)?.[1]?.replaceAll("``", "`") ?? []);
}

/** One snapshot shows all its rows, and the log tells all that happens to them. */
export function canBeFollowed({ kind, engine, versioned, selfActing }: TableNature): boolean {
  return kind === "table" && engine === "InnoDB" && !versioned && selfActing?.length === 0;
}
