// Who may touch what in a target: readers get the views and nothing else, and what they were given by hand stays.
import type { ClientBase } from "pg";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { TableName } from "../../../engine/model/table.ts";
import { quoteIdentifier, quoteTable } from "../quote.ts";
import { isTrue } from "./target-session.ts";

/** Everybody else who holds any privilege on relations, their columns included. Default privileges give them silently. */
const othersSql = `
SELECT DISTINCT wanted.name, CASE acl.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(acl.grantee) END AS grantee
FROM unnest($1::text[]) AS wanted(name) JOIN pg_class AS c ON c.oid = wanted.name::regclass
CROSS JOIN LATERAL (
  SELECT grantee FROM aclexplode(c.relacl)
  UNION ALL
  SELECT e.grantee FROM pg_attribute AS a CROSS JOIN LATERAL aclexplode(a.attacl) AS e WHERE a.attrelid = c.oid
) AS acl
WHERE acl.grantee <> c.relowner`;

/**
 * Leaves relations to their owner alone. Run at every start for what must not be read past the gate: `ALTER DEFAULT
 * PRIVILEGES` or a hurried GRANT may have opened it.
 */
export async function revokeFromOthers(client: ClientBase, relations: readonly TableName[]): Promise<void> {
  const { rows } = await client.query<{ name: string; grantee: string | null }>(othersSql, [relations.map(quoteTable)]);
  for (const { name, grantee } of rows)
    await client.query(`REVOKE ALL ON ${name} FROM ${grantee === null ? "PUBLIC" : quoteIdentifier(grantee)} CASCADE`);
}

/** Gives the readers their views; grants only what is missing. Never takes anything away. */
export async function grantToReaders(client: ClientBase, readers: readonly string[], views: readonly TableName[]): Promise<void> {
  await refuseUnknownRoles(client, readers);
  for (const reader of readers) {
    for (const schema of new Set(views.map((view) => view.schema))) await grantUsage(client, reader, schema);
    for (const view of views) await grantSelect(client, reader, view);
  }
}

async function refuseUnknownRoles(client: ClientBase, readers: readonly string[]): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    "SELECT name FROM unnest($1::text[]) AS name WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)",
    [readers],
  );
  const missing = rows.map((row) => row.name);
  if (missing.length === 0) return;
  throw new ReplicationError("DB-TGT-011", {
    subject: missing.join(", "),
    sql: missing.map((name) => `CREATE ROLE ${quoteIdentifier(name)};`),
  });
}

async function grantUsage(client: ClientBase, reader: string, schema: string): Promise<void> {
  const mayUse = async (): Promise<boolean> => isTrue(client, "SELECT has_schema_privilege($1, $2, 'USAGE') AS answer", [reader, schema]);
  if (await mayUse()) return;
  const grant = `GRANT USAGE ON SCHEMA ${quoteIdentifier(schema)} TO ${quoteIdentifier(reader)}`;
  // Without the grant option PostgreSQL warns and grants nothing, or refuses: look at the outcome, not at the answer.
  if (await mayGrantUsage(client, schema)) await client.query(grant);
  if (await mayUse()) return;
  throw new ReplicationError("DB-TGT-003", {
    subject: schema,
    cause: `role ${reader} cannot use the schema, and dongbo's role may not grant it that`,
    sql: [`${grant};`],
  });
}

function mayGrantUsage(client: ClientBase, schema: string): Promise<boolean> {
  return isTrue(client, "SELECT has_schema_privilege($1, 'USAGE WITH GRANT OPTION') AS answer", [schema]);
}

async function grantSelect(client: ClientBase, reader: string, view: TableName): Promise<void> {
  const name = quoteTable(view);
  if (await isTrue(client, "SELECT has_table_privilege($1, $2, 'SELECT') AS answer", [reader, name])) return;
  await client.query(`GRANT SELECT ON ${name} TO ${quoteIdentifier(reader)}`);
}

/** Members read every table, or the server's files. */
const wideRoles = ["pg_read_all_data", "pg_read_server_files", "pg_write_server_files", "pg_execute_server_program"];

/**
 * Roles among the readers that no view can bind: they may read every table, the files or the log they lie in, or act as
 * the owner. For `check` to warn of.
 */
export async function readersPastTheGate(client: ClientBase, readers: readonly string[]): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT r.rolname AS name FROM pg_roles AS r
     WHERE r.rolname = ANY ($1) AND r.rolname <> current_user
       AND (r.rolsuper OR r.rolreplication OR pg_has_role(r.oid, current_user, 'MEMBER')
         OR EXISTS (SELECT FROM unnest($2::name[]) AS wide WHERE pg_has_role(r.oid, wide, 'MEMBER'))
         -- Before PostgreSQL 16 it could make itself a member of any role that is no superuser.
         OR r.rolcreaterole AND current_setting('server_version_num')::int < 160000)
     ORDER BY 1`,
    [readers, wideRoles],
  );
  return rows.map((row) => row.name);
}
