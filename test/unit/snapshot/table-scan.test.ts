import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../../deploy/processes/system-clock.ts";
import { lsnOrder } from "../../../connectors/postgres/lsn.ts";
import type { Position } from "../../../engine/model/position.ts";
import type { Row } from "../../../engine/model/row.ts";
import type { Subscription } from "../../../engine/model/share.ts";
import { Lane } from "../../../engine/pipeline/lane.ts";
import type { LaneHost, LaneParts } from "../../../engine/pipeline/lane-parts.ts";
import type { ChunkAdvance } from "../../../engine/pipeline/lane-item.ts";
import { LaneQueue, type Taken } from "../../../engine/pipeline/lane-queue.ts";
import type { ChangeTarget, LoadProgress } from "../../../engine/ports/change-target.ts";
import type { MappedChange } from "../../../engine/ports/change-mapper.ts";
import type { Chunk, ChunkRequest, SnapshotSource } from "../../../engine/ports/snapshot-source.ts";
import { ChunkWindow } from "../../../engine/snapshot/chunk-window.ts";
import { memberKey } from "../../../engine/snapshot/load-member.ts";
import { advanceLoad, loadComplete, newLoad } from "../../../engine/snapshot/load-progress.ts";
import { TableScan } from "../../../engine/snapshot/table-scan.ts";
import { UnsettledTransactions } from "../../../engine/snapshot/unsettled-transactions.ts";
import { catalogTable, column, tableMapping } from "../../support/table-builders.ts";

const mapping = tableMapping(catalogTable([column("id", "text"), column("body", "text")]), ["id", "body"]);
const row = (body: string | Buffer): Row => [Buffer.from("k"), Buffer.from(body)];
const update = (body: string | Buffer): MappedChange => ({
  tag: "upsert",
  key: [Buffer.from("k")],
  row: row(body),
  oldKey: null,
  partial: false,
});

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dongbo-scan-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** A lane that nobody empties. */
function idleLane(target: Partial<ChangeTarget> = {}): Lane {
  const subscription = { id: "population/hcm", tables: [mapping], stopped: [] } as unknown as Subscription;
  return new Lane({ subscription, target, queue: new LaneQueue(folder, "q") } as LaneParts, {} as LaneHost<Lane>);
}

async function itemsOf(lane: Lane): Promise<Taken["items"]> {
  return (await lane.queue.take(1e9, AbortSignal.timeout(1))).items;
}

/** Reads give what `chunkOf` says; `atBoundary` runs what waits for the end of a source transaction. */
async function scan(
  lane: Lane,
  around: {
    chunkOf: (request: ChunkRequest, window: ChunkWindow<string>) => Chunk;
    atBoundary?: (window: ChunkWindow<string>) => void;
    fence?: () => Promise<Position>;
    progress?: LoadProgress;
    /** Further lanes that wait for the same rows. */
    others?: readonly Lane[];
  },
): Promise<void> {
  const windows: ChunkWindow<string>[] = [];
  const newest = (): ChunkWindow<string> => windows.at(-1) as ChunkWindow<string>;
  const snapshot = {
    readChunk: (request: ChunkRequest) => Promise.resolve(around.chunkOf(request, newest())),
    fence: around.fence,
  } as unknown as SnapshotSource;
  const progress = around.progress ?? newLoad("", null, []);
  const members = [lane, ...(around.others ?? [])].map((member) => ({ lane: member, table: 0, mapping, progress }));
  const table = new TableScan(members, {
    snapshot,
    clock: systemClock,
    parallel: 1,
    atBoundary: (action) => {
      if (windows.length > 0) around.atBoundary?.(newest());
      action();
      return Promise.resolve();
    },
    router: () => ({ route: () => [] }),
    verifyServer: () => Promise.resolve(),
    openWindow: (members) => {
      windows.push(new ChunkWindow(members));
      return newest();
    },
    closeWindow: (window) => windows.splice(windows.indexOf(window), 1),
    unsettled: new UnsettledTransactions(),
    takeTurn: () => Promise.resolve(),
    endTurn: () => {},
  });
  await table.run(new AbortController().signal);
}

const wholeTable: Chunk = {
  rows: [],
  lastKey: null,
  complete: true,
  visibility: { sees: () => true },
  position: "0/1" as Position,
  startedAt: 1,
};

/** What two chunks are asked for. */
async function nativeFormAsked(lane: Lane, others: readonly Lane[] = []): Promise<(boolean | undefined)[]> {
  const asked: (boolean | undefined)[] = [];
  const chunkOf = ({ nativeForm }: ChunkRequest): Chunk => {
    asked.push(nativeForm);
    return { ...wholeTable, lastKey: [Buffer.from("k")], complete: asked.length === 2 };
  };
  await scan(lane, { chunkOf, others });
  return asked;
}

