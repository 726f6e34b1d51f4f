// The copy's own word on where it stands: its checkpoint lies beside its rows, so a reading of both says exactly which of the
// master's commits the rows show. Nothing here goes by time but giving up.
import type { Position } from "../engine/model/position.ts";
import { ReplicationError } from "../engine/model/replication-error.ts";
import type { CopyReading, CopyStand } from "../engine/ports/compared-table.ts";
import type { ComparisonParts } from "./comparison-parts.ts";

/** How often a copy that is behind is asked again. */
const askMsMin = 10;
const askMsMax = 200;

export class CopyWatch {
  readonly #parts: ComparisonParts;
  readonly #subject: string;
  readonly #signal: AbortSignal;
  #last: CopyStand | null = null;

  constructor(parts: ComparisonParts, subject: string, signal: AbortSignal) {
    this.#parts = parts;
    this.#subject = subject;
    this.#signal = signal;
  }

  /** The newest position at which the copy was looked at. */
  get stand(): CopyStand | null {
    return this.#last;
  }

  /** Throws DB-REC-002, 003, 004 when the copy cannot be compared as it is. */
  async verify(): Promise<void> {
    this.#note(await this.#parts.copy.stand());
  }

  /** Reads the copy once it has applied everything up to the position. */
  async readAt<T>(position: Position, read: () => Promise<CopyReading<T>>): Promise<CopyReading<T>> {
    for (;;) {
      if (!this.#covers(this.#last, position)) await this.#reach(position);
      const reading = await this.read(read);
      // A copy may be set back, by being restored.
      if (this.#covers(reading.stand, position)) return reading;
    }
  }

  /** Reads the copy where it stands. */
  async read<T>(read: () => Promise<CopyReading<T>>): Promise<CopyReading<T>> {
    const reading = await read();
    this.#note(reading.stand);
    return reading;
  }

  /** Throws DB-REC-001 when the copy does not come forward, DB-REC-002, 003, 004 when it cannot be compared as it is. */
  async #reach(position: Position): Promise<void> {
    const { clock, copy, limits, hurry } = this.#parts;
    let movedAt = clock.monotonicMs();
    let pauseMs = askMsMin;
    for (;;) {
      this.#signal.throwIfAborted();
      hurry();
      const before = this.#last?.position;
      this.#note(await copy.stand());
      if (this.#covers(this.#last, position)) return;
      const now = clock.monotonicMs();
      if (this.#last?.position !== before) movedAt = now;
      if (now - movedAt > limits.patienceMs) {
        const cause = `the copy stands at ${this.#last?.position ?? "its beginning"}, the master was at ${position} when it was read`;
        throw new ReplicationError("DB-REC-001", { subject: this.#subject, cause });
      }
      await clock.sleep(pauseMs, this.#signal);
      pauseMs = Math.min(pauseMs * 2, askMsMax);
    }
  }

  #covers(stand: CopyStand | null, position: Position): boolean {
    return stand !== null && stand.position !== null && this.#parts.positions.covers(stand.position, position);
  }

  #note(stand: CopyStand): void {
    const { contract } = this.#parts;
    const subject = this.#subject;
    if (stand.stopped !== null)
      throw new ReplicationError("DB-REC-003", { subject, cause: `${stand.stopped.code}: ${stand.stopped.message}` });
    if (stand.loading || stand.contract === null || stand.position === null) throw new ReplicationError("DB-REC-002", { subject });
    if (stand.contract !== contract) throw new ReplicationError("DB-REC-004", { subject });
    this.#last = stand;
  }
}
