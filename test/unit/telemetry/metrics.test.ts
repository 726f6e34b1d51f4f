import { describe, expect, test } from "vitest";
import { metricRegister, type MetricDefinition } from "../../../engine/telemetry/metric-register.ts";
import { PrometheusMetrics } from "../../../engine/telemetry/metrics.ts";

const definitions = Object.entries(metricRegister) as [string, MetricDefinition][];

function start(): { metrics: PrometheusMetrics; clock: { nowMs: number } } {
  const state = { nowMs: Date.UTC(2026, 0, 1) };
  const clock = { now: () => state.nowMs * 1000, monotonicMs: () => state.nowMs, sleep: () => Promise.resolve() };
  return { metrics: new PrometheusMetrics({ clock, version: "1.2.3", retriedCodes: ["DB-PG-001"] }), clock: state };
}

/** The value of one series; undefined when it does not exist. */
async function read(metrics: PrometheusMetrics, series: string): Promise<string | undefined> {
  const line = (await metrics.text()).split("\n").find((text) => text.startsWith(`${series} `));
  return line?.slice(series.length + 1);
}

describe("register of metrics", () => {
  test.each(definitions)("%s is named dongbo_<area>_<what>_<unit>", (name, { kind, unit }) => {
    expect(name).toMatch(/^dongbo_[a-z]+(_[a-z]+)+$/);
    expect(name.endsWith(kind === "counter" ? `_${unit}_total` : `_${unit}`)).toBe(true);
  });

  test.each(definitions)("%s says what it is and how to read it", (_name, { help, reading }) => {
    expect(help.length).toBeGreaterThan(10);
    expect(reading.length).toBeGreaterThan(10);
  });
});

describe("metrics", () => {
  test("every metric exists from the start of a subscription, a source and a worker, so absence is never zero", async () => {
    const { metrics } = start();
    metrics.subscription("population/hcm");
    metrics.source("population");
    metrics.fleet();
    const text = await metrics.text();
    for (const [name] of definitions)
      expect(
        text.split("\n").some((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `)),
        name,
      ).toBe(true);
  });

  test("batches, rows and lag are counted for their subscription", async () => {
    const { metrics, clock } = start();
    const one = metrics.subscription("population/hcm");
    metrics.subscription("population/hue");
    one.applied({ transactions: 3, rowsWritten: 10, rowsDeleted: 2, committedAt: (clock.nowMs - 1500) * 1000 });
    one.loaded(500);
    expect(await read(metrics, 'dongbo_apply_batches_total{subscription="population/hcm"}')).toBe("1");
    expect(await read(metrics, 'dongbo_apply_transactions_total{subscription="population/hcm"}')).toBe("3");
    expect(await read(metrics, 'dongbo_apply_rows_total{subscription="population/hcm",operation="write"}')).toBe("10");
    expect(await read(metrics, 'dongbo_apply_rows_total{subscription="population/hcm",operation="load"}')).toBe("500");
    expect(await read(metrics, 'dongbo_apply_lag_seconds{subscription="population/hcm"}')).toBe("1.5");
    expect(await read(metrics, 'dongbo_apply_batches_total{subscription="population/hue"}')).toBe("0");
  });

  test("an idle batch does not touch the lag of the last data", async () => {
    const { metrics, clock } = start();
    const one = metrics.subscription("population/hcm");
    one.applied({ transactions: 1, rowsWritten: 1, rowsDeleted: 0, committedAt: (clock.nowMs - 2000) * 1000 });
    one.applied({ transactions: 0, rowsWritten: 0, rowsDeleted: 0, committedAt: clock.nowMs * 1000 });
    expect(await read(metrics, 'dongbo_apply_lag_seconds{subscription="population/hcm"}')).toBe("2");
  });

  test("VL-03: a copy turns unusable and its age grows while nothing is reported", async () => {
    const { metrics, clock } = start();
    const one = metrics.subscription("population/hcm");
    expect(await read(metrics, 'dongbo_copy_last_sync_age_seconds{subscription="population/hcm"}')).toBe("+Inf");
    one.clock(clock.nowMs * 1000, (clock.nowMs + 10_000) * 1000);
    one.usable(true);
    expect(await read(metrics, 'dongbo_copy_usable_bool{subscription="population/hcm"}')).toBe("1");
    clock.nowMs += 11_000;
    expect(await read(metrics, 'dongbo_copy_last_sync_age_seconds{subscription="population/hcm"}')).toBe("11");
    expect(await read(metrics, 'dongbo_copy_remaining_validity_seconds{subscription="population/hcm"}')).toBe("-1");
    expect(await read(metrics, 'dongbo_copy_usable_bool{subscription="population/hcm"}')).toBe("0");
  });

  test("exactly one state of a subscription and one health of a slot is 1", async () => {
    const { metrics } = start();
    metrics.subscription("population/hcm").state("parked");
    metrics.source("population").slot("lost");
    const ones = (await metrics.text()).split("\n").filter((line) => /^dongbo_(subscription_state|source_slot)_bool.* 1$/.test(line));
    expect(ones).toEqual([
      'dongbo_subscription_state_bool{subscription="population/hcm",state="parked"} 1',
      'dongbo_source_slot_bool{source="population",health="lost"} 1',
    ]);
  });

  test("a forgotten subscription is no longer reported, its neighbour is", async () => {
    const { metrics } = start();
    metrics.subscription("population/hcm").forget();
    metrics.subscription("population/hue");
    const text = await metrics.text();
    expect(text).not.toContain("population/hcm");
    expect(text).toContain("population/hue");
  });

  test("retries are counted by code", async () => {
    const { metrics } = start();
    expect(await read(metrics, 'dongbo_engine_retries_total{code="DB-PG-001"}')).toBe("0");
    metrics.retried("DB-PG-001");
    expect(await read(metrics, 'dongbo_engine_retries_total{code="DB-PG-001"}')).toBe("1");
  });
});
