// What commands read of the copies in a MariaDB target, on tables made by hand: no engine runs.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { MysqlTargetRecords } from "../../connectors/mysql/records/mysql-target-records.ts";
import type { CopyRecord } from "../../engine/ports/target-records.ts";
import { bytewiseCollation, startMysqlServer, testedFlavour } from "../support/mysql-server.ts";
import { copyUsers, MysqlCopies, refusalOf } from "../support/mysql-copies.ts";
import { serverAddress } from "../support/server-address.ts";

const subscription = "population/hue";
/** 2026-01-02T03:04:05.678901Z. */
const instant = 1_767_323_045_678_901;

let copies: MysqlCopies;
let records: MysqlTargetRecords;

beforeAll(async () => {
  copies = await MysqlCopies.open({ citizen: "full_name VARCHAR(100)", household: "head TEXT" });
  records = new MysqlTargetRecords(serverAddress(copies.server.url("", copyUsers.engine)));
});

afterAll(async () => {
  await records?.close();
  await copies?.[Symbol.asyncDispose]();
});

beforeEach(() => copies.openGate());

test("copies are told with their states, times and positions, as judged by the target's clock", async () => {
  await copies.engine.execute(
    `UPDATE dongbo.copy SET \`rows\` = 7, rows_quarantined = 2, \`load\` = '{"rows":3}', last_sync_at = ?, valid_until = ?, stopped_code = 'DB-MAP-001',
       stopped_message = 'thôi' WHERE target_table = 'population.citizen'`,
    [instant, instant + 1_000_000],
  );
  await copies.engine.execute("UPDATE dongbo.subscription SET source_identity = 'abc', agreement_to = ?", [instant + 2_000_000]);
  const before = Date.now();
  const [citizen, household] = await records.copies([subscription, "other/hue"]);
  expect(citizen).toMatchObject({
    subscription,
    table: "population.citizen",
    physical: { schema: "population_copy", name: "citizen" },
    shareState: "ACTIVE",
    copyState: "EXPIRED",
    reason: "agreement_ended",
    lastSyncAt: new Date("2026-01-02T03:04:05.678Z"),
    validUntil: new Date("2026-01-02T03:04:06.678Z"),
    lastReconciledAt: null,
    verdict: null,
    rows: 7,
    rowsQuarantined: 2,
    position: "0-1-1",
    sourceIdentity: "abc",
    stopped: { code: "DB-MAP-001", message: "thôi" },
    rowsLoading: 3,
    agreementTo: new Date("2026-01-02T03:04:07.678Z"),
    withdrawnAt: null,
  });
  expect(household?.table).toBe("population.household");
  expect(household?.rowsLoading).toBeNull();
  expect(Math.abs((citizen?.judgedAt.getTime() ?? 0) - before)).toBeLessThan(5_000);
  await copies.engine.execute("UPDATE dongbo.copy SET `load` = NULL");
});

test.runIf(testedFlavour === "mariadb")("a target without database dongbo has no copies, and nothing in it can be terminated", async () => {
  const server = await startMysqlServer();
  const empty = new MysqlTargetRecords(serverAddress(server.url()));
  try {
    expect(await empty.copies([subscription])).toEqual([]);
    expect(await empty.terminate(subscription)).toBe(false);
    await empty.refuseUntilLoaded(subscription, ["population.citizen"]);
    await empty.recordReconcile(subscription, "population.citizen", { verdict: "equal", quarantine: false });
  } finally {
    await empty.close();
    await server.destroy();
  }
});

test("a batch is told with its part of the source's history, and one that is gone is null", async () => {
  await copies.engine.execute(
    `INSERT INTO dongbo.batch (subscription, id, kind, first_position, last_position, source_time_first, source_time_last, transactions,
       rows_written, rows_deleted, agreement_id, applied_at) VALUES (?, 9, 'stream', '0-1-5', '0-1-8', ?, ?, 4, 12, 3, 'TT-07/2026', ?)`,
    [subscription, instant, instant + 1_000_000, instant + 2_000_000],
  );
  expect(await records.batch(subscription, 9)).toEqual({
    id: 9,
    kind: "stream",
    firstPosition: "0-1-5",
    lastPosition: "0-1-8",
    sourceTimeFirst: new Date("2026-01-02T03:04:05.678Z"),
    sourceTimeLast: new Date("2026-01-02T03:04:06.678Z"),
    transactions: 4,
    rowsWritten: 12,
    rowsDeleted: 3,
    agreementId: "TT-07/2026",
    appliedAt: new Date("2026-01-02T03:04:07.678Z"),
  });
  expect(await records.batch(subscription, 10)).toBeNull();
});

