// The whole of dongbo over TLS with certificates on both sides: servers that let in nobody else are enough for a copy's life.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { EmbeddedMariaDb } from "../../deploy/embedded/mariadb-server.ts";
import type { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import { roles } from "../support/cluster.ts";
import { giveToServer } from "../support/server-tls.ts";
import { type CertificateFiles, TestAuthority } from "../support/test-authority.ts";
import type { MasterKind } from "../support/two-families.ts";
import { PairStage } from "./pair-stage.ts";

const own = [roles.source, roles.target, roles.control];

/** Other accounts are the test's. */
async function demandOnPostgres(server: EmbeddedPostgres, files: CertificateFiles, authority: string): Promise<void> {
  const { dataDir } = server;
  writeFileSync(
    join(dataDir, "pg_hba.conf"),
    [`hostssl all ${own.join(",")} all cert`, `host all postgres,${roles.owner},${roles.reader} all trust`, ""].join("\n"),
  );
  giveToServer(authority, join(dataDir, "ca.pem"));
  giveToServer(files.certificate, join(dataDir, "server.pem"));
  giveToServer(files.key, join(dataDir, "server.key"));
  await server.stop("fast");
  const log = { wal_level: "logical", max_connections: 200 };
  await server.restart({ ...log, ssl: "on", ssl_cert_file: "server.pem", ssl_key_file: "server.key", ssl_ca_file: "ca.pem" });
}

async function demandOnMariaDb(server: EmbeddedMariaDb, files: CertificateFiles, authority: string): Promise<void> {
  const [certificate, key, ca] = ["server.pem", "server.key", "ca.pem"].map((name) => join(server.dataDir, name)) as [
    string,
    string,
    string,
  ];
  giveToServer(files.certificate, certificate);
  giveToServer(files.key, key);
  giveToServer(authority, ca);
  await server.stop();
  await server.restart({ ssl_cert: certificate, ssl_key: key, ssl_ca: ca });
  const known = await server.query("SELECT User AS name FROM mysql.user");
  const here = own.filter((role) => known.some(({ name }) => name === role));
  await server.query(...here.map((role) => `ALTER USER ${role} REQUIRE SUBJECT '/CN=${role}'`));
}

test.each(["postgres", "mysql"] as const)(
  "SE-07: a master on %s, copies on both families and the control database",
  async (master: MasterKind) => {
    const schema = master === "mysql" ? "national" : "public";
    const forms = { id: "integer", full_name: "text" } as const;
    await using stage = await PairStage.create({
      master,
      tables: ["CREATE TABLE citizen (id int PRIMARY KEY, full_name varchar(60))", "INSERT INTO citizen VALUES (1, 'Một'), (2, 'Hai')"],
      shares: { population: [{ source: `${schema}.citizen`, target: "population.citizen", key: ["id"], columns: Object.keys(forms) }] },
      copies: [
        { target: "hcm", share: "population", connector: "mysql" },
        { target: "hue", share: "population" },
      ],
    });
    const { servers, home } = stage;
    const authority = TestAuthority.make("authority");
    const files = authority.issue("server", { names: "DNS:localhost,IP:127.0.0.1" });
    const clients = new Map<string, CertificateFiles>(
      own.map((role) => [role, authority.issue(role, { names: `DNS:${role.replace("_", "-")}.example.vn` })]),
    );
    for (const server of [servers.cluster.target, ...(master === "postgres" ? [servers.cluster.source] : [])]) {
      await demandOnPostgres(server, files, authority.certificate);
    }
    for (const server of [servers.mysqlMaster, ...servers.mysqlTargets.values()]) {
      if (server instanceof EmbeddedMariaDb) await demandOnMariaDb(server, files, authority.certificate);
    }

    const config = parse(readFileSync(home.configFile, "utf8")) as Record<string, Record<string, { url: string }>> & { control: unknown };
    const secured = (url: string, host: string): string => {
      const parsed = new URL(url);
      const shown = clients.get(decodeURIComponent(parsed.username));
      const parameters = {
        sslmode: "verify-full",
        sslrootcert: authority.certificate,
        sslcert: shown?.certificate ?? "",
        sslkey: shown?.key ?? "",
      };
      return `${url.replace("127.0.0.1", host)}?${new URLSearchParams(parameters).toString()}`;
    };
    const { sources, targets } = config;
    config.control = secured(servers.controlUrl(), "localhost");
    // By address as well as by name.
    sources!["population"]!.url = secured(servers.sourceUrl(roles.source), "127.0.0.1");
    targets!["hcm"]!.url = secured(servers.targetUrl("hcm", roles.target), "127.0.0.1");
    targets!["hue"]!.url = secured(servers.targetUrl("hue", roles.target), "localhost");
    home.writeConfig(config);

    const checked = await home.run(["check"]);
    expect([checked.code, checked.stderr]).toEqual([0, expect.not.stringMatching(/DB-CFG-027|DB-\w+-00[1-6]/)]);
    await stage.catchUp();
    await stage.onMaster("UPDATE citizen SET full_name = 'Hai mới' WHERE id = 2", "INSERT INTO citizen VALUES (3, 'Ba')");
    await stage.catchUp();
    for (const target of ["hcm", "hue"])
      expect(await stage.differences(target, "citizen", "population.citizen", { key: ["id"], forms })).toEqual([]);
    expect((await home.run(["reconcile", "--fast"])).code).toBe(0);
    expect((await home.run(["status"])).code).toBe(0);

    // The same without the certificates: nobody is let in.
    targets!["hue"]!.url = targets!["hue"]!.url.replace(/&sslcert=.*/, "");
    home.writeConfig(config);
    const refused = await home.run(["check"]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/DB-PG-00[24]/)]);
  },
);
