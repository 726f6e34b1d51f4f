// What `check` finds in MariaDB targets, and that what it prints is what is needed and enough.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { grantToReaders } from "../../connectors/mysql/apply/grants.ts";
import { ensureReaderView } from "../../connectors/mysql/apply/reader-view.ts";
import { ensureTargetSchema } from "../../connectors/mysql/apply/target-schema.ts";
import { connectMysql } from "../../connectors/mysql/mysql-client.ts";
import { preflightTarget, type TargetCheck } from "../../connectors/mysql/preflight/preflight-target.ts";
import type { Finding } from "../../engine/model/finding.ts";
import type { TableName } from "../../engine/model/table.ts";
import { subscriptionOf } from "../support/copy-database.ts";
import type { MysqlTestServer } from "../support/given-mysql.ts";
import { defaultRole, remade, startMariaDb, startMysqlServer, testedFlavour } from "../support/mysql-server.ts";
import { serverAddress } from "../support/server-address.ts";
import { catalogTable, column, tableMapping } from "../support/table-builders.ts";

const roomy = { max_allowed_packet: "64M", log_bin_trust_function_creators: 0, read_only: 0 };
let server: MysqlTestServer;

beforeAll(async () => {
  server = await startMysqlServer(roomy);
});

afterAll(() => server?.destroy());

beforeEach(async () => {
  await server.query(
    ...["dongbo", "population", "population_copy", "other_copy"].map((name) => `DROP DATABASE IF EXISTS ${name}`),
    ...remade("USER", "dongbo_target"),
    ...remade("USER", "app_reader"),
    "DROP ROLE IF EXISTS analysts",
    "SET GLOBAL log_bin_trust_function_creators = 0",
  );
});

function tableOf(target: TableName, columns: readonly string[] = ["id", "full_name"]) {
  const physical = { schema: `${target.schema}_copy`, name: target.name };
  return { ...tableMapping(catalogTable(columns.map((name) => column(name, "text"))), columns), target, physical };
}

const citizen = tableOf({ schema: "population", name: "citizen" });

function check(overrides: Partial<TargetCheck> = {}, tables = [citizen], on = server): Promise<Finding[]> {
  return preflightTarget({
    address: serverAddress(on.url("", "dongbo_target")),
    target: "hue",
    readers: ["app_reader"],
    subscriptions: [subscriptionOf(tables)],
    ...overrides,
  });
}

const brief = (findings: readonly Finding[]): string[] => findings.map(({ code, severity, subject }) => `${code} ${severity} ${subject}`);

/** Runs what the findings print, as an administrator would. */
const mend = (findings: readonly Finding[]): Promise<unknown> => server.query(...findings.flatMap(({ sql }) => sql), "SELECT 1");

async function prepare(): Promise<void> {
  const session = await connectMysql(serverAddress(server.url("", "dongbo_target")), { role: "apply" });
  try {
    await ensureTargetSchema(session);
    await session.execute("CREATE DATABASE IF NOT EXISTS population");
    await session.execute("CREATE DATABASE IF NOT EXISTS population_copy");
    await session.execute(
      "CREATE TABLE IF NOT EXISTS population_copy.citizen (id VARCHAR(50) PRIMARY KEY, full_name TEXT, dongbo_batch BIGINT)",
    );
    await session.execute("ALTER TABLE population_copy.citizen ADD COLUMN extra INT, ADD KEY (full_name(10))");
    await session.execute("ALTER TABLE population_copy.citizen DROP COLUMN extra");
    const view = { subscription: "population/hcm", view: citizen.target, physical: citizen.physical, columns: ["id", "full_name"] };
    const digest = await ensureReaderView(session, { ...view, digest: null });
    expect(await ensureReaderView(session, { ...view, digest })).toBe(digest);
    await ensureReaderView(session, { ...view, columns: ["id"], digest });
    await grantToReaders(session, ["app_reader"], [citizen.target]);
  } finally {
    await session.end();
  }
}

test("a bare user needs the printed statements and nothing else, and everything can then be prepared", async () => {
  const findings = await check();
  expect(findings.map(({ code }) => code)).toEqual(["DB-TGT-003", "DB-TGT-003", "DB-TGT-003", "DB-TGT-003"]);
  const printed = findings.flatMap(({ sql }) => sql);
  expect(printed).toContain(
    "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, CREATE TEMPORARY TABLES ON `population\\_copy`.* TO `dongbo_target`@`%`;",
  );
  expect(printed).toContain("GRANT SELECT, CREATE, DROP, CREATE VIEW ON `population`.* TO `dongbo_target`@`%` WITH GRANT OPTION;");
  expect(printed).toContain("SET GLOBAL log_bin_trust_function_creators = 1;");
  expect(printed.join()).not.toMatch(/SUPER|ON \*\.\*/);
  await expect(prepare()).rejects.toThrow("DB-MY-003");
  await mend(findings);
  expect(await check()).toEqual([]);
  await prepare();
  await prepare();
  // Trust was only needed for making the functions.
  await server.query("SET GLOBAL log_bin_trust_function_creators = 0");
  expect(await check()).toEqual([]);
  await prepare();
});

