// Type declarations as this server itself would write them, so that two ways of writing one type compare equal.
import type { ClientBase, FieldDef } from "pg";

export interface CanonicalType {
  /** Fully qualified, with its modifier. */
  readonly text: string;
  /** The same without modifier. */
  readonly bare: string;
}

/**
 * What each declaration is on this server; null where it knows no such type. A domain comes out as what lies under it.
 * Must run inside a transaction with an empty search_path.
 */
export async function canonicalTypes(client: ClientBase, declarations: readonly string[]): Promise<readonly (CanonicalType | null)[]> {
  if (declarations.length === 0) return [];
  const together = await probe(client, declarations);
  if (together !== null) return together;
  const oneByOne: (CanonicalType | null)[] = [];
  for (const declaration of declarations) oneByOne.push((await probe(client, [declaration]))?.[0] ?? null);
  return oneByOne;
}

/** Null when one of them is unknown here; the transaction goes on. */
async function probe(client: ClientBase, declarations: readonly string[]): Promise<CanonicalType[] | null> {
  await client.query("SAVEPOINT dongbo_probe");
  try {
    const fields = await describe(client, declarations);
    const { rows } = await client.query<CanonicalType>(
      `SELECT format_type(type, modifier) AS text, format_type(type, NULL) AS bare
       FROM unnest($1::oid[], $2::int4[]) WITH ORDINALITY AS t(type, modifier, place) ORDER BY place`,
      [fields.map((field) => field.dataTypeID), fields.map((field) => field.dataTypeModifier)],
    );
    return rows;
  } catch (error) {
    if (!isUnknownType(error)) throw error;
    await client.query("ROLLBACK TO SAVEPOINT dongbo_probe");
    return null;
  }
}

async function describe(client: ClientBase, declarations: readonly string[]): Promise<FieldDef[]> {
  const list = declarations.map((declaration) => `NULL::${declaration}`).join(", ");
  // The extended protocol takes one statement only, whatever a declaration from a configuration holds.
  const query = { text: `SELECT ${list}`, rowMode: "array" as const, queryMode: "extended" };
  return (await client.query(query)).fields;
}

/** No such type, schema or typmod, or no type at all. */
function isUnknownType(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === "string" && (code.startsWith("42") || code === "3F000" || code.startsWith("22"));
}
