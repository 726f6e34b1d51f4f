import { describe, expect, test } from "vitest";
import { explainCopy, type Check } from "../../../deploy/processes/explain-copy.ts";
import { type CopyFacts, type MasterFacts, rowVerdict } from "../../../deploy/processes/explain-row.ts";
import { printPredicate } from "../../../deploy/processes/output/print-predicate.ts";
import { TimePrinter } from "../../../deploy/processes/output/print-time.ts";
import type { StatusReport, SubscriptionStatus, TableStatus } from "../../../deploy/processes/status-shape.ts";
import type { ShareConfiguration } from "../../../engine/config/configuration.ts";
import type { Predicate } from "../../../engine/model/predicate.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { CopyRecord, QuarantineRecord } from "../../../engine/ports/target-records.ts";
import { refusalTexts } from "../../../engine/validity/refusal.ts";

const now = "2026-01-02T03:04:05.000Z";
const times = new TimePrinter("UTC", new Date(now));
const share = {
  source: "population",
  agreement: { id: "TT-07/2026", from: new Date("2026-01-01"), to: new Date("2027-01-01") },
} as ShareConfiguration;

const table: TableStatus = {
  target: "population.citizen",
  rows: 7,
  last_sync_at: "2026-01-02T03:04:04.000Z",
  valid_until: "2026-01-03T03:04:04.000Z",
  copy_state: "VALID",
  usable: true,
  reason: null,
  rows_quarantined: 0,
  last_reconciled_at: null,
  verdict: null,
  rows_loading: null,
  stopped: null,
};

const subscription: SubscriptionStatus = {
  id: "population/hcm",
  share: "population",
  target: "hcm",
  share_state: "ACTIVE",
  copy_state: "VALID",
  usable: true,
  reason: null,
  last_sync_at: table.last_sync_at,
  valid_until: table.valid_until,
  position: "0/1",
  slices: [],
  lag_seconds: 1,
  rows_quarantined: 0,
  last_reconciled_at: null,
  compared_with: "master",
  tables: [table],
  suspended: null,
  parked: null,
  pending_orders: [],
  problem: null,
};

const direct = { connector: "postgres", follows: "transactions", heard_at: null } as const;

function explain(change: Partial<SubscriptionStatus> = {}, report: Partial<StatusReport> = {}): Check[] {
  const whole: StatusReport = {
    at: now,
    engine: { pid: 12, host: "máy-1", version: "0.1.0", started_at: now },
    members: [],
    workers: [],
    queue: { problem: null },
    control: { problem: null },
    sources: [{ ...direct, id: "population", slot: "dongbo_population", retained_bytes: 1, kept_since: null, problem: null }],
    subscriptions: [{ ...subscription, ...change }],
    ...report,
  };
  return explainCopy(whole, share, "population/hcm", times);
}

const failing = (checks: readonly Check[]): string[] => checks.filter(({ ok }) => ok === false).map(({ check }) => check);

describe("explain a copy", () => {
  test("a copy behind Debezium topics without transactions says what it can be relied on for", () => {
    const topics = { id: "population", connector: "debezium", follows: "rows", heard_at: now, slot: null, problem: null } as const;
    const checks = explain({}, { sources: [{ ...topics, retained_bytes: 0, kept_since: null }] });
    expect(failing(checks)).toEqual([]);
    expect(checks.find(({ check }) => check === "order")?.detail).toContain("may be seen apart");
    expect(checks.find(({ check }) => check === "source")?.detail).toContain("its newest heartbeat");
    const many = Array.from({ length: 40 }, (_, partition) => `pop.public.citizen/${partition}=7`);
    const placed = explain({ position: `1767323045000000 ${many.join(" ")}` }).find(({ check }) => check === "target");
    expect(placed?.detail).toMatch(/position 1767323045000000 (?:pop\.public\.citizen\/[012]=7 ){3}… and 37 more$/);
  });

  test("when all is well every condition holds and nothing is to be done", () => {
    const checks = explain();
    expect(checks.map(({ check }) => check)).toEqual([
      "agreement",
      "supply",
      "stream",
      "engine",
      "source",
      "target",
      "table population.citizen",
    ]);
    expect(checks.every(({ ok, remedy }) => ok === true && remedy === null)).toBe(true);
  });

  const problem = { code: "DB-PG-001", subject: "db", cause: "the server cannot be reached", remedy: "Start the server" };
  test.each<[string, Check[], string]>([
    ["a suspension", explain({ suspended: { reason: "breach", since: now } }), "supply"],
    ["parking", explain({ parked: { why: "its target was away", since: now } }), "stream"],
    ["no engine", explain({}, { engine: null }), "engine"],
    [
      "a dead source",
      explain({}, { sources: [{ ...direct, id: "population", slot: "s", retained_bytes: null, kept_since: null, problem }] }),
      "source",
    ],
    ["a dead target", explain({ problem, reason: "unreachable", tables: [] }), "target"],
    ["a subscription that the engine cannot supply", explain({ problem }), "stream"],
    ["nothing loaded yet", explain({ tables: [] }), "target"],
    ["an expired table", explain({ tables: [{ ...table, usable: false, reason: "expired" }] }), "table population.citizen"],
    ["a stopped table", explain({ tables: [{ ...table, stopped: { code: "DB-MAP-010", message: "x" } }] }), "table population.citizen"],
    ["rows in quarantine", explain({ tables: [{ ...table, rows_quarantined: 2 }] }), "quarantine population.citizen"],
    ["an agreement that has ended", explain({}, { at: "2027-01-01T00:00:00.000Z" }), "agreement"],
    ["an agreement that has not begun", explain({}, { at: "2025-12-31T23:59:59.000Z" }), "agreement"],
  ])("%s fails exactly one condition, with what to do", (_what, checks, check) => {
    expect(failing(checks)).toEqual([check]);
    expect(checks.find(({ ok }) => ok === false)?.remedy).toMatch(/\w/);
  });

  test.each(Object.keys(refusalTexts))("the reason %s has the same advice as the refusal in the target", (reason) => {
    const checks = explain({ tables: [{ ...table, usable: false, reason }] });
    expect(checks.find(({ ok }) => ok === false)?.remedy).toBe(refusalTexts[reason as keyof typeof refusalTexts].hint);
  });
});

