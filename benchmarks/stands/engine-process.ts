// dongbo as an operator runs it: the command line in a process of its own, timed from its start to its end.
import { type ChildProcess, spawn } from "node:child_process";
import { dongboProgram } from "../../deploy/processes/version.ts";
import { MemoryWatch, ownSeconds } from "../suite/process-usage.ts";
import type { Point } from "../suite/workload.ts";

export interface EngineUsage {
  readonly seconds: number;
  /** From "dongbo runs" to "dongbo ends" in its log. */
  readonly engineSeconds: number | null;
  readonly cpuSeconds: number;
  readonly rssPeakMb: number;
  readonly memory: readonly Point[];
}

export interface EngineStart {
  /** Folder with dongbo.yaml. */
  readonly home: string;
  /** What the configuration refers to. */
  readonly environment: Readonly<Record<string, string>>;
  /** Of `dongbo run`. */
  readonly options: readonly string[];
  /** Of Node itself. */
  readonly nodeOptions: readonly string[];
}

/** One started `dongbo run`. */
export class EngineProcess {
  readonly #child: ChildProcess;
  readonly #started = performance.now();
  readonly #endedChildrenBefore = ownSeconds().endedChildren;
  readonly #memory: MemoryWatch;
  readonly #exited: Promise<number | null>;
  #log = "";
  #runsAt: number | null = null;
  #endsAt: number | null = null;

  constructor({ home, environment, options, nodeOptions }: EngineStart) {
    const child = spawn(process.execPath, [...nodeOptions, dongboProgram(), "run", ...options], {
      cwd: home,
      // The build that is measured must not change while it is.
      env: { ...process.env, DONGBO_BUILD: "skip", ...environment },
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#child = child;
    if (child.pid === undefined) throw new Error("dongbo did not start");
    this.#memory = new MemoryWatch(child.pid);
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#log = (this.#log + text).slice(-keptCharacters);
      if (text.includes('"event":"dongbo runs"')) this.#runsAt = performance.now();
      if (text.includes('"event":"dongbo ends"')) this.#endsAt = performance.now();
    });
    this.#exited = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => {
        resolve(code);
      });
    });
  }

  /** Waits for its end by itself. Throws, with the end of its log, when it has failed. */
  async ended(): Promise<EngineUsage> {
    const code = await this.#exited;
    const seconds = (performance.now() - this.#started) / 1000;
    const { peakMb, points } = this.#memory.stop();
    if (code !== 0) throw new Error(`dongbo left with ${code}:\n${this.#log}`);
    return {
      seconds,
      engineSeconds: this.#runsAt === null || this.#endsAt === null ? null : (this.#endsAt - this.#runsAt) / 1000,
      cpuSeconds: ownSeconds().endedChildren - this.#endedChildrenBefore,
      rssPeakMb: peakMb,
      memory: points,
    };
  }

  /** Asks it to end, and waits. */
  async stop(): Promise<EngineUsage> {
    this.#child.kill("SIGTERM");
    return this.ended();
  }
}

const keptCharacters = 20_000;
