// What the catalogue of a MariaDB server says of tables: types as the log will call them, keys, and what is no table.
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectMysql, type Flavour, type MysqlSession } from "../../connectors/mysql/mysql-client.ts";
import { describeTables } from "../../connectors/mysql/mysql-schema.ts";
import type { CatalogTable } from "../../engine/model/table.ts";
import type { MysqlTestServer } from "../support/given-mysql.ts";
import { bytewiseCollation, numbersTo, startMysqlServer, testedFlavour } from "../support/mysql-server.ts";
import { serverAddress } from "../support/server-address.ts";

let server: MysqlTestServer;
let session: MysqlSession;

beforeAll(async () => {
  server = await startMysqlServer();
  await server.query(
    "CREATE DATABASE catalogue CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
    "CREATE USER reader",
    "GRANT SELECT, CREATE TEMPORARY TABLES ON catalogue.* TO reader",
  );
  // What dongbo's own user sees counts, and it may do no more than read.
  session = await connectMysql(serverAddress(server.url("", "reader")), { role: "test" });
});

afterAll(async () => {
  await session?.end();
  await server?.destroy();
});

/** Runs the statements in the database, then describes the table `name`. */
async function described(name: string, ...statements: readonly string[]): Promise<CatalogTable> {
  await server.query("USE catalogue", ...statements);
  const [table] = await describeTables(session, [{ schema: "catalogue", name }]);
  if (table === undefined) throw new Error(`there is no table ${name}`);
  return table;
}

const utf8 = "CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci";

/** Declared as, identity, category, declaration as it is read back, and bare name where it is not the declared word. */
type Declared = readonly [string, string, string, string, string?];

