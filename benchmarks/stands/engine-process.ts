// dongbo as an operator runs it: the command line in a process of its own, timed from its start to its end.
import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { createInterface } from "node:readline";
import { dongboProgram } from "../../deploy/processes/version.ts";
import { endedChildrenSeconds, MemoryWatch, processSeconds } from "../suite/process-usage.ts";
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
  /** run when left out. */
  readonly command?: "run" | "worker";
  /** Of the command. */
  readonly options: readonly string[];
  /** Of Node itself. */
  readonly nodeOptions: readonly string[];
}

/** One started `dongbo run`, or `dongbo worker`. */
export class EngineProcess {
  readonly #child: ChildProcess;
  readonly #started = performance.now();
  readonly #endedChildrenBefore = endedChildrenSeconds();
  readonly #memory: MemoryWatch;
  readonly #exited: Promise<number | null>;
  /** When it was told first of each event of its log. */
  readonly #toldAt = new Map<string, number>();
  readonly #told = new EventEmitter();
  #log = "";

  constructor({ home, environment, command = "run", options, nodeOptions }: EngineStart) {
    const child = spawn(process.execPath, [...nodeOptions, dongboProgram(), command, ...options], {
      cwd: home,
      // The build that is measured must not change while it is.
      env: { ...process.env, DONGBO_BUILD: "skip", ...environment },
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#child = child;
    const end = (): void => {
      child.kill("SIGKILL");
    };
    process.once("exit", end);
    child.once("close", () => process.removeListener("exit", end));
    if (child.pid === undefined) throw new Error("dongbo did not start");
    this.#memory = new MemoryWatch(child.pid);
    createInterface(child.stderr).on("line", (line) => {
      this.#log = `${this.#log}${line}\n`.slice(-keptCharacters);
      const event = /"event":"([^"]*)"/.exec(line)?.[1];
      if (event === undefined || this.#toldAt.has(event)) return;
      this.#toldAt.set(event, performance.now());
      this.#told.emit(event);
    });
    this.#exited = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => {
        resolve(code);
      });
    });
  }

  /** Processor seconds that it has used so far; 0 once it has ended. */
  get cpuSeconds(): number {
    return processSeconds(this.#child.pid ?? 0);
  }

  /** Waits until its log has told of the event. Throws, with the end of the log, when it has ended instead. */
  async tells(event: string): Promise<void> {
    if (this.#toldAt.has(event)) return;
    const code = await Promise.race([once(this.#told, event).then(() => "told" as const), this.#exited]);
    if (code !== "told") throw new Error(`dongbo left with ${code} before it told "${event}":\n${this.#log}`);
  }

  /** Waits for its end by itself. Throws, with the end of its log, when it has failed. */
  async ended(): Promise<EngineUsage> {
    const code = await this.#exited;
    const seconds = (performance.now() - this.#started) / 1000;
    const { peakMb, points } = this.#memory.stop();
    if (code !== 0) throw new Error(`dongbo left with ${code}:\n${this.#log}`);
    const [runsAt, endsAt] = ["dongbo runs", "dongbo ends"].map((event) => this.#toldAt.get(event));
    return {
      seconds,
      engineSeconds: runsAt === undefined || endsAt === undefined ? null : (endsAt - runsAt) / 1000,
      cpuSeconds: endedChildrenSeconds() - this.#endedChildrenBefore,
      rssPeakMb: peakMb,
      memory: points,
    };
  }

  /** SIGSTOP and SIGCONT: nothing is applied in between. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#child.kill(signal);
  }

  /** Asks it to end, and waits. */
  async stop(): Promise<EngineUsage> {
    this.#child.kill("SIGTERM");
    return this.ended();
  }
}

const keptCharacters = 20_000;
