// What every control store keeps of comparisons with the master: the memory one and the real one pass the same suite.
import { describe, expect, test } from "vitest";
import { keyFingerprint, keysDigest } from "../../engine/model/key-fingerprint.ts";
import { carriedOut } from "../../engine/ports/control-store.ts";
import { keyOf, reconcileReport, someDifferences, someReferences } from "../support/reconcile-report.ts";
import type { ControlStoreFixture } from "./control-store.ts";

const by = "lan@máy-1";
const hcm = "population/hcm";
const table = "population.citizen";

export function describeReconcileRecords(name: string, open: () => Promise<ControlStoreFixture>): void {
  describe(`${name}: recorded runs`, () => {
    test("RC-10: a run is kept with what was checked and found, by whom and when, and names no row", async () => {
      const { store, another } = await open();
      const report = reconcileReport({
        verdict: "different",
        differences: someDifferences,
        skipped: [{ column: "photo", why: "no common form" }],
        unsettled: 3,
        quarantined: 2,
        references: someReferences,
        policy: "review",
        action: { kind: "plan", breaker: "mass delete" },
      });
      const recorded = await store.reconcile.recordReconcile(report, by);
      expect(recorded).toMatchObject({
        id: 1,
        previousHash: "0".repeat(64),
        record: {
          format: 1,
          id: 1,
          by,
          subscription: hcm,
          table,
          source_table: "public.citizen",
          agreement: "TT-07/2026",
          configuration_version: 3,
          canonical_version: 1,
          verdict: "different",
          problem: null,
          started_at: "2026-01-02T03:04:05.678Z",
          ended_at: "2026-01-02T03:05:06.789Z",
          position: "0/1A2B3C",
          rows_checked: 1_234_567,
          digest: "d".repeat(32),
          outside_filter_count: 1,
          unicode_form_only_count: 1,
          different_columns: { birth_date: 1, full_name: 2 },
          unsettled: 3,
          quarantined: 2,
          columns: [
            { name: "personal_id", form: "text" },
            { name: "full_name", form: "text" },
          ],
          skipped: [{ column: "photo", why: "no common form" }],
          references: [
            {
              table: "app.resident",
              columns: ["province_code"],
              values_count: 4,
              rows_count: 1_240,
              causes: { "in quarantine": 1, "not in the master": 2, "outside the share's filter": 1 },
              problem: null,
            },
            {
              table: "app.house",
              columns: ["province_code", "ward"],
              values_count: 0,
              rows_count: 0,
              causes: {},
              problem: { code: "DB-REC-016" },
            },
          ],
          policy: "review",
          action: { kind: "plan", breaker: "mass delete" },
          repaired: 0,
        },
      });
      expect(recorded.record.differences).toEqual({
        missing: { count: 2, keys_digest: keysDigest([keyOf("079000000001"), keyOf("079000000002")]) },
        extra: { count: 1, keys_digest: keysDigest([keyOf("046000000001")]) },
        different: { count: 2, keys_digest: keysDigest([keyOf("079000000004"), keyOf("079000000003")]) },
        duplicate: { count: 1, keys_digest: keysDigest([keyOf("079000000005")]) },
      });
      expect(JSON.stringify(recorded)).not.toContain("0790000");
      expect(Math.abs(Date.parse(recorded.record.recorded_at) - Date.now())).toBeLessThan(60_000);
      const second = await another();
      expect(await second.reconcile.reconcileRuns(null, 10)).toEqual([recorded]);
      expect(await second.reconcile.reconcileRun(1)).toEqual(recorded);
      expect((await second.history(hcm, 1))[0]).toMatchObject({ kind: "reconciled", detail: `run 1 of ${table}: different`, by });
    });

    test("RC-10: each run holds the one before it; those of one subscription are told, newest first", async () => {
      const { store } = await open();
      const { reconcile } = store;
      const first = await reconcile.recordReconcile(reconcileReport(), by);
      const second = await reconcile.recordReconcile(reconcileReport({ subscription: "population/hue" }), by);
      const third = await reconcile.recordReconcile(reconcileReport(), by);
      expect([first, second, third].map(({ id }) => id)).toEqual([1, 2, 3]);
      expect([second.previousHash, third.previousHash]).toEqual([first.hash, second.hash]);
      expect(new Set([first, second, third].map(({ hash }) => hash)).size).toBe(3);
      expect((await reconcile.reconcileRuns(hcm, 10)).map(({ id }) => id)).toEqual([3, 1]);
      expect((await reconcile.reconcileRuns(null, 2)).map(({ id }) => id)).toEqual([3, 2]);
      expect(await reconcile.verifyReconcileChain()).toBeNull();
      await expect(reconcile.reconcileRun(4)).rejects.toMatchObject({ code: "DB-REC-008" });
    });

    test("RC-10: runs that are recorded at the same time follow each other without gaps", async () => {
      const { store, another } = await open();
      const stores = [store, await another(), await another()];
      const recorded = await Promise.all(
        Array.from({ length: 24 }, (_, index) => stores[index % 3]!.reconcile.recordReconcile(reconcileReport({ rowsChecked: index }), by)),
      );
      expect(recorded.map(({ id }) => id).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 24 }, (_, index) => index + 1));
      expect(await store.reconcile.verifyReconcileChain()).toBeNull();
    });

    test("RC-10: a run that answers what another run of the same table has answered since is not written", async () => {
      const { store, another } = await open();
      const { reconcile } = store;
      const first = await reconcile.recordReconcile(reconcileReport(), by);
      await reconcile.recordReconcile(reconcileReport({ table: "population.address" }), by);
      await reconcile.recordReconcile(reconcileReport({ subscription: "population/hue" }), by);
      const second = await another();
      const both = await Promise.all([store, second].map((each) => each.reconcile.recordReconcile(reconcileReport(), by, first.id)));
      expect(both.filter((run) => run !== null).map((run) => run.id)).toEqual([4]);
      expect(await reconcile.recordReconcile(reconcileReport(), by, 3)).toBeNull();
      expect(await reconcile.recordReconcile(reconcileReport(), by, 4)).toMatchObject({ id: 5 });
      expect(await reconcile.recordReconcile(reconcileReport(), by, null)).toMatchObject({ id: 6 });
      expect(await reconcile.verifyReconcileChain()).toBeNull();
    });

    test("RC-10: of nothing the chain is whole", async () => {
      const { store } = await open();
      expect(await store.reconcile.verifyReconcileChain()).toBeNull();
      expect(await store.reconcile.reconcileRuns(null, 5)).toEqual([]);
    });
  });

  describe(`${name}: repair plans`, () => {
    const keys = [keyOf("079000000001", "a"), keyOf("\u0000\uD83D\uDE00", "b")];

    test("RC-07: a plan changes nothing until it is approved; then its rows are ordered once, and forgotten when they are repaired", async () => {
      const { store, another } = await open();
      const { id: run } = await store.reconcile.recordReconcile(reconcileReport({ verdict: "different" }), by);
      await store.reconcile.recordPlan({ run, subscription: hcm, table, keys, breaker: "too many rows" }, "engine");
      expect(await store.pendingOrders()).toEqual([]);
      const second = await another();
      expect(await second.reconcile.plan(run)).toMatchObject({
        run,
        subscription: hcm,
        table,
        breaker: "too many rows",
        state: "open",
        rows: 2,
        keys,
        decidedBy: null,
      });
      const order = await second.reconcile.approvePlan(run, by);
      expect(await store.reconcile.approvePlan(run, "another")).toBe(order);
      expect(await store.pendingOrders()).toEqual([{ id: order, kind: "repair", subscription: hcm, table, keys, done: [] }]);
      expect(await store.reconcile.plan(run)).toMatchObject({ state: "approved", decidedBy: by, keys });
      await expect(store.reconcile.dropPlan(run, by)).rejects.toMatchObject({ code: "DB-REC-009" });
      await store.closeOrder(order, carriedOut);
      expect(await store.reconcile.plan(run)).toMatchObject({ state: "carried out", keys: [], rows: 2 });
      await expect(store.reconcile.approvePlan(run, by)).rejects.toMatchObject({ code: "DB-REC-009" });
      expect((await store.history(hcm, 10)).map(({ kind, detail, by: actor }) => [kind, detail, actor])).toEqual([
        ["order_closed", `repair of ${table}: carried out`, "engine"],
        ["ordered", `repair of ${table}: 2 rows of run ${run}`, by],
        ["repair_approved", `run ${run} of ${table}: 2 rows`, by],
        ["repair_planned", `run ${run} of ${table}: 2 rows`, "engine"],
        ["reconciled", `run ${run} of ${table}: different`, by],
      ]);
    });

    test("RC-07: a repair that failed leaves its plan open", async () => {
      const { store } = await open();
      const { id: run } = await store.reconcile.recordReconcile(reconcileReport(), by);
      await store.reconcile.recordPlan({ run, subscription: hcm, table, keys, breaker: null }, by);
      await store.closeOrder(await store.reconcile.approvePlan(run, by), "DB-REC-003");
      expect(await store.reconcile.plan(run)).toMatchObject({ state: "open", keys, breaker: null });
      const again = await store.reconcile.approvePlan(run, "nam@máy-2");
      await store.closeOrder(again, carriedOut);
      expect(await store.reconcile.plan(run)).toMatchObject({ state: "carried out", decidedBy: "nam@máy-2" });
    });

    test("RC-07: a plan that is dropped orders nothing, and its rows are forgotten", async () => {
      const { store } = await open();
      const { id: run } = await store.reconcile.recordReconcile(reconcileReport(), by);
      await store.reconcile.recordPlan({ run, subscription: hcm, table, keys, breaker: null }, by);
      await store.reconcile.dropPlan(run, by);
      expect(await store.reconcile.plan(run)).toMatchObject({ state: "dropped", keys: [], decidedBy: by });
      await expect(store.reconcile.approvePlan(run, by)).rejects.toMatchObject({ code: "DB-REC-009" });
      expect(await store.pendingOrders()).toEqual([]);
    });

    test("there is no plan of a run that left none, and none of a run that was never recorded", async () => {
      const { store } = await open();
      expect(await store.reconcile.plan(1)).toBeNull();
      await expect(store.reconcile.approvePlan(1, by)).rejects.toMatchObject({ code: "DB-REC-008" });
      await expect(store.reconcile.dropPlan(1, by)).rejects.toMatchObject({ code: "DB-REC-008" });
      const plan = { run: 1, subscription: hcm, table, keys, breaker: null };
      await expect(store.reconcile.recordPlan(plan, by)).rejects.toMatchObject({ code: "DB-REC-008" });
    });
  });

  describe(`${name}: orders of repairs`, () => {
    test("RC-05: repairs of other rows are other orders, the same rows in whatever order are one while it waits", async () => {
      const { store } = await open();
      const order = (...ids: readonly string[]): Promise<number> =>
        store.reconcile.orderRepair({ subscription: hcm, table, keys: ids.map((id) => keyOf(id)), run: null }, by);
      const first = await order("1", "2");
      expect(await order("2", "1")).toBe(first);
      const second = await order("1");
      expect(second).not.toBe(first);
      await store.order({ kind: "resync", subscription: hcm, table }, by);
      expect((await store.pendingOrders()).map(({ kind, keys }) => [kind, keys])).toEqual([
        ["repair", [keyOf("1"), keyOf("2")]],
        ["repair", [keyOf("1")]],
        ["resync", undefined],
      ]);
      await store.closeOrder(first, carriedOut);
      expect(await order("1", "2")).not.toBe(first);
    });
  });

  describe(`${name}: error notices`, () => {
    test("ER-01: a notice tells the provider what and how many, names rows by digests only, and is closed by an answer", async () => {
      const { store, another } = await open();
      const { id: run } = await store.reconcile.recordReconcile(reconcileReport(), by);
      const digests = Array.from({ length: 1_200 }, (_, index) => keyFingerprint(hcm, table, keyOf(String(index))));
      const notice = {
        run,
        subscription: hcm,
        sourceTable: "public.citizen",
        class: "extra",
        count: 1_200,
        cause: "the master has lost more than half of its rows",
        keyDigests: digests,
      } as const;
      const id = await store.reconcile.noteError(notice, by);
      const other = await store.reconcile.noteError({ ...notice, subscription: "land/hcm", class: "missing", keyDigests: [] }, "engine");
      const second = await another();
      expect((await second.reconcile.errorNotices(null)).map((found) => [found.id, found.by])).toEqual([
        [other, "engine"],
        [id, by],
      ]);
      const [found] = await second.reconcile.errorNotices("population");
      expect(found).toMatchObject({ ...notice, keyDigests: digests.slice(0, 1_000), answer: null });
      expect(await second.reconcile.errorNotices("popul")).toEqual([]);
      await second.reconcile.answerError(id, "đã khôi phục dữ liệu gốc", "minh@bca");
      const [answered, ...others] = await store.reconcile.errorNotices("population");
      expect(others).toEqual([]);
      expect(answered?.answer).toMatchObject({ text: "đã khôi phục dữ liệu gốc", by: "minh@bca" });
      expect((await store.history("population/hcm", 3)).map(({ kind, detail }) => [kind, detail])).toEqual([
        ["error_answered", `notice ${id}: đã khôi phục dữ liệu gốc`],
        ["error_noted", `notice ${id} of run ${run}: 1200 extra rows of public.citizen`],
        ["reconciled", `run ${run} of ${table}: equal`],
      ]);
    });

    test("ER-01: a notice is of a recorded run, and an answer of a notice", async () => {
      const { store } = await open();
      const notice = { run: 7, subscription: hcm, sourceTable: "t", class: "extra", count: 1, cause: "x", keyDigests: [] } as const;
      await expect(store.reconcile.noteError(notice, by)).rejects.toMatchObject({ code: "DB-REC-008" });
      await expect(store.reconcile.answerError(7, "x", by)).rejects.toMatchObject({ code: "DB-REC-008" });
    });
  });

  describe(`${name}: progress of a run`, () => {
    test("is kept by subscription and table until the run has ended", async () => {
      const { store, another } = await open();
      expect(await store.reconcile.reconcileProgress(hcm, table)).toBeNull();
      await store.reconcile.recordProgress(hcm, table, { after: ["Nguyễn"], rows: 10 });
      await store.reconcile.recordProgress(hcm, table, { after: null, rows: 20, nested: { digest: "ff" } });
      await store.reconcile.recordProgress(hcm, "population.address", { rows: 1 });
      const second = await another();
      expect(await second.reconcile.reconcileProgress(hcm, table)).toEqual({ after: null, rows: 20, nested: { digest: "ff" } });
      await second.reconcile.recordProgress(hcm, table, null);
      await second.reconcile.recordProgress(hcm, table, null);
      expect(await store.reconcile.reconcileProgress(hcm, table)).toBeNull();
      expect(await store.reconcile.reconcileProgress(hcm, "population.address")).toEqual({ rows: 1 });
    });

    test("a table is split once, whoever comes at the same time, and its parts are kept until the whole has ended", async () => {
      const { store, another } = await open();
      const second = await another();
      const cuts = [["m"], ["g", "m", "t"], ["h"]].map((keys) => [...keys, null].map((until) => ({ until })));
      await Promise.all(cuts.map((parts, index) => [store, second][index % 2]!.reconcile.splitComparison(hcm, table, parts)));
      const made = await store.reconcile.partsProgress(hcm, table);
      expect(cuts).toContainEqual(made.map(({ progress }) => progress));
      expect(made.map(({ part, state }) => [part, state])).toEqual(made.map((_, index) => [index + 1, "open"]));
      expect(new Set(made.map(({ split }) => split)).size).toBe(1);
      await store.reconcile.splitComparison(hcm, "population.address", [{}, {}]);
      const [first, last] = [made[0]!, made.at(-1)!];
      await second.reconcile.recordPart(first, "open", { rows: 1 });
      await second.reconcile.recordPart(first, "done", { rows: 2 });
      // What comes late changes nothing.
      await store.reconcile.recordPart(first, "open", { rows: 1 });
      await store.reconcile.recordPart({ ...last, split: "an earlier one" }, "done", { rows: 3 });
      await store.reconcile.recordPart(last, "failed", {});
      const now = await store.reconcile.partsProgress(hcm, table);
      expect([now[0], now.at(-1)]).toEqual([
        { ...first, state: "done", progress: { rows: 2 } },
        { ...last, state: "failed", progress: {} },
      ]);
      const all = await second.reconcile.comparisonParts();
      expect(all.filter((part) => part.table === table)).toEqual(
        now.map(({ subscription, part, split, state }) => ({ subscription, table, part, split, state })),
      );
      expect(all.filter((part) => part.table === "population.address")).toHaveLength(2);
      await second.reconcile.recordProgress(hcm, table, null);
      expect((await store.reconcile.comparisonParts()).map((part) => part.table)).toEqual(["population.address", "population.address"]);
      await store.reconcile.splitComparison(hcm, table, [{}, {}]);
      expect((await store.reconcile.partsProgress(hcm, table))[0]?.split).not.toBe(first.split);
    });
  });
}
