// What decoding alone costs the processor, without servers: the figure in which a slower decoder shows, whatever the target hides.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { citizenChanges, digestOf, streamChanges } from "../decode/citizen-changes.ts";
import type { DecodingUsage } from "../decode/decode-process.ts";
import type { DecodingName } from "../decode/decoders.ts";
import type { PreparedWorkload, Sample, Score, Workload } from "../suite/workload.ts";

export interface DecodeWorkload extends Workload {
  readonly decoding: DecodingName;
  /** How often each process decodes the stream: about an eighth of a second. */
  readonly passes: number;
}

const common = { anchor: "JSON.parse of the same changes", unit: "changes" } as const;

function cpuTime(name: string): Score {
  return { name, unit: "CPU s", goal: null, value: ({ cpu }) => cpu.engine };
}

/** They do as much at every size of the register: it is not read. */
export const decodes: readonly DecodeWorkload[] = [
  {
    ...common,
    name: "decode",
    title: "decoding pgoutput, nothing else",
    scores: [cpuTime("decode")],
    decoding: "pgoutput",
    passes: 24,
  },
  {
    ...common,
    name: "decode-careful",
    title: "decoding pgoutput as if no row were whole, nothing else",
    scores: [cpuTime("decode-careful")],
    decoding: "careful",
    passes: 24,
  },
  {
    ...common,
    name: "decode-debezium",
    title: "decoding Debezium's JSON with schemas, nothing else",
    scores: [cpuTime("decode-debezium")],
    decoding: "debezium",
    passes: 2,
  },
];

const referencePasses = 20;

/**
 * A process's speed is partly luck: how its memory came to lie, what the compiler saw first (a standard deviation of 6 % was seen). So
 * every sample is the sum of several, and what rounds differ by holds that luck, as it must when two runs are compared.
 */
const processes = 8;

/** `nodeOptions`: of each process. */
export function prepareDecode({ decoding, passes }: DecodeWorkload, nodeOptions: readonly string[]): Promise<PreparedWorkload> {
  const due = digestOf(citizenChanges(streamChanges));
  const measure = (name: DecodingName, count: number): Promise<Sample> => measureDecoding({ name, passes: count, nodeOptions, due });
  return Promise.resolve({
    before: () => Promise.resolve(),
    measure: (side) => (side === "dongbo" ? measure(decoding, passes) : measure("reference", referencePasses)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}

interface Measured {
  readonly name: DecodingName;
  readonly passes: number;
  readonly nodeOptions: readonly string[];
  /** Digest that the decoded changes must have. */
  readonly due: string;
}

async function measureDecoding({ name, passes, nodeOptions, due }: Measured): Promise<Sample> {
  const usages: DecodingUsage[] = [];
  for (let made = 0; made < processes; made++) usages.push(await decodeOnce([...nodeOptions, program, name, String(passes)]));
  const sum = (of: (usage: DecodingUsage) => number): number => usages.reduce((total, usage) => total + of(usage), 0);
  return {
    seconds: sum(({ seconds }) => seconds),
    engineSeconds: null,
    units: processes * passes * streamChanges,
    // No server has a part in it.
    cpu: { engine: sum(({ cpuSeconds }) => cpuSeconds), source: 0, target: 0 },
    rssPeakMb: null,
    digestEqual: usages.every(({ digest }) => digest === due),
    memory: [],
    progress: [],
    latenciesMs: [],
    notes: [],
  };
}

const program = fileURLToPath(new URL("../decode/decode-process.js", import.meta.url));

async function decodeOnce(parameters: readonly string[]): Promise<DecodingUsage> {
  const { stdout } = await promisify(execFile)(process.execPath, parameters);
  return JSON.parse(stdout) as DecodingUsage;
}