describe("a row is found by its key", () => {
  const copyOf = async (name: string, ...columns: readonly string[]): Promise<CopyRecord> => {
    const physical = { schema: "population_copy", name };
    const key = columns.map((_, index) => `k${index}`).join(", ");
    // The engine's user drops nothing there.
    await copies.server.query(`DROP TABLE IF EXISTS population_copy.${name}`);
    const definitions = columns.map((type, index) => `k${index} ${type} NOT NULL`).join(", ");
    await copies.engine.execute(
      `CREATE TABLE population_copy.${name} (${definitions}, dongbo_batch BIGINT NOT NULL, PRIMARY KEY (${key}))`,
    );
    const [any] = await records.copies([subscription]);
    if (any === undefined) throw new Error("no copy");
    return { ...any, table: `population.${name}`, physical };
  };
  const insert = (name: string, values: string, batch: number): Promise<number> =>
    copies.engine.execute(`INSERT INTO population_copy.${name} VALUES (${values}, ${batch})`);

  const cases: readonly (readonly [
    type: string,
    literal: string,
    found: readonly string[],
    absent: readonly string[],
    wrong: readonly string[],
  ])[] = [
    [
      "BIGINT UNSIGNED",
      "18446744073709551615",
      ["18446744073709551615", "+018446744073709551615"],
      ["18446744073709551614"],
      ["7x", "", "1.5"],
    ],
    ["TINYINT(1)", "1", ["1", "t", "true"], ["f", "0"], ["yes"]],
    [
      "DECIMAL(40,20)",
      "12345678901234567890.12345678901234567890",
      ["12345678901234567890.1234567890123456789"],
      ["12345678901234567890.12345678901234567891"],
      ["a"],
    ],
    [`VARCHAR(50) COLLATE ${bytewiseCollation}`, "'Nguyễn'", ["Nguyễn"], ["nguyễn", "Nguyen", "Nguyễn ", "' OR 1=1 -- "], []],
    ["VARBINARY(16)", "X'00ff27'", ["\\x00ff27", "\\x00FF27"], ["\\x00ff", "abc"], []],
    ["DATE", "'2024-02-29'", ["2024-02-29"], ["2024-02-28"], ["29.2.2024", "x"]],
    [
      "DATETIME(6)",
      "'2024-02-29 13:05:00.25'",
      ["2024-02-29 13:05:00.25", "2024-02-29T13:05:00.250000Z", "2024-02-29 13:05:00.25+00"],
      ["2024-02-29"],
      ["x", "2024-02-29 13:05:00+07"],
    ],
    ["TIMESTAMP(3)", "'2024-02-29 13:05:00'", ["2024-02-29 13:05:00+00", "2024-02-29 13:05:00"], ["2024-02-29 20:05:00"], ["now"]],
    ["TIME", "'-838:59:59'", ["-838:59:59"], ["08:05:00"], ["x"]],
    ["ENUM('a,b','c')", "'a,b'", ["a,b"], ["c", "1"], []],
  ];
  const ofMariaDb: typeof cases = [
    [
      "UUID",
      "'123e4567-e89b-12d3-a456-426655440000'",
      ["123e4567-e89b-12d3-a456-426655440000", "123E4567-E89B-12D3-A456-426655440000"],
      ["123e4567-e89b-12d3-a456-426655440001"],
      ["x"],
    ],
  ];
  test.each([...cases, ...(testedFlavour === "mariadb" ? ofMariaDb : [])])("%s", async (type, literal, found, absent, wrong) => {
    const copy = await copyOf("keyed", type);
    await insert("keyed", literal, 42);
    for (const text of found)
      expect(await records.findRow(copy, [text]), text).toEqual({ keyColumns: ["k0"], batch: 42, quarantine: null });
    for (const text of absent)
      expect(await records.findRow(copy, [text]), text).toEqual({ keyColumns: ["k0"], batch: null, quarantine: null });
    for (const text of wrong) await expect(records.findRow(copy, [text]), text).rejects.toThrow("DB-RUN-023");
  });

  test("of several columns, in key order; more or fewer values are no key", async () => {
    const copy = await copyOf("pair", "VARCHAR(20)", "INT");
    await insert("pair", "'79', 5", 3);
    expect(await records.findRow(copy, ["79", "5"])).toEqual({ keyColumns: ["k0", "k1"], batch: 3, quarantine: null });
    await expect(records.findRow(copy, ["79"])).rejects.toThrow("DB-RUN-023");
    await expect(records.findRow({ ...copy, physical: { schema: "population_copy", name: "gone" } }, ["79"])).rejects.toThrow("DB-MY-020");
  });

  test("and in quarantine, also where its key is no value of the column at all", async () => {
    const copy = await copyOf("held", "DATETIME(6)");
    const hold = (key: string, code: string): Promise<number> =>
      copies.engine.execute(
        `INSERT INTO dongbo.quarantine (subscription, target_table, key_digest, \`key\`, code, \`sqlstate\`, detail, position, first_seen, last_seen, attempts)
         VALUES (?, ?, LEFT(SHA2(?, 256), 32), ?, ?, '22007', 'column k0', '0-1-7', ?, ?, 2)`,
        [subscription, copy.table, key, JSON.stringify([key]), code, instant, instant + 1_000_000],
      );
    await hold("2024-02-29 13:05:00.25+00", "DB-ROW-001");
    await hold("infinity", "DB-ROW-006");
    expect((await records.findRow(copy, ["2024-02-29T13:05:00.250Z"])).quarantine).toEqual({
      code: "DB-ROW-001",
      sqlstate: "22007",
      detail: "column k0",
      position: "0-1-7",
      firstSeen: new Date("2026-01-02T03:04:05.678Z"),
      lastSeen: new Date("2026-01-02T03:04:06.678Z"),
      attempts: 2,
    });
    expect(await records.findRow(copy, ["infinity"])).toMatchObject({ batch: null, quarantine: { code: "DB-ROW-006" } });
    await expect(records.findRow(copy, ["-infinity"])).rejects.toThrow("DB-RUN-023");
  });
});

