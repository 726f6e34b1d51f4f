import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { connectMysql, type MysqlSession } from "../../connectors/mysql/mysql-client.ts";
import { describeTables } from "../../connectors/mysql/mysql-schema.ts";
import { preflightSource, type SourceCheck } from "../../connectors/mysql/preflight/preflight-source.ts";
import type { Finding } from "../../engine/model/finding.ts";
import type { MysqlTestServer } from "../support/given-mysql.ts";
import {
  defaultRole,
  remade,
  replicationGrant,
  startMariaDb,
  startMysqlServer,
  testedFlavour,
  watchesLog,
} from "../support/mysql-server.ts";
import { serverAddress } from "../support/server-address.ts";
import { tableMapping } from "../support/table-builders.ts";

const user = "`dongbo_source`@`%`";
const citizen = { schema: "national", name: "citizen" };

let server: MysqlTestServer;
let root: MysqlSession;

beforeAll(async () => {
  server = await startMysqlServer({
    binlog_format: "ROW",
    binlog_row_image: "FULL",
    binlog_row_metadata: "FULL",
    binlog_expire_logs_seconds: 604_800,
    max_allowed_packet: "64M",
  });
  root = await connectMysql(serverAddress(server.url()), { role: "test" });
});
afterAll(async () => {
  await root?.end();
  await server?.destroy();
});

beforeEach(async () => {
  await server.query(
    "DROP DATABASE IF EXISTS national",
    "CREATE DATABASE national",
    "CREATE TABLE national.citizen (id int PRIMARY KEY, name varchar(40), secret varchar(40))",
    ...remade("USER", user),
    `${replicationGrant} TO ${user}`,
    `GRANT SELECT ON national.* TO ${user}`,
    "SET GLOBAL binlog_format = 'ROW', GLOBAL binlog_row_image = 'FULL', GLOBAL binlog_row_metadata = 'FULL', GLOBAL binlog_expire_logs_seconds = 604800, GLOBAL max_allowed_packet = 67108864",
  );
});

function check(options: Partial<SourceCheck> = {}): Promise<Finding[]> {
  const address = serverAddress(server.url("", "dongbo_source"));
  return preflightSource({ address, source: "population", connections: 4, tables: [citizen], mappings: [], ...options });
}

/** Codes of what is worth acting on, gravest or not. */
function codes(findings: readonly Finding[]): string[] {
  return findings.filter(({ severity }) => severity !== "info").map(({ code, severity }) => `${severity} ${code}`);
}

/** What it says of mending is true: after the statements the finding is gone. */
async function mends(finding: Finding | undefined, options: Partial<SourceCheck> = {}): Promise<void> {
  expect(finding?.sql.length).toBeGreaterThan(0);
  await server.query(...(finding?.sql ?? []));
  expect(codes(await check(options))).toEqual([]);
}

test("finds nothing in the way of a server as it should be, and tells how long it keeps its log", async () => {
  const findings = await check();
  expect(codes(findings)).toEqual([]);
  expect(findings).toMatchObject([{ code: "DB-MY-031", severity: "info", cause: "the server keeps its binary log for 7 days" }]);
});

test(`the user needs nothing but SELECT, REPLICATION SLAVE and ${watchesLog}, and is told what it lacks`, async () => {
  await server.query(`REVOKE REPLICATION SLAVE ON *.* FROM ${user}`);
  const one = await check();
  expect(one.find(({ code }) => code === "DB-MY-003")?.sql).toEqual([`GRANT REPLICATION SLAVE ON *.* TO ${user};`]);
  await server.query(`REVOKE ${watchesLog} ON *.* FROM ${user}`);
  const both = await check();
  expect(codes(both)).toEqual(["error DB-MY-003"]);
  await mends(both.find(({ code }) => code === "DB-MY-003"));
});

