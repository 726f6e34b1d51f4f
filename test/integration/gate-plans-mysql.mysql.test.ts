// How often the gate of a MariaDB target is judged, and what a reader's queries cost behind it.
import type { Connection } from "mysql2/promise";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { MysqlCopies, refusalOf } from "../support/mysql-copies.ts";
import { bytewiseCollation, explain, numbersTo, testedFlavour } from "../support/mysql-server.ts";

let copies: MysqlCopies;
let reader: Connection;

beforeAll(async () => {
  copies = await MysqlCopies.open({ citizen: "full_name VARCHAR(100), province INT, KEY (province)", empty: "x INT" });
  await copies.engine.execute(
    `INSERT INTO population_copy.citizen SELECT LPAD(seq, 12, '0'), CONCAT('Nguyễn Văn ', seq), seq % 10, 1 FROM ${numbersTo(10_000)}`,
  );
  await copies.server.query(
    "CREATE DATABASE mine",
    `CREATE TABLE mine.person (id VARCHAR(100) COLLATE ${bytewiseCollation} PRIMARY KEY, x INT)`,
    `INSERT INTO mine.person SELECT LPAD(seq, 12, '0'), seq FROM ${numbersTo(50)}`,
    "GRANT ALL ON mine.* TO app_reader",
    "ANALYZE TABLE population_copy.citizen, mine.person",
  );
  // The clock is looked at once for each judgement: counting its calls counts those.
  await copies.server.query(
    "DROP FUNCTION dongbo.clock",
    `CREATE DEFINER = dongbo_target FUNCTION dongbo.clock() RETURNS BIGINT NOT DETERMINISTIC NO SQL SQL SECURITY DEFINER
     BEGIN
       SET @judged = COALESCE(@judged, 0) + 1;
       RETURN TIMESTAMPDIFF(MICROSECOND, '1970-01-01', SYSDATE(6));
     END`,
  );
  reader = await copies.session();
  await reader.query("USE mine");
});

afterAll(async () => {
  await reader?.end();
  await copies?.[Symbol.asyncDispose]();
});

beforeEach(async () => {
  await copies.openGate();
  await copies.server.query("DROP TABLE IF EXISTS mine.taken");
});

async function judgements(sql: string): Promise<number> {
  await reader.query("SET @judged = 0");
  await reader.query(sql);
  const [rows] = await reader.query("SELECT @judged AS n");
  return Number((rows as Record<string, string | null>[])[0]?.["n"]);
}

/** Each mentions the view as often as it says; V stands for it. */
const queries: readonly (readonly [mentions: number, sql: string])[] = [
  [1, "SELECT SUM(LENGTH(full_name)) FROM V"],
  [1, "SELECT * FROM V WHERE id = '000000000005'"],
  [1, "SELECT * FROM V WHERE id = 'nobody'"],
  [1, "SELECT * FROM V WHERE province = 3 LIMIT 5"],
  [1, "SELECT COUNT(*) FROM V"],
  [1, "SELECT MIN(id), MAX(id) FROM V"],
  [1, "SELECT COUNT(*) FROM person JOIN V ON V.id = person.id"],
  [1, "SELECT COUNT(*) FROM person LEFT JOIN V ON V.id = person.id"],
  [1, "SELECT COUNT(*) FROM person LEFT JOIN V ON V.id = person.id AND V.id > 'x'"],
  [1, "SELECT * FROM person LEFT JOIN V ON V.id = person.id WHERE person.id = 'nobody'"],
  [1, "SELECT * FROM person LEFT JOIN V ON FALSE"],
  [1, "SELECT * FROM person LEFT JOIN V ON V.id = person.id WHERE FALSE"],
  [2, "SELECT COUNT(*) FROM V AS a JOIN V AS b ON a.id = b.id WHERE a.id < '000000000100'"],
  [1, "SELECT COUNT(*) FROM person WHERE id IN (SELECT id FROM V)"],
  [1, "SELECT COUNT(*) FROM person WHERE id NOT IN (SELECT id FROM V WHERE id > 'x')"],
  [1, "SELECT COUNT(*) FROM person WHERE NOT EXISTS (SELECT 1 FROM V WHERE V.id = CONCAT(person.id, 'x'))"],
  [1, "SELECT COUNT(*) FROM person WHERE x = 1 OR EXISTS (SELECT 1 FROM V)"],
  [1, "SELECT * FROM person WHERE id = 'nobody' AND id IN (SELECT id FROM V)"],
  [1, "SELECT person.id, (SELECT full_name FROM V WHERE V.id = person.id) FROM person"],
  [2, "SELECT id FROM V WHERE id < '000000000003' UNION SELECT id FROM V WHERE id = '000000000007'"],
  [1, "(SELECT 1) UNION ALL (SELECT id FROM V LIMIT 0)"],
  [1, "SELECT * FROM V LIMIT 0"],
  [1, "SELECT * FROM V WHERE FALSE"],
  [1, "SELECT COUNT(*) FROM V WHERE 1 = 0"],
  [1, "SELECT * FROM V WHERE id = '1' AND id = '2'"],
  [1, "SELECT * FROM V WHERE id IS NULL"],
  [1, "SELECT EXISTS (SELECT * FROM V WHERE FALSE)"],
  [1, "SELECT province, COUNT(*) FROM V GROUP BY province HAVING COUNT(*) < 0"],
  [1, "SELECT * FROM (SELECT * FROM V LIMIT 0) AS x"],
  [1, "WITH c AS (SELECT * FROM V) SELECT COUNT(*) FROM c"],
  [1, "SELECT * FROM V ORDER BY full_name LIMIT 3"],
  [1, "SELECT DISTINCT province FROM V"],
  [1, "SELECT id, ROW_NUMBER() OVER (ORDER BY id) FROM V LIMIT 1"],
  [1, "CREATE TABLE mine.taken AS SELECT * FROM V WHERE province = 3"],
  [1, "INSERT INTO mine.person SELECT id, 1 FROM V WHERE id = 'nobody'"],
  [1, "UPDATE mine.person JOIN V ON V.id = person.id SET person.x = 1"],
  [1, "DELETE mine.person FROM mine.person JOIN V ON V.id = person.id WHERE V.id = 'nobody'"],
  [1, "SET @x = (SELECT COUNT(*) FROM V)"],
];