describe("what commands may change", () => {
  const read = async (): Promise<unknown> => copies.server.query("SELECT 1 FROM population.citizen");

  test("refuseUntilLoaded closes the named tables, and leaves alone those that nobody may read anyway", async () => {
    await copies.engine.execute("UPDATE dongbo.copy SET copy_state = 'NEVER_SYNCED' WHERE target_table = 'population.household'");
    await records.refuseUntilLoaded(subscription, ["population.citizen", "population.household"]);
    const states = await records.copies([subscription]);
    expect(states.map(({ copyState }) => copyState)).toEqual(["RESYNCING", "NEVER_SYNCED"]);
    expect((await refusalOf(read())).message).toContain("resyncing");
  });

  test("terminate refuses every view for good and raises the epoch, once", async () => {
    const epoch = async (): Promise<unknown> => copies.engine.query("SELECT epoch FROM dongbo.subscription");
    await copies.engine.execute("UPDATE dongbo.subscription SET epoch = 5");
    expect(await records.terminate(subscription)).toBe(true);
    expect(await records.terminate(subscription)).toBe(true);
    expect(await epoch()).toEqual([{ epoch: "6" }]);
    expect((await refusalOf(read())).message).toContain("its share is terminated");
    expect(await records.terminate("other/hue")).toBe(false);
  });
});

test("a session that was ended is replaced", async () => {
  const [own] = await copies.server.query(
    "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'dongbo_target' ORDER BY ID DESC LIMIT 1",
  );
  await copies.server.query(`KILL ${own?.["ID"] ?? ""}`);
  await records.copies([subscription]).catch(() => []);
  expect(await records.copies([subscription])).toHaveLength(2);
});
