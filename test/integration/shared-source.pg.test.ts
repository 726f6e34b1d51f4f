// Several processes with the same configuration share one source: each streams its slices, into one copy.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { PostgresTargetRecords } from "../../connectors/postgres/records/postgres-target-records.ts";
import { type RunningEngine, startEngine } from "../../deploy/processes/engine.ts";
import { systemClock, systemRandom } from "../../deploy/processes/system-clock.ts";
import type { Configuration } from "../../engine/config/configuration.ts";
import { readConfiguration } from "../../engine/config/load-config.ts";
import { MemoryControlStore } from "../../engine/control-store/memory-control-store.ts";
import type { Logger } from "../../engine/ports/logger.ts";
import type { CopyRecord } from "../../engine/ports/target-records.ts";
import { serverAddress } from "../support/server-address.ts";
import { silentMetrics } from "../support/silent-metrics.ts";
import { Member, SlicedLog } from "../support/sliced-log.ts";
import { catalogTable, column } from "../support/table-builders.ts";
import { TargetLab } from "../support/target-lab.ts";
import { testFolder } from "../support/test-run.ts";
import { waitUntil } from "../support/wait-until.ts";

const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, with: () => silent };
const catalog = catalogTable([column("id", "text"), column("name", "text")]);
const by = "lan@máy-1";

const text = (slices: number): string => `version: 1
sources:
  national:
    connector: debezium
    url: kafka://127.0.0.1
    slices: ${slices}
    topics: { prefix: pop }
    provider: { id: G01, name: Bộ Công an }
targets:
  hcm:
    connector: postgres
    url: \${env:HCM_URL}
    consumer: { id: "79", name: Thành phố Hồ Chí Minh }
shares:
  - id: population
    source: national
    regulation: { id: QC-01/2025, validity_period: PT24H, on_expiry: refuse, log_retention: P1Y }
    agreement: { id: TT-07/2026, from: 2020-01-01, purpose: Thủ tục hành chính, storage_basis: "42.1" }
    model: intermediary
    platform: NDXP
    tables:
      - { source: public.citizen, target: population.citizen }
    subscriptions:
      - { target: hcm }
`;

