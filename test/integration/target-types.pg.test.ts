// Types of a copy's columns: the source's own, made again in the target where their owner declared them.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { refreshTypes } from "../../connectors/postgres/apply/prepare-target.ts";
import type { PostgresMajor } from "../../deploy/embedded/postgres-binaries.ts";
import type { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import type { TableMapping } from "../../engine/model/share.ts";
import { startServer } from "../support/cluster.ts";
import { CopyDatabase, makeCopyRoles, subscriptionOf } from "../support/copy-database.ts";

const majors: readonly PostgresMajor[] = [15, 18];

describe.each(majors)("types on PostgreSQL %i", (major) => {
  let server: EmbeddedPostgres;
  let database: CopyDatabase;

  beforeAll(async () => {
    server = await startServer(major, {});
    await makeCopyRoles(server);
  });

  afterAll(async () => {
    await server.destroy();
  });

  const withDatabase = (...sql: readonly string[]): Promise<CopyDatabase> => CopyDatabase.create(server, "types", ...sql);

  /** Types of the physical table's columns, as the target writes them. */
  async function physicalTypes(table: string): Promise<Record<string, string>> {
    const { rows } = await database.engine.query<{ name: string; type: string }>(
      `SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
       WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'dongbo_batch' ORDER BY attnum`,
      [`population_copy.${table}`],
    );
    return Object.fromEntries(rows.map((row) => [row.name, row.type]));
  }

  async function errorOf(work: Promise<unknown>): Promise<ReplicationError> {
    const error = await work.then(
      () => null,
      (thrown: unknown) => thrown,
    );
    if (error instanceof ReplicationError) return error;
    throw new Error("a ReplicationError was expected", { cause: error });
  }

  const labels = async (type: string): Promise<string> => {
    const { rows } = await database.engine.query<{ labels: string }>(`SELECT enum_range(NULL::${type}) AS labels`);
    return rows[0]?.labels ?? "";
  };

  test("built-in types keep their modifiers, also those whose names mislead", async () => {
    const types: Readonly<Record<string, string>> = {
      a: "numeric(10,2)",
      b: "numeric(3,-2)",
      c: "character varying(12)",
      d: "character(3)",
      e: "bpchar",
      f: '"char"',
      g: "bit(5)",
      h: "bit varying(7)",
      i: "timestamp(3) with time zone",
      j: "timestamp without time zone",
      k: "time(2) with time zone",
      l: "interval day to second(2)",
      m: "interval year",
      n: "integer[]",
      o: "numeric(6,1)[]",
      p: "character varying(4)[]",
      q: "jsonb",
      r: "xml",
      s: "int4range",
      t: "datemultirange",
      u: "tsvector",
      v: "money",
      w: "name",
      x: "macaddr8",
      y: "double precision",
      z: "pg_lsn",
    };
    const columns = Object.entries(types).map(([name, type]) => `${name} ${type}`);
    database = await withDatabase(`CREATE TABLE master.t (id uuid PRIMARY KEY, ${columns.join(", ")})`);
    await using _ = database;
    const subscription = subscriptionOf([await database.mapping("t")]);
    await database.prepare(subscription);
    const expected = { id: "uuid", ...types };
    expect(await physicalTypes("t")).toEqual(expected);
    await database.prepare(subscription);
  });

  test("enums, composites and ranges are made in the physical schema, with what they are made of; domains become what lies under them", async () => {
    database = await withDatabase(
      `CREATE TYPE master."Giới tính" AS ENUM ('nam', 'nữ', 'O''Brien', 'a\\b')`,
      "CREATE DOMAIN master.positive AS numeric(10,2) CHECK (VALUE > 0)",
      'CREATE DOMAIN master.sex AS master."Giới tính" NOT NULL',
      `CREATE TYPE master.address AS (street text, "số nhà" master.positive, sex master."Giới tính")`,
      "CREATE TYPE master.area AS RANGE (subtype = float8)",
      "CREATE TYPE master.span AS RANGE (subtype = master.positive, multirange_type_name = master.spans)",
      `CREATE TABLE master.t (id int PRIMARY KEY, a master."Giới tính", b master."Giới tính"[], c master.positive, d master.positive[], e master.sex,
         f master.address, g master.address[], h master.area, i master.area_multirange, j master.spans)`,
    );
    await using _ = database;
    const subscription = subscriptionOf([await database.mapping("t")]);
    await database.prepare(subscription);
    expect(await physicalTypes("t")).toEqual({
      id: "integer",
      a: 'population_copy."Giới tính"',
      b: 'population_copy."Giới tính"[]',
      c: "numeric(10,2)",
      d: "numeric(10,2)[]",
      e: 'population_copy."Giới tính"',
      f: "population_copy.address",
      g: "population_copy.address[]",
      h: "population_copy.area",
      i: "population_copy.area_multirange",
      j: expect.stringMatching(/^population_copy\.\w+$/),
    });
    expect(await labels('population_copy."Giới tính"')).toBe(`{nam,nữ,O'Brien,"a\\\\b"}`);
    // What the master's checks would refuse, a copy of what the master holds takes.
    await database.engine.query(
      `INSERT INTO population_copy.t VALUES (1, 'nữ', '{nam,NULL}', -1, '{-1}', NULL, '(x,-1,nam)', '{"(x,-1,nam)"}', '[1,2)', '{[1,2)}', '{[1,2)}', 1)`,
    );
    await database.prepare(subscription);
  });

  test("an enum that gained labels gains them in the copy, in their places; a reader's rows stay", async () => {
    database = await withDatabase(
      "CREATE TYPE master.mood AS ENUM ('b', 'd')",
      "CREATE TABLE master.t (id int PRIMARY KEY, mood master.mood)",
    );
    await using _ = database;
    await database.prepare(subscriptionOf([await database.mapping("t")]));
    await database.engine.query("INSERT INTO population_copy.t VALUES (1, 'd', 1)");
    await database.engine.query("ALTER TYPE master.mood ADD VALUE 'a' BEFORE 'b'");
    await database.engine.query("ALTER TYPE master.mood ADD VALUE 'c' AFTER 'b'");
    await database.engine.query("ALTER TYPE master.mood ADD VALUE 'c2' AFTER 'c'");
    await database.engine.query("ALTER TYPE master.mood ADD VALUE 'e'");
    const table: TableMapping = await database.mapping("t");
    await refreshTypes(database.engine, subscriptionOf([table]), table);
    expect(await labels("population_copy.mood")).toBe("{a,b,c,c2,d,e}");
    await database.prepare(subscriptionOf([table]));
  });

  test("a process that read the source before a label was added does no harm", async () => {
    database = await withDatabase("CREATE TYPE master.mood AS ENUM ('a')", "CREATE TABLE master.t (id int PRIMARY KEY, mood master.mood)");
    await using _ = database;
    const old = subscriptionOf([await database.mapping("t")]);
    await database.engine.query("ALTER TYPE master.mood ADD VALUE 'b'");
    await database.prepare(subscriptionOf([await database.mapping("t")]));
    await database.prepare(old);
    expect(await labels("population_copy.mood")).toBe("{a,b}");
  });

  test.each([
    ["a renamed label", "ALTER TYPE master.mood RENAME VALUE 'a' TO 'x'", "a label was renamed"],
    ["an attribute added", "ALTER TYPE master.pair ADD ATTRIBUTE c int", "the attributes differ"],
    ["an attribute retyped", "ALTER TYPE master.pair ALTER ATTRIBUTE a TYPE text", "the attributes differ"],
    [
      "a range over another type",
      "DROP TYPE master.area CASCADE; CREATE TYPE master.area AS RANGE (subtype = float4); ALTER TABLE master.t ADD area master.area",
      "the subtype differs",
    ],
  ])("%s at the source is refused, naming the column", async (_what, sql, why) => {
    database = await withDatabase(
      "CREATE TYPE master.mood AS ENUM ('a', 'b')",
      "CREATE TYPE master.pair AS (a int, b int)",
      "CREATE TYPE master.area AS RANGE (subtype = float8)",
      "CREATE TABLE master.p (id int PRIMARY KEY)",
      "CREATE TABLE master.t (id int PRIMARY KEY, mood master.mood, area master.area)",
    );
    await using _ = database;
    // PostgreSQL does not alter a composite that a table uses; a copy may still meet one that was altered in between.
    await database.engine.query("CREATE TABLE master.c (id int PRIMARY KEY, pair master.pair)");
    await database.prepare(subscriptionOf([await database.mapping("t"), await database.mapping("c")]));
    await database.engine.query("DROP TABLE master.c");
    await database.engine.query(sql);
    await database.engine.query("CREATE TABLE master.c (id int PRIMARY KEY, pair master.pair)");
    const error = await errorOf(database.prepare(subscriptionOf([await database.mapping("t"), await database.mapping("c")])));
    expect(error.code).toBe("DB-TGT-009");
    expect(error.subject).toMatch(/^population_copy\.(t\.mood|t\.area|c\.pair)$/);
    expect(error.explanation).toContain(why);
  });

  describe("one name for several things", () => {
    beforeEach(async () => {
      database = await withDatabase(
        "CREATE SCHEMA other",
        "CREATE TYPE master.status AS ENUM ('a')",
        "CREATE TYPE other.status AS ENUM ('z')",
        "CREATE TYPE master.mood AS ENUM ('m')",
        "CREATE TABLE master.t (id int PRIMARY KEY, first master.status, second other.status, third master.mood)",
        "CREATE TABLE master.mood_table (id int PRIMARY KEY)",
      );
    });

    test("types of two source schemas, and a type and a table, are kept apart, every time in the same way", async () => {
      await using _ = database;
      const tables = [await database.mapping("t"), await database.mapping("mood_table", { physical: { name: "mood" } })];
      await database.prepare(subscriptionOf(tables));
      const types = await physicalTypes("t");
      expect(types["first"]).toBe("population_copy.status");
      expect(types["second"]).toMatch(/^population_copy\.status_[0-9a-f]{8}$/);
      expect(types["third"]).toMatch(/^population_copy\.mood_[0-9a-f]{8}$/);
      expect(await labels(types["second"] ?? "")).toBe("{z}");
      await database.prepare(subscriptionOf(tables));
      expect(await physicalTypes("t")).toEqual(types);
    });

    test("two sources may use one name for different types", async () => {
      await using _ = database;
      const first = await database.mapping("t", { columns: ["id", "first"] });
      const second = await database.mapping("t", { columns: ["id", "first"], target: { name: "u" }, physical: { name: "u" } });
      await database.prepare(subscriptionOf([first]));
      await database.engine.query("ALTER TYPE master.status RENAME VALUE 'a' TO 'b'");
      const renamed = await database.mapping("t", { columns: ["id", "first"], target: { name: "u" }, physical: { name: "u" } });
      await database.prepare(subscriptionOf([{ ...second, ...renamed }], { id: "land/hcm", source: "land" }));
      expect((await physicalTypes("u"))["first"]).toMatch(/^population_copy\.status_[0-9a-f]{8}$/);
    });

    test("types left over when the records were lost are taken up again", async () => {
      await using _ = database;
      const tables = [await database.mapping("t")];
      await database.prepare(subscriptionOf(tables));
      const types = await physicalTypes("t");
      await database.engine.query("DROP SCHEMA dongbo CASCADE");
      await database.prepare(subscriptionOf(tables));
      expect(await physicalTypes("t")).toEqual(types);
    });
  });

  test("a type of an extension is looked for where this database has it, and a missing extension is named", async () => {
    database = await withDatabase("CREATE TABLE master.t (id int PRIMARY KEY)");
    await using _ = database;
    const available = await database.byHand("SELECT FROM pg_available_extensions WHERE name = 'citext'");
    if (available.length === 0) throw new Error("the embedded server comes without citext");
    await database.byHand("CREATE SCHEMA here; CREATE EXTENSION citext SCHEMA here; GRANT USAGE ON SCHEMA here TO PUBLIC");
    await database.engine.query("CREATE TABLE master.u (id int PRIMARY KEY, word here.citext, words here.citext[])");
    const mapping = await database.mapping("u");
    await database.byHand("ALTER EXTENSION citext SET SCHEMA public");
    await database.prepare(subscriptionOf([mapping]));
    expect(await physicalTypes("u")).toEqual({ id: "integer", word: "citext", words: "citext[]" });
    await database.byHand("DROP EXTENSION citext CASCADE");
    const error = await errorOf(database.prepare(subscriptionOf([mapping])));
    expect(error).toMatchObject({
      code: "DB-TGT-008",
      subject: "population_copy.u.word",
      sql: ['CREATE EXTENSION IF NOT EXISTS "citext";'],
    });
  });

  test("a type that no catalogue can declare again is refused unless the column is given another", async () => {
    database = await withDatabase(
      `CREATE TYPE master.words AS RANGE (subtype = text, collation = "C")`,
      "CREATE TABLE master.t (id int PRIMARY KEY, words master.words)",
    );
    await using _ = database;
    const error = await errorOf(database.prepare(subscriptionOf([await database.mapping("t")])));
    expect(error).toMatchObject({ code: "DB-TGT-009", subject: "population_copy.t.words" });
    await database.prepare(subscriptionOf([await database.mapping("t", { types: { words: "text" } })]));
    expect(await physicalTypes("t")).toEqual({ id: "integer", words: "text" });
  });

  test("a type: that the server does not know, or that is more than a type, is refused", async () => {
    database = await withDatabase("CREATE TABLE master.t (id int PRIMARY KEY, a int)");
    await using _ = database;
    for (const type of ["no_such_type", "no.such", "int; DROP SCHEMA master CASCADE", "int) --", "varchar(0)", ""]) {
      const error = await errorOf(database.prepare(subscriptionOf([await database.mapping("t", { types: { a: type } })])));
      expect(error).toMatchObject({ code: "DB-TGT-009", subject: "population_copy.t.a" });
    }
    await database.engine.query("SELECT FROM master.t");
  });
});
