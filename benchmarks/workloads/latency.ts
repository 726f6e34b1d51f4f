// How long after its commit a change is seen on the copy, at a rate that both sides keep up with.
import { copyTable, Installation } from "../stands/installation.ts";
import { NativeCopies } from "../stands/native-copies.ts";
import type { PostgresStand } from "../stands/postgres-stand.ts";
import { type CopyPlace, type Observed, SteadyWriter } from "../stands/steady-writer.ts";
import { percentile } from "../suite/statistics.ts";
import type { Goal, PreparedWorkload, Sample, Score, Size, Workload } from "../suite/workload.ts";
import { measureAnchor, measureEngine } from "./measure-sides.ts";

const transactionsPerSecond = 1_000;
/** Of a round of each side, from as many rows on; smaller registers are for looking, and take less. */
const fullSeconds = 20;
const fullRows = 1e6;

function latencyScore(name: string, part: number, goal: Goal | null): Score {
  return { name, unit: "ms", goal, value: ({ latenciesMs }) => (latenciesMs.length === 0 ? null : percentile(latenciesMs, part)) };
}

export const latency: Workload = {
  name: "latency-1000",
  title: "commit to visible at 1,000 transactions a second",
  anchor: "postgres-native",
  unit: "changes",
  scores: [
    latencyScore("latency-1000", 0.99, { must: 1 / 3, aim: 1 / 1.5 }),
    latencyScore("latency-1000-p50", 0.5, null),
    latencyScore("latency-1000-p999", 0.999, null),
  ],
};

export async function prepareLatency(stand: PostgresStand, { rows }: Size): Promise<PreparedWorkload> {
  const installation = await Installation.create(stand, "latency", [{}]);
  const native = await NativeCopies.create(stand, "latency_native", [{}]);
  await Promise.all([installation.catchUp(), native.load()]);
  await native.disable();
  const load = { transactionsPerSecond, probeEvery: 4, seconds: rows < fullRows ? fullSeconds / 4 : fullSeconds };
  const observe = async (place: CopyPlace): Promise<Observed> => {
    await using writer = await SteadyWriter.connect(stand, place);
    await writer.awaitFollowing();
    return await writer.run(load);
  };
  const dongbo = async (): Promise<Sample> => {
    let observed: Observed | null = null;
    const run = async () => {
      const engine = installation.start();
      observed = await observe({ database: installation.database(0), table: copyTable });
      return engine.stop();
    };
    const sample = await measureEngine(stand, load.seconds * transactionsPerSecond, { run, isEqual: () => installation.isEqual() });
    return withLatencies(sample, observed);
  };
  const anchor = async (): Promise<Sample> => {
    let observed: Observed | null = null;
    const run = async (): Promise<void> => {
      await native.enable();
      observed = await observe({ database: native.database(0), table: "public.citizen" });
    };
    const sample = await measureAnchor(stand, load.seconds * transactionsPerSecond, { run, isEqual: () => native.isEqual() });
    await native.disable();
    return withLatencies(sample, observed);
  };
  return {
    before: () => Promise.resolve(),
    measure: (side) => (side === "dongbo" ? dongbo() : anchor()),
    [Symbol.asyncDispose]: async () => {
      await native[Symbol.asyncDispose]();
      await installation[Symbol.asyncDispose]();
    },
  };
}

/** A writer that fell behind its rate has measured another one. */
function withLatencies(sample: Sample, observed: Observed | null): Sample {
  if (observed === null) return sample;
  const { latenciesMs, transactions, seconds } = observed;
  const slow = seconds > (1.05 * transactions) / transactionsPerSecond;
  const notes = slow ? [`the writer came to ${Math.round(transactions / seconds)} transactions a second only`] : [];
  return { ...sample, latenciesMs, seconds, notes };
}
