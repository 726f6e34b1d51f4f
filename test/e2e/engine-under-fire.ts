// The engine in the hands of a test that kills it: at moments chosen by chance, and at places that the engine names.
import type { PrefixChecker } from "../checker/prefix-checker.ts";
import type { DongboHome, Failpoint } from "../support/dongbo-home.ts";
import type { DongboProcess } from "../support/dongbo-process.ts";
import { pause, waitUntil } from "../support/wait-until.ts";
import type { Random } from "../workload/random.ts";

export class EngineUnderFire {
  readonly killed = { atRandom: 0, atFailpoints: [] as string[] };
  readonly #home: DongboHome;
  readonly #random: Random;
  readonly #processes: DongboProcess[] = [];
  #running: DongboProcess | null = null;

  constructor(home: DongboHome, random: Random) {
    this.#home = home;
    this.#random = random;
  }

  /** Starts `dongbo run` unless it runs. */
  start(): DongboProcess {
    if (this.#running === null || this.#running.exit !== null) this.#running = this.#begun(this.#home.start(["run"]));
    return this.#running;
  }

  /** SIGKILL after some time, as often as asked; an engine that leaves by itself is an error. */
  async killAtRandomMoments(times: number, longestMs = 3_500): Promise<void> {
    for (let left = times; left > 0; left--) {
      const engine = this.start();
      // Short and long lives alike: some die while they start, some in the middle of their work.
      await Promise.race([pause(this.#random.between(200, longestMs)), engine.exited]);
      if (engine.exit !== null) throw new Error(`the engine left by itself\n${engine.describe()}`);
      await engine.kill9();
      this.killed.atRandom++;
    }
  }

  /** Starts the engine so that it dies at a failpoint, and waits until it has. */
  async dieAt(failpoint: Failpoint, deadlineMs = 180_000): Promise<void> {
    await this.#running?.kill9();
    const engine = this.#begun(this.#home.start(["run"], failpoint));
    this.#running = engine;
    const { signal } = await waitUntil(() => engine.exit, {
      describe: `the engine to reach failpoint ${failpoint.name}`,
      deadlineMs,
      detail: () => engine.describe(),
    });
    if (signal !== "SIGKILL") throw new Error(`the engine left by itself before ${failpoint.name}\n${engine.describe()}`);
    this.killed.atFailpoints.push(failpoint.name);
  }

  /** Lets the engine work in peace until every copy has shown a transaction at or after the given one. */
  async workUntil(sequence: number, checkers: readonly PrefixChecker[], deadlineMs = 300_000): Promise<void> {
    const engine = this.start();
    await engine.waitFor(
      () => checkers.every((checker) => checker.newest >= sequence || checker.violations.length > 0),
      `copies at transaction ${sequence}: ${checkers.map(({ copy }) => copy.name).join(", ")}`,
      deadlineMs,
    );
    const violations = checkers.flatMap((checker) => checker.violations);
    if (violations.length > 0) throw new Error(`a copy showed what the master never was:\n${violations.join("\n")}\n${engine.describe()}`);
  }

  /** How far its copies are and what it has said, for the error of a wait in vain. */
  async describe(): Promise<string> {
    const status = await this.#home.run(["status"], 120_000).then(({ stdout, stderr }) => `${stdout}${stderr}`, String);
    return `${status}\n${this.start().describe()}`;
  }

  /** SIGTERM; throws unless the engine leaves in order and in time. */
  async stop(): Promise<void> {
    const engine = this.#running;
    if (engine === null || engine.exit !== null) return;
    // Before its first word a process has not yet said how it wants to be ended.
    await engine.waitForOutput(/dongbo runs/);
    const { code } = await engine.terminate();
    if (code !== 0 && code !== 5) throw new Error(`the engine did not stop in order\n${engine.describe()}`);
  }

  /** Lines with these words in the output of every engine so far, as far as it is kept. */
  said(words: string): string[] {
    return this.#processes.flatMap(({ stdout, stderr }) => `${stdout}\n${stderr}`.split("\n").filter((line) => line.includes(words)));
  }

  #begun(engine: DongboProcess): DongboProcess {
    this.#processes.push(engine);
    return engine;
  }

  /** Kills whatever runs, for a step that needs the engine down. */
  async down(): Promise<void> {
    if (this.#running !== null && this.#running.exit === null) await this.#running.kill9();
  }
}
