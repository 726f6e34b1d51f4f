// What must stay flat: the memory of each worker, and how many connections each server has.
import { existsSync, readFileSync } from "node:fs";
import { pause } from "../support/wait-until.ts";
import type { Scene } from "./scene.ts";

const sampleEveryMs = 3_000;
/** A process that has just started grows to its size. */
const warmMs = 20_000;
/** Samples of a third; of fewer nothing is said. */
const thirdMin = 20;
/** What memory may differ between the first and the last third: a part of it, and MiB. */
const memorySlack = { share: 0.25, mib: 16 } as const;
/** What connections may differ: a session may be opening or closing at a look. */
const connectionSlack = 4;

interface MemorySample {
  readonly place: number;
  readonly pid: number;
  readonly ageMs: number;
  readonly mib: number;
}

export interface Trend {
  readonly name: string;
  readonly first: number;
  readonly last: number;
  readonly worst: number;
  /** Null: there were too few samples to say. */
  readonly flat: boolean | null;
}

export class Measure {
  readonly #scene: Scene;
  readonly #memory: MemorySample[] = [];
  readonly #connections = new Map<string, number[]>();

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#sample();
      await pause(sampleEveryMs);
    }
  }

  /** Of each worker's place, MiB. A process counts once it is warm. */
  memory(): Trend[] {
    return Array.from({ length: this.#scene.workers.count }, (_, place) => {
      const warm = this.#memory.filter((sample) => sample.place === place && sample.ageMs >= warmMs).map(({ mib }) => mib);
      return trend(`worker ${place + 1}`, warm, (first) => first * memorySlack.share + memorySlack.mib);
    });
  }

  /** How memory grows with the age of a process, all warm ones taken together: MiB an hour. Null: too few samples. */
  memorySlope(): number | null {
    const warm = this.#memory.filter(({ ageMs }) => ageMs >= warmMs);
    if (warm.length < 3 * thirdMin) return null;
    let [covariance, variance] = [0, 0];
    for (const pid of new Set(warm.map((sample) => sample.pid))) {
      const samples = warm.filter((sample) => sample.pid === pid);
      const [age, mib] = [mean(samples.map((sample) => sample.ageMs)), mean(samples.map((sample) => sample.mib))];
      for (const sample of samples) {
        covariance += (sample.ageMs - age) * (sample.mib - mib);
        variance += (sample.ageMs - age) ** 2;
      }
    }
    return variance === 0 ? null : (covariance / variance) * 3_600_000;
  }

  /** Of each server, whoever has them. */
  connections(): Trend[] {
    return [...this.#connections].map(([name, counts]) => trend(name, counts, () => connectionSlack));
  }

  #sample(): void {
    for (const { place, pid, ageMs } of this.#scene.workers.processes()) {
      const mib = residentMib(pid);
      if (mib !== null) this.#memory.push({ place, pid, ageMs, mib });
    }
    const established = establishedByPort();
    for (const [name, port] of portsOf(this.#scene)) {
      const counts = this.#connections.get(name) ?? [];
      this.#connections.set(name, counts);
      counts.push(established.get(port) ?? 0);
    }
  }
}

function portsOf({ servers }: Scene): [string, number][] {
  const { control, redis, kafka } = servers.started;
  return [
    ...servers.databases.map(({ name, server }): [string, number] => [name, server.port]),
    ["control database", control.port],
    ["Redis", redis.port],
    ...(kafka === null ? [] : [["Kafka", kafka.broker.port] as [string, number]]),
  ];
}

/** Null: the process has gone. */
function residentMib(pid: number): number | null {
  const file = `/proc/${pid}/status`;
  if (!existsSync(file)) return null;
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(file, "utf8"));
  return line?.[1] === undefined ? null : Number(line[1]) / 1024;
}

/** Connections as their servers have them, by local port (proc(5), net/tcp: state 01 is ESTABLISHED). */
function establishedByPort(): Map<number, number> {
  const counts = new Map<number, number>();
  for (const file of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    if (!existsSync(file)) continue;
    for (const line of readFileSync(file, "utf8").split("\n").slice(1)) {
      const [, local = "", , state] = line.trim().split(/\s+/);
      if (state !== "01") continue;
      const port = Number.parseInt(local.split(":")[1] ?? "", 16);
      counts.set(port, (counts.get(port) ?? 0) + 1);
    }
  }
  return counts;
}

function trend(name: string, samples: readonly number[], slack: (first: number) => number): Trend {
  const third = Math.floor(samples.length / 3);
  const first = median(samples.slice(0, Math.max(1, third)));
  const last = median(samples.slice(-Math.max(1, third)));
  const flat = third < thirdMin ? null : last <= first + slack(first);
  return { name, first, last, worst: samples.length === 0 ? 0 : Math.max(...samples), flat };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? 0;
}
