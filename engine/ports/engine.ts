import type { Micros } from "../model/change-message.ts";
import type { ErrorCode } from "../model/error-codes.ts";

/** The running whole: every source's stream and every subscription's lane of one process. */
export interface Engine {
  /** Resolves when the engine has ended; rejects with a ReplicationError when it could not go on at all. */
  readonly done: Promise<void>;
  /** Resolves once every subscription has applied what its source held when this was called, and no load is left. */
  untilCaughtUp(): Promise<void>;
  /** Ends work at a safe point: at most 10 s. Idempotent. */
  stop(): Promise<void>;
  /** What goes on now, from memory; cheap enough to be asked several times a second. */
  health(): EngineHealth;
}

export interface EngineHealth {
  readonly sources: readonly SourceHealth[];
  readonly subscriptions: readonly SubscriptionHealth[];
  /** Why a worker of a fleet is handed out no jobs; null or absent: it is, or there is no fleet. */
  readonly queue?: Problem | null;
}

/**
 * starting: not yet connected · loading: at least one table is being loaded · streaming: all tables follow the stream ·
 * retrying: a failure that may pass · suspended: by order · parked: detached from the source, its target was too far
 * behind · ended: outside its agreement's term · stopped: somebody must act.
 */
export type LaneState = "starting" | "loading" | "streaming" | "retrying" | "suspended" | "parked" | "ended" | "stopped";

export const laneStates: readonly LaneState[] = ["starting", "loading", "streaming", "retrying", "suspended", "parked", "ended", "stopped"];

/**
 * What the source's change log will still give us. missing: nothing reserved · reserved: kept within its limits ·
 * extended: kept, past the size that the server promises · unreserved: may be lost any moment · lost: gone.
 */
export type SlotHealth = "unknown" | "missing" | "reserved" | "extended" | "unreserved" | "lost";

export const slotHealths: readonly SlotHealth[] = ["unknown", "missing", "reserved", "extended", "unreserved", "lost"];

export interface SourceHealth {
  /** Its id; of a slice that this process has of it, with the slice. */
  readonly name: string;
  /** standing by: other processes have all of it, or the group that shares it settles. */
  readonly state: "starting" | "streaming" | "retrying" | "stopped" | "standing by";
  readonly problem: Problem | null;
}

export interface SubscriptionHealth {
  /** Of a slice of it, with the slice. */
  readonly id: string;
  readonly state: LaneState;
  readonly problem: Problem | null;
  /** Source-side time of the newest position applied; null: never. */
  readonly lastSyncAt: Micros | null;
  readonly stoppedTables: readonly { readonly target: string; readonly problem: Problem }[];
  /** Tables whose copy was not what the stream took it to be, and when that was last noticed since this process follows them. */
  readonly drifts: readonly { readonly target: string; readonly at: Micros }[];
  /** Tables being loaded now; a finished load disappears. */
  readonly loads: readonly LoadHealth[];
}

/** Why something does not progress. The parts of a ReplicationError, and since when it is so. */
export interface Problem {
  readonly code: ErrorCode;
  readonly subject: string;
  readonly cause: string;
  readonly remedy: string;
  /** When this code was first met since the last success. */
  readonly since: Micros;
}

export interface LoadHealth {
  /** The table as readers name it. */
  readonly target: string;
  /** Rows loaded so far, also before a restart. */
  readonly rows: number;
  /** Rows that the load will come to, as the source estimates it; null when it cannot say. */
  readonly rowsExpected: number | null;
}
