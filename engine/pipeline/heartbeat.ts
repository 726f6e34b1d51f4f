// Lets an idle source confirm that nothing is missing, so that validity advances only on its word (VL-07).
import type { Micros } from "../model/change-message.ts";
import type { Position, PositionOrder } from "../model/position.ts";
import type { ChangeSource, EndOfLog } from "../ports/change-source.ts";
import type { Clock } from "../ports/clock.ts";

interface Beat {
  readonly position: Position;
  readonly at: Micros;
  /** By our clock. */
  readonly askedMs: number;
}

/** Questions still unanswered; an older one is answered with the newer. */
const beatsMax = 64;

export class Heartbeat {
  readonly #source: ChangeSource;
  readonly #clock: Clock;
  readonly #positions: PositionOrder;
  #beats: Beat[] = [];

  constructor(source: ChangeSource, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
    this.#positions = source.positions;
  }

  /** Questions that the stream has not answered yet: one or two when it is at the end of the log. */
  get unanswered(): number {
    return this.#beats.length;
  }

  /** Milliseconds for which the stream has owed an answer: how far it is behind the source, at least. */
  get overdueMs(): number {
    const [oldest] = this.#beats;
    return oldest === undefined ? 0 : this.#clock.monotonicMs() - oldest.askedMs;
  }

  /** Asks where the source's log ends and what its clock says. The stream has to get there before it counts. */
  async ask(): Promise<EndOfLog> {
    const end = await this.#source.endOfLog();
    this.#beats.push({ position: end.position, at: end.at, askedMs: this.#clock.monotonicMs() });
    if (this.#beats.length > beatsMax) this.#beats.splice(1, 1);
    return end;
  }

  /** Positions asked for so far are of another log. */
  forget(): void {
    this.#beats = [];
  }

  /** The stream has delivered everything up to here: the newest source time that this confirms, or null. */
  confirmed(reached: Position): Micros | null {
    let at: Micros | null = null;
    while (this.#beats[0] !== undefined && this.#positions.covers(reached, this.#beats[0].position)) {
      at = this.#beats[0].at;
      this.#beats.shift();
    }
    return at;
  }
}
