// The table that a copy's rows lie in: made, widened and narrowed as the mapping says, and otherwise held to what it was.
// Owners may add indexes and constraints; the columns, their types and the key are dongbo's.
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { TableMapping } from "../../../engine/model/share.ts";
import { printTable, type TableName } from "../../../engine/model/table.ts";
import type { MysqlSession } from "../mysql-client.ts";
import { errorNumber } from "../mysql-errors.ts";
import { quoteIdentifier, quoteIdentifiers, quoteLiteral, quoteTable } from "../quote.ts";
import { columnDefinition, keyColumns } from "./column-definition.ts";
import { batchColumn, isSameName } from "./names.ts";

/** A column as this server shows it. */
interface ServerColumn {
  readonly name: string;
  readonly type: string;
  /** Null: it holds no text. */
  readonly collation: string | null;
  /** A row written without it is refused: NOT NULL without default or generation. */
  readonly demanded: boolean;
  readonly generated: boolean;
}

/** What has to be done, and what is to be done last. */
export interface TableChanges {
  /** The table is not there. */
  readonly missing: boolean;
  /** Columns that it lacks, or has in another type: no row has a value in them yet. */
  readonly added: readonly string[];
  /** Of these, columns whose old values are to be dropped first. */
  readonly retyped: readonly string[];
  /** Columns to be dropped, once the view does not show them any more. */
  readonly withdrawn: readonly string[];
}

/** What is on record of a physical table. */
export interface TableRecord {
  /** The columns dongbo made in it before; null when there is no record of the table. */
  readonly columns: readonly string[] | null;
  /** Columns whose rows obey a contract of another type than is now wanted, so that they will be loaded anew. */
  readonly retyped: ReadonlySet<string>;
  /** Nobody may read its rows as they are. */
  readonly closed: boolean;
}

/** What the physical table of a mapping needs. Throws DB-TGT-005, 006 or 007, naming the column. */
export async function planTable(session: MysqlSession, table: TableMapping, record: TableRecord): Promise<TableChanges> {
  const found = await findTable(session, table.physical);
  const all = table.columns.map((column) => column.target);
  if (found === null) return { missing: true, added: all, retyped: [], withdrawn: [] };
  const wanted = await wantedColumns(session, table);
  const retyped = retypedColumns(table, wanted, found, record);
  refuseDrift(
    table,
    wanted.filter((column) => !retyped.includes(column.name)),
    found,
    record,
  );
  const names = new Set(found.columns.map((column) => column.name));
  const added = all.filter((name) => !names.has(name) || retyped.includes(name));
  const withdrawn = (record.columns ?? []).filter((name) => !all.includes(name) && names.has(name));
  return { missing: false, added, retyped, withdrawn };
}

/** Makes the table, or gives it the columns that it lacks. Throws DB-MY-017 when the server takes no such table. */
export async function changeTable(session: MysqlSession, table: TableMapping, { missing, added, retyped }: TableChanges): Promise<void> {
  const definition = (name: string): string => columnDefinition(session.flavour, table, name);
  try {
    if (missing) await session.execute(createSql(table, added.map(definition)));
    else if (added.length > 0) {
      const changes = [
        ...retyped.map((name) => `DROP COLUMN ${quoteIdentifier(name)}`),
        ...added.map((name) => `ADD COLUMN ${definition(name)}`),
      ];
      await session.execute(`ALTER TABLE ${quoteTable(table.physical)} ${changes.join(", ")}`);
    }
  } catch (error) {
    throw cannotMake(table, error);
  }
}

/** Takes withdrawn columns away, with what hangs on them in the table itself; the view must not show them any more. */
export async function dropColumns(session: MysqlSession, physical: TableName, columns: readonly string[]): Promise<void> {
  if (columns.length === 0) return;
  const drops = columns.map((column) => `DROP COLUMN ${quoteIdentifier(column)}`);
  await session.execute(`ALTER TABLE ${quoteTable(physical)} ${drops.join(", ")}`);
}

function createSql(table: TableMapping, definitions: readonly string[]): string {
  const parts = [...definitions, `${batchColumn} BIGINT NOT NULL`, primaryKey(table)];
  return `CREATE TABLE ${quoteTable(table.physical)} (${parts.join(", ")}) ${tableOptions}`;
}

function primaryKey(table: TableMapping): string {
  return `PRIMARY KEY (${quoteIdentifiers(keyColumns(table))})`;
}

const tableOptions = "ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4";

/** What the server cannot make a table of, by error number. */
const impossible: ReadonlyMap<number, string> = new Map([
  [1069, "it would have too many indexes"],
  [1070, "its key has more columns than an index takes"],
  [1071, "its key may be longer than the 3,072 bytes that an index takes"],
  [1074, "one of its columns is longer than the server allows"],
  [1117, "it has more columns than a table may have"],
  // MySQL reckons 40 bytes of a page of 16 kB for each text that lies outside of it, MariaDB 20.
  [1118, "its columns together are longer than the 65,535 bytes that a row may have, or too many to lie in a page"],
  [1167, "one of its key columns is of a type that cannot be indexed"],
  [1170, "one of its key columns is of a type without a limit on its length"],
]);

function cannotMake(table: TableMapping, error: unknown): unknown {
  const why = impossible.get(errorNumber(error) ?? 0);
  if (why === undefined) return error;
  const remedy = "Give its columns shorter types in the configuration (type:), such as varchar(255)";
  const cause = `the table cannot be made: ${why}`;
  return new ReplicationError("DB-MY-017", { subject: printTable(table.physical), cause, remedy }, { cause: error });
}

