// What a reader may try to get at an expired copy in MariaDB, and everything that must stay closed to him.
import type { Connection } from "mysql2/promise";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { copyUsers, MysqlCopies, refusalOf } from "../support/mysql-copies.ts";
import { waitUntil } from "../support/wait-until.ts";
import { numbersTo } from "../support/mysql-server.ts";

let copies: MysqlCopies;
let reader: Connection;

beforeAll(async () => {
  copies = await MysqlCopies.open({ citizen: "full_name VARCHAR(100)" });
  await copies.engine.execute(
    `INSERT INTO population_copy.citizen SELECT LPAD(seq, 12, '0'), CONCAT('Nguyễn Văn ', seq), 1 FROM ${numbersTo(100)}`,
  );
  await copies.server.query(
    "CREATE DATABASE mine",
    "GRANT ALL ON mine.* TO app_reader",
    // More than any reader should have.
    "GRANT CREATE TEMPORARY TABLES, LOCK TABLES ON *.* TO app_reader",
  );
});

afterAll(() => copies?.[Symbol.asyncDispose]());

beforeEach(async () => {
  await reader?.end();
  reader = await copies.session();
  await reader.query("USE mine");
  await copies.openGate();
});

const expire = (): Promise<number> => copies.engine.execute("UPDATE dongbo.copy SET valid_until = 1, last_sync_at = 1");
const citizens = (): Promise<unknown> => reader.query("SELECT COUNT(*) FROM population.citizen");
/** SQLSTATE of the refusal. */
const stateOf = async (sql: string): Promise<string> => (await refusalOf(reader.query(sql))).sqlState;

test("temporary tables in the place of the engine's records, of what judges them and of the copy open nothing", async () => {
  await expire();
  const far = "9000000000000000";
  for (const sql of [
    `CREATE TEMPORARY TABLE dongbo.subscription (id VARCHAR(255), share_state VARCHAR(16), suspension_bars_use INT, position TEXT,
       validity_period BIGINT, agreement_from BIGINT, agreement_to BIGINT, suspended_reason TEXT, clock_floor BIGINT)`,
    `INSERT INTO dongbo.subscription VALUES ('population/hue', 'ACTIVE', 0, 'x', ${far}, NULL, NULL, NULL, 0)`,
    `CREATE TEMPORARY TABLE dongbo.copy (subscription VARCHAR(255), target_table VARCHAR(255), copy_state VARCHAR(16), last_sync_at BIGINT,
       valid_until BIGINT, stopped_code TEXT, withdrawn_at BIGINT, last_reconciled_at BIGINT, rows_quarantined BIGINT)`,
    `INSERT INTO dongbo.copy VALUES ('population/hue', 'population.citizen', 'VALID', ${far}, ${far}, NULL, NULL, NULL, 0)`,
    "CREATE TEMPORARY TABLE dongbo.schema_version (seal CHAR(32))",
    "INSERT INTO dongbo.schema_version VALUES ('x')",
    // With the columns of the view of that name.
    `CREATE TEMPORARY TABLE dongbo.fact (subscription VARCHAR(255), target_table VARCHAR(255), share_state VARCHAR(16),
       suspended_reason VARCHAR(16), suspension_bars_use INT, has_position INT, agreement_from BIGINT, agreement_to BIGINT, clock_floor BIGINT,
       copy_state VARCHAR(16), valid_until BIGINT, oldest_valid_until BIGINT, stopped_code VARCHAR(32), withdrawn_at BIGINT, seal CHAR(32))`,
    `INSERT INTO dongbo.fact (subscription, target_table, share_state, has_position, clock_floor, copy_state, valid_until, seal)
     VALUES ('population/hue', 'population.citizen', 'ACTIVE', 1, 0, 'VALID', ${far}, 'x')`,
    "CREATE TEMPORARY TABLE population_copy.citizen (id INT, full_name TEXT)",
  ])
    await reader.query(sql);
  expect((await refusalOf(citizens())).sqlState).toBe("DB001");
  await copies.openGate();
  // In his own session he has only closed the gate to himself.
  expect((await refusalOf(citizens())).message).toContain("its checkpoint is missing");
});

