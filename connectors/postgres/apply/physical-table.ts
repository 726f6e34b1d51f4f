// The table that a copy's rows lie in: made, widened and narrowed as the mapping says, and otherwise held to what it was.
// Owners may add indexes and constraints; the columns, their types and the key are dongbo's.
import type { ClientBase } from "pg";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { TableMapping } from "../../../engine/model/share.ts";
import { printTable, type TableName } from "../../../engine/model/table.ts";
import { quoteIdentifier, quoteIdentifiers, quoteLiteral, quoteTable } from "../quote.ts";
import { canonicalTypes } from "./canonical-types.ts";
import { revokeFromOthers } from "./grants.ts";
import { batchColumn } from "./table-sql.ts";
import { isTrue } from "./target-session.ts";
import type { UserTypes } from "./user-types.ts";

/** A column as wanted: the copy's name for it, and its type in this server's words. */
interface WantedColumn {
  readonly name: string;
  readonly type: string;
}

interface FoundColumn {
  readonly name: string;
  readonly type: string;
  /** A row written without it is refused: NOT NULL without default, identity or generation. */
  readonly demanded: boolean;
  readonly generated: boolean;
}

/** What had to be done. */
export interface TableChanges {
  /** The table was made now, and is empty. */
  readonly made: boolean;
  /** Columns were added to a table that was there, or made again in another type: no row has a value in them yet. */
  readonly added: boolean;
  /** Columns to be dropped; still there, for the view must let go of them first. */
  readonly withdrawn: readonly string[];
}

/** What is on record of a physical table. */
export interface TableRecord {
  /** The columns dongbo made in it before; null when there is no record of the table. */
  readonly columns: readonly string[] | null;
  /** Columns whose rows obey a contract of another type than is now wanted, so that they will be loaded anew. */
  readonly retyped: ReadonlySet<string>;
}

/**
 * Makes the physical table of a mapping or brings the one there in step. Text columns take the database's own collation: it is deterministic, which is
 * all that keys need, and readers' joins and ORDER BY find it as they expect. Throws DB-TGT-005, 006, 007, 008 or 009,
 * naming the column.
 */
export async function ensurePhysicalTable(
  client: ClientBase,
  table: TableMapping,
  types: UserTypes,
  record: TableRecord,
): Promise<TableChanges> {
  const managed = record.columns;
  const wanted = await wantedColumns(client, table, types);
  const found = await findTable(client, table.physical);
  if (found === null) {
    await createTable(client, table, wanted);
    await revokeFromOthers(client, [table.physical]);
    return { made: true, added: false, withdrawn: [] };
  }
  await revokeFromOthers(client, [table.physical]);
  const retyped = retypedColumns(table, wanted, found, record);
  refuseDrift(
    table,
    wanted.filter((column) => !retyped.includes(column)),
    found,
    managed,
  );
  const names = new Set(found.columns.map((column) => column.name).filter((name) => !retyped.some((column) => column.name === name)));
  const added = wanted.filter((column) => !names.has(column.name));
  if (added.length > 0) await lockAsReaders(client, table.target);
  const outdated = await setAside(client, table.physical, retyped);
  for (const column of added)
    await client.query(`ALTER TABLE ${quoteTable(table.physical)} ADD COLUMN ${quoteIdentifier(column.name)} ${column.type}`);
  const mapped = new Set(wanted.map((column) => column.name));
  const withdrawn = (managed ?? []).filter((name) => !mapped.has(name) && names.has(name));
  return { made: false, added: added.length > 0, withdrawn: [...withdrawn, ...outdated] };
}

/** View first, table then: in the other order we and a reader could each wait for the other until one of us is made to fail. */
async function lockAsReaders(client: ClientBase, view: TableName): Promise<void> {
  const ours = `SELECT EXISTS (SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind = 'v' AND c.relowner = current_user::regrole) AS answer`;
  if (await isTrue(client, ours, [view.schema, view.name])) await client.query(`LOCK TABLE ${quoteTable(view)} IN ACCESS EXCLUSIVE MODE`);
}

/** Columns of dongbo's that can be made again in the wanted type; a key's cannot, nor what was changed by hand. */
function retypedColumns(table: TableMapping, wanted: readonly WantedColumn[], found: FoundTable, record: TableRecord): WantedColumn[] {
  const key = keyColumns(table);
  const isOther = ({ name, type }: WantedColumn): boolean => found.columns.some((column) => column.name === name && column.type !== type);
  return wanted.filter((column) => record.retyped.has(column.name) && !key.includes(column.name) && isOther(column));
}

/** Frees these columns' names, and returns those they have until they are dropped. */
async function setAside(client: ClientBase, physical: TableName, columns: readonly WantedColumn[]): Promise<string[]> {
  const names: string[] = [];
  for (const [index, { name }] of columns.entries()) {
    const aside = `dongbo_retyped_${index}`;
    await client.query(`ALTER TABLE ${quoteTable(physical)} RENAME COLUMN ${quoteIdentifier(name)} TO ${quoteIdentifier(aside)}`);
    names.push(aside);
  }
  return names;
}

/** Takes withdrawn columns away, with what hangs on them in the table itself; the view must not show them any more. */
export async function dropColumns(client: ClientBase, physical: TableName, columns: readonly string[]): Promise<void> {
  for (const column of columns) await client.query(`ALTER TABLE ${quoteTable(physical)} DROP COLUMN ${quoteIdentifier(column)}`);
}

/** The copy's names of its key columns, in key order. */
function keyColumns(table: TableMapping): string[] {
  return table.key.map((source) => table.columns.find((column) => column.source === source)?.target ?? source);
}

