// How a PostgreSQL server orders the keys of a table, in words that two servers share only where they order alike.
import type { ClientBase } from "pg";
import { systemTypeName } from "../../../engine/model/type-declaration.ts";
import type { ComparedSide, SideColumn } from "../../compared-side.ts";
import { readCollations } from "../postgres-collations.ts";
import { readIndexes } from "../postgres-indexes.ts";

/** Types whose values every family orders in the one way that there is. */
const plainTypes: ReadonlySet<string> = new Set([
  "int2",
  "int4",
  "int8",
  "oid",
  "xid8",
  "numeric",
  "bool",
  "date",
  "time",
  "timestamp",
  "timestamptz",
  "uuid",
  "bytea",
]);

/** Types whose order no setting, collation or catalogue entry has a say in, but which are PostgreSQL's own. */
const ownTypes: ReadonlySet<string> = new Set([
  "char",
  "inet",
  "cidr",
  "macaddr",
  "macaddr8",
  "interval",
  "timetz",
  "money",
  "bit",
  "varbit",
  "pg_lsn",
  "int4range",
  "int8range",
  "numrange",
  "daterange",
  "tsrange",
  "tstzrange",
]);

// A collation by where its order comes from. The version is that of the library now, not as of when the collation was made.
const collationsSql = `
SELECT a.attname AS name, a.attcollation AS oid, CASE WHEN f.version IS NOT NULL THEN json_build_array(f.provider, f.locale, f.rules, f.version)::text END AS word
FROM pg_attribute a
LEFT JOIN LATERAL (
  SELECT c.collprovider AS provider, coalesce(to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'colliculocale', c.collcollate) AS locale,
    to_jsonb(c) ->> 'collicurules' AS rules, pg_collation_actual_version(c.oid) AS version
  FROM pg_collation c WHERE c.oid = a.attcollation AND c.collprovider <> 'd'
  UNION ALL
  SELECT d.datlocprovider, coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', d.datcollate),
    to_jsonb(d) ->> 'daticurules', pg_database_collation_actual_version(d.oid)
  FROM pg_collation c, pg_database d WHERE c.oid = a.attcollation AND c.collprovider = 'd' AND d.datname = current_database()
) AS f ON true
WHERE a.attrelid = $1::oid AND a.attname = ANY ($2)`;

/** Null: no index serves ranges of the key, or no other server need have its order. */
export async function keyOrderOf(client: ClientBase, { table, key }: ComparedSide): Promise<string | null> {
  const names = key.map(({ name }) => name);
  const indexes = (await readIndexes(client, new Map([[table.id, "d"]]))).get(table.id);
  const unique = [indexes?.primaryKey ?? [], ...(indexes?.uniqueKeys ?? [])];
  if (!unique.some((index) => index.length === names.length && index.every((name, place) => name === names[place]))) return null;
  const { rows } = await client.query<{ name: string; oid: string; word: string | null }>(collationsSql, [table.id, names]);
  const collations = await readCollations(
    client,
    rows.map(({ oid }) => oid),
  );
  const words = key.map((column) => {
    const found = rows.find(({ name }) => name === column.name);
    if (found === undefined || found.oid === "0") return wordOf(column);
    const word = collations(found.oid).bytewise ? "bytes" : found.word;
    return isText(column) && word !== null ? ofPadded(column, word) : null;
  });
  return words.every((word) => word !== null) ? words.join(",") : null;
}

/** Of a type without collation. */
function wordOf({ type }: SideColumn): string | null {
  const name = systemTypeName(type) ?? "";
  if (plainTypes.has(name)) return "plain";
  return ownTypes.has(name) ? name : null;
}

/** Padding does not count for a padded type's order; as it is printed it would. */
function ofPadded({ form, type }: SideColumn, word: string): string {
  return type.category === "padded" && form === "printed" ? `unpadded ${word}` : word;
}

function isText({ type }: SideColumn): boolean {
  return ["text", "varchar", "bpchar", "name"].includes(systemTypeName(type) ?? "");
}
