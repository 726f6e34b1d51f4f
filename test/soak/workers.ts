// The fleet's workers as service managers keep them: each is started again whenever it has ended, however that came.
import type { DongboHome } from "../support/dongbo-home.ts";
import type { DongboProcess } from "../support/dongbo-process.ts";
import { pause, waitUntil } from "../support/wait-until.ts";

/** How often it is looked whether all are there. */
const lookMs = 200;
/** What a worker has said when it is at work. */
const atWork = /dongbo runs/;
/** The last words of one that could not begin without its control database, and is started again. */
const cannotBegin = /^DB-CTL-\d{3}: /m;
/** More than the engine gives itself to end. */
const endsWithinMs = 20_000;

interface Place {
  readonly home: DongboHome;
  process: DongboProcess | null;
  startedMs: number;
  /** Somebody has ended it on purpose and will say when it may begin again. */
  held: boolean;
}

export class Workers {
  /** What a worker did that none may do. */
  readonly violations: string[] = [];
  /** Starts after a worker could not begin. */
  refused = 0;
  starts = 0;
  readonly #places: readonly Place[];

  constructor(homes: readonly DongboHome[]) {
    this.#places = homes.map((home) => ({ home, process: null, startedMs: 0, held: false }));
  }

  get count(): number {
    return this.#places.length;
  }

  /** Keeps all of them running until the signal comes. */
  async keepRunning(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (const place of this.#places) if (!place.held) this.#keep(place);
      await pause(lookMs);
    }
  }

  #keep(place: Place): void {
    const { process } = place;
    if (process !== null && process.exit === null) return;
    if (process !== null) {
      if (!hasBegun(process) && cannotBegin.test(process.stderr)) this.refused++;
      else this.violations.push(`a worker left by itself: ${process.describe()}`);
    }
    this.#start(place);
  }

  #start(place: Place): void {
    place.process = place.home.start(["worker", "--listen", "off"]);
    place.startedMs = performance.now();
    this.starts++;
  }

  /** SIGKILL, and another start after that time. */
  async kill(index: number, downMs: number): Promise<void> {
    await this.#withHeld(index, async (place) => {
      await place.process?.kill9();
      await pause(downMs);
      place.process = null;
    });
  }

  /** SIGSTOP, and SIGCONT after that time. It may find that it has lost everything, and has to go on as one of the fleet. */
  async standStill(index: number, ms: number): Promise<void> {
    const process = this.#places[index]?.process ?? null;
    process?.signal("SIGSTOP");
    await pause(ms);
    process?.signal("SIGCONT");
  }

  /** SIGTERM: it must hand its sources on and leave in order. */
  async drain(index: number): Promise<void> {
    await this.#withHeld(index, async (place) => {
      const { process } = place;
      if (process === null || process.exit !== null) return;
      // Before its first word a process has not yet said how it wants to be ended.
      const spoken = () => process.exit !== null || hasBegun(process);
      await waitUntil(spoken, { describe: "a worker to begin", deadlineMs: 60_000, detail: () => process.describe() });
      // It could not begin: whoever keeps it running says so.
      if (process.exit !== null) return;
      const { code } = await process.terminate(endsWithinMs);
      if (code !== 0) this.violations.push(`a worker was asked to end and left with ${code}: ${process.describe()}`);
      place.process = null;
    });
  }

  /** Ends all of them in order. `keepRunning` must have ended. */
  async end(): Promise<void> {
    await Promise.all(this.#places.map((_, index) => this.drain(index)));
  }

  /** Those that run. */
  processes(): { place: number; pid: number; ageMs: number }[] {
    return this.#places.flatMap(({ process, startedMs }, place) =>
      process === null || process.exit !== null ? [] : [{ place, pid: process.pid, ageMs: performance.now() - startedMs }],
    );
  }

  describe(): string {
    return this.#places.map(({ process }) => process?.describe() ?? "not started").join("\n");
  }

  async #withHeld(index: number, work: (place: Place) => Promise<void>): Promise<void> {
    const place = this.#places[index];
    if (place === undefined) return;
    place.held = true;
    try {
      await work(place);
    } finally {
      place.held = false;
    }
  }
}

function hasBegun({ stdout, stderr }: DongboProcess): boolean {
  return atWork.test(stdout) || atWork.test(stderr);
}
