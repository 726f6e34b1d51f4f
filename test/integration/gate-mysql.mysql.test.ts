// What a reader meets at a copy's view in MariaDB, in every state, with no engine running.
import type { Connection } from "mysql2/promise";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ensureTargetSchema } from "../../connectors/mysql/apply/target-schema.ts";
import { copyUsers, MysqlCopies, refusalOf } from "../support/mysql-copies.ts";
import { waitUntil } from "../support/wait-until.ts";
import { numbersTo, testedFlavour } from "../support/mysql-server.ts";

/** 2026-01-02T03:04:05Z in microseconds. */
const instant = 1_767_323_045_000_000;

let copies: MysqlCopies;
let reader: Connection;

beforeAll(async () => {
  copies = await MysqlCopies.open(
    { citizen: "full_name TEXT", household: "head TEXT" },
    testedFlavour === "mariadb" ? { query_cache_type: 1, query_cache_size: 1_048_576 } : {},
  );
  await copies.engine.execute(
    `INSERT INTO population_copy.citizen SELECT LPAD(seq, 12, '0'), CONCAT('Nguyễn Văn ', seq), 1 FROM ${numbersTo(1_000)}`,
  );
  reader = await copies.session();
});

afterAll(async () => {
  await reader?.end();
  await copies?.[Symbol.asyncDispose]();
});

beforeEach(() => copies.openGate());

const count = async (session = reader): Promise<string | null | undefined> => {
  const [rows] = await session.query("SELECT COUNT(*) AS count FROM population.citizen");
  return (rows as Record<string, string | null>[])[0]?.["count"];
};
const expire = (): Promise<number> =>
  copies.engine.execute(`UPDATE dongbo.copy SET valid_until = ${instant}, last_sync_at = ${instant} - 86400000000`);
const words = "DB001: population/hue is not usable: expired at 2026-01-02T03:04:05Z";

test("VL-03: a valid copy reads as a table, an expired one is refused with SQLSTATE DB001, the instant and the remedy", async () => {
  expect(await count()).toBe("1000");
  await expire();
  const refusal = await refusalOf(count());
  expect(refusal.sqlState).toBe("DB001");
  if (testedFlavour === "mysql") expect(refusal.message).toBe(`${words}. See / Xem: dongbo.status`);
  else
    expect(refusal.message).toBe(
      `${words}. The data has no use value until it is synchronized again; ask the operator why it was not, dongbo.status shows the state. ` +
        "/ Dữ liệu không còn giá trị sử dụng cho đến khi được đồng bộ lại; hãy hỏi đơn vị vận hành, xem trạng thái trong dongbo.status.",
    );
});

const ownSettings = {
  mariadb: ["sql_mode = 'ORACLE'", "sql_mode = 'EMPTY_STRING_IS_NULL'", "optimizer_switch = 'subquery_cache=off'", "query_cache_type = 1"],
  mysql: [
    "sql_mode = 'NO_UNSIGNED_SUBTRACTION,TIME_TRUNCATE_FRACTIONAL'",
    "optimizer_switch = 'subquery_to_derived=on,derived_condition_pushdown=off'",
    "div_precision_increment = 0",
  ],
} as const;

const settings = [
  ...ownSettings[testedFlavour],
  "timestamp = 1000000000",
  "time_zone = '+13:00'",
  "sql_mode = 'ANSI,NO_BACKSLASH_ESCAPES'",
  "sql_select_limit = 0",
  "character_set_results = latin1",
  "collation_connection = utf8mb4_general_ci",
  "lc_time_names = vi_VN",
  "optimizer_switch = 'derived_merge=off,materialization=off,semijoin=off'",
  "transaction_isolation_level",
  "sql_auto_is_null = 1",
  "max_sp_recursion_depth = 0",
];

test.each(settings)("VL-03: what a reader sets in his session changes neither the judgement nor the message: %s", async (setting) => {
  const session = await copies.session();
  try {
    const sql = setting === "transaction_isolation_level" ? "TRANSACTION ISOLATION LEVEL READ UNCOMMITTED" : setting;
    await session.query(`SET SESSION ${sql}`);
    const read = async (): Promise<unknown> => session.query("SELECT * FROM population.citizen WHERE id = '000000000007'");
    await read();
    await expire();
    const refusal = await refusalOf(read());
    expect(refusal.sqlState).toBe("DB001");
    expect(refusal.message).toContain(words);
  } finally {
    await session.end();
  }
});

