import { createServer as createPlainServer } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { readConnector } from "../../../connectors/debezium/preflight/connector-facts.ts";
import { SchemaRegistry } from "../../../connectors/debezium/schema-registry.ts";
import { Secret } from "../../../engine/model/secret.ts";
import { type CertificateFiles, pem } from "../../support/test-authority.ts";
import { type Entrance, entrant, registerTlsTests, type TlsKind, type TlsSubject, type WayIn } from "../../support/tls-matrix.ts";
import type { HttpAddress } from "../../../engine/model/server-address.ts";

/** Answers what a registry and a Connect worker are asked. */
const answers: Readonly<Record<string, unknown>> = {
  "/schemas/ids/1": { schema: '"long"' },
  "/connectors/c/config": { "connector.class": "io.debezium.connector.postgresql.PostgresConnector" },
  "/connectors/c/status": { connector: { state: "RUNNING" }, tasks: [] },
};

const services: readonly (Omit<TlsKind, "start"> & { readonly ask: (address: HttpAddress) => Promise<unknown> })[] = [
  {
    kind: "a schema registry",
    untrusted: "DB-KAF-115",
    // The service closes the connection; whether its reason comes before that is a matter of time.
    uncertified: ["DB-KAF-115", "DB-KAF-111"],
    ask: (address) => new SchemaRegistry(address).load([1]),
  },
  {
    kind: "Kafka Connect",
    untrusted: "DB-KAF-144",
    uncertified: ["DB-KAF-144"],
    ask: (address) => readConnector({ address, connector: "c" }),
  },
];

for (const { ask, ...kind } of services) {
  registerTlsTests({ ...kind, start: (authority) => Promise.resolve(new HttpSubject(authority, ask)) });
}

class HttpSubject implements TlsSubject {
  readonly #authority: string;
  readonly #ask: (address: HttpAddress) => Promise<unknown>;
  #servers: Partial<Record<Entrance, Server>> = {};

  constructor(authority: string, ask: (address: HttpAddress) => Promise<unknown>) {
    this.#authority = authority;
    this.#ask = ask;
  }

  async serve(files: CertificateFiles | null): Promise<void> {
    await this[Symbol.asyncDispose]();
    for (const entrance of ["password", "certificate"] as const) {
      const own = files === null ? {} : { cert: pem(files.certificate), key: pem(files.key), ca: pem(this.#authority) };
      const demands = entrance === "certificate" ? { requestCert: true, rejectUnauthorized: true } : {};
      const server = files === null ? createPlainServer() : createServer({ ...own, ...demands });
      server.on("request", ({ url = "" }, response) => response.end(JSON.stringify(answers[url])));
      await new Promise<void>((resolve) => {
        server.listen(0, "127.0.0.1", resolve);
      });
      this.#servers = { ...this.#servers, [entrance]: server };
    }
  }

  port(entrance: Entrance): number {
    const server = this.#servers[entrance];
    return server === undefined ? 0 : (server.address() as AddressInfo).port;
  }

  async enter({ host, port, tls }: WayIn): Promise<void> {
    await this.#ask({ url: `https://${host}:${port}`, user: entrant.user, password: new Secret(entrant.password), tls });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of Object.values(this.#servers)) {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    }
    this.#servers = {};
  }
}

test.each([
  ["a schema registry", "DB-KAF-111", (address: HttpAddress) => new SchemaRegistry(address).load([1])],
  ["Kafka Connect", "DB-KAF-144", (address: HttpAddress) => readConnector({ address, connector: "c" })],
] as const)("%s that sends its clients elsewhere is not followed, and gives the password to nobody", async (_, code, ask) => {
  const seen: unknown[] = [];
  const other = createPlainServer((request, response) => {
    seen.push(request.headers.authorization);
    response.end("{}");
  });
  const server = createPlainServer((request, response) => {
    response.writeHead(302, { location: `http://127.0.0.1:${(other.address() as AddressInfo).port}${request.url ?? ""}` }).end();
  });
  for (const one of [other, server]) {
    await new Promise<void>((resolve) => {
      one.listen(0, "127.0.0.1", resolve);
    });
    onTestFinished(() => {
      one.closeAllConnections();
      one.close();
    });
  }
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await expect(ask({ url, user: "u", password: new Secret("p"), tls: null })).rejects.toMatchObject({ code });
  expect(seen).toEqual([]);
});

test.each([
  ["no end", "x".repeat(9 * 1024 * 1024)],
  ["nothing but brackets", "[".repeat(1_000_000)],
  ["a schema without end", JSON.stringify({ schema: `${'{"type":"array","items":'.repeat(100_000)}"int"${"}".repeat(100_000)}` })],
  ["another thing", '"schema"'],
])("an answer of %s is refused with a code", async (_, answer) => {
  const server = createPlainServer((_request, response) => response.end(answer));
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, user: null, password: null, tls: null };
  await expect(new SchemaRegistry(address).load([1])).rejects.toMatchObject({ code: expect.stringMatching(/^DB-KAF-11[14]$/) as string });
});
