// Addresses of test servers, as the configuration would give them.
import type { ServerAddress } from "../../engine/model/server-address.ts";
import { Secret } from "../../engine/model/secret.ts";

/** A `postgres://user:password@host:port/database` or `mysql://...` URL as an address without TLS. */
export function serverAddress(url: string): ServerAddress {
  const parsed = new URL(url);
  return {
    kind: parsed.protocol === "mysql:" ? "mysql" : "postgres",
    host: parsed.hostname,
    port: Number(parsed.port),
    database: decodeURIComponent(parsed.pathname.slice(1)),
    user: decodeURIComponent(parsed.username),
    password: parsed.password === "" ? null : new Secret(decodeURIComponent(parsed.password)),
    tls: { mode: "disable", rootCertificate: null, certificate: null, key: null },
  };
}
