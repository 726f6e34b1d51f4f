// What the target's own catalogue says of the physical tables: exact types to cast to, and constraints that owners added.
import type { ClientBase } from "pg";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { type ColumnMapping, keyPlaces, type Subscription, type TableMapping } from "../../../engine/model/share.ts";
import { type ColumnType, printTable, tableKey, type TableName, type ValueCategory } from "../../../engine/model/table.ts";
import { ownRowsSql } from "../../../engine/target/batch-ids.ts";
import { TypeCatalog } from "../postgres-types.ts";
import { quoteIdentifier, quoteTable } from "../quote.ts";
import { type BinaryType, binaryType } from "./binary-values.ts";
import { batchColumn } from "./table-sql.ts";
import { readFirstBatches } from "./target-records.ts";

/** A physical table as statements need to know it. Columns are in the mapping's order. */
export interface TableShape {
  readonly mapping: TableMapping;
  /** Quoted. */
  readonly physical: string;
  readonly columns: readonly ShapeColumn[];
  /** Indexes of the key columns, in key order. */
  readonly key: readonly number[];
  /** Condition under which a row is the writer's; null: all of them are. */
  readonly own: string | null;
}

export interface ShapeColumn {
  /** Quoted. */
  readonly name: string;
  /** The column's type without modifier: a cast to it changes no value, and the assignment that follows never truncates silently. */
  readonly bare: string;
  /**
   * Where the configuration gives the column another type than the source's: the type with its modifier, and the source's
   * type, in which the value must be the same before and after. Null: the types are the same, or cannot be compared.
   */
  readonly checked: { readonly declared: string; readonly source: string } | null;
  /** How its values are sent when they are in plain form; null: as text, for the server to read. */
  readonly binary: BinaryType | null;
  /** Its equality operator, written so that it is found under an empty search_path; for key columns. */
  readonly equality: string;
}

/** A foreign key from a table of the subscription to any table. */
export interface ForeignKey {
  readonly name: string;
  /** `schema.name`, quoted, as SET CONSTRAINTS wants it. */
  readonly qualified: string;
  readonly child: TableMapping;
  /** Null when the parent is no table of the subscription. */
  readonly parent: TableMapping | null;
  /** The condition under which a child row `c` refers to a parent row that is not there. */
  readonly dangling: string;
  readonly deferrable: boolean;
  /** It changes or deletes child rows by itself when a parent row goes. */
  readonly actsByItself: boolean;
}

export interface TargetCatalog {
  /** By tableKey of the mapping's target. */
  readonly shapes: ReadonlyMap<string, TableShape>;
  readonly foreignKeys: readonly ForeignKey[];
  /** Some constraint on a physical table can be checked at the end of a transaction. */
  readonly deferrableConstraints: boolean;
  /** Tables with parents before children, as far as their foreign keys form no cycle. */
  readonly parentsFirst: readonly TableMapping[];
}

/** Reads the catalogue. Throws DB-TGT-018 when a column of the mapping is not there. */
export async function readTargetCatalog(client: ClientBase, subscription: Subscription): Promise<TargetCatalog> {
  const { tables } = subscription;
  const shapes = await readShapes(client, subscription);
  const { foreignKeys, deferrableConstraints } = await readConstraints(client, tables);
  return { shapes, foreignKeys, deferrableConstraints, parentsFirst: sortParentsFirst(tables, foreignKeys) };
}

const columnsSql = `
SELECT n.nspname AS schema, c.relname AS name, a.attname AS column, a.atttypid AS oid, a.atttypmod AS typmod,
  format_type(a.atttypid, a.atttypmod) AS declaration,
  (SELECT format('OPERATOR(%I.%s)', s.nspname, o.oprname)
   FROM pg_index i
   CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indclass::oid[]) AS k(attnum, opclass)
   JOIN pg_opclass p ON p.oid = k.opclass
   JOIN pg_amop m ON m.amopfamily = p.opcfamily AND m.amoplefttype = p.opcintype AND m.amoprighttype = p.opcintype
     AND m.amopstrategy = 3
   JOIN pg_operator o ON o.oid = m.amopopr
   JOIN pg_namespace s ON s.oid = o.oprnamespace
   WHERE i.indrelid = c.oid AND i.indisprimary AND k.attnum = a.attnum) AS equality
FROM unnest($1::text[], $2::text[]) AS t(schema, name)
JOIN pg_namespace n ON n.nspname = t.schema
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.name
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped`;

