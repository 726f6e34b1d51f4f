// Sessions of tests on MySQL and MariaDB servers.
import { createConnection, type Connection } from "mysql2/promise";

/** A session whose values all come as text, under fixed settings. */
export async function mysqlClient(url: string): Promise<Connection> {
  const connection = await createConnection({ uri: url, charset: "utf8mb4", timezone: "Z", typeCast: (field) => field.string("utf8") });
  connection.on("error", () => {});
  await connection.query("SET SESSION time_zone = '+00:00'");
  return connection;
}

/** Runs statements in one session and returns the last one's rows, all values as text. */
export async function runMysql(url: string, ...statements: readonly string[]): Promise<Record<string, string | null>[]> {
  const client = await mysqlClient(url);
  try {
    let rows: Record<string, string | null>[] = [];
    for (const sql of statements) {
      const [result] = await client.query(sql);
      rows = Array.isArray(result) ? (result as Record<string, string | null>[]) : [];
    }
    return rows;
  } finally {
    await client.end();
  }
}
