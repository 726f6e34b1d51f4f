// Keeps what waits between capture and apply within one bound, without letting a slow target hold up the others.
import type { Clock } from "../ports/clock.ts";
import type { Lane } from "./lane.ts";

export interface MemoryBudgetLimits {
  /** All lanes of a source together. */
  readonly bytesMax: number;
  /** What one lane may hold in memory before it is sent to disk, if others are waiting for the stream. */
  readonly laneBytesMax: number;
  /** What all lanes together may have at work in their targets. */
  readonly writtenBytesMax: number;
}

const megabyte = 1024 * 1024;
const defaultMemoryBudget: MemoryBudgetLimits = { bytesMax: 4 * megabyte, laneBytesMax: megabyte / 2, writtenBytesMax: 8 * megabyte };
/** Lanes that are made to take less than they wait for when room is wanted: few, since each means a transaction of its own. */
const hurriedAtOnce = 4;
/** Larger pieces make nothing faster, smaller ones make too many statements. Unpacked they take some times as much. */
const pieceBytes = { max: megabyte / 2, min: megabyte / 32 };

export class MemoryBudget {
  readonly #limits: MemoryBudgetLimits;
  readonly #clock: Clock;

  constructor(clock: Clock, limits: MemoryBudgetLimits = defaultMemoryBudget) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** What each of so many lanes may write in one piece, so that all of them at once stay within the bound. */
  pieceBytesMax(laneCount: number): number {
    return Math.max(pieceBytes.min, Math.min(pieceBytes.max, Math.floor(this.#limits.writtenBytesMax / Math.max(1, laneCount))));
  }

  /** Resolves when the lanes may take more. Lanes that do not move go to disk; for lanes that do, it waits. */
  async room(lanes: readonly Lane[], signal: AbortSignal): Promise<void> {
    this.#spill(lanes);
    while (this.#busyBytes(lanes) > this.#limits.bytesMax && !signal.aborted) {
      // A lane may be waiting for the end of a transaction that we are not reading because we wait for the lane.
      for (const lane of this.#fullest(lanes)) lane.queue.hurry();
      await this.#clock.sleep(1, signal);
      this.#spill(lanes);
    }
  }

  /** Those that wait for more and have the most: the others may go on to gather. */
  #fullest(lanes: readonly Lane[]): Lane[] {
    const waiting = lanes.filter(({ queue }) => queue.awaited);
    return waiting.toSorted((one, other) => other.queue.waitingBytes - one.queue.waitingBytes).slice(0, hurriedAtOnce);
  }

  #spill(lanes: readonly Lane[]): void {
    const idle = lanes.some((lane) => lane.live && lane.queue.drained);
    for (const lane of lanes) {
      const large = lane.queue.waitingBytes > this.#limits.laneBytesMax;
      if (large && (!lane.live || (idle && lane.queue.waitingBytes > 2 * this.#limits.laneBytesMax))) lane.queue.startSpilling();
    }
  }

  /** Memory that the stream has to wait for; what is on its way to disk does not grow. */
  #busyBytes(lanes: readonly Lane[]): number {
    return lanes.reduce((sum, lane) => sum + (lane.queue.spilling ? 0 : lane.queue.waitingBytes), 0);
  }
}
