// What the catalogue says of the tables that shares name, beyond engine/model/table.ts: kinds, privileges, partitions,
// inheritance. Catalogues are open to every role, so a table is seen even where it may not be read.
import type { ClientBase } from "pg";
import type { TableName } from "../../../engine/model/table.ts";

export interface TableFacts {
  readonly table: TableName;
  readonly id: string;
  /** pg_class.relkind: r table, p partitioned, v view, m materialized view, f foreign, S sequence … */
  readonly kind: string;
  /** pg_class.relpersistence: p logged, u unlogged, t temporary. */
  readonly persistence: string;
  readonly mayUseSchema: boolean;
  /** Columns that the role may not select. */
  readonly unreadable: readonly string[];
  /** Tables that inherit from this one without being its partitions. */
  readonly children: readonly TableName[];
  /** Partitioned tables above this one. */
  readonly ancestors: readonly TableName[];
  /** Partitions below that are foreign tables. */
  readonly foreignPartitions: readonly TableName[];
  /** The replica identity as it is declared for this table alone, whatever its partitions log. */
  readonly identity: { readonly kind: "d" | "i" | "f" | "n"; readonly columns: readonly string[] };
  /** Unique indexes that could be the replica identity. */
  readonly identityIndexes: readonly IdentityIndex[];
}

export interface IdentityIndex {
  readonly name: string;
  readonly columns: readonly string[];
  readonly primary: boolean;
  /** Chosen by REPLICA IDENTITY USING INDEX. */
  readonly chosen: boolean;
}

const named = "json_agg(json_build_object('schema', rn.nspname, 'name', rc.relname) ORDER BY rn.nspname, rc.relname)";
const joinNames = "JOIN pg_class rc ON rc.oid = r.oid JOIN pg_namespace rn ON rn.oid = rc.relnamespace";

const factsSql = `
SELECT n.nspname AS schema, c.relname AS name, c.oid AS id, c.relkind AS kind, c.relpersistence AS persistence, c.relreplident AS identity,
  has_schema_privilege(n.oid, 'USAGE') AS may_use,
  (SELECT json_agg(a.attname ORDER BY a.attnum) FROM pg_attribute a
   WHERE a.attrelid = c.oid AND NOT a.attisdropped AND NOT has_column_privilege(c.oid, a.attnum, 'SELECT')) AS unreadable,
  (SELECT ${named} FROM (SELECT inhrelid AS oid FROM pg_inherits WHERE inhparent = c.oid AND c.relkind = 'r') r ${joinNames}) AS children,
  (SELECT ${named} FROM (SELECT relid AS oid FROM pg_partition_ancestors(c.oid) WHERE relid <> c.oid) r ${joinNames}) AS ancestors,
  (SELECT ${named} FROM (SELECT relid AS oid FROM pg_partition_tree(c.oid) WHERE isleaf AND relid <> c.oid) r ${joinNames}
   WHERE rc.relkind = 'f') AS foreign_partitions,
  (SELECT json_agg(json_build_object('name', ic.relname, 'columns', columns.names, 'primary', i.indisprimary, 'chosen', i.indisreplident) ORDER BY i.indexrelid)
   FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid
   CROSS JOIN LATERAL (
     SELECT json_agg(a.attname ORDER BY k.place) AS names, bool_and(a.attnotnull AND a.attgenerated = '') AS usable
     FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
     LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum WHERE k.place <= i.indnkeyatts
   ) AS columns
   WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate AND NOT i.indisexclusion
     AND i.indpred IS NULL AND i.indexprs IS NULL AND columns.usable) AS identity_indexes
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted(schema, name, place)
JOIN pg_namespace n ON n.nspname = wanted.schema
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name
ORDER BY wanted.place`;

/** Those of the tables that exist, as whatever kind of relation. */
export async function readTableFacts(client: ClientBase, tables: readonly TableName[]): Promise<TableFacts[]> {
  const { rows } = await client.query<Record<string, string | null>>(factsSql, [
    tables.map((table) => table.schema),
    tables.map((table) => table.name),
  ]);
  return rows.map((row) => ({
    table: { schema: String(row["schema"]), name: String(row["name"]) },
    id: String(row["id"]),
    kind: row["kind"] ?? "",
    persistence: row["persistence"] ?? "",
    mayUseSchema: row["may_use"] === "t",
    unreadable: list<string>(row["unreadable"]),
    children: list<TableName>(row["children"]),
    ancestors: list<TableName>(row["ancestors"]),
    foreignPartitions: list<TableName>(row["foreign_partitions"]),
    ...identityOf(row),
  }));
}

function identityOf(row: Record<string, string | null>): Pick<TableFacts, "identity" | "identityIndexes"> {
  const kind = row["identity"] as TableFacts["identity"]["kind"];
  const identityIndexes = list<IdentityIndex>(row["identity_indexes"]);
  const index = identityIndexes.find(({ primary, chosen }) => (kind === "d" && primary) || (kind === "i" && chosen));
  return { identity: { kind, columns: index?.columns ?? [] }, identityIndexes };
}

function list<T>(text: string | null | undefined): T[] {
  return JSON.parse(text ?? "[]") as T[];
}
