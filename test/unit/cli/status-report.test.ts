import { describe, expect, test } from "vitest";
import { printStatus } from "../../../deploy/processes/output/print-status.ts";
import { TimePrinter } from "../../../deploy/processes/output/print-time.ts";
import { buildStatus, needsAttention, type Observations, type SubscriptionStatus } from "../../../deploy/processes/status-report.ts";
import type { Configuration } from "../../../engine/config/configuration.ts";
import { readConfiguration } from "../../../engine/config/load-config.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { CopyRecord } from "../../../engine/ports/target-records.ts";

const now = new Date("2026-01-02T03:04:05.000Z");

function configuration(): Configuration {
  const url = "postgres://dongbo@127.0.0.1:1/x";
  const text = JSON.stringify({
    version: 1,
    sources: { population: { connector: "postgres", url, provider: { id: "G01", name: "Bộ Công an" } } },
    targets: {
      hcm: { connector: "postgres", url, consumer: { id: "79", name: "Thành phố Hồ Chí Minh" } },
      hue: { connector: "postgres", url: `${url}2`, consumer: { id: "46", name: "Thành phố Huế" } },
    },
    shares: [
      {
        id: "population",
        source: "population",
        regulation: { id: "QC-01/2025", validity_period: "PT24H", on_expiry: "refuse", log_retention: "P1Y" },
        agreement: { id: "TT-07/2026", from: "2026-01-01", to: "2027-01-01", purpose: "thử nghiệm", storage_basis: "42.1" },
        model: "intermediary",
        platform: "Nền tảng",
        tables: [
          { source: "public.citizen", target: "population.citizen", key: ["id"], columns: ["id"] },
          { source: "public.address", target: "population.address", key: ["id"], columns: ["id"] },
        ],
        subscriptions: [{ target: "hcm" }, { target: "hue" }],
      },
    ],
  });
  const loaded = readConfiguration(text, "dongbo.yaml", {});
  if (loaded.configuration === null) throw new Error(JSON.stringify(loaded.findings));
  return loaded.configuration;
}

function copy(change: Partial<CopyRecord> = {}): CopyRecord {
  return {
    subscription: "population/hcm",
    table: "population.citizen",
    physical: { schema: "population_copy", name: "citizen" },
    shareState: "ACTIVE",
    copyState: "VALID",
    reason: null,
    lastSyncAt: new Date("2026-01-02T03:04:04.600Z"),
    validUntil: new Date("2026-01-03T03:04:04.600Z"),
    lastReconciledAt: null,
    rows: 1000,
    rowsQuarantined: 0,
    position: "0/1A2B3C",
    stopped: null,
    rowsLoading: null,
    agreementTo: null,
    withdrawnAt: null,
    judgedAt: now,
    ...change,
  };
}

const address = { table: "population.address", physical: { schema: "population_copy", name: "address" }, rows: 234 };
const valid = [copy(), copy(address)];

function seen(hcm: readonly CopyRecord[] | ReplicationError, change: Partial<Observations> = {}): Observations {
  return {
    at: now,
    engine: { pid: 12, host: "máy-1", version: "0.1.0", startedAt: new Date("2026-01-01T20:00:00Z") },
    lifecycles: new Map(),
    orders: [],
    problems: [],
    copies: new Map([["hcm", hcm]]),
    reservations: new Map([["population", { retainedBytes: 12_582_912 }]]),
    controlProblem: null,
    ...change,
  };
}

function statusOf(observations: Observations, id = "population/hcm"): SubscriptionStatus {
  const found = buildStatus(configuration(), observations).subscriptions.find((subscription) => subscription.id === id);
  if (found === undefined) throw new Error(`no ${id}`);
  return found;
}