async function wantedColumns(client: ClientBase, table: TableMapping, types: UserTypes): Promise<WantedColumn[]> {
  const declarations: string[] = [];
  for (const column of table.columns) {
    const place = { physicalSchema: table.physical.schema, subject: columnSubject(table, column.target) };
    declarations.push(column.targetType ?? (await types.declare(column.sourceType, place)));
  }
  const canonical = await canonicalTypes(client, declarations);
  return table.columns.map((column, index) => {
    const type = canonical[index]?.text;
    if (type !== undefined) return { name: column.target, type };
    const cause = `this server knows no type ${declarations[index] ?? ""}`;
    throw new ReplicationError("DB-TGT-009", { subject: columnSubject(table, column.target), cause });
  });
}

async function createTable(client: ClientBase, table: TableMapping, wanted: readonly WantedColumn[]): Promise<void> {
  const columns = wanted.map((column) => `${quoteIdentifier(column.name)} ${column.type}`);
  const key = quoteIdentifiers(keyColumns(table));
  await client.query(
    `CREATE TABLE ${quoteTable(table.physical)} (${columns.join(", ")}, ${batchColumn} bigint NOT NULL, PRIMARY KEY (${key}))`,
  );
}

interface FoundTable {
  readonly ours: boolean;
  readonly plain: boolean;
  readonly columns: readonly FoundColumn[];
  readonly key: readonly string[];
}

const tableSql = `
SELECT c.relowner = current_user::regrole AS ours, c.relkind = 'r' AND c.relpersistence = 'p' AND NOT c.relispartition AS plain,
  (SELECT json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
      'demanded', a.attnotnull AND NOT a.atthasdef AND a.attidentity = '', 'generated', a.attgenerated <> '') ORDER BY a.attnum)
   FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
  (SELECT json_agg(a.attname ORDER BY k.place)
   FROM pg_index AS i
   CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
   JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
   WHERE i.indrelid = c.oid AND i.indisprimary) AS key
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2`;

async function findTable(client: ClientBase, name: TableName): Promise<FoundTable | null> {
  const { rows } = await client.query<Record<string, string | null>>(tableSql, [name.schema, name.name]);
  const row = rows[0];
  if (row === undefined) return null;
  return {
    ours: row["ours"] === "t",
    plain: row["plain"] === "t",
    columns: JSON.parse(row["columns"] ?? "[]") as FoundColumn[],
    key: JSON.parse(row["key"] ?? "[]") as string[],
  };
}

/** Everything that must not be mended silently, column by column. */
function refuseDrift(table: TableMapping, wanted: readonly WantedColumn[], found: FoundTable, managed: readonly string[] | null): void {
  const subject = printTable(table.physical);
  if (!found.ours || !found.plain) {
    const cause = found.ours ? "it is no ordinary table" : "it belongs to another role";
    throw new ReplicationError("DB-TGT-005", { subject, cause });
  }
  const byName = new Map(found.columns.map((column) => [column.name, column]));
  if (byName.get(batchColumn)?.type !== "bigint") throw drifted(table, batchColumn, "column dongbo_batch is missing or changed");
  for (const column of wanted) refuseColumn(table, column, byName.get(column.name), managed);
  refuseKey(table, found.key);
  const known = new Set([batchColumn, ...wanted.map((column) => column.name), ...(managed ?? [])]);
  const demanding = found.columns.find((column) => column.demanded && !known.has(column.name));
  if (demanding !== undefined) throw drifted(table, demanding.name, "the column is not dongbo's and demands a value in every row");
}

function refuseColumn(table: TableMapping, wanted: WantedColumn, found: FoundColumn | undefined, managed: readonly string[] | null): void {
  const known = managed === null || managed.includes(wanted.name);
  if (found === undefined) {
    if (known) throw drifted(table, wanted.name, "the column is missing");
    return;
  }
  if (found.generated) throw drifted(table, wanted.name, "the column has become a generated one");
  if (!known) throw drifted(table, wanted.name, "a column of this name was added by hand");
  if (found.type === wanted.type) return;
  throw new ReplicationError("DB-TGT-007", {
    subject: columnSubject(table, wanted.name),
    cause: `the copy holds it as ${found.type}, wanted is ${wanted.type}`,
    sql: withdrawStatements(table),
  });
}

function refuseKey(table: TableMapping, found: readonly string[]): void {
  const wanted = keyColumns(table);
  if (found.length === wanted.length && found.every((name, index) => name === wanted[index])) return;
  const subject = printTable(table.physical);
  if (found.length === 0) throw new ReplicationError("DB-TGT-006", { subject, cause: "its primary key is missing" });
  const cause = `its primary key is (${found.join(", ")}), wanted is (${wanted.join(", ")})`;
  throw new ReplicationError("DB-TGT-007", { subject, cause, sql: withdrawStatements(table) });
}

function drifted(table: TableMapping, column: string, cause: string): ReplicationError {
  return new ReplicationError("DB-TGT-006", { subject: columnSubject(table, column), cause, sql: withdrawStatements(table) });
}

function columnSubject(table: TableMapping, column: string): string {
  return `${printTable(table.physical)}.${column}`;
}

/** What makes room for the table to be made and loaded anew. */
function withdrawStatements(table: TableMapping): string[] {
  return [
    `DROP VIEW IF EXISTS ${quoteTable(table.target)};`,
    `DROP TABLE IF EXISTS ${quoteTable(table.physical)};`,
    `DELETE FROM dongbo.copy WHERE target_schema = ${quoteLiteral(table.target.schema)} AND target_name = ${quoteLiteral(table.target.name)};`,
  ];
}
