// Rows of which it is not certain whose they are reach no copy.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Position } from "../../../engine/model/position.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { Row } from "../../../engine/model/row.ts";
import type { Subscription } from "../../../engine/model/share.ts";
import { Lane } from "../../../engine/pipeline/lane.ts";
import type { LaneHost, LaneParts } from "../../../engine/pipeline/lane-parts.ts";
import { LaneQueue } from "../../../engine/pipeline/lane-queue.ts";
import type { Logger } from "../../../engine/ports/logger.ts";
import type { Chunk, ChunkRequest, SnapshotSource } from "../../../engine/ports/snapshot-source.ts";
import { LoadCoordinator } from "../../../engine/snapshot/load-coordinator.ts";
import { newLoad } from "../../../engine/snapshot/load-progress.ts";
import { Barrier } from "../../support/memory-source.ts";
import { PassingClock } from "../../support/passing-clock.ts";
import { catalogTable, column, row, tableMapping } from "../../support/table-builders.ts";
import { waitUntil } from "../../support/wait-until.ts";

const mapping = tableMapping(catalogTable([column("id", "text"), column("server", "text")]), ["id", "server"]);
const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, with: () => silent };

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dongbo-loads-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

it("takes no range for complete whose last rows another server may have given: they are read again once the known one answers", async () => {
  const subscription = { id: "population/hue", tables: [mapping], stopped: [] } as unknown as Subscription;
  const parts = { subscription, target: {}, queue: new LaneQueue(folder, "hue") } as LaneParts;
  const lane = new Lane(parts, {} as LaneHost<Lane>);
  const clock = new PassingClock();
  const back = new Barrier();
  clock.sleep = () => back.passed;
  let server = "known";
  const readChunk = ({ after }: ChunkRequest): Promise<Chunk> => {
    const id = after === null ? "a" : "b";
    const rows = [row(id, server)];
    // It takes the known one's place behind the first chunk.
    if (after === null) server = "another";
    const known = { visibility: { sees: () => true }, position: "5" as Position, startedAt: 1 };
    return Promise.resolve({ rows, lastKey: [Buffer.from(id)], complete: id === "b", ...known });
  };
  const loads = new LoadCoordinator({
    snapshot: { readChunk } as unknown as SnapshotSource,
    clock,
    logger: silent,
    parallel: 1,
    atBoundary: (action) => {
      action();
      return Promise.resolve();
    },
    gathered: () => true,
    router: () => ({ route: () => [] }),
    verifyServer: () =>
      server === "known" ? Promise.resolve() : Promise.reject(new ReplicationError("DB-SLOT-004", { subject: "national" })),
  });
  const brought: { readonly rows: readonly Row[]; readonly done: boolean }[] = [];
  lane.push = (item) => {
    if (item.tag === "chunk") brought.push({ rows: [...item.rows], done: item.advance.done });
  };
  const until = (condition: () => boolean, describe: string) => waitUntil(condition, { describe, everyMs: 1, deadlineMs: 10_000 });
  loads.add({ lane, table: 0, mapping, progress: newLoad("as agreed", null, []) });
  await until(() => loads.problem(lane) !== null || brought.some(({ done }) => done), "the end of the range");
  expect(loads.problem(lane)?.error).toMatchObject({ code: "DB-SLOT-004" });
  expect(brought).toEqual([{ rows: [row("a", "known")], done: false }]);
  server = "known";
  back.open();
  await until(() => brought.length > 1, "the rest");
  expect(brought.slice(1)).toEqual([{ rows: [row("b", "known")], done: true }]);
  expect(loads.problem(lane)).toBeNull();
});
