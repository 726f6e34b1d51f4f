// The catalogue of a PostgreSQL server → engine/model/table.ts. Used by the snapshot, by `check` and when a share is resolved.
import type { ClientBase } from "pg";
import type { CatalogColumn, CatalogTable, TableName } from "../../engine/model/table.ts";
import { type CollationFacts, readCollations } from "./postgres-collations.ts";
import { type ReplicaIdentity, readIndexes, type TableIndexes } from "./postgres-indexes.ts";
import { TypeCatalog } from "./postgres-types.ts";

/** Waiting longer than this for a table that somebody changes says more than its size would. */
const lockTimeout = "10s";

/** Never analysed is unknown, except when there is not one page. */
const rowsEstimate = "CASE WHEN c.reltuples < 0 AND pg_relation_size(c.oid) = 0 THEN 0 ELSE c.reltuples END";

const tablesSql = `
SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind, c.relreplident AS identity,
  row_security_active(c.oid) AS row_security, ${rowsEstimate} AS rows, pg_table_size(c.oid) AS bytes
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted(schema, name, place)
JOIN pg_namespace n ON n.nspname = wanted.schema
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name
WHERE c.relkind IN ('r', 'p')
ORDER BY wanted.place`;

const leavesSql = `
SELECT root.oid AS root, c.oid, c.relreplident AS identity, ${rowsEstimate} AS rows, pg_table_size(c.oid) AS bytes
FROM unnest($1::oid[]) AS root(oid)
CROSS JOIN LATERAL pg_partition_tree(root.oid) AS part
JOIN pg_class c ON c.oid = part.relid
WHERE part.isleaf AND c.oid <> root.oid AND c.relkind = 'r'`;

const leafNamesSql = `
SELECT root.oid AS root, c.oid, n.nspname AS schema, c.relname AS name
FROM unnest($1::oid[]) AS root(oid)
CROSS JOIN LATERAL pg_partition_tree(root.oid) AS part
JOIN pg_class c ON c.oid = part.relid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE part.isleaf AND c.oid <> root.oid AND c.relkind = 'r'
ORDER BY n.nspname, c.relname`;

const columnsSql = `
SELECT a.attrelid AS relid, a.attname AS name, a.attnum AS id, a.atttypid AS type, a.atttypmod AS typmod,
  format_type(a.atttypid, a.atttypmod) AS declaration, a.attnotnull AS not_null, a.attgenerated <> '' AS generated,
  a.attgenerated = 's' AND current_setting('server_version_num')::int >= 180000 AS publishable,
  a.attcollation AS collation
FROM pg_attribute a
WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum`;

type CatalogRow = Record<string, string>;

/**
 * Ordinary and partitioned tables as the catalogue states them now, in the order asked; what does not exist or is no
 * table is left out. Runs a short read-only transaction of its own, so the session must not be in one. Of a partitioned
 * table, sizes are sums over its partitions, and its identity is what every partition really logs (see `rootIdentity`).
 */
export function describeTables(client: ClientBase, tables: readonly TableName[]): Promise<CatalogTable[]> {
  return inCatalog(client, async () => {
    const wanted = [tables.map((table) => table.schema), tables.map((table) => table.name)];
    const rows = (await client.query<CatalogRow>(tablesSql, wanted)).rows;
    const roots = rows.filter((row) => row["kind"] === "p").map((row) => row["oid"]);
    const leaves = roots.length === 0 ? [] : (await client.query<CatalogRow>(leavesSql, [roots])).rows;
    const indexes = await readIndexes(client, new Map([...rows, ...leaves].map((row) => [oid(row), row["identity"] as ReplicaIdentity])));
    const columns = await readColumns(client, rows.map(oid));
    return rows.map((row) => {
      const own = leaves.filter((leaf) => leaf["root"] === row["oid"]);
      return toTable(row, columns.get(oid(row)) ?? [], { indexes, leaves: own });
    });
  });
}

/**
 * The partitions that hold the rows of these partitioned tables, on whatever level, by the table's id; none for others.
 * Foreign tables are left out.
 */
export async function describePartitions(client: ClientBase, tables: readonly CatalogTable[]): Promise<Map<string, CatalogTable[]>> {
  const roots = tables.filter((table) => table.partitioned).map((table) => table.id);
  // Ten questions about nothing: every start and every end of a run would wait for the answers.
  if (roots.length === 0) return new Map();
  const { rows } = await client.query<CatalogRow>(leafNamesSql, [roots]);
  const leaves = await describeTables(
    client,
    rows.map((row) => ({ schema: String(row["schema"]), name: String(row["name"]) })),
  );
  const byId = new Map(leaves.map((leaf) => [leaf.id, leaf]));
  return new Map(
    tables.map((table) => [table.id, rows.filter((row) => row["root"] === table.id).flatMap((row) => byId.get(oid(row)) ?? [])]),
  );
}

