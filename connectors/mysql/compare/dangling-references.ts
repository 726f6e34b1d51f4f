// What a table of the consumer's refers to and the copy does not have, on a MySQL or MariaDB server.
import { assert } from "../../../engine/model/assert.ts";
import type { CopyReference } from "../../../engine/model/copy-reference.ts";
import type { ColumnType } from "../../../engine/model/table.ts";
import type { DanglingReading } from "../../../engine/ports/compared-table.ts";
import { cannotRead, isNumber, keyPart, type ReferenceKind, type ReferencePair, referencePairs, toDangling } from "../../dangling-pairs.ts";
import { accountSql } from "../apply/grants.ts";
import type { MysqlSession } from "../mysql-client.ts";
import { textComparison } from "../mysql-collations.ts";
import { errorNumber, toReplicationError } from "../mysql-errors.ts";
import { describeTables } from "../mysql-schema.ts";
import { quoteIdentifier, quoteIdentifiers, quoteTable } from "../quote.ts";
import { canonicalText } from "./canonical-sql.ts";
import { type OpenCompare, rowsOf } from "./compare-session.ts";

/** Throws DB-REC-016 where the referring table is not there, or may not be read. */
export async function readDangling({ session, side }: OpenCompare, reference: CopyReference, limit: number): Promise<DanglingReading> {
  const { schema, name } = reference.table;
  const folded = { schema: schema.toLowerCase(), name: name.toLowerCase() };
  const grants = await grantsFor(session, reference);
  try {
    const [referring] = await describeTables(session, session.foldsNames ? [reference.table, folded] : [reference.table]);
    const pairs = referencePairs(reference, referring, side, { hides: true, grants });
    const sql = danglingSql(referring === undefined ? reference : { ...reference, table: referring.table }, pairs, {
      copy: quoteTable(side.table.table),
      limit,
    });
    return toDangling(await rowsOf(session, sql), { reference, side }, (text, place) => {
      const pair = pairs[place];
      assert(pair !== undefined, "a reference has a value for each of its columns");
      return keyPart(pair, kindOf(pair), text);
    });
  } catch (error) {
    if (!accessDenied.has(errorNumber(error) ?? 0)) throw error;
    throw cannotRead(reference, toReplicationError(error, "").explanation, grants);
  }
}

/** ER_DBACCESS_DENIED_ERROR, ER_TABLEACCESS_DENIED_ERROR, ER_COLUMNACCESS_DENIED_ERROR. */
const accessDenied: ReadonlySet<number> = new Set([1044, 1142, 1143]);

async function grantsFor(session: MysqlSession, { table, columns }: CopyReference): Promise<string[]> {
  const [row] = await session.query("SELECT CURRENT_USER() AS account");
  return [`GRANT SELECT (${quoteIdentifiers(columns)}) ON ${quoteTable(table)} TO ${accountSql(row?.["account"] ?? "")}`];
}

/** Types whose equality is that of their values. */
const comparable: ReadonlySet<string> = new Set(["date", "timestamp", "instant", "uuid"]);

function kindOf({ referring: { type }, referred }: ReferencePair): ReferenceKind {
  if (isNumber(type) && isNumber(referred.type)) return "numbers";
  if (type.category === "bytes" && referred.type.category === "bytes") return "alike";
  return type.bare === referred.type.bare && comparable.has(type.category) ? "alike" : "text";
}

/** Values, rows that hold them, number of all values, number of all rows. */
function danglingSql(
  { table, columns }: CopyReference,
  pairs: readonly ReferencePair[],
  { copy, limit }: { readonly copy: string; readonly limit: number },
): string {
  const held = columns.map((name) => `${quoteIdentifier(name)} IS NOT NULL`).join(" AND ");
  const groups = pairs.map((pair, place) => `${heldValue(pair)} AS c${place}`).join(", ");
  const referring = `SELECT ${groups}, COUNT(*) AS n FROM ${quoteTable(table)} WHERE ${held} GROUP BY ${pairs.map((_, place) => `c${place}`).join(", ")}`;
  const equal = pairs.map((pair, place) => isEqual(pair, `r.c${place}`)).join(" AND ");
  const values = pairs.map((pair, place) => `${printedValue(pair, `c${place}`)} AS v${place}`).join(", ");
  const dangling = `SELECT ${values}, n FROM (${referring}) AS r WHERE NOT EXISTS (SELECT 1 FROM ${copy} AS c WHERE ${equal})`;
  const names = pairs.map((_, place) => `v${place}`).join(", ");
  return `SELECT ${names}, n, COUNT(*) OVER () AS all_values, SUM(n) OVER () AS all_rows FROM (${dangling}) AS d ORDER BY n DESC, ${names} LIMIT ${limit}`;
}

function heldValue(pair: ReferencePair): string {
  const column = quoteIdentifier(pair.referring.name);
  return kindOf(pair) === "text" ? asText(column, pair.referring.type) : column;
}

/** By the copy's own collation, so that its index serves; where that is of another character set, by the characters. */
function isEqual(pair: ReferencePair, held: string): string {
  const { name, type } = pair.referred;
  const column = `c.${quoteIdentifier(name)}`;
  if (kindOf(pair) !== "text") return `${column} = ${held}`;
  const comparison = textComparison(type.declaration);
  if (comparison?.charset === "utf8mb4") return `${column} = ${held} COLLATE ${comparison.collation}`;
  return `${asText(column, type)} = ${held}`;
}

/** By its characters; blanks at its end do not count. */
function asText(column: string, { declaration }: ColumnType): string {
  const text = textComparison(declaration) === null ? `CAST(${column} AS CHAR)` : column;
  return `CONVERT(${text} USING utf8mb4) COLLATE utf8mb4_bin`;
}

/** In the form in which the master is asked for it, where it is the key. */
function printedValue(pair: ReferencePair, name: string): string {
  const column = { ...pair.referring, name };
  switch (kindOf(pair)) {
    case "numbers":
      return canonicalText({ ...column, form: "decimal" });
    case "alike":
      return pair.form === null ? asText(name, pair.referring.type) : canonicalText({ ...column, form: pair.form });
    case "text":
      return name;
  }
}
