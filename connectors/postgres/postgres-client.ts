// Sessions on PostgreSQL servers: the one place that opens them, so that every session has the same fixed settings.
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { checkServerIdentity, type ConnectionOptions } from "node:tls";
import pg from "pg";
import { assert } from "../../engine/model/assert.ts";
import type { ServerAddress } from "../../engine/model/server-address.ts";
import { toReplicationError } from "./postgres-errors.ts";
import { authorityOptions } from "../tls-options.ts";

/**
 * Settings that decide how values are printed and read. Source and target share them, so a value's text form means the
 * same on both sides and loses nothing.
 */
const sessionSettings: Readonly<Record<string, string>> = {
  client_encoding: "UTF8",
  datestyle: "ISO,YMD",
  intervalstyle: "postgres",
  timezone: "UTC",
  extra_float_digits: "1",
  bytea_output: "hex",
  lc_monetary: "C",
  standard_conforming_strings: "on",
  xmloption: "content",
  // Nothing that somebody put into a schema of theirs can be found instead of what we mean.
  search_path: "",
};

export interface SessionOptions {
  /** What the session is for; becomes `application_name` after "dongbo ". */
  readonly role: string;
  /** Speak the replication protocol (`database`: logical replication). */
  readonly replication?: boolean;
  readonly statementTimeoutMs?: number;
  readonly connectTimeoutMs?: number;
  /** How long to wait for any answer before the session counts as lost. Not for sessions that copy. */
  readonly answerTimeoutMs?: number;
  /** Further settings of the session. */
  readonly settings?: Readonly<Record<string, string>>;
}

/**
 * Opens a session. All types come and go as text: nothing is turned into JavaScript numbers or dates.
 * Throws ReplicationError: DB-PG-001 unreachable, DB-PG-002 authentication, DB-PG-004 TLS, and the like.
 */
export async function connectPostgres(address: ServerAddress, options: SessionOptions): Promise<pg.Client> {
  const attempts = tlsAttempts(address);
  for (const [index, ssl] of attempts.entries()) {
    const client = new pg.Client(clientConfig(address, options, ssl));
    // Without a listener a lost connection would end the process; whoever awaits a query is told by that query.
    client.on("error", () => {});
    try {
      await client.connect();
      return client;
    } catch (error) {
      await endPostgres(client);
      const last = index === attempts.length - 1;
      if (last || !refusesThisTlsChoice(error)) throw toReplicationError(error, printAddress(address));
    }
  }
  assert(false, "there is always a way to connect that is tried last");
}

/** How long the server may take to close a session that we end. */
const endMsMax = 2000;

/** Ends a session, in order if the connection still works, else by dropping it. Never rejects, bounded to two seconds. */
export async function endPostgres(client: pg.Client): Promise<void> {
  const { stream } = (client as unknown as { connection: { stream: Duplex } }).connection;
  const timer = setTimeout(() => stream.destroy(), endMsMax);
  await client.end().catch(() => {});
  clearTimeout(timer);
}

/** `host:port/database`, the way errors name a server. */
export function printAddress(address: ServerAddress): string {
  return `${address.host}:${address.port}/${address.database}`;
}

function clientConfig(address: ServerAddress, options: SessionOptions, ssl: ConnectionOptions | false): pg.ClientConfig {
  const settings = { ...sessionSettings, ...options.settings };
  const pairs = Object.entries(settings).map(([name, value]) => `-c ${name}=${value.replace(/[\\ ]/g, "\\$&")}`);
  const config = {
    host: address.host,
    port: address.port,
    database: address.database,
    user: address.user,
    // A function: where the text is empty, the driver would look into PGPASSWORD and ~/.pgpass, for what is another server's.
    password: () => address.password?.reveal() ?? "",
    ssl,
    application_name: `dongbo ${options.role}`.slice(0, 63),
    options: pairs.join(" "),
    connectionTimeoutMillis: options.connectTimeoutMs ?? 10_000,
    keepAlive: true,
    types: { getTypeParser: () => (text: string | Buffer) => text },
    ...(options.statementTimeoutMs === undefined ? {} : { statement_timeout: options.statementTimeoutMs }),
    ...(options.answerTimeoutMs === undefined ? {} : { query_timeout: options.answerTimeoutMs }),
    ...(options.replication === true ? { replication: "database" } : {}),
  };
  return config;
}

/** libpq's order of attempts for each sslmode. */
function tlsAttempts(address: ServerAddress): (ConnectionOptions | false)[] {
  if (address.host.startsWith("/")) return [false];
  switch (address.tls.mode) {
    case "disable":
      return [false];
    case "allow":
      return [false, tlsOptions(address)];
    case "prefer":
      return [tlsOptions(address), false];
    case "require":
    case "verify-ca":
    case "verify-full":
      return [tlsOptions(address)];
  }
}

function tlsOptions(address: ServerAddress): ConnectionOptions {
  const { tls, host } = address;
  return {
    ...authorityOptions(tls, { code: "DB-PG-004", subject: printAddress(address) }),
    // An IP address is no server name (RFC 6066); verification uses `host`, which the driver passes on.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    checkServerIdentity: tls.mode === "verify-full" ? checkServerIdentity : () => undefined,
  };
}

/** `prefer` falls back only when the server has no TLS, `allow` only when it insists on it. */
function refusesThisTlsChoice(error: unknown): boolean {
  const { message, code } = error as { message?: string; code?: string };
  return message === "The server does not support SSL connections" || code === "28000";
}
