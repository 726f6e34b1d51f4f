// What the target's own catalogue says of the physical tables: exact types, and foreign keys that owners added.
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { keyPlaces, type Subscription, type TableMapping } from "../../../engine/model/share.ts";
import { type ColumnType, printTable, tableKey, type TableName } from "../../../engine/model/table.ts";
import { ownRowsSql } from "../../../engine/target/batch-ids.ts";
import type { Flavour, MysqlSession, TextRow } from "../mysql-client.ts";
import { quoteIdentifier, quoteTable } from "../quote.ts";
import { encoderOf } from "./encode-value.ts";
import { batchColumn, isSameName } from "./names.ts";
import { readFirstBatches } from "./target-records.ts";
import { type Verbatim, verbatimOf } from "./verbatim.ts";

/** A physical table as statements need to know it. Columns are in the mapping's order. */
export interface TableShape {
  readonly mapping: TableMapping;
  readonly flavour: Flavour;
  /** Quoted. */
  readonly physical: string;
  readonly columns: readonly ShapeColumn[];
  /** Indexes of the key columns, in key order. */
  readonly key: readonly number[];
  /** Condition under which a row is the writer's; null: all of them are. */
  readonly own: string | null;
  /** Indexes of other columns by which a foreign key refers to some row. */
  readonly references: readonly number[];
}

export interface ShapeColumn {
  readonly sourceType: ColumnType;
  /** Quoted. */
  readonly name: string;
  /** A parameter that is compared with the column, in the column's type, so that the index is used and nothing is rounded. */
  readonly comparand: string;
  /** Reads the column in a form that comes back as the same value when it is bound. */
  readonly exact: string;
  /** What is bound for a value in the source's text form. Throws ReplicationError where the column cannot hold it. */
  readonly encode: (text: Buffer) => string | Buffer;
  /** Which of these need no encoding. */
  readonly verbatim: Verbatim;
  /** Its values are bytes, not text. */
  readonly binary: boolean;
}

/** A foreign key from a table of the subscription to any table. */
export interface ForeignKey {
  readonly name: string;
  readonly child: TableMapping;
  /** Null when the parent is no table of the subscription. */
  readonly parent: TableMapping | null;
  /** Its columns, quoted: the child's, and the parent's that they refer to. */
  readonly columns: readonly { readonly child: string; readonly parent: string }[];
  /** It changes or deletes child rows by itself when a parent row goes. */
  readonly actsByItself: boolean;
}

export interface TargetCatalog {
  /** By tableKey of the mapping's target. */
  readonly shapes: ReadonlyMap<string, TableShape>;
  readonly foreignKeys: readonly ForeignKey[];
  /** Tables with parents before children, as far as their foreign keys form no cycle. */
  readonly parentsFirst: readonly TableMapping[];
}

/** Reads the catalogue. Throws DB-TGT-018 when a column of the mapping is not there. */
export async function readTargetCatalog(session: MysqlSession, { id, slice, tables }: Subscription): Promise<TargetCatalog> {
  const firstBatches = slice === undefined ? new Map<string, number>() : await readFirstBatches(session, id);
  const shapes = new Map<string, TableShape>();
  const foreignKeys: ForeignKey[] = [];
  for (const schema of new Set(tables.map((table) => table.physical.schema))) {
    foreignKeys.push(...(await readForeignKeys(session, schema, tables)));
    const columns = await session.query(columnsSql, [schema]);
    for (const mapping of tables) {
      if (mapping.physical.schema !== schema) continue;
      const own = ownRowsSql(slice, batchColumn, firstBatches.get(printTable(mapping.target)) ?? 0);
      shapes.set(tableKey(mapping.target), { ...shapeOf(session, mapping, columns, foreignKeys), own });
    }
  }
  return { shapes, foreignKeys, parentsFirst: sortParentsFirst(tables, foreignKeys) };
}

// Names in information_schema compare without regard to capitals: what is read is looked up again afterwards.
const columnsSql = `
SELECT TABLE_SCHEMA AS \`schema\`, TABLE_NAME AS \`table\`, COLUMN_NAME AS name, DATA_TYPE AS type, COLUMN_TYPE AS declaration,
  NUMERIC_PRECISION AS \`precision\`, NUMERIC_SCALE AS scale, DATETIME_PRECISION AS fraction
FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ?`;

const foreignKeysSql = `
SELECT r.CONSTRAINT_NAME AS name, r.TABLE_NAME AS child, r.UNIQUE_CONSTRAINT_SCHEMA AS parent_schema, r.REFERENCED_TABLE_NAME AS parent,
  CONCAT(r.DELETE_RULE, ' ', r.UPDATE_RULE) AS actions, k.COLUMN_NAME AS child_column, k.REFERENCED_COLUMN_NAME AS parent_column
FROM information_schema.REFERENTIAL_CONSTRAINTS AS r
JOIN information_schema.KEY_COLUMN_USAGE AS k
  ON k.CONSTRAINT_SCHEMA = r.CONSTRAINT_SCHEMA AND k.CONSTRAINT_NAME = r.CONSTRAINT_NAME AND k.TABLE_NAME = r.TABLE_NAME
WHERE r.CONSTRAINT_SCHEMA = ? AND k.CONSTRAINT_SCHEMA = ? ORDER BY r.TABLE_NAME, r.CONSTRAINT_NAME, k.ORDINAL_POSITION`;

