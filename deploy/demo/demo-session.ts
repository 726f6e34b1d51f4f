// A look into a database of the demo as an application has it, the same for both kinds of server: text in, text out.
import { createConnection } from "mysql2/promise";
import pg from "pg";

export type DemoRow = Readonly<Record<string, string | null>>;

export interface DemoSession {
  /** Runs one statement, `?` standing for each parameter, and returns its rows with all values as text. */
  rows(sql: string, ...parameters: readonly string[]): Promise<DemoRow[]>;
}

/** Opens a session on the server that the URL leads to, for the time of the work. */
export async function withSession<T>(url: string, work: (session: DemoSession) => Promise<T>): Promise<T> {
  return url.startsWith("mysql:") ? withMariaDb(url, work) : withPostgres(url, work);
}

async function withPostgres<T>(connectionString: string, work: (session: DemoSession) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString, types: { getTypeParser: () => (text: string | Buffer) => text } });
  client.on("error", () => {});
  await client.connect();
  const numbered = (sql: string): string => {
    let place = 0;
    return sql.replaceAll("?", () => `$${++place}`);
  };
  try {
    return await work({
      rows: async (sql, ...parameters) => (await client.query<DemoRow>(numbered(sql), [...parameters])).rows,
    });
  } finally {
    await client.end();
  }
}

async function withMariaDb<T>(uri: string, work: (session: DemoSession) => Promise<T>): Promise<T> {
  const connection = await createConnection({ uri, charset: "utf8mb4", typeCast: (field) => field.string("utf8") });
  connection.on("error", () => {});
  try {
    return await work({
      rows: async (sql, ...parameters) => {
        const [result] = await connection.query(sql, [...parameters]);
        return Array.isArray(result) ? (result as DemoRow[]) : [];
      },
    });
  } finally {
    await connection.end();
  }
}
