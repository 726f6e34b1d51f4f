// What prepareTarget makes in a target, and what it leaves alone, mends or refuses when it comes back.
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readersPastTheGate } from "../../connectors/postgres/apply/grants.ts";
import type { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import { canonicalContract } from "../../engine/config/contract-text.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import { runSql, startServer } from "../support/cluster.ts";
import { CopyDatabase, copyRoles, failureOf, makeCopyRoles, type MappingOverrides, subscriptionOf } from "../support/copy-database.ts";

let server: EmbeddedPostgres;
let databases = 0;

beforeAll(async () => {
  server = await startServer(18, { max_connections: 60 });
  await makeCopyRoles(server);
});

afterAll(async () => {
  await server.destroy();
});

const citizenTable =
  "CREATE TABLE master.citizen (personal_id text PRIMARY KEY, full_name text NOT NULL, birth_date date, province_code int)";

function newDatabase(...sql: readonly string[]): Promise<CopyDatabase> {
  return CopyDatabase.create(server, `objects_${++databases}`, ...sql);
}

async function errorOf(work: Promise<unknown>): Promise<ReplicationError> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error instanceof ReplicationError) return error;
  throw new Error("a ReplicationError was expected", { cause: error });
}

async function prepareCitizen(database: CopyDatabase, overrides: MappingOverrides = {}): Promise<void> {
  await database.prepare(subscriptionOf([await database.mapping("citizen", overrides)]));
}

/** Every object of ours with what would change if it were touched: identity, row versions of the catalogue, definitions. */
async function fingerprint(database: CopyDatabase): Promise<unknown> {
  return database.byHand(`
    SELECT c.oid, c.relname, c.xmin, c.relacl, pg_get_viewdef(CASE WHEN c.relkind = 'v' THEN c.oid END) FROM pg_class AS c
    WHERE c.relnamespace::regnamespace::text IN ('population', 'population_copy') ORDER BY 1`);
}

