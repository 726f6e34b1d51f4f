// The engine in worlds where much goes wrong: a few here, as many as wanted with `npm run simulate`.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { Logger } from "../../engine/ports/logger.ts";
import { simulateSeed } from "./simulate-seed.ts";

const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, with: () => silent };

/** Each of these has found a mistake of the engine, named here, when it was first simulated. */
const kept: readonly (readonly [seed: number, found: string])[] = [
  [6, "rows read at the master without what the stream had brought"],
  [21, "everything acknowledged after another engine had taken over"],
  [31, "changes of a table lost whose load began while the stream was opened again"],
  [35, "a subscription that waited for ever for the end of a transaction whose stream was gone"],
  [40, "a target set back while a commit was under way, and not noticed"],
  [50, "a copy left readable while it got no changes any more, since it was to be read anew"],
  [55, "a subscription that was taken out while it entered the stream, and was waited for ever after"],
  [185, "rows left in quarantine that are not the consumer's any more"],
  [208, "an order to load a copy anew that was never carried out, since the copy lost its place again"],
  [577, "a place in another log taken for one in this"],
  [652, "a master that kept its log for ever, since a stream broke before it told what may be let go"],
  [1219, "a subscription suspended and taken out in the same moment, which was waited for ever after"],
  [1287, "a load complete whose table was left out of the stream until another load of it"],
  [1424, "log let go that a target had just been found to lack"],
  [1485, "two expired tables whose loads let each other expire without end"],
  [1495, "the rest of a running load given to a copy that had lost its beginning"],
  [2487, "a load completed with the rows of a server that had taken the master's place"],
  [3046, "copies that went on with another server's log because one of them was re-synchronised there"],
  [4841, "a new start that was recorded beyond a gap, before its load, and that the next process took for the old load going on"],
  [5441, "a checkpoint set back by a commit of a lost session, since the question whether it took place was lost too"],
  [8160, "log let go that a copy lived on, since it was to start anew and another engine had done that meanwhile"],
];

describe("a simulated world", () => {
  const folder = mkdtempSync(join(tmpdir(), "dongbo-simulation-"));
  const simulate = (seed: number): ReturnType<typeof simulateSeed> =>
    simulateSeed(String(seed), { spoolFolder: folder, logger: silent, trace: false });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test.each(kept)("%i, which has found %s, keeps every invariant", async (seed) => {
    expect((await simulate(seed)).violation).toBeNull();
  });

  test("keeps every invariant, whatever goes wrong (I-1 to I-5)", async () => {
    const violations: string[] = [];
    let commits = 0;
    for (let seed = 1000; seed < 1050; seed++) {
      const { violation, commits: judged } = await simulate(seed);
      commits += judged;
      if (violation !== null) violations.push(`${violation.words}: npm run simulate -- --seed ${seed} --trace`);
    }
    expect(violations).toEqual([]);
    expect(commits).toBeGreaterThan(4_000);
  });

  test("is the same each time", async () => {
    for (const seed of [1, 31, 188]) {
      const { trace, happenings } = await simulate(seed);
      expect(await simulate(seed)).toMatchObject({ trace, happenings });
    }
  });
});
