// A registry of Avro schemas for tests. Readers ask it as Confluent's; the converter of Connect workers writes to it as to Apicurio's.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** A running registry on loopback. Ends when disposed. */
export class TestSchemaRegistry implements AsyncDisposable {
  readonly #http: Server;
  /** The schemas, each once; its id is its place, from 1. */
  readonly #schemas: string[] = [];

  private constructor() {
    this.#http = createServer((request, response) => {
      void this.#answer(request, response);
    });
  }

  static async start(): Promise<TestSchemaRegistry> {
    const registry = new TestSchemaRegistry();
    await new Promise<void>((resolve) => {
      registry.#http.listen(0, "127.0.0.1", resolve);
    });
    return registry;
  }

  /** What readers are configured with. */
  get url(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  /** What the connector's converter is configured with. */
  get converterUrl(): string {
    return `${this.url}/apis/registry/v2`;
  }

  /** Id of a schema, which becomes known when it was not. */
  register(schema: string): number {
    const known = this.#schemas.indexOf(schema);
    return known === -1 ? this.#schemas.push(schema) : known + 1;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#http.closeAllConnections();
    await new Promise((resolve) => {
      this.#http.close(resolve);
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url = "" } = request;
    response.setHeader("content-type", "application/vnd.schemaregistry.v1+json");
    const wanted = /^\/schemas\/ids\/(\d+)(\?|$)/.exec(url);
    if (method === "GET" && wanted !== null) {
      const schema = this.#schemas[Number(wanted[1]) - 1];
      if (schema === undefined) response.writeHead(404);
      response.end(JSON.stringify(schema === undefined ? { error_code: 40403, message: "Schema not found" } : { schema }));
    } else if (method === "POST" && url.startsWith("/apis/registry/v2/groups/default/artifacts")) {
      const id = this.register(await text(request));
      const artifact = request.headers["x-registry-artifactid"];
      response.setHeader("content-type", "application/json");
      const fixed = { version: "1", type: "AVRO", state: "ENABLED", references: [], ...times };
      response.end(JSON.stringify({ id: artifact, globalId: id, contentId: id, ...fixed }));
    } else {
      response.writeHead(404).end(JSON.stringify({ error_code: 404, message: "HTTP 404 Not Found" }));
    }
  }
}

const times = { createdOn: "2026-01-01T00:00:00+0000", modifiedOn: "2026-01-01T00:00:00+0000" };
