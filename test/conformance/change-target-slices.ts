// What every ChangeTarget promises where a subscription is written in slices, by workers that know nothing of each other.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Position } from "../../engine/model/position.ts";
import { inSlice, sliceId } from "../../engine/model/slice.ts";
import type { Subscription, TableMapping } from "../../engine/model/share.ts";
import { printTable } from "../../engine/model/table.ts";
import type { ChangeTarget } from "../../engine/ports/change-target.ts";
import type { CopyRecord, TargetRecords } from "../../engine/ports/target-records.ts";
import { row } from "../support/table-builders.ts";
import { nowMicros, progress, subscriptionOf, Writer } from "../support/target-lab.ts";

export interface SlicedTargetHarness extends AsyncDisposable {
  /** `citizen(id text key, name text not null)`: the mapping of a whole table. */
  readonly citizen: TableMapping;
  /** Another instance for the same copies, as a second worker would have. */
  target(subscription: Subscription): ChangeTarget;
  records(): TargetRecords;
  /** Every row of the physical table in key order. */
  rows(table: TableMapping): Promise<readonly (readonly (string | null)[])[]>;
  /** What a reader gets from the view: the number of rows, or the refusal. */
  read(table: TableMapping): Promise<number | string>;
  /** The reader's status view. */
  status(): Promise<readonly Readonly<Record<string, string | null>>[]>;
  /** Runs one statement as administrator. */
  sql(text: string): Promise<unknown>;
  /** Forgets everything dongbo has stored, rows too. */
  reset(): Promise<void>;
}

const whole = "population/hcm";
const second = 1_000_000;