describe("the first time", () => {
  test("view, physical table and records are made; the key is the mapping's, other columns may be NULL, each row carries its batch", async () => {
    await using database = await newDatabase(citizenTable);
    const state = await database.prepare(subscriptionOf([await database.mapping("citizen", { rename: { full_name: "Họ và tên" } })]));
    expect(state.checkpoint).toEqual({ epoch: 0, position: null, sourceIdentity: null, nextBatch: 1 });
    expect(state.copies.map(({ load, stopped, contract }) => ({ load, stopped, contract }))).toEqual([
      { load: null, stopped: null, contract: null },
    ]);
    const columns = (relation: string) =>
      database.byHand(`SELECT attname || ' ' || format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END AS c
        FROM pg_attribute WHERE attrelid = '${relation}'::regclass AND attnum > 0 ORDER BY attnum`);
    expect((await columns("population_copy.citizen")).map((row) => row["c"])).toEqual([
      "personal_id text NOT NULL",
      "Họ và tên text",
      "birth_date date",
      "province_code integer",
      "dongbo_batch bigint NOT NULL",
    ]);
    expect((await columns("population.citizen")).map((row) => row["c"])).toEqual([
      "personal_id text",
      "Họ và tên text",
      "birth_date date",
      "province_code integer",
    ]);
    const owners = await database.byHand(
      `SELECT DISTINCT pg_get_userbyid(relowner) AS owner FROM pg_class WHERE relnamespace::regnamespace::text IN ('dongbo', 'population', 'population_copy')`,
    );
    expect(owners).toEqual([{ owner: copyRoles.engine }]);
    const reader = await database.session(copyRoles.reader);
    expect((await failureOf(reader.query("SELECT FROM population.citizen"))).message).toContain("is not usable: loading");
    await reader.end();
  });

  test("names are taken literally: capitals, spaces, quotes, dots, reserved words, 63 bytes of Vietnamese, 200 columns", async () => {
    const long = "Đ".repeat(31) + "x";
    const names = ["select", 'with "quotes"', "Họ và tên", "a.b", long, "copy", "reason"];
    const many = Array.from({ length: 193 }, (_, index) => `c${index} int`);
    await using database = await newDatabase(
      `CREATE TABLE master."Bảng. 1" ("Mã" int PRIMARY KEY, ${names.map((name) => `"${name.replaceAll('"', '""')}" text`).join(", ")}, ${many.join(", ")})`,
    );
    const mapping = await database.mapping("Bảng. 1", {
      target: { schema: 'Dân "cư"', name: long },
      physical: { schema: long, name: long },
    });
    await database.prepare(subscriptionOf([mapping], { id: "dân cư/hcm'" }));
    await database.prepare(subscriptionOf([mapping], { id: "dân cư/hcm'" }));
    const reader = await database.session(copyRoles.reader);
    const refusal = await failureOf(reader.query(`SELECT * FROM "Dân ""cư"""."${long}"`));
    expect(refusal.message).toContain("dân cư/hcm' is not usable");
    await database.open("dân cư/hcm'");
    const { fields } = await reader.query(`SELECT * FROM "Dân ""cư"""."${long}"`);
    expect(fields.map((field) => field.name)).toEqual(mapping.columns.map((column) => column.target));
    await reader.end();
  });

  test("a key of several columns keeps its order, and a column may be given another type", async () => {
    await using database = await newDatabase(
      "CREATE TABLE master.plot (sheet int, commune char(5), area numeric(12,3), note xml, PRIMARY KEY (commune, sheet))",
    );
    await database.prepare(subscriptionOf([await database.mapping("plot", { types: { note: "text", area: "numeric" } })]));
    const key = await database.byHand("SELECT pg_get_indexdef('population_copy.plot_pkey'::regclass) AS def");
    expect(key[0]?.["def"]).toContain("(commune, sheet)");
    const types = await database.byHand(
      `SELECT format_type(atttypid, atttypmod) AS t FROM pg_attribute WHERE attrelid = 'population.plot'::regclass AND attnum > 0 ORDER BY attnum`,
    );
    expect(types.map((row) => row["t"])).toEqual(["integer", "character(5)", "numeric", "text"]);
  });

  test("two processes may prepare at the same time, for one subscription and for several", async () => {
    await using database = await newDatabase(citizenTable, "CREATE TABLE master.household (id int PRIMARY KEY)");
    const citizen = subscriptionOf([await database.mapping("citizen")]);
    const household = subscriptionOf([await database.mapping("household")], { id: "household/hcm" });
    const { prepareTarget } = await import("../../connectors/postgres/apply/prepare-target.ts");
    const clients: pg.Client[] = [];
    for (let i = 0; i < 6; i++) clients.push(await database.session(copyRoles.engine));
    await Promise.all(clients.map((client, index) => prepareTarget(client, index % 2 === 0 ? citizen : household, [copyRoles.reader])));
    await Promise.all(clients.map((client) => client.end()));
    expect(await database.byHand("SELECT target_table FROM dongbo.status ORDER BY 1")).toEqual([
      { target_table: "population.citizen" },
      { target_table: "population.household" },
    ]);
  });
});

