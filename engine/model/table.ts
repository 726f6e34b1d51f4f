/** A table's name: both parts literal, never folded, never split again. */
export interface TableName {
  readonly schema: string;
  readonly name: string;
}

/** `schema.table` for people and for map keys inside one database. A name part may hold a dot: use tableKey for maps. */
export function printTable(table: TableName): string {
  return `${table.schema}.${table.name}`;
}

/** An unambiguous map key for a table name. */
export function tableKey(table: TableName): string {
  return `${table.schema.length}:${table.schema}.${table.name}`;
}

/**
 * A column type as the source's catalogue states it. `identity` is what must be equal for two columns to have the same
 * type (PostgreSQL: oid and typmod); `declaration` is how the type is written in DDL of the same family (`numeric(10,2)`).
 */
export interface ColumnType {
  readonly family: "postgres" | "mysql";
  /** Opaque; equal exactly when type and modifier are equal. PostgreSQL: `<oid>:<typmod>`. */
  readonly identity: string;
  /** Fully written type with modifier, schema-qualified and quoted where it is not a built-in one. */
  readonly declaration: string;
  /** The same without modifier (`pg_catalog."bit"`, `pg_catalog.bpchar`), for casts that must not truncate. */
  readonly bare: string;
  readonly kind: "base" | "enum" | "domain" | "composite" | "array" | "range" | "multirange";
  /** Family-wide category that filters and mappings reason about. Domains take the category of their base type. */
  readonly category: ValueCategory;
  /** User-defined types this one needs in the target, in creation order; empty for built-in types. */
  readonly definitions: readonly TypeDefinition[];
  /** Name of the extension that owns the type, when one does; it must exist in the target. */
  readonly extension: string | null;
}

/**
 * integer: any width, signed or not · decimal: exact with fraction · float: inexact · boolean · text: variable length ·
 * padded: char(n) · date · time · timestamp: without zone · instant: with zone · uuid · enum · bytes · other. Of float, bytes
 * and other a filter can only ask whether they are NULL.
 */
export type ValueCategory =
  | "integer"
  | "decimal"
  | "float"
  | "boolean"
  | "text"
  | "padded"
  | "date"
  | "time"
  | "timestamp"
  | "instant"
  | "uuid"
  | "enum"
  | "bytes"
  | "other";

/** A user-defined type as its owner declared it, enough to create it again under another schema. */
export type TypeDefinition =
  | { readonly kind: "enum"; readonly name: TableName; readonly labels: readonly string[] }
  | { readonly kind: "domain"; readonly name: TableName; readonly base: string }
  | {
      readonly kind: "composite";
      readonly name: TableName;
      readonly attributes: readonly { name: string; type: string }[];
    }
  | { readonly kind: "range"; readonly name: TableName; readonly subtype: string };

/** A column as the source's catalogue states it now. */
export interface CatalogColumn {
  readonly name: string;
  /** The catalogue's own identifier of the column in its table; changes when the column is dropped and made again. */
  readonly id: string;
  readonly type: ColumnType;
  readonly nullable: boolean;
  /** Collation is byte order (`C`, `POSIX`, `C.UTF-8`-like builtin), so JavaScript can order its text as the server does. */
  readonly bytewiseCollation: boolean;
  /** Equal text is equal bytes. False for nondeterministic collations and citext: no key or filter may use them. */
  readonly deterministic: boolean;
  /** Computed by the server from other columns; missing from the change stream unless `publishable`. */
  readonly generated: boolean;
  /** Set for a generated column that the server can put into its change stream (PostgreSQL 18: stored ones). */
  readonly publishable?: true;
}

/** A table as the source's catalogue states it now. */
export interface CatalogTable {
  readonly table: TableName;
  /** The catalogue's own identifier of the table; changes when the table is dropped and made again. */
  readonly id: string;
  readonly columns: readonly CatalogColumn[];
  /** Primary key columns in key order; empty when there is none. */
  readonly primaryKey: readonly string[];
  /** Other unique, valid, non-partial indexes over NOT NULL plain columns, each as its columns in order. */
  readonly uniqueKeys: readonly (readonly string[])[];
  /** What a before image holds: the columns of the replica identity; all for `full`, none for `nothing`. */
  readonly identity: {
    readonly kind: "default" | "index" | "full" | "nothing";
    readonly columns: readonly string[];
  };
  readonly partitioned: boolean;
  /** The server's own estimate; -1 when it has none. */
  readonly estimatedRows: number;
  readonly estimatedBytes: number;
  /** Row security is on and applies to this connection, so rows could be hidden from it silently. */
  readonly rowSecurityApplies: boolean;
}

/** A table as the change stream described it at some position. A changed description is a new object with a new version. */
export interface StreamedTable {
  readonly id: string;
  readonly table: TableName;
  readonly columns: readonly StreamedColumn[];
  readonly identity: "default" | "index" | "full" | "nothing";
  /** Counts up with each new description of the same table in one stream. */
  readonly version: number;
}

export interface StreamedColumn {
  readonly name: string;
  /** Compares with ColumnType.identity. */
  readonly typeIdentity: string;
  /** Part of the before image that an update of the identity, or a delete, carries. */
  readonly inIdentity: boolean;
}
