import type { Secret } from "./secret.ts";

/** Where a database server is and how to trust it: a connection URL after parsing, the same for every server kind. */
export interface ServerAddress {
  readonly kind: "postgres" | "mysql";
  /** Host name or IP address, or the folder of a Unix socket when it starts with `/`. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: Secret | null;
  readonly tls: TlsSettings;
}

/**
 * libpq's `sslmode` and its files (PostgreSQL manual, "SSL Support"), meaning the same for every server kind. The default
 * is `verify-full`, except on loopback addresses and sockets, where it is `prefer`.
 */
export interface TlsSettings {
  readonly mode: "disable" | "allow" | "prefer" | "require" | "verify-ca" | "verify-full";
  /** Paths of PEM files; null: none, and the system's certificate authorities. */
  readonly rootCertificate: string | null;
  readonly certificate: string | null;
  readonly key: string | null;
}

/** Where Kafka's brokers are and how to trust them. */
export interface KafkaAddress {
  /** Bootstrap servers; at least one. */
  readonly brokers: readonly { readonly host: string; readonly port: number }[];
  /** `disable`: the listener speaks plain text; never `allow` or `prefer`. */
  readonly tls: TlsSettings;
  /** Null: no authentication, or by the certificate of `tls`. */
  readonly sasl: {
    readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
    readonly user: string;
    readonly password: Secret;
  } | null;
}

/** A service that speaks HTTP: a schema registry, Kafka Connect. */
export interface HttpAddress {
  /** Without user and password, and without a slash at its end. */
  readonly url: string;
  readonly user: string | null;
  readonly password: Secret | null;
  /** Null: plain text. */
  readonly tls: TlsSettings | null;
}

/** The Redis that hands out the fleet's jobs. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  /** Its number on the server. */
  readonly database: number;
  /** Empty: the server's default user. */
  readonly user: string;
  readonly password: Secret | null;
  /** Null: plain text. */
  readonly tls: TlsSettings | null;
}