test("the clock gives the session its time zone back", async () => {
  await reader.query("SET time_zone = '+03:30'");
  await count();
  const [rows] = await reader.query("SELECT @@SESSION.time_zone AS zone");
  expect(rows).toEqual([{ zone: "+03:30" }]);
});

const refusals: readonly (readonly [string, string, string, string])[] = [
  ["VL-02", "never synced", "UPDATE dongbo.copy SET copy_state = 'NEVER_SYNCED'", ": never synced, "],
  ["VL-04", "re-syncing", "UPDATE dongbo.copy SET copy_state = 'RESYNCING'", ": resyncing, "],
  ["VL-04", "expired until a re-sync", "UPDATE dongbo.copy SET copy_state = 'EXPIRED'", ": expired at "],
  ["VL-02", "quarantined", "UPDATE dongbo.copy SET copy_state = 'QUARANTINED'", ": quarantined after a failed verification. "],
  ["VL-02", "stopped", "UPDATE dongbo.copy SET stopped_code = 'DB-MAP-001'", ": its table is stopped by DB-MAP-001. "],
  ["VL-02", "withdrawn", `UPDATE dongbo.copy SET withdrawn_at = ${instant}`, ": its table was withdrawn at 2026-01-02T03:04:05Z. "],
  ["VL-02", "loading", "UPDATE dongbo.subscription SET share_state = 'LOADING'", ": loading, "],
  ["VL-14", "not agreed", "UPDATE dongbo.subscription SET share_state = 'AGREED'", ": its share is not in force (agreed). "],
  ["VL-14", "terminating", "UPDATE dongbo.subscription SET share_state = 'TERMINATING'", ": its share is terminating. "],
  ["VL-14", "terminated", "UPDATE dongbo.subscription SET share_state = 'TERMINATED'", ": its share is terminated. "],
  [
    "VL-14",
    "past its agreement",
    `UPDATE dongbo.subscription SET agreement_to = ${instant}`,
    ": agreement_ended at 2026-01-02T03:04:05Z. ",
  ],
  [
    "VL-14",
    "before its agreement",
    "UPDATE dongbo.subscription SET agreement_from = 5682873600000000",
    ": agreement_not_begun before 2150-01-31T00:00:00Z. ",
  ],
  [
    "VL-12",
    "suspended with use barred",
    "UPDATE dongbo.subscription SET share_state = 'SUSPENDED', suspended_reason = 'breach', suspension_bars_use = 1",
    ": suspended for breach. ",
  ],
  ["VL-02", "without a position", "UPDATE dongbo.subscription SET position = NULL", ": its checkpoint is missing. "],
  ["VL-02", "without a clock", "UPDATE dongbo.copy SET valid_until = NULL", ": expired at an unknown time. "],
];
test.each(refusals)("%s: refused when %s", async (_law, _state, sql, told) => {
  await copies.engine.execute(sql);
  const refusal = await refusalOf(count());
  expect(refusal.sqlState).toBe("DB001");
  expect(refusal.message).toMatch(/^DB001: population\/hue is not usable: .* \/ .*$/);
  // MySQL takes 128 characters.
  if (testedFlavour === "mysql") expect(refusal.message.length).toBeLessThanOrEqual(128);
  expect(refusal.message).toContain(told.replace(/[.,] $/, ""));
});

test("a missing checkpoint row is a refusal, never an empty table", async () => {
  const { engine } = copies;
  await engine.execute("CREATE TABLE population_copy.kept_s SELECT * FROM dongbo.subscription");
  await engine.execute("CREATE TABLE population_copy.kept_c SELECT * FROM dongbo.copy");
  await engine.execute("DELETE FROM dongbo.subscription");
  try {
    const refusal = await refusalOf(count());
    expect(refusal.sqlState).toBe("DB001");
    expect(refusal.message).toContain("DB001: population/hue is not usable: its checkpoint is missing. ");
  } finally {
    await engine.execute("INSERT INTO dongbo.subscription SELECT * FROM population_copy.kept_s");
    await engine.execute("INSERT INTO dongbo.copy SELECT * FROM population_copy.kept_c");
    await copies.server.query("DROP TABLE population_copy.kept_s, population_copy.kept_c");
  }
});

