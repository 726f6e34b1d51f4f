// A reader who wants what the gate withholds. Every attempt is made with nothing but what a reader's role may do.
import type pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { PostgresMajor } from "../../deploy/embedded/postgres-binaries.ts";
import type { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import { startServer } from "../support/cluster.ts";
import { CopyDatabase, copyRoles, failureOf, makeCopyRoles, subscriptionOf } from "../support/copy-database.ts";

const majors: readonly PostgresMajor[] = [15, 16, 17, 18];

describe.each(majors)("attacks on the gate of PostgreSQL %i", (major) => {
  let server: EmbeddedPostgres;
  let database: CopyDatabase;
  let reader: pg.Client;
  const notices: string[] = [];

  beforeAll(async () => {
    server = await startServer(major, { jit: "off" });
    await makeCopyRoles(server);
    database = await CopyDatabase.create(server, "attacks", "CREATE TABLE master.citizen (personal_id text PRIMARY KEY, full_name text)");
    // What a hurried administrator may have set up before dongbo came: everything that is made is readable by everybody.
    await database.byHand(`ALTER DEFAULT PRIVILEGES FOR ROLE ${copyRoles.engine} GRANT ALL ON TABLES TO PUBLIC`);
    await database.byHand(`ALTER DEFAULT PRIVILEGES FOR ROLE ${copyRoles.engine} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC`);
    await database.prepare(subscriptionOf([await database.mapping("citizen")]));
    await database.engine.query(
      "INSERT INTO population_copy.citizen SELECT lpad(i::text, 12, '0'), 'secret ' || i % 20, 1 FROM generate_series(1, 1000) AS i",
    );
    await database.engine.query("ANALYZE population_copy.citizen");
    await database.byHand(`CREATE SCHEMA office AUTHORIZATION ${copyRoles.reader}`);
    reader = await database.session(copyRoles.reader);
    reader.on("notice", (notice) => notices.push(notice.message ?? ""));
    // Cheaper than any other function, so that the planner puts it first wherever it may.
    await reader.query(
      `
      CREATE FUNCTION office.leak(value text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001
        AS 'BEGIN RAISE NOTICE ''leaked %', value; RETURN false; END';
      CREATE FUNCTION office.leak_equal(a text, b text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001
        AS 'BEGIN RAISE NOTICE ''leaked %', a; RETURN false; END';
      CREATE OPERATOR office.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = office.leak_equal, RESTRICT = eqsel, JOIN = eqjoinsel)
    `.replaceAll("leaked %', ", "leaked %'', "),
    );
    await reader.query(
      "CREATE TABLE office.application AS SELECT lpad(i::text, 12, '0') AS personal_id FROM generate_series(1, 50) AS i; ANALYZE office.application",
    );
  });

  afterAll(async () => {
    await reader.end();
    await database[Symbol.asyncDispose]();
    await server.destroy();
  });

  beforeEach(async () => {
    await database.open("population/hcm");
    await reader.query("ROLLBACK; DEALLOCATE ALL; RESET ALL; RESET ROLE");
    notices.length = 0;
  });

  const expire = (): Promise<unknown> => database.engine.query("UPDATE dongbo.copy SET valid_until = '2026-01-02T03:04:05Z'");
  const refused = async (sql: string): Promise<void> => {
    const refusal = await failureOf(reader.query(sql));
    expect(`${refusal.code}: ${sql}`).toBe(`DB001: ${sql}`);
  };
  const leaks = (): string[] => notices.filter((notice) => notice.startsWith("leaked"));

  test("a leaky function sees no row of an expired copy, planned anew or from a cached plan", async () => {
    const queries = [
      "SELECT * FROM population.citizen WHERE office.leak(full_name)",
      "SELECT * FROM population.citizen WHERE office.leak(full_name) OR personal_id = '1'",
      "SELECT * FROM office.application AS a JOIN population.citizen AS c ON office.leak(c.full_name) AND c.personal_id = a.personal_id",
      "SELECT * FROM office.application AS a LEFT JOIN population.citizen AS c ON office.leak(c.full_name) AND c.personal_id = a.personal_id",
      "SELECT * FROM office.application AS a LEFT JOIN (population.citizen AS c CROSS JOIN (SELECT) AS n) ON office.leak(c.full_name)",
      "SELECT * FROM office.application AS a WHERE NOT EXISTS (SELECT FROM population.citizen AS c WHERE office.leak(c.full_name))",
      "SELECT * FROM (SELECT DISTINCT full_name FROM population.citizen) AS d WHERE office.leak(full_name)",
      "SELECT count(*) FILTER (WHERE office.leak(full_name)) FROM population.citizen",
      "SELECT * FROM population.citizen ORDER BY office.leak(full_name)",
    ];
    await reader.query("SET plan_cache_mode = force_generic_plan; SET cpu_operator_cost = 0");
    for (const [index, sql] of queries.entries()) {
      await reader.query(`PREPARE q${index} AS ${sql}; EXECUTE q${index}`);
      // The function does bite: nothing is proved by one that is never called.
      expect(`${leaks().length > 0} ${sql}`).toBe(`true ${sql}`);
      notices.length = 0;
    }
    await expire();
    for (const [index, sql] of queries.entries()) {
      await refused(`EXECUTE q${index}`);
      await refused(sql);
      await refused(`EXPLAIN ANALYZE ${sql}`);
    }
    expect(leaks()).toEqual([]);
  });

  test("an operator of his own shows a reader no value of an expired copy while the planner estimates with it", async () => {
    const sql = "EXPLAIN SELECT * FROM population.citizen WHERE full_name OPERATOR(office.===) 'x'";
    await reader.query(sql);
    // PostgreSQL applies the operator to the most common values: without a gate at planning this is how they get out.
    expect(leaks().length).toBeGreaterThan(0);
    notices.length = 0;
    await expire();
    await refused(sql);
    await refused(sql.replace("EXPLAIN ", ""));
    await refused(
      "EXPLAIN SELECT * FROM office.application AS a JOIN population.citizen AS c ON c.full_name OPERATOR(office.===) a.personal_id",
    );
    expect(leaks()).toEqual([]);
  });

  test("nothing that a reader puts before pg_catalog in search_path, or into his temporary schema, is looked at", async () => {
    await reader.query(`
      CREATE FUNCTION office.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT '2020-01-01Z'::timestamptz $$;
      CREATE FUNCTION office.past(timestamptz, timestamptz) RETURNS boolean LANGUAGE sql AS $$ SELECT false $$;
      CREATE OPERATOR office.>= (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = office.past);
      CREATE OPERATOR office.< (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = office.past);
      CREATE FUNCTION office.gate(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
      CREATE TABLE office.verdict (subscription text, target_table text, reason text);
      CREATE TEMP TABLE verdict (subscription text, target_table text, reason text);
      CREATE TEMP TABLE copy (subscription text);
      CREATE TEMP TABLE subscription (id text);
      CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (false);
      CREATE DOMAIN pg_temp.timestamptz AS pg_catalog.timestamptz CHECK (false);
      SET search_path = pg_temp, office, pg_catalog`);
    await reader.query("SELECT FROM population.citizen");
    await expire();
    await refused("SELECT FROM population.citizen");
    expect((await reader.query("SELECT usable FROM dongbo.status")).rows).toEqual([{ usable: "f" }]);
    await reader.query("DISCARD TEMP");
  });

  test("COPY, cursors, prepared queries, DO blocks, CREATE TABLE AS and functions are refused like any query", async () => {
    await reader.query(
      "CREATE FUNCTION office.names() RETURNS SETOF text LANGUAGE plpgsql AS 'BEGIN RETURN QUERY SELECT full_name FROM population.citizen; END'",
    );
    await reader.query(
      "CREATE FUNCTION office.inlined() RETURNS SETOF text LANGUAGE sql STABLE AS 'SELECT full_name FROM population.citizen'",
    );
    await reader.query("SELECT * FROM office.names() LIMIT 1; SELECT * FROM office.inlined() LIMIT 1");
    await expire();
    for (const sql of [
      "COPY (SELECT * FROM population.citizen) TO STDOUT",
      "COPY (SELECT * FROM population.citizen WHERE office.leak(full_name)) TO STDOUT",
      "BEGIN; DECLARE c CURSOR FOR SELECT * FROM population.citizen; FETCH c",
      "ROLLBACK; DO $$ BEGIN PERFORM FROM population.citizen; END $$",
      "CREATE TABLE office.mine AS SELECT * FROM population.citizen",
      "SELECT * INTO office.mine FROM population.citizen",
      "INSERT INTO office.application SELECT personal_id FROM population.citizen",
      "DELETE FROM office.application AS a USING population.citizen AS c WHERE a.personal_id = c.personal_id",
      "SELECT * FROM office.names()",
      "SELECT * FROM office.inlined()",
      "EXPLAIN ANALYZE SELECT * FROM population.citizen",
      "EXPLAIN SELECT * FROM population.citizen",
    ])
      await refused(sql);
    await reader.query("ROLLBACK");
    // A view is no table: this form of COPY never worked on it.
    expect((await failureOf(reader.query("COPY population.citizen TO STDOUT"))).code).toBe("42809");
    expect(leaks()).toEqual([]);
  });

  test.each([
    "SELECT * FROM (SELECT * FROM population.citizen OFFSET 0) AS s",
    "SELECT * FROM office.application AS a CROSS JOIN LATERAL (SELECT * FROM population.citizen AS c WHERE c.personal_id = a.personal_id) AS l",
    "WITH c AS MATERIALIZED (SELECT * FROM population.citizen) SELECT * FROM c",
    "WITH RECURSIVE c AS (SELECT personal_id FROM population.citizen UNION SELECT personal_id || '1' FROM c WHERE length(personal_id) < 13) SELECT * FROM c",
    "SELECT 'x' UNION ALL SELECT full_name FROM population.citizen",
    "SELECT full_name FROM population.citizen EXCEPT SELECT 'x'",
    "SELECT personal_id FROM office.application INTERSECT SELECT personal_id FROM population.citizen",
    "SELECT row_number() OVER (ORDER BY personal_id) FROM population.citizen",
    "SELECT full_name, count(*) FROM population.citizen GROUP BY GROUPING SETS ((full_name), ())",
    "SELECT max(personal_id), min(personal_id) FROM population.citizen",
    "SELECT DISTINCT ON (full_name) * FROM population.citizen",
    "SELECT * FROM population.citizen AS a, population.citizen AS b WHERE a.personal_id = b.personal_id",
    "SELECT ARRAY(SELECT full_name FROM population.citizen)",
    "SELECT CASE WHEN EXISTS (SELECT FROM population.citizen) THEN 1 END",
    "SELECT c FROM population.citizen AS c",
    "TABLE population.citizen",
    "VALUES ((SELECT count(*) FROM population.citizen))",
  ])("refused when expired: %s", async (sql) => {
    await reader.query(sql);
    await expire();
    await refused(sql);
  });

  test("views of a reader over the view are refused with it, a materialized one keeps what it took and cannot be refreshed", async () => {
    await reader.query(`
      CREATE VIEW office.plain AS SELECT * FROM population.citizen;
      CREATE VIEW office.barrier WITH (security_barrier) AS SELECT * FROM population.citizen WHERE full_name <> 'x';
      CREATE VIEW office.invoker WITH (security_invoker) AS SELECT * FROM population.citizen;
      CREATE MATERIALIZED VIEW office.taken AS SELECT * FROM population.citizen`);
    await expire();
    for (const view of ["plain", "barrier", "invoker"]) await refused(`SELECT * FROM office.${view}`);
    // Whoever copies rows out of a copy answers for them: the gate guards the copy.
    expect((await reader.query("SELECT * FROM office.taken")).rowCount).toBe(1000);
    await refused("REFRESH MATERIALIZED VIEW office.taken");
    await reader.query("DROP VIEW office.plain, office.barrier, office.invoker; DROP MATERIALIZED VIEW office.taken");
  });

  test("SET ROLE, a caught error and a SECURITY DEFINER function open nothing", async () => {
    await database.byHand(`GRANT ${copyRoles.stranger} TO ${copyRoles.reader}`);
    await reader.query(`
      CREATE FUNCTION office.caught() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$
      BEGIN
        BEGIN PERFORM FROM population.citizen; EXCEPTION WHEN OTHERS THEN NULL; END;
        RETURN (SELECT count(*) FROM population.citizen);
      END $$`);
    expect((await reader.query("SELECT office.caught() AS n")).rows).toEqual([{ n: "1000" }]);
    await expire();
    await refused("SELECT office.caught()");
    await reader.query(`SET ROLE ${copyRoles.stranger}`);
    expect((await failureOf(reader.query("SELECT FROM population_copy.citizen"))).code).toBe("42501");
    expect((await failureOf(reader.query(`SET ROLE ${copyRoles.engine}`))).code).toBe("42501");
    await reader.query("RESET ROLE");
  });

  test("AC-08: default privileges that open every new table do not open the physical ones, and hide the gate from nobody", async () => {
    for (const sql of ["SELECT FROM population_copy.citizen", "SELECT FROM dongbo.subscription", "SELECT FROM dongbo.quarantine"])
      expect((await failureOf(reader.query(sql))).code).toBe("42501");
    // A grant by hand on the physical table lasts until the next start.
    await database.byHand(
      `GRANT USAGE ON SCHEMA population_copy TO ${copyRoles.reader}`,
      `GRANT SELECT ON population_copy.citizen TO ${copyRoles.reader} WITH GRANT OPTION`,
      `GRANT SELECT (full_name) ON population_copy.citizen TO ${copyRoles.stranger}`,
    );
    await reader.query(`GRANT SELECT ON population_copy.citizen TO ${copyRoles.dba}`);
    await reader.query("SELECT FROM population_copy.citizen");
    await database.prepare(subscriptionOf([await database.mapping("citizen")]));
    expect((await failureOf(reader.query("SELECT FROM population_copy.citizen"))).code).toBe("42501");
    const left = await database.byHand(
      `SELECT grantee FROM information_schema.column_privileges WHERE table_schema = 'population_copy' AND grantee <> '${copyRoles.engine}'`,
    );
    expect(left).toEqual([]);
  });

  test("writes stay impossible though default privileges granted them on the view", async () => {
    for (const sql of ["DELETE FROM population.citizen", "UPDATE population.citizen SET full_name = 'x'"])
      expect((await failureOf(reader.query(sql))).code).toBe("55000");
  });
});