/** Runs in one read-only transaction with an empty search_path, so that names are printed with their schema. */
async function inCatalog<T>(client: ClientBase, read: () => Promise<T>): Promise<T> {
  await client.query(
    `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL search_path = ''; SET LOCAL lock_timeout = '${lockTimeout}'`,
  );
  try {
    const result = await read();
    await client.query("COMMIT");
    return result;
  } catch (error) {
    await client.query("ROLLBACK").catch(() => {});
    throw error;
  }
}

async function readColumns(client: ClientBase, relids: readonly string[]): Promise<Map<string, CatalogColumn[]>> {
  const { rows } = await client.query<CatalogRow>(columnsSql, [relids]);
  const types = await TypeCatalog.read(
    client,
    rows.map((row) => String(row["type"])),
  );
  const collations = await readCollations(
    client,
    rows.map((row) => String(row["collation"])),
  );
  const tables = new Map<string, CatalogColumn[]>(relids.map((relid) => [relid, []]));
  for (const row of rows) tables.get(String(row["relid"]))?.push(toColumn(row, types, collations));
  return tables;
}

function toColumn(row: CatalogRow, types: TypeCatalog, collations: (oid: string) => CollationFacts): CatalogColumn {
  const type = String(row["type"]);
  const collation = collations(String(row["collation"]));
  return {
    name: String(row["name"]),
    id: String(row["id"]),
    type: types.columnType(type, String(row["typmod"]), String(row["declaration"])),
    nullable: row["not_null"] !== "t",
    bytewiseCollation: collation.bytewise,
    deterministic: collation.deterministic && types.isDeterministic(type),
    generated: row["generated"] === "t",
    ...(row["publishable"] === "t" ? { publishable: true } : {}),
  };
}

interface TableParts {
  readonly indexes: ReadonlyMap<string, TableIndexes>;
  readonly leaves: readonly CatalogRow[];
}

function toTable(row: CatalogRow, columns: readonly CatalogColumn[], parts: TableParts): CatalogTable {
  const { indexes, leaves } = parts;
  const partitioned = row["kind"] === "p";
  const own = indexes.get(oid(row)) ?? { primaryKey: [], uniqueKeys: [], identity: null };
  const identity = identityOf(row, own, columns);
  const stored = partitioned ? leaves : [row];
  return {
    table: { schema: String(row["schema"]), name: String(row["name"]) },
    id: oid(row),
    columns,
    primaryKey: own.primaryKey,
    uniqueKeys: own.uniqueKeys,
    identity: partitioned ? rootIdentity(identity, leaves, (leaf) => identityOf(leaf, indexes.get(oid(leaf)), columns)) : identity,
    partitioned,
    estimatedRows: stored.some((part) => Number(part["rows"]) < 0) ? -1 : sum(stored, "rows"),
    estimatedBytes: sum(stored, "bytes"),
    rowSecurityApplies: row["row_security"] === "t",
  };
}

type Identity = CatalogTable["identity"];

function identityOf(row: CatalogRow, indexes: TableIndexes | undefined, columns: readonly CatalogColumn[]): Identity {
  switch (row["identity"] as ReplicaIdentity) {
    case "f":
      return { kind: "full", columns: columns.map((column) => column.name) };
    case "d":
      return { kind: "default", columns: indexes?.identity ?? [] };
    case "i":
      return { kind: "index", columns: indexes?.identity ?? [] };
    case "n":
      return { kind: "nothing", columns: [] };
  }
}

/**
 * Changes of a partition are published in the root's name and described by the root's identity, but what is logged
 * follows the partition's own (pgoutput sends NULL for columns of the root's identity that the partition did not log).
 * So the root's identity counts only when every partition logs at least its columns; else nothing can be relied on.
 */
function rootIdentity(root: Identity, leaves: readonly CatalogRow[], ofLeaf: (leaf: CatalogRow) => Identity): Identity {
  const covered = leaves
    .map(ofLeaf)
    .every((leaf) => (root.kind === "full" ? leaf.kind === "full" : includesAll(leaf.columns, root.columns)));
  return covered ? root : { kind: "nothing", columns: [] };
}

function includesAll(columns: readonly string[], wanted: readonly string[]): boolean {
  return wanted.every((name) => columns.includes(name));
}

function oid(row: CatalogRow): string {
  return String(row["oid"]);
}

function sum(rows: readonly CatalogRow[], field: string): number {
  return rows.reduce((total, row) => total + Number(row[field] ?? 0), 0);
}
