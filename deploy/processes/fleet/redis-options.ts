// How to speak to the fleet's Redis.
import { isIP } from "node:net";
import type { ConnectionOptions } from "node:tls";
import type { RedisAddress } from "../../../engine/model/server-address.ts";
import { authorityOptions } from "../../../connectors/tls-options.ts";

/** `host:port`, for messages. */
export function printRedis({ host, port }: RedisAddress): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

const connectTimeoutMs = 3_000;
const reconnectMs = 1_000;

/** What every connection has in common; it is opened again, by itself, once a second. */
export function redisOptions(address: RedisAddress): {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly connectTimeout: number;
  readonly retryStrategy: () => number;
  readonly username?: string;
  readonly password?: string;
  readonly tls?: ConnectionOptions;
} {
  const { host, port, database: db, user, password, tls } = address;
  return {
    host,
    port,
    db,
    connectTimeout: connectTimeoutMs,
    retryStrategy: () => reconnectMs,
    ...(user === "" ? {} : { username: user }),
    ...(password === null ? {} : { password: password.reveal() }),
    ...(tls === null ? {} : { tls: tlsOptions(address, tls) }),
  };
}

function tlsOptions(address: RedisAddress, tls: NonNullable<RedisAddress["tls"]>): ConnectionOptions {
  return {
    ...authorityOptions(tls, { code: "DB-FLT-004", subject: printRedis(address) }),
    // An IP address is no server name (RFC 6066).
    ...(isIP(address.host) === 0 ? { servername: address.host } : {}),
    ...(tls.mode === "verify-full" ? {} : { checkServerIdentity: () => undefined }),
  };
}
