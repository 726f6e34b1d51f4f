// One text for one value, whatever server holds it: the checker's own reading of both manuals, shared with nobody.
/** The two kinds of servers. MariaDB is of MySQL's. */
export type Family = "postgres" | "mysql";

/**
 * What a column holds. `decimal`: with all digits of its scale. `instant`: a moment in UTC, as timestamptz, or as timestamp or
 * datetime that is meant so. `document`: JSON by its text.
 */
export type NormalForm = "text" | "integer" | "decimal" | "date" | "instant" | "bytes" | "document" | "boolean" | "uuid" | "double";

/** The server's kind by the scheme of its URL. */
export function familyOf(url: string): Family {
  return url.startsWith("mysql:") ? "mysql" : "postgres";
}

/** SQL for a column's value as text, equal on both kinds for equal values. NULL stays NULL. */
export function normalForm(family: Family, form: NormalForm, column: string): string {
  return family === "postgres" ? postgresForms[form](column) : mysqlForms[form](column);
}

const postgresForms: Readonly<Record<NormalForm, (column: string) => string>> = {
  text: (column) => `${column}::text`,
  integer: (column) => `${column}::text`,
  decimal: (column) => `${column}::text`,
  date: (column) => `${column}::text`,
  instant: (column) => `to_char(${column}, 'YYYY-MM-DD HH24:MI:SS.US')`,
  bytes: (column) => `encode(${column}, 'hex')`,
  document: (column) => `${column}::text`,
  // smallint, where a copy holds one, and boolean.
  boolean: (column) => `${column}::int::text`,
  uuid: (column) => `${column}::text`,
  double: (column) => `encode(float8send(${column}::float8 + 0), 'hex')`,
};

/** Bytes of the value in UTF-8, whatever the column's character set and collation. */
const utf8 = (text: string): string => `CAST(CONVERT(${text} USING utf8mb4) AS BINARY)`;

const mysqlForms: Readonly<Record<NormalForm, (column: string) => string>> = {
  text: utf8,
  integer: (column) => utf8(`CAST(${column} AS CHAR)`),
  decimal: (column) => utf8(`CAST(${column} AS CHAR)`),
  date: (column) => utf8(`CAST(${column} AS CHAR)`),
  instant: (column) => utf8(`DATE_FORMAT(${column}, '%Y-%m-%d %H:%i:%s.%f')`),
  bytes: (column) => utf8(`LOWER(HEX(${column}))`),
  document: utf8,
  boolean: (column) => utf8(`CAST(${column} AS CHAR)`),
  uuid: (column) => utf8(`LOWER(${column})`),
  // Well-known binary holds the number's eight bytes (OGC 06-103r4, 8.2.4), the lowest first, after one of order and four of type.
  double: (column) => utf8(`LOWER(HEX(REVERSE(SUBSTR(ST_AsWKB(POINT(${column} + 0, 0)), 6, 8))))`),
};
