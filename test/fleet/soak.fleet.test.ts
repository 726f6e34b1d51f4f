// The soak, short: the same servers, faults and judges as `npm run soak`, so that the command cannot rot.
import { expect, test } from "vitest";
import { copiesOf } from "../soak/plan.ts";
import { runSoak } from "../soak/run-soak.ts";
import { sizeFromEnvironment } from "../e2e/sizes.ts";
import { runSeed } from "../workload/random.ts";

const seconds = sizeFromEnvironment("DONGBO_SOAK_SECONDS", 45);
const sources = ["pg", "my"] as const;

test("VL-01: PostgreSQL and MariaDB sources in one fleet, under faults of chance, show only their masters' states and end equal", async () => {
  const seed = runSeed();
  console.log(`DONGBO_TEST_SEED=${seed}`);
  const copies = copiesOf(sources, 2);
  const plan = { sources, copies, workers: 2, leaseSeconds: 3, seed, seconds, faultsMin: 1, kinds: null, changesPerSecond: 60 };
  const result = await runSoak(plan, () => {}, new AbortController().signal);
  console.log(result.strikes.map(({ kind, what, recoveredMs }) => `${kind} ${what} ${Math.round(recoveredMs ?? 0)} ms`).join("\n"));
  expect(result.violations).toEqual([]);
  expect(result.differences).toEqual([]);
  for (const copy of result.copies) expect(copy.commits).toBeGreaterThan(2);
  expect(result).toMatchObject({ ok: true });
});
