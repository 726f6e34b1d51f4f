// What the target's own catalogue says of the physical tables: exact types, and foreign keys that owners added.
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { TableMapping } from "../../../engine/model/share.ts";
import { printTable, tableKey, type TableName } from "../../../engine/model/table.ts";
import type { Flavour, MysqlSession, TextRow } from "../mysql-client.ts";
import { quoteIdentifier, quoteTable } from "../quote.ts";
import { encoderOf } from "./encode-value.ts";

/** A physical table as statements need to know it. Columns are in the mapping's order. */
export interface TableShape {
  readonly mapping: TableMapping;
  readonly flavour: Flavour;
  /** Quoted. */
  readonly physical: string;
  readonly columns: readonly ShapeColumn[];
  /** Indexes of the key columns, in key order. */
  readonly key: readonly number[];
}

export interface ShapeColumn {
  /** Quoted. */
  readonly name: string;
  /** A parameter that is compared with the column, in the column's type, so that the index is used and nothing is rounded. */
  readonly comparand: string;
  /** Reads the column in a form that comes back as the same value when it is bound. */
  readonly exact: string;
  /** What is bound for a value in the source's text form. Throws ReplicationError where the column cannot hold it. */
  readonly encode: (text: Buffer) => string | Buffer;
  /** Its values are bytes, not text. */
  readonly binary: boolean;
}

/** A foreign key from a table of the subscription to any table. */
export interface ForeignKey {
  readonly name: string;
  readonly child: TableMapping;
  /** Null when the parent is no table of the subscription. */
  readonly parent: TableMapping | null;
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
export async function readTargetCatalog(session: MysqlSession, tables: readonly TableMapping[]): Promise<TargetCatalog> {
  const shapes = new Map<string, TableShape>();
  const foreignKeys: ForeignKey[] = [];
  for (const schema of new Set(tables.map((table) => table.physical.schema))) {
    const mappings = tables.filter((table) => table.physical.schema === schema);
    const columns = await session.query(columnsSql, [schema]);
    for (const mapping of mappings) shapes.set(tableKey(mapping.target), shapeOf(session.flavour, mapping, columns));
    for (const row of await session.query(foreignKeysSql, [schema])) {
      const child = physicalTable(tables, { schema, name: row["child"] ?? "" });
      if (child !== null) foreignKeys.push(foreignKeyOf(row, child, tables));
    }
  }
  return { shapes, foreignKeys, parentsFirst: sortParentsFirst(tables, foreignKeys) };
}

// Names in information_schema compare without regard to capitals: what is read is looked up exactly afterwards.
const columnsSql = `
SELECT TABLE_SCHEMA AS \`schema\`, TABLE_NAME AS \`table\`, COLUMN_NAME AS name, DATA_TYPE AS type, COLUMN_TYPE AS declaration,
  NUMERIC_PRECISION AS \`precision\`, NUMERIC_SCALE AS scale, DATETIME_PRECISION AS fraction
FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ?`;

const foreignKeysSql = `
SELECT CONSTRAINT_NAME AS name, TABLE_NAME AS child, UNIQUE_CONSTRAINT_SCHEMA AS parent_schema, REFERENCED_TABLE_NAME AS parent,
  CONCAT(DELETE_RULE, ' ', UPDATE_RULE) AS actions
FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = ?`;

function shapeOf(flavour: Flavour, mapping: TableMapping, rows: readonly TextRow[]): TableShape {
  const { physical } = mapping;
  const columns = mapping.columns.map((column): ShapeColumn => {
    const row = rows.find(
      (found) => found["schema"] === physical.schema && found["table"] === physical.name && found["name"] === column.target,
    );
    if (row === undefined) {
      const cause = `column ${quoteIdentifier(column.target)} is not there`;
      throw new ReplicationError("DB-TGT-018", { subject: printTable(physical), cause });
    }
    const type = row["type"] ?? "";
    const name = quoteIdentifier(column.target);
    return {
      name,
      comparand: comparand(type, row),
      // A FLOAT is printed with six digits; as a double it is printed in full.
      exact: type === "float" ? `(${name} + 0e0)` : name,
      encode: encoderOf(column.sourceType, {
        declaration: column.targetType ?? column.sourceType.declaration,
        subject: `${printTable(mapping.target)}.${column.target}`,
        lossAccepted: column.conversion === "lossy",
      }),
      binary: binaryTypes.has(type),
    };
  });
  const key = mapping.key.map((name) => mapping.columns.findIndex((column) => column.source === name));
  return { mapping, flavour, physical: quoteTable(physical), columns, key };
}

const binaryTypes: ReadonlySet<string> = new Set(
  "binary varbinary tinyblob blob mediumblob longblob bit geometry point linestring polygon multipoint multilinestring multipolygon geometrycollection geomcollection".split(
    " ",
  ),
);

/** Text compares as text by itself; what else is compared with a text would be compared as a double. */
function comparand(type: string, row: TextRow): string {
  switch (type) {
    case "tinyint":
    case "smallint":
    case "mediumint":
    case "int":
    case "bigint":
    case "year":
      return `CAST(? AS ${row["declaration"]?.includes("unsigned") === true ? "UNSIGNED" : "SIGNED"})`;
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
    default:
      return "?";
  }
}

function foreignKeyOf(row: TextRow, child: TableMapping, tables: readonly TableMapping[]): ForeignKey {
  return {
    name: row["name"] ?? "",
    child,
    parent: physicalTable(tables, { schema: row["parent_schema"] ?? "", name: row["parent"] ?? "" }),
    actsByItself: /CASCADE|SET/.test(row["actions"] ?? ""),
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
