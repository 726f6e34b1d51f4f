// What a batch writes while a table is loaded, and when the load is complete: what the target is told at each commit.
import { describe, expect, it } from "vitest";
import type { Position, PositionOrder } from "../../../engine/model/position.ts";
import { type Row, UNCHANGED } from "../../../engine/model/row.ts";
import type { Subscription } from "../../../engine/model/share.ts";
import { Batch } from "../../../engine/pipeline/batch.ts";
import type { WaitingItem } from "../../../engine/pipeline/lane-queue.ts";
import type { LoadProgress, TableChange, TargetTransaction } from "../../../engine/ports/change-target.ts";
import type { RowsRequest } from "../../../engine/ports/snapshot-source.ts";
import { newLoad } from "../../../engine/snapshot/load-progress.ts";
import { MemorySource } from "../../support/memory-source.ts";
import { catalogTable, column, row, tableMapping } from "../../support/table-builders.ts";

const mapping = tableMapping(catalogTable([column("id", "text"), column("province", "text")]), ["id", "province"]);
const subscription = { id: "population/hue", agreement: { id: "TT-07/2026" }, tables: [mapping] } as unknown as Subscription;
const positions: PositionOrder = new MemorySource(0).positions;
const at = (number: number): Position => String(number) as Position;
const transaction = { batchId: 7, load: () => Promise.resolve({ missing: [], quarantined: 0, stops: [] }) } as unknown as TargetTransaction;

/** Of a subscription that goes on from position 5. */
function batchFrom(sourceTime: number): Batch {
  const readRows = () => Promise.reject(new Error("nothing is read again"));
  const context = { subscription, positions, readRows, sourceIdentity: "memory" };
  return new Batch(context, { position: at(5), sourceTime, loads: new Map(), stopped: new Map() }, transaction);
}

/** A batch in which a table's only chunk was read there. */
async function loadedBatch(sourceTime: number): Promise<Batch> {
  const batch = batchFrom(sourceTime);
  const advance = { range: 0, after: null, done: true, position: at(5) };
  await batch.add([
    { tag: "load", table: 0, progress: newLoad("as agreed", null, []), sweep: false },
    { tag: "chunk", table: 0, rows: [], replay: [], advance },
  ]);
  return batch;
}

const completed = (batch: Batch): boolean[] => batch.checkpoint().loads.map(({ complete }) => complete);

describe("a load that has read everything", () => {
  it("VL-07 is not complete before the source has said of when its rows are", async () => {
    const batch = await loadedBatch(0);
    expect(completed(batch)).toEqual([false]);
    expect(batch.checkpoint().advancing).toEqual([]);
    expect(batch.progress().loads.size).toBe(1);
    await batch.add([{ tag: "progress", position: at(5), at: 1_767_323_045_000_000 }]);
    expect(completed(batch)).toEqual([true]);
    expect(batch.checkpoint().advancing).toEqual([mapping]);
    expect(batch.progress().loads.size).toBe(0);
  });

  it("is complete at once where that is known", async () => {
    expect(completed(await loadedBatch(1_767_323_045_000_000))).toEqual([true]);
  });

  it("is complete at once where no row was read: what the rows obey is written down anew, and nobody is refused meanwhile", async () => {
    const batch = batchFrom(0);
    await batch.add([{ tag: "load", table: 0, progress: { ...newLoad("as agreed", null, []), ranges: [] }, sweep: false }]);
    expect(completed(batch)).toEqual([true]);
  });
});