test("privileges may come by a role", async () => {
  await server.query(
    ...remade("USER", user),
    ...remade("ROLE", "followers"),
    `${replicationGrant} TO followers`,
    "GRANT SELECT ON national.citizen TO followers",
    `GRANT followers TO ${user}`,
    defaultRole("followers", user),
  );
  expect(codes(await check())).toEqual([]);
});

test("a table that may not be read is told from one that is not there", async () => {
  await server.query(`REVOKE SELECT ON national.* FROM ${user}`, `GRANT SELECT ON national.nothing_else TO ${user}`).catch(() => {});
  const denied = await check();
  expect(denied.find(({ code }) => code === "DB-MY-003")).toMatchObject({ subject: "national.citizen" });
  await mends(denied.find(({ code }) => code === "DB-MY-003"));
  await server.query(`GRANT SELECT ON national.* TO ${user}`);
  expect(codes(await check({ tables: [citizen, { schema: "national", name: "gone" }, { schema: "nowhere", name: "x" }] }))).toEqual([
    "error DB-MAP-030",
    "error DB-MY-003",
  ]);
});

test("columns that are read need their privilege, others do not", async () => {
  await server.query(`REVOKE SELECT ON national.* FROM ${user}`, `GRANT SELECT (id, name) ON national.citizen TO ${user}`);
  const [catalog] = await describeTables(root, [citizen]);
  if (catalog === undefined) throw new Error("no table");
  const mappings = [tableMapping(catalog, ["id", "name"], null)];
  const blind = await check({ mappings });
  expect(codes(blind)).toEqual(["error DB-MY-003"]);
  await mends(
    blind.find(({ code }) => code === "DB-MY-003"),
    { mappings },
  );
  const filtered = tableMapping(catalog, ["id", "name"], { op: "eq", column: "secret", value: "x" });
  expect(codes(await check({ mappings: [filtered] }))).toEqual(["error DB-MY-003"]);
});

test.each([
  ["binlog_format", "'MIXED'"],
  ["binlog_row_image", "'MINIMAL'"],
  ["binlog_row_metadata", testedFlavour === "mariadb" ? "'NO_LOG'" : "'MINIMAL'"],
])("%s must be as dongbo needs it", async (name, value) => {
  await server.query(`SET GLOBAL ${name} = ${value}`);
  const findings = await check();
  expect(codes(findings)).toEqual(["error DB-SLOT-020"]);
  await mends(findings.find(({ code }) => code === "DB-SLOT-020"));
});

test("a log that is kept for hours is a warning", async () => {
  await server.query("SET GLOBAL binlog_expire_logs_seconds = 36000");
  const findings = await check();
  expect(findings).toMatchObject([{ code: "DB-MY-031", severity: "warning", cause: "the server keeps its binary log for 10 hours" }]);
  await mends(findings[0]);
  await server.query("SET GLOBAL binlog_expire_logs_seconds = 0");
  expect(await check()).toMatchObject([
    { code: "DB-MY-031", severity: "info", cause: "the server keeps its binary log until somebody purges it" },
  ]);
});

test("a small largest packet is a warning", async () => {
  await server.query("SET GLOBAL max_allowed_packet = 1048576");
  const findings = await check();
  expect(codes(findings)).toEqual(["warning DB-MY-036"]);
  await mends(findings.find(({ code }) => code === "DB-MY-036"));
});

test("a user's limit of sessions is compared with the configuration's", async () => {
  await server.query(`ALTER USER ${user} WITH MAX_USER_CONNECTIONS 2`);
  const findings = await check();
  expect(codes(findings)).toEqual(["error DB-MY-006"]);
  await mends(findings.find(({ code }) => code === "DB-MY-006"));
});

