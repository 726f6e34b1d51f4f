// What a column's collation means for equality and order.
import type { ClientBase } from "pg";

/** How a collation compares text. */
export interface CollationFacts {
  /** Text is ordered by its UTF-8 bytes. */
  readonly bytewise: boolean;
  /** Equal text is equal bytes. */
  readonly deterministic: boolean;
}

const collationsSql = `
SELECT c.oid, c.collprovider AS provider, c.collcollate AS locale, c.collisdeterministic AS deterministic
FROM pg_collation c WHERE c.oid = ANY ($1::oid[])
UNION ALL
SELECT 0, d.datlocprovider, d.datcollate, true FROM pg_database d WHERE d.datname = current_database()`;

/**
 * Reads the facts of these collations. A column without collation (oid 0: not text) compares in one way only.
 * The database's own collation stands behind the one named `default`.
 */
export async function readCollations(client: ClientBase, oids: readonly string[]): Promise<(oid: string) => CollationFacts> {
  const encoding = await client.query<{ server_encoding: string }>("SHOW server_encoding");
  // The order of server-side bytes is that of UTF-8 bytes only where converting keeps it.
  const keepsOrder = ["UTF8", "LATIN1", "SQL_ASCII"].includes(encoding.rows[0]?.server_encoding ?? "");
  const { rows } = await client.query<Record<string, string>>(collationsSql, [[...new Set(oids)]]);
  const ofDatabase = rows.find((row) => row["oid"] === "0");
  const facts = new Map<string, CollationFacts>();
  for (const row of rows) {
    const effective = row["provider"] === "d" ? ofDatabase : row;
    const bytewise = keepsOrder && isBytewise(effective?.["provider"] ?? "", effective?.["locale"] ?? "");
    facts.set(row["oid"] ?? "", { bytewise, deterministic: row["deterministic"] === "t" });
  }
  facts.set("0", { bytewise: true, deterministic: true });
  return (oid) => facts.get(oid) ?? { bytewise: false, deterministic: false };
}

/** The built-in provider orders by code point whatever its locale; of libc only these locales do; of ICU none. */
function isBytewise(provider: string, locale: string): boolean {
  return provider === "b" || (provider === "c" && /^(c|posix|c\.utf-?8)$/i.test(locale));
}