describe("when it comes back", () => {
  test("nothing is touched that is as it should be", async () => {
    await using database = await newDatabase(citizenTable);
    await prepareCitizen(database);
    const before = await fingerprint(database);
    await prepareCitizen(database);
    expect(await fingerprint(database)).toEqual(before);
  });

  test("indexes, constraints, grants and comments of the owners stay, and a reader's own views go on working", async () => {
    await using database = await newDatabase(citizenTable);
    await prepareCitizen(database);
    await database.byHand(
      "CREATE INDEX by_name ON population_copy.citizen (full_name)",
      "ALTER TABLE population_copy.citizen ADD CONSTRAINT grown_up CHECK (birth_date < '2026-01-01') NOT VALID",
      "ALTER TABLE population_copy.citizen ALTER COLUMN full_name SET NOT NULL",
      `GRANT SELECT (full_name) ON population.citizen TO ${copyRoles.stranger}`,
      `GRANT SELECT ON population.citizen TO ${copyRoles.dba} WITH GRANT OPTION`,
      "COMMENT ON VIEW population.citizen IS 'Bản sao dân cư'",
    );
    const before = await fingerprint(database);
    await prepareCitizen(database);
    expect(await fingerprint(database)).toEqual(before);
  });

  test("a column that was added is shown after those that were there, and refused until a load has filled it", async () => {
    await using database = await newDatabase(citizenTable);
    await prepareCitizen(database, { columns: ["personal_id", "full_name"] });
    await database.open("population/hcm");
    const viewBefore = await database.byHand("SELECT 'population.citizen'::regclass::oid");
    await prepareCitizen(database, { columns: ["personal_id", "birth_date", "full_name"] });
    expect((await failureOf(database.engine.query("SELECT FROM population.citizen"))).message).toContain("is not usable: resyncing");
    await prepareCitizen(database, { columns: ["personal_id", "birth_date", "full_name"] });
    await database.open("population/hcm");
    const { fields } = await database.engine.query("SELECT * FROM population.citizen");
    expect(fields.map((field) => field.name)).toEqual(["personal_id", "full_name", "birth_date"]);
    expect(await database.byHand("SELECT 'population.citizen'::regclass::oid")).toEqual(viewBefore);
  });

  test("a column that was withdrawn leaves view and table; grants, grant options, column grants and comments come through", async () => {
    await using database = await newDatabase(citizenTable);
    await prepareCitizen(database);
    await database.open("population/hcm");
    await database.engine.query("INSERT INTO population_copy.citizen VALUES ('1', 'Nguyễn', '2000-01-01', 79, 1)");
    await database.byHand(
      "CREATE INDEX by_birth ON population_copy.citizen (birth_date)",
      `GRANT SELECT (full_name, birth_date) ON population.citizen TO ${copyRoles.stranger}`,
      `GRANT SELECT ON population.citizen TO ${copyRoles.dba} WITH GRANT OPTION`,
      "GRANT SELECT ON population.citizen TO PUBLIC",
      "COMMENT ON VIEW population.citizen IS 'Bản sao ''dân cư'''",
      "COMMENT ON COLUMN population.citizen.full_name IS 'Họ \\ tên'",
      "COMMENT ON COLUMN population.citizen.birth_date IS 'gone'",
    );
    const dba = await database.session(copyRoles.dba);
    await dba.query("SELECT 1");
    await database.byHand(`GRANT USAGE ON SCHEMA population TO ${copyRoles.dba}`);
    await dba.query(`GRANT SELECT ON population.citizen TO ${copyRoles.stranger}`);
    await dba.end();
    await prepareCitizen(database, { columns: ["personal_id", "full_name", "province_code"] });
    expect(
      (
        await database.byHand(
          "SELECT attname FROM pg_attribute WHERE attrelid = 'population_copy.citizen'::regclass AND attnum > 0 AND NOT attisdropped",
        )
      ).map((row) => row["attname"]),
    ).toEqual(["personal_id", "full_name", "province_code", "dongbo_batch"]);
    const acl = await database.byHand(
      `SELECT coalesce(pg_get_userbyid(nullif(a.grantee, 0)), 'PUBLIC') || ' ' || privilege_type || CASE WHEN is_grantable THEN '*' ELSE '' END AS g
       FROM pg_class, aclexplode(relacl) AS a WHERE oid = 'population.citizen'::regclass AND grantee <> relowner ORDER BY 1`,
    );
    expect(acl.map((row) => row["g"])).toEqual(["PUBLIC SELECT", "app_reader SELECT", "dba SELECT*", "stranger SELECT"]);
    const columnAcl = await database.byHand(
      `SELECT attname || ' ' || pg_get_userbyid(a.grantee) AS g FROM pg_attribute, aclexplode(attacl) AS a WHERE attrelid = 'population.citizen'::regclass`,
    );
    expect(columnAcl.map((row) => row["g"])).toEqual(["full_name stranger"]);
    const comments = await database.byHand(
      "SELECT description AS d FROM pg_description WHERE objoid = 'population.citizen'::regclass ORDER BY objsubid",
    );
    expect(comments.map((row) => row["d"])).toEqual(["Bản sao 'dân cư'", "Họ \\ tên"]);
    const reader = await database.session(copyRoles.reader);
    expect((await reader.query("SELECT * FROM population.citizen")).rows).toEqual([
      { personal_id: "1", full_name: "Nguyễn", province_code: "79" },
    ]);
    await reader.end();
  });

  test("a view that others were built on is not torn down under them", async () => {
    await using database = await newDatabase(citizenTable);
    await prepareCitizen(database);
    await database.byHand("CREATE VIEW public.names AS SELECT full_name FROM population.citizen");
    const before = await fingerprint(database);
    const error = await errorOf(prepareCitizen(database, { columns: ["personal_id", "full_name"] }));
    expect(error.code).toBe("DB-TGT-010");
    expect(error.subject).toBe("population.citizen");
    expect(await fingerprint(database)).toEqual(before);
    // Appending does not disturb them.
    await prepareCitizen(database);
  });

  test("a view that somebody replaced by an open one is gated again", async () => {
    await using database = await newDatabase(citizenTable);
    await prepareCitizen(database);
    await database.byHand(
      "CREATE OR REPLACE VIEW population.citizen AS SELECT personal_id, full_name, birth_date, province_code FROM population_copy.citizen",
    );
    const reader = await database.session(copyRoles.reader);
    await reader.query("SELECT FROM population.citizen");
    await prepareCitizen(database);
    expect((await failureOf(reader.query("SELECT FROM population.citizen"))).code).toBe("DB001");
    await reader.end();
  });

  test("a gate that somebody replaced is put right", async () => {
    await using database = await newDatabase(citizenTable);
    await prepareCitizen(database);
    await database.byHand(
      "CREATE OR REPLACE FUNCTION dongbo.gate(of_subscription text, of_table text) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
      "CREATE OR REPLACE FUNCTION dongbo.gate_at_planning(of_subscription text, of_table text) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
    );
    const reader = await database.session(copyRoles.reader);
    await reader.query("SELECT FROM population.citizen");
    await prepareCitizen(database);
    expect((await failureOf(reader.query("SELECT FROM population.citizen"))).code).toBe("DB001");
    await reader.end();
  });

  test("a dropped view is made again; a dropped table too, and its copy is refused until it is loaded", async () => {
    await using database = await newDatabase(citizenTable);
    await prepareCitizen(database);
    await database.open("population/hcm");
    await database.byHand("DROP VIEW population.citizen");
    await prepareCitizen(database);
    await database.engine.query("SELECT FROM population.citizen");
    await database.byHand("DROP VIEW population.citizen; DROP TABLE population_copy.citizen");
    const state = await database.prepare(subscriptionOf([await database.mapping("citizen")]));
    expect(state.copies[0]?.contract).toBeNull();
    expect((await failureOf(database.engine.query("SELECT FROM population.citizen"))).message).toContain("never synced");
  });

  test("a reader's long query is not queued up behind for long: the change gives up and is tried again later", async () => {
    await using database = await newDatabase(citizenTable);
    await prepareCitizen(database);
    await database.open("population/hcm");
    const reader = await database.session(copyRoles.reader);
    await reader.query("BEGIN; SELECT * FROM population.citizen");
    // Nothing to change, nothing to wait for.
    await prepareCitizen(database);
    const error = await errorOf(prepareCitizen(database, { columns: ["personal_id", "full_name"] }));
    expect(error.code).toBe("DB-TGT-012");
    await reader.query("COMMIT");
    await prepareCitizen(database, { columns: ["personal_id", "full_name"] });
    await reader.end();
  });

  test("VL-09: a table that left the share is closed and no longer counts in the share's clock; coming back, it must be loaded anew", async () => {
    await using database = await newDatabase(citizenTable, "CREATE TABLE master.household (id int PRIMARY KEY)");
    const both = [await database.mapping("citizen"), await database.mapping("household")];
    await database.prepare(subscriptionOf(both));
    await database.open("population/hcm");
    await database.prepare(subscriptionOf(both.slice(0, 1)));
    await database.engine.query("UPDATE dongbo.copy SET valid_until = '2026-01-02Z' WHERE target_table = 'population.household'");
    const reader = await database.session(copyRoles.reader);
    expect((await failureOf(reader.query("SELECT FROM population.household"))).message).toContain("its table was withdrawn at");
    await reader.query("SELECT FROM population.citizen");
    const state = await database.prepare(subscriptionOf(both));
    expect(state.copies.map((copy) => copy.contract)).toEqual(["loaded", null]);
    expect((await failureOf(reader.query("SELECT FROM population.household"))).message).toContain("never synced");
    await reader.query("SELECT FROM population.citizen");
    await reader.end();
  });

  test("a subscription that was terminated and is wanted again starts anew; its tables may also go to another one", async () => {
    await using database = await newDatabase(citizenTable);
    const tables = [await database.mapping("citizen")];
    await database.prepare(subscriptionOf(tables));
    await database.open("population/hcm");
    await database.engine.query("UPDATE dongbo.subscription SET share_state = 'TERMINATED', epoch = 7");
    const state = await database.prepare(subscriptionOf(tables));
    expect(state).toMatchObject({ checkpoint: { epoch: 7, position: null }, copies: [{ contract: null }] });
    const reader = await database.session(copyRoles.reader);
    expect((await failureOf(reader.query("SELECT FROM population.citizen"))).message).toContain("loading");
    const other = subscriptionOf(tables, { id: "renamed/hcm" });
    expect((await errorOf(database.prepare(other))).code).toBe("DB-TGT-013");
    await database.engine.query("UPDATE dongbo.subscription SET share_state = 'TERMINATED'");
    await database.prepare(other);
    expect((await failureOf(reader.query("SELECT FROM population.citizen"))).message).toContain("renamed/hcm is not usable: loading");
    await reader.end();
  });

  test("a default of read-only transactions is overruled", async () => {
    await using database = await newDatabase(citizenTable);
    await database.byHand(`ALTER ROLE ${copyRoles.engine} IN DATABASE ${database.name} SET default_transaction_read_only = on`);
    const client = await database.session(copyRoles.engine);
    const { prepareTarget } = await import("../../connectors/postgres/apply/prepare-target.ts");
    await prepareTarget(client, subscriptionOf([await database.mapping("citizen")]), []);
    await client.end();
  });
});

