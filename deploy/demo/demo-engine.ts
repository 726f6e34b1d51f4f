// The engine as an operator runs it: the command line in a process of its own.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../../../deploy/dongbo.mjs", import.meta.url));

export class DemoEngine implements AsyncDisposable {
  readonly #folder: string;
  readonly #environment: NodeJS.ProcessEnv;
  #child: ChildProcess | null = null;

  constructor(folder: string, environment: Record<string, string>) {
    this.#folder = folder;
    this.#environment = { ...process.env, ...environment };
  }

  /** Runs one command to its end; its output, its exit code, and whether it succeeded. */
  command(...parameters: string[]): { readonly ok: boolean; readonly code: number | null; readonly output: string } {
    const result = spawnSync(process.execPath, [program, ...parameters], { cwd: this.#folder, env: this.#environment, encoding: "utf8" });
    return { ok: result.status === 0, code: result.status, output: `${result.stdout}${result.stderr}`.trimEnd() };
  }

  start(): void {
    const log = openSync(this.#log, "a");
    this.#child = spawn(process.execPath, [program, "run"], {
      cwd: this.#folder,
      env: this.#environment,
      stdio: ["ignore", log, log],
    });
    closeSync(log);
  }

  /** What it wrote last, for whoever wants to know why something failed. */
  lastLines(): string {
    return existsSync(this.#log) ? readFileSync(this.#log, "utf8").trimEnd().split("\n").slice(-20).join("\n") : "";
  }

  /** Where the running engine serves /metrics and /healthz; empty when it does not say. */
  address(): string {
    const told = [...this.lastLines().matchAll(/"listening":"([^"]+)"/g)];
    return told.at(-1)?.[1] ?? "";
  }

  get #log(): string {
    return join(this.#folder, "dongbo.log");
  }

  /** As a power cut would. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null) return;
    await new Promise<void>((resolve) => {
      child.once("exit", () => {
        resolve();
      });
      child.kill(signal);
    });
  }
}
