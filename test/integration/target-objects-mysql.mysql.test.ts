// What dongbo makes in a MariaDB target beside the rows: database dongbo, gate, views and grants, and how they hold up.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { accountSql, grantToReaders } from "../../connectors/mysql/apply/grants.ts";
import { ensureReaderView } from "../../connectors/mysql/apply/reader-view.ts";
import { ensureTargetSchema } from "../../connectors/mysql/apply/target-schema.ts";
import { changingObjects } from "../../connectors/mysql/apply/target-session.ts";
import { connectMysql } from "../../connectors/mysql/mysql-client.ts";
import { copyUsers, MysqlCopies, namesOf, refusalOf } from "../support/mysql-copies.ts";
import { serverAddress } from "../support/server-address.ts";
import { remade, showLogEnd, testedFlavour } from "../support/mysql-server.ts";

let copies: MysqlCopies;

beforeAll(async () => {
  copies = await MysqlCopies.open({ citizen: "full_name TEXT, province INT" });
  await copies.engine.execute("INSERT INTO population_copy.citizen VALUES ('1', 'Nguyễn Văn An', 79, 1)");
});

afterAll(() => copies?.[Symbol.asyncDispose]());

beforeEach(() => copies.openGate());

/** Where the server's log ends: it grows with everything that is changed. */
const logEnd = async (): Promise<unknown> => copies.server.query(showLogEnd);
const asReader = async (sql: string, user: string = copyUsers.reader): Promise<unknown> => {
  const session = await copies.session(user);
  try {
    return (await session.query(sql))[0];
  } finally {
    await session.end();
  }
};
const { target, physical } = namesOf("citizen");
const wanted = { subscription: "population/hue", view: target, physical, columns: ["id", "full_name", "province"], digest: null };

test("nothing is touched that is as it should be", async () => {
  const digest = await ensureReaderView(copies.engine, wanted);
  const before = await logEnd();
  await ensureTargetSchema(copies.engine);
  expect(await ensureReaderView(copies.engine, { ...wanted, digest })).toBe(digest);
  expect(await logEnd()).toEqual(before);
});

test("tables of database dongbo are InnoDB with bytewise keys, and states that do not exist are refused", async () => {
  const tables = await copies.server.query(
    "SELECT DISTINCT ENGINE AS engine, TABLE_COLLATION AS collation FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'dongbo' AND TABLE_TYPE = 'BASE TABLE'",
  );
  expect(tables).toEqual([{ engine: "InnoDB", collation: "utf8mb4_bin" }]);
  for (const sql of [
    "UPDATE dongbo.subscription SET share_state = 'active'",
    "UPDATE dongbo.subscription SET suspended_reason = 'holiday'",
    "UPDATE dongbo.subscription SET validity_period = 0",
    "UPDATE dongbo.subscription SET on_expiry = 'open'",
    "UPDATE dongbo.copy SET copy_state = 'FINE'",
    "UPDATE dongbo.copy SET subscription = 'nobody'",
    "INSERT INTO dongbo.schema_version (version, seal, single) VALUES (1, '', 2)",
  ])
    await expect(copies.engine.execute(sql), sql).rejects.toThrow("DB-MY-019");
});

test("an installation that was cut short goes on where it stopped, and a second process may install at the same time", async () => {
  const [seal] = await copies.server.query("SELECT seal FROM dongbo.schema_version");
  await copies.engine.execute("UPDATE dongbo.schema_version SET version = 0, code_digest = NULL");
  await copies.engine.execute("DROP TABLE dongbo.quarantine");
  const other = await connectMysql(serverAddress(copies.server.url("", copyUsers.engine)), { role: "apply" });
  await Promise.all([copies.engine, other].map((session) => changingObjects(session, "hue", () => ensureTargetSchema(session))));
  await other.end();
  expect(await copies.server.query("SELECT version, seal FROM dongbo.schema_version")).toEqual([{ version: "2", ...seal }]);
  expect(await asReader("SELECT full_name FROM population.citizen")).toEqual([{ full_name: "Nguyễn Văn An" }]);
});