describe("status report", () => {
  test("a valid copy has the shape that design section 5 promises", () => {
    expect(statusOf(seen(valid))).toMatchObject({
      id: "population/hcm",
      share: "population",
      target: "hcm",
      share_state: "ACTIVE",
      copy_state: "VALID",
      usable: true,
      reason: null,
      last_sync_at: "2026-01-02T03:04:04.600Z",
      valid_until: "2026-01-03T03:04:04.600Z",
      position: "0/1A2B3C",
      lag_seconds: 0.4,
      rows_quarantined: 0,
      last_reconciled_at: null,
      tables: [
        { target: "population.citizen", rows: 1000, last_sync_at: "2026-01-02T03:04:04.600Z" },
        { target: "population.address", rows: 234, last_sync_at: "2026-01-02T03:04:04.600Z" },
      ],
    });
  });

  test("VL-09: the oldest table decides last sync, end of validity and lag", () => {
    const late = copy({ ...address, lastSyncAt: new Date("2026-01-02T03:00:00Z"), validUntil: new Date("2026-01-03T03:00:00Z") });
    expect(statusOf(seen([copy(), late]))).toMatchObject({
      last_sync_at: "2026-01-02T03:00:00.000Z",
      valid_until: "2026-01-03T03:00:00.000Z",
      lag_seconds: 245,
    });
  });

  test("one refused table makes the subscription unusable, with that reason and the worst state", () => {
    const expired = copy({ ...address, copyState: "EXPIRED", reason: "expired" });
    expect(statusOf(seen([copy(), expired]))).toMatchObject({ usable: false, reason: "expired", copy_state: "EXPIRED" });
  });

  test("a table that the target has not heard of yet was never synced, and there is no end of validity", () => {
    const status = statusOf(seen([copy()]));
    expect(status).toMatchObject({
      usable: false,
      reason: "never_synced",
      copy_state: "NEVER_SYNCED",
      last_sync_at: null,
      valid_until: null,
    });
  });

  test("a withdrawn table has no say any more", () => {
    const gone = copy({ table: "population.old", withdrawnAt: now, reason: "withdrawn", lastSyncAt: new Date(0) });
    expect(statusOf(seen([...valid, gone]))).toMatchObject({ usable: true, last_sync_at: "2026-01-02T03:04:04.600Z" });
  });

  test("a subscription that its target has never seen is agreed and never synced", () => {
    expect(statusOf(seen(valid), "population/hue")).toMatchObject({
      share_state: "AGREED",
      copy_state: "NEVER_SYNCED",
      usable: false,
      reason: "never_synced",
      tables: [],
    });
  });

  test("an unreachable target is named with its code while the others are shown", () => {
    const down = new ReplicationError("DB-PG-001", { subject: "127.0.0.1:1/x" });
    const report = buildStatus(configuration(), {
      ...seen(down),
      copies: new Map<string, readonly CopyRecord[] | ReplicationError>([
        ["hcm", down],
        ["hue", [copy({ subscription: "population/hue" })]],
      ]),
    });
    expect(report.subscriptions[0]).toMatchObject({
      usable: false,
      reason: "unreachable",
      share_state: null,
      problem: { code: "DB-PG-001" },
    });
    expect(report.subscriptions[1]?.tables).toHaveLength(1);
    expect(needsAttention(report)).toBe(true);
  });

  test("what the engine cannot go on with is told, also while the copy may still be used", () => {
    const told = {
      code: "DB-SLOT-005",
      subject: "population/hcm",
      cause: "what lies between is lost",
      remedy: "Run `dongbo resync`",
    } as const;
    const observations = seen(valid, { problems: [{ of: "subscription", id: "population/hcm", ...told }] });
    expect(statusOf(observations)).toMatchObject({ usable: true, copy_state: "VALID", problem: told });
    expect(print(observations)).toMatch(/^population\/hcm +yes +stopped /m);
    expect(print(observations)).toContain("population/hcm: DB-SLOT-005: population/hcm: what lies between is lost. Run `dongbo resync`.\n");
    const busy = { code: "DB-SLOT-003", subject: "slot", cause: "the slot is in use", remedy: "Stop the other process" } as const;
    const report = buildStatus(configuration(), seen(valid, { problems: [{ of: "source", id: "population", ...busy }] }));
    expect(report.sources).toMatchObject([{ problem: busy }]);
    expect([needsAttention(buildStatus(configuration(), observations)), needsAttention(report)]).toEqual([true, true]);
  });

  test("VL-12: a suspended copy that is still valid stays usable", () => {
    const lifecycles = new Map([["population/hcm", { suspended: { reason: "maintenance", since: now } as const, parked: null }]]);
    expect(statusOf(seen(valid, { lifecycles }))).toMatchObject({
      share_state: "SUSPENDED",
      usable: true,
      reason: null,
      suspended: { reason: "maintenance", since: "2026-01-02T03:04:05.000Z" },
    });
  });

  test.each<[string, Observations, boolean]>([
    ["all well", seen(valid), false],
    ["a stopped table", seen([copy({ stopped: { code: "DB-MAP-010", message: "x" }, reason: "stopped" })]), true],
    ["a row in quarantine", seen([copy({ rowsQuarantined: 1 })]), true],
    [
      "a parked subscription",
      seen(valid, { lifecycles: new Map([["population/hcm", { suspended: null, parked: { why: "x", since: now } }]]) }),
      true,
    ],
    [
      "a suspended subscription",
      seen(valid, { lifecycles: new Map([["population/hcm", { suspended: { reason: "breach", since: now } as const, parked: null }]]) }),
      false,
    ],
    ["a copy that is loading", seen([copy({ copyState: "NEVER_SYNCED", reason: "loading", rowsLoading: 5 })]), false],
  ])("with %s the exit code asks for attention exactly when somebody must act", (_what, observations, attention) => {
    expect(needsAttention(buildStatus(configuration(), observations))).toBe(attention);
  });
});

