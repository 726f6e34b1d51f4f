// What others at the master notice of a comparison: transactions at a fixed rate while the copy is compared again and again, against
// the same transactions while it is only streamed.
import { copyTable } from "../stands/installation.ts";
import { KeptCopy } from "../stands/kept-copy.ts";
import type { PostgresStand } from "../stands/postgres-stand.ts";
import type { Pace, ReconcileUsage } from "../stands/reconcile-process.ts";
import { type Observed, SteadyWriter } from "../stands/steady-writer.ts";
import { percentile } from "../suite/statistics.ts";
import type { PreparedWorkload, Sample, Score, Size, Workload } from "../suite/workload.ts";
import { measureAnchor } from "./measure-sides.ts";

const transactionsPerSecond = 500;
/** Of a round of each side, from as many rows on; smaller registers are for looking, and take less. */
const fullSeconds = 20;
const fullRows = 1e6;

function committed(name: string, part: number): Score {
  return { name, unit: "ms", goal: null, value: ({ latenciesMs }) => (latenciesMs.length === 0 ? null : percentile(latenciesMs, part)) };
}

interface OltpWorkload extends Workload {
  readonly pace: Pace;
}

function besideOltp(name: string, pace: Pace): OltpWorkload {
  const how = pace === "gentle" ? "again and again at its usual pace" : "again and again as fast as it goes";
  return {
    name,
    title: `${transactionsPerSecond} transactions a second, from due to committed, while the copy is compared ${how}`,
    anchor: "the same, not compared",
    ownAnchor: true,
    unit: "changes",
    scores: [
      committed(name, 0.99),
      committed(`${name}-p50`, 0.5),
      { name: `${name}-source-cpu`, unit: "CPU s", goal: null, value: ({ cpu }) => cpu.source },
    ],
    pace,
  };
}

export const reconcileOltps: readonly OltpWorkload[] = [besideOltp("reconcile-oltp", "gentle"), besideOltp("reconcile-oltp-fast", "fast")];

export async function prepareReconcileOltp(stand: PostgresStand, { rows }: Size, { name, pace }: OltpWorkload): Promise<PreparedWorkload> {
  const copy = await KeptCopy.create(stand, name.replaceAll("-", "_"));
  const load = { transactionsPerSecond, probeEvery: 4, seconds: rows < fullRows ? fullSeconds / 4 : fullSeconds };
  const observe = async (): Promise<Observed> => {
    await using writer = await SteadyWriter.connect(stand, { database: copy.installation.database(0), table: copyTable });
    await writer.awaitFollowing();
    return await writer.run(load);
  };
  const measure = async (comparing: boolean): Promise<Sample> => {
    let seen: Seen | null = null;
    const run = async (): Promise<void> => {
      const compared: ReconcileUsage[] = [];
      const work = { wanted: comparing };
      const observing = observe().finally(() => (work.wanted = false));
      // One after the other; the one that is under way when the writer has ended is waited for.
      while (work.wanted) compared.push(await copy.installation.reconcile(pace));
      seen = { observed: await observing, compared };
    };
    const isEqual = async (): Promise<boolean> =>
      (seen?.compared.every(({ equal }) => equal) ?? false) && (await copy.installation.isEqual());
    const sample = await measureAnchor(stand, load.seconds * transactionsPerSecond, { run, isEqual });
    return withSeen(sample, seen);
  };
  return {
    before: () => Promise.resolve(),
    measure: (side) => measure(side === "dongbo"),
    [Symbol.asyncDispose]: () => copy[Symbol.asyncDispose](),
  };
}

interface Seen {
  readonly observed: Observed;
  readonly compared: readonly ReconcileUsage[];
}

function withSeen(sample: Sample, seen: Seen | null): Sample {
  if (seen === null) return sample;
  const { observed, compared } = seen;
  const visible = `a change was seen on the copy within ${percentile(observed.latenciesMs, 0.99).toFixed(1)} ms (p99)`;
  const comparisons = compared.map(({ seconds, equal }) => `${seconds.toFixed(1)} s${equal ? "" : ", not equal"}`).join("; ");
  return {
    ...sample,
    cpu: { ...sample.cpu, engine: compared.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0) },
    latenciesMs: observed.commitsMs,
    notes: compared.length === 0 ? [visible] : [visible, `compared ${compared.length} times: ${comparisons}`],
  };
}