test("views, sequences, other engines, versioned tables and foreign keys that act are told apart", async () => {
  await server.query(
    "USE national",
    "CREATE VIEW seen AS SELECT * FROM citizen",
    "CREATE TABLE old (id int PRIMARY KEY) ENGINE=MyISAM",
    ...(testedFlavour === "mariadb"
      ? ["CREATE SEQUENCE numbers", "CREATE TABLE versioned (id int PRIMARY KEY) WITH SYSTEM VERSIONING"]
      : []),
    "CREATE TABLE child (id int PRIMARY KEY, citizen int, CONSTRAINT belongs FOREIGN KEY (citizen) REFERENCES citizen (id) ON DELETE CASCADE)",
    "CREATE TABLE ward (id int PRIMARY KEY, citizen int, FOREIGN KEY (citizen) REFERENCES citizen (id))",
  );
  const theirOwn = testedFlavour === "mariadb";
  const names = ["seen", ...(theirOwn ? ["numbers"] : []), "old", ...(theirOwn ? ["versioned"] : []), "child", "ward"];
  const tables = names.map((name) => ({ schema: "national", name }));
  const findings = (await check({ tables })).filter(({ severity }) => severity === "error");
  expect(findings.map(({ code, subject, cause }) => [code, subject, cause])).toEqual([
    ["DB-MAP-037", "national.seen", "national.seen is a view, not a table"],
    ...(theirOwn ? [["DB-MAP-037", "national.numbers", "national.numbers is a sequence, not a table"]] : []),
    ["DB-MY-037", "national.old", "the table's engine is MyISAM"],
    ...(theirOwn ? [["DB-MY-037", "national.versioned", "the table is system-versioned"]] : []),
    ["DB-MY-039", "national.child", "foreign keys change rows of the table by themselves, and the log does not tell: belongs"],
  ]);
  await server.query(...(findings.find(({ subject }) => subject === "national.old")?.sql ?? []));
  expect(codes(await check({ tables: [{ schema: "national", name: "old" }] }))).toEqual([]);
  // None of them is followed by mistake.
  expect((await describeTables(root, tables)).map(({ table, primaryKey }) => [table.name, primaryKey])).toEqual([
    ["old", ["id"]],
    ...(theirOwn ? [["versioned", []]] : []),
    ["child", []],
    ["ward", ["id"]],
  ]);
});

test("another spelling of a table's name is no table", async () => {
  expect(codes(await check({ tables: [{ schema: "national", name: "Citizen" }] }))).toEqual(["error DB-MAP-030"]);
});

test("a user that cannot log in, and a server that is not there, are findings", async () => {
  expect(codes(await check({ address: serverAddress(server.url("", "nobody", "wrong")) }))).toEqual(["error DB-MY-002"]);
  expect(codes(await check({ address: { ...serverAddress(server.url()), port: 1 } }))).toEqual(["error DB-MY-001"]);
});

test.runIf(testedFlavour === "mariadb")(
  "a server that logs nothing, leaves the database out, or does not log what it receives is refused",
  async () => {
    await using silent = await startMariaDb({ skip_log_bin: 1, binlog_expire_logs_seconds: 0 });
    await silent.query("CREATE DATABASE national", "CREATE TABLE national.citizen (id int PRIMARY KEY)");
    const ask = (own: MysqlTestServer): Promise<Finding[]> => check({ address: serverAddress(own.url()) });
    expect(codes(await ask(silent))).toEqual(["error DB-SLOT-020"]);
    await using partial = await startMariaDb({ binlog_ignore_db: "national", log_slave_updates: 0, binlog_expire_logs_seconds: 604_800 });
    await partial.query("CREATE DATABASE national", "CREATE TABLE national.citizen (id int PRIMARY KEY)");
    expect(codes(await ask(partial))).toEqual(["error DB-MY-033"]);
    await partial.query("CHANGE MASTER TO master_host = '127.0.0.1', master_port = 1, master_user = 'x'");
    expect(codes(await ask(partial))).toEqual(["error DB-MY-034", "error DB-MY-033"]);
    await partial.query("CREATE USER watcher@'127.0.0.1'", "GRANT REPLICATION SLAVE, BINLOG MONITOR, SELECT ON *.* TO watcher@'127.0.0.1'");
    expect(codes(await check({ address: serverAddress(partial.url("", "watcher")) }))).toEqual(["warning DB-MY-034", "error DB-MY-033"]);
  },
);
