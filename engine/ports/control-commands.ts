import type { ControlStore, Order, SuspensionReason } from "./control-store.ts";
import type { Problem } from "./engine.ts";

/**
 * The control database as commands use it: they write what the running engine, or the next one, carries out. Every
 * method is one short transaction and leaves a line in the append-only history. Throws ReplicationError with a DB-CTL code.
 */
export interface ControlCommands extends ControlStore {
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
  /** Takes the right to be the one running engine. Throws DB-RUN-024 while another process holds it. */
  claimEngine(engine: EngineIdentity): Promise<EngineClaim>;
  /** Who holds that right now; null: nobody. */
  engineSeen(): Promise<EngineIdentity | null>;
  /** What the running engine told of last, or the one before it when none runs. */
  engineProblems(): Promise<readonly EngineProblem[]>;
}

/** Who gave a command, for the record: `user@machine`. */
export type Actor = string;

export interface OrderRequest {
  readonly kind: Order["kind"];
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
  readonly kind: "suspended" | "resumed" | "parked" | "unparked" | "ordered" | "order_closed" | "applied";
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

/** What does not progress, and why, as the engine sees it. */
export interface EngineProblem extends Omit<Problem, "since"> {
  readonly of: "source" | "subscription";
  readonly id: string;
}

/** The right to be the one running engine; ends by itself with the process. */
export interface EngineClaim {
  /**
   * Renews the claim after the control database was away. False: another process has taken it, so this one must stop.
   * Throws DB-CTL-001 while the database cannot be reached; the claim then counts as held.
   */
  renew(): Promise<boolean>;
  /** Leaves for commands what does not progress, in the place of what was told before; stays after the engine's end. */
  report(problems: readonly EngineProblem[]): Promise<void>;
  release(): Promise<void>;
}
