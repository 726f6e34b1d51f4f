// A running `dongbo` command seen from outside: its output, its memory, its end.
import type { ChildProcess } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { waitUntil } from "./wait-until.ts";

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Output kept per stream; older text is dropped so that a long test does not grow. */
const keptCharacters = 4_000_000;

export class DongboProcess implements AsyncDisposable {
  readonly name: string;
  readonly exited: Promise<Exit>;
  #exit: Exit | null = null;
  #stdout = "";
  #stderr = "";
  #peakRssBytes = 0;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess, name: string) {
    this.#child = child;
    this.name = name;
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.#stdout = keepEnd(this.#stdout + text)));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.#stderr = keepEnd(this.#stderr + text)));
    this.exited = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => {
        this.#exit = { code, signal };
        resolve(this.#exit);
      });
    });
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`dongbo ${this.name} did not start`);
    return this.#child.pid;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Null while it runs. */
  get exit(): Exit | null {
    return this.#exit;
  }

  /** What a failed wait should show: state and the last lines of both streams. */
  describe(): string {
    const state = this.#exit === null ? "running" : `left with ${this.#exit.code ?? this.#exit.signal}`;
    return `dongbo ${this.name}: ${state}\n--- stdout\n${lastLines(this.#stdout)}\n--- stderr\n${lastLines(this.#stderr)}`;
  }

  /** SIGKILL, as a power cut would. Resolves when the process is gone. */
  async kill9(): Promise<Exit> {
    this.#child.kill("SIGKILL");
    return this.exited;
  }

  /** SIGSTOP and SIGCONT, for example. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** SIGTERM; throws when the process has not left at the deadline (design: 10 s). */
  async terminate(deadlineMs = 10_000): Promise<Exit> {
    this.#child.kill("SIGTERM");
    return this.waitForExit(deadlineMs);
  }

  async waitForExit(deadlineMs: number): Promise<Exit> {
    return waitUntil(() => this.#exit, { describe: `dongbo ${this.name} to leave`, deadlineMs, detail: () => this.describe() });
  }

  /** Waits for a line in either stream. Throws when the process leaves before. */
  async waitForOutput(pattern: RegExp, deadlineMs = 90_000): Promise<RegExpExecArray> {
    return this.waitFor(() => pattern.exec(this.#stdout) ?? pattern.exec(this.#stderr), String(pattern), deadlineMs);
  }

  /** Waits for a condition outside while the process runs; its leaving is an error that shows its output. */
  async waitFor<T>(
    condition: () => T | Promise<T>,
    describe: string,
    deadlineMs = 90_000,
    everyMs = 25,
  ): Promise<NonNullable<Exclude<T, false>>> {
    return waitUntil(
      async () => {
        const value = await condition();
        const holds = value !== null && value !== undefined && value !== false;
        if (!holds && this.#exit !== null) throw new Error(`left before ${describe}\n${this.describe()}`);
        return value;
      },
      { describe, deadlineMs, everyMs, detail: () => this.describe() },
    );
  }

  /** Highest resident memory so far, in bytes (VmHWM); the last value seen once the process has left. */
  peakRssBytes(): number {
    try {
      const line = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, "utf8"));
      if (line?.[1] !== undefined) this.#peakRssBytes = Number(line[1]) * 1024;
    } catch (error) {
      if (!["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
    return this.#peakRssBytes;
  }

  /** Starts the measurement of the peak anew (proc(5), clear_refs 5). */
  resetPeakRss(): void {
    writeFileSync(`/proc/${this.pid}/clear_refs`, "5");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#exit === null) await this.kill9();
  }
}

function keepEnd(text: string): string {
  return text.length <= keptCharacters ? text : text.slice(-keptCharacters / 2);
}

function lastLines(text: string): string {
  return text.split("\n").slice(-40).join("\n");
}
