import type pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  comparePublication,
  lookAtPublication,
  type PublicationLook,
  preparePublication,
  publicationNeeds,
} from "../../connectors/postgres/capture/publication.ts";
import { columnList, type PublicationPlan } from "../../connectors/postgres/capture/publication-plan.ts";
import { connectPostgres } from "../../connectors/postgres/postgres-client.ts";
import { describeTables } from "../../connectors/postgres/postgres-schema.ts";
import type { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import type { Subscription, TableMapping } from "../../engine/model/share.ts";
import { runSql, startServer } from "../support/cluster.ts";
import { serverAddress } from "../support/server-address.ts";
import { tableMapping } from "../support/table-builders.ts";

const options = "publish = 'insert, update, delete, truncate', publish_via_partition_root = true";

describe.each([15, 18] as const)("the publication on PostgreSQL %i", (major) => {
  let server: EmbeddedPostgres;
  let client: pg.Client;
  beforeAll(async () => {
    server = await startServer(major, { wal_level: "logical" });
    await runSql(server.url(), "CREATE ROLE owner LOGIN", "CREATE ROLE plain LOGIN REPLICATION");
  });
  afterAll(() => server?.destroy());

  beforeEach(async () => {
    await runSql(server.url(), "DROP DATABASE IF EXISTS master WITH (FORCE)", "CREATE DATABASE master");
    client = await connectPostgres(serverAddress(server.url("master")), { role: "test" });
  });
  afterEach(() => client.end());

  const sql = (...statements: string[]): Promise<Record<string, string | null>[]> => runSql(server.url("master"), ...statements);

  async function mapping(name: string, shipped: readonly string[], filterColumn?: string): Promise<TableMapping> {
    const [catalog] = await describeTables(client, [{ schema: "public", name }]);
    if (catalog === undefined) throw new Error(`no table ${name}`);
    return tableMapping(catalog, shipped, filterColumn === undefined ? null : { op: "is_null", column: filterColumn, value: true });
  }

  const compare = (...mappings: TableMapping[]): Promise<PublicationPlan> => comparePublication(client, "dongbo_p", mappings);

  /** Runs what the plan says; afterwards nothing is left to do. */
  async function carryOut(...mappings: TableMapping[]): Promise<readonly string[]> {
    const plan = await compare(...mappings);
    await sql(...plan.statements);
    expect(await compare(...mappings)).toMatchObject({ exists: true, statements: [], lacking: [], harmed: [], cause: null });
    return plan.statements;
  }

  const published = async (): Promise<string[]> =>
    (
      await sql(
        "SELECT tablename || array_to_string(attnames, ',', '?')::text AS line, tablename, attnames::text FROM pg_publication_tables WHERE pubname = 'dongbo_p' ORDER BY 1",
      )
    ).map((row) => `${row["tablename"]} ${row["attnames"]}`);

  let touches = 0;

  /** Inserts a row, updates and deletes all; fails where the publication stands in the way. */
  const touch = (name: string, update: string): Promise<unknown> =>
    sql(`INSERT INTO ${name} (id) VALUES (${++touches})`, `UPDATE ${name} SET ${update}`, `DELETE FROM ${name}`);

  test("is made with no more columns than copies, keys, filters and before images need", async () => {
    await sql(
      'CREATE TABLE "Công dân" (id int PRIMARY KEY, "Họ tên" text, province text, photo bytea, other int)',
      "CREATE TABLE whole (id int PRIMARY KEY, a int)",
    );
    expect(await carryOut(await mapping("Công dân", ["id", "Họ tên"], "province"), await mapping("whole", ["id", "a"]))).toEqual([
      `CREATE PUBLICATION "dongbo_p" FOR TABLE ONLY "public"."Công dân" ("id", "Họ tên", "province"), TABLE ONLY "public"."whole" WITH (${options})`,
    ]);
    expect(await published()).toEqual(['Công dân {id,"Họ tên",province}', "whole {id,a}"]);
    await touch('"Công dân"', "photo = '\\x00'");
  });

  test("can be made before any table is shared", async () => {
    expect(await carryOut()).toEqual([`CREATE PUBLICATION "dongbo_p" WITH (${options})`]);
  });

  test("gets the tables that are new, without touching the others", async () => {
    await sql(
      "CREATE TABLE one (id int PRIMARY KEY, a int)",
      "CREATE TABLE two (id int PRIMARY KEY, a int)",
      "CREATE TABLE foreign_table (id int PRIMARY KEY)",
    );
    await sql("CREATE PUBLICATION dongbo_p FOR TABLE one (id), foreign_table");
    expect(await carryOut(await mapping("one", ["id"]), await mapping("two", ["id", "a"]))).toEqual([
      'ALTER PUBLICATION "dongbo_p" ADD TABLE ONLY "public"."two"',
    ]);
    expect(await published()).toEqual(["foreign_table {id}", "one {id}", "two {id,a}"]);
  });

  test("gets further columns in one statement, so that no change falls between, and keeps what others added", async () => {
    await sql(
      "CREATE TABLE one (id int PRIMARY KEY, a int, b int, c int)",
      "CREATE TABLE two (id int PRIMARY KEY, a int)",
      "CREATE TABLE theirs (id int PRIMARY KEY, x int)",
    );
    await sql("CREATE PUBLICATION dongbo_p FOR TABLE one (id, a), theirs (id) WHERE (id > 5)");
    const wanted = [await mapping("one", ["id", "b"]), await mapping("two", ["id"])];
    expect((await compare(...wanted)).lacking.map(({ table, cause }) => `${table.table.name}: ${cause}`)).toEqual([
      'one: the publication leaves out "b"',
      "two: the table is not published",
    ]);
    const statements = await carryOut(...wanted);
    expect(statements).toEqual([
      'ALTER PUBLICATION "dongbo_p" SET TABLE ONLY "public"."one" ("id", "b"), TABLE ONLY "public"."two" ("id"), TABLE ONLY "public"."theirs" ("id") WHERE ((id > 5))',
    ]);
    expect(await published()).toEqual(["one {id,b}", "theirs {id}", "two {id}"]);
  });

  test("is content with more than is needed: whole tables, all tables, whole schemas", async () => {
    await sql("CREATE TABLE one (id int PRIMARY KEY, a int)");
    for (const publication of ["FOR TABLE one", "FOR ALL TABLES", "FOR TABLES IN SCHEMA public"]) {
      await sql("DROP PUBLICATION IF EXISTS dongbo_p", `CREATE PUBLICATION dongbo_p ${publication}`);
      expect(await compare(await mapping("one", ["id"]))).toMatchObject({ statements: [], lacking: [], cause: null });
    }
  });

  test("loses a row filter that somebody gave it, and gains the operations it lacks", async () => {
    await sql(
      "CREATE TABLE one (id int PRIMARY KEY, a int)",
      "CREATE PUBLICATION dongbo_p FOR TABLE one WHERE (id < 5) WITH (publish = 'insert')",
    );
    const plan = await compare(await mapping("one", ["id", "a"]));
    expect(plan.cause).toContain("publish = 'insert, update, delete, truncate'");
    expect(plan.lacking[0]?.cause).toContain("row filter");
    await carryOut(await mapping("one", ["id", "a"]));
  });

  test("gives no column list where the replica identity is full, and takes one away that makes updates fail", async () => {
    await sql(
      "CREATE TABLE one (id int PRIMARY KEY, a int, b int)",
      "CREATE PUBLICATION dongbo_p FOR TABLE one (id)",
      "ALTER TABLE one REPLICA IDENTITY FULL",
    );
    await expect(touch("one", "a = 1")).rejects.toMatchObject({ code: "42P10" });
    const plan = await compare(await mapping("one", ["id"]));
    expect(plan.harmed.map(({ table }) => table.name)).toEqual(["one"]);
    await carryOut(await mapping("one", ["id"]));
    await touch("one", "a = 1");
  });

  test("covers a replica identity that lies on another index than the key", async () => {
    await sql(
      "CREATE TABLE one (id int PRIMARY KEY, a int NOT NULL DEFAULT 0 UNIQUE, b int)",
      "ALTER TABLE one REPLICA IDENTITY USING INDEX one_a_key",
    );
    await carryOut(await mapping("one", ["id"]));
    expect(await published()).toEqual(["one {id,a}"]);
    await touch("one", "b = 1");
  });

  test("never takes in a table that could then not be updated, and lets go of one that cannot", async () => {
    await sql(
      "CREATE TABLE keyless (id int)",
      "CREATE TABLE silent (id int PRIMARY KEY)",
      "ALTER TABLE silent REPLICA IDENTITY NOTHING",
      "CREATE TABLE good (id int PRIMARY KEY, a int)",
    );
    const wanted = [await mapping("keyless", ["id"]), await mapping("silent", ["id"]), await mapping("good", ["id"])];
    const plan = await compare(...wanted);
    expect(plan.lacking.map(({ table }) => table.table.name)).toEqual(["keyless", "silent", "good"]);
    await sql(...plan.statements);
    expect(await published()).toEqual(["good {id}"]);
    await touch("keyless", "id = 1");
    await touch("silent", "id = 1");
    await sql("ALTER PUBLICATION dongbo_p ADD TABLE keyless");
    await expect(touch("keyless", "id = 1")).rejects.toMatchObject({ code: "55000" });
    const harmful = await compare(...wanted);
    expect(harmful.harmed.map(({ table }) => table.name)).toEqual(["keyless"]);
    expect(harmful.statements).toEqual(['ALTER PUBLICATION "dongbo_p" DROP TABLE ONLY "public"."keyless"']);
    await sql(...harmful.statements);
    await touch("keyless", "id = 1");
  });

  describe("with partitions", () => {
    const parted = [
      "CREATE TABLE parted (id int, part int DEFAULT 1, a int, b int, PRIMARY KEY (id, part)) PARTITION BY LIST (part)",
      "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1)",
      "CREATE TABLE parted_rest PARTITION OF parted DEFAULT",
    ];

    test("publishes a partitioned table in its own name, with a list that every partition can live with", async () => {
      await sql(...parted, "CREATE PUBLICATION dongbo_p");
      expect(await carryOut(await mapping("parted", ["id", "a"]))).toEqual([
        'ALTER PUBLICATION "dongbo_p" SET (publish_via_partition_root = true)',
        'ALTER PUBLICATION "dongbo_p" ADD TABLE "public"."parted" ("id", "part", "a")',
      ]);
      await touch("parted", "b = 1");
      await sql(
        "ALTER TABLE parted ALTER b SET DEFAULT 3",
        "ALTER TABLE parted_1 ALTER b SET NOT NULL",
        "CREATE UNIQUE INDEX by_b ON parted_1 (b)",
        "ALTER TABLE parted_1 REPLICA IDENTITY USING INDEX by_b",
      );
      await expect(touch("parted", "a = 1")).rejects.toMatchObject({ code: "42P10" });
      await sql("TRUNCATE parted");
      await carryOut(await mapping("parted", ["id", "a"]));
      await touch("parted", "a = 1");
    });

    test("gives no list when one partition logs whole rows", async () => {
      await sql(...parted, "ALTER TABLE parted_1 REPLICA IDENTITY FULL");
      const wanted = await mapping("parted", ["id", "a"]);
      const [need] = await publicationNeeds(client, [wanted]);
      expect(need && columnList(need, major)).toBeNull();
      await carryOut(wanted);
      await touch("parted", "b = 1");
    });

    test("leaves out a partitioned table one partition of which cannot be updated", async () => {
      await sql(...parted, "ALTER TABLE parted_rest REPLICA IDENTITY NOTHING");
      expect((await compare(await mapping("parted", ["id"]))).statements).toEqual([`CREATE PUBLICATION "dongbo_p" WITH (${options})`]);
    });
  });

  describe("with generated columns", () => {
    test("works with a full replica identity", async () => {
      await sql(
        "CREATE TABLE one (id int PRIMARY KEY, a int, s int GENERATED ALWAYS AS (a + 1) STORED)",
        "ALTER TABLE one REPLICA IDENTITY FULL",
      );
      const statements = await carryOut(await mapping("one", ["id", "a"]));
      expect(statements[0]?.includes("publish_generated_columns = stored")).toBe(major === 18);
      await touch("one", "a = 1");
    });

    test("works with a list", async () => {
      await sql("CREATE TABLE one (id int PRIMARY KEY, a int, b int, s int GENERATED ALWAYS AS (a + 1) STORED)");
      await carryOut(await mapping("one", ["id", "a"]));
      expect(await published()).toEqual(["one {id,a}"]);
      await touch("one", "a = 1");
    });

    test.runIf(major === 18)("publishes stored ones that are wanted, with a list or without", async () => {
      await sql(
        "CREATE TABLE one (id int PRIMARY KEY, a int, b int, s int GENERATED ALWAYS AS (a + 1) STORED)",
        "CREATE TABLE two (LIKE one INCLUDING ALL)",
        "ALTER TABLE two REPLICA IDENTITY FULL",
      );
      await carryOut(await mapping("one", ["id", "s"]));
      expect(await published()).toEqual(["one {id,s}"]);
      await carryOut(await mapping("one", ["id", "s"]), await mapping("two", ["id", "s"]));
      expect(await published()).toEqual(["one {id,s}", "two {id,a,b,s}"]);
      await touch("one", "a = 1");
      await touch("two", "a = 1");
    });

    test.runIf(major === 18)("never takes in a table whose full identity holds a virtual one", async () => {
      await sql(
        "CREATE TABLE one (id int PRIMARY KEY, a int, v int GENERATED ALWAYS AS (a + 1) VIRTUAL)",
        "ALTER TABLE one REPLICA IDENTITY FULL",
      );
      const wanted = await mapping("one", ["id", "a"]);
      expect((await compare(wanted)).statements[0]).not.toContain("TABLE ONLY");
      await sql("CREATE PUBLICATION dongbo_p FOR TABLE one WITH (publish_generated_columns = stored)");
      await expect(touch("one", "a = 1")).rejects.toMatchObject({ code: "42P10" });
      expect((await compare(wanted)).harmed).toHaveLength(1);
      await sql(...(await compare(wanted)).statements);
      await touch("one", "a = 1");
    });
  });

  describe("prepared by dongbo itself", () => {
    const prepare = async (role: string, ...mappings: TableMapping[]): Promise<PublicationLook["lacking"]> => {
      const wanted = { publication: "dongbo_p", subscriptions: [subscription(mappings)] };
      return (await preparePublication(serverAddress(server.url("master", role)), wanted)).after.lacking;
    };

    test("is made and kept up where the role owns the tables", async () => {
      await sql(
        "GRANT CREATE ON DATABASE master TO owner",
        "CREATE TABLE one (id int PRIMARY KEY, a int)",
        "ALTER TABLE one OWNER TO owner",
      );
      expect(await prepare("owner", await mapping("one", ["id"]))).toEqual([]);
      expect(await published()).toEqual(["one {id}"]);
      expect(await prepare("owner", await mapping("one", ["id", "a"]))).toEqual([]);
      expect(await published()).toEqual(["one {id,a}"]);
    });

    test("has another version of a table after each alteration that concerns it, also one that was taken back", async () => {
      await sql(
        "CREATE TABLE one (id int PRIMARY KEY)",
        "CREATE TABLE two (id int PRIMARY KEY)",
        "CREATE PUBLICATION dongbo_p FOR TABLE one, two",
      );
      const wanted = {
        publication: "dongbo_p",
        subscriptions: [subscription([await mapping("one", ["id"]), await mapping("two", ["id"])])],
      };
      const versions = async (): Promise<string[]> => [
        ...(await lookAtPublication(serverAddress(server.url("master")), wanted)).versions.values(),
      ];
      const [one, two] = await versions();
      await sql(
        "CREATE TABLE three (id int)",
        "ALTER PUBLICATION dongbo_p ADD TABLE three",
        "ALTER PUBLICATION dongbo_p SET TABLE one, two",
      );
      expect(await versions()).toEqual([one, two]);
      await sql("ALTER PUBLICATION dongbo_p DROP TABLE two", "ALTER PUBLICATION dongbo_p ADD TABLE two");
      const [same, other] = await versions();
      expect([same === one, other === two]).toEqual([true, false]);
      await sql(
        "ALTER PUBLICATION dongbo_p SET (publish = 'insert')",
        "ALTER PUBLICATION dongbo_p SET (publish = 'insert, update, delete, truncate')",
      );
      expect((await versions()).some((version) => [same, other].includes(version))).toBe(false);
    });

    test("is left to the owner where the role may not, table by table", async () => {
      await sql("CREATE TABLE one (id int PRIMARY KEY)", "CREATE TABLE two (id int PRIMARY KEY)");
      const wanted = [await mapping("one", ["id"]), await mapping("two", ["id"])];
      await expect(prepare("plain", ...wanted)).rejects.toMatchObject({
        code: "DB-SLOT-007",
        sql: [expect.stringContaining("CREATE PUBLICATION")],
      });
      await sql("CREATE PUBLICATION dongbo_p FOR TABLE one");
      const lacking = await prepare("plain", ...wanted);
      expect(lacking.map(({ table, error }) => [table.table.name, error.sql])).toEqual([
        ["two", ['ALTER PUBLICATION "dongbo_p" ADD TABLE ONLY "public"."two";']],
      ]);
    });
  });
});

function subscription(tables: readonly TableMapping[]): Subscription {
  return {
    id: "population/hcm",
    share: "population",
    source: "p",
    target: "hcm",
    agreement: { id: "TT-01", from: new Date(0), to: null },
    regulation: { id: "QC-01", validityPeriodSeconds: 60, onExpiry: "refuse", logRetentionSeconds: 60 },
    tables,
    stopped: [],
    quarantineMax: 100,
  };
}
