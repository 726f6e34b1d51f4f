// The JSON form of a result: written by `dongbo bench --json`, read back by `dongbo bench compare`.
import { readFileSync } from "node:fs";
import { z } from "zod";

const spread = z.object({ median: z.number(), min: z.number(), max: z.number() });
const point = z.object({ atSeconds: z.number(), value: z.number() });
const cost = z.object({ cpu_seconds: z.number().nullable() });

const workload = z.object({
  name: z.string(),
  title: z.string(),
  /** What dongbo is held against; null: nothing. */
  anchor: z.string().nullable(),
  /** The anchor is dongbo itself: a slower build slows it too. */
  own_anchor: z.boolean(),
  /** Rows or changes that each round worked on. */
  rows: z.number(),
  unit: z.enum(["rows", "changes"]),
  rounds: z.number(),
  digest_equal: z.boolean(),
  /** Above 1: dongbo is better. Null without an anchor. */
  ratio: spread.nullable(),
  /** Every round's figures, in the unit of `measure`; dongbo's process from start to end. */
  measure: z.string(),
  own: z.array(z.number()),
  anchored: z.array(z.number()),
  ratios: z.array(z.number()),
  /** Medians of dongbo's rounds. */
  engine: z.object({ cpu_seconds: z.number().nullable(), rss_peak_mb: z.number().nullable(), seconds: z.number().nullable() }),
  engine_cpu_rounds: z.array(z.number()),
  /** Processor seconds of everything that the anchor ran, round by round; empty where they are not known. */
  anchor_cpu_rounds: z.array(z.number()),
  rss_peak_rounds: z.array(z.number()),
  source: cost,
  target: cost,
  /** The same of the anchor; null without one. */
  anchor_cost: z.object({ engine: cost, source: cost, target: cost }).nullable(),
  goal: z.object({ must: z.number(), aim: z.number(), met: z.enum(["aim", "must", "missed"]) }).nullable(),
  /** Of the round in the middle: log that the target wrote, MB, by side. */
  progress: z.array(z.object({ side: z.string(), points: z.array(point) })),
  /** Of the round in the middle: resident memory of dongbo, MB. */
  memory: z.array(point),
  /** Parts (0.5, 0.99, …) and the milliseconds below which they lie, by side. */
  latency: z.array(z.object({ side: z.string(), points: z.array(z.tuple([z.number(), z.number()])) })),
  notes: z.array(z.string()),
});

const result = z.object({
  format: z.literal(1),
  started_at: z.string(),
  machine: z.object({
    cpu: z.string(),
    cores: z.number(),
    memoryGb: z.number(),
    kernel: z.string(),
    node: z.string(),
    hardware_class: z.string(),
  }),
  versions: z.record(z.string(), z.string()),
  /** Settings of each server that bear on speed and durability. */
  settings: z.record(z.string(), z.record(z.string(), z.string())),
  /** Why these figures are no score; empty: they are. */
  unscored: z.array(z.string()),
  workloads: z.array(workload),
});

export type BenchResult = z.infer<typeof result>;
export type WorkloadResult = z.infer<typeof workload>;

/** What `dongbo bench` leaves with; 1: a copy was not equal to its source. */
export function exitCodeOf({ workloads }: BenchResult): 0 | 1 {
  return workloads.every((row) => row.digest_equal) ? 0 : 1;
}

/** Throws, with the place of each mistake, when the file is no result. */
export function readResult(file: string): BenchResult {
  const parsed = result.safeParse(JSON.parse(readFileSync(file, "utf8")));
  if (!parsed.success) throw new Error(`${file} is no result of dongbo bench:\n${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
