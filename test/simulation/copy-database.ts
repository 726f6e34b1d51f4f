// A database with copies in it: what is committed there, its own clock, and the gate. It outlives every process that writes to it.
import type { Micros } from "../../engine/model/change-message.ts";
import type { Position } from "../../engine/model/position.ts";
import type { CopyState, ExpiryPolicy, ShareState, StopReason, TableMapping } from "../../engine/model/share.ts";
import type { LoadProgress } from "../../engine/ports/change-target.ts";
import type { HeldRows } from "../../engine/target/quarantine-book.ts";
import { usability } from "../../engine/validity/usability.ts";
import { judgedTime } from "../../engine/validity/validity-clock.ts";

/** A row of a copy: values in the mapping's column order, and the batch that wrote it. */
export interface CopyRow {
  readonly values: readonly (string | null)[];
  readonly batch: number;
}

/** What is on record of a subscription. Never changed in place. */
export interface SubscriptionRecord {
  readonly shareState: ShareState;
  readonly suspended: string | null;
  readonly position: Position | null;
  readonly sourceIdentity: string | null;
  readonly sourceTime: Micros | null;
  readonly epoch: number;
  readonly nextBatch: number;
  readonly clockFloor: Micros | null;
  readonly lastSyncAt: Micros | null;
  readonly validUntil: Micros | null;
  readonly periodMicros: number;
  readonly onExpiry: ExpiryPolicy;
}

export interface CopyRecord {
  readonly copyState: CopyState;
  readonly lastSyncAt: Micros | null;
  readonly validUntil: Micros | null;
  readonly load: LoadProgress | null;
  readonly contract: string | null;
  readonly stopped: StopReason | null;
  readonly rows: number;
}

/** What is committed. Maps are replaced, not changed, so that what was committed earlier stays as it was. */
export interface Committed {
  /** Null: the record was lost. */
  readonly subscription: SubscriptionRecord | null;
  /** By printed name of the table that readers query. */
  readonly copies: ReadonlyMap<string, CopyRecord>;
  readonly rows: ReadonlyMap<string, ReadonlyMap<string, CopyRow>>;
  /** By table, keys of rows in quarantine, each by its digest. */
  readonly quarantine: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Ids of batches, ascending. */
  readonly batches: readonly number[];
}

const nothing: Committed = { subscription: null, copies: new Map(), rows: new Map(), quarantine: new Map(), batches: [] };

/** Who has committed, and why. */
export interface Commit {
  readonly by: "prepare" | "take epoch" | "batch" | "suspension" | "terminate";
  /** The epoch that the writer presented; null: it needed none. */
  readonly epoch: number | null;
}

/** A connection for writing. */
export interface WriteSession {
  /** By the server, or because the process has given it up. */
  ended: boolean;
  /** The process will not use it any more; the server may not know. */
  broken: boolean;
  /** Id of the next batch, as far as the process knows. */
  nextBatch: number;
  readonly held: HeldRows;
  /** What its open transaction has written to, by the table's name: locked for whoever would give that table another shape. */
  readonly locked: Map<string, TableMapping>;
}

export class CopyDatabase {
  committed: Committed = nothing;
  /** Told of every commit, before it is answered. */
  onCommit: (before: Committed, commit: Commit) => void = () => {};
  /** By what a value of a row is refused; null: it is not. */
  readonly refuses: (table: string, values: readonly (string | null)[]) => boolean;
  /** Sessions that may still write: ended when somebody takes the copies over. */
  readonly sessions = new Set<WriteSession>();
  /** Whoever takes the copies over can end the sessions of whoever had them; if not, nothing but the epoch keeps those from writing. */
  readonly endsSessions: boolean;
  readonly #clock: () => Micros;

  constructor(clock: () => Micros, refuses: CopyDatabase["refuses"], endsSessions = true) {
    this.endsSessions = endsSessions;
    this.#clock = clock;
    this.refuses = refuses;
  }

  /** What its server's clock shows. */
  get now(): Micros {
    return this.#clock();
  }

  /** The time by which everything is judged here. */
  get judgedNow(): Micros {
    return judgedTime(this.now, this.committed.subscription?.clockFloor ?? null);
  }

  commit(next: Committed, commit: Commit): void {
    const before = this.committed;
    this.committed = next;
    this.onCommit(before, commit);
  }

  endSessions(): void {
    for (const session of this.sessions) session.ended = true;
    this.sessions.clear();
  }

  /** Whether a reader's query of this copy would be answered now. */
  isUsable(table: string): boolean {
    const { subscription, copies } = this.committed;
    const copy = copies.get(table);
    if (subscription === null || copy === undefined) return false;
    const ever = [...copies.values()].filter(({ copyState }) => copyState !== "NEVER_SYNCED");
    const known = ever.flatMap(({ validUntil }) => (validUntil === null ? [] : [validUntil]));
    const share = {
      state: subscription.shareState,
      suspensionBarsUse: false,
      hasPosition: subscription.position !== null,
      agreementFrom: null,
      agreementTo: null,
      oldestValidUntil: known.length === 0 ? null : Math.min(...known),
    };
    const facts = { state: copy.copyState, validUntil: copy.validUntil, stopped: copy.stopped !== null, withdrawnAt: null };
    return usability(share, facts, this.judgedNow).usable;
  }
}
