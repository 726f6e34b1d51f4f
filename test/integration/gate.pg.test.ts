// What a reader meets at a copy's view, in every state, with no engine running.
import type pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { PostgresMajor } from "../../deploy/embedded/postgres-binaries.ts";
import type { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import { startServer } from "../support/cluster.ts";
import { CopyDatabase, copyRoles, failureOf, makeCopyRoles, regulationOf, subscriptionOf } from "../support/copy-database.ts";
import { waitUntil } from "../support/wait-until.ts";

const majors: readonly PostgresMajor[] = [15, 16, 17, 18];

describe.each(majors)("the gate on PostgreSQL %i", (major) => {
  let server: EmbeddedPostgres;
  let database: CopyDatabase;
  let reader: pg.Client;

  beforeAll(async () => {
    server = await startServer(major, { track_functions: "all" });
    await makeCopyRoles(server);
    database = await CopyDatabase.create(
      server,
      "gate",
      "CREATE TABLE master.citizen (personal_id text PRIMARY KEY, full_name text)",
      "CREATE TABLE master.household (id bigint PRIMARY KEY, head text)",
    );
    await database.prepare(subscriptionOf([await database.mapping("citizen"), await database.mapping("household")]));
    await database.engine.query(
      "INSERT INTO population_copy.citizen SELECT lpad(i::text, 12, '0'), 'Nguyễn Văn ' || i, 1 FROM generate_series(1, 1000) AS i",
    );
    reader = await database.session(copyRoles.reader);
  });

  afterAll(async () => {
    await reader.end();
    await database[Symbol.asyncDispose]();
    await server.destroy();
  });

  beforeEach(async () => {
    await database.engine.query(
      `UPDATE dongbo.copy SET withdrawn_at = NULL, stopped_code = NULL;
       UPDATE dongbo.subscription SET share_state = 'ACTIVE', suspended_reason = NULL, suspension_bars_use = false, agreement_to = NULL,
         agreement_from = '2026-01-01Z', clock_floor = '-infinity'`,
    );
    await database.open("population/hcm");
  });

  const count = (): Promise<pg.QueryResult<{ count: string }>> =>
    reader.query<{ count: string }>("SELECT count(*) FROM population.citizen");
  const expire = (): Promise<unknown> =>
    database.engine.query("UPDATE dongbo.copy SET valid_until = '2026-01-02T03:04:05Z', last_sync_at = '2026-01-01T03:04:05Z'");

  test("VL-03: a valid copy reads as a table, an expired one is refused with SQLSTATE DB001, the instant, the facts and the remedy", async () => {
    expect((await count()).rows).toEqual([{ count: "1000" }]);
    await expire();
    const refusal = await failureOf(count());
    expect(refusal.code).toBe("DB001");
    expect(refusal.message).toBe("DB001: population/hcm is not usable: expired at 2026-01-02T03:04:05Z");
    expect(refusal.detail).toBe(
      "Table population.citizen: last sync 2026-01-01T03:04:05Z, validity period PT24H, valid until 2026-01-02T03:04:05Z, " +
        "copy state EXPIRED, share state ACTIVE.",
    );
    expect(refusal.hint).toContain("no use value until it is synchronized again");
    expect(refusal.hint).toContain("không còn giá trị sử dụng");
  });

  test("VL-03: what a reader sets in his session changes neither the judgement nor the message", async () => {
    await reader.query("SET timezone = 'Asia/Ho_Chi_Minh'; SET datestyle = 'German'; SET intervalstyle = 'sql_standard'");
    try {
      expect((await count()).rows).toEqual([{ count: "1000" }]);
      await expire();
      const refusal = await failureOf(count());
      expect(refusal.message).toBe("DB001: population/hcm is not usable: expired at 2026-01-02T03:04:05Z");
      expect(refusal.detail).toContain("validity period PT24H");
    } finally {
      await reader.query("RESET timezone; RESET datestyle; RESET intervalstyle");
    }
  });

  const refusals: readonly (readonly [string, string, string, RegExp])[] = [
    ["VL-02", "never synced", "UPDATE dongbo.copy SET copy_state = 'NEVER_SYNCED'", /: never synced, /],
    ["VL-04", "re-syncing", "UPDATE dongbo.copy SET copy_state = 'RESYNCING'", /: resyncing, /],
    ["VL-04", "expired until a re-sync", "UPDATE dongbo.copy SET copy_state = 'EXPIRED'", /: expired at /],
    ["VL-02", "quarantined", "UPDATE dongbo.copy SET copy_state = 'QUARANTINED'", /: quarantined after a failed verification$/],
    ["VL-02", "stopped", "UPDATE dongbo.copy SET stopped_code = 'DB-MAP-001'", /: its table is stopped by DB-MAP-001$/],
    ["VL-02", "withdrawn", "UPDATE dongbo.copy SET withdrawn_at = '2026-01-02Z'", /: its table was withdrawn at 2026-01-02T00:00:00Z$/],
    ["VL-02", "loading", "UPDATE dongbo.subscription SET share_state = 'LOADING'", /: loading, /],
    ["VL-14", "not agreed", "UPDATE dongbo.subscription SET share_state = 'AGREED'", /: its share is not in force \(agreed\)$/],
    ["VL-14", "terminating", "UPDATE dongbo.subscription SET share_state = 'TERMINATING'", /: its share is terminating$/],
    ["VL-14", "terminated", "UPDATE dongbo.subscription SET share_state = 'TERMINATED'", /: its share is terminated$/],
    [
      "VL-14",
      "past its agreement",
      "UPDATE dongbo.subscription SET agreement_to = '2026-02-01Z'",
      /: agreement_ended at 2026-02-01T00:00:00Z$/,
    ],
    [
      "VL-14",
      "before its agreement",
      "UPDATE dongbo.subscription SET agreement_from = '2150-02-01Z'",
      /: agreement_not_begun before 2150-02-01T00:00:00Z$/,
    ],
    [
      "VL-12",
      "suspended with use barred",
      "UPDATE dongbo.subscription SET share_state = 'SUSPENDED', suspended_reason = 'breach', suspension_bars_use = true",
      /: suspended for breach$/,
    ],
    ["VL-02", "without a position", "UPDATE dongbo.subscription SET position = NULL", /: its checkpoint is missing$/],
    ["VL-02", "without a clock", "UPDATE dongbo.copy SET valid_until = NULL", /: expired at an unknown time$/],
  ];
  test.each(refusals)("%s: refused when %s", async (_law, _state, sql, message) => {
    await database.engine.query(sql);
    const refusal = await failureOf(count());
    expect(refusal.code).toBe("DB001");
    expect(refusal.message).toMatch(/^DB001: population\/hcm is not usable: /);
    expect(refusal.message).toMatch(message);
    expect(refusal.detail).toContain("Table population.citizen: last sync ");
    expect(refusal.hint).toContain(" / ");
  });

  test("a missing checkpoint row is a refusal, never an empty table", async () => {
    await database.engine.query("CREATE TABLE kept_subscription AS TABLE dongbo.subscription; CREATE TABLE kept_copy AS TABLE dongbo.copy");
    await database.engine.query("DELETE FROM dongbo.subscription");
    try {
      const refusal = await failureOf(count());
      expect(refusal.message).toBe("DB001: population/hcm is not usable: its checkpoint is missing");
      expect(refusal.detail).toBe(
        "Table population.citizen: last sync never, validity period unknown, valid until never, copy state unknown, share state unknown.",
      );
    } finally {
      await database.engine.query(
        `INSERT INTO dongbo.subscription TABLE kept_subscription; INSERT INTO dongbo.copy TABLE kept_copy;
         DROP TABLE kept_subscription, kept_copy`,
      );
    }
  });

  test("VL-03: time alone closes the gate, with nobody there to close it", async () => {
    await database.open("population/hcm", 0.5);
    await count().catch(() => {});
    const refusal = await waitUntil(
      () =>
        count().then(
          () => null,
          (error: unknown) => error as { message: string },
        ),
      {
        describe: "the copy to expire by itself",
        deadlineMs: 10_000,
      },
    );
    expect(refusal.message).toMatch(/^DB001: population\/hcm is not usable: expired at /);
  });

  test("VL-08: a server clock set back does not revive a copy: the newest time an apply has seen is believed", async () => {
    await database.engine.query("UPDATE dongbo.subscription SET clock_floor = clock_timestamp() + interval '30 minutes'");
    await count();
    await database.engine.query("UPDATE dongbo.subscription SET clock_floor = clock_timestamp() + interval '2 hours'");
    expect((await failureOf(count())).message).toMatch(/expired at/);
  });

  test("VL-09: one table stuck, and all views of the share are refused from the moment its time is over", async () => {
    await database.engine.query("UPDATE dongbo.copy SET stopped_code = 'DB-MAP-001' WHERE target_table = 'population.household'");
    expect((await failureOf(reader.query("SELECT FROM population.household"))).message).toContain("stopped by DB-MAP-001");
    await count();
    await database.engine.query("UPDATE dongbo.copy SET valid_until = '2026-01-02T03:04:05Z' WHERE target_table = 'population.household'");
    expect((await failureOf(count())).message).toBe("DB001: population/hcm is not usable: expired at 2026-01-02T03:04:05Z");
  });

  test("VL-10: every role may ask for last sync, end of validity and state; the state shown is the state now", async () => {
    await expire();
    const stranger = await database.session(copyRoles.stranger);
    try {
      const { rows, fields } = await stranger.query("SELECT * FROM dongbo.status WHERE target_table = 'population.citizen'");
      expect(fields.map((field) => field.name)).toEqual([
        "subscription",
        "target_table",
        "share_state",
        "copy_state",
        "usable",
        "reason",
        "last_sync_at",
        "valid_until",
        "last_reconciled_at",
        "rows_quarantined",
      ]);
      expect(rows).toEqual([
        {
          subscription: "population/hcm",
          target_table: "population.citizen",
          share_state: "ACTIVE",
          copy_state: "EXPIRED",
          usable: "f",
          reason: "expired",
          last_sync_at: "2026-01-01 03:04:05+00",
          valid_until: "2026-01-02 03:04:05+00",
          last_reconciled_at: null,
          rows_quarantined: "0",
        },
      ]);
    } finally {
      await stranger.end();
    }
  });

  test("VL-12: suspension stops supply: the copy is usable until its time is over, and refused while suspended after that", async () => {
    await database.engine.query("UPDATE dongbo.subscription SET share_state = 'SUSPENDED', suspended_reason = 'maintenance'");
    await count();
    await expire();
    const refusal = await failureOf(count());
    expect(refusal.message).toBe("DB001: population/hcm is not usable: expired at 2026-01-02T03:04:05Z");
    expect(refusal.detail).toContain("share state SUSPENDED");
  });

  test("empty copies and queries that match nothing are refused too", async () => {
    await expire();
    for (const sql of [
      "SELECT * FROM population.household",
      "SELECT * FROM population.citizen WHERE personal_id = 'nobody'",
      "SELECT * FROM population.citizen WHERE false",
      "SELECT * FROM population.citizen LIMIT 0",
      "SELECT EXISTS (SELECT FROM population.household)",
    ])
      expect((await failureOf(reader.query(sql))).code).toBe("DB001");
  });

  test.each(["force_generic_plan", "force_custom_plan", "auto"])(
    "a prepared statement is judged anew at each execution (%s)",
    async (mode) => {
      await reader.query(`SET plan_cache_mode = ${mode}; PREPARE by_id AS SELECT full_name FROM population.citizen WHERE personal_id = $1`);
      try {
        for (let i = 0; i < 7; i++) expect((await reader.query("EXECUTE by_id ('000000000007')")).rowCount).toBe(1);
        await expire();
        expect((await failureOf(reader.query("EXECUTE by_id ('000000000007')"))).code).toBe("DB001");
        await database.open("population/hcm");
        expect((await reader.query("EXECUTE by_id ('000000000007')")).rowCount).toBe(1);
      } finally {
        await reader.query("DEALLOCATE by_id; RESET plan_cache_mode");
      }
    },
  );

  test("a query begun while the copy was valid may finish", async () => {
    await reader.query("BEGIN; DECLARE c CURSOR FOR SELECT full_name FROM population.citizen");
    expect((await reader.query("FETCH 5 FROM c")).rowCount).toBe(5);
    await expire();
    expect((await reader.query("FETCH ALL FROM c")).rowCount).toBe(995);
    expect((await failureOf(count())).code).toBe("DB001");
    await reader.query("ROLLBACK");
  });

  test("data and judgement are of one snapshot: a transaction that began before a re-sync is not let through by its end", async () => {
    await database.engine.query("UPDATE dongbo.copy SET copy_state = 'RESYNCING'");
    await reader.query("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM dongbo.status");
    await database.open("population/hcm");
    expect((await failureOf(count())).message).toContain("resyncing");
    await reader.query("ROLLBACK");
    await count();
  });

  test("VL-03: a long transaction that began while the copy was valid is refused once its time is over", async () => {
    await database.open("population/hcm", 0.5);
    await reader.query("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM dongbo.status");
    // The clock goes on in the transaction, although nothing stored changes for it.
    await database.open("population/hcm");
    await waitUntil(
      () =>
        reader.query("SAVEPOINT s; SELECT FROM population.citizen").then(
          () => false,
          (error: unknown) => (error as { code: string }).code === "DB001",
        ),
      { describe: "the copy to expire inside the transaction", deadlineMs: 10_000 },
    );
    await reader.query("ROLLBACK");
  });

  test("the superuser and the engine's own role are judged at the view like anybody else", async () => {
    await expire();
    expect((await failureOf(database.byHand("SELECT FROM population.citizen"))).code).toBe("DB001");
    expect((await failureOf(database.engine.query("SELECT FROM population.citizen"))).code).toBe("DB001");
  });

  describe("a change of the regulation", () => {
    const tables = async () => [await database.mapping("citizen"), await database.mapping("household")];

    test("VL-02: a shorter period holds for the last sync at once, and so does a longer one", async () => {
      await expire();
      await database.engine.query(
        "UPDATE dongbo.copy SET last_sync_at = clock_timestamp() - interval '2 hours', valid_until = clock_timestamp() + interval '22 hours'",
      );
      await count();
      await database.prepare(subscriptionOf(await tables(), { regulation: regulationOf({ validityPeriodSeconds: 3600 }) }));
      expect((await failureOf(count())).message).toMatch(/expired at/);
      await database.prepare(subscriptionOf(await tables()));
      await count();
    });

    test("VL-04: under `resync` what has expired stays refused though its period grows", async () => {
      await database.engine.query(
        "UPDATE dongbo.copy SET last_sync_at = clock_timestamp() - interval '2 days', valid_until = clock_timestamp() - interval '1 day'",
      );
      const regulation = regulationOf({ onExpiry: "resync", validityPeriodSeconds: 7 * 86_400 });
      await database.prepare(subscriptionOf(await tables(), { regulation }));
      expect((await failureOf(count())).message).toMatch(/expired at/);
      expect((await database.engine.query("SELECT DISTINCT copy_state FROM dongbo.copy")).rows).toEqual([{ copy_state: "EXPIRED" }]);
      await database.prepare(subscriptionOf(await tables()));
    });

    test("VL-14: an agreement that was renewed opens the copy again", async () => {
      const ended = { id: "TT-07/2026", from: new Date("2026-01-01T00:00:00Z"), to: new Date("2026-02-01T00:00:00Z") };
      await database.prepare(subscriptionOf(await tables(), { agreement: ended }));
      expect((await failureOf(count())).message).toContain("agreement_ended at 2026-02-01T00:00:00Z");
      await database.prepare(subscriptionOf(await tables()));
      await count();
    });
  });

  test("AC-12: nobody writes through a view, whatever was granted on it", async () => {
    await database.byHand(`GRANT ALL ON population.citizen TO ${copyRoles.reader}`);
    for (const sql of [
      "INSERT INTO population.citizen VALUES ('1', 'x')",
      "UPDATE population.citizen SET full_name = 'x'",
      "UPDATE population.citizen SET full_name = 'x' WHERE false",
      "DELETE FROM population.citizen",
      "MERGE INTO population.citizen USING (SELECT 1) AS s ON true WHEN MATCHED THEN DELETE",
      "TRUNCATE population.citizen",
      "COPY population.citizen FROM STDIN",
    ])
      expect(["55000", "42809", "0A000"]).toContain((await failureOf(reader.query(sql))).code);
    await database.byHand(
      `REVOKE ALL ON population.citizen FROM ${copyRoles.reader}`,
      `GRANT SELECT ON population.citizen TO ${copyRoles.reader}`,
    );
  });

  test("AC-07, AC-08: a reader reaches neither the physical tables nor the engine's records nor their statistics", async () => {
    await database.engine.query("ANALYZE population_copy.citizen");
    for (const sql of [
      "SELECT * FROM population_copy.citizen",
      "COPY population_copy.citizen TO STDOUT",
      "INSERT INTO population_copy.citizen VALUES ('1', 'x', 1)",
      "SELECT * FROM dongbo.subscription",
      "UPDATE dongbo.copy SET valid_until = 'infinity'",
      "SELECT * FROM dongbo.batch",
      "SELECT * FROM dongbo.quarantine",
      "SELECT * FROM dongbo.verdict",
      "SELECT dongbo.refuse('a', 'b', 'c')",
      "CREATE TABLE dongbo.mine ()",
      "CREATE TABLE population_copy.mine ()",
      "DROP VIEW population.citizen",
      "CREATE OR REPLACE VIEW population.citizen AS SELECT 1",
    ])
      expect((await failureOf(reader.query(sql))).code).toBe("42501");
    expect((await reader.query("SELECT FROM pg_stats WHERE schemaname = 'population_copy'")).rowCount).toBe(0);
  });
});
