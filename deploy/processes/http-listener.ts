// Serves what monitoring asks for: /metrics for Prometheus, /healthz for whoever restarts or alerts.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { isIPv6 } from "node:net";
import type { ListenAddress } from "../../engine/config/configuration.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import type { HealthVerdict } from "../../engine/telemetry/health.ts";

export interface ServedState {
  /** The text of /metrics and its content type. */
  metrics(): Promise<{ readonly text: string; readonly contentType: string }>;
  health(): HealthVerdict;
}

export interface HttpListener {
  /** `http://127.0.0.1:9464`, with the port that was really taken. */
  readonly url: string;
  close(): Promise<void>;
}

/** Throws DB-RUN-025 when the address cannot be used. */
export async function startHttpListener(address: ListenAddress, state: ServedState): Promise<HttpListener> {
  const server = createServer((request, response) => {
    answer(request, response, state).catch(() => {
      response.writeHead(500, { "content-type": "text/plain" }).end("internal error\n");
    });
  });
  await listen(server, address);
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : address.port;
  const host = isIPv6(address.host) ? `[${address.host}]` : address.host;
  return { url: `http://${host}:${port}`, close: () => close(server) };
}

async function answer(request: IncomingMessage, response: ServerResponse, state: ServedState): Promise<void> {
  const path = (request.url ?? "/").split("?")[0];
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { allow: "GET, HEAD" }).end();
    return;
  }
  switch (path) {
    case "/metrics": {
      const { text, contentType } = await state.metrics();
      response.writeHead(200, { "content-type": contentType }).end(text);
      return;
    }
    case "/healthz": {
      const verdict = state.health();
      response.writeHead(verdict.healthy ? 200 : 503, { "content-type": "application/json" }).end(`${JSON.stringify(verdict)}\n`);
      return;
    }
    default:
      response.writeHead(404, { "content-type": "text/plain" }).end("dongbo serves /metrics and /healthz\n");
  }
}

function listen(server: Server, address: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const cause = `the listening address cannot be used (${error.code ?? "unknown reason"})`;
      reject(new ReplicationError("DB-RUN-025", { subject: `${address.host}:${address.port}`, cause }, { cause: error }));
    });
    server.listen(address.port, address.host, () => {
      resolve();
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeAllConnections();
  });
}