it("rows may stay in their source's native form as long as the only copy's target takes it, chunk by chunk", async () => {
  const answers = [true, false];
  const asked = await nativeFormAsked(idleLane({ takesNativeForm: (table) => table === mapping && answers.shift() === true }));
  expect(asked).toEqual([true, false]);
  expect(await nativeFormAsked(idleLane())).toEqual([false, false]);
});

it("rows that are routed to several copies are asked for as text, whatever their targets take", async () => {
  const taking = { takesNativeForm: () => true };
  expect(await nativeFormAsked(idleLane(taking), [idleLane(taking)])).toEqual([undefined, undefined]);
});

it("CP-10 a transaction larger than the window, which ends after the chunk was read, costs another read and no change", async () => {
  const lane = idleLane();
  const member = memberKey(lane, 0);
  let reads = 0;
  let large = true;
  await scan(lane, {
    chunkOf: () => {
      reads += 1;
      const body = reads === 1 ? "old" : "new";
      return {
        rows: [row(body)],
        lastKey: [Buffer.from("k")],
        complete: true,
        visibility: { sees: (id) => body === "new" && id === "7" },
        position: "0/1" as Position,
        startedAt: 1,
      };
    },
    // The rest of transaction 7 streams by while the first chunk waits for its end.
    atBoundary: (window) => {
      if (!large) return;
      large = false;
      for (let written = 0; written < 9; written++) window.observe(member, "7", update(Buffer.alloc(1024 * 1024)));
      window.observe(member, "7", update("new"));
    },
  });
  const chunks = (await itemsOf(lane)).filter((item) => item.tag === "chunk");
  expect(reads).toBe(2);
  expect(chunks.map(({ rows, replay }) => ({ rows, replay }))).toEqual([{ rows: [row("new")], replay: [] }]);
});

it("reads small chunks only as long as the traffic on the table asks for them", async () => {
  const lane = idleLane();
  const asked: number[] = [];
  await scan(lane, {
    chunkOf: ({ rowsMax }, window) => {
      asked.push(rowsMax);
      if (asked.length <= 2)
        for (let written = 0; written < 9; written++) window.observe(memberKey(lane, 0), "7", update(Buffer.alloc(1024 * 1024)));
      const lastKey = [Buffer.from(String(asked.length))];
      return {
        rows: [],
        lastKey,
        complete: asked.length === 8,
        visibility: { sees: () => true },
        position: "0/1" as Position,
        startedAt: 1,
      };
    },
  });
  expect(asked).toEqual([2000, 500, 125, 250, 500, 1000, 2000, 2000]);
});

it("keeps no changes while the log is asked how far it must come, and asks again where that was not answered", async () => {
  const lane = idleLane();
  const asked: string[] = [];
  const unfenced: Chunk = {
    rows: [row("read")],
    lastKey: [Buffer.from("k")],
    complete: true,
    visibility: { sees: () => true },
    position: null,
    startedAt: 1,
  };
  let open = 0;
  await scan(lane, {
    chunkOf: () => unfenced,
    atBoundary: () => (open += 1),
    fence: () => {
      asked.push(`after ${open} boundary`);
      return Promise.resolve("0/9" as Position);
    },
  });
  const load = newLoad("", null, []);
  const [read, fence] = (await itemsOf(lane)).filter((item) => item.tag === "chunk");
  const half = advanceLoad(load, read?.advance as ChunkAdvance, 1, lsnOrder);
  expect(loadComplete(half, "F/F" as Position, lsnOrder)).toBe(false);
  const whole = advanceLoad(half, fence?.advance as ChunkAdvance, 0, lsnOrder);
  expect([loadComplete(whole, "0/8" as Position, lsnOrder), loadComplete(whole, "0/9" as Position, lsnOrder)]).toEqual([false, true]);
  expect(whole.ranges).toEqual([{ after: [Buffer.from("k").toString("base64")], until: null, done: true }]);
  // Another process goes on with what was stored.
  const again = idleLane();
  const rest = { progress: half, fence: () => Promise.resolve("0/A" as Position) };
  await scan(again, { ...rest, chunkOf: () => expect.unreachable("everything was read") });
  expect((await itemsOf(again)).map((item) => (item.tag === "chunk" ? item.advance.position : item.tag))).toEqual(["0/A"]);
  expect(asked).toEqual(["after 1 boundary"]);
});