describe("explain a row", () => {
  const inMaster: MasterFacts = { exists: true, failing: [] };
  const filtered: MasterFacts = { exists: true, failing: ["province_code in (79)"] };
  const gone: MasterFacts = { exists: false, failing: [] };
  const away = new ReplicationError("DB-PG-001", { subject: "db" });
  const held: QuarantineRecord = {
    code: "DB-ROW-001",
    sqlstate: "23505",
    detail: null,
    position: null,
    firstSeen: new Date(),
    lastSeen: new Date(),
    attempts: 1,
  };
  const loaded = { rowsLoading: null } as CopyRecord;
  const copy = (present: boolean, change: Partial<CopyFacts> = {}): CopyFacts => ({
    state: loaded,
    present,
    quarantine: null,
    batch: null,
    ...change,
  });

  test.each<[string, MasterFacts | ReplicationError, CopyFacts | ReplicationError]>([
    ["it is in the copy, as it should be", inMaster, copy(true)],
    ["it is not in the copy yet: it has not arrived, see `dongbo status` for the lag", inMaster, copy(false)],
    ["it is not in the copy yet: the copy is not loaded", inMaster, copy(false, { state: null })],
    ["it is not in the copy because it does not pass the filter", filtered, copy(false)],
    ["it is in the copy but does not pass the filter any more: the next sync removes it", filtered, copy(true)],
    ["it is neither in the master nor in the copy", gone, copy(false)],
    ["it is in the copy and no longer in the master: the next sync removes it", gone, copy(true)],
    ["it is not in the copy: the target refused its newest version, which is in quarantine", inMaster, copy(false, { quarantine: held })],
    ["it is in the copy; the master cannot be asked whether it belongs there", away, copy(true)],
    ["the copy cannot be looked at", inMaster, away],
  ])("%s", (verdict, master, facts) => {
    expect(rowVerdict({ table: "population.citizen", master, copy: facts })).toBe(verdict);
  });
});

describe("a filter in words", () => {
  test.each<[Predicate, string]>([
    [{ op: "in", column: "province_code", values: ["79", "46"] }, "province_code in (79, 46)"],
    [{ op: "not_in", column: "a", values: ["1", "2", "3", "4", "5", "6", "7"] }, "a not in (1, 2, 3, 4, 5, 6, … 7 values)"],
    [{ op: "is_null", column: "a", value: false }, "a is not null"],
    [{ op: "starts_with", column: "a", value: "x" }, "a starts with x"],
    [
      {
        op: "all",
        of: [
          { op: "gte", column: "a", value: "1" },
          {
            op: "any",
            of: [
              { op: "eq", column: "b", value: "2" },
              { op: "not", of: { op: "ne", column: "c", value: "3" } },
            ],
          },
        ],
      },
      "a >= 1 and (b = 2 or not (c <> 3))",
    ],
  ])("%j", (predicate, text) => {
    expect(printPredicate(predicate)).toBe(text);
  });
});
