// What every target keeps of comparisons with the master, and what a copy that must not be believed goes through.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Position } from "../../engine/model/position.ts";
import { inSlice } from "../../engine/model/slice.ts";
import type { Subscription, TableMapping } from "../../engine/model/share.ts";
import { printTable } from "../../engine/model/table.ts";
import type { CopyRecord, TargetRecords } from "../../engine/ports/target-records.ts";
import { row } from "../support/table-builders.ts";
import { nowMicros, progress, subscriptionOf, Writer } from "../support/target-lab.ts";
import type { SlicedTargetHarness } from "./change-target-slices.ts";

const whole = "population/hcm";

export function describeReconciledCopies(name: string, start: () => Promise<SlicedTargetHarness>): void {
  describe(`copies that were compared with their master, ${name}`, () => {
    let harness: SlicedTargetHarness;
    let citizen: TableMapping;
    let records: TargetRecords;
    /** As readers name it. */
    let table: string;
    const opened: Writer[] = [];

    beforeAll(async () => {
      harness = await start();
      ({ citizen } = harness);
      table = printTable(citizen.target);
      records = harness.records();
    });
    afterAll(async () => {
      await records?.close();
      await harness?.[Symbol.asyncDispose]();
    });
    beforeEach(async () => {
      for (const { target } of opened.splice(0)) await target.close();
      await harness.reset();
    });

    async function prepared(subscription: Subscription = subscriptionOf([citizen])): Promise<Writer> {
      const writer = await Writer.prepared(harness, subscription);
      opened.push(writer);
      return writer;
    }

    async function loaded(subscription?: Subscription): Promise<Writer> {
      const writer = await prepared(subscription);
      await load(writer, true);
      return writer;
    }

    async function load(writer: Writer, complete: boolean): Promise<void> {
      const transaction = await writer.begin();
      await transaction.load(citizen, [row("1", "An")]);
      await writer.commit(transaction, { loads: [{ table: citizen, progress: progress(), complete }] });
    }

    async function copy(): Promise<CopyRecord> {
      const [found] = await records.copies([whole]);
      return found as CopyRecord;
    }

    const found = async (): Promise<unknown> => {
      const { verdict, lastReconciledAt } = await copy();
      return [verdict, lastReconciledAt === null ? null : "some time"];
    };
    const note = (verdict: "equal" | "different" | "unverified", quarantine = false): Promise<void> =>
      records.recordReconcile(whole, table, { verdict, quarantine });

    test("RC-10: verdict and time, by the target's clock, are recorded and shown to readers", async () => {
      await loaded();
      expect(await found()).toEqual([null, null]);
      await note("equal");
      expect(await found()).toEqual(["equal", "some time"]);
      const { lastReconciledAt, judgedAt } = await copy();
      expect(Math.abs(judgedAt.getTime() - (lastReconciledAt?.getTime() ?? 0))).toBeLessThan(60_000);
      const [shown] = (await harness.sql("SELECT COUNT(last_reconciled_at) AS shown FROM dongbo.status")) as { shown: string }[];
      expect(Number(shown?.shown)).toBe(1);
      expect(await harness.read(citizen)).toBe(1);
    });

    test("RC-10: what could not be found out moves no time, and does not hide that the copy was found different", async () => {
      await loaded();
      await note("unverified");
      expect(await found()).toEqual(["unverified", null]);
      await note("different");
      const before = await copy();
      await note("unverified");
      expect(await copy()).toMatchObject({ verdict: "different", lastReconciledAt: before.lastReconciledAt });
      await note("equal");
      const equal = await copy();
      await note("unverified");
      expect(await copy()).toMatchObject({ verdict: "unverified", lastReconciledAt: equal.lastReconciledAt });
    });

    test("RC-10: neither changes nor heartbeats nor another worker take away what was found", async () => {
      const writer = await loaded();
      await note("different");
      const before = await copy();
      await writer.apply([{ upserts: [row("2", "Bình")] }]);
      await writer.commit(await writer.begin(), { firstPosition: null, transactions: 0, firstCommittedAt: null });
      await writer.target.close();
      const next = await prepared();
      await next.apply([{ deletes: [[Buffer.from("2")]] }]);
      expect(await copy()).toMatchObject({ verdict: "different", lastReconciledAt: before.lastReconciledAt, reason: null });
      expect((await copy()).lastSyncAt?.getTime()).toBeGreaterThanOrEqual(before.lastSyncAt?.getTime() ?? 0);
    });

    test("RC-07: a quarantined copy is refused and its clock stands, whatever is synchronised; a load ends that and what was found", async () => {
      const writer = await loaded();
      await note("different", true);
      const before = await copy();
      expect(before).toMatchObject({ copyState: "QUARANTINED", reason: "quarantined" });
      expect(await harness.read(citizen)).toMatch(/^DB001: population\/hcm is not usable: quarantined/);
      await writer.apply([{ upserts: [row("2", "Bình")] }], { sourceTime: nowMicros() });
      await writer.commit(await writer.begin(), { firstPosition: null, transactions: 0, firstCommittedAt: null });
      await note("equal");
      expect(await copy()).toMatchObject({ copyState: "QUARANTINED", verdict: "equal", lastSyncAt: before.lastSyncAt });
      await load(writer, false);
      expect(await copy()).toMatchObject({ copyState: "RESYNCING", reason: "resyncing", rowsLoading: 0 });
      await load(writer, true);
      expect(await copy()).toMatchObject({ copyState: "VALID", reason: null, verdict: null, lastReconciledAt: null });
      expect(await harness.read(citizen)).toBe(2);
    });

    test("RC-07: nothing but a whole load opens a quarantined copy, also when its filter or columns change", async () => {
      const writer = await loaded();
      await note("different", true);
      await writer.target.close();
      const target = harness.target(writer.subscription);
      const { copies } = await target.prepare(writer.subscription);
      expect(copies).toMatchObject([{ expired: true, awaitsLoad: false, load: null }]);
      await target.close();
    });

    test("RC-07: a copy that nobody may read anyway is not quarantined: its load goes on", async () => {
      const writer = await prepared();
      await note("different", true);
      expect((await copy()).copyState).toBe("NEVER_SYNCED");
      await load(writer, true);
      await load(writer, false);
      await note("different", true);
      expect((await copy()).copyState).toBe("RESYNCING");
      await records.recordReconcile(whole, "population.other", { verdict: "different", quarantine: true });
      await records.recordReconcile("other/hcm", table, { verdict: "different", quarantine: true });
      await load(writer, true);
      expect(await harness.read(citizen)).toBe(1);
    });

    test("RC-10: of a copy in slices all are told, and it is as much known as the least known of them", async () => {
      const [first, second] = [
        inSlice(subscriptionOf([citizen]), { index: 0, of: 2 }),
        inSlice(subscriptionOf([citizen]), { index: 1, of: 2 }),
      ];
      const one = await loaded(first);
      await loaded(second);
      await note("equal");
      expect(await found()).toEqual(["equal", "some time"]);
      await load(one, true);
      expect(await found()).toEqual([null, null]);
      await note("different", true);
      expect(await copy()).toMatchObject({ verdict: "different", copyState: "QUARANTINED" });
      await load(one, true);
      expect((await copy()).copyState).toBe("QUARANTINED");
      expect(await harness.read(citizen)).toMatch(/quarantined/);
    });

    /** Somebody removes one row and adds two. */
    async function damaged(writer: Writer): Promise<void> {
      await writer.apply([{ upserts: [row("2", "Bình"), row("3", "Chi"), row("4", "Dung")] }]);
      const physical = printTable(citizen.physical);
      await harness.sql(`DELETE FROM ${physical} WHERE id = '2'`);
      await harness.sql(`INSERT INTO ${physical} (id, name, dongbo_batch) VALUES ('8', 'ai', 1), ('9', 'ai', 1)`);
    }
    /** On record, and there. */
    const counted = async (): Promise<unknown> => [(await copy()).rows, (await harness.rows(citizen)).length];
    const mended = { upserts: [row("2", "Bình")], deletes: [[Buffer.from("8")], [Buffer.from("9")]] };
    const byOrder = { firstPosition: null, transactions: 0, firstCommittedAt: null };

    test("RC-05: after a repair the rows on record are those that are there, whatever somebody had done to them", async () => {
      const writer = await loaded();
      await damaged(writer);
      expect(await counted()).toEqual([4, 5]);
      // Alone, and in a batch that brings a part of the stream, too.
      await writer.apply([mended], { ...byOrder, repaired: [citizen] });
      expect(await counted()).toEqual([4, 4]);
      await damaged(writer);
      await writer.apply([{ ...mended, upserts: [row("2", "Bình"), row("5", "Én")] }], { repaired: [citizen] });
      expect(await counted()).toEqual([5, 5]);
      // What follows is tallied again.
      await writer.apply([{ deletes: [[Buffer.from("5")]] }]);
      expect(await counted()).toEqual([4, 4]);
    });

    test("RC-05: rows are not counted where a repair neither added nor removed any, nor where nothing was repaired, nor in slices", async () => {
      const writer = await loaded();
      await damaged(writer);
      await writer.apply([{ upserts: [row("3", "Cúc")] }], { ...byOrder, repaired: [citizen] });
      expect(await counted()).toEqual([4, 5]);
      await writer.apply([{ upserts: [row("6", "Giang")] }]);
      expect(await counted()).toEqual([5, 6]);
      await writer.target.close();
      await harness.reset();
      const sliced = await loaded(inSlice(subscriptionOf([citizen]), { index: 0, of: 2 }));
      await damaged(sliced);
      await sliced.apply([mended], { ...byOrder, repaired: [citizen] });
      expect(await counted()).toEqual([3, 4]);
    });

    test("RC-07: a position that was reached is kept through a quarantine", async () => {
      const writer = await loaded();
      await note("different", true);
      await writer.apply([{ upserts: [row("3", "Chi")] }], { position: "0/9000" as Position });
      expect(await writer.target.checkpoint()).toMatchObject({ position: "0/9000" });
    });
  });
}
