// What a second and a fourth worker bring: four independent sources, and one large one. Every figure is also told as a ratio to one worker in
// the same round. `npm run bench:fleet [-- --rows 2e5] [-- --changes 4e4] [-- --rounds 3]`
import { writeFileSync } from "node:fs";
import { Command } from "commander";
import { describeMachine } from "../suite/machine.ts";
import { spread } from "../suite/statistics.ts";
import { wholeNumber } from "../suite/whole-number.ts";
import { Fleet } from "./fleet.ts";
import { FleetStand } from "./fleet-stand.ts";

interface Flags {
  readonly rows: number;
  readonly changes: number;
  readonly rounds: number;
  readonly json?: string;
}

const counts = [1, 2, 4] as const;
const sources = 4;

/** Units done in a second, by what was done and by number of workers, one for each round. */
type Rates = Map<string, Map<number, number[]>>;

async function measure({ rows, changes, rounds, json }: Flags): Promise<void> {
  await using stand = await FleetStand.start({ sources, rows });
  const rates: Rates = new Map();
  const note = (what: string, workers: number, rate: number): void => {
    const own = rates.get(what) ?? new Map<number, number[]>();
    rates.set(what, own.set(workers, [...(own.get(workers) ?? []), rate]));
    console.error(`${what}, ${workers} workers: ${Math.round(rate)} a second`);
  };
  for (let round = 1; round <= rounds; round++) {
    // Who comes first differs from round to round.
    for (const workers of counts.map((_, at) => counts[(at + round) % counts.length] ?? 1)) {
      {
        await using fleet = await Fleet.start(stand, { masters: stand.small, workers });
        note(`rows loaded, ${sources} sources`, workers, (sources * rows) / (await fleet.load()));
        note(`changes applied, ${sources} sources`, workers, (sources * changes) / (await fleet.catchUp(changes)));
      }
      await using fleet = await Fleet.start(stand, { masters: [stand.large], workers });
      note("rows loaded, one source", workers, (sources * rows) / (await fleet.load()));
      await fleet.compareInTime();
      note("rows compared, one copy", workers, (sources * rows) / (await fleet.comparison()));
    }
  }
  const machine = describeMachine();
  console.log(`${machine.cpu}, ${machine.cores} cores; servers and workers share them. ${rounds} rounds, ${rows} rows a source.`);
  for (const line of lines(rates)) console.log(line);
  if (json !== undefined) {
    const plain = Object.fromEntries([...rates].map(([what, own]) => [what, Object.fromEntries(own)]));
    writeFileSync(json, `${JSON.stringify({ machine, rows, changes, rates: plain }, null, 2)}\n`);
  }
}

function lines(rates: Rates): string[] {
  return [...rates].flatMap(([what, own]) => {
    const alone = own.get(1) ?? [];
    return [...own]
      .toSorted(([a], [b]) => a - b)
      .map(([workers, all]) => {
        const rate = spread(all);
        const ratio = spread(all.map((each, round) => each / (alone[round] ?? Number.NaN)));
        const [middle, least, most] = [ratio.median, ratio.min, ratio.max].map((each) => each.toFixed(2));
        return `${what.padEnd(28)} ${workers} workers  ${Math.round(rate.median).toString().padStart(8)} a second  ${middle} of one worker (${least}–${most})`;
      });
  });
}

await new Command("bench:fleet")
  .description("Rows and changes a second with 1, 2 and 4 workers of a fleet, as ratios.")
  .option("--rows <count>", "people in each of four registers; a fifth has as many as they together", wholeNumber, 200_000)
  .option("--changes <count>", "changes to each of the four", wholeNumber, 40_000)
  .option("--rounds <count>", "rounds", wholeNumber, 3)
  .option("--json <file>", "writes all figures there")
  .action(measure)
  .parseAsync();
