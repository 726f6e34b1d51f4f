import { join } from "node:path";
import { expect } from "vitest";
import { connectMysql } from "../../connectors/mysql/mysql-client.ts";
import type { EmbeddedMariaDb } from "../../deploy/embedded/mariadb-server.ts";
import { Secret } from "../../engine/model/secret.ts";
import { startMariaDb } from "../support/mysql-server.ts";
import { giveToServer } from "../support/server-tls.ts";
import type { CertificateFiles } from "../support/test-authority.ts";
import { type Entrance, entrant, registerTlsTests, type TlsSubject, type WayIn } from "../support/tls-matrix.ts";

registerTlsTests({
  kind: "MariaDB",
  untrusted: "DB-MY-004",
  // To a certificate that is missing the server says what it says to a wrong password; one of strangers ends the connection.
  uncertified: ["DB-MY-002", "DB-MY-004", "DB-MY-015"],
  start: (authority) => MariaDbSubject.start(authority),
});

class MariaDbSubject implements TlsSubject {
  readonly #server: EmbeddedMariaDb;

  private constructor(server: EmbeddedMariaDb) {
    this.#server = server;
  }

  static async start(authority: string): Promise<MariaDbSubject> {
    const server = await startMariaDb();
    await server.query(
      `CREATE USER ${entrant.user} IDENTIFIED BY '${entrant.password}'`,
      `CREATE USER ${entrant.byCertificate} REQUIRE SUBJECT '/CN=${entrant.byCertificate}'`,
    );
    giveToServer(authority, join(server.dataDir, "ca.pem"));
    return new MariaDbSubject(server);
  }

  async serve(files: CertificateFiles | null): Promise<void> {
    const { dataDir } = this.#server;
    await this.#server.stop();
    if (files === null) return this.#server.restart({ skip_ssl: 1 });
    const [certificate, key] = [join(dataDir, "server.pem"), join(dataDir, "server.key")];
    giveToServer(files.certificate, certificate);
    giveToServer(files.key, key);
    await this.#server.restart({ ssl_cert: certificate, ssl_key: key, ssl_ca: join(dataDir, "ca.pem") });
  }

  port(): number {
    return this.#server.port;
  }

  async enter(way: WayIn, entrance: Entrance): Promise<void> {
    const { user, byCertificate, password } = entrant;
    const who = entrance === "password" ? { user, password: new Secret(password) } : { user: byCertificate, password: null };
    const session = await connectMysql({ kind: "mysql", database: "", ...way, ...who }, { role: "test" });
    try {
      const [row] = await session.query("SHOW SESSION STATUS LIKE 'Ssl_cipher'");
      expect(row?.["Value"]).not.toBe("");
    } finally {
      await session.end();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.destroy();
  }
}
