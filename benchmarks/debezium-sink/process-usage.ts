// What processes cost, as Linux counts it in /proc.
import { readdirSync, readFileSync } from "node:fs";

/** Of `utime` and its like in /proc/<pid>/stat, on every platform of Linux that Node runs on. */
const ticksPerSecond = 100;

export interface ProcessUsage {
  readonly cpuSeconds: number;
  /** Largest resident memory so far, in MB of 2^20 bytes. */
  readonly peakMb: number;
}

/** The process's own, since it began. */
export function usageOf(pid: number | "self"): ProcessUsage {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const peakKb = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]);
  return { cpuSeconds: statOf(pid).ownTicks / ticksPerSecond, peakMb: peakKb / 1024 };
}

/** Processor time of a server and all its children since it began, in seconds; those that have left are counted by their parent. */
export function serverCpuSeconds(pid: number): number {
  let { ownTicks: ticks, leftTicks } = statOf(pid);
  ticks += leftTicks;
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const child = statOf(Number(name));
      if (child.parent === pid) ticks += child.ownTicks;
    } catch (error) {
      // It left meanwhile.
      if (!["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }
  return ticks / ticksPerSecond;
}

/** https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html; the name in parentheses may hold anything. */
function statOf(pid: number | "self"): { parent: number; ownTicks: number; leftTicks: number } {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = text
    .slice(text.lastIndexOf(")") + 2)
    .split(" ")
    .map(Number);
  const at = (index: number): number => fields[index] ?? 0;
  return { parent: at(1), ownTicks: at(11) + at(12), leftTicks: at(13) + at(14) };
}
