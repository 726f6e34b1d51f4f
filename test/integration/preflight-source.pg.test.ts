import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type pg from "pg";
import { connectPostgres } from "../../connectors/postgres/postgres-client.ts";
import { PostgresSource } from "../../connectors/postgres/postgres-source.ts";
import { describeTables } from "../../connectors/postgres/postgres-schema.ts";
import { preflightSource, type SourceCheck } from "../../connectors/postgres/preflight/preflight-source.ts";
import { PostgresSnapshot } from "../../connectors/postgres/snapshot/postgres-snapshot.ts";
import type { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import type { Finding } from "../../engine/model/finding.ts";
import type { Predicate } from "../../engine/model/predicate.ts";
import type { TableMapping } from "../../engine/model/share.ts";
import { runSql, startServer } from "../support/cluster.ts";
import { serverAddress } from "../support/server-address.ts";
import { tableMapping } from "../support/table-builders.ts";
import { readChunk } from "../support/read-chunk.ts";

const gigabyte = 1024 ** 3;
const settings = { wal_level: "logical", max_slot_wal_keep_size: "10GB" };

describe.each([15, 18] as const)("check of a source, PostgreSQL %i", (major) => {
  let server: EmbeddedPostgres;
  let session: pg.Client;
  let mappings: TableMapping[] = [];

  beforeAll(async () => {
    server = await startServer(major, settings);
    await runSql(server.url(), "CREATE ROLE owner LOGIN");
  });
  afterAll(() => server?.destroy());
  beforeEach(async () => {
    mappings = [];
    await runSql(
      server.url(),
      "DROP DATABASE IF EXISTS master WITH (FORCE)",
      "DROP ROLE IF EXISTS plain",
      "CREATE ROLE plain LOGIN REPLICATION",
      "CREATE DATABASE master",
    );
    session = await connectPostgres(serverAddress(server.url("master")), { role: "test" });
  });
  afterEach(() => session.end());

  const sql = (...statements: string[]): Promise<Record<string, string | null>[]> => runSql(server.url("master"), ...statements);

  /** Shares these columns of a table, once it exists. */
  async function share(name: string, columns: readonly string[], filter: Predicate | null = null): Promise<TableMapping> {
    const [catalog] = await describeTables(await asPlain(), [{ schema: "public", name }]);
    if (catalog === undefined) throw new Error(`no table ${name}`);
    return tableMapping(catalog, columns, filter);
  }

  let plain: pg.Client | null = null;
  /** What the role itself sees matters: row security, for one. */
  async function asPlain(): Promise<pg.Client> {
    plain ??= await connectPostgres(serverAddress(server.url("master", "plain")), { role: "test" });
    return plain;
  }
  afterEach(async () => {
    await plain?.end();
    plain = null;
  });

  async function check(options: Partial<SourceCheck> = {}): Promise<Finding[]> {
    return preflightSource({
      address: serverAddress(server.url("master", "plain")),
      source: "population",
      slot: "dongbo_population",
      publication: "dongbo_population",
      connections: 4,
      walRetainedMaxBytes: 8 * gigabyte,
      tables: mappings.map((mapping) => mapping.source),
      mappings,
      ...options,
    });
  }

  const found = (findings: readonly Finding[], code: string): Finding | undefined => findings.find((finding) => finding.code === code);
  const codes = (findings: readonly Finding[]): string[] => findings.filter(({ severity }) => severity !== "info").map(({ code }) => code);

  /** Runs what a finding says, resolves the tables again, and returns what is found then. */
  async function mend(finding: Finding | undefined): Promise<Finding[]> {
    expect(finding?.sql.length).toBeGreaterThan(0);
    for (const statement of finding?.sql ?? []) {
      expect(statement).toMatch(/;$/);
      await sql(statement);
    }
    const before = mappings;
    mappings = [];
    for (const { source, columns, filter } of before)
      mappings.push(
        await share(
          source.name,
          columns.map((column) => column.source),
          filter,
        ),
      );
    return check();
  }

  /** Everything but what the test is about: privileges and publication as they should be. */
  async function grantAll(): Promise<void> {
    await sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO plain", "DROP PUBLICATION IF EXISTS dongbo_population");
    for (const finding of await check()) if (finding.code === "DB-PG-032") await sql(...finding.sql);
  }

  test("finds nothing where nothing is in the way", async () => {
    await sql("CREATE TABLE citizen (id int PRIMARY KEY, name text)");
    mappings = [await share("citizen", ["id", "name"])];
    await grantAll();
    expect(await check()).toEqual([]);
  });

  test("prints SQL that gives a bare role all that is needed and no more", async () => {
    await sql(
      "REVOKE ALL ON SCHEMA public FROM PUBLIC",
      "CREATE SCHEMA kinds; CREATE TYPE kinds.gender AS ENUM ('nữ', 'nam')",
      `CREATE TABLE "Công dân" (id int, gender kinds.gender, name text, province text, secret text, PRIMARY KEY (gender, id))`,
      `INSERT INTO "Công dân" SELECT i, (ARRAY['nữ', 'nam'])[i % 2 + 1]::kinds.gender, 'tên', lpad((i % 33)::text, 2, '0'), 'x' FROM generate_series(1, 20000) i; ANALYZE`,
      "CREATE TABLE whole (id int PRIMARY KEY)",
      "ALTER ROLE plain NOREPLICATION CONNECTION LIMIT 2",
    );
    const filter: Predicate = { op: "eq", column: "province", value: "05" };
    mappings = [await share("Công dân", ["id", "gender", "name"], filter), await share("whole", ["id"])];
    const findings = await check();
    expect(findings.filter(({ code }) => code === "DB-PG-003").flatMap((finding) => finding.sql)).toEqual([
      'ALTER ROLE "plain" REPLICATION;',
      'GRANT USAGE ON SCHEMA "public" TO "plain";',
      'GRANT SELECT ("id", "gender", "name", "province", "tableoid", "ctid", "xmin", "xmax") ON TABLE "public"."Công dân" TO "plain";',
      'GRANT USAGE ON SCHEMA "public" TO "plain";',
      'GRANT SELECT ON TABLE "public"."whole" TO "plain";',
    ]);
    await plain?.end();
    plain = null;
    for (const finding of findings) if (finding.severity === "error") await sql(...finding.sql);
    expect(codes(await check())).toEqual(["DB-MAP-041"]);
    await worksAs("plain", mappings[0] as TableMapping, filter);
    await expect(runSql(server.url("master", "plain"), 'SELECT secret FROM "Công dân"')).rejects.toMatchObject({ code: "42501" });
    await expect(runSql(server.url("master", "plain"), "DELETE FROM whole")).rejects.toMatchObject({ code: "42501" });
  });

  /** Uses every way in which dongbo touches a source. */
  async function worksAs(role: string, mapping: TableMapping, filter: Predicate): Promise<void> {
    const address = serverAddress(server.url("master", role));
    const snapshot = new PostgresSnapshot({ address, connections: 1, publication: "dongbo_population" });
    const source = new PostgresSource({ address, slot: "dongbo_population", publication: "dongbo_population", name: "population" });
    try {
      const [table] = await snapshot.describe([mapping.source]);
      if (table === undefined) throw new Error("no table");
      const key = [...mapping.key];
      const columns = ["id", "gender", "name", "province"];
      const chunk = await readChunk(
        snapshot,
        { table, key, columns, filter, after: [Buffer.from("nữ"), Buffer.from("5")], until: null, rowsMax: 1000, bytesMax: 1e6 },
        new AbortController().signal,
      );
      expect(chunk.rows.length).toBeGreaterThan(10);
      expect(chunk.lastKey).toHaveLength(2);
      const cuts = await snapshot.splitKeys({ ...table, estimatedBytes: Math.max(table.estimatedBytes, 2_000_000) }, key, 3);
      expect(cuts.length).toBeGreaterThan(0);
      expect((await snapshot.readRows({ table, key, columns, filter: null, keys: cuts })).rows).toHaveLength(cuts.length);
      expect(await snapshot.countRows(mapping.source, filter)).toBeGreaterThan(0);
      const from = await source.reserve();
      const stream = await source.open(from, new AbortController().signal);
      await sql("UPDATE \"Công dân\" SET name = 'khác' WHERE id = 1");
      for await (const messages of stream) if (messages.some((message) => message.tag === "update")) break;
      await stream.close();
      await source.release();
    } finally {
      await source.close();
      await snapshot.close();
    }
  }

  describe("of the tables", () => {
    test("finds what is missing, no table, unlogged or temporary", async () => {
      await sql(
        "CREATE TABLE base (id int PRIMARY KEY); CREATE VIEW looking AS SELECT * FROM base; CREATE MATERIALIZED VIEW stored AS SELECT * FROM base; CREATE SEQUENCE counting",
        "CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY)",
        "CREATE EXTENSION IF NOT EXISTS file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw; CREATE FOREIGN TABLE abroad (id int) SERVER files OPTIONS (filename '/dev/null')",
      );
      mappings = [await share("unlogged", ["id"])];
      const names = ["looking", "stored", "counting", "abroad", "missing", "Base"].map((name) => ({ schema: "public", name }));
      const findings = await check({ tables: [...names, { schema: "nowhere", name: "base" }, { schema: "public", name: "unlogged" }] });
      expect(
        findings
          .filter(({ code }) => code.startsWith("DB-MAP"))
          .map(({ code, subject, cause }) => `${code} ${subject}: ${cause.split(" is ")[1] ?? ""}`),
      ).toEqual([
        "DB-MAP-030 public.missing: ",
        "DB-MAP-030 public.Base: ",
        "DB-MAP-030 nowhere.base: ",
        "DB-MAP-037 public.looking: a view, not a table",
        "DB-MAP-037 public.stored: a materialized view, not a table",
        "DB-MAP-037 public.counting: a sequence, not a table",
        "DB-MAP-037 public.abroad: a foreign table, not a table",
        "DB-MAP-038 public.unlogged: unlogged",
      ]);
      expect(found(await mend(found(findings, "DB-MAP-038")), "DB-MAP-038")).toBeUndefined();
    });

    test("finds a replica identity that does not name the row, and the cheapest that does", async () => {
      await sql(
        "CREATE TABLE nothing (id int PRIMARY KEY); ALTER TABLE nothing REPLICA IDENTITY NOTHING",
        "CREATE TABLE lost (id int PRIMARY KEY, a int NOT NULL CONSTRAINT lost_a UNIQUE); ALTER TABLE lost REPLICA IDENTITY USING INDEX lost_a; ALTER TABLE lost DROP CONSTRAINT lost_a",
        "CREATE TABLE other (id int PRIMARY KEY, a int NOT NULL UNIQUE); ALTER TABLE other REPLICA IDENTITY USING INDEX other_a_key",
        "CREATE TABLE late (id int PRIMARY KEY DEFERRABLE)",
        'CREATE TABLE named (id int PRIMARY KEY, "Số" int NOT NULL, CONSTRAINT "Số thẻ" UNIQUE ("Số"))',
      );
      mappings = [
        await share("nothing", ["id"]),
        await share("lost", ["id", "a"]),
        await share("other", ["id"]),
        await share("late", ["id"]),
      ];
      mappings.push({ ...(await share("named", ["id", "Số"])), key: ["Số"] });
      const findings = (await check()).filter(({ code }) => code === "DB-MAP-040");
      expect(findings.map((finding) => finding.sql)).toEqual([
        ['ALTER TABLE "public"."nothing" REPLICA IDENTITY DEFAULT;'],
        ['ALTER TABLE "public"."lost" REPLICA IDENTITY DEFAULT;'],
        ['ALTER TABLE "public"."other" REPLICA IDENTITY DEFAULT;'],
        ['ALTER TABLE "public"."late" REPLICA IDENTITY FULL;'],
        ['ALTER TABLE "public"."named" REPLICA IDENTITY USING INDEX "Số thẻ";'],
      ]);
      expect(findings[0]?.cause).toContain("nothing");
      for (const finding of findings) await sql(...finding.sql);
      const key = mappings[4]?.key ?? [];
      mappings = [];
      for (const name of ["nothing", "lost", "other", "late", "named"]) mappings.push(await share(name, ["id"]));
      mappings[4] = { ...(mappings[4] as TableMapping), key };
      expect(codes(await check())).not.toContain("DB-MAP-040");
    });

    test("warns when filters ask for values that are not logged, once a table, and knows what logs them", async () => {
      await sql("CREATE TABLE citizen (id int PRIMARY KEY, province text, district text NOT NULL, other text, UNIQUE (id, district))");
      mappings = [
        await share("citizen", ["id"], { op: "eq", column: "province", value: "79" }),
        await share("citizen", ["id"], {
          op: "all",
          of: [
            { op: "eq", column: "district", value: "1" },
            { op: "eq", column: "id", value: "1" },
          ],
        }),
      ];
      await grantAll();
      const findings = await check();
      expect(codes(findings)).toEqual(["DB-MAP-041"]);
      expect(findings[0]).toMatchObject({
        severity: "warning",
        sql: [
          // While the publication has a column list, a full identity would make the master's updates fail.
          'ALTER PUBLICATION "dongbo_population" SET TABLE ONLY "public"."citizen";',
          'ALTER TABLE "public"."citizen" REPLICA IDENTITY FULL;',
        ],
      });
      expect(await mend(findings[0])).toEqual([]);
      await sql("INSERT INTO citizen VALUES (1, '79', '1', 'x')", "UPDATE citizen SET other = 'y'");
      await sql("ALTER TABLE citizen REPLICA IDENTITY DEFAULT");
      mappings = [await share("citizen", ["id"], { op: "eq", column: "district", value: "1" })];
      expect((await check())[0]?.sql).toEqual(['ALTER TABLE "public"."citizen" REPLICA IDENTITY USING INDEX "citizen_id_district_key";']);
    });

    test("prints statements that never make the master's updates fail, whichever of them are run together", async () => {
      await sql(
        "CREATE TABLE citizen (id int PRIMARY KEY, province text, note text, unshared text); INSERT INTO citizen VALUES (1, '79', 'x', 'y')",
        "CREATE TABLE moved (id int PRIMARY KEY, a int NOT NULL UNIQUE, unshared text); ALTER TABLE moved REPLICA IDENTITY USING INDEX moved_a_key",
        "INSERT INTO moved VALUES (1, 1, 'y'); GRANT SELECT ON ALL TABLES IN SCHEMA public TO plain",
      );
      const shared = async (): Promise<TableMapping[]> => [
        await share("citizen", ["id"], { op: "eq", column: "province", value: "79" }),
        await share("moved", ["id"]),
      ];
      const rounds: string[][] = [];
      for (;;) {
        mappings = await shared();
        const findings = await check();
        if (codes(findings).length === 0) break;
        rounds.push(codes(findings).toSorted());
        // Warnings too: whoever keeps the output of `check` as a script runs all of it.
        for (const finding of findings) {
          for (const statement of finding.sql) {
            await sql(statement);
            await sql("UPDATE citizen SET note = note", "UPDATE moved SET unshared = unshared");
          }
        }
      }
      expect(rounds).toEqual([["DB-MAP-040", "DB-MAP-041", "DB-PG-032"], ["DB-MAP-041", "DB-PG-032"], ["DB-MAP-041"]]);
    });

    test("tells what partitions and children do not do", async () => {
      await sql(
        "CREATE TABLE parted (id int, part int, note text, PRIMARY KEY (id, part)) PARTITION BY LIST (part)",
        "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1); CREATE TABLE parted_2 PARTITION OF parted FOR VALUES IN (2)",
        "ALTER TABLE parted_2 REPLICA IDENTITY NOTHING",
        "CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child () INHERITS (parent)",
      );
      mappings = [await share("parted", ["id", "part"]), await share("parted_1", ["id", "part"]), await share("parent", ["id"])];
      await grantAll();
      const findings = await check();
      expect(codes(findings).toSorted()).toEqual(
        ["DB-MAP-042", "DB-MAP-043", "DB-MAP-044", "DB-MAP-045", "DB-PG-032"].filter((code) => code !== "DB-PG-032"),
      );
      expect(found(findings, "DB-MAP-042")?.severity).toBe("warning");
      expect(found(findings, "DB-MAP-045")).toMatchObject({ severity: "error", subject: "public.parted_1" });
      expect(found(findings, "DB-MAP-044")?.cause).toContain("public.child");
      expect(found(findings, "DB-MAP-043")).toMatchObject({
        subject: "public.parted_2",
        sql: ['ALTER TABLE "public"."parted_2" REPLICA IDENTITY DEFAULT;'],
      });
      expect(found(await mend(found(findings, "DB-MAP-043")), "DB-MAP-043")).toBeUndefined();
      await sql("ALTER TABLE parted REPLICA IDENTITY FULL");
      mappings = [await share("parted", ["id", "part"])];
      const full = (await check()).filter(({ code }) => code === "DB-MAP-043");
      expect(full.map(({ subject }) => subject)).toEqual(["public.parted_1", "public.parted_2"]);
      for (const finding of full) await sql(...finding.sql);
      mappings = [await share("parted", ["id", "part"])];
      expect(found(await check(), "DB-MAP-043")).toBeUndefined();
    });

    test("refuses a partition that lies on another server", async () => {
      await sql(
        "CREATE TABLE parted (id int, part int) PARTITION BY LIST (part)",
        "CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw; CREATE FOREIGN TABLE far PARTITION OF parted FOR VALUES IN (9) SERVER files OPTIONS (filename '/dev/null')",
      );
      mappings = [await share("parted", ["id"])];
      expect(found(await check(), "DB-MAP-047")).toMatchObject({ severity: "error", subject: "public.parted" });
    });

    test("refuses types that mean nothing elsewhere, unless they are copied as something else", async () => {
      await sql(
        "CREATE TYPE holder AS (a int, r regrole); CREATE TABLE local (id int PRIMARY KEY, c regclass, t regtype[], h holder, acl aclitem, fine oid)",
      );
      const whole = await share("local", ["id", "c", "t", "h", "acl", "fine"]);
      mappings = [whole];
      const subjects = (await check()).filter(({ code }) => code === "DB-MAP-046").map(({ subject }) => subject);
      expect(subjects).toEqual(["public.local.c", "public.local.t", "public.local.h", "public.local.acl"]);
      mappings = [{ ...whole, columns: whole.columns.map((column) => ({ ...column, targetType: "text" })) }];
      expect(found(await check(), "DB-MAP-046")).toBeUndefined();
    });

    test("finds that row security would hide rows", async () => {
      await sql("CREATE TABLE hidden (id int PRIMARY KEY); ALTER TABLE hidden ENABLE ROW LEVEL SECURITY");
      mappings = [await share("hidden", ["id"])];
      await grantAll();
      const findings = await check();
      expect(findings).toMatchObject([
        { code: "DB-PG-031", severity: "error", subject: "public.hidden", sql: ['ALTER ROLE "plain" BYPASSRLS;'] },
      ]);
      expect(await mend(findings[0])).toEqual([]);
    });
  });

  describe("of the publication", () => {
    test("prints one statement for what is lacking, and does not ask where dongbo may make it itself", async () => {
      await sql("CREATE TABLE one (id int PRIMARY KEY); CREATE TABLE two (id int PRIMARY KEY); GRANT SELECT ON one, two TO plain");
      mappings = [await share("one", ["id"]), await share("two", ["id"])];
      const findings = await check();
      expect(findings).toMatchObject([
        { code: "DB-PG-032", severity: "error", subject: "dongbo_population", cause: "the publication does not exist" },
      ]);
      expect(await mend(findings[0])).toEqual([]);
      await sql("ALTER PUBLICATION dongbo_population DROP TABLE two");
      expect((await check())[0]).toMatchObject({ code: "DB-PG-032", cause: "public.two: the table is not published" });
      await sql(
        "ALTER TABLE one OWNER TO plain; ALTER TABLE two OWNER TO plain; GRANT CREATE ON DATABASE master TO plain; ALTER PUBLICATION dongbo_population OWNER TO plain",
      );
      expect((await check())[0]).toMatchObject({ code: "DB-PG-032", severity: "info" });
    });

    test("raises the alarm when the publication makes the master's updates fail", async () => {
      await sql(
        "CREATE TABLE one (id int PRIMARY KEY, a int); GRANT SELECT ON one TO plain; CREATE PUBLICATION dongbo_population FOR TABLE one (id); ALTER TABLE one REPLICA IDENTITY FULL",
      );
      mappings = [await share("one", ["id"])];
      const findings = await check();
      expect(codes(findings)).toEqual(["DB-PG-034"]);
      expect(await mend(findings[0])).toEqual([]);
      await sql("INSERT INTO one VALUES (1); UPDATE one SET a = 2");
    });
  });

  describe("of the server", () => {
    test("finds a slot of that name that is somebody else's", async () => {
      await sql("SELECT pg_create_logical_replication_slot('dongbo_population', 'test_decoding')");
      expect(found(await check(), "DB-SLOT-006")).toMatchObject({ severity: "error", subject: "dongbo_population" });
      await sql(
        "SELECT pg_drop_replication_slot('dongbo_population')",
        "SELECT pg_create_logical_replication_slot('dongbo_population', 'pgoutput')",
      );
      expect(found(await check(), "DB-SLOT-006")).toBeUndefined();
      await sql("SELECT pg_drop_replication_slot('dongbo_population')");
    });

    test("answers with a finding when the server cannot be reached or lets nobody in", async () => {
      const nobody = await preflightSource({
        address: { ...serverAddress(server.url("nothing here", "plain")) },
        source: "population",
        slot: "s",
        publication: "p",
        connections: 4,
        walRetainedMaxBytes: gigabyte,
        tables: [],
        mappings: [],
      });
      expect(nobody).toMatchObject([{ code: "DB-PG-005", severity: "error" }]);
      const closed = await check({ address: { ...serverAddress(server.url()), port: 1 } });
      expect(closed).toMatchObject([{ code: "DB-PG-001", severity: "error" }]);
    });
  });
});

test("finds a server whose settings do not let logical replication work, and the statements that change them", async () => {
  const bad = {
    wal_level: "replica",
    max_replication_slots: 1,
    max_wal_senders: 1,
    max_slot_wal_keep_size: "1GB",
    wal_sender_timeout: 0,
    idle_replication_slot_timeout: "1d",
  };
  const server = await startServer(18, {});
  try {
    for (const [name, value] of Object.entries(bad)) await runSql(server.url(), `ALTER SYSTEM SET ${name} = '${value}'`);
    await server.stop();
    await server.restart();
    await runSql(server.url(), "CREATE ROLE plain LOGIN REPLICATION", "SELECT pg_create_physical_replication_slot('taken')");
    const check = (): Promise<Finding[]> =>
      preflightSource({
        address: serverAddress(server.url("postgres", "plain")),
        source: "population",
        slot: "dongbo_population",
        publication: "dongbo_population",
        connections: 4,
        walRetainedMaxBytes: 8 * gigabyte,
        tables: [],
        mappings: [],
      });
    const findings = await check();
    const expected = ["DB-PG-012", "DB-PG-016", "DB-PG-036", "DB-PG-037", "DB-PG-041"];
    expect(
      findings
        .map(({ code }) => code)
        .filter((code) => code !== "DB-PG-032")
        .toSorted(),
    ).toEqual(expected);
    for (const finding of findings) for (const statement of finding.sql) await runSql(server.url(), statement);
    await server.stop();
    await server.restart();
    expect(await check()).toEqual([]);
    await runSql(server.url(), "ALTER SYSTEM SET max_slot_wal_keep_size = '-1'", "SELECT pg_reload_conf()");
    expect((await check()).map(({ code, severity }) => `${code} ${severity}`)).toEqual(["DB-PG-036 warning"]);
  } finally {
    await server.destroy();
  }
});