export function describeSlicedTarget(name: string, start: () => Promise<SlicedTargetHarness>): void {
  describe(`a target written in slices, ${name}`, () => {
    let harness: SlicedTargetHarness;
    let citizen: TableMapping;
    let records: TargetRecords;
    const opened: Writer[] = [];

    beforeAll(async () => {
      harness = await start();
      ({ citizen } = harness);
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

    const sliced = (index: number, of = 2): Subscription => inSlice(subscriptionOf([citizen]), { index, of });

    async function prepared(subscription: Subscription): Promise<Writer> {
      const writer = await Writer.prepared(harness, subscription);
      opened.push(writer);
      return writer;
    }

    /** A worker whose copy was loaded with these rows and is valid as of `at`. */
    async function loaded(subscription: Subscription, rows: readonly string[], at = nowMicros()): Promise<Writer> {
      const writer = await prepared(subscription);
      await reload(writer, rows, at);
      return writer;
    }

    async function reload(writer: Writer, rows: readonly string[], at = nowMicros()): Promise<void> {
      const transaction = await writer.begin();
      await transaction.load(
        citizen,
        rows.map((id) => row(id, `name ${id}`)),
      );
      const loads = [{ table: citizen, progress: progress({ sweepBefore: transaction.batchId }), complete: true }];
      await writer.commit(transaction, { sourceTime: at, loads });
    }

    const keys = async (): Promise<(string | null | undefined)[]> => (await harness.rows(citizen)).map(([id]) => id);

    async function copy(): Promise<CopyRecord> {
      const [found, ...others] = await records.copies([whole]);
      expect(others).toEqual([]);
      return found as CopyRecord;
    }

    test("readers are refused until the last slice is loaded, and then read one copy", async () => {
      await loaded(sliced(0), ["1", "2"]);
      expect(await harness.read(citizen)).toMatch(/^DB001: population\/hcm is not usable/);
      expect(await harness.status()).toMatchObject([
        { subscription: whole, copy_state: "NEVER_SYNCED", share_state: "LOADING", usable: "no", last_sync_at: null },
      ]);
      await loaded(sliced(1), ["3"]);
      expect(await harness.read(citizen)).toBe(3);
      expect(await harness.status()).toMatchObject([{ subscription: whole, copy_state: "VALID", share_state: "ACTIVE", usable: "yes" }]);
      expect(await copy()).toMatchObject({ subscription: whole, rows: 3, reason: null, copyState: "VALID", shareState: "ACTIVE" });
    });

    test("each slice has its own epoch: one that is taken over stops no other", async () => {
      const first = await loaded(sliced(0), ["1"]);
      const second = await loaded(sliced(1), ["2"]);
      await prepared(sliced(0));
      await expect(first.apply([{ upserts: [row("11", "late")] }])).rejects.toMatchObject({ name: "ReplicationError" });
      await second.apply([{ upserts: [row("22", "in time")] }]);
      expect(await keys()).toEqual(["1", "2", "22"]);
    });

    test("two slices have transactions open at the same time, and both commit", async () => {
      const first = await loaded(sliced(0), []);
      const second = await loaded(sliced(1), []);
      const [one, other] = [await first.begin(), await second.begin()];
      await one.write([first.change({ upserts: [row("1", "An")] })]);
      await other.write([second.change({ upserts: [row("2", "Bình")] })]);
      await second.commit(other);
      await first.commit(one);
      expect(await keys()).toEqual(["1", "2"]);
      expect(one.batchId % 1024).toBe(0);
      expect(other.batchId % 1024).toBe(1);
      expect((await copy()).rows).toBe(2);
    });

    test("the copy is as old as its oldest slice, and expires with it (VL-09)", async () => {
      const at = nowMicros() - 60 * second;
      await loaded(sliced(0), ["1"], at);
      const other = await loaded(sliced(1), ["2"]);
      expect((await copy()).lastSyncAt?.getTime()).toBe(Math.floor(at / 1000));
      await other.commit(await other.begin(), { firstPosition: null, transactions: 0 });
      expect((await copy()).lastSyncAt?.getTime()).toBe(Math.floor(at / 1000));
      await loaded(sliced(0), ["1"], nowMicros() - 90_000 * second);
      await harness.sql(
        `UPDATE dongbo.copy SET last_sync_at = NULL, valid_until = NULL WHERE subscription = '${sliceId(whole, { index: 0, of: 2 })}'`,
      );
      expect(await harness.read(citizen)).toMatch(/population\/hcm is not usable: expired/);
      expect((await copy()).lastSyncAt).toBeNull();
    });

    test("the reason is the gravest of all slices'", async () => {
      const first = await loaded(sliced(0), ["1"]);
      const other = await loaded(sliced(1), ["2"]);
      await other.commit(await other.begin(), { loads: [{ table: citizen, progress: progress(), complete: false }] });
      expect(await harness.read(citizen)).toMatch(/is not usable: it is being re-synchronized|resync/i);
      await first.commit(await first.begin(), { stops: [{ table: citizen, code: "DB-MAP-040", message: "a column is gone" }] });
      expect(await harness.read(citizen)).toMatch(/DB-MAP-040/);
      expect(await copy()).toMatchObject({ reason: "stopped", copyState: "RESYNCING", stopped: { code: "DB-MAP-040" } });
    });

    test("a slice whose checkpoint is lost refuses the copy, is not made anew by another, and stops its own worker", async () => {
      await loaded(sliced(0), ["1"]);
      await loaded(sliced(1), ["2"]);
      await harness.sql(`DELETE FROM dongbo.subscription WHERE id = '${sliceId(whole, { index: 1, of: 2 })}'`);
      await prepared(sliced(0));
      expect(await harness.read(citizen)).toMatch(/checkpoint is missing/);
      expect(await copy()).toMatchObject({ reason: "checkpoint_missing" });
      expect((await harness.status())[0]).toMatchObject({ usable: "no", reason: "checkpoint_missing" });
      await expect(prepared(sliced(1))).rejects.toMatchObject({ code: "DB-TGT-004" });
    });

    test("a load sweeps, and a truncate empties, the slice's own rows only", async () => {
      const first = await loaded(sliced(0), ["1", "2", "3"]);
      const other = await loaded(sliced(1), ["4", "5"]);
      await reload(first, ["2"]);
      expect(await keys()).toEqual(["2", "4", "5"]);
      await other.apply([{ truncate: true, upserts: [row("6", "Sáu")] }]);
      expect(await keys()).toEqual(["2", "6"]);
      expect((await copy()).rows).toBe(2);
    });

    test("cut into another number of slices, or whole again, the copy is loaded anew and nothing of before stays", async () => {
      const old = await loaded(sliced(0), ["1", "2"]);
      await loaded(sliced(1), ["3"]);
      const first = await prepared(sliced(0, 3));
      expect(await harness.read(citizen)).toMatch(/is not usable/);
      await expect(old.apply([{ upserts: [row("9", "late")] }])).rejects.toMatchObject({ name: "ReplicationError" });
      await reload(first, ["1"]);
      await loaded(sliced(1, 3), ["2"]);
      expect(await harness.read(citizen)).toMatch(/is not usable/);
      const third = await loaded(sliced(2, 3), []);
      expect(await keys()).toEqual(["1", "2"]);
      expect(await harness.read(citizen)).toBe(2);
      expect((await copy()).rows).toBe(2);
      await loaded(subscriptionOf([citizen]), ["1"]);
      await expect(third.apply([{ upserts: [row("9", "late")] }])).rejects.toMatchObject({ name: "ReplicationError" });
      expect(await harness.read(citizen)).toBe(1);
      expect(await copy()).toMatchObject({ rows: 1, slices: [] });
      await loaded(sliced(0), ["1"]);
      await loaded(sliced(1), []);
      expect(await harness.read(citizen)).toBe(1);
    });

    test("slices are prepared at the same time", async () => {
      const targets = [0, 1, 2, 3].map((index) => harness.target(sliced(index, 4)));
      const states = await Promise.all(targets.map((target, index) => target.prepare(sliced(index, 4))));
      expect(states.map(({ copies }) => copies.length)).toEqual([1, 1, 1, 1]);
      await Promise.all(targets.map((target) => target.close()));
      expect(await harness.status()).toMatchObject([{ subscription: whole, copy_state: "NEVER_SYNCED" }]);
    });

    test("a table that was made anew is loaded by every slice, and workers of before are fenced off", async () => {
      await loaded(sliced(0), ["1"]);
      const other = await loaded(sliced(1), ["2"]);
      await harness.sql(`DROP VIEW ${printTable(citizen.target)}`);
      await harness.sql(`DROP TABLE ${printTable(citizen.physical)}`);
      await prepared(sliced(0));
      await expect(other.apply([{ upserts: [row("3", "late")] }])).rejects.toMatchObject({ name: "ReplicationError" });
      expect((await other.target.prepare(sliced(1))).copies).toMatchObject([{ contract: null, load: null }]);
      expect(await harness.read(citizen)).toMatch(/is not usable/);
    });

    test("a slice that was prepared before another changed the tables looks at them again", async () => {
      await loaded(sliced(0), ["1"]);
      const late = harness.target(sliced(1));
      await late.prepare(sliced(1));
      await harness.sql(`DROP VIEW ${printTable(citizen.target)}`);
      await harness.sql(`DROP TABLE ${printTable(citizen.physical)}`);
      await prepared(sliced(0));
      await expect(late.takeEpoch()).rejects.toMatchObject({ code: "DB-RUN-012" });
      await late.prepare(sliced(1));
      expect((await late.takeEpoch()).copies).toMatchObject([{ contract: null }]);
      await late.close();
    });

    test("termination ends all of them", async () => {
      const first = await loaded(sliced(0), ["1"]);
      const other = await loaded(sliced(1), ["2"]);
      expect(await records.terminate(whole)).toBe(true);
      for (const writer of [first, other])
        await expect(writer.apply([{ upserts: [row("3", "late")] }])).rejects.toMatchObject({ name: "ReplicationError" });
      expect(await harness.read(citizen)).toMatch(/is not usable/);
      expect(await copy()).toMatchObject({ shareState: "TERMINATED", reason: "terminated" });
    });

    test("of a row, its batch is found by the whole's name, and so is its quarantine", async () => {
      await loaded(sliced(0), ["1"]);
      const other = await loaded(sliced(1), ["2"]);
      const { batchId } = await other.apply([{ upserts: [row("2", "Bình")] }], { position: "0/9000" as Position });
      const found = await records.findRow(await copy(), ["2"]);
      expect(found).toMatchObject({ batch: batchId, quarantine: null });
      expect(await records.batch(whole, batchId)).toMatchObject({ id: batchId, lastPosition: "0/9000" });
      await other.apply([{ upserts: [row("7", "a name longer than twenty characters")] }]);
      expect((await records.findRow(await copy(), ["7"])).quarantine).toMatchObject({ attempts: 1 });
      expect(await copy()).toMatchObject({ rowsQuarantined: 1 });
    });

    test("a withdrawn column is refused in all slices until each has loaded the copy", async () => {
      await loaded(sliced(0), ["1"]);
      await loaded(sliced(1), ["2"]);
      await records.refuseUntilLoaded(whole, [printTable(citizen.target)]);
      await loaded(sliced(0), ["1"]);
      expect(await harness.read(citizen)).toMatch(/is not usable/);
      await loaded(sliced(1), ["2"]);
      expect(await harness.read(citizen)).toBe(2);
    });
  });
}
