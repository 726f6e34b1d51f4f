// Opening sessions: every way in which a server or the network refuses has its own code and remedy, and no secret is shown.
import { writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { connectPostgres, endPostgres } from "../../connectors/postgres/postgres-client.ts";
import { type EmbeddedPostgres, freePort } from "../../deploy/embedded/postgres-server.ts";
import { Secret } from "../../engine/model/secret.ts";
import type { ServerAddress, TlsSettings } from "../../engine/model/server-address.ts";
import { startServer } from "../support/cluster.ts";
import { serverAddress } from "../support/server-address.ts";
import { certificates, serveTls } from "../support/server-tls.ts";

const password = "mật khẩu-s3cret";
let server: EmbeddedPostgres;

beforeAll(async () => {
  server = await startServer(18, { max_connections: 12, superuser_reserved_connections: 3, reserved_connections: 0 });
  await server.query(`CREATE ROLE app LOGIN PASSWORD '${password}'`);
  await server.query("CREATE ROLE crowd LOGIN");
  await server.query("ALTER ROLE crowd CONNECTION LIMIT 0");
  writeFileSync(
    join(server.dataDir, "pg_hba.conf"),
    ["host all postgres,crowd all trust", "hostssl secret app all scram-sha-256", "host postgres app all scram-sha-256", ""].join("\n"),
  );
  await server.query("CREATE DATABASE secret");
  await serveTls(server, "good");
});
afterAll(async () => {
  await server.destroy();
});

function address(changes: Partial<Omit<ServerAddress, "tls">> & { tls?: Partial<TlsSettings> } = {}): ServerAddress {
  const base = serverAddress(server.url("postgres", "app"));
  return { ...base, password: new Secret(password), ...changes, tls: { ...base.tls, ...changes.tls } };
}

/** Whether the session is encrypted. */
async function encrypted(to: ServerAddress): Promise<boolean> {
  const client = await connectPostgres(to, { role: "test" });
  try {
    const result = await client.query<{ ssl: string }>("SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
    return result.rows[0]?.ssl === "true";
  } finally {
    await endPostgres(client);
  }
}

async function refusal(to: ServerAddress): Promise<unknown> {
  try {
    await endPostgres(await connectPostgres(to, { role: "test", connectTimeoutMs: 2000 }));
    return null;
  } catch (error) {
    expect(String((error as Error).stack)).not.toContain("s3cret");
    expect(JSON.stringify(error)).not.toContain("s3cret");
    return error;
  }
}

const ca = join(certificates, "ca.pem");
const otherCa = join(certificates, "other-ca.pem");

describe("sslmode as libpq means it", () => {
  test.each([
    ["disable", null, false],
    ["allow", null, false],
    ["prefer", null, true],
    ["require", null, true],
    ["require", ca, true],
    ["verify-ca", ca, true],
    ["verify-full", ca, true],
  ] as const)("%s with the authority %s: encrypted %s", async (mode, rootCertificate, expected) => {
    expect(await encrypted(address({ tls: { mode, rootCertificate } }))).toBe(expected);
    expect(await encrypted(address({ host: "localhost", tls: { mode, rootCertificate } }))).toBe(expected);
  });

  test("allow encrypts where the server insists", async () => {
    expect(await encrypted(address({ database: "secret", tls: { mode: "allow" } }))).toBe(true);
  });

  test.each([
    ["require", otherCa, "not trusted here"],
    ["verify-ca", otherCa, "not trusted here"],
    ["verify-full", null, "not trusted here"],
    ["verify-full", "no/such/file.pem", "no/such/file.pem cannot be read"],
  ] as const)("%s with the authority %s is refused: %s", async (mode, rootCertificate, words) => {
    expect(await refusal(address({ tls: { mode, rootCertificate } }))).toMatchObject({
      code: "DB-PG-004",
      explanation: expect.stringContaining(words) as string,
    });
  });

  test("plain text to a server that insists on TLS is told so", async () => {
    expect(await refusal(address({ database: "secret" }))).toMatchObject({
      code: "DB-PG-002",
      remedy: expect.stringContaining("sslmode=require") as string,
    });
  });

  test("a certificate for another host is refused by verify-full and taken by verify-ca; an expired one is refused by both", async () => {
    await serveTls(server, "other-host");
    expect(await refusal(address({ tls: { mode: "verify-full", rootCertificate: ca } }))).toMatchObject({
      code: "DB-PG-004",
      explanation: "the server's certificate is for another host name",
    });
    expect(await encrypted(address({ tls: { mode: "verify-ca", rootCertificate: ca } }))).toBe(true);
    await serveTls(server, "expired");
    for (const mode of ["verify-full", "verify-ca"] as const) {
      expect(await refusal(address({ tls: { mode, rootCertificate: ca } }))).toMatchObject({
        code: "DB-PG-004",
        explanation: "the server's certificate has expired",
      });
    }
    await serveTls(server, "good");
  });

  test("a server without TLS is DB-PG-004 where TLS is demanded, and plain text under prefer", async () => {
    await server.stop("fast");
    await server.restart();
    expect(await refusal(address({ tls: { mode: "require" } }))).toMatchObject({
      code: "DB-PG-004",
      explanation: "the server offers no TLS",
      remedy: expect.stringContaining("`ssl`") as string,
    });
    expect(await encrypted(address({ tls: { mode: "prefer" } }))).toBe(false);
    await serveTls(server, "good");
  });
});

describe("refusals", () => {
  test("a wrong password and no password are DB-PG-002", async () => {
    expect(await refusal(address({ password: new Secret("wrong-s3cret") }))).toMatchObject({ code: "DB-PG-002" });
    expect(await refusal(address({ password: null }))).toMatchObject({ code: "DB-PG-002" });
    expect(await refusal(address({ user: "nobody" }))).toMatchObject({ code: "DB-PG-002" });
  });

  test("a password comes from the URL alone, never from what the environment holds for another server", async () => {
    vi.stubEnv("PGPASSWORD", password);
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    expect(await refusal(address({ password: null }))).toMatchObject({
      code: "DB-PG-002",
      explanation: "the server asks for a password and none is given",
    });
  });

  test("a database that does not exist is DB-PG-005", async () => {
    expect(await refusal(address({ user: "postgres", database: "vắng mặt" }))).toMatchObject({ code: "DB-PG-005" });
  });

  test("too many connections are DB-PG-006", async () => {
    expect(await refusal(address({ user: "crowd" }))).toMatchObject({ code: "DB-PG-006" });
    const clients = await Promise.all(Array.from({ length: 9 }, () => connectPostgres(address(), { role: "crowd" })));
    expect(await refusal(address())).toMatchObject({ code: "DB-PG-006" });
    await Promise.all(clients.map(endPostgres));
  });

  test("nobody at the address is DB-PG-001, and a name that does not resolve too", async () => {
    expect(await refusal(address({ port: await freePort() }))).toMatchObject({ code: "DB-PG-001" });
    expect(await refusal(address({ host: "does-not-exist.invalid" }))).toMatchObject({ code: "DB-PG-001" });
    expect(await refusal(address({ host: "/no/such/folder" }))).toMatchObject({ code: "DB-PG-001" });
  });

  describe("what is no PostgreSQL server", () => {
    let other: Server;
    let port: number;
    let answer: Buffer | null;
    beforeAll(async () => {
      other = createServer((socket) => {
        socket.on("error", () => {});
        socket.on("data", () => answer !== null && socket.end(answer));
      });
      other.listen(0, "127.0.0.1");
      await once(other, "listening");
      port = (other.address() as { port: number }).port;
    });
    afterAll(() => {
      other.close();
    });

    test("a connection pooler is DB-PG-011", async () => {
      const fields = Buffer.from("SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: replication\0\0");
      const header = Buffer.from([0x45, 0, 0, 0, fields.length + 4]);
      answer = Buffer.concat([header, fields]);
      expect(await refusal(address({ port }))).toMatchObject({
        code: "DB-PG-011",
        explanation: "a connection pooler answers in place of the server",
      });
    });

    test("one that never answers is DB-PG-001 after the time given", async () => {
      answer = null;
      expect(await refusal(address({ port }))).toMatchObject({ code: "DB-PG-001" });
    });

    test("one that speaks something else is refused", async () => {
      answer = Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n");
      expect(await refusal(address({ port, tls: { mode: "require" } }))).toMatchObject({ code: "DB-PG-001" });
    });
  });
});

test("every session has the same fixed settings, whatever the role or the database says", async () => {
  await server.query("ALTER ROLE app SET datestyle = 'German'");
  await server.query("ALTER ROLE app SET search_path = 'public'");
  await server.query("ALTER DATABASE postgres SET timezone = 'Asia/Ho_Chi_Minh'");
  for (const replication of [false, true]) {
    const client = await connectPostgres(
      { ...address(), ...(replication ? { user: "postgres" } : {}) },
      { role: "settings", replication, statementTimeoutMs: 1000, settings: { work_mem: "5MB" } },
    );
    const shown: Record<string, string> = {};
    for (const name of ["datestyle", "timezone", "intervalstyle", "bytea_output", "extra_float_digits", "search_path", "work_mem"]) {
      const result = await client.query<Record<string, string>>(`SHOW ${name}`);
      shown[name] = Object.values(result.rows[0] ?? {})[0] ?? "";
    }
    await endPostgres(client);
    expect(shown).toEqual({
      datestyle: "ISO, YMD",
      timezone: "UTC",
      intervalstyle: "postgres",
      bytea_output: "hex",
      extra_float_digits: "1",
      search_path: "",
      work_mem: "5MB",
    });
  }
});
