import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { connectPostgres, endPostgres } from "../../connectors/postgres/postgres-client.ts";
import type { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import { Secret } from "../../engine/model/secret.ts";
import { startServer } from "../support/cluster.ts";
import { giveToServer } from "../support/server-tls.ts";
import type { CertificateFiles } from "../support/test-authority.ts";
import { type Entrance, entrant, registerTlsTests, type TlsSubject, type WayIn } from "../support/tls-matrix.ts";

registerTlsTests({
  kind: "PostgreSQL",
  untrusted: "DB-PG-004",
  // 28000 of the server, or the alert of its TLS.
  uncertified: ["DB-PG-002", "DB-PG-004"],
  start: (authority) => PostgresSubject.start(authority),
});

const entrances = [
  "host all postgres all trust",
  `hostssl all ${entrant.byCertificate} all cert`,
  `host all ${entrant.user} all scram-sha-256`,
  "",
];

class PostgresSubject implements TlsSubject {
  readonly #server: EmbeddedPostgres;

  private constructor(server: EmbeddedPostgres) {
    this.#server = server;
  }

  static async start(authority: string): Promise<PostgresSubject> {
    const server = await startServer(18, { wal_level: "logical" });
    await server.query(`CREATE ROLE ${entrant.user} LOGIN REPLICATION PASSWORD '${entrant.password}'`);
    await server.query(`CREATE ROLE ${entrant.byCertificate} LOGIN REPLICATION`);
    giveToServer(authority, join(server.dataDir, "ca.pem"));
    return new PostgresSubject(server);
  }

  async serve(files: CertificateFiles | null): Promise<void> {
    const { dataDir } = this.#server;
    await this.#server.stop("fast");
    writeFileSync(join(dataDir, "pg_hba.conf"), entrances.join("\n"));
    if (files === null) return this.#server.restart();
    giveToServer(files.certificate, join(dataDir, "server.pem"));
    giveToServer(files.key, join(dataDir, "server.key"));
    await this.#server.restart({ ssl: "on", ssl_cert_file: "server.pem", ssl_key_file: "server.key", ssl_ca_file: "ca.pem" });
  }

  port(): number {
    return this.#server.port;
  }

  /** A session for statements, and one that replicates. */
  async enter(way: WayIn, entrance: Entrance): Promise<void> {
    const { user, byCertificate, password } = entrant;
    const who = entrance === "password" ? { user, password: new Secret(password) } : { user: byCertificate, password: null };
    for (const replication of [false, true]) {
      const client = await connectPostgres({ kind: "postgres", database: "postgres", ...way, ...who }, { role: "test", replication });
      try {
        const { rows } = await client.query<{ ssl: string }>("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
        expect(rows).toEqual([{ ssl: "t" }]);
      } finally {
        await endPostgres(client);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.destroy();
  }
}
