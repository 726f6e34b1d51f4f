import { createHash } from "node:crypto";
import pg from "pg";

/** Rows and a digest of a table's content, as its server prints it. */
export async function digestOf(
  connectionString: string,
  table: string,
  columns: readonly string[],
): Promise<{ readonly rows: number; readonly digest: string }> {
  const client = new pg.Client({ connectionString, types: { getTypeParser: () => (value: string | Buffer) => value } });
  await client.connect();
  try {
    const text = `SELECT ${columns.join(", ")} FROM ${table} ORDER BY id`;
    const { rows } = await client.query<unknown[]>({ text, rowMode: "array" });
    const hash = createHash("sha256");
    for (const row of rows) hash.update(JSON.stringify(row));
    return { rows: rows.length, digest: hash.digest("hex") };
  } finally {
    await client.end();
  }
}
