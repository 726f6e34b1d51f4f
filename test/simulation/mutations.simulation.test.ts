// An engine that is wrong in one place is found, by the right rule, within a few hundred worlds.
import { rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compileSources, mutantsFolder, mutate, simulateUntilViolation } from "./mutants.ts";
import { mutations } from "./mutations.ts";

const seeds = "1..400";

describe("the judge of the simulation", () => {
  let folder = "";
  let sound = "";
  beforeAll(() => {
    folder = mutantsFolder();
    sound = compileSources(folder);
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test("finds nothing in the engine as it is", async () => {
    expect((await simulateUntilViolation(sound, "1..60")).violations).toEqual([]);
  });

  test.each(mutations.map((mutation) => [mutation.name, mutation] as const))("finds an engine that %s", async (_, mutation) => {
    const { violations } = await simulateUntilViolation(mutate(sound, folder, mutation), seeds);
    const [found] = violations;
    expect(mutation.breaks, found?.violation.words ?? `nothing was found in worlds ${seeds}`).toContain(found?.violation.invariant);
  });
});
