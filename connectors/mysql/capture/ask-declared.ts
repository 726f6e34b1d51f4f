// Which columns of a table are of MariaDB's types that the log writes as plain bytes.
import type { TableName } from "../../../engine/model/table.ts";
import type { DeclaredType, DeclaredTypes } from "../decode/declared-types.ts";
import type { MysqlSession } from "../mysql-client.ts";

export async function askDeclared(session: MysqlSession, { schema, name }: TableName): Promise<DeclaredTypes> {
  const sql = `SELECT COLUMN_NAME AS name, DATA_TYPE AS type FROM information_schema.COLUMNS
               WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND DATA_TYPE IN ('uuid', 'inet4', 'inet6')`;
  const rows = await session.query(sql, [schema, name]);
  return new Map(rows.map((row) => [row["name"] ?? "", (row["type"] ?? "") as DeclaredType]));
}
