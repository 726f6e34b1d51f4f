// Where a subscription enters the stream: at its checkpoint when the source still has everything after it, anew when it
// is new or to be re-synced, and not at all when something is missing in between.
import type { Position } from "../model/position.ts";
import { failpoint } from "../concurrency/failpoint.ts";
import { ReplicationError } from "../model/replication-error.ts";
import type { ChangeSource, SourceReservation } from "../ports/change-source.ts";
import type { StoredCheckpoint } from "../ports/change-target.ts";
import type { ControlStore } from "../ports/control-store.ts";

export interface AdmissionParts {
  readonly source: ChangeSource;
  readonly sourceName: string;
  readonly control: ControlStore;
}

export class Admission {
  readonly #parts: AdmissionParts;
  #reservation: Promise<SourceReservation> | null = null;

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
  }

  /** The next one that asks looks at the source again. */
  forget(): void {
    this.#reservation = null;
  }

  /**
   * The source's reservation for us. Made when there is none and nobody can have relied on one: `renew` says that the one
   * who asks starts anew, whatever was lost.
   */
  async reservation(renew: boolean, hasCheckpoint: boolean): Promise<SourceReservation> {
    this.#reservation ??= this.#find(renew, hasCheckpoint);
    try {
      return await this.#reservation;
    } catch (error) {
      this.#reservation = null;
      throw error;
    }
  }

  /** Throws when the checkpoint is not one of this source's history. */
  verify(subscription: string, checkpoint: StoredCheckpoint, reservation: SourceReservation): Position {
    const { position, sourceIdentity } = checkpoint;
    if (position === null) throw new ReplicationError("DB-RUN-002", { subject: subscription });
    if (sourceIdentity !== reservation.identity) {
      throw new ReplicationError("DB-SLOT-004", {
        subject: subscription,
        cause: `the copy was made from server ${sourceIdentity ?? "unknown"}, the source is now server ${reservation.identity}`,
        remedy: `If the change of server was intended, run \`dongbo resync ${subscription}\``,
      });
    }
    return position;
  }

  /** Throws when streaming from `position` would leave a gap: the source keeps its log only from `kept`. */
  refuseGap(subscription: string, position: Position, kept: Position): void {
    if (this.#parts.source.positions.covers(position, kept)) return;
    throw new ReplicationError("DB-SLOT-005", {
      subject: subscription,
      cause: `the copy is at ${position}, the source keeps its log only from ${kept}: what lies between is lost`,
      remedy: `Run \`dongbo resync ${subscription}\``,
    });
  }

  async #find(renew: boolean, hasCheckpoint: boolean): Promise<SourceReservation> {
    const { source, sourceName, control } = this.#parts;
    const recorded = await control.reservation(sourceName);
    const found = await this.#lookUp(renew);
    if (found !== null && recorded?.identity === null) {
      // We died between asking for it and noting it down; nobody streams from it yet.
      await source.release();
      return this.#make();
    }
    if (found !== null && recorded === null && !hasCheckpoint) {
      throw new ReplicationError("DB-SLOT-006", { subject: sourceName });
    }
    if (found !== null) return found;
    if (hasCheckpoint && !renew) throw new ReplicationError("DB-SLOT-001", { subject: sourceName });
    return this.#make();
  }

  /** Null when nothing usable is reserved and whoever asks does not mind. */
  async #lookUp(renew: boolean): Promise<SourceReservation | null> {
    try {
      return await this.#parts.source.reservation();
    } catch (error) {
      if (!renew || !(error instanceof ReplicationError) || !error.code.startsWith("DB-SLOT-")) throw error;
      await this.#parts.source.release();
      return null;
    }
  }

  async #make(): Promise<SourceReservation> {
    const { source, sourceName, control } = this.#parts;
    // Written first, so that a reservation found later is known to be ours.
    await control.recordReservation(sourceName, { identity: null, position: null });
    await source.reserve();
    failpoint("source-after-slot");
    const made = await source.reservation();
    if (made === null) throw new ReplicationError("DB-SLOT-001", { subject: sourceName });
    await control.recordReservation(sourceName, { identity: made.identity, position: made.position });
    return made;
  }
}
