// A target whose network goes silent in the middle of an answer: noticed by asking another way, not by TCP's quarter of an hour.
import { mkdtempSync, chmodSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ApplySession } from "../../connectors/postgres/apply/apply-session.ts";
import { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import type { ServerAddress } from "../../engine/model/server-address.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

describe("a session on a target behind a dead network", () => {
  let folder = "";
  let server: EmbeddedPostgres;
  let proxy: TcpProxy;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "dongbo-half-open-"));
    chmodSync(folder, 0o711);
    server = await EmbeddedPostgres.start({ dataDir: join(folder, "target") });
    proxy = await TcpProxy.start({ host: "127.0.0.1", port: server.port });
  });

  afterAll(async () => {
    await proxy.close();
    await server.destroy();
    rmSync(folder, { recursive: true, force: true });
  });

  function address(): ServerAddress {
    const tls = { mode: "disable" as const, rootCertificate: null, certificate: null, key: null };
    return { kind: "postgres", host: "127.0.0.1", port: proxy.port, database: "postgres", user: "postgres", password: null, tls };
  }

  it("is given up, so that the subscription can try again", async () => {
    const session = await ApplySession.open(address(), "population/hcm");
    proxy.blackhole();
    await expect(session.copyIn("COPY pg_catalog.pg_description FROM STDIN", [])).rejects.toThrow();
    expect(session.lost).toBe(true);
    proxy.heal();
    const next = await ApplySession.open(address(), "population/hcm");
    expect(next.lost).toBe(false);
    await next.close();
  });

  it("is given up too when the network is there again, and the server waits for what was swallowed", async () => {
    const session = await ApplySession.open(address(), "population/hcm");
    proxy.blackhole();
    const answer = session.copyIn("COPY pg_catalog.pg_description FROM STDIN", []);
    proxy.heal();
    await expect(answer).rejects.toThrow();
    expect(session.lost).toBe(true);
  });
});