test("only what is missing is printed, and privileges held everywhere, by pattern or through a role count", async () => {
  await mend(await check());
  await server.query("REVOKE INSERT, ALTER ON `population\\_copy`.* FROM dongbo_target");
  const [finding] = await check();
  expect(finding?.cause).toBe("user dongbo_target@% lacks INSERT, ALTER on database population_copy");
  expect(finding?.sql).toEqual(["GRANT INSERT, ALTER ON `population\\_copy`.* TO `dongbo_target`@`%`;"]);
  await server.query("GRANT INSERT, ALTER ON `popul%`.* TO dongbo_target");
  expect(await check()).toEqual([]);
  await server.query(
    ...remade("USER", "dongbo_target"),
    "CREATE ROLE analysts",
    "GRANT ALL ON *.* TO analysts WITH GRANT OPTION",
    "GRANT analysts TO dongbo_target",
    defaultRole("analysts", "dongbo_target"),
  );
  expect(await check()).toEqual([]);
});

test("without the trust that its functions need dongbo says which statement gives it", async () => {
  await mend(await check());
  await server.query("SET GLOBAL log_bin_trust_function_creators = 0");
  await expect(prepare()).rejects.toMatchObject({ code: "DB-TGT-003", sql: ["SET GLOBAL log_bin_trust_function_creators = 1;"] });
});

test("nothing is changed by looking", async () => {
  await server.query("GRANT ALL ON *.* TO dongbo_target WITH GRANT OPTION");
  const state = (): Promise<unknown> =>
    server.query(
      "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES UNION ALL SELECT SCHEMA_NAME, '', '' FROM information_schema.SCHEMATA",
    );
  const before = await state();
  expect(await check()).toEqual([]);
  expect(await state()).toEqual(before);
});

