// dongbo beside the stock Debezium JDBC sink on the same topic, by turns, and dongbo with many filtered copies.
// `npm run bench:debezium-sink -- --events 1000000 --rounds 5 [--fanout 34] [--json FILE]`
import { writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { Capture, type Captured } from "./capture-topic.ts";
import { type Content, provinces, wholeTransactions } from "./register.ts";
import { printComparison, printFanOut, type Runs } from "./report.ts";
import { runDongbo } from "./run-dongbo.ts";
import { runSink } from "./run-sink.ts";
import { type SinkTuning, sinkTunings } from "./sink-tunings.ts";
import { type Run, Stand } from "./stand.ts";
import { kafkaVersions } from "./versions.ts";

const { values } = parseArgs({
  options: {
    events: { type: "string", default: "1000000" },
    rounds: { type: "string", default: "5" },
    partitions: { type: "string", default: "1" },
    /** Of the JDBC sink, by the names in sink-tunings.ts. */
    tunings: { type: "string", default: "unnest-1000,small-heap" },
    /** dongbo without the transaction topic. */
    "row-by-row": { type: "boolean", default: false },
    /** How many filtered copies one dongbo keeps in the second part; 0: no second part. */
    fanout: { type: "string", default: "0" },
    "fanout-events": { type: "string", default: "100000" },
    /** Folder for profiles of dongbo's processor time. */
    profile: { type: "string" },
    json: { type: "string" },
  },
});

const count = (text: string, least: number): number => {
  const number = Number(text);
  if (Number.isInteger(number) && number >= least) return number;
  throw new Error(`${text} is no number of at least ${least}`);
};
const settings = {
  events: wholeTransactions(count(values.events, 1)),
  rounds: count(values.rounds, 1),
  partitions: count(values.partitions, 1),
  tunings: values.tunings.split(",").filter((name) => name !== ""),
  transactions: !values["row-by-row"],
  fanout: count(values.fanout, 0),
  fanoutEvents: wholeTransactions(count(values["fanout-events"], 1)),
};

function tuningOf(name: string): SinkTuning {
  const tuning = sinkTunings[name];
  if (tuning === undefined) throw new Error(`no tuning ${name}; there are ${Object.keys(sinkTunings).join(", ")}`);
  return tuning;
}

function refuseUnequal(who: string, copies: readonly Content[], masters: readonly Content[]): void {
  for (const [index, master] of masters.entries()) {
    const copy = copies[index];
    if (copy?.digest === master.digest) continue;
    throw new Error(`${who}: copy ${index} (${copy?.rows} rows) differs from the master (${master.rows} rows): no score`);
  }
}

interface Reading {
  readonly run: Run;
  readonly copies: readonly Content[];
  readonly masters: readonly Content[];
}

/** Reads the whole topic into empty databases; `name` is for what it makes. */
type Reader = (name: string) => Promise<Reading>;

/** Each reader's runs, in the order of the rounds. */
async function takeTurns(part: string, readers: readonly (readonly [string, Reader])[]): Promise<Runs> {
  const runs: Record<string, Run[]> = {};
  for (let round = 0; round < settings.rounds; round++) {
    // Another order in each round, so that nobody always has the warmest caches.
    const first = round % readers.length;
    for (const [turn, [who, read]] of [...readers.slice(first), ...readers.slice(0, first)].entries()) {
      const { run, copies, masters } = await read(`${part}_${round}_${turn}`);
      refuseUnequal(`${part}, round ${round + 1}, ${who}`, copies, masters);
      (runs[who] ??= []).push(run);
      console.error(`${part}, round ${round + 1} of ${settings.rounds}: ${who} in ${run.wholeSeconds.toFixed(1)} s, equal`);
    }
  }
  return runs;
}

function dongbo(stand: Stand, { topic, whole }: Captured): Reader {
  return async (name) => {
    const plan = { name, topic, transactions: settings.transactions, parts: null, profile: values.profile };
    const { run, contents } = await runDongbo(stand, plan);
    return { run, copies: contents, masters: [whole] };
  };
}

function filteredDongbo(stand: Stand, { topic, parts: masters }: Captured, parts: readonly (readonly string[])[]): Reader {
  return async (name) => {
    const plan = { name, topic, transactions: settings.transactions, parts, profile: values.profile };
    const { run, contents } = await runDongbo(stand, plan);
    return { run, copies: contents, masters };
  };
}

function sink(stand: Stand, { topic, whole }: Captured, tuning: SinkTuning): Reader {
  return async (name) => {
    const { run, content } = await runSink(stand, { name, topic, tuning });
    return { run, copies: [content], masters: [whole] };
  };
}

async function compare(stand: Stand): Promise<Runs> {
  const { events, partitions } = settings;
  await using capture = await Capture.start(stand, { name: "compared", events, partitions, parts: [] });
  const { captured } = capture;
  const sinks = settings.tunings.map((name) => [name, sink(stand, captured, tuningOf(name))] as const);
  return await takeTurns("compared", [["dongbo", dongbo(stand, captured)], ...sinks]);
}

/** The first copies have a province each; those beyond have two, so that they overlap. */
function partsOf(copies: number): string[][] {
  return Array.from({ length: copies }, (_, index) => {
    const wanted = index < provinces.length ? [index] : [index, index + 1];
    return wanted.map((at) => provinces[at % provinces.length] ?? "");
  });
}

async function fanOut(stand: Stand): Promise<Runs> {
  const parts = partsOf(settings.fanout);
  const { fanoutEvents: events, partitions } = settings;
  await using capture = await Capture.start(stand, { name: "fanned", events, partitions, parts });
  const { captured } = capture;
  return await takeTurns("fanned", [
    ["dongbo", dongbo(stand, captured)],
    [`${parts.length} copies`, filteredDongbo(stand, captured, parts)],
  ]);
}

for (const name of settings.tunings) tuningOf(name);
await using stand = await Stand.start();
const machine = { cores: cpus().length, processor: cpus()[0]?.model ?? "", memoryMb: Math.round(totalmem() / 2 ** 20) };
const versions = { node: process.version, postgres: await stand.version(), ...kafkaVersions() };
console.log(`${JSON.stringify(machine)}\n${JSON.stringify(versions)}\n${JSON.stringify(settings)}`);
const compared = await compare(stand);
printComparison(compared, settings.events);
const fanned = settings.fanout === 0 ? null : await fanOut(stand);
if (fanned !== null) printFanOut(fanned, settings.fanoutEvents);
if (values.json !== undefined) {
  writeFileSync(values.json, JSON.stringify({ machine, versions, settings, digestsEqual: true, compared, fanned }, null, 2));
}
