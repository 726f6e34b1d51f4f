// What processes cost, as Linux counts it in /proc. Processor time comes in ticks of 10 ms.
import { readFileSync } from "node:fs";
import type { Point } from "./workload.ts";

const ticksPerSecond = 100;

/** Processor seconds of a process, all that it has waited for, and its living children: a server with all its sessions. */
export function serverSeconds(pid: number): number {
  const own = readStat(pid);
  const living = children(pid).reduce((sum, child) => sum + (readStat(child)?.self ?? 0), 0);
  return (own?.self ?? 0) + (own?.waitedFor ?? 0) + living;
}

/** Processor seconds of a process, of all that it has started, and of what those have: nobody's work is counted twice. */
export function treeSeconds(pid: number): number {
  const own = readStat(pid);
  return (own?.self ?? 0) + (own?.waitedFor ?? 0) + children(pid).reduce((sum, child) => sum + treeSeconds(child), 0);
}

/** Processor seconds that a process itself has used so far. */
export function processSeconds(pid: number): number {
  return readStat(pid)?.self ?? 0;
}

/** Processor seconds of this process's children that have ended. */
export function endedChildrenSeconds(): number {
  return readStat(process.pid)?.waitedFor ?? 0;
}

interface Stat {
  readonly self: number;
  readonly waitedFor: number;
}

/** Null when the process has gone. */
function readStat(pid: number): Stat | null {
  const text = readProc(`/proc/${pid}/stat`);
  if (text === null) return null;
  // The command, in parentheses, may hold anything; fields are counted after it (proc(5): utime is the 14th of all).
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const ticks = (at: number): number => Number(fields[at - 3]);
  return { self: (ticks(14) + ticks(15)) / ticksPerSecond, waitedFor: (ticks(16) + ticks(17)) / ticksPerSecond };
}

function children(pid: number): number[] {
  const text = readProc(`/proc/${pid}/task/${pid}/children`) ?? "";
  return text.split(" ").filter(Boolean).map(Number);
}

function readProc(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return null;
    throw error;
  }
}

/** Largest resident memory of a living process so far, MB. */
export function peakMemoryMb(pid: number): number {
  return megabytes(readProc(`/proc/${pid}/status`) ?? "", "VmHWM");
}

/** Looks at a process's memory until it is told to stop. The peak is the kernel's, so nothing between two looks is missed. */
export class MemoryWatch {
  readonly #points: Point[] = [];
  readonly #timer: NodeJS.Timeout;
  #peakMb = 0;

  constructor(pid: number) {
    const started = performance.now();
    const look = (): void => {
      const text = readProc(`/proc/${pid}/status`);
      if (text === null) return;
      this.#peakMb = Math.max(this.#peakMb, megabytes(text, "VmHWM"));
      this.#points.push({ atSeconds: (performance.now() - started) / 1000, value: megabytes(text, "VmRSS") });
    };
    this.#timer = setInterval(look, lookMs);
  }

  stop(): { readonly peakMb: number; readonly points: readonly Point[] } {
    clearInterval(this.#timer);
    return { peakMb: this.#peakMb, points: this.#points };
  }
}

const lookMs = 50;

function megabytes(status: string, name: string): number {
  const kibibytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
  return kibibytes === undefined ? 0 : (Number(kibibytes) * 1024) / 1e6;
}
