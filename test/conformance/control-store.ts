// What every control store must do: the memory one, which simulations use, and the real one pass the same suite.
import { describe, expect, onTestFinished, test } from "vitest";
import type { ControlCommands, EngineIdentity } from "../../engine/ports/control-commands.ts";
import type { Position } from "../../engine/model/position.ts";
import { catalogTable, column } from "../support/table-builders.ts";
import { waitUntil } from "../support/wait-until.ts";

export interface ControlStoreFixture {
  readonly store: ControlCommands;
  /** Another process's view of the same data. */
  readonly another: () => Promise<ControlCommands>;
}

const engine: EngineIdentity = { pid: 4711, host: "máy-1", version: "0.1.0", startedAt: new Date("2026-01-02T03:04:05.678Z") };
const by = "lan@máy-1";

/** Registers the suite; `open` gives a fresh, empty store a test and cleans it up by onTestFinished. */
export function describeControlStore(name: string, open: () => Promise<ControlStoreFixture>): void {
  describe(`${name}: reservations`, () => {
    test("a source that was never reserved has no reservation, and a removed one has none again", async () => {
      const { store } = await open();
      expect(await store.reservation("population")).toBeNull();
      await store.recordReservation("population", { identity: "7/1", position: "0/1A" as Position });
      await store.recordReservation("population", null);
      expect(await store.reservation("population")).toBeNull();
    });

    test("the intention to reserve is recorded before the source has answered, then its answer", async () => {
      const { store, another } = await open();
      await store.recordReservation("population", { identity: null, position: null });
      const second = await another();
      expect(await second.reservation("population")).toEqual({ identity: null, position: null });
      await store.recordReservation("population", { identity: "7/1", position: "0/1A" as Position });
      expect(await second.reservation("population")).toEqual({ identity: "7/1", position: "0/1A" });
      expect(await second.reservation("land")).toBeNull();
    });
  });

  describe(`${name}: what was published`, () => {
    test("is kept by subscription and table; what is recorded later replaces only its own", async () => {
      const { store, another } = await open();
      expect((await store.published("population/hcm")).size).toBe(0);
      await store.recordPublished(
        "population/hcm",
        new Map([
          ["public.citizen", "1 2"],
          ["public.địa chỉ", "3"],
        ]),
      );
      await store.recordPublished("population/hcm", new Map([["public.citizen", "4"]]));
      await store.recordPublished("population/hcm", new Map());
      const second = await another();
      expect(Object.fromEntries(await second.published("population/hcm"))).toEqual({ "public.citizen": "4", "public.địa chỉ": "3" });
      expect((await second.published("population/hue")).size).toBe(0);
    });
  });

  describe(`${name}: carriers`, () => {
    test("are kept by subscription; the last one counts", async () => {
      const { store, another } = await open();
      expect(await store.carrier("population/hcm")).toBeNull();
      await store.recordCarrier("population/hcm", { source: "population-a", slot: "dongbo_a" });
      await store.recordCarrier("population/hue", { source: "population-a", slot: "dongbo_a" });
      await store.recordCarrier("population/hcm", { source: "population-b", slot: "dongbo_b" });
      const second = await another();
      expect(await second.carrier("population/hcm")).toEqual({ source: "population-b", slot: "dongbo_b" });
      expect(await second.carrier("population/hue")).toEqual({ source: "population-a", slot: "dongbo_a" });
    });
  });

  describe(`${name}: described tables`, () => {
    test("are kept by source and table; what is recorded later replaces only its own", async () => {
      const { store, another } = await open();
      expect(await store.described("population")).toEqual([]);
      const [citizen, address] = [
        catalogTable([column("id", "text")]),
        catalogTable([column("số", "text")], { table: { schema: "public", name: "địa chỉ" } }),
      ];
      await store.recordDescribed("population", [citizen, address]);
      const wider = catalogTable([column("id", "text"), column("name", "text")]);
      await store.recordDescribed("population", [wider]);
      const second = await another();
      expect(new Set(await second.described("population"))).toEqual(new Set([wider, address]));
      expect(await second.described("land")).toEqual([]);
    });
  });

  describe(`${name}: lifecycle`, () => {
    test("a subscription never heard of is neither suspended nor parked", async () => {
      const { store } = await open();
      expect(await store.lifecycle("population/hcm")).toEqual({ suspended: null, parked: null });
      expect((await store.lifecycles()).size).toBe(0);
    });

    test("D47 43: a suspension names its reason, keeps its beginning, and ends by resume", async () => {
      const { store } = await open();
      await store.suspend(["population/hcm", "population/hue"], "maintenance", by);
      const first = (await store.lifecycle("population/hcm")).suspended;
      expect(first?.reason).toBe("maintenance");
      await store.suspend(["population/hcm"], "breach", by);
      const second = (await store.lifecycle("population/hcm")).suspended;
      expect(second).toEqual({ reason: "breach", since: first?.since });
      expect(await store.resume(["population/hcm", "population/other"], by)).toEqual(["population/hcm"]);
      expect((await store.lifecycle("population/hcm")).suspended).toBeNull();
      expect((await store.lifecycle("population/hue")).suspended?.reason).toBe("maintenance");
    });

    test("suspension and parking are independent of each other", async () => {
      const { store } = await open();
      await store.park("population/hcm", "its target was away too long");
      await store.suspend(["population/hcm"], "security", by);
      await store.resume(["population/hcm"], by);
      const parked = (await store.lifecycle("population/hcm")).parked;
      expect(parked?.why).toBe("its target was away too long");
      await store.park("population/hcm", "a later reason");
      expect((await store.lifecycle("population/hcm")).parked).toEqual(parked);
      await store.unpark("population/hcm");
      await store.unpark("population/hcm");
      expect(await store.lifecycle("population/hcm")).toEqual({ suspended: null, parked: null });
    });
  });

  describe(`${name}: orders`, () => {
    test("orders wait oldest first until they are closed", async () => {
      const { store, another } = await open();
      const first = await store.order({ kind: "resync", subscription: "population/hcm", table: null }, by);
      const second = await store.order({ kind: "replay", subscription: "population/hcm", table: "population.citizen" }, by);
      expect(await (await another()).pendingOrders()).toEqual([
        { id: first, kind: "resync", subscription: "population/hcm", table: null, done: [] },
        { id: second, kind: "replay", subscription: "population/hcm", table: "population.citizen", done: [] },
      ]);
      await store.closeOrder(first, "done");
      await store.closeOrder(first, "done twice");
      expect((await store.pendingOrders()).map((order) => order.id)).toEqual([second]);
    });

    test("an order for a subscription in slices is closed with the last of them, and each is noted once", async () => {
      const { store, another } = await open();
      const second = await another();
      const id = await store.order({ kind: "resync", subscription: "population/hcm", table: null }, by);
      await store.noteSliceDone(id, { index: 2, of: 3 });
      await second.noteSliceDone(id, { index: 0, of: 3 });
      await store.noteSliceDone(id, { index: 2, of: 3 });
      expect((await store.pendingOrders())[0]?.done.toSorted((a, b) => a.index - b.index)).toEqual([
        { index: 0, of: 3 },
        { index: 2, of: 3 },
      ]);
      await second.noteSliceDone(id, { index: 1, of: 3 });
      expect(await store.pendingOrders()).toEqual([]);
      await store.noteSliceDone(id, { index: 1, of: 3 });
      expect((await store.history("population/hcm", 1))[0]).toMatchObject({
        kind: "order_closed",
        detail: "resync of all tables: carried out",
      });
    });

    test("slices of another cut do not count, and of two that come together one is the last", async () => {
      const { store, another } = await open();
      const second = await another();
      const id = await store.order({ kind: "resync", subscription: "population/hcm", table: null }, by);
      await store.noteSliceDone(id, { index: 0, of: 4 });
      await Promise.all([store.noteSliceDone(id, { index: 0, of: 2 }), second.noteSliceDone(id, { index: 1, of: 2 })]);
      expect(await store.pendingOrders()).toEqual([]);
    });

    test("the same order is given once while it waits and anew after it was closed", async () => {
      const { store } = await open();
      const order = { kind: "resync", subscription: "population/hcm", table: null } as const;
      const first = await store.order(order, by);
      expect(await store.order(order, by)).toBe(first);
      expect(await store.order({ ...order, table: "population.citizen" }, by)).not.toBe(first);
      await store.closeOrder(first, "done");
      expect(await store.order(order, by)).not.toBe(first);
    });
  });

  describe(`${name}: applied configuration`, () => {
    test("versions count up from 1 and the newest is in force", async () => {
      const { store, another } = await open();
      expect(await store.appliedConfiguration()).toBeNull();
      const first = await store.recordConfiguration({ document: '{"a":1}', digest: "aa", by }, 0);
      const second = await store.recordConfiguration({ document: '{"a":"tiếng Việt"}', digest: "bb", by }, 1);
      expect(second).toMatchObject({ version: 2, document: '{"a":"tiếng Việt"}', digest: "bb", by });
      expect(await (await another()).appliedConfiguration()).toEqual(second);
      expect(await (await another()).configurationHistory()).toEqual([first, second]);
    });

    test("of two that were compared with the same version only one is recorded", async () => {
      const { store, another } = await open();
      const second = await another();
      const results = await Promise.allSettled([
        store.recordConfiguration({ document: "{}", digest: "aa", by }, 0),
        second.recordConfiguration({ document: "[]", digest: "bb", by }, 0),
      ]);
      const failed = results.filter((result) => result.status === "rejected");
      expect(failed).toHaveLength(1);
      expect(failed[0]?.reason).toMatchObject({ code: "DB-CTL-007" });
      expect((await store.appliedConfiguration())?.version).toBe(1);
    });
  });

  describe(`${name}: history`, () => {
    test("every command leaves a line with who, what and when, newest first", async () => {
      const { store } = await open();
      await store.suspend(["population/hcm"], "force_majeure", by);
      await store.resume(["population/hcm"], by);
      await store.park("population/hcm", "too far behind");
      await store.unpark("population/hcm");
      const order = await store.order({ kind: "resync", subscription: "population/hcm", table: null }, by);
      await store.closeOrder(order, "done");
      await store.recordConfiguration({ document: "{}", digest: "aa", by }, 0);
      await store.suspend(["population/hue"], "breach", by);
      const history = await store.history("population/hcm", 100);
      expect(history.map(({ kind, detail, by: actor }) => [kind, detail, actor])).toEqual([
        ["applied", "configuration version 1", by],
        ["order_closed", "resync of all tables: done", "engine"],
        ["ordered", "resync of all tables", by],
        ["unparked", "", "engine"],
        ["parked", "too far behind", "engine"],
        ["resumed", "", by],
        ["suspended", "force_majeure", by],
      ]);
      expect(await store.history(null, 1)).toMatchObject([{ kind: "suspended", subscription: "population/hue" }]);
    });

    test("what changed nothing leaves no line", async () => {
      const { store } = await open();
      await store.unpark("population/hcm");
      await store.resume(["population/hcm"], by);
      await store.closeOrder(99, "done");
      expect(await store.history(null, 10)).toEqual([]);
    });
  });

  describe(`${name}: running engine`, () => {
    test("one engine at a time, seen by others, and the next one when it has left", async () => {
      const { store, another } = await open();
      const second = await another();
      expect(await second.engineSeen()).toBeNull();
      const claim = await store.claimEngine(engine, "refuse");
      expect(await second.engineSeen()).toEqual(engine);
      expect(await claim.renew()).toBe(true);
      await expect(second.claimEngine({ ...engine, pid: 4712 }, "refuse")).rejects.toMatchObject({ code: "DB-RUN-024" });
      await claim.release();
      expect(await second.engineSeen()).toBeNull();
      const next = await second.claimEngine({ ...engine, pid: 4712 }, "refuse");
      expect((await store.engineSeen())?.pid).toBe(4712);
      await next.release();
    });
  });

  test(`${name}: those who may stand by work beside the one that leads, and one of them takes its place`, async () => {
    const { store, another } = await open();
    const second = await another();
    const first = await store.claimEngine(engine, "stand by");
    const other = await second.claimEngine({ ...engine, pid: 4712 }, "stand by");
    expect([first.leads, other.leads]).toEqual([true, false]);
    await expect(second.claimEngine({ ...engine, pid: 4713 }, "refuse")).rejects.toMatchObject({ code: "DB-RUN-024" });
    const problem = { code: "DB-SLOT-005", subject: "population/hcm", cause: "lost", remedy: "Run it" } as const;
    await first.report([{ of: "source", id: "land", ...problem }], ["population#0of2"]);
    await other.report([{ of: "source", id: "population#1of2", ...problem }], ["population#1of2"]);
    expect((await second.engineProblems()).map(({ id }) => id)).toEqual(["land", "population#1of2"]);
    expect((await second.engineMembers()).map(({ pid, slices }) => [pid, slices])).toEqual([
      [4711, ["population#0of2"]],
      [4712, ["population#1of2"]],
    ]);
    expect(await other.renew()).toBe(false);
    await first.release();
    expect(await other.renew()).toBe(true);
    expect((await second.engineSeen())?.pid).toBe(4712);
    expect((await second.engineMembers()).map(({ pid }) => pid)).toEqual([4712]);
    await other.release();
    expect(await second.engineSeen()).toBeNull();
  });

  test(`${name}: what an engine reports replaces what was reported before, and stays after it`, async () => {
    const { store, another } = await open();
    const second = await another();
    expect(await second.engineProblems()).toEqual([]);
    const claim = await store.claimEngine(engine, "refuse");
    const lost = { code: "DB-SLOT-005", subject: "population/hcm", cause: "the log's end is lost; 'ở giữa'", remedy: "Run it" } as const;
    await claim.report([{ of: "source", id: "population", ...lost }]);
    await claim.report([{ of: "subscription", id: "population/hcm", ...lost }]);
    await claim.release();
    expect(await second.engineProblems()).toEqual([{ of: "subscription", id: "population/hcm", ...lost }]);
  });

  describe(`${name}: watch`, () => {
    test("calls at the start and after each change made elsewhere, until it is ended", async () => {
      const { store, another } = await open();
      const second = await another();
      const controller = new AbortController();
      onTestFinished(() => {
        controller.abort();
      });
      let calls = 0;
      const watching = store.watch(() => (calls += 1), controller.signal);
      const grown = (beyond: number): Promise<unknown> => waitUntil(() => calls > beyond, { describe: "a call back", deadlineMs: 5_000 });
      await grown(0);
      let before = calls;
      await second.suspend(["population/hcm"], "maintenance", by);
      await grown(before);
      before = calls;
      await second.order({ kind: "resync", subscription: "population/hcm", table: null }, by);
      await grown(before);
      before = calls;
      await second.recordConfiguration({ document: "{}", digest: "aa", by }, 0);
      await grown(before);
      controller.abort();
      await watching;
    });
  });
}
