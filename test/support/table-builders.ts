// Catalogue entries, streamed tables and mappings for tests that need no server.
import { packedBytes, PackedRows, packValues } from "../../engine/model/packed-rows.ts";
import type { Predicate } from "../../engine/model/predicate.ts";
import type { ColumnValue, Row } from "../../engine/model/row.ts";
import type { TableMapping } from "../../engine/model/share.ts";
import type { CatalogColumn, CatalogTable, ColumnType, StreamedTable, ValueCategory } from "../../engine/model/table.ts";

const builtIn: Readonly<Record<ValueCategory, readonly [declaration: string, bare: string, oid: number]>> = {
  integer: ["integer", "pg_catalog.int4", 23],
  decimal: ["numeric", "pg_catalog.numeric", 1700],
  float: ["double precision", "pg_catalog.float8", 701],
  boolean: ["boolean", "pg_catalog.bool", 16],
  text: ["text", "pg_catalog.text", 25],
  padded: ["character(6)", "pg_catalog.bpchar", 1042],
  date: ["date", "pg_catalog.date", 1082],
  time: ["time without time zone", 'pg_catalog."time"', 1083],
  timestamp: ["timestamp without time zone", 'pg_catalog."timestamp"', 1114],
  instant: ["timestamp with time zone", "pg_catalog.timestamptz", 1184],
  uuid: ["uuid", "pg_catalog.uuid", 2950],
  enum: ["kinds.colour", "kinds.colour", 16_400],
  bytes: ["bytea", "pg_catalog.bytea", 17],
  other: ["jsonb", "pg_catalog.jsonb", 3802],
};

export function columnType(category: ValueCategory, overrides: Partial<ColumnType> = {}): ColumnType {
  const [declaration, bare, oid] = builtIn[category];
  const isEnum = category === "enum";
  return {
    family: "postgres",
    identity: `${oid}:-1`,
    declaration,
    bare,
    kind: isEnum ? "enum" : "base",
    category,
    definitions: isEnum ? [{ kind: "enum", name: { schema: "kinds", name: "colour" }, labels: ["red", "green"] }] : [],
    extension: null,
    ...overrides,
  };
}

export function column(name: string, category: ValueCategory, overrides: Partial<CatalogColumn> = {}): CatalogColumn {
  return {
    name,
    id: name,
    type: columnType(category),
    nullable: true,
    bytewiseCollation: true,
    deterministic: true,
    generated: false,
    ...overrides,
  };
}

/** `public.citizen`, keyed by its first column. */
export function catalogTable(columns: readonly CatalogColumn[], overrides: Partial<CatalogTable> = {}): CatalogTable {
  const key = columns.slice(0, 1).map((first) => first.name);
  return {
    table: { schema: "public", name: "citizen" },
    id: "16500",
    columns,
    primaryKey: key,
    uniqueKeys: [],
    identity: { kind: "default", columns: key },
    partitioned: false,
    estimatedRows: -1,
    estimatedBytes: 0,
    rowSecurityApplies: false,
    ...overrides,
  };
}

/** A mapping that ships these columns under their own names, keyed as the table is. */
export function tableMapping(catalog: CatalogTable, shipped: readonly string[], filter: Predicate | null = null): TableMapping {
  return {
    source: catalog.table,
    target: catalog.table,
    physical: { schema: `${catalog.table.schema}_copy`, name: catalog.table.name },
    key: catalog.primaryKey,
    columns: shipped.map((name) => {
      const found = catalog.columns.find((candidate) => candidate.name === name);
      if (found === undefined) throw new Error(`no column ${name}`);
      return { source: name, target: name, sourceType: found.type, targetType: null, nullable: found.nullable };
    }),
    filter,
    catalog,
  };
}

/** The table as a stream would describe it; `identity` names its columns. */
export function streamedTable(catalog: CatalogTable, overrides: Partial<StreamedTable> = {}): StreamedTable {
  return {
    id: catalog.id,
    table: catalog.table,
    columns: catalog.columns.map(({ name, type }) => ({
      name,
      typeIdentity: type.identity,
      inIdentity: catalog.identity.columns.includes(name),
    })),
    identity: catalog.identity.kind,
    version: 1,
    ...overrides,
  };
}

/** A row image from text; null, ABSENT and UNCHANGED stay as they are. */
export function row(...values: readonly (string | null | 0 | 1)[]): Row {
  return values.map((value): ColumnValue => (typeof value === "string" ? Buffer.from(value, "utf8") : value));
}

/** Rows in one piece, as loads and the stream give them where they have every value. */
export function packed(rows: readonly Row[]): PackedRows {
  return new PackedRows(
    rows.map((values) => {
      const bytes = Buffer.alloc(packedBytes(values));
      return { bytes, from: 0, to: packValues(values, bytes, 0) };
    }),
  );
}
