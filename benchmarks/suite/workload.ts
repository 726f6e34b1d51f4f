// What a workload is to the suite: something that both sides do in turn, and what of it is scored.

/** Who is measured: dongbo, or what it is held against. */
export type Side = "dongbo" | "anchor";

/** A figure over time; seconds since the side began. */
export interface Point {
  readonly atSeconds: number;
  readonly value: number;
}

/** Processor seconds, user and system; null where the process is on another machine, 0 where there is none. */
export interface ProcessorSeconds {
  /** dongbo's process; of an anchor, what it runs beside the servers. */
  readonly engine: number | null;
  readonly source: number | null;
  readonly target: number | null;
}

/** What one side took for one round. */
export interface Sample {
  /** From the start of the process, or of the anchor's first statement, to the last row applied. */
  readonly seconds: number;
  /** The same without the start and end of the process; null for an anchor. */
  readonly engineSeconds: number | null;
  /** Rows or changes done. */
  readonly units: number;
  readonly cpu: ProcessorSeconds;
  /** Largest resident memory, MB of 10^6 bytes, of dongbo's process, or of an anchor that is one process as well; else null. */
  readonly rssPeakMb: number | null;
  /** Whether every copy held what the source held when the side had finished; judged by the servers. */
  readonly digestEqual: boolean;
  /** Resident memory of dongbo's process over time, MB. */
  readonly memory: readonly Point[];
  /** Log that the target has written, MB over time: how fast work gets done. */
  readonly progress: readonly Point[];
  /** Commit to visible, milliseconds, in rising order; empty where latency is not measured. */
  readonly latenciesMs: readonly number[];
  /** What a reader of the figures should know. */
  readonly notes: readonly string[];
}

/** Ratios to reach; above 1: dongbo is better. */
export interface Goal {
  readonly must: number;
  readonly aim: number;
}

/** One figure of a workload that is held against the anchor. Less is better, so a ratio is the anchor's over dongbo's. */
export interface Score {
  /** Name of the row in the result. */
  readonly name: string;
  readonly unit: "s" | "CPU s" | "ms" | "MB" | "s/1,000 tx" | "s/100k" | "CPU s/100k";
  readonly goal: Goal | null;
  /** The figure of one sample; null when this machine cannot tell. */
  readonly value: (sample: Sample) => number | null;
  /** In place of an anchor that runs: a limit that the figure should stay below. */
  readonly limit?: number;
}

export interface Workload {
  readonly name: string;
  /** One line for people who choose. */
  readonly title: string;
  /** What dongbo is held against; null where the score's own limit is, or nothing. */
  readonly anchor: string | null;
  /** The anchor is dongbo itself at other work: a slower build slows both, so that only the figures themselves tell it. */
  readonly ownAnchor?: boolean;
  /** What is counted. */
  readonly unit: "rows" | "changes";
  readonly scores: readonly Score[];
}

/** A workload on its servers, ready for rounds. */
export interface PreparedWorkload extends AsyncDisposable {
  /** Of what it has started beside the servers of all workloads, by name. */
  readonly versions?: Readonly<Record<string, string>>;
  /** Makes what both sides are about to do, untimed. */
  before(round: number): Promise<void>;
  measure(side: Side): Promise<Sample>;
}

/** How large everything is. */
export interface Size {
  readonly rows: number;
  readonly changes: number;
}

/** Whole wall time, what most workloads are scored by. */
export function wallTime(name: string, goal: Goal | null): Score {
  return { name, unit: "s", goal, value: ({ seconds }) => seconds };
}
