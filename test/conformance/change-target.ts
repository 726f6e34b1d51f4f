// What every ChangeTarget promises, whatever database it writes to. A target's own test file hands in a harness.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Micros } from "../../engine/model/change-message.ts";
import type { Position } from "../../engine/model/position.ts";
import type { RowList } from "../../engine/model/packed-rows.ts";
import { type Row, UNCHANGED } from "../../engine/model/row.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import type { Regulation, ShareState, Subscription, TableMapping } from "../../engine/model/share.ts";
import type { ChangeTarget, CheckpointWrite, LoadProgress, TableChange, TargetTransaction } from "../../engine/ports/change-target.ts";
import { nextCopyState } from "../../engine/validity/validity-state.ts";
import { packed, row } from "../support/table-builders.ts";

export interface TargetHarness extends AsyncDisposable {
  /** `citizen(id text key, name text not null, note text)` and `household(id text key, head text)`: mappings of whole tables. */
  readonly citizen: TableMapping;
  readonly household: TableMapping;
  /** A value for `citizen.name` that the target refuses. */
  readonly poison: string;
  /** Another instance for the same copies, as a second worker would have. */
  target(subscription: Subscription): ChangeTarget;
  /** Every row of the copy in key order. */
  rows(table: TableMapping): Promise<readonly (readonly (string | null)[])[]>;
  stored(subscription: string, table: TableMapping): Promise<StoredFacts>;
  /** Lets the time of every copy run out at this instant. */
  setValidUntil(subscription: string, at: Micros): Promise<void>;
  /** Loses the subscription's checkpoint, as a careless hand would. */
  loseCheckpoint(subscription: string): Promise<void>;
  /** Forgets everything dongbo has stored, rows too. */
  reset(): Promise<void>;
}

/** What not every target can do. */
export interface TargetTraits {
  /** Holds rows. A log does not: it can complete no row from an older one, and its checkpoint is written whole with each batch. */
  readonly holdsRows: boolean;
}

export interface StoredFacts {
  readonly shareState: ShareState;
  readonly suspendedReason: string | null;
  readonly copyState: string;
  readonly lastSyncAt: Micros | null;
  readonly validUntil: Micros | null;
  readonly shareLastSyncAt: Micros | null;
  readonly rows: number;
  readonly quarantined: number;
  readonly batches: number;
}

const id = "population/hcm";
const second = 1_000_000;
const day = 86_400 * second;
/** How rows can be given. */
const ways: readonly (readonly [string, (rows: readonly Row[]) => RowList])[] = [
  ["value by value", (rows) => rows],
  ["in one piece", packed],
];

