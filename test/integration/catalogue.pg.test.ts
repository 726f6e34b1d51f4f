import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type pg from "pg";
import { connectPostgres } from "../../connectors/postgres/postgres-client.ts";
import { describeTables } from "../../connectors/postgres/postgres-schema.ts";
import type { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import type { CatalogTable } from "../../engine/model/table.ts";
import { runSql, startServer } from "../support/cluster.ts";
import { serverAddress } from "../support/server-address.ts";

const longName = "Dữ liệu công dân toàn quốc thống nhất, bảng 123.";

describe.each([15, 18] as const)("the catalogue of PostgreSQL %i", (major) => {
  let server: EmbeddedPostgres;
  let client: pg.Client;

  beforeAll(async () => {
    server = await startServer(major, {});
    client = await connectPostgres(serverAddress(server.url()), { role: "test" });
  });
  afterAll(async () => {
    await client?.end();
    await server?.destroy();
  });

  async function table(name: string, schema = "public"): Promise<CatalogTable> {
    const [found] = await describeTables(client, [{ schema, name }]);
    if (found === undefined) throw new Error(`no table ${schema}.${name}`);
    return found;
  }

  async function types(name: string): Promise<Record<string, CatalogTable["columns"][number]["type"]>> {
    return Object.fromEntries((await table(name)).columns.map((column) => [column.name, column.type]));
  }

  test("gives tables in the order asked and leaves out what is missing, a view or a foreign table", async () => {
    await runSql(
      server.url(),
      "CREATE TABLE first (id int PRIMARY KEY); CREATE TABLE second (id int); CREATE VIEW looking AS SELECT * FROM first",
    );
    const names = ["second", "looking", "missing", "first"].map((name) => ({ schema: "public", name }));
    expect((await describeTables(client, names)).map((found) => found.table.name)).toEqual(["second", "first"]);
  });

  test("states built-in types exactly, with a bare form that cannot truncate", async () => {
    await runSql(
      server.url(),
      `CREATE TABLE builtin (a int, b varchar(10), c char(5), d char, e numeric(10,2), f numeric, g timestamp(3), h timestamptz, i bit(3),
         j varbit(7), k interval day to second(2), l "char", m int[], n varchar(3)[][], o time(0), p timetz, q name, r float4, s bool, t uuid,
         u bytea, v date, w jsonb, x int4range, y int4multirange, z bpchar)`,
    );
    const found = await types("builtin");
    expect(
      Object.fromEntries(
        Object.entries(found).map(([name, type]) => [name, `${type.declaration} | ${type.bare} | ${type.category} | ${type.kind}`]),
      ),
    ).toEqual({
      a: "integer | pg_catalog.int4 | integer | base",
      b: 'character varying(10) | pg_catalog."varchar" | text | base',
      c: "character(5) | pg_catalog.bpchar | padded | base",
      d: "character(1) | pg_catalog.bpchar | padded | base",
      e: 'numeric(10,2) | pg_catalog."numeric" | decimal | base',
      f: 'numeric | pg_catalog."numeric" | decimal | base',
      g: 'timestamp(3) without time zone | pg_catalog."timestamp" | timestamp | base',
      h: "timestamp with time zone | pg_catalog.timestamptz | instant | base",
      i: 'bit(3) | pg_catalog."bit" | other | base',
      j: "bit varying(7) | pg_catalog.varbit | other | base",
      k: 'interval day to second(2) | pg_catalog."interval" | other | base',
      l: '"char" | pg_catalog."char" | other | base',
      m: "integer[] | pg_catalog.int4[] | other | array",
      n: 'character varying(3)[] | pg_catalog."varchar"[] | other | array',
      o: 'time(0) without time zone | pg_catalog."time" | time | base',
      p: "time with time zone | pg_catalog.timetz | other | base",
      q: "name | pg_catalog.name | other | base",
      r: "real | pg_catalog.float4 | float | base",
      s: "boolean | pg_catalog.bool | boolean | base",
      t: "uuid | pg_catalog.uuid | uuid | base",
      u: "bytea | pg_catalog.bytea | bytes | base",
      v: "date | pg_catalog.date | date | base",
      w: "jsonb | pg_catalog.jsonb | other | base",
      x: "int4range | pg_catalog.int4range | other | range",
      y: "int4multirange | pg_catalog.int4multirange | other | multirange",
      z: "bpchar | pg_catalog.bpchar | padded | base",
    });
    expect(Object.values(found).every((type) => type.definitions.length === 0 && type.extension === null)).toBe(true);
    const [oid] = await runSql(
      server.url(),
      "SELECT atttypid || ':' || atttypmod AS identity FROM pg_attribute WHERE attrelid = 'builtin'::regclass AND attname = 'e'",
    );
    expect(found["e"]?.identity).toBe(oid?.["identity"]);
  });

  test("defines user types in creation order, however deep they nest", async () => {
    await runSql(
      server.url(),
      `CREATE SCHEMA "Kiểu";
       CREATE TYPE "Kiểu"."Giới tính" AS ENUM ('Nữ', 'Nam', 'x''y"z,\\');
       ALTER TYPE "Kiểu"."Giới tính" ADD VALUE 'Khác' BEFORE 'Nam';
       CREATE DOMAIN "Kiểu".sex AS "Kiểu"."Giới tính" CHECK (VALUE <> 'Nam');
       CREATE TYPE "Kiểu".person AS (name varchar(40), dropped int, "Giới" "Kiểu".sex, born date);
       ALTER TYPE "Kiểu".person DROP ATTRIBUTE dropped;
       CREATE TYPE "Kiểu".span AS RANGE (subtype = time);
       CREATE DOMAIN "Kiểu".code AS char(3);
       CREATE TABLE nested (people "Kiểu".person[], sex "Kiểu".sex, spans "Kiểu".span[], code "Kiểu".code, row_of first)`,
    );
    const found = await types("nested");
    const people = found["people"];
    expect(people?.declaration).toBe('"Kiểu".person[]');
    expect(people?.bare).toBe('"Kiểu".person[]');
    expect(people?.definitions).toEqual([
      { kind: "enum", name: { schema: "Kiểu", name: "Giới tính" }, labels: ["Nữ", "Khác", "Nam", "x'y\"z,\\"] },
      { kind: "domain", name: { schema: "Kiểu", name: "sex" }, base: '"Kiểu"."Giới tính"' },
      {
        kind: "composite",
        name: { schema: "Kiểu", name: "person" },
        attributes: [
          { name: "name", type: "character varying(40)" },
          { name: "Giới", type: '"Kiểu".sex' },
          { name: "born", type: "date" },
        ],
      },
    ]);
    expect(found["sex"]).toMatchObject({ kind: "domain", category: "enum", bare: '"Kiểu"."Giới tính"', declaration: '"Kiểu".sex' });
    expect(found["spans"]?.definitions).toEqual([
      { kind: "range", name: { schema: "Kiểu", name: "span" }, subtype: "time without time zone" },
    ]);
    expect(found["code"]).toMatchObject({ kind: "domain", category: "padded", bare: "pg_catalog.bpchar" });
    expect(found["code"]?.definitions).toEqual([{ kind: "domain", name: { schema: "Kiểu", name: "code" }, base: "character(3)" }]);
    expect(found["row_of"]?.definitions).toEqual([
      { kind: "composite", name: { schema: "public", name: "first" }, attributes: [{ name: "id", type: "integer" }] },
    ]);
  });

  test("names the extension that owns a type, and takes citext for text whose equality is not that of bytes", async () => {
    const available = await runSql(server.url(), "SELECT name FROM pg_available_extensions WHERE name IN ('citext', 'hstore')");
    expect(available).toHaveLength(2);
    await runSql(
      server.url(),
      `CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext; CREATE EXTENSION hstore SCHEMA ext; CREATE DOMAIN mail AS ext.citext;
       CREATE TABLE extended (c ext.citext, h ext.hstore[], m mail, t text)`,
    );
    const found = await types("extended");
    expect(found["c"]).toMatchObject({ extension: "citext", definitions: [], bare: "ext.citext", category: "other" });
    expect(found["h"]).toMatchObject({ extension: "hstore", definitions: [], bare: "ext.hstore[]", kind: "array" });
    expect(found["m"]).toMatchObject({ extension: "citext", bare: "ext.citext", definitions: [{ kind: "domain", base: "ext.citext" }] });
    expect((await table("extended")).columns.map((column) => column.deterministic)).toEqual([false, true, false, true]);
  });

  test("leaves out the definition of a range whose order cannot be told from its subtype", async () => {
    await runSql(
      server.url(),
      `CREATE TYPE word_range AS RANGE (subtype = text, collation = "C"); CREATE TYPE plain_range AS RANGE (subtype = text);
       CREATE TABLE ranged (w word_range, p plain_range)`,
    );
    const found = await types("ranged");
    expect(found["w"]?.definitions).toEqual([]);
    expect(found["p"]?.definitions).toHaveLength(1);
  });

  test("says which columns compare by bytes and which do not even tell equal text apart", async () => {
    const builtin = major === 15 ? "" : ', builtin text COLLATE "pg_c_utf8"';
    await runSql(
      server.url(),
      `CREATE COLLATION blind (provider = icu, locale = 'vi-u-ks-level1', deterministic = false);
       CREATE TABLE collated (plain text, c text COLLATE "C", posix varchar(9) COLLATE "POSIX", vi text COLLATE "vi-x-icu", ucs text COLLATE ucs_basic,
         blind text COLLATE blind, words text[] COLLATE blind, n int${builtin})`,
    );
    const columns = (await table("collated")).columns;
    expect(Object.fromEntries(columns.map((column) => [column.name, [column.bytewiseCollation, column.deterministic]]))).toEqual({
      plain: [true, true],
      c: [true, true],
      posix: [true, true],
      vi: [false, true],
      ucs: [true, true],
      blind: [false, false],
      words: [false, false],
      n: [true, true],
      ...(major === 15 ? {} : { builtin: [true, true] }),
    });
  });

  test("looks behind the default collation at the database's own", async () => {
    await runSql(server.url(), "CREATE DATABASE việt TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'vi' LOCALE 'C'");
    await runSql(server.url("việt"), 'CREATE TABLE t (a text, b text COLLATE "C", c text COLLATE "default")');
    const other = await connectPostgres(serverAddress(server.url("việt")), { role: "test" });
    try {
      const [found] = await describeTables(other, [{ schema: "public", name: "t" }]);
      expect(found?.columns.map((column) => column.bytewiseCollation)).toEqual([false, true, false]);
    } finally {
      await other.end();
    }
  });

  test("marks stored and virtual generated columns, keeps identity columns ordinary and skips dropped ones", async () => {
    const virtual = major === 18 ? ", v int GENERATED ALWAYS AS (b * 3) VIRTUAL" : "";
    await runSql(
      server.url(),
      `CREATE TABLE computed (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, gone int, b int, s int GENERATED ALWAYS AS (b * 2) STORED${virtual});
       ALTER TABLE computed DROP COLUMN gone`,
    );
    const columns = (await table("computed")).columns;
    expect(columns.map((column) => [column.name, column.generated, column.nullable])).toEqual([
      ["id", false, false],
      ["b", false, true],
      ["s", true, true],
      ...(major === 18 ? [["v", true, true]] : []),
    ]);
  });

  test("counts as a key only what is unique, valid, immediate, whole, not null and in the columns' own order", async () => {
    await runSql(
      server.url(),
      `CREATE TABLE keyed (a int NOT NULL, b int NOT NULL, c text NOT NULL, n int, PRIMARY KEY (b, a));
       CREATE UNIQUE INDEX good ON keyed (c, a) INCLUDE (n);
       CREATE UNIQUE INDEX backwards ON keyed (c DESC, b DESC);
       CREATE UNIQUE INDEX crossed ON keyed (c DESC, b);
       CREATE UNIQUE INDEX nullable ON keyed (n);
       CREATE UNIQUE INDEX partial ON keyed (a) WHERE b > 0;
       CREATE UNIQUE INDEX computed_key ON keyed ((a + b));
       CREATE UNIQUE INDEX otherwise ON keyed (c COLLATE "vi-x-icu");
       CREATE UNIQUE INDEX pattern ON keyed (c text_pattern_ops);
       ALTER TABLE keyed ADD CONSTRAINT late UNIQUE (a, b, c) DEFERRABLE;
       CREATE INDEX plain ON keyed (a);
       CREATE TABLE deferred (id int PRIMARY KEY DEFERRABLE)`,
    );
    expect(await table("keyed")).toMatchObject({
      primaryKey: ["b", "a"],
      uniqueKeys: [
        ["c", "a"],
        ["c", "b"],
      ],
      identity: { kind: "default", columns: ["b", "a"] },
    });
    expect(await table("deferred")).toMatchObject({ primaryKey: ["id"], identity: { kind: "default", columns: [] } });
  });

  test.runIf(major === 18)("takes neither a key without overlaps nor columns whose NOT NULL was never checked", async () => {
    await runSql(
      server.url(),
      `CREATE EXTENSION btree_gist;
       CREATE TABLE temporal (id int, valid_at daterange, PRIMARY KEY (id, valid_at WITHOUT OVERLAPS));
       CREATE TABLE unchecked (id int); INSERT INTO unchecked VALUES (NULL);
       ALTER TABLE unchecked ADD CONSTRAINT later NOT NULL id NOT VALID; CREATE UNIQUE INDEX ON unchecked (id)`,
    );
    expect(await table("temporal")).toMatchObject({ primaryKey: [], uniqueKeys: [] });
    expect(await table("unchecked")).toMatchObject({ primaryKey: [], uniqueKeys: [] });
  });

  test("states the replica identity as what a before image will hold", async () => {
    await runSql(
      server.url(),
      `CREATE TABLE ident (a int PRIMARY KEY, b int NOT NULL UNIQUE, c int);
       CREATE TABLE ident_index (LIKE ident INCLUDING ALL); ALTER TABLE ident_index REPLICA IDENTITY USING INDEX ident_index_b_key;
       CREATE TABLE ident_full (LIKE ident INCLUDING ALL); ALTER TABLE ident_full REPLICA IDENTITY FULL;
       CREATE TABLE ident_nothing (LIKE ident INCLUDING ALL); ALTER TABLE ident_nothing REPLICA IDENTITY NOTHING;
       CREATE TABLE ident_lost (a int PRIMARY KEY, b int NOT NULL CONSTRAINT lost_b UNIQUE);
       ALTER TABLE ident_lost REPLICA IDENTITY USING INDEX lost_b; ALTER TABLE ident_lost DROP CONSTRAINT lost_b;
       CREATE TABLE keyless (a int)`,
    );
    expect((await table("ident")).identity).toEqual({ kind: "default", columns: ["a"] });
    expect((await table("ident_index")).identity).toEqual({ kind: "index", columns: ["b"] });
    expect((await table("ident_full")).identity).toEqual({ kind: "full", columns: ["a", "b", "c"] });
    expect((await table("ident_nothing")).identity).toEqual({ kind: "nothing", columns: [] });
    expect((await table("ident_lost")).identity).toEqual({ kind: "index", columns: [] });
    expect((await table("keyless")).identity).toEqual({ kind: "default", columns: [] });
  });

  test("trusts the identity of a partitioned root only as far as every partition logs it", async () => {
    await runSql(
      server.url(),
      root("part"),
      "INSERT INTO part SELECT i, '2025-02-01' FROM generate_series(1, 500) i; INSERT INTO part VALUES (1, '2026-02-01'); ANALYZE part",
    );
    await runSql(
      server.url(),
      root("part_full"),
      "ALTER TABLE part_full REPLICA IDENTITY FULL; ALTER TABLE part_full_1a REPLICA IDENTITY FULL; ALTER TABLE part_full_2 REPLICA IDENTITY FULL",
    );
    await runSql(
      server.url(),
      root("part_mixed"),
      "ALTER TABLE part_mixed REPLICA IDENTITY FULL; ALTER TABLE part_mixed_1a REPLICA IDENTITY FULL",
    );
    await runSql(server.url(), root("part_more"), "ALTER TABLE part_more_1a REPLICA IDENTITY FULL");
    await runSql(server.url(), root("part_less"), "ALTER TABLE part_less_2 REPLICA IDENTITY NOTHING");
    const found = await table("part");
    expect(found).toMatchObject({
      partitioned: true,
      primaryKey: ["id", "at"],
      identity: { kind: "default", columns: ["id", "at"] },
      estimatedRows: 501,
    });
    expect(found.estimatedBytes).toBeGreaterThan(8192);
    expect((await table("part_full")).identity.kind).toBe("full");
    expect((await table("part_mixed")).identity).toEqual({ kind: "nothing", columns: [] });
    expect((await table("part_more")).identity).toEqual({ kind: "default", columns: ["id", "at"] });
    expect((await table("part_less")).identity).toEqual({ kind: "nothing", columns: [] });
    expect(await table("part_2")).toMatchObject({ partitioned: false, identity: { kind: "default", columns: ["id", "at"] } });
  });

  test("says that row security applies to this role, and not where it is bypassed", async () => {
    await runSql(
      server.url(),
      `CREATE ROLE plain LOGIN; CREATE TABLE secured (id int PRIMARY KEY); GRANT SELECT ON secured TO plain;
       ALTER TABLE secured ENABLE ROW LEVEL SECURITY`,
    );
    expect((await table("secured")).rowSecurityApplies).toBe(false);
    const plain = await connectPostgres(serverAddress(server.url("postgres", "plain")), { role: "test" });
    try {
      expect((await describeTables(plain, [{ schema: "public", name: "secured" }]))[0]?.rowSecurityApplies).toBe(true);
    } finally {
      await plain.end();
    }
  });

  test("estimates rows and bytes, and admits when the server has none", async () => {
    await runSql(
      server.url(),
      "CREATE TABLE empty (a int); CREATE TABLE unknown (a int); INSERT INTO unknown VALUES (1); CREATE TABLE known AS SELECT generate_series(1, 5000) AS a; ANALYZE known",
    );
    expect(await table("empty")).toMatchObject({ estimatedRows: 0, estimatedBytes: 0 });
    expect((await table("unknown")).estimatedRows).toBe(-1);
    expect((await table("known")).estimatedRows).toBe(5000);
    expect((await table("known")).estimatedBytes).toBeGreaterThan(100_000);
  });

  test("takes names literally: capitals, quotes, dots, Vietnamese, 63 bytes", async () => {
    expect(Buffer.byteLength(longName)).toBe(63);
    await runSql(
      server.url(),
      `CREATE SCHEMA "Sổ.hộ khẩu"; CREATE TABLE "Sổ.hộ khẩu"."${longName}" ("Họ và tên" text, "select" int, "a""b.c" int, "Số" int PRIMARY KEY)`,
    );
    const found = await table(longName, "Sổ.hộ khẩu");
    expect(found.columns.map((column) => column.name)).toEqual(["Họ và tên", "select", 'a"b.c', "Số"]);
    expect(found.primaryKey).toEqual(["Số"]);
    expect(await describeTables(client, [{ schema: "Sổ", name: `hộ khẩu.${longName}` }])).toEqual([]);
  });

  test("takes 1600 columns", async () => {
    const columns = Array.from({ length: 1600 }, (_, index) => `c${index} ${index % 2 === 0 ? "int" : "text"}`);
    await runSql(server.url(), `CREATE TABLE wide (${columns.join(", ")})`);
    expect((await table("wide")).columns).toHaveLength(1600);
  });

  test("leaves the session outside any transaction, also after a failure", async () => {
    await runSql(server.url(), "CREATE TABLE locked (id int)");
    await expect(describeTables(client, [{ schema: "pub\0lic", name: "x" }])).rejects.toThrow();
    const { rows } = await client.query(
      "SELECT count(*) AS n FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation' AND relation >= 16384",
    );
    expect(rows).toEqual([{ n: "0" }]);
    expect((await table("locked")).columns).toHaveLength(1);
  });
});

/** A partitioned table with a partition and a partition of a partition. */
function root(name: string): string {
  return `CREATE TABLE ${name} (id int NOT NULL, at date NOT NULL, note text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
       CREATE TABLE ${name}_1 PARTITION OF ${name} FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') PARTITION BY HASH (id);
       CREATE TABLE ${name}_1a PARTITION OF ${name}_1 FOR VALUES WITH (MODULUS 1, REMAINDER 0);
       CREATE TABLE ${name}_2 PARTITION OF ${name} FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')`;
}
