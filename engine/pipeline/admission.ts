// Where a subscription enters the stream: at its checkpoint when the source still has everything after it, anew when it
// is new or to be re-synced, and not at all when something is missing in between.
import type { Position, PositionOrder } from "../model/position.ts";
import { failpoint } from "../concurrency/failpoint.ts";
import { ReplicationError } from "../model/replication-error.ts";
import { wholeId } from "../model/slice.ts";
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

  async #find(renew: boolean, hasCheckpoint: boolean): Promise<SourceReservation> {
    const { source, sourceName, control } = this.#parts;
    const recorded = await control.reservation(sourceName);
    const found = await this.#lookUp(renew);
    if (found !== null && recorded?.identity === null) {
      // We died between asking for it and noting it down; nobody streams from it yet.
      await source.release();
      return this.#make();
    }
    if (found !== null && recorded === null && !hasCheckpoint && source.reserves) {
      throw new ReplicationError("DB-SLOT-006", { subject: sourceName });
    }
    if (found !== null) {
      const { identity, position } = found;
      if ((renew || recorded === null) && recorded?.identity !== identity)
        await control.recordReservation(sourceName, { identity, position });
      return found;
    }
    if (hasCheckpoint && !renew) throw await this.#lost(recorded?.identity ?? null);
    return this.#make();
  }

  /** Nothing is reserved any more; or never was, on a server that is not the one we knew. */
  async #lost(known: string | null): Promise<ReplicationError> {
    const { source, sourceName } = this.#parts;
    return lostReservation(sourceName, known, await source.identity());
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

/** The source that answers keeps nothing for us; `known` is the server that did, when that is known. */
export function lostReservation(subject: string, known: string | null, found: string): ReplicationError {
  return known === null || known === found ? new ReplicationError("DB-SLOT-001", { subject }) : otherServer(subject, known, found);
}

export function otherServer(subject: string, known: string, found: string): ReplicationError {
  return new ReplicationError("DB-SLOT-004", { subject, cause: `the copies were made from server ${known}, server ${found} answers now` });
}

/** A subscription's place in the source's log, as its target has stored it. */
type Place = Pick<StoredCheckpoint, "position" | "sourceIdentity">;

/** The position of the checkpoint. Throws DB-SLOT-004 or DB-SLOT-005 when streaming from it would leave a gap. */
export function verifyPlace(subscription: string, place: Place, reservation: SourceReservation, positions: PositionOrder): Position {
  const { position, sourceIdentity } = place;
  if (position === null) throw new ReplicationError("DB-RUN-002", { subject: subscription });
  if (sourceIdentity !== reservation.identity) {
    throw new ReplicationError("DB-SLOT-004", {
      subject: subscription,
      cause: `the copy was made from server ${sourceIdentity ?? "unknown"}, the source is now server ${reservation.identity}`,
      remedy: `If the change of server was intended, run \`dongbo resync ${wholeId(subscription)}\``,
    });
  }
  if (!positions.covers(position, reservation.position)) {
    throw new ReplicationError("DB-SLOT-005", {
      subject: subscription,
      cause: `the copy is at ${position}, the source keeps its log only from ${reservation.position}: what lies between is lost`,
      remedy: `Run \`dongbo resync ${wholeId(subscription)}\``,
    });
  }
  return position;
}

/**
 * Throws DB-SLOT-004 when a copy is beyond the log's end: the server was set back, under the same identity, and what it writes
 * now would be taken for what the copy has. A source that reserves tells that by its reservation's identity.
 */
export function verifyEnd(subscription: string, position: Position, end: Position, positions: PositionOrder): void {
  if (positions.covers(end, position)) return;
  throw new ReplicationError("DB-SLOT-004", {
    subject: subscription,
    cause: `the copy is at ${position}, the source's log ends at ${end}: the server was set back, or its log emptied`,
    remedy: `Run \`dongbo resync ${wholeId(subscription)}\``,
  });
}