const own: Readonly<Record<Flavour, readonly Declared[]>> = {
  mariadb: [
    ["varchar(100) COMPRESSED", "varchar(400) utf8mb4", "text", `varchar(100) ${utf8}`],
    ["json", "text(4) utf8mb4", "other", "longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "json"],
    ["uuid", "uuid", "uuid", "uuid"],
    ["inet4", "inet4", "other", "inet4"],
    ["inet6", "inet6", "other", "inet6"],
  ],
  mysql: [
    ["json", "json", "other", "json"],
    ["point srid 4326", "geometry", "other", "point"],
    ["vector(3)", "blob(4)", "bytes", "vector(3)"],
  ],
};

const types: readonly Declared[] = [
  ...own[testedFlavour],
  ["tinyint(1)", "integer(1)", "integer", "tinyint(1)"],
  ["boolean", "integer(1)", "integer", "tinyint(1)", "tinyint"],
  ["tinyint unsigned", "integer(1) unsigned", "integer", "tinyint(3) unsigned"],
  ["smallint", "integer(2)", "integer", "smallint(6)"],
  ["mediumint", "integer(3)", "integer", "mediumint(9)"],
  ["int zerofill", "integer(4) unsigned", "integer", "int(10) unsigned zerofill"],
  ["bigint unsigned", "integer(8) unsigned", "integer", "bigint(20) unsigned"],
  ["decimal(65,30)", "decimal(65,30)", "decimal", "decimal(65,30)"],
  ["numeric(5) unsigned", "decimal(5,0) unsigned", "decimal", "decimal(5,0) unsigned", "decimal"],
  ["float", "float", "float", "float"],
  ["float(7,3) unsigned", "float unsigned", "float", "float(7,3) unsigned"],
  ["double precision", "double", "float", "double"],
  ["bit(10)", "bit(10)", "other", "bit(10)"],
  ["bit", "bit(1)", "other", "bit(1)"],
  ["year", "year", "integer", "year(4)"],
  ["date", "date", "date", "date"],
  ["datetime", "datetime(0)", "timestamp", "datetime"],
  ["datetime(6)", "datetime(6)", "timestamp", "datetime(6)"],
  ["timestamp(3)", "timestamp(3)", "instant", "timestamp(3)"],
  ["time(2)", "time(2)", "other", "time(2)"],
  ["char(5)", "char(20) utf8mb4", "text", `char(5) ${utf8}`],
  ["char(5) CHARACTER SET latin1", "char(5) latin1", "text", "char(5) CHARACTER SET latin1 COLLATE latin1_swedish_ci"],
  ["varchar(20) COLLATE utf8mb4_bin", "varchar(80) utf8mb4", "text", "varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"],
  ["nvarchar(20)", "varchar(60) utf8mb3", "text", "varchar(20) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci", "varchar"],
  ["tinytext CHARACTER SET utf16", "text(1) utf16", "text", "tinytext CHARACTER SET utf16 COLLATE utf16_general_ci"],
  ["text", "text(2) utf8mb4", "text", `text ${utf8}`],
  ["mediumtext", "text(3) utf8mb4", "text", `mediumtext ${utf8}`],
  ["longtext", "text(4) utf8mb4", "text", `longtext ${utf8}`],
  ["binary(16)", "binary(16)", "bytes", "binary(16)"],
  ["char(3) CHARACTER SET binary", "binary(3)", "bytes", "binary(3)", "binary"],
  ["varbinary(10)", "varbinary(10)", "bytes", "varbinary(10)"],
  ["tinyblob", "blob(1)", "bytes", "tinyblob"],
  ["blob", "blob(2)", "bytes", "blob"],
  ["longblob", "blob(4)", "bytes", "longblob"],
  [
    String.raw`enum('a,b','it''s','đỏ','x\\y','(1)','line\nend')`,
    String.raw`enum["a,b","it's","đỏ","x\\y","(1)","line\nend"] utf8mb4`,
    "enum",
    String.raw`enum('a,b','it''s','đỏ','x\\y','(1)','line\nend') ${utf8}`,
  ],
  ["set('a','unsigned')", 'set["a","unsigned"] utf8mb4', "other", `set('a','unsigned') ${utf8}`],
  ["geometry", "geometry", "other", "geometry"],
  ["multipolygon", "geometry", "other", "multipolygon"],
];

/** MySQL tells no width of integers, apart from those that mean something. */
function shown(declaration: string): string {
  if (testedFlavour === "mariadb" || declaration === "tinyint(1)" || declaration.includes("zerofill")) return declaration;
  return declaration.replace(/^((?:tiny|small|medium|big)?int|year)\(\d+\)/, "$1");
}

test("types are called what the log calls them, and declared as they were", async () => {
  const columns = types.map(([declaration], index) => `c${index} ${declaration}${declaration.startsWith("timestamp") ? " NULL" : ""}`);
  const table = await described("types", `CREATE TABLE types (${columns.join(", ")})`);
  const found = table.columns.map(({ type }) => [type.identity, type.category, type.declaration, type.bare, type.family, type.kind]);
  const expected = types.map(([declared, identity, category, declaration, bare]) => [
    identity,
    category,
    shown(declaration),
    bare ?? /^\w+/.exec(declared)?.[0] ?? "",
    "mysql",
    category === "enum" ? "enum" : "base",
  ]);
  expect(found).toEqual(expected);
  // What was read declares the same columns again.
  const again = table.columns.map(({ type }, index) => `c${index} ${type.declaration} NULL`);
  const copy = await described("types_again", `CREATE TABLE types_again (${again.join(", ")})`);
  expect(copy.columns.map(({ type }) => type.identity)).toEqual(table.columns.map(({ type }) => type.identity));
});

test.runIf(testedFlavour === "mariadb")("a JSON column is told from plain text by the check that only it has", async () => {
  const table = await described(
    "documents",
    "CREATE TABLE documents (id int PRIMARY KEY, `a``b` json NULL, plain longtext COLLATE utf8mb4_bin COMMENT 'CHECK (json_valid(`plain`))', other longtext CHECK (char_length(other) > 1))",
  );
  expect(table.columns.map(({ type }) => type.bare)).toEqual(["int", "json", "longtext", "longtext"]);
});

test("columns say whether they may be NULL, are computed, and how they order", async () => {
  const table = await described(
    "columns",
    `CREATE TABLE columns (id int PRIMARY KEY, n int NULL, hidden int INVISIBLE DEFAULT 1, v int AS (id + 1) VIRTUAL, s int AS (id + 1) STORED,
      coarse varchar(5), exact varchar(5) COLLATE ${bytewiseCollation})`,
  );
  const facts = table.columns.map((column) => [
    column.name,
    column.nullable,
    column.generated,
    column.publishable ?? false,
    column.bytewiseCollation,
    column.deterministic,
  ]);
  expect(facts).toEqual([
    ["id", false, false, false, true, true],
    ["n", true, false, false, true, true],
    ["hidden", true, false, false, true, true],
    ["v", true, true, true, true, true],
    ["s", true, true, true, true, true],
    ["coarse", true, false, false, false, true],
    ["exact", true, false, false, true, true],
  ]);
  expect(table.identity).toEqual({ kind: "full", columns: table.columns.map(({ name }) => name) });
});

test("keys are the unique indexes over whole columns that are never NULL and whose order can be asked for", async () => {
  const table = await described(
    "keys",
    `CREATE TABLE \`keys\` (a int NOT NULL, b varchar(9) NOT NULL, c int NULL, d float NOT NULL, e enum('x','') NOT NULL, f enum('x','y') NOT NULL,
      g bit(4) NOT NULL, h text NOT NULL, s set('x') NOT NULL, PRIMARY KEY (b, a), UNIQUE one (a), UNIQUE may_be_null (c), UNIQUE prefix (b(3)),
      UNIQUE inexact (d), UNIQUE error_value (e), UNIQUE label (f, a), UNIQUE bits (g), ${testedFlavour === "mariadb" ? "UNIQUE hashed (h)" : "UNIQUE computed ((a + 1))"}, UNIQUE tags (s), KEY plain (a, b))`,
  );
  expect(table.primaryKey).toEqual(["b", "a"]);
  expect(table.uniqueKeys).toEqual([["f", "a"], ["a"]]);
});

test("a table that no snapshot shows whole offers no key", async () => {
  const inMyisam = await described("in_myisam", "CREATE TABLE in_myisam (id int PRIMARY KEY) ENGINE=MyISAM");
  if (testedFlavour === "mysql") return expect(inMyisam.primaryKey).toEqual([]);
  const versioned = await described("versioned", "CREATE TABLE versioned (id int PRIMARY KEY) WITH SYSTEM VERSIONING");
  expect([inMyisam.primaryKey, versioned.primaryKey]).toEqual([[], []]);
});

test("a table that a foreign key changes behind the log's back offers no key", async () => {
  const keyed = async (name: string, action: string): Promise<readonly string[]> => {
    const definition = `(id int PRIMARY KEY, other int, CONSTRAINT \`k\`\`${name}\` FOREIGN KEY (other) REFERENCES referred (id) ${action})`;
    return (await described(name, "CREATE TABLE IF NOT EXISTS referred (id int PRIMARY KEY)", `CREATE TABLE ${name} ${definition}`))
      .primaryKey;
  };
  expect(await keyed("passive", "")).toEqual(["id"]);
  expect(await keyed("restricting", "ON DELETE RESTRICT ON UPDATE NO ACTION")).toEqual(["id"]);
  expect(await keyed("deleting", "ON DELETE CASCADE")).toEqual([]);
  expect(await keyed("forgetting", "ON DELETE SET NULL ON UPDATE RESTRICT")).toEqual([]);
  expect(await keyed("renaming", "ON DELETE RESTRICT ON UPDATE CASCADE")).toEqual([]);
});

test("views, sequences, temporary tables and other spellings of a name are no tables", async () => {
  await server.query(
    "USE catalogue",
    "CREATE VIEW a_view AS SELECT 1 AS id",
    ...(testedFlavour === "mariadb" ? ["CREATE SEQUENCE a_sequence"] : []),
    "CREATE TABLE Named (id int PRIMARY KEY)",
  );
  await session.query("CREATE TEMPORARY TABLE catalogue.passing (id int PRIMARY KEY)");
  const names = ["a_view", "a_sequence", "passing", "named", "Named", "no such"].map((name) => ({ schema: "catalogue", name }));
  expect((await describeTables(session, names)).map(({ table }) => table.name)).toEqual(["Named"]);
});

test("sizes are estimates, and partitions are one table", async () => {
  const table = await described(
    "parts",
    "CREATE TABLE parts (id int PRIMARY KEY, v varchar(200)) PARTITION BY HASH (id) PARTITIONS 3",
    `INSERT INTO parts SELECT seq, REPEAT('x', 100) FROM ${numbersTo(3_000)}`,
    "ANALYZE TABLE parts",
  );
  expect(table.partitioned).toBe(true);
  expect(table.estimatedRows).toBeGreaterThan(1500);
  expect(table.estimatedRows).toBeLessThan(6000);
  expect(table.estimatedBytes).toBeGreaterThan(200_000);
});
