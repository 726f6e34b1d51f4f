// The gate's cost and its place in query plans, on every supported version: both depend on how the planner treats the view.
import type pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { PostgresMajor } from "../../deploy/embedded/postgres-binaries.ts";
import type { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import { startServer } from "../support/cluster.ts";
import { CopyDatabase, copyRoles, failureOf, makeCopyRoles, subscriptionOf } from "../support/copy-database.ts";

const majors: readonly PostgresMajor[] = [15, 16, 17, 18];

describe.each(majors)("plans through the gate on PostgreSQL %i", (major) => {
  let server: EmbeddedPostgres;
  let database: CopyDatabase;
  let reader: pg.Client;

  beforeAll(async () => {
    server = await startServer(major, { track_functions: "all", jit: "off" });
    await makeCopyRoles(server);
    const table = "CREATE TABLE master.citizen (personal_id text PRIMARY KEY, full_name text, province_code int)";
    database = await CopyDatabase.create(server, "plans", table);
    await database.prepare(subscriptionOf([await database.mapping("citizen")]));
    for (const sql of [
      `INSERT INTO population_copy.citizen
       SELECT lpad(i::text, 12, '0'), 'name ' || i % 1000, i % 63, 1 FROM generate_series(1, 100000) AS i`,
      "CREATE INDEX by_province ON population_copy.citizen (province_code)",
      "VACUUM ANALYZE population_copy.citizen",
    ])
      await database.engine.query(sql);
    await database.byHand(
      "CREATE SCHEMA office",
      "CREATE TABLE office.application AS SELECT i AS id, lpad(i::text, 12, '0') AS personal_id FROM generate_series(1, 50) AS i",
      "ANALYZE office.application",
      `GRANT USAGE ON SCHEMA office TO ${copyRoles.reader}`,
      `GRANT SELECT ON office.application TO ${copyRoles.reader}`,
    );
    reader = await database.session(copyRoles.reader);
  });

  afterAll(async () => {
    await reader.end();
    await database[Symbol.asyncDispose]();
    await server.destroy();
  });

  beforeEach(async () => {
    await database.open("population/hcm");
  });

  const expire = (): Promise<unknown> => database.engine.query("UPDATE dongbo.copy SET valid_until = '2026-01-02Z'");

  /** The plan's lines, with the gate's parameter called `gate`: versions number and print it differently. */
  async function plan(sql: string): Promise<string[]> {
    const { rows } = await reader.query<Record<string, string>>(`EXPLAIN (COSTS OFF) ${sql}`);
    return rows.map((row) =>
      String(row["QUERY PLAN"])
        .trim()
        .replace(/^-> +/, "")
        .replace(/^InitPlan.*/, "InitPlan")
        .replaceAll(/\(InitPlan \d+\)\.col1|\$\d+/g, "gate"),
    );
  }

  describe("shape", () => {
    test("the gate is a one-time filter above the scan, and a point look-up among 100,000 rows reaches the primary key", async () => {
      expect(await plan("SELECT * FROM population.citizen WHERE personal_id = '000000000077'")).toEqual([
        "Result",
        "One-Time Filter: gate",
        "InitPlan",
        "Result",
        "Index Scan using citizen_pkey on citizen",
        "Index Cond: (personal_id = '000000000077'::text)",
      ]);
    });

    test("an index that the owner added serves predicates and counts without touching the rows", async () => {
      const lines = await plan("SELECT count(*) FROM population.citizen WHERE province_code = 7");
      expect(lines.join("\n")).toMatch(/Index Only Scan using by_province|Bitmap Index Scan on by_province/);
      expect((await plan("SELECT max(personal_id) FROM population.citizen")).join("\n")).toContain(
        "Index Only Scan Backward using citizen_pkey",
      );
    });

    test("a small table joined to the copy looks its rows up by key, from either side of an outer join", async () => {
      const joins = ["JOIN", "LEFT JOIN"].map(
        (join) => `SELECT * FROM office.application AS a ${join} population.citizen AS c USING (personal_id) WHERE a.id <= 3`,
      );
      await reader.query("SET enable_hashjoin = off; SET enable_mergejoin = off");
      for (const sql of joins) expect((await plan(sql)).join("\n")).toMatch(/Index Scan using citizen_pkey on citizen/);
      await reader.query("RESET enable_hashjoin; RESET enable_mergejoin");
    });

    test("on the inner side of an outer join the gate stays a one-time filter of the copy and never becomes a join condition", async () => {
      for (const join of ["population.citizen AS c", "(population.citizen AS c CROSS JOIN (SELECT) AS nothing)"])
        for (const setting of ["enable_nestloop", "enable_hashjoin", "enable_mergejoin"]) {
          await reader.query(`SET ${setting} = off`);
          const lines = await plan(`SELECT * FROM office.application AS a LEFT JOIN ${join} ON c.personal_id = a.personal_id`);
          await reader.query(`RESET ${setting}`);
          expect(lines).toContain("One-Time Filter: gate");
          expect(lines.filter((line) => line.includes("gate"))).toEqual(["One-Time Filter: gate"]);
        }
    });

    test("a view restored from its printed definition, as a dump does it, is gated in the same way", async () => {
      const sql = (view: string) => `SELECT * FROM office.application AS a LEFT JOIN ${view} AS c ON c.personal_id = a.personal_id`;
      const definition = await database.engine.query<{ sql: string }>("SELECT pg_get_viewdef('population.citizen'::regclass) AS sql");
      await database.engine.query(`CREATE VIEW population.restored AS ${definition.rows[0]?.sql ?? ""}`);
      await database.engine.query(`GRANT SELECT ON population.restored TO ${copyRoles.reader}`);
      expect(await plan(sql("population.restored"))).toEqual(await plan(sql("population.citizen")));
    });

    test("queries run in parallel through the gate", async () => {
      await reader.query("SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0");
      const sql = "SELECT count(*) FROM population.citizen WHERE full_name LIKE '%77%'";
      const lines = await plan(sql);
      expect(lines).toContain("Parallel Seq Scan on citizen");
      expect(lines).toContain("One-Time Filter: gate");
      const calls = await callsDuring(() => reader.query(sql));
      expect(calls).toEqual({ gate: 1, gate_at_planning: 1 });
      await expire();
      expect((await failureOf(reader.query(sql))).code).toBe("DB001");
      await reader.query("RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size");
    });
  });

  /** How often each of dongbo's functions ran during some work of the reader. */
  async function callsDuring(work: () => Promise<unknown>): Promise<Record<string, number>> {
    const calls = async (): Promise<Map<string, number>> => {
      await reader.query("SELECT pg_stat_force_next_flush()");
      const rows = await database.byHand("SELECT funcname, calls FROM pg_stat_user_functions WHERE schemaname = 'dongbo'");
      return new Map(rows.map((row) => [String(row["funcname"]), Number(row["calls"])]));
    };
    const before = await calls();
    await work();
    const after = await calls();
    return Object.fromEntries(
      [...after].map(([name, count]) => [name, count - (before.get(name) ?? 0)] as const).filter(([, count]) => count > 0),
    );
  }

  describe("cost: one evaluation for a query's execution, one for its planning, none for a row", () => {
    test.each([
      ["100,000 rows read", "SELECT * FROM population.citizen", 1],
      ["one row read", "SELECT * FROM population.citizen WHERE personal_id = '000000000077'", 1],
      [
        "one look-up for each of 50 rows",
        "SELECT (SELECT full_name FROM population.citizen AS c WHERE c.personal_id = a.personal_id) FROM office.application AS a",
        1,
      ],
      ["an outer join", "SELECT * FROM office.application AS a LEFT JOIN population.citizen AS c USING (personal_id)", 1],
      ["a copy joined with itself", "SELECT count(*) FROM population.citizen AS a JOIN population.citizen AS b USING (personal_id)", 2],
    ])("%s", async (_what, sql, views) => {
      expect(await callsDuring(() => reader.query(sql))).toEqual({ gate: views, gate_at_planning: views });
    });

    test("a prepared statement with a cached plan is judged once at each execution and not planned again", async () => {
      await reader.query(
        "SET plan_cache_mode = force_generic_plan; PREPARE one AS SELECT * FROM population.citizen WHERE personal_id = $1",
      );
      await reader.query("EXECUTE one ('000000000077')");
      const calls = await callsDuring(async () => {
        for (let i = 0; i < 10; i++) await reader.query("EXECUTE one ('000000000077')");
      });
      expect(calls).toEqual({ gate: 10 });
      await reader.query("DEALLOCATE one; RESET plan_cache_mode");
    });
  });

  test("with a cached plan an expired copy is refused in outer and anti joins as well: it never looks as if it had no such row", async () => {
    const queries = [
      "SELECT c.full_name FROM office.application AS a LEFT JOIN population.citizen AS c ON c.personal_id = a.personal_id || 'x'",
      "SELECT c.full_name FROM office.application AS a LEFT JOIN (population.citizen AS c CROSS JOIN (SELECT) AS n) ON c.personal_id = a.personal_id || 'x'",
      "SELECT c.full_name FROM population.citizen AS c RIGHT JOIN office.application AS a ON c.personal_id = a.personal_id || 'x'",
      "SELECT c.full_name FROM office.application AS a FULL JOIN population.citizen AS c ON c.personal_id = a.personal_id",
      "SELECT c.full_name FROM office.application AS a JOIN population.citizen AS c ON c.personal_id = a.personal_id || 'x'",
      "SELECT full_name FROM population.citizen WHERE personal_id = 'x' UNION ALL SELECT personal_id FROM office.application",
      "SELECT count(*) FROM population.citizen WHERE personal_id = 'x'",
      "SELECT * FROM office.application AS a WHERE NOT EXISTS (SELECT FROM population.citizen AS c WHERE c.personal_id = a.personal_id || 'x')",
      "SELECT * FROM office.application AS a WHERE a.personal_id NOT IN (SELECT c.personal_id FROM population.citizen AS c)",
      "SELECT * FROM office.application AS a WHERE EXISTS (SELECT FROM population.citizen AS c WHERE c.personal_id = a.personal_id || 'x')",
      "SELECT (SELECT c.full_name FROM population.citizen AS c WHERE c.personal_id = a.personal_id || 'x') FROM office.application AS a",
      "SELECT * FROM office.application AS a CROSS JOIN LATERAL (SELECT * FROM population.citizen AS c WHERE c.personal_id > a.personal_id || 'x' LIMIT 1) AS l",
    ];
    await reader.query("SET plan_cache_mode = force_generic_plan");
    for (const setting of ["enable_nestloop", "enable_hashjoin", "enable_mergejoin"]) {
      await reader.query(`SET ${setting} = off`);
      for (const [index, sql] of queries.entries()) await reader.query(`PREPARE q${index} AS ${sql}; EXECUTE q${index}`);
      await expire();
      for (const [index, sql] of queries.entries()) {
        const refusal = await failureOf(reader.query(`EXECUTE q${index}`));
        expect(`${refusal.code} ${sql}`).toBe(`DB001 ${sql}`);
      }
      await database.open("population/hcm");
      await reader.query(`DEALLOCATE ALL; RESET ${setting}`);
    }
    await reader.query("RESET plan_cache_mode");
  });
});
