// What became of what was pushed into a lane up to some point: whoever asked for rows to be mended waits for that.

/** What became of everything that was pushed before it. lost: it was forgotten before that, and must be pushed again to take place. */
export interface Mark {
  readonly state: "waiting" | "durable" | "lost";
}

export class LaneMarks {
  /** By the id in the queue, those that nothing is known of yet. */
  readonly #waiting = new Map<number, { state: Mark["state"] }>();
  #given = 0;

  /** A new one, with the id by which the queue carries it. */
  give(): { readonly id: number; readonly mark: Mark } {
    this.#given += 1;
    const mark: { state: Mark["state"] } = { state: "waiting" };
    this.#waiting.set(this.#given, mark);
    return { id: this.#given, mark };
  }

  durable(ids: Iterable<number>): void {
    for (const id of ids) this.#settle(id, "durable");
  }

  /** All that are waited for. */
  lost(): void {
    for (const id of this.#waiting.keys()) this.#settle(id, "lost");
  }

  #settle(id: number, state: Mark["state"]): void {
    const mark = this.#waiting.get(id);
    if (mark !== undefined) mark.state = state;
    this.#waiting.delete(id);
  }
}
