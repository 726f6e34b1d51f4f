// `dongbo reconcile` as an operator runs it: a process of its own, beside the engine that keeps the copies.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { dongboProgram } from "../../deploy/processes/version.ts";
import { endedChildrenSeconds, MemoryWatch } from "../suite/process-usage.ts";
import type { EngineUsage } from "./engine-process.ts";

export interface ReconcileUsage extends EngineUsage {
  /** What it said of the one table that there is. */
  readonly equal: boolean;
  readonly rowsChecked: number;
}

export interface ReconcileStart {
  /** Folder with dongbo.yaml. */
  readonly home: string;
  /** What the configuration refers to. */
  readonly environment: Readonly<Record<string, string>>;
  /** Of Node itself. */
  readonly nodeOptions: readonly string[];
  readonly pace: Pace;
}

/** Gentle: it rests as long as it has read, as a comparison by schedule does. */
export type Pace = "fast" | "gentle";

/** Exit codes with a verdict: equal, different, unverified. */
const verdictCodes: readonly (number | null)[] = [0, 3, 4];

/** Compares every copy of an installation. Throws, with what it printed, when there is no verdict. */
export async function runReconcile({ home, environment, nodeOptions, pace }: ReconcileStart): Promise<ReconcileUsage> {
  const before = endedChildrenSeconds();
  const started = performance.now();
  const child = spawn(process.execPath, [...nodeOptions, dongboProgram(), "reconcile", "--json", ...(pace === "fast" ? ["--fast"] : [])], {
    cwd: home,
    // The build that is measured must not change while it is.
    env: { ...process.env, DONGBO_BUILD: "skip", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const end = (): void => {
    child.kill("SIGKILL");
  };
  process.once("exit", end);
  const memory = new MemoryWatch(child.pid ?? 0);
  const [printed, told] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  const seconds = (performance.now() - started) / 1000;
  process.removeListener("exit", end);
  const { peakMb, points } = memory.stop();
  if (!verdictCodes.includes(child.exitCode)) throw new Error(`dongbo reconcile left with ${child.exitCode}:\n${printed}\n${told}`);
  const report = JSON.parse(printed) as { verdict: string; tables: readonly { rows_checked: number }[] };
  return {
    seconds,
    engineSeconds: null,
    cpuSeconds: endedChildrenSeconds() - before,
    rssPeakMb: peakMb,
    memory: points,
    equal: report.verdict === "equal",
    rowsChecked: report.tables.reduce((sum, table) => sum + table.rows_checked, 0),
  };
}
