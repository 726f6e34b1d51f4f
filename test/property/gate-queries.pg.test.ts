// No query whose answer depends on a copy gives one when the copy is refused: not planned anew, and not from a cached plan.
import fc from "fast-check";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PostgresMajor } from "../../deploy/embedded/postgres-binaries.ts";
import type { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import { startServer } from "../support/cluster.ts";
import { CopyDatabase, copyRoles, makeCopyRoles, subscriptionOf } from "../support/copy-database.ts";
import { seed } from "../support/filter-samples.ts";

const majors: readonly PostgresMajor[] = [15, 16, 17, 18];
const queries = 500;

// Relations of two columns k and v, in which `a` and `b` are whatever is nearest.
const copy = "(SELECT personal_id AS k, full_name AS v FROM population.citizen)";
// One look at the copy is what a query is judged by: a second one would hide where the first is not.
const leaf = fc.constantFrom(copy, copy, "office.over_the_copy", "office.own", "office.own", "office.own", "office.empty");
const condition = fc.constantFrom("a.k = b.k", "a.k = b.k || 'x'", "a.v < b.v", "a.k = b.k AND a.v > 'm'", "true", "b.k IS NULL");
const outerJoin = fc.constantFrom("JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN");
const wrappings = [
  "(SELECT k, v FROM @ OFFSET 0)",
  "(SELECT k, max(v) AS v FROM @ GROUP BY k)",
  "(SELECT max(k) AS k, min(v) AS v FROM @)",
  "(SELECT DISTINCT k, v FROM @)",
  "(SELECT k, count(*) OVER (PARTITION BY v)::text AS v FROM @)",
  "(SELECT k, v FROM @ WHERE k > '3')",
  "(SELECT k, v FROM @ ORDER BY k LIMIT 3)",
];
const { relation } = fc.letrec<{ relation: string }>((tie) => {
  const inner = tie("relation");
  const of = (...parts: fc.Arbitrary<string>[]): fc.Arbitrary<string[]> => fc.tuple(...parts);
  return {
    relation: fc.oneof(
      { maxDepth: 2, depthSize: "small" },
      leaf,
      {
        weight: 4,
        arbitrary: of(
          fc.constantFrom("a.k", "b.k"),
          fc.constantFrom("a.v", "coalesce(b.v, 'none')"),
          inner,
          outerJoin,
          inner,
          condition,
        ).map(([k, v, a, join, b, on]) => `(SELECT ${k} AS k, ${v} AS v FROM ${a} AS a ${join} ${b} AS b ON ${on})`),
      },
      of(inner, inner).map(([a, b]) => `(SELECT coalesce(a.k, b.k) AS k, b.v FROM ${a} AS a FULL JOIN ${b} AS b ON a.k = b.k)`),
      of(inner, fc.constantFrom("", "NOT "), inner, condition).map(
        ([a, not, b, on]) => `(SELECT a.k, a.v FROM ${a} AS a WHERE ${not}EXISTS (SELECT FROM ${b} AS b WHERE ${on}))`,
      ),
      of(inner, fc.constantFrom("", "NOT "), inner).map(
        ([a, not, b]) => `(SELECT a.k, a.v FROM ${a} AS a WHERE a.k ${not}IN (SELECT b.k FROM ${b} AS b))`,
      ),
      of(inner, condition, inner).map(([b, on, a]) => `(SELECT a.k, (SELECT max(b.v) FROM ${b} AS b WHERE ${on}) AS v FROM ${a} AS a)`),
      of(inner, fc.constantFrom("JOIN", "LEFT JOIN"), inner).map(
        ([a, join, b]) =>
          `(SELECT a.k, l.v FROM ${a} AS a ${join} LATERAL (SELECT b.v FROM ${b} AS b WHERE b.k > a.k ORDER BY b.k LIMIT 1) AS l ON true)`,
      ),
      of(inner, fc.constantFrom("UNION ALL", "UNION", "EXCEPT", "INTERSECT"), inner).map(
        ([a, set, b]) => `(SELECT k, v FROM ${a} AS a ${set} SELECT k, v FROM ${b} AS b)`,
      ),
      of(fc.constantFrom("MATERIALIZED", "NOT MATERIALIZED"), inner).map(
        ([kept, a]) => `(WITH w AS ${kept} (SELECT k, v FROM ${a} AS a) SELECT a.k, b.v FROM w AS a LEFT JOIN w AS b ON a.k = b.v)`,
      ),
      of(inner, fc.constantFrom(...wrappings)).map(([a, wrapping]) => (wrapping ?? "").replace("@", `${a} AS a`)),
    ),
  };
});
const query = fc
  .tuple(relation, fc.constantFrom("SELECT * FROM @ AS a", "SELECT count(*), max(v) FROM @ AS a", "SELECT EXISTS (SELECT FROM @ AS a)"))
  .map(([from, select]) => select.replace("@", from));
/** What the planner must do without while it plans the query. */
const without = fc.subarray(["nestloop", "hashjoin", "mergejoin", "memoize", "material", "hashagg", "seqscan", "indexscan"], {
  maxLength: 3,
});

describe.each(majors)(`queries of a reader on PostgreSQL %i (DONGBO_SEED=${seed})`, (major) => {
  let server: EmbeddedPostgres;
  let database: CopyDatabase;
  let reader: pg.Client;

  beforeAll(async () => {
    server = await startServer(major, { jit: "off" });
    await makeCopyRoles(server);
    database = await CopyDatabase.create(server, "queries", "CREATE TABLE master.citizen (personal_id text PRIMARY KEY, full_name text)");
    await database.prepare(subscriptionOf([await database.mapping("citizen")]));
    await fill(rowsOfOneKind);
    await database.engine.query("ANALYZE population_copy.citizen");
    await database.open("population/hcm");
    await database.byHand(`CREATE SCHEMA office AUTHORIZATION ${copyRoles.reader}`);
    reader = await database.session(copyRoles.reader);
    await reader.query(`
      CREATE TABLE office.own AS SELECT i::text AS k, chr(98 + i % 5) AS v FROM generate_series(3, 8) AS i;
      CREATE TABLE office.empty (k text, v text);
      CREATE VIEW office.over_the_copy AS SELECT personal_id AS k, full_name AS v FROM population.citizen WHERE full_name <> 'q';
      ANALYZE office.own; SET plan_cache_mode = force_generic_plan; SET statement_timeout = '10s'`);
  });

  afterAll(async () => {
    await reader.end();
    await database[Symbol.asyncDispose]();
    await server.destroy();
  });

  const rowsOfOneKind = "SELECT i::text, chr(97 + i % 7), 1 FROM generate_series(1, 12) AS i";
  const rowsOfAnother = "SELECT i || repeat('x', i % 2), chr(100 + i % 13), 1 FROM generate_series(0, 5) AS i";
  const states = [rowsOfOneKind, null, rowsOfAnother];
  async function fill(rows: string | null): Promise<void> {
    await database.engine.query("DELETE FROM population_copy.citizen");
    if (rows !== null) await database.engine.query(`INSERT INTO population_copy.citizen ${rows}`);
  }

  /** The answer as one text, whatever the order of its rows; the SQLSTATE of a refusal. */
  async function answer(sql: string): Promise<string> {
    try {
      const { rows } = await reader.query<unknown[]>({ text: sql, rowMode: "array" });
      return JSON.stringify(rows.map((row) => JSON.stringify(row)).toSorted());
    } catch (error) {
      return (error as { code: string }).code;
    }
  }

  test("VL-03: are refused with the copy wherever their answer depends on it", async () => {
    const prepared = fc
      .sample(fc.tuple(query, without), { numRuns: queries, seed })
      .map(([sql, off], index) => ({ sql, off, name: `q${index}` }));
    const answers = new Map<string, Set<string>>(prepared.map(({ sql }) => [sql, new Set()]));
    const askAll = async (): Promise<void> => {
      for (const { sql, name } of prepared) answers.get(sql)?.add(await answer(`EXECUTE ${name}`));
    };
    for (const { sql, off, name } of prepared) {
      for (const what of off) await reader.query(`SET enable_${what} = off`);
      await reader.query(`PREPARE ${name} AS ${sql}; EXECUTE ${name}`);
      for (const what of off) await reader.query(`RESET enable_${what}`);
    }
    for (const rows of states) {
      await fill(rows);
      await askAll();
    }
    await database.engine.query("UPDATE dongbo.copy SET valid_until = '2026-01-02Z'");
    const dependent = prepared.filter(({ sql }) => (answers.get(sql)?.size ?? 0) > 1);
    const answered: string[] = [];
    for (const rows of states) {
      await fill(rows);
      for (const { sql, name } of dependent)
        for (const asked of [`EXECUTE ${name}`, sql]) if ((await answer(asked)) !== "DB001") answered.push(`${asked}: ${sql}`);
    }
    expect(answered).toEqual([]);
    // Nothing is proved by queries that do not look at the copy.
    expect(dependent.length).toBeGreaterThan(queries / 4);
  });
});