/** Columns of dongbo's that can be made again in the wanted type; a key's cannot, nor what was changed by hand. */
function retypedColumns(table: TableMapping, wanted: readonly ServerColumn[], found: FoundTable, record: TableRecord): string[] {
  const key = keyColumns(table);
  const isOther = (column: ServerColumn): boolean => found.columns.some(({ name, type }) => name === column.name && type !== column.type);
  return wanted
    .filter((column) => record.retyped.has(column.name) && !key.includes(column.name) && isOther(column))
    .map(({ name }) => name);
}

/** The wanted columns in this server's own words: it is asked by a temporary table, with a key, which a server may demand. */
async function wantedColumns(session: MysqlSession, table: TableMapping): Promise<ServerColumn[]> {
  const probe = { schema: table.physical.schema, name: "dongbo_probe" };
  const definitions = table.columns.map((column) => columnDefinition(session.flavour, table, column.target));
  const parts = [...definitions, primaryKey(table)];
  try {
    await session.execute(`DROP TEMPORARY TABLE IF EXISTS ${quoteTable(probe)}`);
    await session.execute(`CREATE TEMPORARY TABLE ${quoteTable(probe)} (${parts.join(", ")}) ${tableOptions}`);
    return await showColumns(session, probe);
  } catch (error) {
    throw cannotMake(table, error);
  } finally {
    if (!session.lost) await session.execute(`DROP TEMPORARY TABLE IF EXISTS ${quoteTable(probe)}`);
  }
}

async function showColumns(session: MysqlSession, table: TableName): Promise<ServerColumn[]> {
  const rows = await session.query(`SHOW FULL COLUMNS FROM ${quoteTable(table)}`);
  return rows.map((row) => {
    const extra = row["Extra"] ?? "";
    const generated = /\b(VIRTUAL|STORED|PERSISTENT)\b/i.test(extra);
    return {
      name: row["Field"] ?? "",
      type: row["Type"] ?? "",
      collation: row["Collation"] ?? null,
      generated,
      demanded: row["Null"] === "NO" && row["Default"] === null && !generated && !/auto_increment|DEFAULT_GENERATED/i.test(extra),
    };
  });
}

interface FoundTable {
  /** An ordinary InnoDB table. */
  readonly plain: boolean;
  readonly columns: readonly ServerColumn[];
  readonly key: readonly string[];
}

async function findTable(session: MysqlSession, name: TableName): Promise<FoundTable | null> {
  const tables = await session.query(
    `SELECT TABLE_NAME AS name, TABLE_TYPE = 'BASE TABLE' AND ENGINE = 'InnoDB' AS plain
     FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?`,
    [name.schema, name.name],
  );
  const table = tables.find((row) => isSameName(session, row["name"], name.name));
  if (table === undefined) return null;
  const key = await session.query(
    `SELECT TABLE_NAME AS name, COLUMN_NAME AS \`column\` FROM information_schema.STATISTICS
     WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND INDEX_NAME = 'PRIMARY' ORDER BY SEQ_IN_INDEX`,
    [name.schema, name.name],
  );
  return {
    plain: table["plain"] === "1",
    columns: await showColumns(session, name),
    key: key.filter((row) => isSameName(session, row["name"], name.name)).map((row) => row["column"] ?? ""),
  };
}

/** Everything that must not be mended silently, column by column. */
function refuseDrift(table: TableMapping, wanted: readonly ServerColumn[], found: FoundTable, record: TableRecord): void {
  if (!found.plain)
    throw new ReplicationError("DB-TGT-005", { subject: printTable(table.physical), cause: "it is no ordinary InnoDB table" });
  const byName = new Map(found.columns.map((column) => [column.name, column]));
  if (byName.get(batchColumn)?.type.startsWith("bigint") !== true)
    throw drifted(table, batchColumn, "column dongbo_batch is missing or changed");
  for (const column of wanted) refuseColumn(table, column, byName.get(column.name), record);
  refuseKey(table, found.key);
  const known = new Set([batchColumn, ...wanted.map((column) => column.name), ...(record.columns ?? [])]);
  const demanding = found.columns.find((column) => column.demanded && !known.has(column.name));
  if (demanding !== undefined) throw drifted(table, demanding.name, "the column is not dongbo's and demands a value in every row");
}

function refuseColumn(table: TableMapping, wanted: ServerColumn, found: ServerColumn | undefined, record: TableRecord): void {
  const known = record.columns === null || record.columns.includes(wanted.name);
  if (found === undefined) {
    if (known) throw drifted(table, wanted.name, "the column is missing");
    return;
  }
  if (found.generated) throw drifted(table, wanted.name, "the column has become a generated one");
  // Added just before the process died: nobody has read the copy since.
  if (!known && !record.closed) throw drifted(table, wanted.name, "a column of this name was added by hand");
  const collates = keyColumns(table).includes(wanted.name)
    ? found.collation === wanted.collation
    : charset(found.collation) === charset(wanted.collation);
  if (found.type === wanted.type && collates) return;
  const as = ({ type, collation }: ServerColumn): string => (collation === null || collates ? type : `${type} COLLATE ${collation}`);
  throw new ReplicationError("DB-TGT-007", {
    subject: columnSubject(table, wanted.name),
    cause: `the copy holds it as ${as(found)}, wanted is ${as(wanted)}`,
    sql: withdrawStatements(table),
  });
}

/** The head of a collation's name. */
function charset(collation: string | null): string | null {
  return collation === null ? null : (collation.split("_")[0] ?? null);
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
