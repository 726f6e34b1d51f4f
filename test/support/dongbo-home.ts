// An installation of dongbo as a user has it: a folder with dongbo.yaml and the data folder, and the command line.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { appendFileSync, chmodSync, copyFileSync, existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { projectFolder } from "../../deploy/embedded/maven-artifacts.ts";
import { DongboProcess } from "./dongbo-process.ts";
import { oncePerRun } from "./once-per-run.ts";
import { keepOutput } from "./output-search.ts";
import { killServersBelow, testFolder } from "./test-run.ts";

const repository = projectFolder();

/** `DONGBO_TEST_CLI` puts another build to the same tests: an installed release, for example. */
export const commandLine = process.env["DONGBO_TEST_CLI"] ?? join(repository, "deploy", "dongbo.mjs");

/** Makes the build that the command line runs from, once in the whole run. */
export async function buildDongbo(): Promise<void> {
  await oncePerRun("build", buildOnce);
}

/** One of the engine's failpoints: where it dies (SIGKILL of itself), at the nth passing. */
export interface Failpoint {
  readonly name: string;
  readonly nth?: number;
  readonly action?: "kill" | "throw" | "hang";
}

export interface Finished {
  /** Null when a signal ended the process. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Everything that one dongbo keeps on disk; processes started here end, and the folder goes, when it is disposed. */
export class DongboHome implements AsyncDisposable {
  readonly folder: string;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #processes = new Set<DongboProcess>();

  private constructor(folder: string, environment: Readonly<Record<string, string>>) {
    this.folder = folder;
    this.#environment = environment;
  }

  /** `environment` holds what the configuration refers to, such as URLs. */
  static async create(config: object, environment: Readonly<Record<string, string>>): Promise<DongboHome> {
    await buildDongbo();
    const home = new DongboHome(testFolder("home"), environment);
    home.writeConfig(config);
    return home;
  }

  /** Another one with the same configuration and a data folder of its own. */
  twin(): DongboHome {
    const home = new DongboHome(testFolder("home"), this.#environment);
    copyFileSync(this.configFile, home.configFile);
    return home;
  }

  get configFile(): string {
    return join(this.folder, "dongbo.yaml");
  }

  /** Replaces dongbo.yaml. */
  writeConfig(config: object): void {
    writeFileSync(this.configFile, stringify(config));
    chmodSync(this.configFile, 0o644);
  }

  /** Starts a command that goes on, such as `run`. `within`: a program, with its arguments, that becomes the command. */
  start(command: readonly string[], failpoint?: Failpoint, within: readonly string[] = []): DongboProcess {
    const [program, ...parameters] = [...within, process.execPath, commandLine, ...command, "--config", this.configFile];
    const environment = { ...process.env, DONGBO_BUILD: "skip", ...this.#environment, ...failpointVariable(failpoint) };
    const child = spawn(program, parameters, { cwd: repository, env: environment, stdio: ["ignore", "pipe", "pipe"] });
    const started = new DongboProcess(child, command.join(" "));
    keepOutput(child, command);
    keepLog(child, command);
    this.#processes.add(started);
    void started.exited.finally(() => this.#processes.delete(started));
    return started;
  }

  /** Runs a command to its end. */
  async run(command: readonly string[], deadlineMs = 60_000): Promise<Finished> {
    const started = this.start(command);
    const { code, signal } = await started.waitForExit(deadlineMs);
    return { code, signal, stdout: started.stdout, stderr: started.stderr };
  }

  /** Runs a command with `--json`; throws with its output when the exit code is another one than expected. */
  async json<T>(command: readonly string[], expectedCodes: readonly number[] = [0]): Promise<T> {
    const finished = await this.run([...command, "--json"]);
    if (finished.code === null || !expectedCodes.includes(finished.code)) {
      throw new Error(`dongbo ${command.join(" ")} left with ${finished.code ?? finished.signal}:\n${finished.stdout}\n${finished.stderr}`);
    }
    return JSON.parse(finished.stdout) as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#processes].map((running) => running.kill9()));
    // A killed engine leaves its embedded control database running, as it should.
    killServersBelow(this.folder);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

/** `DONGBO_TEST_ENGINE_LOG=/file` collects what all processes write, for looking into a failure. */
function keepLog(child: ChildProcess, command: readonly string[]): void {
  const file = process.env["DONGBO_TEST_ENGINE_LOG"];
  if (file === undefined) return;
  appendFileSync(file, `--- ${new Date().toISOString()} dongbo ${command.join(" ")}, process ${child.pid}\n`);
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data: Buffer | string) => appendFileSync(file, data));
}

function failpointVariable(failpoint: Failpoint | undefined): Record<string, string> {
  if (failpoint === undefined) return {};
  return { DONGBO_FAILPOINT: `${failpoint.name}:${failpoint.nth ?? 1}:${failpoint.action ?? "kill"}` };
}

/** The command line runs from dist/. `DONGBO_TEST_BUILD=skip` takes what is there, for work on the tests alone. */
function buildOnce(): void {
  if (process.env["DONGBO_TEST_CLI"] !== undefined) return;
  if (process.env["DONGBO_TEST_BUILD"] === "skip" && existsSync(join(repository, "dist"))) return;
  const result = spawnSync(process.execPath, ["deploy/bootstrap.mjs", "build"], { cwd: repository, encoding: "utf8" });
  if (result.status !== 0) throw new Error(`the build failed:\n${result.stdout}\n${result.stderr}`);
}
