import { describe, expect, test } from "vitest";
import { printStatus } from "../../../deploy/processes/output/print-status.ts";
import { TimePrinter } from "../../../deploy/processes/output/print-time.ts";
import { buildStatus, needsAttention, type Observations } from "../../../deploy/processes/status-report.ts";
import type { SubscriptionStatus } from "../../../deploy/processes/status-shape.ts";
import type { SourceObservation } from "../../../deploy/processes/source-trouble.ts";
import { lsnOrder } from "../../../connectors/postgres/lsn.ts";
import type { Configuration } from "../../../engine/config/configuration.ts";
import { readConfiguration } from "../../../engine/config/load-config.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { Position } from "../../../engine/model/position.ts";
import type { CopyRecord } from "../../../engine/ports/target-records.ts";

const now = new Date("2026-01-02T03:04:05.000Z");

const url = "postgres://dongbo@127.0.0.1:1/x";
const direct = { connector: "postgres", url, provider: { id: "G01", name: "Bộ Công an" } };

function configuration(population: object = direct): Configuration {
  const text = JSON.stringify({
    version: 1,
    sources: { population },
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
    verdict: null,
    rows: 1000,
    rowsQuarantined: 0,
    position: "0/1A2B3C",
    sourceIdentity: "7300/1",
    stopped: null,
    rowsLoading: null,
    agreementTo: null,
    withdrawnAt: null,
    judgedAt: now,
    slices: [],
    ...change,
  };
}

const address = { table: "population.address", physical: { schema: "population_copy", name: "address" }, rows: 234 };
const valid = [copy(), copy(address)];

const unpublished = new ReplicationError("DB-PG-032", { subject: "public.citizen", cause: "the table is not published" });

function source(change: Partial<SourceObservation> = {}): SourceObservation {
  const reservation = { position: "0/1A2B3C" as Position, identity: "7300/1", retainedBytes: 12_582_912, inUse: true, keptSince: null };
  return { identity: reservation.identity, reservation, end: null, positions: lsnOrder, heartbeats: null, withheld: new Map(), ...change };
}

/** A table of population/hcm, by the name that readers know, that the source does not give. */
function withholding(name: string, reason: ReplicationError): SourceObservation {
  const [target, physical] = [
    { schema: "population", name },
    { schema: "population_copy", name },
  ];
  return source({ withheld: new Map([["population/hcm", [{ source: target, target, physical, catalog: null, columns: [], reason }]]]) });
}

function withSource(observed: SourceObservation | ReplicationError, change: Partial<Observations> = {}): Observations {
  return seen(valid, { sources: new Map([["population", observed]]), ...change });
}

function seen(hcm: readonly CopyRecord[] | ReplicationError, change: Partial<Observations> = {}): Observations {
  return {
    at: now,
    engine: { pid: 12, host: "máy-1", version: "0.1.0", startedAt: new Date("2026-01-01T20:00:00Z") },
    members: [],
    fleet: { leases: [], workers: [] },
    lifecycles: new Map(),
    orders: [],
    problems: [],
    copies: new Map([["hcm", hcm]]),
    sources: new Map([["population", source()]]),
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

const parked = new Map([["population/hcm", { suspended: null, parked: { why: "x", since: now } }]]);

describe("what keeps a source from supplying", () => {
  const other = { position: "0/2" as Position, identity: "7301/1", retainedBytes: 1, inUse: false, keptSince: null };
  const later = { position: "0/1A2B3D" as Position, identity: "7300/1", retainedBytes: 1, inUse: false, keptSince: null };
  const gone = new ReplicationError("DB-SLOT-007", { subject: "publication dongbo_population" });
  test.each<[string, SourceObservation | ReplicationError, string, boolean]>([
    ["a slot that is gone", source({ reservation: null }), "DB-SLOT-001", true],
    ["a source that cannot be asked", new ReplicationError("DB-PG-002", { subject: "population" }), "DB-PG-002", true],
    ["another server without the slot", source({ reservation: null, identity: "7301/1" }), "DB-SLOT-004", true],
    ["a slot that was made again later", source({ reservation: later }), "DB-SLOT-005", false],
    ["another server", source({ reservation: other }), "DB-SLOT-004", false],
    ["a log that ends before the copies", source({ end: "0/1" as Position }), "DB-SLOT-004", false],
    ["a table that is not published", withholding("citizen", unpublished), "DB-PG-032", false],
    ["a publication that is gone", withholding("citizen", gone), "DB-SLOT-007", true],
    ["a table that is gone", withholding("citizen", new ReplicationError("DB-MAP-030", { subject: "x" })), "DB-MAP-030", false],
  ])("%s is named with its remedy, is nowhere called valid, and asks for attention", (_what, observed, code, shared) => {
    const observations = withSource(observed);
    const report = buildStatus(configuration(), observations);
    expect(report.sources[0]?.problem?.code).toBe(shared ? code : undefined);
    const { problem } = statusOf(observations);
    expect(problem).toMatchObject({ code, remedy: expect.stringMatching(/./) as string });
    expect(needsAttention(report)).toBe(true);
    const text = print(observations);
    expect(text).toContain(`${code}: ${problem?.subject}: ${problem?.cause}. ${problem?.remedy}.`);
    expect(text.split(code)).toHaveLength(2);
    expect(text).toMatch(/^population\/hcm +yes +stopped /m);
  });

  test("a source that is merely away leaves its copies trying again", () => {
    expect(print(withSource(new ReplicationError("DB-PG-001", { subject: "population" })))).toMatch(/^population\/hcm +yes +retrying /m);
  });

  test.each<[string, Observations]>([
    ["nothing was ever loaded", seen([], { sources: new Map([["population", source({ reservation: null })]]) })],
    ["who relied on the slot is parked", withSource(source({ reservation: null }), { lifecycles: parked })],
    ["the agreement has ended", withSource(source({ reservation: null }), { at: new Date("2027-01-01T00:00:00Z") })],
  ])("no slot is no loss when %s", (_why, observations) => {
    expect(buildStatus(configuration(), observations).sources[0]?.problem).toBeNull();
  });

  test("a table whose stop is written down with its copy is told of there", () => {
    const stopped = [copy({ stopped: { code: "DB-PG-032", message: "x" }, reason: "stopped" }), copy(address)];
    const observed = withholding("citizen", unpublished);
    expect(statusOf(seen(stopped, { sources: new Map([["population", observed]]) })).problem).toBeNull();
  });

  test("a table that no copy holds yet may still be published when the configuration is applied", () => {
    const lacking = new Map([["population", withholding("address", unpublished)]]);
    expect(statusOf(seen([copy()], { sources: lacking })).problem).toBeNull();
    const before = seen([], { sources: lacking });
    expect(statusOf({ ...before, engine: null }).problem).toBeNull();
    expect(statusOf(before).problem).toMatchObject({ code: "DB-PG-032" });
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

  test("workers of a fleet, what each owns and since when, who is silent, and why no jobs go out", () => {
    const since = new Date("2026-01-02T03:00:00Z");
    const worker = { pid: 21, host: "máy-1", version: "0.1.0", startedAt: since, draining: false, heardAt: now, live: true };
    const lease = { worker: "a", term: 7, since, leftMs: 5_000 };
    const workers = [
      { ...worker, id: "a" },
      { ...worker, id: "b", pid: 22, host: "máy-2", live: false, heardAt: since },
      { ...worker, id: "c", pid: 23, host: "máy-3", draining: true },
    ];
    const leases = [
      { ...lease, kind: "job", name: "source population 1" },
      { ...lease, kind: "source", name: "population" },
    ] as const;
    const away = {
      of: "queue",
      id: "jobs",
      code: "DB-FLT-002",
      subject: "Redis queue:6379",
      cause: "it is away",
      remedy: "Start it",
    } as const;
    const observations = seen(valid, { fleet: { leases, workers }, problems: [away] });
    const text = print(observations);
    expect(text).toMatch(/^worker 21 on máy-1: population since 10:00:00 \(03:00:00Z\), at work on a job \(source population 1\)$/m);
    expect(text).toMatch(/^worker 22 on máy-2 \(silent since 10:00:00 \(03:00:00Z\)\): owns nothing$/m);
    expect(text).toMatch(/^worker 23 on máy-3 \(about to end\): owns nothing$/m);
    expect(text).toMatch(/^queue: DB-FLT-002: Redis queue:6379: it is away\. Start it/m);
    const report = buildStatus(configuration(), observations);
    expect(report.workers.map(({ state }) => state)).toEqual(["live", "silent", "draining"]);
    expect(report.workers[0]?.sources).toEqual([{ id: "population", since: since.toISOString() }]);
    expect(needsAttention(report)).toBe(true);
  });

  test.each<[string, number, RegExp]>([
    [
      "a connector that is heard of",
      4,
      /^source population: connector heard of 4\.0 s ago; copies follow each row in order, not whole transactions$/m,
    ],
    [
      "a silent connector (VL-07: why the clock stands still)",
      100,
      /^source population: DB-KAF-143: population: the connector's newest heartbeat is 100 s old; /m,
    ],
  ])("%s", (_what, age, line) => {
    const topics = {
      connector: "debezium",
      url: "kafka://127.0.0.1",
      topics: { prefix: "pop" },
      provider: { id: "G01", name: "Bộ Công an" },
    };
    const heartbeats = { newest: (now.getTime() - age * 1000) * 1000, interval: 10_000_000 };
    const report = buildStatus(configuration(topics), withSource(source({ heartbeats })));
    expect(printStatus(report, new TimePrinter("Asia/Ho_Chi_Minh", now))).toMatch(line);
    expect(report.sources[0]).toMatchObject({ connector: "debezium", follows: "rows", slot: null });
    expect(needsAttention(report)).toBe(age > 40);
    expect(report.subscriptions[0]).toMatchObject({ usable: true, problem: null });
  });

  test("whatever needs somebody has a sentence of its own with what to do", () => {
    const text = print(
      seen(
        [
          copy({ stopped: { code: "DB-MAP-010", message: 'column "x" is gone' }, reason: "stopped" }),
          copy({ ...address, rowsQuarantined: 3 }),
        ],
        {
          orders: [{ id: 1, kind: "resync", subscription: "population/hcm", table: null, done: [] }],
        },
      ),
    );
    expect(text).toContain('population/hcm population.citizen: stopped by DB-MAP-010: column "x" is gone\n');
    expect(text).toContain(
      "population/hcm population.address: 3 rows in quarantine. Mend the cause, then `dongbo replay population/hcm`.\n",
    );
    expect(text).toContain("population/hcm: resync of all tables is ordered and waits.\n");
  });

  test("RC-10: a copy that does not equal the master is told with when and what to do, and leaves with attention", () => {
    const at = new Date("2026-01-02T03:00:00Z");
    const told = (change: Partial<CopyRecord>): readonly [string, boolean] => {
      const observations = seen([copy({ lastReconciledAt: at, ...change }), copy(address)]);
      const lines = print(observations).split("\n");
      const line = lines.find((text) => text.startsWith("population/hcm population.citizen: ")) ?? "";
      return [line, needsAttention(buildStatus(configuration(), observations))];
    };
    expect(told({ verdict: "equal" })).toEqual(["", false]);
    expect(told({ verdict: "different" })).toEqual([
      "population/hcm population.citizen: found different from the master at 10:00:00 (03:00:00Z). `dongbo reconcile --repair review` finds the rows and proposes the repair.",
      true,
    ]);
    expect(told({ verdict: "unverified" })).toEqual([
      "population/hcm population.citizen: could not be compared with the master since 10:00:00 (03:00:00Z). `dongbo reconcile` says why.",
      false,
    ]);
    expect(told({ verdict: "unverified", lastReconciledAt: null })[0]).toContain("could not be compared with the master. ");
    const quarantined = { copyState: "QUARANTINED", reason: "quarantined" } as const;
    const resync = "Nobody may read it until `dongbo resync population/hcm --table population.citizen` has loaded it anew.";
    expect(told({ verdict: "different", ...quarantined })[0]).toMatch(/found different from the master at 10:00:00/);
    for (const verdict of ["different", "equal"] as const) {
      const [line, attention] = told({ verdict, ...quarantined });
      expect(line).toContain(resync);
      expect(attention).toBe(true);
    }
  });

  test("a copy whose master cannot be asked is told to differ from what was sent, never from the master", () => {
    const topics = {
      connector: "debezium",
      url: "kafka://localhost:9092",
      topics: { prefix: "pop" },
      provider: { id: "G01", name: "Bộ Công an" },
    };
    const report = buildStatus(configuration(topics), seen([copy({ verdict: "different" }), copy(address)]));
    expect(report.subscriptions[0]).toMatchObject({ compared_with: "sent" });
    expect(printStatus(report, new TimePrinter("Asia/Ho_Chi_Minh", now))).toContain(
      "population/hcm population.citizen: found different from what was sent. `dongbo resync population/hcm --table population.citizen` loads it anew.",
    );
  });

  test("RC-10: verdict and time of the comparison are told for each table", () => {
    const at = new Date("2026-01-02T03:00:00Z");
    expect(statusOf(seen([copy({ lastReconciledAt: at, verdict: "equal" }), copy(address)])).tables).toMatchObject([
      { target: "population.citizen", last_reconciled_at: "2026-01-02T03:00:00.000Z", verdict: "equal" },
      { target: "population.address", last_reconciled_at: null, verdict: null },
    ]);
  });

  test("without an engine and without a control database it says so", () => {
    expect(print(seen(valid, { engine: null }))).toContain("engine: not running");
    const controlProblem = new ReplicationError("DB-CTL-001", { subject: "control database" });
    expect(print(seen(valid, { controlProblem }))).toContain("control: DB-CTL-001: the control database cannot be reached.");
  });
});