test("cursors, procedures, functions, triggers, handlers of errors and views of a reader are refused like any query", async () => {
  for (const sql of [
    "CREATE PROCEDURE mine.p() SELECT COUNT(*) FROM population.citizen",
    `CREATE PROCEDURE mine.c()
     BEGIN
       DECLARE n TEXT;
       DECLARE c CURSOR FOR SELECT full_name FROM population.citizen;
       OPEN c; FETCH c INTO n; CLOSE c;
     END`,
    `CREATE PROCEDURE mine.h()
     BEGIN
       DECLARE n TEXT DEFAULT 'nothing';
       DECLARE CONTINUE HANDLER FOR SQLEXCEPTION BEGIN END;
       SELECT full_name INTO n FROM population.citizen LIMIT 1;
       SELECT n;
     END`,
    "CREATE FUNCTION mine.f() RETURNS INT READS SQL DATA RETURN (SELECT COUNT(*) FROM population.citizen)",
    "CREATE VIEW mine.v AS SELECT * FROM population.citizen",
    "CREATE ALGORITHM = TEMPTABLE VIEW mine.t AS SELECT full_name FROM population.citizen LIMIT 5",
    "CREATE TABLE mine.x (id INT)",
    "CREATE TRIGGER mine.r BEFORE INSERT ON mine.x FOR EACH ROW SET NEW.id = (SELECT COUNT(*) FROM population.citizen)",
  ])
    await reader.query(sql);
  const tries = [
    "CALL mine.p()",
    "CALL mine.c()",
    "SELECT mine.f()",
    "SELECT * FROM mine.v",
    "SELECT * FROM mine.t WHERE FALSE",
    "INSERT INTO mine.x VALUES (1)",
    "SELECT * FROM population.citizen INTO @a, @b",
    "SELECT * FROM population.citizen FOR UPDATE",
  ];
  for (const sql of tries.slice(0, 6)) await reader.query(sql);
  await expire();
  for (const sql of tries) expect(await stateOf(sql), sql).toBe("DB001");
  const [shown] = await reader.query("CALL mine.h()");
  expect(shown).toMatchObject([[{ n: "nothing" }], expect.anything()]);
});

test("a query begun while the copy was valid may finish", async () => {
  await reader.query(
    `CREATE PROCEDURE mine.slow()
     BEGIN
       DECLARE n INT DEFAULT 0;
       DECLARE name TEXT;
       DECLARE c CURSOR FOR SELECT full_name FROM population.citizen;
       OPEN c;
       DO GET_LOCK('expired', 20);
       WHILE n < 100 DO FETCH c INTO name; SET n = n + 1; END WHILE;
       SELECT n;
     END`,
  );
  await copies.engine.query("SELECT GET_LOCK('expired', 0)");
  const running = reader.query("CALL mine.slow()");
  const session = await copies.session(copyUsers.reader);
  await waitUntil(
    async () => {
      const [waiting] = await session.query("SELECT COUNT(*) AS n FROM information_schema.PROCESSLIST WHERE STATE = 'User lock'");
      return (waiting as { n: string }[])[0]?.n === "1";
    },
    { describe: "the reader to wait with his cursor open" },
  );
  await session.end();
  await expire();
  await copies.engine.query("SELECT RELEASE_LOCK('expired')");
  const [shown] = await running;
  expect(shown).toMatchObject([[{ n: "100" }], expect.anything()]);
  expect((await refusalOf(citizens())).sqlState).toBe("DB001");
});

test("no reader holds the engine up by locking what he reads, though he may lock tables", async () => {
  await expect(reader.query("LOCK TABLES population.citizen READ")).rejects.toThrow(/lack rights/);
  const { engine } = copies;
  await engine.execute("SET innodb_lock_wait_timeout = 0");
  for (const lock of ["FOR UPDATE", "LOCK IN SHARE MODE", ""]) {
    await reader.query("START TRANSACTION");
    await reader.query(`SELECT * FROM population.citizen WHERE id = '000000000007' ${lock}`);
    expect(await engine.execute("UPDATE population_copy.citizen SET dongbo_batch = dongbo_batch + 1 WHERE id = '000000000007'")).toBe(1);
    expect(await engine.execute("UPDATE dongbo.subscription SET epoch = epoch + 1")).toBe(1);
    await reader.query("ROLLBACK");
  }
  await engine.execute("SET innodb_lock_wait_timeout = DEFAULT");
});