async function readShapes(client: ClientBase, subscription: Subscription): Promise<Map<string, TableShape>> {
  const { tables, slice } = subscription;
  const firstBatches = slice === undefined ? new Map<string, number>() : await readFirstBatches(client, subscription.id);
  const parameters = [tables.map((table) => table.physical.schema), tables.map((table) => table.physical.name)];
  const { rows } = await client.query<Record<string, string>>(columnsSql, parameters);
  const types = await TypeCatalog.read(
    client,
    rows.map((row) => String(row["oid"])),
  );
  const found = new Map<string, FoundColumn>();
  for (const row of rows) {
    const bare = types.columnType(String(row["oid"]), String(row["typmod"]), String(row["declaration"])).bare;
    const table = { schema: String(row["schema"]), name: String(row["name"]) };
    const name = quoteIdentifier(String(row["column"]));
    const equality = row["equality"] ?? "OPERATOR(pg_catalog.=)";
    found.set(`${tableKey(table)}.${name}`, { name, bare, equality, declared: String(row["declaration"]) });
  }
  return new Map(
    tables.map((mapping) => {
      const own = ownRowsSql(slice, batchColumn, firstBatches.get(printTable(mapping.target)) ?? 0);
      return [tableKey(mapping.target), { ...shapeOf(mapping, found), own }];
    }),
  );
}

interface FoundColumn extends Omit<ShapeColumn, "checked" | "binary"> {
  readonly declared: string;
}

function shapeOf(mapping: TableMapping, found: ReadonlyMap<string, FoundColumn>): Omit<TableShape, "own"> {
  const columns = mapping.columns.map((column): ShapeColumn => {
    const { target, sourceType } = column;
    const there = found.get(`${tableKey(mapping.physical)}.${quoteIdentifier(target)}`);
    if (there === undefined) {
      const cause = `column ${quoteIdentifier(target)} is not there`;
      throw new ReplicationError("DB-TGT-018", { subject: printTable(mapping.physical), cause });
    }
    const source = isChosen(column) ? comparableType(sourceType) : null;
    const checked = source === null ? null : { declared: there.declared, source };
    // A value is checked by reading its text in two types.
    return { ...there, checked, binary: checked === null ? binaryType(there.bare) : null };
  });
  const key = keyPlaces(mapping);
  return { mapping, physical: quoteTable(mapping.physical), columns, key };
}

/** The configuration gives the column a type that may hold less, and does not accept that it does. */
function isChosen({ targetType, conversion }: ColumnMapping): boolean {
  return targetType !== null && conversion === undefined;
}

/** Built-in types of which equal values are the same value; not so of boxes and circles, and json has no equality at all. */
const comparableTypes = new Set(
  "int2 int4 int8 numeric float4 float8 money bool text varchar bpchar name char bytea date time timetz timestamp timestamptz interval bit varbit uuid inet cidr macaddr macaddr8 oid pg_lsn".split(
    " ",
  ),
);

/** The type in which the target can tell whether a value of this source type is still itself after a change of type. */
function comparableType(type: ColumnType): string | null {
  if (type.family === "mysql") return comparableMysql[type.bare] ?? comparableCategories[type.category] ?? null;
  if (type.kind === "enum") return "text";
  const name = /^pg_catalog\."?(\w+)"?(?:\[\])?$/.exec(type.bare)?.[1];
  return name !== undefined && comparableTypes.has(name) ? type.bare : null;
}

/** MySQL's types whose text another type reads than their category says; of integers only int4 casts to boolean and back. */
const comparableMysql: Readonly<Record<string, string>> = {
  tinyint: "int4",
  bigint: "numeric",
  float: "float4",
  bit: "varbit",
  time: "interval",
  inet4: "inet",
  inet6: "inet",
};

/** MySQL's values print so that these types read them (connectors/mysql/value-text.ts). */
const comparableCategories: Readonly<Partial<Record<ValueCategory, string>>> = {
  integer: "int8",
  decimal: "numeric",
  float: "float8",
  text: "text",
  padded: "text",
  enum: "text",
  date: "date",
  timestamp: "timestamp",
  instant: "timestamptz",
  uuid: "uuid",
  bytes: "bytea",
};

