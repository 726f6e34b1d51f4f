// What dongbo answers over HTTP, and to whom: figures and health, to this machine, and no endpoint that changes anything.
import { networkInterfaces } from "node:os";
import { connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { type HttpListener, startHttpListener } from "../../../deploy/processes/http-listener.ts";
import { readSample, sample } from "../config/sample-config.ts";

const state = {
  metrics: () => Promise.resolve({ text: "", contentType: "text/plain" }),
  health: () => ({ healthy: true, reasons: [] }),
};

async function start(): Promise<HttpListener> {
  const listener = await startHttpListener({ host: "127.0.0.1", port: 0 }, state);
  onTestFinished(() => listener.close());
  return listener;
}

test("a configuration that says nothing of it listens on loopback only", () => {
  expect(readSample(sample).configuration?.listen).toEqual({ host: "127.0.0.1", port: 9464 });
});

test("who listens on loopback is not reached by another address of the machine", async () => {
  const listener = await start();
  const port = Number(new URL(listener.url).port);
  const others = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  for (const { address } of others.filter(({ internal, family }) => !internal && family === "IPv4")) {
    const reached = await new Promise<boolean>((resolve) => {
      const socket = connect(port, address, () => resolve(true)).on("error", () => resolve(false));
      onTestFinished(() => {
        socket.destroy();
      });
    });
    expect([address, reached]).toEqual([address, false]);
  }
  expect((await fetch(`${listener.url}/healthz`)).status).toBe(200);
});

test("there is nothing to administer: every other path and every method that could change something is refused", async () => {
  const { url } = await start();
  for (const method of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
    for (const path of ["/metrics", "/healthz", "/suspend", "/"]) {
      expect([method, path, (await fetch(`${url}${path}`, { method })).status]).toEqual([method, path, 405]);
    }
  }
  const others = [
    "/",
    "/admin",
    "/config",
    "/console",
    "/debug/pprof",
    "/metrics/",
    "/metrics/../dongbo.yaml",
    "/%2e%2e/dongbo.yaml",
    "/healthz%00",
  ];
  for (const path of others) expect([path, (await fetch(`${url}${path}`)).status]).toEqual([path, 404]);
});

test("what is no HTTP is answered with an end of the connection, and the listener goes on", async () => {
  const { url } = await start();
  const { port } = new URL(url);
  for (const bytes of [
    "\0".repeat(100),
    `GET /${"x".repeat(100_000)} HTTP/1.1\r\n\r\n`,
    "GET /metrics HTTP/1.1\r\nhost: a\r\nhost: b\r\ncontent-length: x\r\n\r\n",
  ]) {
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), "127.0.0.1", () => socket.write(bytes));
      socket.on("error", () => {}).on("data", () => {});
      socket.on("close", () => resolve());
    });
  }
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
});
