// From the rounds of a workload to the rows of the result.
import { isDisturbed, describeDisturbance } from "./machine.ts";
import type { WorkloadResult } from "./result.ts";
import { type Round, scoreRounds } from "./run-rounds.ts";
import { median, percentile, spread } from "./statistics.ts";
import type { Goal, ProcessorSeconds, Sample, Score, Side, Workload } from "./workload.ts";

/** One row for each score of the workload. */
export function judgeRounds(workload: Workload, rounds: readonly Round[]): WorkloadResult[] {
  const own = samplesOf(rounds, "dongbo");
  const anchors = samplesOf(rounds, "anchor");
  const digestEqual = [...own, ...anchors].every((sample) => sample.digestEqual);
  return workload.scores.map((score): WorkloadResult => {
    const scored = scoreRounds(score, rounds);
    const ratio = scored.ratios.length === 0 ? null : spread(scored.ratios);
    return {
      name: score.name,
      title: workload.title,
      anchor: score.limit === undefined ? workload.anchor : `at most ${score.limit} ${score.unit}`,
      own_anchor: workload.ownAnchor ?? false,
      rows: own[0]?.units ?? 0,
      unit: workload.unit,
      rounds: rounds.length,
      digest_equal: digestEqual,
      ratio,
      measure: score.unit,
      own: [...scored.own],
      anchored: [...scored.anchor],
      ratios: [...scored.ratios],
      engine: {
        cpu_seconds: middle(own, ({ cpu }) => cpu.engine),
        rss_peak_mb: middle(own, ({ rssPeakMb }) => rssPeakMb),
        seconds: middle(own, ({ engineSeconds }) => engineSeconds),
      },
      engine_cpu_rounds: known(own, ({ cpu }) => cpu.engine),
      anchor_cpu_rounds: known(anchors, ({ cpu }) => allSeconds(cpu)),
      rss_peak_rounds: known(own, ({ rssPeakMb }) => rssPeakMb),
      source: { cpu_seconds: middle(own, ({ cpu }) => cpu.source) },
      target: { cpu_seconds: middle(own, ({ cpu }) => cpu.target) },
      anchor_cost:
        anchors.length === 0
          ? null
          : {
              engine: { cpu_seconds: middle(anchors, ({ cpu }) => cpu.engine) },
              source: { cpu_seconds: middle(anchors, ({ cpu }) => cpu.source) },
              target: { cpu_seconds: middle(anchors, ({ cpu }) => cpu.target) },
            },
      goal: score.goal === null ? null : { ...score.goal, met: metGoal(score.goal, ratio?.median ?? null, digestEqual) },
      progress: (["dongbo", "anchor"] as const).flatMap((side) => {
        const points = middleSample(score, side === "dongbo" ? own : anchors)?.progress ?? [];
        return points.length === 0 ? [] : [{ side, points: [...points] }];
      }),
      memory: [...(middleSample(score, own)?.memory ?? [])],
      latency: (["dongbo", "anchor"] as const).flatMap((side) => latencyPoints(side, side === "dongbo" ? own : anchors)),
      // Once for all scores of the same rounds.
      notes: score === workload.scores[0] ? notesOn(rounds, digestEqual) : [],
    };
  });
}

function notesOn(rounds: readonly Round[], digestEqual: boolean): string[] {
  const told = rounds.flatMap(({ samples }, at) =>
    Object.values(samples).flatMap(({ notes }) => notes.map((note) => `round ${at + 1}: ${note}`)),
  );
  return [...(digestEqual ? [] : ["a copy differs from the source"]), ...busyRounds(rounds), ...told];
}

/** One line, or none. */
export function busyRounds(rounds: readonly Round[]): string[] {
  const disturbed = rounds.map(({ disturbance }) => disturbance).filter(isDisturbed);
  const worst = disturbed.toSorted((a, b) => b.others + b.stolen - a.others - a.stolen)[0];
  return worst === undefined ? [] : [`busy in ${disturbed.length} of ${rounds.length} rounds; at worst ${describeDisturbance(worst)}`];
}

function metGoal(goal: Goal, ratio: number | null, digestEqual: boolean): "aim" | "must" | "missed" {
  if (ratio === null || !digestEqual || ratio < goal.must) return "missed";
  return ratio >= goal.aim ? "aim" : "must";
}

function samplesOf(rounds: readonly Round[], side: Side): Sample[] {
  return rounds.flatMap(({ samples }) => samples[side] ?? []);
}

/** Null as soon as one part is not known. */
function allSeconds({ engine, source, target }: ProcessorSeconds): number | null {
  return engine === null || source === null || target === null ? null : engine + source + target;
}

function known(samples: readonly Sample[], of: (sample: Sample) => number | null): number[] {
  return samples.map(of).filter((value) => value !== null);
}

function middle(samples: readonly Sample[], of: (sample: Sample) => number | null): number | null {
  const values = known(samples, of);
  return values.length === 0 ? null : median(values);
}

/** The sample whose figure is in the middle: one real course over time, not a mixture. */
function middleSample(score: Score, samples: readonly Sample[]): Sample | undefined {
  return samples.toSorted((a, b) => (score.value(a) ?? 0) - (score.value(b) ?? 0))[Math.floor(samples.length / 2)];
}

const parts: readonly number[] = [0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1];

function latencyPoints(side: Side, samples: readonly Sample[]): WorkloadResult["latency"] {
  const all = samples.flatMap(({ latenciesMs }) => latenciesMs).toSorted((a, b) => a - b);
  if (all.length === 0) return [];
  return [{ side, points: parts.map((part): [number, number] => [part, percentile(all, part)]) }];
}
