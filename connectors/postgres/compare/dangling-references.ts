// What a table of the consumer's refers to and the copy does not have, on a PostgreSQL server.
import { assert } from "../../../engine/model/assert.ts";
import type { CopyReference } from "../../../engine/model/copy-reference.ts";
import { textForm } from "../../../engine/model/source-key.ts";
import type { DanglingReading } from "../../../engine/ports/compared-table.ts";
import { cannotRead, isNumber, keyPart, type ReferenceKind, type ReferencePair, referencePairs, toDangling } from "../../dangling-pairs.ts";
import { sqlState, toReplicationError } from "../postgres-errors.ts";
import { describeTables } from "../postgres-schema.ts";
import { quoteIdentifier, quoteIdentifiers, quoteTable } from "../quote.ts";
import { fromTable } from "../snapshot/read-sql.ts";
import { canonicalText } from "./canonical-sql.ts";
import { type OpenCompare, readAtOnce } from "./compare-session.ts";

/** Throws DB-REC-016 where the referring table is not there, or may not be read. `role`: dongbo's. */
export async function readDangling(
  { client, side }: OpenCompare,
  reference: CopyReference,
  { role, limit }: { readonly role: string; readonly limit: number },
): Promise<DanglingReading> {
  const [referring] = await describeTables(client, [reference.table]);
  const grants = grantsFor(reference, role);
  const pairs = referencePairs(reference, referring, side, { hides: false, grants });
  try {
    const [rows = []] = await readAtOnce(client, [], [danglingSql(reference, pairs, { copy: fromTable(side.table), limit })]);
    return toDangling(rows, { reference, side }, (text, place) => keyPartOf(pairs[place], text));
  } catch (error) {
    if (sqlState(error) !== insufficientPrivilege) throw error;
    const rest = referring?.rowSecurityApplies === true ? "; row security hides rows of it from dongbo's role" : "";
    throw cannotRead(reference, `${toReplicationError(error, "").explanation}${rest}`, grants);
  }
}

const insufficientPrivilege = "42501";

function grantsFor({ table, columns }: CopyReference, role: string): string[] {
  return [
    `GRANT USAGE ON SCHEMA ${quoteIdentifier(table.schema)} TO ${quoteIdentifier(role)}`,
    `GRANT SELECT (${quoteIdentifiers(columns)}) ON ${quoteTable(table)} TO ${quoteIdentifier(role)}`,
  ];
}

/** Built-in types whose equality is that of their values, and which can be grouped by. */
const comparable: ReadonlySet<string> = new Set(["boolean", "date", "time", "timestamp", "instant", "uuid", "bytes"]);

function kindOf({ referring: { type }, referred }: ReferencePair): ReferenceKind {
  if (isNumber(type) && isNumber(referred.type)) return "numbers";
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
  const referring = `SELECT ${groups}, count(*) AS n FROM ${quoteTable(table)} WHERE ${held} GROUP BY ${pairs.map((_, place) => place + 1).join(", ")}`;
  const equal = pairs.map((pair, place) => `${copiedValue(pair)} = r.c${place}`).join(" AND ");
  const values = pairs.map((pair, place) => `${printedValue(pair, `c${place}`)} AS v${place}`).join(", ");
  const dangling = `SELECT ${values}, n FROM (${referring}) AS r WHERE NOT EXISTS (SELECT FROM ${copy} AS c WHERE ${equal})`;
  const names = pairs.map((_, place) => `v${place}`).join(", ");
  return `SELECT ${names}, n, count(*) OVER (), sum(n) OVER () FROM (${dangling}) AS d ORDER BY n DESC, ${names} LIMIT ${limit}`;
}

function heldValue(pair: ReferencePair): string {
  const column = quoteIdentifier(pair.referring.name);
  return kindOf(pair) === "text" ? asText(column) : column;
}

function copiedValue(pair: ReferencePair): string {
  const column = `c.${quoteIdentifier(pair.referred.name)}`;
  return kindOf(pair) === "text" ? asText(column) : column;
}

/** By its characters, whatever collations the two columns have; the cast takes padding away. */
function asText(column: string): string {
  return `${column}::text COLLATE "C"`;
}

/** In the form in which the master is asked for it, where it is the key. */
function printedValue(pair: ReferencePair, name: string): string {
  const column = { ...pair.referring, name };
  switch (kindOf(pair)) {
    case "numbers":
      return canonicalText({ ...column, form: "decimal" });
    case "alike":
      return pair.form === null ? `${name}::text` : canonicalText({ ...column, form: pair.form });
    case "text":
      return name;
  }
}

/** A key that is compared as it is printed has the zeros and the blanks of its declaration. */
function keyPartOf(pair: ReferencePair | undefined, text: string): string | null {
  assert(pair !== undefined, "a reference has a value for each of its columns");
  const { type } = pair.referred;
  const part = keyPart(pair, kindOf(pair), text);
  if (part === null || pair.form !== "printed") return part;
  if (type.category === "decimal") return textForm("decimal", type, part);
  return type.category === "padded" ? textForm("text", type, part) : part;
}
