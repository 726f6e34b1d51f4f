// The machine: what it is, and whether it had anything else to do while it was measured.
import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { setTimeout as pause } from "node:timers/promises";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 1e9),
    kernel: release(),
    node: process.version,
  };
}

/** Machines whose results may be held against each other. */
export function hardwareClass({ cpu, cores, memoryGb }: Machine): string {
  return `${cpu}, ${cores} cores, ${memoryGb} GB`;
}

/** Parts of the whole machine's processor time, 0 to 1. */
export interface Disturbance {
  /** Used by processes that are no part of the measurement. */
  readonly others: number;
  /** Taken by the host for other guests. */
  readonly stolen: number;
}

/** Above these a round has no score: what is measured would be somebody else's work. */
const othersMax = 0.05;
const stolenMax = 0.02;

export function isDisturbed({ others, stolen }: Disturbance): boolean {
  return others > othersMax || stolen > stolenMax;
}

export function describeDisturbance({ others, stolen }: Disturbance): string {
  return `other processes took ${percent(others)} of the machine (at most ${percent(othersMax)}), its host ${percent(stolen)} (at most ${percent(stolenMax)})`;
}

function percent(part: number): string {
  return `${(part * 100).toFixed(0)} %`;
}

interface Ticks {
  readonly busy: number;
  readonly stolen: number;
  readonly all: number;
}

/** Watches the whole machine from its making on. `spent` tells the processor seconds of everything that is measured. */
export class DisturbanceWatch {
  readonly #spent: () => number;
  readonly #ticks = readTicks();
  readonly #before: number;

  constructor(spent: () => number) {
    this.#spent = spent;
    this.#before = spent();
  }

  read(): Disturbance {
    const now = readTicks();
    const all = now.all - this.#ticks.all;
    if (all === 0) return { others: 0, stolen: 0 };
    const measured = (this.#spent() - this.#before) * ticksPerSecond;
    return {
      others: Math.max(0, now.busy - this.#ticks.busy - measured) / all,
      stolen: (now.stolen - this.#ticks.stolen) / all,
    };
  }
}

/** What the machine does while nobody measures. */
export async function idleDisturbance(spent: () => number): Promise<Disturbance> {
  const watch = new DisturbanceWatch(spent);
  await pause(1_000);
  return watch.read();
}

const ticksPerSecond = 100;

/** proc(5), /proc/stat: user nice system idle iowait irq softirq steal; guest time is within user. */
function readTicks(): Ticks {
  const line = readFileSync("/proc/stat", "utf8").split("\n", 1)[0] ?? "";
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = line.split(/\s+/).slice(1).map(Number);
  const busy = user + nice + system + irq + softirq;
  return { busy, stolen: steal, all: busy + steal + idle + iowait };
}