test("VL-03: time alone closes the gate, with nobody there to close it, and no answer is kept in the query cache", async () => {
  const query = "SELECT full_name FROM population.citizen WHERE id = '000000000007'";
  await copies.openGate(1);
  await reader.query(query);
  const refusal = await waitUntil(
    () =>
      reader.query(query).then(
        () => null,
        (error: unknown) => error as { message: string },
      ),
    { describe: "the copy to expire by itself", deadlineMs: 10_000 },
  );
  expect(refusal.message).toMatch(/^DB001: population\/hue is not usable: expired at /);
});

test("VL-08: a server clock set back does not revive a copy: the newest time an apply has seen is believed", async () => {
  const now = Date.now() * 1000;
  await copies.engine.execute("UPDATE dongbo.subscription SET clock_floor = ?", [now + 1_800_000_000]);
  await count();
  await copies.engine.execute("UPDATE dongbo.subscription SET clock_floor = ?", [now + 7_200_000_000]);
  expect((await refusalOf(count())).message).toMatch(/expired at/);
});

test("VL-09: one table stuck, and all views of the share are refused from the moment its time is over", async () => {
  await copies.engine.execute("UPDATE dongbo.copy SET stopped_code = 'DB-MAP-001' WHERE target_table = 'population.household'");
  expect((await refusalOf(reader.query("SELECT 1 FROM population.household"))).message).toContain("stopped by DB-MAP-001");
  await count();
  await copies.engine.execute(`UPDATE dongbo.copy SET valid_until = ${instant} WHERE target_table = 'population.household'`);
  expect((await refusalOf(count())).message).toContain(words);
});

test("VL-10: readers may ask for last sync, end of validity and state; the state shown is the state now, in UTC", async () => {
  await expire();
  await reader.query("SET time_zone = '+07:00'");
  const [rows] = await reader.query("SELECT * FROM dongbo.status WHERE target_table = 'population.citizen'");
  expect(rows).toEqual([
    {
      subscription: "population/hue",
      target_table: "population.citizen",
      share_state: "ACTIVE",
      copy_state: "EXPIRED",
      usable: "0",
      reason: "expired",
      last_sync_at: "2026-01-01 03:04:05.000000",
      valid_until: "2026-01-02 03:04:05.000000",
      last_reconciled_at: null,
      rows_quarantined: "0",
    },
  ]);
});

test("VL-12: suspension stops supply: the copy is usable until its time is over, and refused while suspended after that", async () => {
  await copies.engine.execute("UPDATE dongbo.subscription SET share_state = 'SUSPENDED', suspended_reason = 'maintenance'");
  await count();
  await expire();
  expect((await refusalOf(count())).message).toContain(words);
});

test("a prepared statement is judged anew at each execution, by text and by protocol", async () => {
  await reader.query("PREPARE by_id FROM 'SELECT full_name FROM population.citizen WHERE id = ?'");
  await reader.query("SET @id = '000000000007'");
  const byText = (): Promise<unknown> => reader.query("EXECUTE by_id USING @id");
  const byProtocol = (): Promise<unknown> => reader.execute("SELECT full_name FROM population.citizen WHERE id = ?", ["000000000007"]);
  for (const run of [byText, byProtocol]) {
    await copies.openGate();
    for (let i = 0; i < 5; i++) expect(await run()).toMatchObject([[{ full_name: "Nguyễn Văn 7" }], expect.anything()]);
    await expire();
    expect((await refusalOf(run())).sqlState).toBe("DB001");
    await copies.openGate();
    expect(await run()).toMatchObject([[{ full_name: "Nguyễn Văn 7" }], expect.anything()]);
  }
});