const print = (observations: Observations): string =>
  printStatus(buildStatus(configuration(), observations), new TimePrinter("Asia/Ho_Chi_Minh", now));

describe("status for people", () => {
  test("one line a subscription with times in local time and UTC", () => {
    const text = print(seen(valid));
    expect(text).toContain("dongbo status, 2026-01-02 10:04:05 +07:00 (2026-01-02T03:04:05Z)\n");
    expect(text).toContain("engine: running since 03:00:00 (20:00:00Z), process 12 on máy-1\n");
    expect(text).toContain("source population: keeps 12.0 MB of log for dongbo (slot dongbo_population)\n");
    expect(text).toMatch(/^population\/hcm +yes +valid +10:04:04 \(03:04:04Z\) +0\.4 s +2026-01-03 10:04:04 \(03:04:04Z\) +1,234 +0$/m);
    expect(text).toMatch(/^population\/hue +no +never_synced +never +- +- +- +0$/m);
  });

  test("whatever needs somebody has a sentence of its own with what to do", () => {
    const text = print(
      seen(
        [
          copy({ stopped: { code: "DB-MAP-010", message: 'column "x" is gone' }, reason: "stopped" }),
          copy({ ...address, rowsQuarantined: 3 }),
        ],
        {
          orders: [{ id: 1, kind: "resync", subscription: "population/hcm", table: null }],
        },
      ),
    );
    expect(text).toContain('population/hcm population.citizen: stopped by DB-MAP-010: column "x" is gone\n');
    expect(text).toContain(
      "population/hcm population.address: 3 rows in quarantine. Mend the cause, then `dongbo replay population/hcm`.\n",
    );
    expect(text).toContain("population/hcm: resync of all tables is ordered and waits.\n");
  });

  test("without an engine and without a control database it says so", () => {
    expect(print(seen(valid, { engine: null }))).toContain("engine: not running");
    const controlProblem = new ReplicationError("DB-CTL-001", { subject: "control database" });
    expect(print(seen(valid, { controlProblem }))).toContain("control: DB-CTL-001: the control database cannot be reached.");
  });
});
