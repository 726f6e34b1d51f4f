// Rounds: both sides by turns, so that a machine that warms up or slows down does so to both.
import type { Disturbance } from "./machine.ts";
import type { PreparedWorkload, Sample, Score, Side } from "./workload.ts";

export interface Round {
  readonly samples: Readonly<Partial<Record<Side, Sample>>>;
  readonly disturbance: Disturbance;
}

/** Rounds that a score needs at least. */
export const roundsMin = 5;

export interface RoundsOptions {
  readonly rounds: number;
  readonly sides: readonly Side[];
  /** Begins to watch the machine; what it returns ends it. */
  readonly watch: () => () => Disturbance;
  readonly tell: (line: string) => void;
}

/** Runs the rounds; a side whose copy is not equal to the source ends them. */
export async function runRounds(prepared: PreparedWorkload, options: RoundsOptions): Promise<Round[]> {
  const rounds: Round[] = [];
  for (let number = 0; number < options.rounds; number++) {
    await prepared.before(number);
    const samples: Partial<Record<Side, Sample>> = {};
    const endWatch = options.watch();
    for (const side of inTurn(options.sides, number)) samples[side] = await prepared.measure(side);
    rounds.push({ samples, disturbance: endWatch() });
    const taken = options.sides.map((side) => `${side} ${samples[side]?.seconds.toFixed(2)} s`);
    options.tell(`  round ${number + 1} of ${options.rounds}: ${taken.join(", ")}`);
    if (Object.values(samples).some(({ digestEqual }) => !digestEqual)) break;
  }
  return rounds;
}

/** Another side begins in each round. */
export function inTurn<T>(sides: readonly T[], round: number): T[] {
  const first = round % sides.length;
  return [...sides.slice(first), ...sides.slice(0, first)];
}

/** One score over all rounds. */
export interface Scored {
  readonly own: readonly number[];
  readonly anchor: readonly number[];
  /** Round by round: the anchor's figure over dongbo's. Empty without an anchor. */
  readonly ratios: readonly number[];
}

export function scoreRounds(score: Score, rounds: readonly Round[]): Scored {
  const pairs = rounds.flatMap(({ samples }) => {
    const own = samples.dongbo === undefined ? null : score.value(samples.dongbo);
    if (own === null) return [];
    const anchor = score.limit ?? (samples.anchor === undefined ? null : score.value(samples.anchor));
    return [{ own, anchor }];
  });
  const compared = pairs.flatMap(({ own, anchor }) => (anchor === null ? [] : [{ own, anchor }]));
  return {
    own: pairs.map(({ own }) => own),
    anchor: compared.map(({ anchor }) => anchor),
    ratios: compared.map(({ own, anchor }) => anchor / own),
  };
}
