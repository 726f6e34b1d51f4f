import { join } from "node:path";
import { EmbeddedRedis } from "../../deploy/embedded/redis-server.ts";
import { freePort } from "../../deploy/embedded/postgres-server.ts";
import { RedisProbe } from "../../deploy/processes/fleet/redis-probe.ts";
import { Secret } from "../../engine/model/secret.ts";
import { testFolder } from "../support/test-run.ts";
import type { CertificateFiles } from "../support/test-authority.ts";
import { onRedis } from "./redis-session.ts";
import { type Entrance, entrant, registerTlsTests, type TlsSubject, type WayIn } from "../support/tls-matrix.ts";

registerTlsTests({
  kind: "the fleet's Redis",
  untrusted: "DB-FLT-005",
  // The server closes the connection; whether its reason comes before that is a matter of time.
  uncertified: ["DB-FLT-005", "DB-FLT-002"],
  start: (authority) => RedisSubject.start(authority),
});

/** Two servers, since one asks all or none for certificates. */
class RedisSubject implements TlsSubject {
  readonly #servers: Readonly<Record<Entrance, EmbeddedRedis>>;
  readonly #tlsPorts: Readonly<Record<Entrance, number>>;
  readonly #authority: string;
  #encrypted = false;

  private constructor(servers: Readonly<Record<Entrance, EmbeddedRedis>>, ports: Readonly<Record<Entrance, number>>, authority: string) {
    this.#servers = servers;
    this.#tlsPorts = ports;
    this.#authority = authority;
  }

  static async start(authority: string): Promise<RedisSubject> {
    const start = () => EmbeddedRedis.start({ dataDir: join(testFolder("redis"), "data") });
    const [password, certificate] = [await start(), await start()];
    const ports = { password: await freePort(), certificate: await freePort() };
    return new RedisSubject({ password, certificate }, ports, authority);
  }

  async serve(files: CertificateFiles | null): Promise<void> {
    this.#encrypted = files !== null;
    for (const entrance of ["password", "certificate"] as const) {
      await this.#servers[entrance].kill();
      await this.#servers[entrance].restart(this.#tls(files, entrance));
      await onRedis(this.#servers[entrance], (client) =>
        client.call("ACL", "SETUSER", entrant.user, "on", `>${entrant.password}`, "~*", "+@all"),
      );
    }
  }

  #tls(files: CertificateFiles | null, entrance: Entrance): Readonly<Record<string, string>> {
    if (files === null) return {};
    return {
      "tls-port": String(this.#tlsPorts[entrance]),
      "tls-cert-file": files.certificate,
      "tls-key-file": files.key,
      "tls-ca-cert-file": this.#authority,
      "tls-auth-clients": entrance === "certificate" ? "yes" : "no",
    };
  }

  port(entrance: Entrance): number {
    return this.#encrypted ? this.#tlsPorts[entrance] : this.#servers[entrance].port;
  }

  async enter(way: WayIn): Promise<void> {
    const probe = new RedisProbe({ ...way, database: 0, user: entrant.user, password: new Secret(entrant.password) });
    try {
      const problem = await probe.ask();
      if (problem !== null) throw problem;
    } finally {
      probe.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of Object.values(this.#servers)) await server[Symbol.asyncDispose]();
  }
}
