// The engine as a service manager keeps it: started again whenever it has ended. A test pauses and kills it.
import type { DongboHome } from "../support/dongbo-home.ts";
import type { DongboProcess } from "../support/dongbo-process.ts";
import { pause } from "../support/wait-until.ts";

/** Between two attempts while somebody else is the engine. */
const retryMs = 300;

export class SupervisedEngine {
  /** What happened so far. `refused`: starts that failed because another process was the engine. */
  readonly history = { starts: 0, kills: 0, pauses: 0, refused: 0 };
  readonly #home: DongboHome;
  #engine: DongboProcess | null = null;
  #downUntil = 0;

  constructor(home: DongboHome) {
    this.#home = home;
  }

  /** Keeps it running until the signal comes, and ends it in order. Throws when it leaves for any other reason than that it must. */
  async keepRunning(signal: AbortSignal): Promise<void> {
    const asked = new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => {
        resolve();
      });
    });
    while (!signal.aborted) {
      if (performance.now() < this.#downUntil) {
        await Promise.race([pause(this.#downUntil - performance.now()), asked]);
        continue;
      }
      const engine = this.#home.start(["run"]);
      this.#engine = engine;
      this.history.starts++;
      await Promise.race([engine.exited, asked]);
      if (engine.exit === null) return endInOrder(engine);
      if (engine.exit.signal === "SIGKILL") continue;
      if (!engine.stderr.includes("DB-RUN-024")) throw new Error(`the engine left by itself\n${engine.describe()}`);
      this.history.refused++;
      await Promise.race([pause(retryMs), asked]);
    }
  }

  /** SIGSTOP, and SIGCONT after that time. */
  async pauseFor(ms: number): Promise<void> {
    const engine = this.#engine;
    if (engine === null || engine.exit !== null) return;
    this.history.pauses++;
    engine.signal("SIGSTOP");
    await pause(ms);
    engine.signal("SIGCONT");
  }

  /** SIGKILL, and another start after that time. Resolves at once when it is gone. */
  async killFor(ms: number): Promise<void> {
    this.#downUntil = performance.now() + ms;
    const engine = this.#engine;
    if (engine === null || engine.exit !== null) return;
    this.history.kills++;
    await engine.kill9();
  }

  describe(): string {
    return this.#engine?.describe() ?? "the engine was not started";
  }
}

async function endInOrder(engine: DongboProcess): Promise<void> {
  // Before its first word a process has not yet said how it wants to be ended.
  await engine.waitForOutput(/dongbo runs/);
  const { code } = await engine.terminate();
  if (code !== 0 && code !== 5) throw new Error(`the engine did not stop in order\n${engine.describe()}`);
}
