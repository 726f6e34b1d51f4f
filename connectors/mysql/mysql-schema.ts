// The catalogue of a MySQL or MariaDB server → engine/model/table.ts. Used by the snapshot, by `check` and when a share is
// resolved. Asked table by table: then the server opens that table alone, and not all it has.
import type { CatalogColumn, CatalogTable, TableName } from "../../engine/model/table.ts";
import { tableKey } from "../../engine/model/table.ts";
import type { MysqlSession, TextRow } from "./mysql-client.ts";
import { ordersByCode } from "./mysql-collations.ts";
import { primary, readUniqueIndexes } from "./mysql-indexes.ts";
import { columnTypeOf, type TypeFacts } from "./mysql-types.ts";
import { canBeFollowed, readTableNature } from "./table-nature.ts";

const columnsSql = `
SELECT COLUMN_NAME AS name, COLUMN_TYPE AS \`type\`, DATA_TYPE AS data_type, CHARACTER_SET_NAME AS charset,
  COLLATION_NAME AS \`collation\`, CHARACTER_OCTET_LENGTH AS octets, NUMERIC_PRECISION AS \`precision\`, NUMERIC_SCALE AS scale,
  DATETIME_PRECISION AS fraction, IS_NULLABLE AS nullable, GENERATION_EXPRESSION AS expression
FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?
ORDER BY ORDINAL_POSITION`;

/**
 * Tables as the catalogue states them now, in the order asked; what does not exist under exactly this name or is no table
 * is left out. A table that cannot be followed whole (canBeFollowed) offers no key, so that nobody follows it; `check` says why.
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
  const nature = await readTableNature(session, table);
  if (nature?.kind !== "table") return null;
  const rows = await session.query(columnsSql, [table.schema, table.name]);
  const columns = rows.map((row) => toColumn(row, nature.jsonColumns.includes(row["name"] ?? "")));
  const indexes = canBeFollowed(nature) ? await readUniqueIndexes(session, table, columns) : [];
  const { partitioned, estimatedRows, estimatedBytes } = nature;
  return {
    table,
    id: tableKey(table),
    columns,
    primaryKey: indexes.find(({ name }) => name === primary)?.columns ?? [],
    uniqueKeys: indexes.filter(({ name }) => name !== primary).map((index) => index.columns),
    identity: { kind: "full", columns: columns.map(({ name }) => name) },
    partitioned,
    estimatedRows,
    estimatedBytes,
    rowSecurityApplies: false,
  };
}

function toColumn(row: TextRow, isJsonText: boolean): CatalogColumn {
  const name = row["name"] ?? "";
  const generated = (row["expression"] ?? "") !== "";
  return {
    name,
    // The catalogue numbers columns by their place, which says nothing of who they were before.
    id: name,
    type: columnTypeOf(typeFacts(row, isJsonText)),
    nullable: row["nullable"] !== "NO",
    bytewiseCollation: ordersByCode(row["collation"] ?? null),
    // Filters compare bytes here whatever the collation, and what is unique under a coarse collation is unique by its bytes.
    deterministic: true,
    generated,
    // Row events hold generated columns, virtual ones too.
    ...(generated ? { publishable: true as const } : {}),
  };
}

function typeFacts(row: TextRow, isJsonText: boolean): TypeFacts {
  const number = (field: string): number | null => (typeof row[field] === "string" ? Number(row[field]) : null);
  return {
    columnType: row["type"] ?? "",
    dataType: row["data_type"] ?? "",
    charset: row["charset"] ?? null,
    collation: row["collation"] ?? null,
    octets: number("octets"),
    precision: number("precision"),
    scale: number("scale"),
    fraction: number("fraction"),
    isJsonText,
  };
}