describe("what somebody's hand did", () => {
  test.each([
    "DROP FUNCTION dongbo.gate; CREATE DEFINER = dongbo_target FUNCTION dongbo.gate(a TEXT, b TEXT, c TEXT) RETURNS BOOLEAN DETERMINISTIC RETURN TRUE",
    "DROP FUNCTION dongbo.clock; CREATE DEFINER = dongbo_target FUNCTION dongbo.clock() RETURNS BIGINT DETERMINISTIC RETURN 0",
    "DROP PROCEDURE dongbo.refuse",
    "ALTER FUNCTION dongbo.gate SQL SECURITY INVOKER",
    "CREATE OR REPLACE DEFINER = dongbo_target VIEW dongbo.verdict AS SELECT 1 AS id",
    "DROP VIEW dongbo.status",
  ])("to the gate is put right: %s", async (sql) => {
    await copies.server.query(...sql.split("; "));
    await ensureTargetSchema(copies.engine);
    expect(await asReader("SELECT usable FROM dongbo.status")).toEqual([{ usable: "1" }]);
    await asReader("SELECT * FROM population.citizen");
    await copies.engine.execute("UPDATE dongbo.copy SET valid_until = 1, last_sync_at = 1");
    expect((await refusalOf(asReader("SELECT * FROM population.citizen"))).sqlState).toBe("DB001");
  });

  test.runIf(testedFlavour === "mysql")("to the gate, by an administrator, is told with the statement that makes room for it", async () => {
    await copies.server.query("DROP FUNCTION dongbo.clock", "CREATE FUNCTION dongbo.clock() RETURNS BIGINT DETERMINISTIC RETURN 0");
    const putRight = ensureTargetSchema(copies.engine);
    await expect(putRight).rejects.toMatchObject({ code: "DB-TGT-003", sql: ["DROP FUNCTION dongbo.clock;"] });
    await copies.server.query("DROP FUNCTION dongbo.clock;");
    await ensureTargetSchema(copies.engine);
    await asReader("SELECT * FROM population.citizen");
  });

  test.each([
    "CREATE OR REPLACE VIEW population.citizen AS SELECT id, full_name, province FROM population_copy.citizen",
    "ALTER SQL SECURITY INVOKER VIEW population.citizen AS SELECT id, full_name, province FROM population_copy.citizen",
    "DROP VIEW population.citizen",
  ])("to a view is put right, and the reader's grant is still there: %s", async (sql) => {
    const digest = await ensureReaderView(copies.engine, wanted);
    await copies.server.query(sql);
    expect(await ensureReaderView(copies.engine, { ...wanted, digest })).toBe(digest);
    expect(await asReader("SELECT full_name FROM population.citizen")).toEqual([{ full_name: "Nguyễn Văn An" }]);
    await copies.engine.execute("UPDATE dongbo.copy SET valid_until = 1, last_sync_at = 1");
    expect((await refusalOf(asReader("SELECT * FROM population.citizen"))).sqlState).toBe("DB001");
  });

  test("in granting stays: column grants, grant options, other accounts, also when a column is withdrawn and comes back", async () => {
    await copies.server.query(
      ...remade("USER", "clerk"),
      "GRANT SELECT (id, province) ON population.citizen TO clerk",
      `GRANT SELECT ON population.citizen TO ${copyUsers.stranger} WITH GRANT OPTION`,
    );
    const narrow = await ensureReaderView(copies.engine, { ...wanted, columns: ["id", "province"] });
    expect(await asReader("SELECT * FROM population.citizen")).toEqual([{ id: "1", province: "79" }]);
    expect(await asReader("SELECT id FROM population.citizen", "clerk")).toEqual([{ id: "1" }]);
    expect(await asReader("SELECT * FROM population.citizen", copyUsers.stranger)).toEqual([{ id: "1", province: "79" }]);
    await ensureReaderView(copies.engine, { ...wanted, digest: narrow });
    await expect(asReader("SELECT full_name FROM population.citizen", "clerk")).rejects.toThrow(/denied/);
    await asReader(`GRANT SELECT ON population.citizen TO clerk`, copyUsers.stranger);
    expect(await asReader("SELECT full_name FROM population.citizen", "clerk")).toEqual([{ full_name: "Nguyễn Văn An" }]);
  });
});

test("a reader's own view goes on working, and is closed with the view that it is built on", async () => {
  await copies.server.query("CREATE DATABASE mine", `GRANT ALL ON mine.* TO ${copyUsers.reader}`);
  // MySQL forgets what was granted on a function when it is made again.
  await grantToReaders(copies.engine, [copyUsers.reader], [target]);
  await asReader("CREATE VIEW mine.names AS SELECT full_name FROM population.citizen");
  await ensureReaderView(copies.engine, { ...wanted, columns: ["full_name", "id"] });
  expect(await asReader("SELECT * FROM mine.names")).toEqual([{ full_name: "Nguyễn Văn An" }]);
  await copies.engine.execute("UPDATE dongbo.copy SET copy_state = 'RESYNCING'");
  expect((await refusalOf(asReader("SELECT * FROM mine.names"))).sqlState).toBe("DB001");
  await copies.server.query("DROP DATABASE mine");
  await ensureReaderView(copies.engine, wanted);
});

