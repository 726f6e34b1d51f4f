import { expect, test } from "vitest";
import { systemClock } from "../../../deploy/processes/system-clock.ts";
import type { Logger } from "../../../engine/ports/logger.ts";
import type { SnapshotSource } from "../../../engine/ports/snapshot-source.ts";
import { LoadCoordinator } from "../../../engine/snapshot/load-coordinator.ts";
import type { LoadMember } from "../../../engine/snapshot/load-member.ts";
import { newLoad } from "../../../engine/snapshot/load-progress.ts";
import { catalogTable, column, tableMapping } from "../../support/table-builders.ts";

const mapping = tableMapping(catalogTable([column("id", "text")]), ["id"]);
const lane = { subscription: { id: "population/hcm" }, takesNativeForm: () => false };
const member = { lane, table: 0, mapping, progress: newLoad("", null, []) } as unknown as LoadMember;

test("a read that is broken off because nobody waits for it any more is no failure", async () => {
  const warnings: string[] = [];
  const logger: Logger = { debug: () => {}, info: () => {}, warn: (event) => warnings.push(event), error: () => {}, with: () => logger };
  let reads = 0;
  let started: () => void = () => {};
  const reading = new Promise<void>((resolve) => {
    started = resolve;
  });
  const readChunk: SnapshotSource["readChunk"] = (_request, signal) =>
    new Promise((_resolve, reject) => {
      reads += 1;
      signal.addEventListener("abort", () => {
        reject(signal.reason as Error);
      });
      started();
    });
  const loads = new LoadCoordinator({
    snapshot: { readChunk } as SnapshotSource,
    clock: systemClock,
    logger,
    parallel: 1,
    atBoundary: (action) => Promise.resolve(action()),
    gathered: () => true,
    router: () => ({ route: () => [] }),
    verifyServer: () => Promise.resolve(),
  });
  loads.add(member);
  await reading;
  loads.reset();
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  expect({ reads, warnings }).toEqual({ reads: 1, warnings: [] });
});
