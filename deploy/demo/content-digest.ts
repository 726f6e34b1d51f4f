// Equality as anybody could check it with psql: the rows of both sides, ordered, hashed by the servers. Shares no code with the engine.
import type pg from "pg";

export interface Content {
  readonly rows: number;
  readonly digest: string;
}

/** Rows and a digest over all their columns of one query, ordered by its first column's bytes. */
export async function contentOf(client: pg.Client, query: string): Promise<Content> {
  const { rows } = await client.query<{ rows: string; digest: string }>(
    `SELECT count(*) AS rows, md5(coalesce(string_agg(line, E'\\n' ORDER BY line COLLATE "C"), '')) AS digest
     FROM (SELECT content::text AS line FROM (${query}) AS content) AS lines`,
  );
  return { rows: Number(rows[0]?.rows ?? 0), digest: rows[0]?.digest ?? "" };
}