describe("refused, with everything left as it was", () => {
  test("a schema dongbo, or a physical schema, that is not ours", async () => {
    await using database = await newDatabase(citizenTable);
    await database.byHand("CREATE SCHEMA dongbo");
    const foreign = await errorOf(prepareCitizen(database));
    expect(foreign.code).toBe("DB-TGT-001");
    expect(foreign.sql).toEqual([`ALTER SCHEMA "dongbo" OWNER TO "${copyRoles.engine}";`]);
    await database.byHand(`ALTER SCHEMA dongbo OWNER TO ${copyRoles.engine}`, "CREATE TABLE dongbo.something (id int)");
    expect((await errorOf(prepareCitizen(database))).explanation).toContain("dongbo did not make");
    await database.byHand("DROP TABLE dongbo.something", "CREATE SCHEMA population_copy");
    expect(await errorOf(prepareCitizen(database))).toMatchObject({ code: "DB-TGT-001", subject: "population_copy" });
    await database.byHand("DROP SCHEMA population_copy");
    await prepareCitizen(database);
  });

  test("a schema dongbo of a newer version", async () => {
    await using database = await newDatabase(citizenTable);
    await prepareCitizen(database);
    await database.byHand("UPDATE dongbo.schema_version SET version = 99");
    expect((await errorOf(prepareCitizen(database))).code).toBe("DB-TGT-002");
  });

  test("a role that may not create schemas, or not in the reader's schema, with the statement that would allow it", async () => {
    await using database = await newDatabase(citizenTable);
    await database.byHand(
      "CREATE SCHEMA population",
      `ALTER DATABASE ${database.name} OWNER TO postgres`,
      `REVOKE CREATE ON DATABASE ${database.name} FROM PUBLIC`,
    );
    const schema = await errorOf(prepareCitizen(database));
    expect(schema).toMatchObject({
      code: "DB-TGT-003",
      subject: "dongbo",
      sql: [`CREATE SCHEMA "dongbo" AUTHORIZATION "${copyRoles.engine}";`],
    });
    await database.byHand(...schema.sql, `CREATE SCHEMA population_copy AUTHORIZATION ${copyRoles.engine}`);
    const create = await errorOf(prepareCitizen(database));
    expect(create).toMatchObject({ code: "DB-TGT-003", sql: [`GRANT CREATE, USAGE ON SCHEMA "population" TO "${copyRoles.engine}";`] });
    await database.byHand(...create.sql);
    const usage = await errorOf(prepareCitizen(database));
    expect(usage).toMatchObject({ code: "DB-TGT-003", sql: [`GRANT USAGE ON SCHEMA "population" TO "${copyRoles.reader}";`] });
    await database.byHand(...usage.sql);
    await prepareCitizen(database);
  });

  test("a name that is taken by somebody else's table or view", async () => {
    await using database = await newDatabase(citizenTable);
    await database.byHand(`CREATE SCHEMA population AUTHORIZATION ${copyRoles.engine}`, "CREATE TABLE population.citizen (id int)");
    expect(await errorOf(prepareCitizen(database))).toMatchObject({ code: "DB-TGT-005", subject: "population.citizen" });
    await database.byHand("DROP TABLE population.citizen; CREATE VIEW population.citizen AS SELECT 1 AS one");
    expect((await errorOf(prepareCitizen(database))).explanation).toContain("belongs to another role");
    await database.byHand(`ALTER VIEW population.citizen OWNER TO ${copyRoles.engine}`);
    expect((await errorOf(prepareCitizen(database))).explanation).toContain("dongbo did not make it");
  });

  test.each([
    [
      "a column dropped",
      "ALTER TABLE population_copy.citizen DROP COLUMN birth_date CASCADE",
      "DB-TGT-006",
      "population_copy.citizen.birth_date",
    ],
    [
      "the batch column dropped",
      "ALTER TABLE population_copy.citizen DROP COLUMN dongbo_batch CASCADE",
      "DB-TGT-006",
      "population_copy.citizen.dongbo_batch",
    ],
    ["the key dropped", "ALTER TABLE population_copy.citizen DROP CONSTRAINT citizen_pkey", "DB-TGT-006", "population_copy.citizen"],
    [
      "a demanding column added",
      "ALTER TABLE population_copy.citizen ADD COLUMN mine int NOT NULL",
      "DB-TGT-006",
      "population_copy.citizen.mine",
    ],
    ["another owner", "ALTER TABLE population_copy.citizen OWNER TO dba", "DB-TGT-005", "population_copy.citizen"],
    [
      "a column retyped",
      "DROP VIEW population.citizen; ALTER TABLE population_copy.citizen ALTER COLUMN birth_date TYPE text",
      "DB-TGT-007",
      "population_copy.citizen.birth_date",
    ],
  ])("a physical table with %s by hand", async (_what, sql, code, subject) => {
    await using database = await newDatabase(citizenTable);
    await prepareCitizen(database);
    await database.byHand(sql);
    expect(await errorOf(prepareCitizen(database))).toMatchObject({ code, subject });
  });

  test("a harmless column added by hand is left alone, also when the mapping later wants one of that name", async () => {
    await using database = await newDatabase(citizenTable);
    await prepareCitizen(database, { columns: ["personal_id", "full_name"] });
    await database.byHand("ALTER TABLE population_copy.citizen ADD COLUMN birth_date date, ADD COLUMN seen timestamptz DEFAULT now()");
    await prepareCitizen(database, { columns: ["personal_id"] });
    const left = await database.byHand("SELECT birth_date, seen FROM population_copy.citizen");
    expect(left).toEqual([]);
    expect(await errorOf(prepareCitizen(database))).toMatchObject({ code: "DB-TGT-006", subject: "population_copy.citizen.birth_date" });
  });

  test("a type or a key that changed in the mapping; the statements given make room for a new copy", async () => {
    await using database = await newDatabase(citizenTable);
    await prepareCitizen(database);
    const type = await errorOf(prepareCitizen(database, { types: { province_code: "bigint" } }));
    expect(type).toMatchObject({ code: "DB-TGT-007", subject: "population_copy.citizen.province_code" });
    expect(type.explanation).toBe("the copy holds it as integer, wanted is bigint");
    const key = await errorOf(prepareCitizen(database, { key: ["personal_id", "full_name"] }));
    expect(key).toMatchObject({ code: "DB-TGT-007", explanation: "its primary key is (personal_id), wanted is (personal_id, full_name)" });
    for (const sql of type.sql) await database.engine.query(sql);
    await prepareCitizen(database, { types: { province_code: "bigint" } });
    const moved = await errorOf(prepareCitizen(database, { physical: { schema: "elsewhere" } }));
    expect(moved.code).toBe("DB-TGT-007");
  });

  test("a type that changed since the rows were loaded: the column is made again, and what hangs on the view stays", async () => {
    await using database = await newDatabase(citizenTable);
    await prepareCitizen(database);
    await database.open("population/hcm");
    const { columns, filter, catalog } = await database.mapping("citizen");
    await database.engine.query("UPDATE dongbo.copy SET contract = $1", [canonicalContract(columns, filter, catalog)]);
    await database.byHand("GRANT SELECT (province_code) ON population.citizen TO dba");
    await prepareCitizen(database, { types: { province_code: "bigint" } });
    const facts = await database.byHand(`
      SELECT format_type(atttypid, atttypmod) AS type, has_column_privilege('dba', attrelid, attnum, 'SELECT') AS granted,
        (SELECT copy_state FROM dongbo.copy) AS state,
        (SELECT count(*) FROM pg_attribute WHERE attrelid = 'population_copy.citizen'::regclass AND attnum > 0 AND NOT attisdropped) AS columns
      FROM pg_attribute WHERE attrelid = 'population.citizen'::regclass AND attname = 'province_code'`);
    expect(facts).toEqual([{ type: "bigint", granted: "t", state: "RESYNCING", columns: "5" }]);
    // The key holds the table together: it is not made again.
    const key = await errorOf(prepareCitizen(database, { types: { personal_id: "varchar(12)" } }));
    expect(key).toMatchObject({ code: "DB-TGT-007", subject: "population_copy.citizen.personal_id" });
  });

  test("names that the server would cut or misread", async () => {
    await using database = await newDatabase(citizenTable);
    const tooLong = "Đ".repeat(32);
    for (const overrides of [
      { target: { name: tooLong } },
      { physical: { schema: tooLong } },
      { rename: { full_name: tooLong } },
      { rename: { full_name: "dongbo_batch" } },
      { rename: { full_name: "xmin" } },
      { target: { schema: "pg_catalog" } },
      { physical: { schema: "dongbo" } },
    ] satisfies MappingOverrides[])
      expect((await errorOf(prepareCitizen(database, overrides))).code).toBe("DB-TGT-014");
  });

  test("a reader whose role does not exist", async () => {
    await using database = await newDatabase(citizenTable);
    const subscription = subscriptionOf([await database.mapping("citizen")]);
    const error = await errorOf(database.prepare(subscription, [copyRoles.reader, "no body"]));
    expect(error).toMatchObject({ code: "DB-TGT-011", subject: "no body", sql: ['CREATE ROLE "no body";'] });
  });

  test("a checkpoint that is gone though batches were applied; the statement given starts a new copy that goes on counting batches", async () => {
    await using database = await newDatabase(citizenTable);
    await prepareCitizen(database);
    await database.open("population/hcm");
    await database.engine.query("INSERT INTO dongbo.batch (subscription, id, kind) VALUES ('population/hcm', 41, 'stream')");
    await database.engine.query("DELETE FROM dongbo.subscription");
    const error = await errorOf(prepareCitizen(database));
    expect(error).toMatchObject({ code: "DB-TGT-004", subject: "population/hcm" });
    await database.engine.query(error.sql[0] ?? "");
    const state = await database.prepare(subscriptionOf([await database.mapping("citizen")]));
    expect(state).toMatchObject({ checkpoint: { position: null, nextBatch: 42 }, copies: [{ contract: null }] });
  });
});

test("AC-08: readers that no view can bind are named", async () => {
  await using database = await newDatabase(citizenTable);
  await runSql(
    server.url(),
    "CREATE ROLE reads_all LOGIN",
    "GRANT pg_read_all_data TO reads_all",
    "CREATE ROLE acts_for_us",
    `GRANT ${copyRoles.engine} TO acts_for_us`,
    "CREATE ROLE takes_backups LOGIN REPLICATION",
    "CREATE ROLE reads_files",
    "GRANT pg_read_server_files TO reads_files",
    // Harmless from version 16 on.
    "CREATE ROLE makes_roles CREATEROLE",
  );
  const past = ["acts_for_us", "postgres", "reads_all", "reads_files", "takes_backups"];
  expect(await readersPastTheGate(database.engine, [...past, copyRoles.reader, "makes_roles"])).toEqual(past);
});
