import type { Actor } from "./actor.ts";
import type { ControlStore, Order, SuspensionReason } from "./control-store.ts";
import type { Problem } from "./engine.ts";
import type { Leases } from "./leases.ts";

/**
 * The control database as commands use it: they write what the running engine, or the next one, carries out. Every
 * method is one short transaction and leaves a line in the append-only history. Throws ReplicationError with a DB-CTL code.
 */
export interface ControlCommands extends ControlStore {
  /** Who of a fleet owns which source, and who does a job. */
  readonly leases: Leases;
  /** Stops supply; a second suspension changes the reason and keeps the beginning. */
  suspend(subscriptions: readonly string[], reason: SuspensionReason, by: Actor): Promise<void>;
  /** Lets supply go on; returns those that were suspended. */
  resume(subscriptions: readonly string[], by: Actor): Promise<readonly string[]>;
  /** Asks for work. The same order, still pending, is not given twice: its id is returned again. */
  order(order: OrderRequest, by: Actor): Promise<number>;
  /** The configuration in force; null before the first. */
  appliedConfiguration(): Promise<AppliedConfiguration | null>;
  /** All versions, oldest first. */
  configurationHistory(): Promise<readonly AppliedConfiguration[]>;
  /**
   * Records the next version; versions are never changed or removed. `basedOn` is the version that was compared with (0:
   * none). Throws DB-CTL-007 when another one was recorded since.
   */
  recordConfiguration(next: ConfigurationRecord, basedOn: number): Promise<AppliedConfiguration>;
  /** Newest first, at most `limit`; null: of all subscriptions. */
  history(subscription: string | null, limit: number): Promise<readonly HistoryEvent[]>;
  /**
   * Takes the right to be the one running engine. While another process holds it: throws DB-RUN-024, or gives a claim that
   * does not lead yet. A fleet and an engine that is not of it exclude each other: DB-RUN-024.
   */
  claimEngine(engine: EngineIdentity, whenHeld: WhenHeld): Promise<EngineClaim>;
  /** Has whoever watches look: the running engine then asks its sources how far their logs have come. */
  nudge(): Promise<void>;
  /** Who holds that right now; null: nobody. */
  engineSeen(): Promise<EngineIdentity | null>;
  /** What the running engine told of last, or the one before it when none runs; and what the members beside it tell of. */
  engineProblems(): Promise<readonly EngineProblem[]>;
  /** Processes that claimed in the way that lets others stand by. */
  engineMembers(): Promise<readonly EngineMember[]>;
}

/**
 * What a process does that wants to run while another does: it gives up, works beside it and takes its place in time, or is one of
 * the same fleet.
 */
export type WhenHeld = "refuse" | "stand by" | "join";

export interface OrderRequest {
  /** Repairs name rows: see ReconcileRecords.orderRepair. */
  readonly kind: Exclude<Order["kind"], "repair">;
  readonly subscription: string;
  /** As readers name it; null: all tables. */
  readonly table: string | null;
}

export interface ConfigurationRecord {
  /** Canonical JSON: what was agreed, without secrets and without what only concerns this machine. */
  readonly document: string;
  /** SHA-256 of `document`, hex. */
  readonly digest: string;
  readonly by: Actor;
}

export interface AppliedConfiguration extends ConfigurationRecord {
  /** Counts up from 1. */
  readonly version: number;
  readonly at: Date;
}

export interface HistoryEvent {
  readonly at: Date;
  /** Null: concerns all. */
  readonly subscription: string | null;
  readonly kind:
    | "suspended"
    | "resumed"
    | "parked"
    | "unparked"
    | "ordered"
    | "order_closed"
    | "applied"
    | "reconciled"
    | "repair_planned"
    | "repair_approved"
    | "repair_dropped"
    | "error_noted"
    | "error_answered";
  /** Reason, order or version, in words. */
  readonly detail: string;
  readonly by: Actor;
}

export interface EngineIdentity {
  readonly pid: number;
  readonly host: string;
  readonly version: string;
  readonly startedAt: Date;
}

/** One of several processes that share sources. */
export interface EngineMember extends EngineIdentity {
  /** Slices of sources that it works on, `population#1of4`; of a source in one piece its id. */
  readonly slices: readonly string[];
}

/** What does not progress, and why, as the engine sees it. */
export interface EngineProblem extends Omit<Problem, "since"> {
  readonly of: "source" | "subscription" | "queue";
  readonly id: string;
}

/** The right to be the one running engine, or to stand by; ends by itself with the process. */
export interface EngineClaim {
  /** This process is the one: it runs what only one may run. */
  readonly leads: boolean;
  /**
   * Renews the claim after the control database was away, or takes it once the process that led is gone. Gives whether this
   * one leads; if not, another does. Throws DB-CTL-001 while the database cannot be reached; nothing has changed then.
   */
  renew(): Promise<boolean>;
  /**
   * Leaves for commands what does not progress, in the place of what was told before, and which slices are worked on; what
   * the one that leads does not get on with stays after its end.
   */
  report(problems: readonly EngineProblem[], slices?: readonly string[]): Promise<void>;
  release(): Promise<void>;
}