describe("transactions", () => {
  test("data and judgement are of one snapshot: a transaction that began before a re-sync is not let through by its end", async () => {
    await copies.engine.execute("UPDATE dongbo.copy SET copy_state = 'RESYNCING'");
    await reader.query("START TRANSACTION WITH CONSISTENT SNAPSHOT");
    await copies.openGate();
    expect((await refusalOf(count())).message).toContain("resyncing");
    await reader.query("ROLLBACK");
    await count();
  });

  test.each(["READ COMMITTED", "REPEATABLE READ"])(
    "what is judged is what is read, also when a load begins in between (%s)",
    async (isolation) => {
      // The gate waits for a lock after it has judged, and before a row is read.
      await copies.server.query(
        "DROP FUNCTION dongbo.clock",
        `CREATE DEFINER = dongbo_target FUNCTION dongbo.clock() RETURNS BIGINT NOT DETERMINISTIC READS SQL DATA SQL SECURITY DEFINER
       BEGIN
         DO GET_LOCK('judged', 20);
         RETURN TIMESTAMPDIFF(MICROSECOND, '1970-01-01', SYSDATE(6));
       END`,
      );
      const { engine } = copies;
      const session = await copies.session();
      try {
        await engine.query("SELECT GET_LOCK('judged', 0)");
        await session.query(`SET SESSION TRANSACTION ISOLATION LEVEL ${isolation}`);
        const reading = session.query("SELECT COUNT(*) AS n FROM population.citizen WHERE full_name LIKE 'Nguyễn%'");
        await waitUntil(
          async () => (await engine.query("SELECT 1 FROM information_schema.PROCESSLIST WHERE STATE = 'User lock'")).length > 0,
          { describe: "the gate to have judged" },
        );
        await engine.execute("START TRANSACTION");
        await engine.execute("UPDATE dongbo.copy SET copy_state = 'RESYNCING'");
        await engine.execute("DELETE FROM population_copy.citizen WHERE id > '000000000500'");
        await engine.execute("COMMIT");
        await engine.query("SELECT RELEASE_LOCK('judged')");
        expect((await reading)[0]).toEqual([{ n: "1000" }]);
        await session.query("DO RELEASE_LOCK('judged')");
      } finally {
        await session.end();
        await engine.execute(
          `INSERT IGNORE INTO population_copy.citizen SELECT LPAD(seq, 12, '0'), CONCAT('Nguyễn Văn ', seq), 1 FROM ${numbersTo(1_000)}`,
        );
        await ensureTargetSchema(engine);
      }
    },
  );

  test("VL-03: a long transaction that began while the copy was valid is refused once its time is over", async () => {
    await copies.openGate(1);
    await reader.query("START TRANSACTION WITH CONSISTENT SNAPSHOT");
    // The clock goes on in the transaction, although nothing stored changes for it.
    await copies.openGate();
    await waitUntil(
      () =>
        count().then(
          () => false,
          (error: unknown) => (error as { sqlState: string }).sqlState === "DB001",
        ),
      { describe: "the copy to expire inside the transaction", deadlineMs: 10_000 },
    );
    await reader.query("ROLLBACK");
  });

  test("a reader who copies rows into a table of his own does not hold up the engine's commits", async () => {
    await copies.server.query(
      "CREATE DATABASE IF NOT EXISTS mine",
      "CREATE TABLE IF NOT EXISTS mine.sink (id VARCHAR(100))",
      `GRANT INSERT ON mine.sink TO ${copyUsers.reader}`,
    );
    await reader.query("START TRANSACTION");
    await reader.query("INSERT INTO mine.sink SELECT id FROM population.citizen WHERE id = '000000000007'");
    await copies.engine.execute("SET innodb_lock_wait_timeout = 1");
    expect(await copies.engine.execute("UPDATE dongbo.subscription SET epoch = epoch + 1")).toBe(1);
    expect(await copies.engine.execute("UPDATE dongbo.copy SET `rows` = `rows` + 1")).toBe(2);
    await copies.engine.execute("SET innodb_lock_wait_timeout = DEFAULT");
    await reader.query("ROLLBACK");
  });
});

test("administrators and the engine's own user are judged at the view like anybody else", async () => {
  await expire();
  expect((await refusalOf(copies.server.query("SELECT 1 FROM population.citizen"))).sqlState).toBe("DB001");
  await expect(copies.engine.query("SELECT 1 FROM population.citizen")).rejects.toThrow("DB001");
});