test("AC-12: nobody writes through a view, whatever was granted on it", async () => {
  await copies.server.query(`GRANT ALL ON population.citizen TO ${copyUsers.reader}`);
  const root = await copies.session("root");
  await root.query("USE mine");
  for (const by of [reader, root]) {
    for (const sql of [
      "INSERT INTO population.citizen VALUES ('1', 'x')",
      "INSERT INTO population.citizen (full_name) VALUES ('x')",
      "REPLACE INTO population.citizen VALUES ('1', 'x')",
      "UPDATE population.citizen SET full_name = 'x'",
      "UPDATE population.citizen SET full_name = 'x' WHERE FALSE",
      "UPDATE population.citizen AS c JOIN (SELECT 1) AS s SET c.full_name = 'x'",
      "DELETE FROM population.citizen",
      "DELETE c FROM population.citizen AS c JOIN (SELECT 1) AS s",
      "LOAD DATA LOCAL INFILE '/dev/null' INTO TABLE population.citizen",
      "TRUNCATE TABLE population.citizen",
      "HANDLER population.citizen OPEN",
      "ALTER TABLE population.citizen ADD COLUMN x INT",
    ])
      await expect(by.query(sql), sql).rejects.toThrow(
        /not updatable|not insertable|join view|not of type 'BASE TABLE'|not BASE TABLE|doesn't exist|Multi-table VIEW|Loading local data is disabled/,
      );
  }
  await root.end();
  await copies.server.query(
    `REVOKE ALL ON population.citizen FROM ${copyUsers.reader}`,
    `GRANT SELECT ON population.citizen TO ${copyUsers.reader}`,
  );
  expect(await copies.server.query("SELECT COUNT(*) AS n, SUM(full_name = 'x') AS x FROM population_copy.citizen")).toEqual([
    { n: "100", x: "0" },
  ]);
});

describe("AC-07, AC-08: a reader reaches", () => {
  test.each([
    "SELECT * FROM population_copy.citizen",
    "INSERT INTO population_copy.citizen VALUES ('1', 'x', 1)",
    "SELECT * FROM dongbo.subscription",
    "UPDATE dongbo.copy SET valid_until = 1",
    "SELECT * FROM dongbo.batch",
    "SELECT * FROM dongbo.quarantine",
    "SELECT * FROM dongbo.verdict",
    "SELECT * FROM dongbo.fact",
    "SELECT seal FROM dongbo.schema_version",
    "CALL dongbo.refuse('a', 'b', 1, 'c')",
    "CREATE TABLE dongbo.mine (id INT)",
    "CREATE TABLE population_copy.mine (id INT)",
    "CREATE TABLE mine.dump LIKE population_copy.citizen",
    "SHOW CREATE VIEW population.citizen",
    "EXPLAIN SELECT * FROM population_copy.citizen",
    "LOCK TABLES population_copy.citizen READ",
    "HANDLER population_copy.citizen OPEN",
    "DROP VIEW dongbo.status",
  ])("not this: %s", async (sql) => {
    await expect(reader.query(sql)).rejects.toThrow(/denied/);
  });

  test("the gate itself, but without the seal it believes nothing", async () => {
    for (const seal of ["'c'", "NULL", "''"]) {
      const refusal = await refusalOf(reader.query(`SELECT dongbo.gate('population/hue', 'population.citizen', ${seal})`));
      expect(refusal.message).toContain("its checkpoint is missing");
    }
  });

  test("no definition of what judges him, and no statistics of the rows", async () => {
    for (const sql of [
      "SELECT * FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = 'dongbo' AND ROUTINE_DEFINITION IS NOT NULL",
      "SELECT * FROM information_schema.STATISTICS WHERE TABLE_SCHEMA IN ('population_copy', 'dongbo')",
      "SELECT * FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'population_copy'",
      "SELECT * FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'population_copy'",
    ])
      expect((await reader.query(sql))[0]).toEqual([]);
  });
});
