// The publication on the source: what it holds now, and making it what the subscriptions need where that is allowed.
import type { ClientBase } from "pg";
import { predicateColumns } from "../../../engine/model/predicate.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { ServerAddress } from "../../../engine/model/server-address.ts";
import type { Subscription, TableMapping } from "../../../engine/model/share.ts";
import { type CatalogTable, printTable, tableKey } from "../../../engine/model/table.ts";
import { connectPostgres, printAddress } from "../postgres-client.ts";
import { sqlState, toReplicationError } from "../postgres-errors.ts";
import { describePartitions } from "../postgres-schema.ts";
import { planPublication, type PublicationNeed, type PublicationPlan, type PublicationState } from "./publication-plan.ts";

/** A table that the publication cannot give us, and why: DB-SLOT-007 or DB-PG-032, with the statements that would mend it. */
export interface UnpublishedTable {
  readonly table: CatalogTable;
  readonly error: ReplicationError;
}

const stateSql = `
SELECT p.oid, p.puballtables AS all_tables, p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate AS all_operations,
  p.pubviaroot AS via_root, coalesce(to_jsonb(p) ->> 'pubgencols', 'n') = 's' AS generated,
  (SELECT json_agg(n.nspname) FROM pg_publication_namespace pn JOIN pg_namespace n ON n.oid = pn.pnnspid WHERE pn.pnpubid = p.oid) AS schemas
FROM pg_publication p WHERE p.pubname = $1`;

const entriesSql = `
SELECT r.prrelid AS id, n.nspname AS schema, c.relname AS name, c.relkind = 'p' AS partitioned,
  pg_get_expr(r.prqual, r.prrelid) AS filter,
  (SELECT json_agg(a.attname ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs::int2[])) AS columns
FROM pg_publication_rel r
JOIN pg_class c ON c.oid = r.prrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE r.prpubid = $1::oid
ORDER BY r.oid`;

/** What is published of each of some tables, as a text that no alteration leaves as it was. A table that is gone has none. */
const publishedVersions = `
SELECT t.id, concat_ws(' ', p.oid, p.xmin,
  (SELECT string_agg(r.oid || ':' || r.xmin, ',' ORDER BY r.oid) FROM pg_publication_rel r
   WHERE r.prpubid = p.oid AND r.prrelid IN (SELECT relid FROM pg_partition_ancestors(t.id::regclass) UNION SELECT t.id)),
  (SELECT string_agg(n.oid || ':' || n.xmin, ',' ORDER BY n.oid) FROM pg_publication_namespace n WHERE n.pnpubid = p.oid)) AS version
FROM pg_publication p, unnest($2::oid[]) AS t(id) JOIN pg_class c ON c.oid = t.id
WHERE p.pubname = $1`;

/** Null when there is no publication of this name. */
export async function readPublication(client: ClientBase, name: string): Promise<PublicationState | null> {
  const [found] = (await client.query<Record<string, string | null>>(stateSql, [name])).rows;
  if (found === undefined) return null;
  const { rows } = await client.query<Record<string, string | null>>(entriesSql, [found["oid"]]);
  return {
    allTables: found["all_tables"] === "t",
    schemas: jsonList(found["schemas"]) ?? [],
    allOperations: found["all_operations"] === "t",
    viaRoot: found["via_root"] === "t",
    generated: found["generated"] === "t",
    entries: rows.map((row) => ({
      id: String(row["id"]),
      table: { schema: String(row["schema"]), name: String(row["name"]) },
      partitioned: row["partitioned"] === "t",
      columns: jsonList(row["columns"]),
      filter: row["filter"] ?? null,
    })),
  };
}

/** What the mappings of one source need of each table, all together. */
export async function publicationNeeds(client: ClientBase, mappings: readonly TableMapping[]): Promise<PublicationNeed[]> {
  const byTable = new Map<string, { table: CatalogTable; columns: Set<string> }>();
  for (const mapping of mappings) {
    const name = tableKey(mapping.source);
    const need = byTable.get(name) ?? { table: mapping.catalog, columns: new Set<string>() };
    byTable.set(name, need);
    const filtered = mapping.filter === null ? [] : predicateColumns(mapping.filter);
    for (const column of [...mapping.columns.map(({ source }) => source), ...mapping.key, ...filtered]) need.columns.add(column);
  }
  const needs = [...byTable.values()];
  const leaves = await describePartitions(
    client,
    needs.map(({ table }) => table),
  );
  return needs.map(({ table, columns }) => ({ table, columns: [...columns], leaves: leaves.get(table.id) ?? [] }));
}

/** Compares the publication with what the mappings need; changes nothing. */
export async function comparePublication(client: ClientBase, name: string, mappings: readonly TableMapping[]): Promise<PublicationPlan> {
  const needs = await publicationNeeds(client, mappings);
  const version = await client.query<{ major: string }>("SELECT current_setting('server_version_num')::int / 10000 AS major");
  return planPublication({ name, needs, major: Number(version.rows[0]?.major) }, await readPublication(client, name));
}

