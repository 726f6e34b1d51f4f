// The largest rate of transactions that a copy keeps up with, without falling behind and within a limit of its lag.
import type { EngineProcess } from "../stands/engine-process.ts";
import { copyTable, Installation } from "../stands/installation.ts";
import { NativeCopies } from "../stands/native-copies.ts";
import type { PostgresStand } from "../stands/postgres-stand.ts";
import { SteadyLoad } from "../stands/steady-load.ts";
import { type CopyPlace, SteadyWriter } from "../stands/steady-writer.ts";
import { type FoundRate, largestRate, type Trial } from "../suite/search-rate.ts";
import { percentile } from "../suite/statistics.ts";
import type { PreparedWorkload, ProcessorSeconds, Sample, Size, Workload } from "../suite/workload.ts";
import { measureAnchor, measureEngine, spentSince } from "./measure-sides.ts";

/** Commit to visible at p99. */
const lagMsMax = 1_000;
/** By how much lag may grow with each second: chance in short trials, and no more than what is searched for is known to. */
const growthMax = 0.05;
const search = { from: 1_000, precision: 1.1, trialsMax: 9 };
/** Of the rate: transactions of one row that are looked for on the copy. */
const probesPerSecond = 100;
/** Of a trial, from as many rows on; smaller registers are for looking, and take less. */
const fullSeconds = 5;
const fullRows = 1e6;
/** What the figures are told for. */
const transactions = 1_000;

interface MaxRate extends Workload {
  readonly changesPerTransaction: number;
}

function maxRate(name: string, changesPerTransaction: number, changes: string): MaxRate {
  return {
    name,
    title: `${transactions.toLocaleString("en")} transactions of ${changes} at the largest rate with a lag of ${lagMsMax / 1000} s at most (p99)`,
    anchor: "postgres-native",
    unit: "changes",
    scores: [{ name, unit: "s/1,000 tx", goal: null, value: ({ seconds }) => seconds }],
    changesPerTransaction,
  };
}

export const maxRates: readonly MaxRate[] = [maxRate("max-rate", 1, "one change"), maxRate("max-rate-10", 10, "10 changes")];

interface RateTrial extends Trial {
  readonly transactions: number;
  readonly latenciesMs: readonly number[];
  readonly cpu: ProcessorSeconds;
}

type Found = FoundRate<RateTrial>;

export async function prepareMaxRate(stand: PostgresStand, { rows }: Size, workload: MaxRate): Promise<PreparedWorkload> {
  const { changesPerTransaction } = workload;
  const identifier = workload.name.replaceAll("-", "_");
  const installation = await Installation.create(stand, identifier, [{}]);
  const native = await NativeCopies.create(stand, `${identifier}_native`, [{}]);
  await Promise.all([installation.catchUp(), native.load()]);
  await native.disable();
  const seconds = rows < fullRows ? fullSeconds / 2 : fullSeconds;
  const find = async (place: CopyPlace, engine: EngineProcess | null): Promise<Found> => {
    await using probes = await SteadyWriter.connect(stand, place);
    await using load = await SteadyLoad.connect(stand, changesPerTransaction);
    await probes.awaitFollowing();
    return await largestRate(search, async (rate) => {
      const before = { ...stand.spent(), engine: engine?.cpuSeconds ?? 0 };
      const [observed, written] = await Promise.all([
        probes.run({ transactionsPerSecond: probesPerSecond, seconds, probeEvery: 1 }),
        load.run(rate - probesPerSecond, seconds),
      ]);
      await probes.awaitFollowing();
      const cpu = spentSince(stand, before, engine === null ? null : engine.cpuSeconds - before.engine);
      const done = observed.transactions + written.transactions;
      const sustained = percentile(observed.latenciesMs, 0.99) <= lagMsMax && observed.growth <= growthMax;
      return {
        rate: done / Math.max(observed.seconds, written.seconds),
        sustained,
        transactions: done,
        latenciesMs: observed.latenciesMs,
        cpu,
      };
    });
  };
  const unsearched: Found = { best: null, writerWasLimit: false };
  return {
    before: () => Promise.resolve(),
    measure: async (side) => {
      let found = unsearched;
      if (side === "dongbo") {
        const run = async () => {
          const engine = installation.start();
          found = await find({ database: installation.database(0), table: copyTable }, engine);
          return engine.stop();
        };
        const sample = await measureEngine(stand, 0, { run, isEqual: () => installation.isEqual() });
        return atRate(sample, found, workload);
      }
      const run = async (): Promise<void> => {
        await native.enable();
        found = await find({ database: native.database(0), table: "public.citizen" }, null);
      };
      const sample = await measureAnchor(stand, 0, { run, isEqual: () => native.isEqual() });
      await native.disable();
      return atRate(sample, found, workload);
    },
    [Symbol.asyncDispose]: async () => {
      await native[Symbol.asyncDispose]();
      await installation[Symbol.asyncDispose]();
    },
  };
}

/** What so many transactions take and cost at the rate that was found, in place of the whole search. */
function atRate(sample: Sample, { best, writerWasLimit }: Found, { changesPerTransaction }: MaxRate): Sample {
  if (best === null) throw new Error("not even the smallest rate that was tried was sustained");
  const share = (value: number | null): number | null => (value === null ? null : (value * transactions) / best.transactions);
  const { engine, source, target } = best.cpu;
  return {
    ...sample,
    seconds: transactions / best.rate,
    engineSeconds: sample.engineSeconds === null ? null : transactions / best.rate,
    units: transactions * changesPerTransaction,
    cpu: { engine: share(engine), source: share(source), target: share(target) },
    progress: [],
    latenciesMs: best.latenciesMs,
    notes: writerWasLimit
      ? [`${Math.round(best.rate)} transactions a second is all that could be written: the copy may keep up with more`]
      : [],
  };
}
