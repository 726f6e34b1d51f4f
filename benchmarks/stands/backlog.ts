// Changes that wait for both sides.
import pg from "pg";
import { type PostgresStand, registerDatabase } from "./postgres-stand.ts";

/**
 * `mixed`: updates, inserts and deletes all over the table, of a thousand updates so many moves to another province; `hot`: updates of
 * the same few rows; `everyone`: every person moves to the next province; `wide`: one row with a value of so many bytes.
 */
export type Backlog =
  | { readonly kind: "mixed"; readonly changes: number; readonly perTransaction: number; readonly movesPerThousand: number }
  | { readonly kind: "hot"; readonly changes: number; readonly perTransaction: number }
  | { readonly kind: "everyone"; readonly perTransaction: number }
  | { readonly kind: "wide"; readonly bytes: number };

/**
 * Writes the changes and, as the last transaction, one change in every district. Returns a position that only who has applied
 * that last transaction has passed.
 */
export async function writeBacklog(stand: PostgresStand, backlog: Backlog): Promise<string> {
  const client = new pg.Client({ connectionString: stand.source.url(registerDatabase) });
  await client.connect();
  try {
    // The writing itself is not measured.
    await client.query("SET synchronous_commit = off");
    for (const sql of statements(stand.rows, backlog)) await client.query(sql);
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

function statements(rows: number, backlog: Backlog): string[] {
  switch (backlog.kind) {
    case "mixed": {
      const { changes, perTransaction, movesPerThousand } = backlog;
      return [`CALL public.change(${Math.ceil(changes / perTransaction)}, ${perTransaction}, ${movesPerThousand})`];
    }
    case "hot":
      return [`CALL public.change_hot(${Math.ceil(backlog.changes / backlog.perTransaction)}, ${backlog.perTransaction})`];
    case "everyone":
      return [`CALL public.move_everyone(${Math.ceil(rows / backlog.perTransaction)}, ${backlog.perTransaction})`];
    case "wide":
      return [
        `UPDATE public.citizen SET portrait = decode(repeat(md5((version + 1)::text), ${Math.ceil(backlog.bytes / 16)}), 'hex'),
        version = version + 1 WHERE id = 1`,
      ];
  }
}
