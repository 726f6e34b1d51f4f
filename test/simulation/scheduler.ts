// Simulated time: what is due happens in the order of its time, and between two happenings everything that can go on has gone on.
import type { Micros } from "../../engine/model/change-message.ts";

interface Due {
  readonly at: number;
  /** Of several at one instant, who was there first. */
  readonly turn: number;
  readonly happen: () => void;
}

/** 2026-01-02T03:04:05Z. */
const beginning: Micros = 1_767_323_045_000_000;

export class Scheduler {
  #heap: Due[] = [];
  #turns = 0;
  #nowMs = 0;
  #trace = 0xcbf29ce4;
  /** Told of all that is noted. */
  onNote: (ms: number, what: string) => void = () => {};

  /** Milliseconds since the world began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** The true time, which nobody in the world can ask for. */
  get now(): Micros {
    return beginning + Math.round(this.#nowMs * 1000);
  }

  /** Happenings so far. */
  get happenings(): number {
    return this.#turns;
  }

  /** Equal for two runs in which the same was noted, in the same order and at the same times. */
  get trace(): string {
    return (this.#trace >>> 0).toString(16).padStart(8, "0");
  }

  after(ms: number, happen: () => void): void {
    this.#turns += 1;
    this.#push({ at: this.#nowMs + ms, turn: this.#turns, happen });
  }

  /** Adds to the trace (FNV-1a). */
  note(what: string): void {
    let hash = this.#trace ^ Math.round(this.#nowMs * 1000);
    for (let index = 0; index < what.length; index++) hash = Math.imul(hash ^ what.charCodeAt(index), 0x01000193);
    this.#trace = hash;
    this.onNote(this.#nowMs, what);
  }

  /** Lets the world go on until the condition holds or nothing is due any more. */
  run(until: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      // Every turn of the event loop drains all that was resolved: without real input there is nothing else to wait for.
      const step = (): void => {
        try {
          const due = until() ? undefined : this.#pop();
          if (due === undefined) {
            resolve();
            return;
          }
          this.#nowMs = due.at;
          due.happen();
        } catch (error) {
          reject(error);
          return;
        }
        setImmediate(step);
      };
      setImmediate(step);
    });
  }

  #push(due: Due): void {
    const heap = this.#heap;
    let place = heap.push(due) - 1;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = heap[above] as Due;
      if (!isBefore(due, parent)) break;
      heap[place] = parent;
      place = above;
    }
    heap[place] = due;
  }

  #pop(): Due | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1] as Due, heap[below] as Due)) below += 1;
      if (!isBefore(heap[below] as Due, last)) break;
      heap[place] = heap[below] as Due;
      place = below;
    }
    heap[place] = last;
    return first;
  }
}

function isBefore(one: Due, other: Due): boolean {
  return one.at < other.at || (one.at === other.at && one.turn < other.turn);
}
