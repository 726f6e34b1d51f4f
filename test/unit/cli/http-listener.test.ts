import { createServer } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { type HttpListener, type ServedState, startHttpListener } from "../../../deploy/processes/http-listener.ts";
import type { HealthVerdict } from "../../../engine/telemetry/health.ts";

const healthy: HealthVerdict = { healthy: true, reasons: [] };
const reason = { subject: "population/hcm", state: "stopped", code: "DB-PG-003", cause: "a privilege is missing", remedy: "Grant it" };

async function start(change: Partial<ServedState> = {}): Promise<HttpListener> {
  const state = {
    metrics: () => Promise.resolve({ text: "dongbo_x 1\n", contentType: "text/plain; version=0.0.4" }),
    health: () => healthy,
  };
  const listener = await startHttpListener({ host: "127.0.0.1", port: 0 }, { ...state, ...change });
  onTestFinished(() => listener.close());
  return listener;
}

describe("http listener", () => {
  test("port 0 takes a free port and says which", async () => {
    expect((await start()).url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d+$/);
  });

  test("/metrics is served with its content type", async () => {
    const response = await fetch(`${(await start()).url}/metrics`);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4");
    expect(await response.text()).toBe("dongbo_x 1\n");
  });

  test("/healthz is 200 while everything progresses and 503 with reasons when not", async () => {
    expect((await fetch(`${(await start()).url}/healthz`)).status).toBe(200);
    const { url } = await start({ health: () => ({ healthy: false, reasons: [reason] }) });
    const response = await fetch(`${url}/healthz`);
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ healthy: false, reasons: [reason] });
  });

  test("other paths are 404, other methods 405", async () => {
    const { url } = await start();
    expect((await fetch(`${url}/`)).status).toBe(404);
    expect((await fetch(`${url}/metrics`, { method: "POST" })).status).toBe(405);
  });

  test("a failure while answering is a 500 without details", async () => {
    const { url } = await start({ metrics: () => Promise.reject(new Error("canary-7f")) });
    const response = await fetch(`${url}/metrics`);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("canary-7f");
  });

  test("an address in use is DB-RUN-025", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => {
      taken.listen(0, "127.0.0.1", resolve);
    });
    onTestFinished(() => {
      taken.close();
    });
    const { port } = taken.address() as { port: number };
    const state = { metrics: () => Promise.resolve({ text: "", contentType: "" }), health: () => healthy };
    await expect(startHttpListener({ host: "127.0.0.1", port }, state)).rejects.toMatchObject({ code: "DB-RUN-025" });
  });
});
