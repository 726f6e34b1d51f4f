import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { preflightTarget, type TargetCheck } from "../../connectors/postgres/preflight/preflight-target.ts";
import type { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import type { Finding } from "../../engine/model/finding.ts";
import type { Subscription, TableMapping } from "../../engine/model/share.ts";
import type { TableName } from "../../engine/model/table.ts";
import { runSql, startServer } from "../support/cluster.ts";
import { serverAddress } from "../support/server-address.ts";
import { catalogTable, column, columnType, tableMapping } from "../support/table-builders.ts";

let server: EmbeddedPostgres;
beforeAll(async () => {
  server = await startServer(18, {});
});
afterAll(() => server?.destroy());
beforeEach(async () => {
  await runSql(server.url(), "DROP DATABASE IF EXISTS hcm WITH (FORCE)", "DROP ROLE IF EXISTS copier", "DROP ROLE IF EXISTS app_reader");
  await runSql(server.url(), "CREATE ROLE copier LOGIN", "CREATE ROLE app_reader", "CREATE DATABASE hcm");
});

const sql = (...statements: string[]): Promise<Record<string, string | null>[]> => runSql(server.url("hcm"), ...statements);

function mapping(target: TableName, type = columnType("text")): TableMapping {
  const table = catalogTable([column("id", "integer", { nullable: false }), column("name", "text", { type })]);
  return { ...tableMapping(table, ["id", "name"]), target, physical: { schema: `${target.schema}_copy`, name: target.name } };
}

function subscription(...tables: TableMapping[]): Subscription {
  return {
    id: "population/hcm",
    share: "population",
    source: "population",
    target: "hcm",
    agreement: { id: "TT-01", from: new Date(0), to: null },
    regulation: { id: "QC-01", validityPeriodSeconds: 60, onExpiry: "refuse", logRetentionSeconds: 60 },
    tables,
    stopped: [],
    quarantineMax: 100,
  };
}

const citizen = { schema: "population", name: "citizen" };
const household = { schema: "population", name: "household" };

async function check(options: Partial<TargetCheck> = {}): Promise<Finding[]> {
  const address = serverAddress(server.url("hcm", "copier"));
  return preflightTarget({ address, target: "hcm", readers: ["app_reader"], subscriptions: [subscription(mapping(citizen))], ...options });
}

const brief = (findings: readonly Finding[]): string[] => findings.map(({ code, severity, subject }) => `${code} ${severity} ${subject}`);

/** Runs what the findings say. */
async function mend(findings: readonly Finding[]): Promise<void> {
  for (const finding of findings) {
    expect(finding.sql.length).toBeGreaterThan(0);
    await sql(...finding.sql);
  }
}

test("a bare role needs one grant, and everything can then be prepared", async () => {
  const findings = await check();
  expect(brief(findings)).toEqual(["DB-TGT-003 error hcm"]);
  expect(findings[0]?.sql).toEqual(['GRANT CREATE ON DATABASE "hcm" TO "copier";']);
  await mend(findings);
  expect(await check()).toEqual([]);
});

test("nothing of a rehearsal stays", async () => {
  await sql("GRANT CREATE ON DATABASE hcm TO copier");
  expect(await check()).toEqual([]);
  expect(await sql("SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$|public$)'")).toEqual([]);
});

test("a schema of readers that belongs to somebody else needs a grant of its own", async () => {
  await sql("GRANT CREATE ON DATABASE hcm TO copier", "CREATE SCHEMA population");
  const findings = await check({ readers: [] });
  expect(brief(findings)).toEqual(["DB-TGT-003 error hcm population"]);
  await mend(findings);
  expect(await check({ readers: [] })).toEqual([]);
});

test("every table's obstacle is told, not the first alone", async () => {
  await sql("GRANT CREATE ON DATABASE hcm TO copier", "CREATE SCHEMA population", "GRANT CREATE, USAGE ON SCHEMA population TO copier");
  await sql("CREATE TABLE population.citizen (theirs int)", "CREATE VIEW population.household AS SELECT 1 AS theirs");
  const subscriptions = [subscription(mapping(citizen), mapping(household))];
  expect(brief(await check({ subscriptions, readers: [] }))).toEqual([
    "DB-TGT-005 error hcm population.citizen",
    "DB-TGT-005 error hcm population.household",
  ]);
});

test("a schema dongbo that is not ours is found", async () => {
  await sql("GRANT CREATE ON DATABASE hcm TO copier", "CREATE SCHEMA dongbo");
  expect(brief(await check())).toEqual(["DB-TGT-001 error hcm dongbo"]);
});

test("an extension is asked for once, however many columns need it", async () => {
  await sql("GRANT CREATE ON DATABASE hcm TO copier");
  const type = columnType("other", { declaration: "ext.citext", bare: "ext.citext", extension: "citext" });
  const subscriptions = [subscription(mapping(citizen, type), mapping(household, type))];
  const findings = await check({ subscriptions });
  expect(brief(findings)).toEqual(["DB-TGT-008 error hcm"]);
  await mend(findings);
  expect(await check({ subscriptions })).toEqual([]);
  const unknown = columnType("other", { declaration: "ext.postgis", bare: "ext.postgis", extension: "no_such_extension" });
  expect((await check({ subscriptions: [subscription(mapping(citizen, unknown))] }))[0]?.remedy).toContain("package");
});

test("a type that cannot be made is found", async () => {
  await sql("GRANT CREATE ON DATABASE hcm TO copier");
  const type = columnType("other", { declaration: "own.shape", bare: "own.shape" });
  expect(brief(await check({ subscriptions: [subscription(mapping(citizen, type))] }))).toEqual([
    "DB-TGT-009 error hcm population_copy.citizen.name",
  ]);
});

test("readers that do not exist are found, and those whom no view can refuse are warned of", async () => {
  await sql("GRANT CREATE ON DATABASE hcm TO copier", "GRANT pg_read_all_data TO app_reader");
  const findings = await check({ readers: ["app_reader", "nobody"] });
  expect(brief(findings)).toEqual(["DB-TGT-030 warning hcm app_reader", "DB-TGT-011 error hcm nobody"]);
  await mend(findings.slice(1));
  expect(brief(await check({ readers: ["app_reader", "nobody"] }))).toEqual(["DB-TGT-030 warning hcm app_reader"]);
  await runSql(server.url(), "DROP ROLE nobody");
});

test("a database that only accepts reads is found", async () => {
  await sql("GRANT CREATE ON DATABASE hcm TO copier", "ALTER DATABASE hcm SET default_transaction_read_only = on");
  const findings = await check();
  expect(brief(findings)).toEqual(["DB-PG-008 error hcm"]);
  await runSql(server.url(), ...(findings[0]?.sql ?? []));
  expect(await check()).toEqual([]);
});

test("a role with too few sessions and a database that cannot hold every text are found", async () => {
  await runSql(
    server.url(),
    "DROP DATABASE hcm",
    "CREATE DATABASE hcm TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'",
    "ALTER ROLE copier CONNECTION LIMIT 1",
  );
  await sql("GRANT CREATE ON DATABASE hcm TO copier");
  const findings = await check();
  expect(brief(findings)).toEqual(["DB-PG-040 error hcm", "DB-PG-006 error hcm"]);
  await mend(findings.slice(1));
  expect(brief(await check())).toEqual(["DB-PG-040 error hcm"]);
});

test("a server that cannot be reached is a finding", async () => {
  expect(brief(await check({ address: { ...serverAddress(server.url("hcm", "copier")), port: 1 } }))).toEqual([
    "DB-PG-001 error 127.0.0.1:1/hcm",
  ]);
});
