// Between a process and a server: every question takes its time, and question, answer or both can be lost.
import { ReplicationError } from "../../engine/model/replication-error.ts";
import type { ErrorCode } from "../../engine/model/error-codes.ts";
import type { Random } from "../workload/random.ts";
import type { Machine } from "./machine.ts";
import type { Scheduler } from "./scheduler.ts";

/** How a server can be reached at the moment. */
export class Reachability {
  /** Refuses, or does not answer at all. */
  away = false;
  /** Of one way, milliseconds on average. */
  latencyMs: number;
  /** Share of questions of which something is lost. */
  lossRate = 0;

  constructor(latencyMs: number) {
    this.latencyMs = latencyMs;
  }
}

/** What is told of every question, to count faults and to choose where processes die. */
export interface LineWatch {
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** The process is about to ask; false: it will die before it has asked. */
  asking(machine: Machine): boolean;
  /** The server has done what was asked, and has not answered yet. */
  done(machine: Machine): void;
  lost(what: "question" | "answer"): void;
}

export interface LineCodes {
  readonly away: ErrorCode;
  readonly lost: ErrorCode;
}

/** Codes of a PostgreSQL server. */
export const serverCodes: LineCodes = { away: "DB-PG-001", lost: "DB-PG-015" };

/** Question that is never answered: the connection is taken for broken after so long. */
const silenceMs = 5_000;

export class Line {
  readonly #machine: Machine;
  readonly #server: Reachability;
  readonly #watch: LineWatch;
  readonly #subject: string;
  readonly #codes: LineCodes;

  constructor(machine: Machine, server: Reachability, watch: LineWatch, { subject, codes }: { subject: string; codes: LineCodes }) {
    this.#machine = machine;
    this.#server = server;
    this.#watch = watch;
    this.#subject = subject;
    this.#codes = codes;
  }

  /** One way, milliseconds. */
  get delayMs(): number {
    return this.#server.latencyMs * (0.2 + 1.6 * this.#watch.random.fraction());
  }

  get away(): boolean {
    return this.#server.away;
  }

  /**
   * The server does `work` on the arrival of the question, whatever becomes of the process meanwhile. `lostCode`: how the process is
   * told that the answer did not come; `late`: the question may still arrive after the process was told so.
   */
  ask<T>(
    what: string,
    work: () => T,
    { lostCode = this.#codes.lost, late = false }: { lostCode?: ErrorCode; late?: boolean } = {},
  ): Promise<T> {
    const { scheduler, random } = this.#watch;
    // Whoever dies before it has asked gets no answer.
    if (!this.#machine.alive || !this.#watch.asking(this.#machine)) return new Promise(() => {});
    return new Promise((resolve, reject) => {
      const fail = (code: ErrorCode, ms: number): void =>
        this.#machine.after(ms, () => reject(new ReplicationError(code, { subject: this.#subject })));
      const fate = random.fraction() < this.#server.lossRate ? random.between(1, late ? 3 : 2) : 0;
      const there = this.delayMs;
      if (fate === 1) {
        this.#watch.lost("question");
        fail(lostCode, random.chance(0.5) ? there : silenceMs);
        return;
      }
      if (fate === 3) {
        this.#watch.lost("answer");
        fail(lostCode, there);
      }
      scheduler.after(fate === 3 ? there + silenceMs * random.fraction() : there, () => {
        if (this.#server.away) {
          if (fate !== 3) fail(this.#codes.away, random.chance(0.7) ? this.delayMs : silenceMs);
          return;
        }
        scheduler.note(what);
        try {
          const result = work();
          this.#watch.done(this.#machine);
          if (fate === 0) this.#machine.after(this.delayMs, () => resolve(result));
          else if (fate === 2) {
            this.#watch.lost("answer");
            fail(lostCode, this.delayMs);
          }
        } catch (error) {
          this.#machine.after(this.delayMs, () => reject(error));
        }
      });
    });
  }
}