describe.each(["citizen", "empty"])("a query on the view of %s", (table) => {
  const usable = queries.filter(([, sql]) => table === "citizen" || !/full_name|province|OVER/.test(sql));
  test.each(usable)(
    "is judged %i time(s), once for each mention of it, and refused when the copy has expired: %s",
    async (mentions, sql) => {
      const query = sql.replaceAll(/\bV\b(?! AS|\.)/g, `population.${table} AS V`).replaceAll(/\bV AS (\w)/g, `population.${table} AS $1`);
      expect(await judgements(query)).toBe(mentions);
      await copies.engine.execute("UPDATE dongbo.copy SET valid_until = 1, last_sync_at = 1");
      await copies.server.query("DROP TABLE IF EXISTS mine.taken");
      expect((await refusalOf(reader.query(query))).sqlState).toBe("DB001");
    },
  );
});

test("each execution of a prepared statement is judged once", async () => {
  await reader.query("PREPARE by_id FROM 'SELECT full_name FROM population.citizen WHERE id = ?'");
  await reader.query("SET @id = '000000000007', @judged = 0");
  for (let i = 0; i < 5; i++) await reader.query("EXECUTE by_id USING @id");
  const [rows] = await reader.query("SELECT @judged AS n");
  expect(rows).toEqual([{ n: "5" }]);
});

describe("plans", () => {
  type Step = Record<string, string | null>;
  // The server explains a query on a view to nobody who may not read what lies behind it.
  const stepsOf = async (sql: string): Promise<Step[]> => {
    const rows = await copies.server.query("USE mine", `${explain} ${sql}`);
    return rows.filter((step) => step["select_type"] === "PRIMARY" || step["select_type"] === "SIMPLE");
  };
  const stepOf = async (sql: string, table = "citizen"): Promise<Step | undefined> =>
    (await stepsOf(sql)).find((step) => step["table"] === table);

  test("a point look-up reaches the primary key, and the gate is one row that was read before", async () => {
    const steps = await stepsOf("SELECT * FROM population.citizen WHERE id = '000000000005'");
    // To MySQL the gate is no constant, although it is judged first as well.
    expect(steps.map((step) => step["type"])).toEqual(testedFlavour === "mariadb" ? ["system", "const"] : ["const", "ALL"]);
  });

  test("an index that the owner added serves predicates and joins; no copy is materialized", async () => {
    expect(await stepOf("SELECT * FROM population.citizen WHERE province = 3")).toMatchObject({ type: "ref", key: "province" });
    for (const join of ["JOIN", "LEFT JOIN"])
      expect(await stepOf(`SELECT * FROM person ${join} population.citizen AS c ON c.id = person.id`)).toMatchObject({ type: "eq_ref" });
    // MySQL sorts a join of two tables, and the gate is one.
    if (testedFlavour === "mysql") return;
    expect(await stepOf("SELECT * FROM population.citizen ORDER BY id LIMIT 3")).toMatchObject({
      type: "index",
      key: "PRIMARY",
      rows: "3",
    });
  });
});
