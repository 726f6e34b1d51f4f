// Whether an error says that the server is away, and nothing else: what whoever goes on through outages may pass over.

/** Of sockets, of PostgreSQL's class 08 and its shutdown, crash and start, and of MySQL's shutdown. */
const codes = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "PROTOCOL_CONNECTION_LOST",
  "ER_SERVER_SHUTDOWN",
  "57P01",
  "57P02",
  "57P03",
  "08001",
  "08003",
  "08006",
]);

/** What `pg` and `mysql2` say, without a code, to a question on a connection that has ended. */
const words = /^Connection terminated|connection error and is not queryable|was closed and is not queryable|in closed state/;

export function isConnectionLost(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (typeof code === "string" && codes.has(code)) return true;
  return typeof message === "string" && words.test(message);
}
