// Sessions on MySQL and MariaDB servers: the one place that opens them, so that every session has the same fixed settings.
import { isIP } from "node:net";
import type { Connection, ConnectionOptions, SslOptions } from "mysql2";
import { assert } from "../../engine/model/assert.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import type { ServerAddress } from "../../engine/model/server-address.ts";
import { offerBulkOperations, takesBulkOperations } from "./bulk-operations.ts";
import { toReplicationError } from "./mysql-errors.ts";
import { authorityOptions } from "../tls-options.ts";

/**
 * Settings that decide how values are read and written. Zero and partial dates are allowed because masters hold them; all
 * other values that do not fit are refused. `SYSDATE` and `NOW` need no setting: nothing here relies on the session's clock.
 */
const sessionSettings: Readonly<Record<string, string>> = {
  sql_mode: "'STRICT_TRANS_TABLES,STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO'",
  time_zone: "'+00:00'",
  character_set_results: "utf8mb4",
  autocommit: "1",
};

export interface SessionOptions {
  /** What the session is for; becomes the connection attribute `program_name` after "dongbo ". */
  readonly role: string;
  readonly connectTimeoutMs?: number;
  /** Further session variables, values as SQL. Set after the fixed ones. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** One row of a text query: column name to text, NULL as null. */
export type TextRow = Readonly<Record<string, string | null>>;

/** The server family that a session speaks to; the two have grown apart in what dongbo needs. */
export type Flavour = "mariadb" | "mysql";

type ServerNature = Pick<MysqlSession, "flavour" | "version" | "foldsNames" | "id">;

/** An open session. Values come as text, whatever their type. */
export class MysqlSession {
  /** The driver's connection, for what goes beyond plain statements: streaming reads, prepared statements, the binlog. */
  readonly connection: Connection;
  readonly flavour: Flavour;
  /** For example 101119 (10.11.19) or 80400. */
  readonly version: number;
  /** Names of databases and tables are one whatever their capitals (lower_case_table_names), and may be kept without them. */
  readonly foldsNames: boolean;
  /** The server's number for the session. */
  readonly id: string;
  /** A prepared statement can be executed for many rows at a time. */
  readonly takesBulk: boolean;
  readonly #subject: string;
  #lost: unknown = null;

