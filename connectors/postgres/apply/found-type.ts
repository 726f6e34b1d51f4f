// A user-defined type as it lies in the target now.
import type { ClientBase } from "pg";
import type { TableName } from "../../../engine/model/table.ts";

export interface FoundType {
  /** pg_type.typtype; a table's row type counts as `c` and has no attributes here. */
  readonly typtype: string;
  readonly ours: boolean;
  readonly labels: readonly string[];
  readonly attributes: readonly { readonly name: string; readonly type: string }[];
  readonly subtype: string | null;
  readonly multirange: TableName | null;
}

const typeSql = `
SELECT t.typtype, t.typowner = current_user::regrole AS ours,
  (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum AS e WHERE e.enumtypid = t.oid) AS labels,
  (SELECT json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum)
   FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
   WHERE c.oid = t.typrelid AND c.relkind = 'c' AND a.attnum > 0 AND NOT a.attisdropped) AS attributes,
  format_type(r.rngsubtype, NULL) AS subtype, mn.nspname AS multirange_schema, m.typname AS multirange_name
FROM pg_type AS t
JOIN pg_namespace AS n ON n.oid = t.typnamespace
LEFT JOIN pg_range AS r ON r.rngtypid = t.oid
LEFT JOIN pg_type AS m ON m.oid = r.rngmultitypid
LEFT JOIN pg_namespace AS mn ON mn.oid = m.typnamespace
WHERE n.nspname = $1 AND t.typname = $2`;

/** Null when nothing of that name is there. */
export async function findType(client: ClientBase, name: TableName): Promise<FoundType | null> {
  const { rows } = await client.query<Record<string, string | null>>(typeSql, [name.schema, name.name]);
  const row = rows[0];
  if (row === undefined) return null;
  const multirange = row["multirange_name"];
  return {
    typtype: row["typtype"] ?? "",
    ours: row["ours"] === "t",
    labels: JSON.parse(row["labels"] ?? "[]") as string[],
    attributes: JSON.parse(row["attributes"] ?? "[]") as { name: string; type: string }[],
    subtype: row["subtype"] ?? null,
    multirange: typeof multirange === "string" ? { schema: row["multirange_schema"] ?? "", name: multirange } : null,
  };
}

/** Where a type of that name that belongs to an extension lies in this database; the named extension's own first. */
export async function findExtensionType(client: ClientBase, name: string, extension: string): Promise<TableName | null> {
  const { rows } = await client.query<{ schema: string; name: string }>(
    `SELECT n.nspname AS schema, t.typname AS name
     FROM pg_type AS t
     JOIN pg_namespace AS n ON n.oid = t.typnamespace
     JOIN pg_depend AS d ON d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
     JOIN pg_extension AS x ON d.refclassid = 'pg_extension'::regclass AND x.oid = d.refobjid
     WHERE t.typname = $1
     ORDER BY x.extname <> $2, x.extname LIMIT 1`,
    [name, extension],
  );
  return rows[0] ?? null;
}
