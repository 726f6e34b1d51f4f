import { expect, it } from "vitest";
import { JobPlaces } from "../../../deploy/processes/fleet/job-places.ts";
import { MemoryLeases } from "../../../engine/control-store/memory-leases.ts";
import type { Logger } from "../../../engine/ports/logger.ts";
import { PassingClock } from "../../support/passing-clock.ts";

const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, with: () => silent };
const leaseMs = 1_000;
const wanted = [
  { of: "source p", places: 2 },
  { of: "target hcm", places: 1 },
];

function stage() {
  const clock = new PassingClock();
  const leases = new MemoryLeases(clock);
  const member = async (worker: string) => {
    let state = await leases.state();
    const places = new JobPlaces({ leases, leaseMs, worker, state: () => state, logger: silent });
    return {
      places,
      /** As a worker does each second. */
      look: async () => {
        state = await leases.state();
        places.follow(state);
      },
    };
  };
  return { clock, leases, member };
}

/** A job that is at work until it is told to end. */
function longJob() {
  let end = (): void => {};
  const ended = new Promise<void>((resolve) => (end = resolve));
  const stopped: AbortSignal[] = [];
  const work = (signal: AbortSignal): Promise<string> => {
    stopped.push(signal);
    signal.addEventListener("abort", end);
    return ended.then(() => "done");
  };
  return { work, end, stopped };
}

it("a job has a place of each, none is begun where one of them is missing, and what it had taken is free again", async () => {
  const { leases, member } = stage();
  const [one, other] = [await member("one"), await member("other")];
  const job = longJob();
  const first = one.places.in(wanted, job.work);
  await expect.poll(() => job.stopped.length).toBe(1);
  await other.look();
  expect(await other.places.in(wanted, () => Promise.resolve("never"))).toBeNull();
  // The source has a second place: only the target has none left.
  const held = (await leases.state()).leases.filter(({ worker }) => worker !== null).map(({ name }) => name);
  expect(held.toSorted()).toEqual(["source p 1", "target hcm 1"]);
  job.end();
  expect(await first).toBe("done");
  await other.look();
  expect(await other.places.in(wanted, () => Promise.resolve("done"))).toBe("done");
});

it("a job whose place became another's is told to end", async () => {
  const { clock, member } = stage();
  const [one, other] = [await member("one"), await member("other")];
  const [job, next] = [longJob(), longJob()];
  const first = one.places.in(wanted, job.work);
  await expect.poll(() => job.stopped.length).toBe(1);
  await one.look();
  expect(job.stopped[0]?.aborted).toBe(false);
  // It stood still for longer than its lease.
  clock.nowMs += leaseMs + 1;
  await other.look();
  const second = other.places.in(wanted, next.work);
  await expect.poll(() => next.stopped.length).toBe(1);
  await one.look();
  expect(job.stopped[0]?.aborted).toBe(true);
  await first;
  await other.look();
  expect(next.stopped[0]?.aborted).toBe(false);
  next.end();
  expect(await second).toBe("done");
});

it("a place that no job has any more is given back at the next look", async () => {
  const { leases, member } = stage();
  const one = await member("one");
  // Taken, but the answer was lost.
  await leases.take({ kind: "job", name: "target hcm 1" }, "one", null, leaseMs);
  await one.look();
  await expect.poll(async () => (await leases.state()).leases.filter(({ worker }) => worker !== null)).toEqual([]);
});
