// Changes that wait for both sides.
import pg from "pg";
import { type PostgresStand, registerDatabase } from "./postgres-stand.ts";

export interface BacklogKind {
  readonly changesPerTransaction: number;
  /** Whether the changes fall on few rows, again and again. */
  readonly hot?: boolean;
  /** Of a thousand updates so many move a person to another province. */
  readonly movesPerThousand?: number;
}

/**
 * Writes so many changes and, as the last transaction, one change in every district. Returns a position that only who has
 * applied that last transaction has passed.
 */
export async function writeBacklog(stand: PostgresStand, kind: BacklogKind, changes: number): Promise<string> {
  const transactions = Math.ceil(changes / kind.changesPerTransaction);
  const client = new pg.Client({ connectionString: stand.source.url(registerDatabase) });
  await client.connect();
  try {
    // The writing itself is not measured.
    await client.query("SET synchronous_commit = off");
    await client.query(
      kind.hot === true
        ? `CALL public.change_hot(${transactions}, ${kind.changesPerTransaction})`
        : `CALL public.change(${transactions}, ${kind.changesPerTransaction}, ${kind.movesPerThousand ?? 0})`,
    );
    await client.query("SET synchronous_commit = on");
    await client.query("BEGIN");
    await client.query(`UPDATE public.citizen SET version = version + 1
      WHERE id IN (SELECT DISTINCT ON (district_code) id FROM public.citizen ORDER BY district_code, id)`);
    const { rows } = await client.query<{ lsn: string }>("SELECT pg_current_wal_insert_lsn()::text AS lsn");
    await client.query("COMMIT");
    return rows[0]?.lsn ?? "";
  } finally {
    await client.end();
  }
}