describe("a load that counts as not having read anything", () => {
  it("is written down so with the first commit, also if no row changes, and sweeps what was there; later ones say nothing of it", () => {
    const context = { subscription, positions, readRows: () => Promise.reject(new Error("nothing is read")), sourceIdentity: "memory" };
    const loads = new Map([[0, newLoad("as agreed", null, [])]]);
    const start = { position: at(5), sourceTime: 1_767_323_045_000_000, loads, stopped: new Map<number, never>() };
    const first = new Batch(context, { ...start, startedOver: new Set([0]) }, transaction);
    const progress = { ...newLoad("as agreed", null, []), sweepBefore: 7 };
    expect(first.checkpoint().loads).toEqual([{ table: mapping, progress, complete: false }]);
    expect(first.checkpoint().advancing).toEqual([]);
    expect(new Batch(context, first.progress(), transaction).checkpoint().loads).toEqual([]);
  });
});

describe("rows that are read at the source while their table is loaded", () => {
  /** Of a subscription at position 5 whose table is being loaded; the source tells its rows as of 9. */
  function loadingBatch(load: Partial<LoadProgress>, carriesRows = false) {
    const asked: RowsRequest["keys"][] = [];
    const written: TableChange[] = [];
    const readRows = ({ keys }: RowsRequest) => {
      asked.push(keys);
      const rows = keys.map(([id]): Row => [id as Buffer, Buffer.from("46")]);
      return Promise.resolve({ rows, position: at(9), visibility: { sees: () => true } });
    };
    const write = (changes: readonly TableChange[]) => {
      written.push(...changes);
      return Promise.resolve({ missing: [], quarantined: 0, stops: [] });
    };
    const context = { subscription, positions, readRows, sourceIdentity: "memory", carriesRows };
    const loads = new Map([[0, { ...newLoad("as agreed", null, []), ...load }]]);
    const start = { position: at(5), sourceTime: 1_767_323_045_000_000, loads, stopped: new Map<number, never>() };
    return { batch: new Batch(context, start, { ...transaction, write }), asked, written };
  }

  const key = row("a") as Buffer[];
  /** Transaction 6 changes a row and does not say of which province it is. */
  const partialUpdate: readonly WaitingItem[] = [
    { tag: "begin", position: at(6) },
    { tag: "change", table: 0, change: { tag: "upsert", key, row: row("a", UNCHANGED), oldKey: null, partial: true } },
    { tag: "commit", position: at(6), committedAt: 6, completeAt: 6 },
  ];

  it("are those that a change tells in part, until the load has swept: the copy may hold an earlier life of the same key", async () => {
    const { batch, asked, written } = loadingBatch({ sweepBefore: 3 });
    await batch.add(partialUpdate);
    expect(asked).toEqual([[key]]);
    expect(written).toEqual([{ table: mapping, truncate: false, deletes: [], upserts: [row("a", "46")], updates: [] }]);
  });

  it("are none of those where nothing is left to be swept, or nobody can be asked", async () => {
    for (const { batch, asked, written } of [loadingBatch({ sweepBefore: null }), loadingBatch({ sweepBefore: 3 }, true)]) {
      await batch.add(partialUpdate);
      expect(asked).toEqual([]);
      expect(written).toMatchObject([{ upserts: [], updates: [{ key, row: row("a", UNCHANGED) }] }]);
    }
  });

  it("keep the load open until the stream has come to where they were read, also if an older chunk comes right behind them", async () => {
    const { batch, asked } = loadingBatch({});
    await batch.add([
      { tag: "begin", position: at(6) },
      { tag: "change", table: 0, change: { tag: "refetch", key, oldKey: null } },
      { tag: "commit", position: at(6), committedAt: 6, completeAt: 6 },
      { tag: "chunk", table: 0, rows: [], replay: [], advance: { range: 0, after: null, done: true, position: at(6) } },
    ]);
    expect(asked).toEqual([[key]]);
    expect(batch.checkpoint().loads).toMatchObject([{ progress: { fence: "9" }, complete: false }]);
    await batch.add([{ tag: "progress", position: at(8), at: 8 }]);
    expect(completed(batch)).toEqual([false]);
    await batch.add([{ tag: "progress", position: at(9), at: 9 }]);
    expect(completed(batch)).toEqual([true]);
  });
});