describe("a source that several processes share", () => {
  let lab: TargetLab;

  beforeAll(async () => {
    lab = await TargetLab.open({ master: [] });
  });
  afterAll(async () => {
    await lab[Symbol.asyncDispose]();
  });

  interface Process {
    readonly member: Member;
    readonly engine: RunningEngine;
  }

  interface Stage {
    readonly log: SlicedLog;
    readonly control: MemoryControlStore;
    readonly start: (leads: boolean) => Process;
    readonly copy: () => Promise<CopyRecord | undefined>;
    readonly keys: () => Promise<string[]>;
    readonly holds: (...keys: readonly string[]) => Promise<void>;
  }

  /** A fresh copy of a log cut into so many slices, and nobody at work yet. */
  async function stage(slices: number): Promise<Stage> {
    await lab.sql("DROP SCHEMA IF EXISTS dongbo, population, population_copy CASCADE");
    const folder = testFolder("shared-source");
    const { configuration, findings } = readConfiguration(text(slices), join(folder, "dongbo.yaml"), { HCM_URL: lab.url });
    if (configuration === null) throw new Error(JSON.stringify(findings));
    const control = new MemoryControlStore(systemClock);
    const log = new SlicedLog(slices, catalog);
    const records = new PostgresTargetRecords(serverAddress(lab.url));
    let processes = 0;
    onTestFinished(() => records.close());
    const start = (leads: boolean): Process => {
      processes += 1;
      const dataDir = join(folder, `process-${processes}`);
      mkdirSync(dataDir);
      const own: Configuration = { ...configuration, dataDir };
      const member = new Member(log);
      const parts = { control, clock: systemClock, random: systemRandom, logger: silent, metrics: silentMetrics, leased: false };
      const engine = startEngine(own, { ...parts, leads, openShared: () => member.connection() });
      onTestFinished(() => engine.stop());
      return { member, engine };
    };
    const keys = async (): Promise<string[]> => {
      const rows = await lab.sql("SELECT id FROM population_copy.citizen ORDER BY id").catch(() => []);
      return rows.map((row) => row["id"] ?? "");
    };
    return {
      log,
      control,
      start,
      copy: async () => (await records.copies(["population/hcm"]))[0],
      keys,
      holds: async (...wanted) => {
        await waitUntil(async () => (await keys()).join() === wanted.toSorted().join(), { describe: `rows ${wanted.join()}` });
      },
    };
  }

  test("each process streams its slices, and readers get one copy when all slices are whole", async () => {
    const { log, start, copy, holds } = await stage(4);
    for (const slice of [0, 1, 2, 3]) log.insert(slice, { [`a${slice}`]: "An" });
    const first = start(true);
    const other = start(false);
    first.member.assign(0, 1);
    await holds("a0", "a1");
    expect((await copy())?.reason).toMatch(/loading|never_synced/);
    other.member.assign(2, 3);
    await holds("a0", "a1", "a2", "a3");
    const whole = await waitUntil(
      async () => {
        const found = await copy();
        return found?.reason === null ? found : null;
      },
      { describe: "a copy that may be used" },
    );
    expect(whole).toMatchObject({ subscription: "population/hcm", rows: 4, copyState: "VALID", shareState: "ACTIVE" });
    expect(whole.slices.map(({ id }) => id)).toEqual([0, 1, 2, 3].map((index) => `population/hcm#${index}of4`));
    const names = (process: Process): string[] => process.engine.health().sources.map(({ name }) => name);
    expect([names(first), names(other)]).toEqual([
      ["national#0of4", "national#1of4"],
      ["national#2of4", "national#3of4"],
    ]);
    log.insert(3, { b3: "Bình" });
    log.insert(0, { b0: "Chi" });
    await holds("a0", "a1", "a2", "a3", "b0", "b3");
  });

  test("a slice that goes from one process to the other loses nothing and repeats nothing", async () => {
    const { log, start, copy, holds } = await stage(2);
    const first = start(true);
    const other = start(false);
    first.member.assign(0, 1);
    log.insert(0, { a0: "An" });
    log.insert(1, { a1: "An" });
    await holds("a0", "a1");
    for (let round = 0; round < 3; round += 1) {
      const [gives, takes] = round % 2 === 0 ? [first, other] : [other, first];
      log.insert(1, { [`b${round}`]: "before" });
      gives.member.assign(...(gives === first ? [0] : []));
      log.insert(1, { [`c${round}`]: "between" });
      takes.member.assign(...(takes === first ? [0, 1] : [1]));
      log.insert(1, { [`d${round}`]: "after" });
      const expected = Array.from({ length: round + 1 }, (_, past) => [`b${past}`, `c${past}`, `d${past}`]).flat();
      await holds("a0", "a1", ...expected);
    }
    expect((await copy())?.rows).toBe(11);
  });

  test("a process that stands still and hears nothing is overtaken: it writes nothing any more, and rests", async () => {
    const { log, start, copy, holds } = await stage(2);
    const zombie = start(true);
    const other = start(false);
    zombie.member.assign(0, 1);
    log.insert(0, { a0: "An" });
    log.insert(1, { a1: "An" });
    await holds("a0", "a1");
    // The group has given up on the first; it does not know that yet, and goes on as if nothing had happened.
    other.member.assign(0, 1);
    await waitUntil(() => zombie.engine.health().sources.every(({ state }) => state === "standing by"), {
      describe: "the first to rest",
    });
    log.insert(0, { b0: "Bình" });
    log.insert(1, { b1: "Bình" });
    await holds("a0", "a1", "b0", "b1");
    zombie.member.assign();
    const streaming = other.engine.health().sources.map(({ state }) => state);
    expect(streaming).toEqual(["streaming", "streaming"]);
    expect(await copy()).toMatchObject({ rows: 4, reason: null });
  });

  test("of a source in one piece one process has all, the others stand by and take its place", async () => {
    const { log, start, copy, holds } = await stage(1);
    const first = start(true);
    const other = start(false);
    first.member.assign(0);
    log.insert(0, { a: "An" });
    await holds("a");
    expect(other.engine.health().sources).toEqual([{ name: "national", state: "standing by", problem: null }]);
    expect((await copy())?.slices).toEqual([]);
    await first.engine.stop();
    other.member.assign(0);
    log.insert(0, { b: "Bình" });
    await holds("a", "b");
    expect(other.engine.health().subscriptions.map(({ id }) => id)).toEqual(["population/hcm"]);
  });

  test("an order reaches the slices of every process, and is closed when all have begun", async () => {
    const { log, control, start, copy, holds, keys } = await stage(2);
    const first = start(true);
    const other = start(false);
    first.member.assign(0);
    log.insert(0, { a0: "An" });
    log.insert(1, { a1: "An" });
    await holds("a0");
    await waitUntil(async () => (await copy())?.slices[0]?.position === "1", { describe: "the first slice" });
    // What no master has: a re-sync of its slice removes it.
    await lab.sql("INSERT INTO population_copy.citizen VALUES ('x0', 'nobody', 1024), ('x1', 'nobody', 1025)");
    await control.order({ kind: "resync", subscription: "population/hcm", table: null }, by);
    await waitUntil(async () => (await control.pendingOrders())[0]?.done.length === 1, { describe: "the first slice to begin" });
    expect(await keys()).toContain("x1");
    other.member.assign(1);
    await waitUntil(async () => (await control.pendingOrders()).length === 0, { describe: "the order to be closed" });
    await holds("a0", "a1");
    expect((await control.history("population/hcm", 1))[0]).toMatchObject({ kind: "order_closed" });
    await waitUntil(async () => (await copy())?.reason === null, { describe: "a copy that may be used" });
  });

  test("a suspension stops supply in every process, and resuming lets it go on", async () => {
    const { log, control, start, copy, holds } = await stage(2);
    const first = start(true);
    const other = start(false);
    first.member.assign(0);
    other.member.assign(1);
    log.insert(0, { a0: "An" });
    log.insert(1, { a1: "An" });
    await holds("a0", "a1");
    await control.suspend(["population/hcm"], "maintenance", by);
    const states = (): string[] => [first, other].flatMap(({ engine }) => engine.health().subscriptions.map(({ state }) => state));
    await waitUntil(() => states().join() === "suspended,suspended", { describe: "both suspended" });
    expect((await copy())?.shareState).toBe("SUSPENDED");
    log.insert(0, { b0: "Bình" });
    await control.resume(["population/hcm"], by);
    await holds("a0", "a1", "b0");
    await waitUntil(async () => (await copy())?.shareState === "ACTIVE", { describe: "supply to go on" });
  });
});
