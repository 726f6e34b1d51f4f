// Whoever looks after the engines: starts one when none runs, and does what the engine asks a person to do.
import { retryKind } from "../../engine/fleet/retry-policy.ts";
import { Random } from "../workload/random.ts";
import type { SimulatedEngine } from "./simulated-engine.ts";
import type { World } from "./world.ts";

const lookMs = 4_000;

export class Operator {
  readonly #world: World;
  readonly #random: Random;

  constructor(world: World) {
    this.#world = world;
    this.#random = new Random(`${world.seed}/operator`);
  }

  begin(): void {
    this.#world.scheduler.after(lookMs * (0.2 + 1.6 * this.#random.fraction()), () => {
      const working = this.#world.engines.filter(({ machine, ended }) => machine.alive && !ended);
      if (working.length === 0) this.#world.startEngine();
      for (const engine of working) if (engine.machine.running) this.#attend(engine, working.length === 1);
      this.begin();
    });
  }

  /** What is lost is loaded anew, by order; of two engines that took the copies from each other the one that is left is started again. */
  #attend(engine: SimulatedEngine, alone: boolean): void {
    for (const { share } of this.#world.provinces) {
      const problem = engine.problemOf(share.id);
      if (alone && problem?.code === "DB-RUN-010") engine.stop();
      if (problem !== null && problem.code.startsWith("DB-SLOT-") && retryKind(problem) === "operator") this.#order(share.id, null);
      for (const table of engine.stoppedTables(share.id)) if (this.#random.chance(0.3)) this.#order(share.id, table);
    }
  }

  #order(subscription: string, table: string | null): void {
    this.#world.count("resync ordered by need");
    void this.#world.control.order({ kind: "resync", subscription, table }, "operator");
  }
}