test("names are taken literally: capitals, spaces, quotes, dots, reserved words, 64 characters of Vietnamese", async () => {
  const { engine } = copies;
  const odd = ["SELECT", "Họ `tên`", "a.b", "q\"uo'te", "ng".repeat(31) + "ươ", "open", "gate", "copy"];
  const names = { schema: "Dân cư `x`", name: "công dân; DROP" };
  const where = { schema: "Dân cư_copy", name: "Bảng 'x'" };
  await copies.server.query(
    ...["Dân cư ``x``", "Dân cư_copy"].flatMap((name) => [
      `CREATE DATABASE \`${name}\``,
      `GRANT ALL ON \`${name.replace("_", "\\_")}\`.* TO ${copyUsers.engine} WITH GRANT OPTION`,
    ]),
  );
  const quoted = (name: string): string => `\`${name.replaceAll("`", "``")}\``;
  await engine.execute(
    `CREATE TABLE ${quoted(where.schema)}.${quoted(where.name)} (${odd.map((name) => `${quoted(name)} INT`).join(", ")})`,
  );
  await engine.execute(`INSERT INTO ${quoted(where.schema)}.${quoted(where.name)} VALUES (1, 2, 3, 4, 5, 6, 7, 8)`);
  await engine.execute(
    `INSERT INTO dongbo.copy (subscription, target_table, target_schema, target_name, physical_schema, physical_name, source_table, \`columns\`)
     VALUES ('population/hue', ?, ?, ?, ?, ?, 'x.y', '[]')`,
    [`${names.schema}.${names.name}`, names.schema, names.name, where.schema, where.name],
  );
  await copies.openGate();
  await ensureReaderView(engine, { subscription: "population/hue", view: names, physical: where, columns: odd, digest: null });
  await grantToReaders(engine, [copyUsers.reader], [names]);
  const [row] = (await asReader(`SELECT * FROM ${quoted(names.schema)}.${quoted(names.name)}`)) as Record<string, string>[];
  expect(row).toEqual(Object.fromEntries(odd.map((name, index) => [name, String(index + 1)])));
  await engine.execute("DELETE FROM dongbo.copy WHERE source_table = 'x.y'");
});

describe("readers", () => {
  test("may be a user from any host, a user of one host, or a role; they get views and status and nothing else", async () => {
    await copies.server.query(
      ...remade("USER", "local@`127.0.0.1`"),
      "CREATE ROLE analysts",
      ...remade("USER", "member"),
      "GRANT analysts TO member",
    );
    await grantToReaders(copies.engine, ["local@127.0.0.1", "analysts"], [target]);
    expect(await asReader("SELECT id FROM population.citizen", "local")).toEqual([{ id: "1" }]);
    const member = await copies.session("member");
    await expect(member.query("SELECT id FROM population.citizen")).rejects.toThrow(/denied/);
    await member.query("SET ROLE analysts");
    expect((await member.query("SELECT id FROM population.citizen"))[0]).toEqual([{ id: "1" }]);
    expect((await member.query("SELECT usable FROM dongbo.status"))[0]).toEqual([{ usable: "1" }]);
    await expect(member.query("SELECT 1 FROM population_copy.citizen")).rejects.toThrow(/denied/);
    await member.end();
  });

  test("that do not exist are named and never made, with the statement that would make them", async () => {
    for (const [reader, sql] of [
      ["nobody", "CREATE ROLE `nobody`;"],
      ["nobody@10.%", "CREATE USER `nobody`@`10.%` ACCOUNT LOCK;"],
    ] as const)
      await expect(grantToReaders(copies.engine, [reader], [target]), reader).rejects.toMatchObject({
        code: "DB-TGT-011",
        subject: reader,
        sql: [sql],
      });
    expect(await copies.server.query("SELECT User FROM mysql.user WHERE User LIKE 'nobody%'")).toEqual([]);
  });

  test("whom dongbo may not grant anything: the statements for an administrator", async () => {
    const failure = grantToReaders(copies.engine, [copyUsers.reader], [{ schema: "mysql", name: "user" }]);
    await expect(failure).rejects.toMatchObject({
      code: "DB-TGT-003",
      sql: expect.arrayContaining(["GRANT SELECT ON `mysql`.`user` TO `app_reader`;", "GRANT SELECT ON dongbo.status TO `app_reader`;"]),
    });
  });

  test("are quoted", () => {
    expect(["a`b", "a@b", "a@b@10.%", "@x"].map(accountSql)).toEqual(["`a``b`", "`a`@`b`", "`a@b`@`10.%`", "`@x`"]);
  });
});

test("a name that is taken by somebody else's table or view", async () => {
  await copies.server.query("CREATE TABLE population.taken (id INT)", "CREATE VIEW population.foreign_view AS SELECT 1 AS id");
  for (const name of ["taken", "foreign_view"])
    await expect(ensureReaderView(copies.engine, { ...wanted, view: { schema: "population", name } })).rejects.toThrow("DB-TGT-005");
});
