import type { EngineIdentity } from "./control-commands.ts";

/**
 * Who of a fleet of workers owns which source, or may do a job now, in the control database. A lease ends by itself when it is not
 * renewed, by that database's clock; each taking begins a new term, later than every one before it; those of sources go into the epochs
 * of the targets. Every method is one statement, or several that need not be one, so that a worker that stands still in the middle keeps
 * nobody waiting. Throws ReplicationError with a DB-CTL code.
 */
export interface Leases {
  /** Names this fleet where several use the same Redis. */
  fleet(): Promise<string>;
  /** Says that the worker lives, renews all that it owns, and tells how things stand then. `leaseMs`: from now on so long. */
  renew(worker: FleetWorker, leaseMs: number): Promise<FleetState>;
  /**
   * Takes what was free, or whose lease was over, as `seen` tells (null: nobody ever had it). Gives the term; null when another was
   * faster.
   */
  take(wanted: Leased, worker: string, seen: Lease | null, leaseMs: number): Promise<number | null>;
  /** Lets go, if the worker still has it from that term. */
  giveBack(held: Leased, worker: string, term: number): Promise<void>;
  /** The worker is gone, and owns nothing any more. */
  leave(worker: string): Promise<void>;
  /** How things stand, for whoever looks: workers not heard of for long are left out. */
  state(): Promise<FleetState>;
}

export interface FleetWorker extends EngineIdentity {
  /** Of this process alone, as long as it lives. */
  readonly id: string;
  /** It is about to end, and is given nothing. */
  readonly draining: boolean;
}

export interface FleetState {
  readonly leases: readonly Lease[];
  readonly workers: readonly SeenWorker[];
}

/** What a lease is on. */
export interface Leased {
  /** source: its stream and all that comes of it · job: one of the places for jobs that a source or a target has. */
  readonly kind: "source" | "job";
  readonly name: string;
}

export interface Lease extends Leased {
  /** Null: given back. */
  readonly worker: string | null;
  readonly term: number;
  readonly since: Date;
  /** Of its time; below zero: over, and anybody may take it. */
  readonly leftMs: number;
}

export interface SeenWorker extends FleetWorker {
  readonly heardAt: Date;
  /** It was heard of within its own lease. */
  readonly live: boolean;
}