export function describeChangeTarget(name: string, start: () => Promise<TargetHarness>, traits: TargetTraits = { holdsRows: true }): void {
  const whereRowsLie = test.runIf(traits.holdsRows);
  describe(`a target, ${name}`, () => {
    let harness: TargetHarness;
    let citizen: TableMapping;
    let household: TableMapping;
    let subscription: Subscription;
    const opened: ChangeTarget[] = [];

    beforeAll(async () => {
      harness = await start();
      ({ citizen, household } = harness);
    });
    afterAll(async () => {
      await harness?.[Symbol.asyncDispose]();
    });
    beforeEach(async () => {
      for (const target of opened.splice(0)) await target.close();
      await harness.reset();
      subscription = subscriptionOf({});
    });

    function subscriptionOf(regulation: Partial<Regulation>, quarantineMax = 3): Subscription {
      return {
        id,
        share: "population",
        source: "national",
        target: "hcm",
        agreement: { id: "TT-07/2026", from: new Date("2020-01-01T00:00:00Z"), to: null },
        regulation: { id: "QC-01", validityPeriodSeconds: 86_400, onExpiry: "refuse", logRetentionSeconds: 86_400, ...regulation },
        tables: [citizen, household],
        stopped: [],
        quarantineMax,
      };
    }

    async function worker(of: Subscription = subscription): Promise<{ target: ChangeTarget; epoch: number }> {
      const target = harness.target(of);
      opened.push(target);
      await target.prepare(of);
      return { target, epoch: (await target.takeEpoch()).checkpoint.epoch };
    }

    /** A worker whose copies are empty and valid as of `at`. */
    async function loaded(of: Subscription = subscription, at: Micros = now()): Promise<{ target: ChangeTarget; epoch: number }> {
      const made = await worker(of);
      const transaction = await made.target.begin(made.epoch);
      const loads = of.tables.map((table) => ({ table, progress: progress({}), complete: true }));
      await transaction.commit(checkpoint({ sourceTime: at, loads }));
      return made;
    }

    function checkpoint(changes: Partial<CheckpointWrite>): CheckpointWrite {
      return {
        position: "0/2000" as Position,
        sourceIdentity: "7300000000000000001/1",
        sourceTime: now(),
        firstPosition: null,
        transactions: 0,
        firstCommittedAt: null,
        agreementId: "TT-07/2026",
        advancing: [citizen, household],
        loads: [],
        stops: [],
        repaired: [],
        ...changes,
      };
    }

    function change(changes: Partial<TableChange>): TableChange {
      return { table: citizen, truncate: false, deletes: [], upserts: [], updates: [], ...changes };
    }

    async function apply(made: { target: ChangeTarget; epoch: number }, ...changes: Partial<TableChange>[]): Promise<TargetTransaction> {
      const transaction = await made.target.begin(made.epoch);
      await transaction.write(changes.map(change));
      await transaction.commit(checkpoint({ firstPosition: "0/1F00" as Position, transactions: 1, firstCommittedAt: now() }));
      return transaction;
    }

    describe("ownership", () => {
      test("the epoch rises each time it is taken", async () => {
        const first = await worker();
        const next = await worker();
        expect(next.epoch).toBe(first.epoch + 1);
        expect((await next.target.checkpoint()).epoch).toBe(next.epoch);
      });

      test("epochs of a later lease come after all of an earlier one, whose holder can never take the copy back", async () => {
        const older = await worker();
        const { checkpoint: taken } = await older.target.takeEpoch(1_700_000_001);
        const again = (await older.target.takeEpoch(1_700_000_001)).checkpoint.epoch;
        expect(again).toBe(taken.epoch + 1);
        const newer = await worker();
        const next = (await newer.target.takeEpoch(1_700_000_002)).checkpoint.epoch;
        expect(next).toBeGreaterThan(again + 1_000);
        await expect(older.target.takeEpoch(1_700_000_001)).rejects.toMatchObject({ code: "DB-RUN-010" });
        await older.target.prepare(subscription);
        await expect(older.target.takeEpoch(1_700_000_001)).rejects.toMatchObject({ code: "DB-RUN-010" });
        expect((await newer.target.checkpoint()).epoch).toBe(next);
        // Where there are no leases, any epoch follows any other.
        expect((await older.target.takeEpoch()).checkpoint.epoch).toBe(next + 1);
      });

      test("CP-11 whoever takes over goes on from what the one before wrote last, however late", async () => {
        const old = await loaded();
        const next = harness.target(subscription);
        opened.push(next);
        await next.prepare(subscription);
        const transaction = await old.target.begin(old.epoch);
        await transaction.write([change({ upserts: [row("1", "An", null)] })]);
        await transaction.commit(checkpoint({ position: "0/3000" as Position, firstPosition: "0/2F00" as Position, transactions: 1 }));
        const { checkpoint: found } = await next.takeEpoch();
        expect(found).toMatchObject({ position: "0/3000", epoch: old.epoch + 1, nextBatch: transaction.batchId + 1 });
      });

      test("a worker with an old epoch cannot commit, and nothing of what it wrote is seen", async () => {
        const old = await loaded();
        const transaction = await old.target.begin(old.epoch);
        const next = harness.target(subscription);
        opened.push(next);
        await next.takeEpoch();
        const late = async (): Promise<void> => {
          await transaction.write([change({ upserts: [row("1", "An", null)] })]);
          await transaction.commit(checkpoint({ firstPosition: "0/1F00" as Position, transactions: 1 }));
        };
        await expect(late()).rejects.toMatchObject({ name: "ReplicationError" });
        await transaction.rollback().catch(() => {});
        await expect(old.target.begin(old.epoch)).rejects.toMatchObject({ code: "DB-RUN-010" });
        expect(await harness.rows(citizen)).toEqual([]);
      });

      test("a commit that was sent in an earlier session sets nothing back after the next one has begun", async () => {
        const made = await loaded();
        const again = harness.target(subscription);
        opened.push(again);
        await again.checkpoint();
        const lost = await made.target.begin(made.epoch);
        const next = await again.begin(made.epoch);
        await next.commit(checkpoint({ position: "0/4000" as Position }));
        await expect(lost.commit(checkpoint({ position: "0/3000" as Position }))).rejects.toMatchObject({ name: "ReplicationError" });
        expect(await again.checkpoint()).toMatchObject({ position: "0/4000", epoch: made.epoch });
      });

      /** A transaction that nobody ends, and another worker whose preparing it is in the way of. */
      async function inTheWay(
        term: number | null,
      ): Promise<{ open: TargetTransaction; prepare: (term: number | null) => Promise<unknown> }> {
        const left = await loaded();
        const { checkpoint: taken } = await left.target.takeEpoch(term);
        const open = await left.target.begin(taken.epoch);
        await open.write([change({ upserts: [row("1", "An", null)] })]);
        const lessened = { ...subscription, tables: [{ ...citizen, columns: citizen.columns.slice(0, -1) }, household] };
        const next = harness.target(lessened);
        opened.push(next);
        return { open, prepare: (ofTerm) => next.prepare(lessened, undefined, ofTerm) };
      }

      whereRowsLie("what an earlier session has left open is in the way of one attempt to prepare, and not of the next", async () => {
        const { open, prepare } = await inTheWay(null);
        await expect(prepare(null)).rejects.toMatchObject({ code: "DB-TGT-012" });
        expect(await prepare(null)).toMatchObject({ copies: [{ stopped: null }, { stopped: null }] });
        await expect(open.commit(checkpoint({}))).rejects.toMatchObject({ name: "ReplicationError" });
      });

      whereRowsLie("what the holder of a later lease has open is left to it", async () => {
        const { open, prepare } = await inTheWay(1_700_000_002);
        for (const _ of [1, 2]) await expect(prepare(1_700_000_001)).rejects.toMatchObject({ code: "DB-TGT-012" });
        await open.commit(checkpoint({}));
        expect(await harness.rows(citizen)).toEqual([["1", "An", null]]);
      });

      test("an old epoch cannot suspend supply either", async () => {
        const old = await loaded();
        await worker();
        await expect(old.target.setSuspension(old.epoch, "breach")).rejects.toMatchObject({ code: "DB-RUN-010" });
        expect(await harness.stored(id, citizen)).toMatchObject({ shareState: "ACTIVE", suspendedReason: null });
      });

      whereRowsLie("a lost checkpoint stops the commit with DB-TGT-004 and is not made anew", async () => {
        const made = await loaded();
        await apply(made, { upserts: [row("1", "An", null)] });
        const transaction = await made.target.begin(made.epoch);
        await transaction.write([change({ upserts: [row("2", "Bình", null)] })]);
        await harness.loseCheckpoint(id);
        await expect(transaction.commit(checkpoint({ firstPosition: "0/1F00" as Position }))).rejects.toMatchObject({ code: "DB-TGT-004" });
        await transaction.rollback();
        await expect(made.target.checkpoint()).rejects.toMatchObject({ code: "DB-TGT-004" });
        expect(await harness.rows(citizen)).toEqual([["1", "An", null]]);
      });

      whereRowsLie("a heartbeat meets a lost checkpoint in the same way", async () => {
        const made = await loaded();
        await harness.loseCheckpoint(id);
        const transaction = await made.target.begin(made.epoch);
        await expect(transaction.commit(checkpoint({}))).rejects.toMatchObject({ code: "DB-TGT-004" });
      });

      test("after termination no worker can write and the copies are refused", async () => {
        const made = await loaded();
        const other = harness.target(subscription);
        opened.push(other);
        await other.terminate();
        const late = async (): Promise<void> => {
          const transaction = await made.target.begin(made.epoch);
          await transaction.commit(checkpoint({}));
        };
        await expect(late()).rejects.toMatchObject({ name: "ReplicationError" });
        await expect(made.target.begin(made.epoch)).rejects.toMatchObject({ code: "DB-RUN-010" });
        expect(await harness.stored(id, citizen)).toMatchObject({ shareState: "TERMINATED" });
      });
    });

    describe("a transaction", () => {
      test("shows nothing before its commit and everything after, over several writes and tables", async () => {
        const made = await loaded();
        const transaction = await made.target.begin(made.epoch);
        await transaction.write([change({ upserts: [row("1", "An", null)] })]);
        await transaction.write([change({ table: household, upserts: [row("h", "1")] })]);
        await transaction.load(citizen, [row("2", "Bình", "x")]);
        expect(await harness.rows(citizen)).toEqual([]);
        await transaction.commit(checkpoint({ firstPosition: "0/1F00" as Position, transactions: 1 }));
        expect(await harness.rows(citizen)).toEqual([
          ["1", "An", null],
          ["2", "Bình", "x"],
        ]);
        expect(await harness.rows(household)).toEqual([["h", "1"]]);
        expect([transaction.rowsWritten, transaction.rowsDeleted]).toEqual([3, 0]);
      });

      test("leaves nothing behind when rolled back, and its batch id to the next", async () => {
        const made = await loaded();
        const transaction = await made.target.begin(made.epoch);
        await transaction.write([change({ upserts: [row("1", "An", null)] })]);
        await transaction.rollback();
        await transaction.rollback();
        expect(await harness.rows(citizen)).toEqual([]);
        expect((await made.target.begin(made.epoch)).batchId).toBe(transaction.batchId);
      });

      test("with data takes the next batch id; a heartbeat takes none", async () => {
        const made = await loaded();
        const before = await made.target.checkpoint();
        const beat = await made.target.begin(made.epoch);
        await beat.commit(checkpoint({ position: "0/3000" as Position }));
        const after = await made.target.checkpoint();
        expect(after).toMatchObject({ position: "0/3000", nextBatch: before.nextBatch });
        const batches = (await harness.stored(id, citizen)).batches;
        const written = await apply(made, { upserts: [row("1", "An", null)] });
        expect((await made.target.checkpoint()).nextBatch).toBe(written.batchId + 1);
        expect(written.batchId).toBe(before.nextBatch);
        expect((await harness.stored(id, citizen)).batches).toBe(batches + 1);
      });

      test("stores position and identity of the source with the data", async () => {
        const made = await loaded();
        const transaction = await made.target.begin(made.epoch);
        await transaction.write([change({ upserts: [row("1", "An", null)] })]);
        await transaction.commit(checkpoint({ position: "A/BCD" as Position, sourceIdentity: "42/7" }));
        expect(await made.target.checkpoint()).toMatchObject({ position: "A/BCD", sourceIdentity: "42/7", epoch: made.epoch });
      });
    });

    describe("changes", () => {
      test("truncate comes first, then deletes, then what is written", async () => {
        const made = await loaded();
        await apply(made, { upserts: [row("1", "An", "a"), row("2", "Bình", "b")] }, { table: household, upserts: [row("h", "1")] });
        await apply(made, { truncate: true, deletes: [[Buffer.from("3")]], upserts: [row("3", "Chi", null)] });
        expect(await harness.rows(citizen)).toEqual([["3", "Chi", null]]);
        expect(await harness.rows(household)).toEqual([["h", "1"]]);
        expect(await harness.stored(id, citizen)).toMatchObject({ rows: 1 });
      });

      test("an upsert replaces the whole row", async () => {
        const made = await loaded();
        await apply(made, { upserts: [row("1", "An", "a")] });
        await apply(made, { upserts: [row("1", "Ân", null)] });
        expect(await harness.rows(citizen)).toEqual([["1", "Ân", null]]);
      });

      whereRowsLie("an unchanged column keeps its value, under the same key and under another", async () => {
        const made = await loaded();
        await apply(made, { upserts: [row("1", "An", "a"), row("2", "Bình", "b")] });
        await apply(made, {
          updates: [
            { key: [Buffer.from("1")], row: row("1", "Ân", UNCHANGED) },
            { key: [Buffer.from("2")], row: row("3", UNCHANGED, UNCHANGED) },
          ],
        });
        expect(await harness.rows(citizen)).toEqual([
          ["1", "Ân", "a"],
          ["3", "Bình", "b"],
        ]);
      });

      whereRowsLie("rows may swap their keys and keep their unchanged columns", async () => {
        const made = await loaded();
        await apply(made, { upserts: [row("1", "An", "a"), row("2", "Bình", "b")] });
        await apply(made, {
          updates: [
            { key: [Buffer.from("1")], row: row("2", UNCHANGED, UNCHANGED) },
            { key: [Buffer.from("2")], row: row("1", UNCHANGED, UNCHANGED) },
          ],
        });
        expect(await harness.rows(citizen)).toEqual([
          ["1", "Bình", "b"],
          ["2", "An", "a"],
        ]);
      });

      whereRowsLie("rows may follow one another from key to key, into a gap and out of one", async () => {
        const made = await loaded();
        const names = ["1", "2", "3", "4"];
        await apply(made, { upserts: names.map((name) => row(name, `name ${name}`, `note ${name}`)) });
        // 1 → 2 → 3 → 9, 4 goes, and a new row takes the place of 1.
        const moves: (readonly [string, string])[] = [
          ["1", "2"],
          ["2", "3"],
          ["3", "9"],
        ];
        const updates = moves.map(([from, to]) => ({ key: [Buffer.from(from)], row: row(to, UNCHANGED, UNCHANGED) }));
        const transaction = await apply(made, { updates, deletes: [[Buffer.from("4")]], upserts: [row("1", "mới", null)] });
        expect(await harness.rows(citizen)).toEqual([
          ["1", "mới", null],
          ["2", "name 1", "note 1"],
          ["3", "name 2", "note 2"],
          ["9", "name 3", "note 3"],
        ]);
        expect(await harness.stored(id, citizen)).toMatchObject({ rows: 4 });
        expect(transaction.rowsWritten).toBe(4);
      });

      whereRowsLie("a row that moves away is not deleted first, although its old key is named among the deleted", async () => {
        const made = await loaded();
        await apply(made, { upserts: [row("1", "An", "a")] });
        await apply(made, { updates: [{ key: [Buffer.from("1")], row: row("2", UNCHANGED, "b") }], deletes: [[Buffer.from("1")]] });
        expect(await harness.rows(citizen)).toEqual([["2", "An", "b"]]);
      });

      whereRowsLie("a partial row without an old one is reported by the key it has now, and nothing half is written", async () => {
        const made = await loaded();
        await apply(made, { upserts: [row("1", "An", "a")] });
        const transaction = await made.target.begin(made.epoch);
        const outcome = await transaction.write([
          change({
            updates: [
              { key: [Buffer.from("1")], row: row("1", "Ân", UNCHANGED) },
              { key: [Buffer.from("7")], row: row("7", "Sáu", UNCHANGED) },
              { key: [Buffer.from("8")], row: row("9", "Chín", UNCHANGED) },
            ],
          }),
        ]);
        expect(outcome.missing.map(({ table, keys }) => [table, keys.map(String).toSorted()])).toEqual([[citizen, ["7", "9"]]]);
        await transaction.commit(checkpoint({ firstPosition: "0/1F00" as Position }));
        expect(await harness.rows(citizen)).toEqual([["1", "Ân", "a"]]);
      });

      whereRowsLie("a row that was to come from where there is none does not take the one that has just come there", async () => {
        const made = await loaded();
        await apply(made, { upserts: [row("1", "An", "a")] });
        const transaction = await made.target.begin(made.epoch);
        const outcome = await transaction.write([
          change({
            updates: [
              { key: [Buffer.from("1")], row: row("2", UNCHANGED, UNCHANGED) },
              { key: [Buffer.from("2")], row: row("1", UNCHANGED, UNCHANGED) },
            ],
          }),
        ]);
        expect(outcome.missing.map(({ keys }) => keys.map(String))).toEqual([["1"]]);
        await transaction.commit(checkpoint({ firstPosition: "0/1F00" as Position }));
        expect(await harness.rows(citizen)).toEqual([["2", "An", "a"]]);
      });

      whereRowsLie("deleting what is not there is nothing", async () => {
        const made = await loaded();
        const transaction = await apply(made, { deletes: [[Buffer.from("1")]] });
        expect(transaction.rowsDeleted).toBe(0);
        expect(await harness.stored(id, citizen)).toMatchObject({ rows: 0 });
      });
    });

    describe("a load", () => {
      test.each(ways)("replaces rows that are there, again and again, given %s", async (_, given) => {
        const made = await loaded();
        await apply(made, { upserts: [row("2", "cũ", "old")] });
        for (let round = 0; round < 2; round += 1) {
          const transaction = await made.target.begin(made.epoch);
          const rows = [row("1", "An", null), row("2", "Bình", "new\t\n\\N"), row("3", "", "")];
          await transaction.load(citizen, given(rows));
          await transaction.commit(checkpoint({}));
        }
        expect(await harness.rows(citizen)).toEqual([
          ["1", "An", null],
          ["2", "Bình", "new\t\n\\N"],
          ["3", "", ""],
        ]);
        expect(await harness.stored(id, citizen)).toMatchObject({ rows: 3 });
      });

      test("is remembered as far as it came, and the copy stays closed", async () => {
        const made = await worker();
        const reached = progress({ rows: 2, ranges: [{ after: ["MQ=="], until: null, done: false }], sweepBefore: 1, contract: "k < 9" });
        const transaction = await made.target.begin(made.epoch);
        await transaction.load(citizen, [row("1", "An", null), row("2", "Bình", null)]);
        await transaction.commit(checkpoint({ advancing: [], loads: [{ table: citizen, progress: reached, complete: false }] }));
        const state = await harness.target(subscription).prepare(subscription);
        expect(state.copies[0]).toMatchObject({ load: reached, contract: null, stopped: null });
        expect(await harness.stored(id, citizen)).toMatchObject({
          copyState: "NEVER_SYNCED",
          shareState: "LOADING",
          lastSyncAt: null,
          rows: 2,
        });
      });

      test("ends with its stale rows swept, the contract stored and the copy valid as of the checkpoint (VL-08)", async () => {
        const made = await loaded(subscription, now() - 3600 * second);
        await apply(made, { upserts: [row("1", "An", null), row("2", "Bình", null)] });
        const begun = await made.target.begin(made.epoch);
        const at = now();
        await begun.commit(
          checkpoint({
            advancing: [household],
            loads: [{ table: citizen, progress: progress({ sweepBefore: begun.batchId }), complete: false }],
          }),
        );
        expect(await harness.stored(id, citizen)).toMatchObject({ copyState: "RESYNCING" });
        const chunk = await made.target.begin(made.epoch);
        await chunk.load(citizen, [row("2", "Bình", "again"), row("3", "Chi", null)]);
        const finished = progress({ sweepBefore: begun.batchId, contract: "wanted" });
        await chunk.commit(checkpoint({ sourceTime: at, loads: [{ table: citizen, progress: finished, complete: true }] }));
        expect(await harness.rows(citizen)).toEqual([
          ["2", "Bình", "again"],
          ["3", "Chi", null],
        ]);
        expect(await harness.stored(id, citizen)).toMatchObject({ copyState: "VALID", lastSyncAt: at, validUntil: at + day, rows: 2 });
        const state = await harness.target(subscription).prepare(subscription);
        expect(state.copies[0]).toMatchObject({ load: null, contract: "wanted" });
      });

      test("that keeps what was there sweeps nothing", async () => {
        const made = await loaded();
        await apply(made, { upserts: [row("1", "An", null)] });
        const chunk = await made.target.begin(made.epoch);
        await chunk.load(citizen, [row("2", "Bình", null)]);
        await chunk.commit(checkpoint({ loads: [{ table: citizen, progress: progress({ sweepBefore: null }), complete: true }] }));
        expect(await harness.rows(citizen)).toHaveLength(2);
      });

      test("opens the share when the last of its tables is whole", async () => {
        const made = await worker();
        const first = await made.target.begin(made.epoch);
        await first.commit(checkpoint({ loads: [{ table: citizen, progress: progress({}), complete: true }] }));
        expect(await harness.stored(id, citizen)).toMatchObject({ shareState: "LOADING", copyState: "VALID" });
        expect(await harness.stored(id, household)).toMatchObject({ copyState: "NEVER_SYNCED", lastSyncAt: null });
        const last = await made.target.begin(made.epoch);
        await last.commit(checkpoint({ loads: [{ table: household, progress: progress({}), complete: true }] }));
        expect(await harness.stored(id, household)).toMatchObject({ shareState: "ACTIVE", copyState: "VALID" });
      });
    });

    describe("the clock", () => {
      test("moves with a source-confirmed position, data or none (VL-02, VL-07)", async () => {
        const at = now() - 60 * second;
        const made = await loaded(subscription, at - 10 * second);
        const beat = await made.target.begin(made.epoch);
        await beat.commit(checkpoint({ sourceTime: at }));
        expect(await harness.stored(id, citizen)).toMatchObject({ lastSyncAt: at, validUntil: at + day, shareLastSyncAt: at });
      });

      test("never moves back", async () => {
        const at = now() - 60 * second;
        const made = await loaded(subscription, at);
        const beat = await made.target.begin(made.epoch);
        await beat.commit(checkpoint({ sourceTime: at - 30 * second }));
        expect(await harness.stored(id, citizen)).toMatchObject({ lastSyncAt: at, validUntil: at + day });
      });

      test("of a source that is ahead lengthens nothing: no sync is later than it is where the copy lies (VL-02, VL-08)", async () => {
        const made = await loaded(subscription, now() - 60 * second);
        const before = now();
        const ahead = await made.target.begin(made.epoch);
        await ahead.commit(checkpoint({ sourceTime: before + 3 * day }));
        const { lastSyncAt, validUntil } = await harness.stored(id, citizen);
        expect(lastSyncAt).toBeGreaterThanOrEqual(before);
        expect(lastSyncAt).toBeLessThan(now() + second);
        expect(validUntil).toBe((lastSyncAt ?? 0) + day);
        // Put right again, it goes on from there.
        const at = now();
        const right = await made.target.begin(made.epoch);
        await right.commit(checkpoint({ sourceTime: at }));
        expect(await harness.stored(id, citizen)).toMatchObject({ lastSyncAt: at, validUntil: at + day });
      });

      test("of a table that does not advance stands, and is the share's (VL-09)", async () => {
        const at = now() - 60 * second;
        const made = await loaded(subscription, at);
        const beat = await made.target.begin(made.epoch);
        await beat.commit(checkpoint({ sourceTime: at + 30 * second, advancing: [household] }));
        expect(await harness.stored(id, citizen)).toMatchObject({ lastSyncAt: at, shareLastSyncAt: at });
        expect(await harness.stored(id, household)).toMatchObject({ lastSyncAt: at + 30 * second });
      });

      test("does not move when the transaction fails or is rolled back (VL-02)", async () => {
        const at = now() - 60 * second;
        const made = await loaded(subscription, at);
        const transaction = await made.target.begin(made.epoch);
        await transaction.write([change({ upserts: [row("1", "An", null)] })]);
        await transaction.rollback();
        expect(await harness.stored(id, citizen)).toMatchObject({ lastSyncAt: at, shareLastSyncAt: at });
      });

      test("goes on counting while supply is suspended (VL-12)", async () => {
        const at = now() - 60 * second;
        const made = await loaded(subscription, at);
        await made.target.setSuspension(made.epoch, "maintenance");
        expect(await harness.stored(id, citizen)).toMatchObject({
          shareState: "SUSPENDED",
          suspendedReason: "maintenance",
          lastSyncAt: at,
          validUntil: at + day,
        });
        await made.target.setSuspension(made.epoch, null);
        expect(await harness.stored(id, citizen)).toMatchObject({ shareState: "ACTIVE", suspendedReason: null, lastSyncAt: at });
      });

      test("of a copy that is not whole yet does not start when supply is resumed", async () => {
        const made = await worker();
        await made.target.setSuspension(made.epoch, "security");
        await made.target.setSuspension(made.epoch, null);
        expect(await harness.stored(id, citizen)).toMatchObject({ shareState: "LOADING", lastSyncAt: null });
      });

      test("that has run out moves again under the policy `refuse`", async () => {
        const made = await loaded(subscription, now() - 2 * day);
        const at = now();
        const beat = await made.target.begin(made.epoch);
        expect((await beat.commit(checkpoint({ sourceTime: at }))).expired).toEqual([]);
        expect(await harness.stored(id, citizen)).toMatchObject({ copyState: "VALID", lastSyncAt: at, validUntil: at + day });
      });

      test("that has run out under the policy `resync` stands until a load is done (VL-04)", async () => {
        const strict = subscriptionOf({ onExpiry: "resync" });
        const made = await loaded(strict, now());
        const before = now() - 60 * second;
        await harness.setValidUntil(id, before);
        const { lastSyncAt } = await harness.stored(id, citizen);
        for (let beats = 0; beats < 2; beats += 1) {
          const beat = await made.target.begin(made.epoch);
          expect((await beat.commit(checkpoint({ sourceTime: now() + second }))).expired).toEqual([citizen, household]);
        }
        expect(await harness.stored(id, citizen)).toMatchObject({ copyState: "EXPIRED", lastSyncAt, validUntil: before });
        const begun = await made.target.begin(made.epoch);
        const loading = await begun.commit(
          checkpoint({ loads: [{ table: citizen, progress: progress({}), complete: false }], advancing: [household] }),
        );
        expect(loading.expired).toEqual([household]);
        const at = now();
        const done = await made.target.begin(made.epoch);
        await done.commit(checkpoint({ sourceTime: at, loads: [{ table: citizen, progress: progress({}), complete: true }] }));
        expect(await harness.stored(id, citizen)).toMatchObject({ copyState: "VALID", lastSyncAt: at, validUntil: at + day });
      });

      test.each(["refuse", "resync"] as const)(
        "leads through the states that the engine's table of states names, policy %s",
        async (onExpiry) => {
          const of = subscriptionOf({ onExpiry });
          const made = await worker(of);
          let expected = nextCopyState("NEVER_SYNCED", "synced", onExpiry);
          const step = async (event: "synced" | "load_begun" | "load_done"): Promise<void> => {
            const loads = event === "synced" ? [] : [{ table: citizen, progress: progress({}), complete: event === "load_done" }];
            const transaction = await made.target.begin(made.epoch);
            await transaction.commit(checkpoint({ advancing: event === "load_begun" ? [] : [citizen], loads }));
            expected = nextCopyState(expected, event, onExpiry);
            expect([event, (await harness.stored(id, citizen)).copyState]).toEqual([event, expected]);
          };
          const events = [
            "synced",
            "load_begun",
            "synced",
            "load_done",
            "synced",
            "load_begun",
            "load_begun",
            "synced",
            "load_done",
            "synced",
          ] as const;
          for (const event of events) await step(event);
        },
      );
    });

    describe("a table that stops", () => {
      test("is remembered, its clock stands whoever asks, and a load starts it again", async () => {
        const at = now() - 60 * second;
        const made = await loaded(subscription, at);
        const transaction = await made.target.begin(made.epoch);
        await transaction.commit(checkpoint({ stops: [{ table: citizen, code: "DB-MAP-040", message: "a column is gone" }] }));
        const beat = await made.target.begin(made.epoch);
        await beat.commit(checkpoint({}));
        expect(await harness.stored(id, citizen)).toMatchObject({ lastSyncAt: at });
        const stopped = await harness.target(subscription).prepare(subscription);
        expect(stopped.copies.map((copy) => copy.stopped)).toEqual([{ code: "DB-MAP-040", message: "a column is gone" }, null]);
        const begun = await made.target.begin(made.epoch);
        await begun.commit(checkpoint({ loads: [{ table: citizen, progress: progress({}), complete: false }], advancing: [household] }));
        const started = await harness.target(subscription).prepare(subscription);
        expect(started.copies.map((copy) => copy.stopped)).toEqual([null, null]);
      });

      test("because its rows cannot be followed on keeps them, and its place in the share's clock, and the other goes on", async () => {
        const at = now() - 60 * second;
        const made = await loaded(subscription, at);
        const reason = { code: "DB-MAP-011", message: "another type" };
        const asked: (string | null)[] = [];
        const state = await made.target.prepare(subscription, (table, contract) => {
          asked.push(contract);
          return table === citizen ? reason : null;
        });
        expect(asked).toEqual([progress({}).contract, progress({}).contract]);
        expect(state.copies.map((copy) => copy.stopped)).toEqual([reason, null]);
        const { epoch } = (await made.target.takeEpoch()).checkpoint;
        await (await made.target.begin(epoch)).commit(checkpoint({ advancing: [household] }));
        expect(await harness.stored(id, citizen)).toMatchObject({ copyState: "VALID", lastSyncAt: at, shareLastSyncAt: at });
        expect((await harness.stored(id, household)).lastSyncAt).toBeGreaterThan(at);
      });

      test("because the source has it no more stays a copy of the subscription, also when it never was loaded", async () => {
        const { source, target: view, physical } = citizen;
        const reason = new ReplicationError("DB-MAP-030", { subject: "public.citizen" });
        const lessened = {
          ...subscription,
          tables: [household],
          stopped: [{ source, target: view, physical, catalog: null, columns: [], reason }],
        };
        const { target, epoch } = await worker(lessened);
        const state = await harness.target(lessened).prepare(lessened);
        expect(state.stopped.map(({ reason: { code, message } }) => ({ code, message }))).toEqual([
          { code: "DB-MAP-030", message: reason.message },
        ]);
        const transaction = await target.begin(epoch);
        await transaction.commit(
          checkpoint({ advancing: [household], loads: [{ table: household, progress: progress({}), complete: true }] }),
        );
        // The other copy may be used.
        expect(await harness.stored(id, household)).toMatchObject({ shareState: "ACTIVE", copyState: "VALID" });
        expect(await harness.stored(id, citizen)).toMatchObject({ copyState: "NEVER_SYNCED", lastSyncAt: null });
        // There never were rows that could be out of date.
        const back = await harness.target(subscription).prepare(subscription);
        expect(back.copies[0]).toMatchObject({ stopped: null, contract: null });
      });
    });

    test("a copy of which something is withdrawn is refused from then on, and told of until a load of it begins", async () => {
      const at = now() - 60 * second;
      const made = await loaded(subscription, at);
      const state = await made.target.prepare(subscription, (table) => (table === citizen ? "withdrawn" : null));
      expect(state.copies.map((copy) => copy.awaitsLoad)).toEqual([true, false]);
      const { epoch } = (await made.target.takeEpoch()).checkpoint;
      const beat = await (await made.target.begin(epoch)).commit(checkpoint({}));
      expect(beat.expired).toEqual([citizen]);
      expect(await harness.stored(id, citizen)).toMatchObject({ copyState: "RESYNCING", lastSyncAt: at });
      const load = { table: citizen, progress: progress({}) };
      const begun = await (await made.target.begin(epoch)).commit(checkpoint({ loads: [{ ...load, complete: false }] }));
      expect(begun.expired).toEqual([]);
      await (await made.target.begin(epoch)).commit(checkpoint({ loads: [{ ...load, complete: true }] }));
      const after = await harness.target(subscription).prepare(subscription);
      expect(after.copies.map((copy) => copy.awaitsLoad)).toEqual([false, false]);
      expect(await harness.stored(id, citizen)).toMatchObject({ copyState: "VALID" });
    });

    describe("a row that the target refuses", () => {
      test("is set aside with its old version gone, and the rest of the batch goes on", async () => {
        const made = await loaded();
        await apply(made, { upserts: [row("1", "An", null), row("2", "Bình", null)] });
        const transaction = await made.target.begin(made.epoch);
        const outcome = await transaction.write([
          change({ upserts: [row("0", "Không", null), row("1", harness.poison, null), row("3", "Chi", null)] }),
          change({ table: household, upserts: [row("h", "1")] }),
        ]);
        expect(outcome).toMatchObject({ quarantined: 1, stops: [] });
        const committed = await transaction.commit(checkpoint({ firstPosition: "0/1F00" as Position }));
        expect(committed.quarantined).toBe(1);
        expect(await harness.rows(citizen)).toEqual([
          ["0", "Không", null],
          ["2", "Bình", null],
          ["3", "Chi", null],
        ]);
        expect(await harness.rows(household)).toEqual([["h", "1"]]);
        expect(await made.target.quarantined()).toEqual([{ table: citizen, key: [Buffer.from("1")] }]);
        expect(await harness.stored(id, citizen)).toMatchObject({ rows: 3, quarantined: 1 });
      });

      test.each(ways)("in a snapshot chunk, given %s, is set aside as well", async (_, given) => {
        const made = await loaded();
        const transaction = await made.target.begin(made.epoch);
        const rows = [row("1", "An", null), row("2", harness.poison, null), row("3", "Chi", null)];
        const outcome = await transaction.load(citizen, given(rows));
        expect(outcome.quarantined).toBe(1);
        await transaction.commit(checkpoint({}));
        expect(await harness.rows(citizen)).toEqual([
          ["1", "An", null],
          ["3", "Chi", null],
        ]);
        expect(await harness.stored(id, citizen)).toMatchObject({ rows: 2, quarantined: 1 });
      });

      test.each(["upsert", "delete", "truncate", "load"] as const)("leaves quarantine with the next %s that succeeds", async (how) => {
        const made = await loaded();
        await apply(made, { upserts: [row("1", harness.poison, null)] });
        expect(await made.target.quarantined()).toHaveLength(1);
        const transaction = await made.target.begin(made.epoch);
        if (how === "load") await transaction.load(citizen, [row("1", "An", null)]);
        else {
          await transaction.write([
            change(
              {
                upsert: { upserts: [row("1", "An", null)] },
                delete: { deletes: [[Buffer.from("1")]] },
                truncate: { truncate: true },
              }[how],
            ),
          ]);
        }
        expect((await transaction.commit(checkpoint({ firstPosition: "0/1F00" as Position }))).quarantined).toBe(0);
        expect(await made.target.quarantined()).toEqual([]);
        expect(await harness.stored(id, citizen)).toMatchObject({ quarantined: 0 });
      });

      test("is forgotten when a load that reads every row begins", async () => {
        const made = await loaded();
        await apply(made, { upserts: [row("1", harness.poison, null)] });
        const begun = await made.target.begin(made.epoch);
        await begun.commit(
          checkpoint({ loads: [{ table: citizen, progress: progress({ sweepBefore: begun.batchId }), complete: false }] }),
        );
        expect(await made.target.quarantined()).toEqual([]);
        expect(await harness.stored(id, citizen)).toMatchObject({ quarantined: 0 });
      });

      test("is not set aside when the transaction is rolled back", async () => {
        const made = await loaded();
        const transaction = await made.target.begin(made.epoch);
        await transaction.write([change({ upserts: [row("1", harness.poison, null)] })]);
        await transaction.rollback();
        expect(await made.target.quarantined()).toEqual([]);
        await apply(made, { upserts: [row("2", harness.poison, null)] });
        expect(await made.target.quarantined()).toHaveLength(1);
      });

      test("stops its table when it is one too many, and no other table", async () => {
        const made = await loaded(subscription, now() - 60 * second);
        const transaction = await made.target.begin(made.epoch);
        const poisoned = ["1", "2", "3", "4", "5"].map((number) => row(number, harness.poison, null));
        const outcome = await transaction.write([change({ upserts: poisoned }), change({ table: household, upserts: [row("h", "1")] })]);
        expect(outcome.stops.map(({ table, code }) => [table, code])).toEqual([[citizen, "DB-ROW-008"]]);
        const committed = await transaction.commit(checkpoint({ firstPosition: "0/1F00" as Position }));
        expect(committed.stops).toEqual([]);
        const state = await harness.target(subscription).prepare(subscription);
        expect(state.copies.map((copy) => copy.stopped?.code ?? null)).toEqual(["DB-ROW-008", null]);
        expect(await harness.rows(household)).toEqual([["h", "1"]]);
        const facts = await harness.stored(id, citizen);
        expect(facts.lastSyncAt).toBeLessThan((await harness.stored(id, household)).lastSyncAt ?? 0);
      });

      test("counts together with those of earlier batches", async () => {
        const made = await loaded();
        for (const number of ["1", "2", "3"]) await apply(made, { upserts: [row(number, harness.poison, null)] });
        const again = await worker();
        const transaction = await again.target.begin(again.epoch);
        expect((await transaction.write([change({ upserts: [row("3", harness.poison, null)] })])).stops).toEqual([]);
        expect((await transaction.write([change({ upserts: [row("4", harness.poison, null)] })])).stops).toHaveLength(1);
        await transaction.rollback();
      });
    });
  });
}

function progress(changes: Partial<LoadProgress>): LoadProgress {
  return {
    contract: "all rows",
    filter: null,
    sweepBefore: null,
    ranges: [{ after: null, until: null, done: true }],
    fence: null,
    rows: 0,
    ...changes,
  };
}

function now(): Micros {
  return Date.now() * 1000;
}