  constructor(connection: Connection, server: ServerNature, subject: string) {
    this.connection = connection;
    this.flavour = server.flavour;
    this.version = server.version;
    this.foldsNames = server.foldsNames;
    this.id = server.id;
    this.takesBulk = takesBulkOperations(connection);
    this.#subject = subject;
    connection.on("error", (error: unknown) => (this.#lost ??= error));
    connection.on("end", () => (this.#lost ??= new Error("Connection lost")));
  }

  /** The connection is gone; nothing more can be asked of it. The driver tells of that once: the statement under way, or us. */
  get lost(): boolean {
    return this.#lost !== null || this.connection.state === "error" || this.connection.state === "disconnected";
  }

  /** Runs one statement, `?` standing for each parameter, and returns its rows. Throws ReplicationError. */
  async query(sql: string, parameters: readonly (string | number | Buffer | null)[] = []): Promise<TextRow[]> {
    try {
      return await new Promise<TextRow[]>((resolve, reject) => {
        this.connection.query({ sql, values: [...parameters], typeCast: asText }, (error, result) => {
          if (error !== null) reject(error);
          else resolve(Array.isArray(result) ? (result as TextRow[]) : []);
        });
      });
    } catch (error) {
      throw toReplicationError(error, this.#subject);
    }
  }

  /** Runs one statement and tells how many rows it changed (matched rows for UPDATE). Throws ReplicationError. */
  async execute(sql: string, parameters: readonly (string | number | Buffer | null)[] = []): Promise<number> {
    try {
      return await new Promise<number>((resolve, reject) => {
        this.connection.query({ sql, values: [...parameters] }, (error, result) => {
          if (error !== null) reject(error);
          else resolve("affectedRows" in result ? result.affectedRows : 0);
        });
      });
    } catch (error) {
      throw toReplicationError(error, this.#subject);
    }
  }

  /** Ends the session, in order if the connection still works, else by dropping it. Never rejects, bounded to two seconds. */
  async end(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        this.connection.destroy();
        resolve();
      }, endMsMax);
      this.connection.end(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** What the system has not yet taken from us. */
  get unsentBytes(): number {
    const { stream } = this.connection as unknown as { stream: { readonly writableLength: number } };
    return stream.writableLength;
  }

  /** Drops the connection at once; a statement under way fails. The driver's own `destroy` would read on to its end. */
  destroy(): void {
    const { stream } = this.connection as unknown as { stream: { destroy(): void } };
    stream.destroy();
  }
}

/** How long the server may take to close a session that we end. */
const endMsMax = 2000;

/**
 * Opens a session. Throws ReplicationError: DB-MY-001 unreachable, DB-MY-002 authentication, DB-MY-004 TLS, and the like.
 */
export async function connectMysql(address: ServerAddress, options: SessionOptions): Promise<MysqlSession> {
  const subject = printAddress(address);
  const attempts = tlsAttempts(address);
  for (const [index, ssl] of attempts.entries()) {
    const last = index === attempts.length - 1;
    try {
      return await openSession(connectionOptions(address, options, ssl), options, subject);
    } catch (error) {
      if (last || !(ssl === null ? mayWantTls(error) : offersNoTls(error))) throw toReplicationError(error, subject);
    }
  }
  assert(false, "there is always a way to connect that is tried last");
}

/** `host:port/database`, the way errors name a server; without a database where the URL names none. */
export function printAddress({ host, port, database }: ServerAddress): string {
  return database === "" ? `${host}:${port}` : `${host}:${port}/${database}`;
}

/** The driver's options for an address, for the binlog client, which opens its connections by itself. */
function connectionOptions(address: ServerAddress, options: SessionOptions, ssl: SslOptions | null): ConnectionOptions {
  const where = address.host.startsWith("/") ? { socketPath: address.host } : { host: address.host, port: address.port };
  return {
    ...where,
    user: address.user,
    password: address.password?.reveal() ?? "",
    ...(address.database === "" ? {} : { database: address.database }),
    charset: "utf8mb4",
    timezone: "Z",
    dateStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
    connectTimeout: options.connectTimeoutMs ?? 10_000,
    enableKeepAlive: true,
    // The driver would make code of the names of columns, and stop the process at some of them (__proto__).
    disableEval: true,
    connectAttributes: { program_name: `dongbo ${options.role}` },
    flags: ["FOUND_ROWS"],
    ...(ssl === null ? {} : { ssl }),
  };
}

/** libpq's order of attempts for each sslmode; null: unencrypted. */
function tlsAttempts(address: ServerAddress): (SslOptions | null)[] {
  if (address.host.startsWith("/")) return [null];
  switch (address.tls.mode) {
    case "disable":
      return [null];
    case "allow":
      return [null, tlsOptions(address)];
    case "prefer":
      return [tlsOptions(address), null];
    case "require":
    case "verify-ca":
    case "verify-full":
      return [tlsOptions(address)];
  }
}

async function openSession(config: ConnectionOptions, options: SessionOptions, subject: string): Promise<MysqlSession> {
  // Only here: a third of what a start loads, for nothing where no server of this family is configured.
  const { createConnection } = await import("mysql2");
  const connection = createConnection(config);
  offerBulkOperations(connection);
  nameAddress(connection, config.host);
  // Without a listener a lost connection would end the process; whoever awaits a query is told by that query.
  connection.on("error", () => {});
  try {
    await new Promise<void>((resolve, reject) => {
      connection.connect((error) => {
        if (error) reject(error);
        else resolve();
      });
    });
    const first = new MysqlSession(connection, { flavour: "mysql", version: 0, foldsNames: false, id: "" }, subject);
    const settings = { ...sessionSettings, ...options.settings };
    const list = Object.entries(settings).map(([name, value]) => `SESSION ${name} = ${value}`);
    await first.query(`SET ${list.join(", ")}`);
    const [row] = await first.query("SELECT VERSION() AS version, @@lower_case_table_names AS folds, CONNECTION_ID() AS id");
    const server = { ...readVersion(row?.["version"] ?? ""), foldsNames: row?.["folds"] !== "0", id: row?.["id"] ?? "" };
    return new MysqlSession(connection, server, subject);
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

/** `10.11.19-MariaDB-0+deb12u1`, `8.4.3`: which family and which version. */
function readVersion(text: string): Pick<ServerNature, "flavour" | "version"> {
  const match = /(\d+)\.(\d+)\.(\d+)/.exec(text.replace(/^5\.5\.5-/, ""));
  const [major, minor, patch] = [1, 2, 3].map((part) => Number(match?.[part] ?? 0)) as [number, number, number];
  return { flavour: /mariadb/i.test(text) ? "mariadb" : "mysql", version: major * 10_000 + minor * 100 + patch };
}

function asText(field: { string(encoding?: BufferEncoding): string | null }): string | null {
  return field.string("utf8");
}

function tlsOptions(address: ServerAddress): SslOptions {
  const { tls } = address;
  return {
    ...authorityOptions(tls, { code: "DB-MY-004", subject: printAddress(address) }),
    verifyIdentity: tls.mode === "verify-full",
  };
}

/** `prefer` falls back only when the server has no TLS: a password that was refused is not sent again in the clear. */
function offersNoTls(error: unknown): boolean {
  return driverError(error).code === "HANDSHAKE_NO_SSL_SUPPORT";
}

/** `allow` encrypts only when the server insists on it, which it may say as if the password were wrong. */
function mayWantTls(error: unknown): boolean {
  const { errno } = driverError(error);
  return errno === 3159 || errno === 1045;
}

function driverError(error: unknown): { readonly code?: string; readonly errno?: number } {
  return (error instanceof ReplicationError ? error.cause : error) as { code?: string; errno?: number };
}

/**
 * Says to Node whom the certificate must name where that is an IP address. The driver tells it names only, and Node compares with
 * "localhost" what it is told nothing of (tls.connect: `servername`, `host`, then the socket's `_host`).
 */
function nameAddress(connection: Connection, host: string | undefined): void {
  const { stream } = connection as unknown as { stream: { _host?: string | null } };
  if (host !== undefined && isIP(host) !== 0) stream._host = host;
}
