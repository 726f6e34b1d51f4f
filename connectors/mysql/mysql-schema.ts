// The catalogue of a MySQL or MariaDB server → engine/model/table.ts. Used by the snapshot, by `check` and when a share is
// resolved. Asked table by table: then the server opens that table alone, and not all it has.
import type { CatalogColumn, CatalogTable, TableName } from "../../engine/model/table.ts";
import { tableKey } from "../../engine/model/table.ts";
import type { MysqlSession, TextRow } from "./mysql-client.ts";
import { ordersByCode } from "./mysql-collations.ts";
import { primary, readUniqueIndexes } from "./mysql-indexes.ts";
import { columnTypeOf, type TypeFacts } from "./mysql-types.ts";

const tableSql = `
SELECT TABLE_SCHEMA AS \`schema\`, TABLE_NAME AS name, TABLE_TYPE AS kind, ENGINE AS engine, TABLE_ROWS AS \`rows\`,
  DATA_LENGTH AS bytes, CREATE_OPTIONS AS options
FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?`;

const columnsSql = `
SELECT COLUMN_NAME AS name, COLUMN_TYPE AS \`type\`, DATA_TYPE AS data_type, CHARACTER_SET_NAME AS charset,
  COLLATION_NAME AS \`collation\`, CHARACTER_OCTET_LENGTH AS octets, NUMERIC_PRECISION AS \`precision\`, NUMERIC_SCALE AS scale,
  DATETIME_PRECISION AS fraction, IS_NULLABLE AS nullable, GENERATION_EXPRESSION AS expression
FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?
ORDER BY ORDINAL_POSITION`;

const checksSql = `
SELECT CHECK_CLAUSE AS clause FROM information_schema.CHECK_CONSTRAINTS
WHERE CONSTRAINT_SCHEMA = ? AND TABLE_NAME = ? AND CHECK_CLAUSE LIKE 'json_valid(%'`;

/**
 * Tables as the catalogue states them now, in the order asked; what does not exist under exactly this name or is no table
 * is left out. Keys are offered only by tables whose rows one snapshot shows: InnoDB, without system versioning.
 */
export async function describeTables(session: MysqlSession, tables: readonly TableName[]): Promise<CatalogTable[]> {
  // Without it MySQL answers with sizes of up to a day ago.
  if (session.flavour === "mysql") await session.query("SET SESSION information_schema_stats_expiry = 0");
  const found: CatalogTable[] = [];
  for (const table of tables) {
    const described = await describeTable(session, table);
    if (described !== null) found.push(described);
  }
  return found;
}

async function describeTable(session: MysqlSession, table: TableName): Promise<CatalogTable | null> {
  const names = [table.schema, table.name];
  const rows = await session.query(tableSql, names);
  // Names compare here without regard to case, and the server may have tables that differ by nothing else.
  const row = rows.find((candidate) => candidate["schema"] === table.schema && candidate["name"] === table.name);
  const kind = row?.["kind"] ?? "";
  if (row === undefined || (kind !== "BASE TABLE" && kind !== "SYSTEM VERSIONED")) return null;
  const checks = session.flavour === "mariadb" ? await session.query(checksSql, names) : [];
  const columns = (await session.query(columnsSql, names)).map((column) => toColumn(column, checks));
  const oneSnapshot = kind === "BASE TABLE" && row["engine"] === "InnoDB";
  const indexes = oneSnapshot ? await readUniqueIndexes(session, table, columns) : [];
  return {
    table,
    id: tableKey(table),
    columns,
    primaryKey: indexes.find(({ name }) => name === primary)?.columns ?? [],
    uniqueKeys: indexes.filter(({ name }) => name !== primary).map((index) => index.columns),
    identity: { kind: "full", columns: columns.map(({ name }) => name) },
    partitioned: /\bpartitioned\b/.test(row["options"] ?? ""),
    estimatedRows: Number(row["rows"] ?? -1),
    estimatedBytes: Number(row["bytes"] ?? 0),
    rowSecurityApplies: false,
  };
}

function toColumn(row: TextRow, checks: readonly TextRow[]): CatalogColumn {
  const name = row["name"] ?? "";
  const generated = (row["expression"] ?? "") !== "";
  return {
    name,
    // The catalogue numbers columns by their place, which says nothing of who they were before.
    id: name,
    type: columnTypeOf(typeFacts(row, checks)),
    nullable: row["nullable"] !== "NO",
    bytewiseCollation: ordersByCode(row["collation"] ?? null),
    // Filters compare bytes here whatever the collation, and what is unique under a coarse collation is unique by its bytes.
    deterministic: true,
    generated,
    // Row events hold generated columns, virtual ones too.
    ...(generated ? { publishable: true as const } : {}),
  };
}

function typeFacts(row: TextRow, checks: readonly TextRow[]): TypeFacts {
  const number = (field: string): number | null => (typeof row[field] === "string" ? Number(row[field]) : null);
  const quoted = `\`${(row["name"] ?? "").replaceAll("`", "``")}\``;
  return {
    columnType: row["type"] ?? "",
    dataType: row["data_type"] ?? "",
    charset: row["charset"] ?? null,
    collation: row["collation"] ?? null,
    octets: number("octets"),
    precision: number("precision"),
    scale: number("scale"),
    fraction: number("fraction"),
    isJsonText: row["data_type"] === "longtext" && checks.some((check) => check["clause"] === `json_valid(${quoted})`),
  };
}