async function readForeignKeys(session: MysqlSession, schema: string, tables: readonly TableMapping[]): Promise<ForeignKey[]> {
  const byName = new Map<string, TextRow[]>();
  for (const row of await session.query(foreignKeysSql, [schema, schema])) {
    const id = JSON.stringify([row["child"], row["name"]]);
    byName.set(id, [...(byName.get(id) ?? []), row]);
  }
  return [...byName.values()].flatMap((rows) => {
    const [first = {}] = rows;
    const child = physicalTable(session, tables, { schema, name: first["child"] ?? "" });
    if (child === null) return [];
    const columns = rows.map((row) => ({
      child: quoteIdentifier(row["child_column"] ?? ""),
      parent: quoteIdentifier(row["parent_column"] ?? ""),
    }));
    const parent = physicalTable(session, tables, { schema: first["parent_schema"] ?? "", name: first["parent"] ?? "" });
    return [{ name: first["name"] ?? "", child, parent, columns, actsByItself: /CASCADE|SET/.test(first["actions"] ?? "") }];
  });
}

function shapeOf(
  session: MysqlSession,
  mapping: TableMapping,
  rows: readonly TextRow[],
  foreignKeys: readonly ForeignKey[],
): Omit<TableShape, "own"> {
  const { physical } = mapping;
  const columns = mapping.columns.map((column): ShapeColumn => {
    const row = rows.find(
      (found) =>
        isSameName(session, found["schema"], physical.schema) &&
        isSameName(session, found["table"], physical.name) &&
        found["name"] === column.target,
    );
    if (row === undefined) {
      const cause = `column ${quoteIdentifier(column.target)} is not there`;
      throw new ReplicationError("DB-TGT-018", { subject: printTable(physical), cause });
    }
    const type = row["type"] ?? "";
    const name = quoteIdentifier(column.target);
    const declaration = column.targetType ?? column.sourceType.declaration;
    return {
      sourceType: column.sourceType,
      name,
      comparand: comparand(type, row, session.flavour),
      // A FLOAT is printed with six digits; as a double it is printed in full.
      exact: type === "float" ? `(${name} + 0e0)` : name,
      encode: encoderOf(column.sourceType, {
        declaration,
        subject: `${printTable(mapping.target)}.${column.target}`,
        lossAccepted: column.conversion === "lossy",
      }),
      verbatim: verbatimOf(column.sourceType, declaration),
      binary: binaryTypes.has(type),
    };
  });
  const key = keyPlaces(mapping);
  const refers = new Set(
    foreignKeys.filter(({ child }) => child === mapping).flatMap((reference) => reference.columns.map(({ child }) => child)),
  );
  const references = columns.flatMap(({ name }, index) => (refers.has(name) && !key.includes(index) ? [index] : []));
  return { mapping, flavour: session.flavour, physical: quoteTable(physical), columns, key, references };
}

const binaryTypes: ReadonlySet<string> = new Set(
  "binary varbinary tinyblob blob mediumblob longblob vector bit geometry point linestring polygon multipoint multilinestring multipolygon geometrycollection geomcollection".split(
    " ",
  ),
);

/** Text compares as text by itself; what else is compared with a text would be compared as a double. */
function comparand(type: string, row: TextRow, flavour: Flavour): string {
  // MySQL makes no UNSIGNED of a parameter beyond the largest signed number.
  const unsigned = flavour === "mysql" ? "DECIMAL(20, 0)" : "UNSIGNED";
  switch (type) {
    case "tinyint":
    case "smallint":
    case "mediumint":
    case "int":
    case "bigint":
    case "year":
      return `CAST(? AS ${row["declaration"]?.includes("unsigned") === true ? unsigned : "SIGNED"})`;
    case "decimal":
      return `CAST(? AS DECIMAL(${row["precision"] ?? "65"}, ${row["scale"] ?? "0"}))`;
    case "float":
    case "double":
      return "(? + 0e0)";
    case "date":
      return "CAST(? AS DATE)";
    case "time":
      return `CAST(? AS TIME(${row["fraction"] ?? "6"}))`;
    case "datetime":
    case "timestamp":
      return `CAST(? AS DATETIME(${row["fraction"] ?? "6"}))`;
    // A column of bits compares as the number that they are, and bytes do not become it by themselves.
    case "bit":
      return "CAST(CONV(HEX(?), 16, 10) AS UNSIGNED)";
    default:
      return "?";
  }
}

function physicalTable(session: MysqlSession, tables: readonly TableMapping[], { schema, name }: TableName): TableMapping | null {
  const isIt = ({ physical }: TableMapping): boolean =>
    isSameName(session, schema, physical.schema) && isSameName(session, name, physical.name);
  return tables.find(isIt) ?? null;
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
