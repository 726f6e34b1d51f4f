import type { ChangeMessage, Micros } from "../model/change-message.ts";
import type { Position, PositionOrder } from "../model/position.ts";
import type { SnapshotVisibility } from "./snapshot-source.ts";

/**
 * The change log of one source: capture and decode. One instance feeds every subscription of the source.
 * Implementations throw ReplicationError only; whether to try again follows from the code.
 */
export interface ChangeSource {
  readonly positions: PositionOrder;
  /** False when the source cannot say which changes belong together; the prefix invariant then holds per key only. */
  readonly transactional: boolean;
  /**
   * The source keeps its log for us and forgets what it is told to. False: it forgets by a rule of its own (MySQL's
   * binlog_expire_logs_seconds), so that `reserve` only names where the log ends, `reservation` tells what is kept now and is
   * never null, and `release` and acknowledgements do nothing there.
   */
  readonly reserves: boolean;
  /**
   * The log itself carries every row, from its beginning on (a Debezium connector's snapshot), and nothing else can be asked for
   * rows: who starts anew reads it from `reservation().position`, and a load's chunks only say when all rows have come.
   */
  readonly carriesRows: boolean;
  /**
   * Opens the stream just after `from`, which must be covered by what the source still retains and must not lie before
   * what it was already told to forget: a gap is a coded stop, never skipped. One stream may be open at a time. `places`: where
   * subscriptions stand; a source without transactions ends what it wraps together at each of them.
   */
  open(from: Position, signal: AbortSignal, places?: readonly Position[]): Promise<ChangeStream>;
  /**
   * Makes the source retain its log from now on (PostgreSQL: creates the slot) and returns the position from which it
   * does. Throws when somebody else's reservation of the same name exists.
   */
  reserve(): Promise<Position>;
  /** What the source retains for us now; null when nothing is reserved. Throws a coded error when it was lost. */
  reservation(): Promise<SourceReservation | null>;
  /** Which server answers now, in the form of SourceReservation.identity, whether or not anything is reserved there. */
  identity(): Promise<string>;
  /**
   * Ends the connection of the reader that went before, which stands still or is cut off and would keep the log to itself. Only for
   * whoever holds the lease. Left out where readers do not exclude each other.
   */
  endFormerReader?(): Promise<void>;
  /** Ends the reservation; the source may forget everything. Idempotent. */
  release(): Promise<void>;
  /**
   * The end of the log and the source's clock read just before it: whoever has applied everything up to `position` holds
   * everything the source had committed at `at`. Costs one short query.
   */
  endOfLog(): Promise<EndOfLog>;
  /** Drops idle connections. The open stream is closed by its own close. */
  close(): Promise<void>;
}

export interface EndOfLog {
  readonly position: Position;
  readonly at: Micros;
  /** Which transactions a reader would have seen at that moment. */
  readonly visibility: SnapshotVisibility;
}

export interface SourceReservation {
  /** Streaming can start here or anywhere later. */
  readonly position: Position;
  /** Which server and which history of it: PostgreSQL `<system identifier>/<timeline>`. Stored with every checkpoint. */
  readonly identity: string;
  /** Bytes of log the source keeps only for us. */
  readonly retainedBytes: number;
  /** Somebody streams from it now: ourselves, or another engine. Always false where nothing is kept for us. */
  readonly inUse: boolean;
  /** When the oldest change was made that a source which forgets by its own rule still has; null: it keeps for us. */
  readonly keptSince: Micros | null;
}

/**
 * Messages in source commit order, many at a time to keep the cost per message low. Not asking for the next array is
 * back-pressure: the implementation then stops reading from its socket, and still answers the source's liveness probes
 * with what was acknowledged, never more.
 */
export interface ChangeStream extends AsyncIterable<readonly ChangeMessage[]> {
  /**
   * The source may forget everything up to here. Call only with positions that every attached subscription has durably
   * applied. Never moves back. Told to the source at the implementation's leisure, within a second.
   */
  acknowledge(position: Position): void;
  /** Asks the source for a Progress message as soon as it can. */
  requestProgress(): void;
  /** Ends the stream, telling the source the last acknowledged position. Idempotent, bounded to a few seconds. */
  close(): Promise<void>;
}
