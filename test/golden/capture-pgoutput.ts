// Captures pgoutput's bytes from real servers into test/golden/pgoutput/<major>.json:
//
//   npm run build && node dist/test/golden/capture-pgoutput.js
//
// The decoding functions of an ordinary session give the same messages as a replication connection. Run it only when a
// scenario is added or a server release changes what it sends, and read the difference before committing it.
import { mkdtempSync, chmodSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type pg from "pg";
import { connectPostgres } from "../../connectors/postgres/postgres-client.ts";
import type { PostgresMajor } from "../../deploy/embedded/postgres-binaries.ts";
import { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import type { GoldenFile, GoldenScenario } from "./golden-file.ts";
import { goldenPath } from "./golden-file.ts";
import { rowScenarios, type Scenario } from "./pgoutput-scenarios.ts";
import { tableScenarios } from "./pgoutput-table-scenarios.ts";
import { binaryScenario, typesScenario } from "./pgoutput-types.ts";

for (const major of [15, 16, 17, 18] as const) await capture(major);

async function capture(major: PostgresMajor): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), `dongbo-golden-${major}-`));
  chmodSync(folder, 0o711);
  const settings = { wal_level: "logical", fsync: "off" };
  const server = await EmbeddedPostgres.start({ dataDir: join(folder, "data"), major, settings });
  try {
    const [version] = await server.query("SHOW server_version");
    const file: GoldenFile = { server: String(version?.["server_version"]), scenarios: {} };
    for (const [index, scenario] of [...rowScenarios, ...tableScenarios, typesScenario, binaryScenario].entries()) {
      if (major < (scenario.majorMin ?? 15)) continue;
      await server.query(`CREATE DATABASE s${index}`);
      file.scenarios[scenario.name] = await captureScenario(server, `s${index}`, scenario);
    }
    writeFileSync(goldenPath(major), `${JSON.stringify(file, null, 1)}\n`);
    process.stdout.write(`${major}: ${Object.keys(file.scenarios).length} scenarios from PostgreSQL ${file.server}\n`);
  } finally {
    await server.destroy();
  }
}

async function captureScenario(server: EmbeddedPostgres, database: string, scenario: Scenario): Promise<GoldenScenario> {
  const tls = { mode: "disable", rootCertificate: null, certificate: null, key: null } as const;
  const address = { kind: "postgres", host: "127.0.0.1", port: server.port, database, user: "postgres", password: null, tls } as const;
  const session = await connectPostgres(address, { role: "golden" });
  const slot = `golden_${database}`;
  try {
    for (const sql of scenario.setup) await session.query(sql);
    await session.query(`CREATE PUBLICATION golden ${scenario.publication ?? "FOR ALL TABLES"}`);
    await session.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [slot]);
    for (const sql of scenario.sql) await session.query(sql);
    const messages = await decodedBytes(session, slot, scenario);
    const selected = scenario.selected === undefined ? null : await rowsAsText(session, scenario.selected);
    await session.query("SELECT pg_drop_replication_slot($1)", [slot]);
    return { sql: [...scenario.setup, ...scenario.sql], messages, ...(selected === null ? {} : { selected }) };
  } finally {
    await session.end();
  }
}

async function decodedBytes(session: pg.Client, slot: string, scenario: Scenario): Promise<string[]> {
  const [version] = await rowsAsText(session, "SHOW server_version_num");
  const protocol = Number(version?.[0]) >= 160_000 ? "4" : "3";
  const options = { proto_version: protocol, publication_names: "golden", messages: "false", ...scenario.options };
  const parameters = [slot, ...Object.entries(options).flat()];
  const variadic = parameters.slice(1).map((_, index) => `$${index + 2}`);
  const sql = `SELECT encode(data, 'hex') FROM pg_logical_slot_get_binary_changes($1, NULL, NULL, ${variadic.join(", ")})`;
  const result = await session.query<string[]>({ text: sql, values: parameters, rowMode: "array" });
  return result.rows.map((row) => String(row[0]));
}

async function rowsAsText(session: pg.Client, sql: string): Promise<(string | null)[][]> {
  const result = await session.query<(string | null)[]>({ text: sql, rowMode: "array" });
  return result.rows;
}