describe("with all privileges", () => {
  beforeEach(() => server.query("GRANT ALL ON *.* TO dongbo_target WITH GRANT OPTION"));

  test("every table's obstacle is told, not the first alone; a view of dongbo's own is none", async () => {
    await prepare();
    await server.query(
      "CREATE TABLE population.taken (id INT)",
      "CREATE VIEW population.foreign_view AS SELECT 1 AS id",
      "CREATE DATABASE other_copy",
    );
    const names = ["citizen", "taken", "foreign_view", "x".repeat(65), "ngôi nhà 🏠"];
    const tables = [
      ...names.map((name) => tableOf({ schema: "population", name })),
      tableOf({ schema: "mysql", name: "t" }),
      tableOf({ schema: "population", name: "tỉnh" }, ["tỉnh", "TỈNH"]),
      tableOf({ schema: "population", name: "batch" }, ["DongBo_Batch"]),
      tableOf({ schema: "population", name: "xã" }, ["tỉnh", "tinh", "tên xã"]),
    ];
    expect(brief(await check({}, tables))).toEqual([
      "DB-TGT-005 error hue population.taken",
      "DB-TGT-005 error hue population.foreign_view",
      `DB-TGT-014 error hue population.${"x".repeat(65)}`,
      "DB-TGT-014 error hue population.ngôi nhà 🏠",
      "DB-TGT-014 error hue mysql.t",
      "DB-TGT-014 error hue population.tỉnh",
      "DB-TGT-014 error hue population.batch",
    ]);
    // The server agrees in what it takes for one column.
    await expect(server.query("CREATE TABLE other_copy.a (`tỉnh` INT, `TỈNH` INT)")).rejects.toThrow("Duplicate column name");
    await server.query("CREATE TABLE other_copy.b (`tỉnh` INT, tinh INT, `tên xã` INT)");
  });

  test("a database dongbo that is not ours, or of a newer version, is found", async () => {
    await server.query("CREATE DATABASE dongbo", "CREATE TABLE dongbo.mine (id INT)");
    expect(brief(await check())).toEqual(["DB-TGT-001 error hue dongbo"]);
    await expect(prepare()).rejects.toThrow("DB-TGT-001");
    await server.query("DROP DATABASE dongbo");
    await prepare();
    await server.query("UPDATE dongbo.schema_version SET version = 99");
    expect(brief(await check())).toEqual(["DB-TGT-002 error hue dongbo"]);
  });

  test("readers that do not exist are found, each with a statement that makes one; those whom no view can refuse are warned of", async () => {
    await server.query(
      ...remade("USER", "everything"),
      "GRANT SELECT ON *.* TO everything",
      ...remade("USER", "pattern"),
      "GRANT SELECT ON `popul%`.* TO pattern",
      ...remade("USER", "files@localhost"),
      "GRANT FILE ON *.* TO files@localhost",
      "CREATE ROLE analysts",
      "GRANT SELECT ON dongbo.* TO analysts",
    );
    const readers = [
      "app_reader",
      "nobody",
      "nobody@10.0.0.1",
      "everything",
      "pattern",
      "files@localhost",
      "analysts",
      "app_reader@localhost",
    ];
    const findings = await check({ readers });
    expect(brief(findings)).toEqual([
      "DB-TGT-011 error hue nobody",
      "DB-TGT-011 error hue nobody@10.0.0.1",
      "DB-TGT-011 error hue app_reader@localhost",
      "DB-TGT-030 warning hue everything",
      "DB-TGT-030 warning hue pattern",
      "DB-TGT-030 warning hue files@localhost",
      "DB-TGT-030 warning hue analysts",
    ]);
    await mend(findings);
    expect((await check({ readers })).map(({ code }) => code)).toEqual(Array.from({ length: 4 }, () => "DB-TGT-030"));
    await server.query("DROP ROLE nobody", "DROP USER everything, pattern, files@localhost, nobody@`10.0.0.1`, app_reader@localhost");
  });

  test("a server whose binary log could not take what is written is found", async () => {
    const logging = await startMariaDb({ ...roomy, log_bin: "log", binlog_format: "STATEMENT", log_bin_trust_function_creators: 1 });
    try {
      await logging.query("CREATE USER dongbo_target", "CREATE USER app_reader", "GRANT ALL ON *.* TO dongbo_target WITH GRANT OPTION");
      expect(brief(await check({}, [citizen], logging))).toEqual(["DB-MY-064 error hue"]);
    } finally {
      await logging.destroy();
    }
  });

  test("a server that only accepts reads is found", async () => {
    await server.query("SET GLOBAL read_only = 1");
    expect(brief(await check())).toEqual(["DB-MY-008 error hue"]);
    await server.query("SET GLOBAL read_only = 0");
  });

  test("a user with too few sessions and a small packet are found", async () => {
    await server.query("ALTER USER dongbo_target WITH MAX_USER_CONNECTIONS 2", "SET GLOBAL max_allowed_packet = 1048576");
    const findings = await check();
    expect(brief(findings)).toEqual(["DB-MY-061 warning hue", "DB-MY-006 error hue"]);
    await mend(findings);
    expect(await check()).toEqual([]);
  });
});

test.runIf(testedFlavour === "mariadb")(
  "a server on which any session can set the clock is found, and nothing is prepared there",
  async () => {
    const settable = await startMysqlServer({ ...roomy, sysdate_is_now: 1 });
    try {
      await settable.query("CREATE USER dongbo_target", "CREATE USER app_reader", "GRANT ALL ON *.* TO dongbo_target WITH GRANT OPTION");
      expect(brief(await check({}, [citizen], settable))).toEqual(["DB-MY-060 error hue"]);
      const session = await connectMysql(serverAddress(settable.url("", "dongbo_target")), { role: "apply" });
      await expect(ensureTargetSchema(session)).rejects.toThrow("DB-MY-060");
      await session.end();
    } finally {
      await settable.destroy();
    }
  },
);

test.runIf(testedFlavour === "mariadb")("a server that overlooks capitals in names, where two tables are one", async () => {
  const folding = await startMysqlServer({ ...roomy, lower_case_table_names: 1 });
  try {
    await folding.query("CREATE USER dongbo_target", "CREATE USER app_reader", "GRANT ALL ON *.* TO dongbo_target WITH GRANT OPTION");
    const tables = [citizen, tableOf({ schema: "population", name: "Citizen" }), tableOf({ schema: "population", name: "Household" })];
    expect(brief(await check({}, tables, folding))).toEqual(["DB-TGT-014 error hue population.Citizen"]);
  } finally {
    await folding.destroy();
  }
});

test("a server that cannot be reached, and a password that is wrong, are findings", async () => {
  const [unreachable] = await check({ address: { ...serverAddress(server.url("", "dongbo_target")), port: 1 } });
  expect(unreachable).toMatchObject({ code: "DB-MY-001", severity: "error" });
  const [refused] = await check({ address: serverAddress(server.url("", "nobody")) });
  expect(refused).toMatchObject({ code: "DB-MY-002", severity: "error" });
});
