// Unique indexes of tables: which column lists identify a row, and what a before image will hold.
import type { ClientBase } from "pg";

/** What the indexes of one table say. */
export interface TableIndexes {
  readonly primaryKey: readonly string[];
  readonly uniqueKeys: readonly (readonly string[])[];
  /** Columns of the index that stands for the row in the change log; null when there is none. */
  readonly identity: readonly string[] | null;
}

/** pg_class.relreplident: d default (the primary key), i a chosen index, f the full row, n nothing. */
export type ReplicaIdentity = "d" | "i" | "f" | "n";

// A key must hold NOT NULL columns only, be checked at each row, and have the order that `ORDER BY` columns has, so that a
// read in key order is an index scan: B-tree, default operator classes, the columns' own collations, one direction.
// PostgreSQL 18 marks columns NOT NULL whose old rows were never looked at (NOT VALID); such a column is no key.
const indexesSql = `
SELECT i.indrelid AS relid, i.indisprimary AS is_primary,
  i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND columns.not_null AS identifies, i.indimmediate AS immediate,
  am.amname = 'btree' AND columns.plain_order AND (columns.options = '{0}' OR columns.options = '{3}') AS sorts,
  i.indisreplident AS is_identity, columns.names
FROM pg_index i
JOIN pg_class x ON x.oid = i.indexrelid
JOIN pg_am am ON am.oid = x.relam
CROSS JOIN LATERAL (
  SELECT json_agg(a.attname ORDER BY part.place) AS names,
    bool_and(a.attnotnull AND NOT EXISTS (
      SELECT FROM pg_constraint n WHERE n.conrelid = i.indrelid AND n.contype = 'n' AND NOT n.convalidated AND n.conkey = ARRAY[a.attnum]
    )) AS not_null,
    bool_and(o.opcdefault AND part.coll = a.attcollation) AS plain_order,
    array_agg(DISTINCT part.option) AS options
  FROM unnest(i.indkey::int2[], i.indclass::oid[], i.indcollation::oid[], i.indoption::int2[])
    WITH ORDINALITY AS part(attnum, opclass, coll, option, place)
  LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = part.attnum
  LEFT JOIN pg_opclass o ON o.oid = part.opclass
  WHERE part.place <= i.indnkeyatts
) AS columns
WHERE i.indrelid = ANY ($1::oid[]) AND i.indisunique AND i.indislive
ORDER BY i.indrelid, i.indexrelid`;

/** Reads the unique indexes of these tables. `identities` gives each table's relreplident. */
export async function readIndexes(
  client: ClientBase,
  identities: ReadonlyMap<string, ReplicaIdentity>,
): Promise<Map<string, TableIndexes>> {
  const { rows } = await client.query<Record<string, string>>(indexesSql, [[...identities.keys()]]);
  const tables = new Map<string, TableIndexes>();
  for (const [relid, identity] of identities) {
    const own = rows.filter((row) => row["relid"] === relid);
    const usable = own.filter((row) => row["identifies"] === "t");
    const keys = usable.filter((row) => row["sorts"] === "t");
    const immediate = usable.filter((row) => row["immediate"] === "t");
    const logged = { d: "is_primary", i: "is_identity", f: null, n: null }[identity];
    // A deferrable primary key is never logged as a row's identity, but it identifies rows once they are committed.
    const primary = keys.find((row) => row["is_primary"] === "t");
    const identifying = logged === null ? undefined : immediate.find((row) => row[logged] === "t");
    tables.set(relid, {
      primaryKey: primary === undefined ? [] : names(primary),
      uniqueKeys: keys.filter((row) => row["is_primary"] !== "t" && row["immediate"] === "t").map(names),
      identity: identifying === undefined ? null : names(identifying),
    });
  }
  return tables;
}

function names(row: Record<string, string>): string[] {
  return JSON.parse(row["names"] ?? "[]") as string[];
}
