// A process on a machine of its own: it can die between any two steps, stand still and go on later, and its clock can be wrong.
import type { Micros } from "../../engine/model/change-message.ts";
import type { Clock } from "../../engine/ports/clock.ts";
import type { Scheduler } from "./scheduler.ts";

export class Machine {
  readonly name: string;
  /** Of its clock, milliseconds ahead of the true time. */
  skewMs = 0;
  readonly clock: Clock;
  readonly #scheduler: Scheduler;
  #state: "running" | "standing" | "dead" = "running";
  /** What came due while it stood still. */
  #held: (() => void)[] = [];
  readonly #ends: (() => void)[] = [];

  constructor(name: string, scheduler: Scheduler) {
    this.name = name;
    this.#scheduler = scheduler;
    this.clock = {
      now: (): Micros => scheduler.now + Math.round(this.skewMs * 1000),
      monotonicMs: () => scheduler.nowMs,
      sleep: (ms, signal) => this.#sleep(ms, signal),
    };
  }

  get alive(): boolean {
    return this.#state !== "dead";
  }

  get running(): boolean {
    return this.#state === "running";
  }

  /** Happens here after the time; never if the process is dead by then, and when it wakes if it stands still. */
  after(ms: number, happen: () => void): void {
    this.#scheduler.after(ms, () => this.#due(happen));
  }

  /** Called when the process dies. */
  onDeath(happen: () => void): void {
    this.#ends.push(happen);
  }

  /** Nothing that it waits for will ever come: the process is gone as if by SIGKILL. */
  die(): void {
    if (!this.alive) return;
    this.#state = "dead";
    this.#held = [];
    for (const end of this.#ends) end();
  }

  standStill(): void {
    if (this.#state === "running") this.#state = "standing";
  }

  wake(): void {
    if (this.#state !== "standing") return;
    this.#state = "running";
    for (const happen of this.#held.splice(0)) this.after(0, happen);
  }

  #due(happen: () => void): void {
    if (this.#state === "running") happen();
    else if (this.#state === "standing") this.#held.push(happen);
  }

  #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted === true) {
        resolve();
        return;
      }
      const finish = (): void => {
        signal?.removeEventListener("abort", finish);
        resolve();
      };
      this.after(Math.max(ms, 0), finish);
      signal?.addEventListener("abort", finish, { once: true });
    });
  }
}
