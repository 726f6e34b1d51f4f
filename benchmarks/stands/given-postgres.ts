// A server that the operator named. Nothing is known of its processes, and its role is used for everything.
import pg from "pg";

export class GivenPostgres {
  readonly pid = null;
  readonly #url: URL;

  private constructor(url: URL) {
    this.#url = url;
  }

  /** Throws when the role is not a superuser: publications, subscriptions and databases are made. */
  static async at(url: string): Promise<GivenPostgres> {
    const server = new GivenPostgres(new URL(url));
    const [row] = await server.query("SELECT rolsuper AS may FROM pg_roles WHERE rolname = current_user");
    if (row?.["may"] !== true) throw new Error(`${server.#url.host}: the role of the URL must be a superuser`);
    return server;
  }

  /** One database of the server, or the one that the URL names. */
  url(database?: string): string {
    const url = new URL(this.#url);
    if (database !== undefined) url.pathname = `/${encodeURIComponent(database)}`;
    return url.href;
  }

  async query(sql: string, database?: string): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: this.url(database) });
    await client.connect();
    try {
      const result: unknown = await client.query(sql);
      return lastRows(result);
    } finally {
      await client.end();
    }
  }
}

/** Several statements give several results. */
function lastRows(result: unknown): Record<string, unknown>[] {
  const last: unknown = Array.isArray(result) ? result.at(-1) : result;
  return (last as { rows: Record<string, unknown>[] }).rows;
}