/** The publication as far as it concerns some subscriptions. */
export interface PublicationLook {
  /** Tables of which something is not published, with the SQL for their owner. */
  readonly lacking: readonly UnpublishedTable[];
  /**
   * By the table's key, `<identity of the table>:<a text that changes whenever what is published of it is altered>`, also when
   * it is put back as it was.
   */
  readonly versions: ReadonlyMap<string, string>;
}

interface PublicationWanted {
  readonly publication: string;
  readonly subscriptions: readonly Subscription[];
}

/**
 * Makes the publication what the subscriptions need, as far as the role may; returns how it was and how it is. Must come
 * before the slot is made: what was logged before a publication is there cannot be decoded. Throws DB-SLOT-007 when there is
 * no publication and none may be made.
 */
export function preparePublication(
  address: ServerAddress,
  wanted: PublicationWanted,
): Promise<{ readonly before: PublicationLook; readonly after: PublicationLook }> {
  return withSession(address, wanted, async (client, mappings) => {
    const { publication } = wanted;
    let plan = await comparePublication(client, publication, mappings);
    const before = await look(client, publication, { plan, mappings });
    let after = before;
    if (plan.statements.length > 0 && (await applies(client, plan.statements))) {
      plan = await comparePublication(client, publication, mappings);
      after = await look(client, publication, { plan, mappings });
    }
    if (!plan.exists) throw new ReplicationError("DB-SLOT-007", { subject: publication, sql: terminated(plan.statements) });
    return { before, after };
  });
}

/**
 * Looks at the publication as it is. Asked again and again while streaming: what is taken out of a publication just stops
 * coming, and nothing in the stream says so. Changes nothing.
 */
export function lookAtPublication(address: ServerAddress, wanted: PublicationWanted): Promise<PublicationLook> {
  return withSession(address, wanted, async (client, mappings) => {
    const plan = await comparePublication(client, wanted.publication, mappings);
    return look(client, wanted.publication, { plan, mappings });
  });
}

async function withSession<T>(
  address: ServerAddress,
  wanted: PublicationWanted,
  work: (client: ClientBase, mappings: readonly TableMapping[]) => Promise<T>,
): Promise<T> {
  const client = await connectPostgres(address, { role: "publication", answerTimeoutMs: 15_000, settings: { lock_timeout: "10s" } });
  try {
    return await work(
      client,
      wanted.subscriptions.flatMap((subscription) => subscription.tables),
    );
  } catch (error) {
    throw toReplicationError(error, printAddress(address));
  } finally {
    await client.end().catch(() => {});
  }
}

async function look(
  client: ClientBase,
  publication: string,
  { plan, mappings }: { readonly plan: PublicationPlan; readonly mappings: readonly TableMapping[] },
): Promise<PublicationLook> {
  const names = new Map(mappings.map(({ catalog, source }) => [catalog.id, tableKey(source)]));
  const { rows } = await client.query<Record<string, string>>(publishedVersions, [publication, [...names.keys()]]);
  const versions = new Map(rows.map((row) => [names.get(String(row["id"])) ?? "", `${row["id"]}:${row["version"]}`]));
  return { lacking: unpublished(plan, publication, mappings), versions };
}

/** A publication that is not there, or as a whole leaves something out, deletes for instance, gives no table as it must be. */
function unpublished(plan: PublicationPlan, publication: string, mappings: readonly TableMapping[]): UnpublishedTable[] {
  const { cause, lacking } = plan;
  const sql = terminated(plan.statements);
  if (plan.exists && cause === null) {
    return lacking.map(({ table, cause: why }) => ({
      table,
      error: new ReplicationError("DB-PG-032", { subject: printTable(table.table), cause: why, sql }),
    }));
  }
  const error = new ReplicationError(plan.exists ? "DB-PG-032" : "DB-SLOT-007", {
    subject: `publication ${publication}`,
    ...(plan.exists && cause !== null ? { cause } : {}),
    sql,
  });
  const tables = new Map(mappings.map(({ catalog }) => [catalog.id, catalog]));
  return [...tables.values()].map((table) => ({ table, error }));
}

function terminated(statements: readonly string[]): string[] {
  return statements.map((statement) => `${statement};`);
}

/** Runs the statements in one transaction; false when the role may not. */
async function applies(client: ClientBase, statements: readonly string[]): Promise<boolean> {
  try {
    await client.query(["BEGIN", ...statements, "COMMIT"].join("; "));
    return true;
  } catch (error) {
    await client.query("ROLLBACK");
    if (sqlState(error) === "42501") return false;
    throw error;
  }
}

function jsonList(text: string | null | undefined): string[] | null {
  return text === null || text === undefined ? null : (JSON.parse(text) as string[]);
}