// conenforced is new in PostgreSQL 18: a constraint that is not enforced judges nothing.
const constraintsSql = `
SELECT con.conname AS name, con.contype AS type, con.condeferrable AS deferrable, n.nspname AS schema, c.relname AS table,
  pn.nspname AS parent_schema, p.relname AS parent_table,
  concat(con.confdeltype, con.confupdtype) AS actions, con.confmatchtype AS match,
  (SELECT json_agg(json_build_object('child', ca.attname, 'parent', pa.attname,
      'equality', format('OPERATOR(%I.%s)', s.nspname, o.oprname)) ORDER BY k.position)
   FROM unnest(con.conkey, con.confkey, con.conpfeqop) WITH ORDINALITY AS k(child, parent, operator, position)
   JOIN pg_attribute ca ON ca.attrelid = con.conrelid AND ca.attnum = k.child
   JOIN pg_attribute pa ON pa.attrelid = con.confrelid AND pa.attnum = k.parent
   JOIN pg_operator o ON o.oid = k.operator
   JOIN pg_namespace s ON s.oid = o.oprnamespace) AS columns
FROM pg_constraint con
JOIN pg_class c ON c.oid = con.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_class p ON p.oid = con.confrelid
LEFT JOIN pg_namespace pn ON pn.oid = p.relnamespace
WHERE coalesce((to_jsonb(con) ->> 'conenforced')::boolean, true)
  AND (con.contype = 'f' OR con.condeferrable)
  AND (n.nspname, c.relname) IN (SELECT * FROM unnest($1::text[], $2::text[]))`;

async function readConstraints(
  client: ClientBase,
  tables: readonly TableMapping[],
): Promise<Pick<TargetCatalog, "foreignKeys" | "deferrableConstraints">> {
  const parameters = [tables.map((table) => table.physical.schema), tables.map((table) => table.physical.name)];
  const { rows } = await client.query<Record<string, string>>(constraintsSql, parameters);
  const foreignKeys = rows.filter((row) => row["type"] === "f").map((row) => foreignKeyOf(row, tables));
  return { foreignKeys, deferrableConstraints: rows.some((row) => row["deferrable"] === "t") };
}

interface ColumnPair {
  readonly child: string;
  readonly parent: string;
  readonly equality: string;
}

function foreignKeyOf(row: Record<string, string>, tables: readonly TableMapping[]): ForeignKey {
  const name = String(row["name"]);
  const child = { schema: String(row["schema"]), name: String(row["table"]) };
  const parent = { schema: String(row["parent_schema"]), name: String(row["parent_table"]) };
  const columns = JSON.parse(row["columns"] ?? "[]") as ColumnPair[];
  const known = columns.map((pair) => `c.${quoteIdentifier(pair.child)} IS NOT NULL`);
  const equal = columns.map((pair) => `p.${quoteIdentifier(pair.parent)} ${pair.equality} c.${quoteIdentifier(pair.child)}`);
  // MATCH FULL: only a reference that is NULL throughout refers to nothing. MATCH SIMPLE: one NULL is enough.
  const refers = `(${known.join(row["match"] === "f" ? " OR " : " AND ")})`;
  return {
    name,
    qualified: quoteTable({ schema: child.schema, name }),
    child: physicalTable(tables, child) as TableMapping,
    parent: physicalTable(tables, parent),
    dangling: `${refers} AND NOT EXISTS (SELECT FROM ${quoteTable(parent)} AS p WHERE ${equal.join(" AND ")})`,
    deferrable: row["deferrable"] === "t",
    actsByItself: /[cnd]/.test(row["actions"] ?? ""),
  };
}

function physicalTable(tables: readonly TableMapping[], name: TableName): TableMapping | null {
  return tables.find((table) => tableKey(table.physical) === tableKey(name)) ?? null;
}

function sortParentsFirst(tables: readonly TableMapping[], foreignKeys: readonly ForeignKey[]): TableMapping[] {
  const sorted: TableMapping[] = [];
  const visited = new Set<TableMapping>();
  const visit = (table: TableMapping): void => {
    if (visited.has(table)) return;
    visited.add(table);
    for (const { child, parent } of foreignKeys) if (child === table && parent !== null) visit(parent);
    sorted.push(table);
  };
  tables.forEach(visit);
  return sorted;
}
