import type { Position } from "../model/position.ts";
import type { Key } from "../model/row.ts";
import type { SliceNumber } from "../model/slice.ts";
import type { CatalogTable } from "../model/table.ts";
import type { ReconcileRecords } from "./reconcile-records.ts";

/**
 * What must outlive the process and is not the target's business: reservations at sources, lifecycle orders, the applied
 * configuration. Every method is one short transaction. Throws ReplicationError with a DB-CTL code.
 */
export interface ControlStore {
  /** What is kept of comparisons with the master. */
  readonly reconcile: ReconcileRecords;
  /** The reservation that dongbo itself made at a source; null when it never did. Written before the source is asked. */
  reservation(source: string): Promise<RecordedReservation | null>;
  recordReservation(source: string, reservation: RecordedReservation | null): Promise<void>;
  /** Lifecycle of one subscription, or of a slice of one; what was never heard of is running. */
  lifecycle(subscription: string): Promise<SubscriptionLifecycle>;
  /** Lifecycle of every subscription that was ever suspended or parked, in one question. */
  lifecycles(): Promise<ReadonlyMap<string, SubscriptionLifecycle>>;
  /** Detached from the source because it fell too far behind; its copy must be re-synced. Durable before the source forgets. */
  park(subscription: string, why: string): Promise<void>;
  unpark(subscription: string): Promise<void>;
  /** By source table, what was published of it when the subscription's copy was loaded; nothing of what was never recorded. */
  published(subscription: string): Promise<ReadonlyMap<string, string>>;
  /** Adds to that, or replaces; other tables stay as they are. */
  recordPublished(subscription: string, versions: ReadonlyMap<string, string>): Promise<void>;
  /** What streams the subscription's copies, as last recorded; null: never recorded. */
  carrier(subscription: string): Promise<Carrier | null>;
  recordCarrier(subscription: string, carrier: Carrier): Promise<void>;
  /** Tables of the source as they were last recorded. */
  described(source: string): Promise<readonly CatalogTable[]>;
  /** Adds these, or replaces them; other tables stay as they are. */
  recordDescribed(source: string, tables: readonly CatalogTable[]): Promise<void>;
  /** Orders given by commands and not carried out yet, oldest first. */
  pendingOrders(): Promise<readonly Order[]>;
  /** Marks an order carried out, or failed with a code. */
  closeOrder(id: number, outcome: string): Promise<void>;
  /** One slice of the subscription has carried the order out; with the last of them it is closed. */
  noteSliceDone(id: number, slice: SliceNumber): Promise<void>;
  /**
   * Calls back when lifecycle, orders or the applied configuration may have changed: after each change, at the start, and at
   * least once a second even if notifications are lost or the control database is away. Resolves when the signal aborts;
   * never rejects.
   */
  watch(changed: () => void, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export interface RecordedReservation {
  /** Server and history that it was made on; null while the source is being asked. */
  readonly identity: string | null;
  readonly position: Position | null;
}

/** A source and its slot, which keeps the log after the places of the copies that it streams. */
export interface Carrier {
  /** Id of the source. */
  readonly source: string;
  readonly slot: string;
}

export interface SubscriptionLifecycle {
  readonly suspended: { readonly reason: SuspensionReason; readonly since: Date } | null;
  readonly parked: { readonly why: string; readonly since: Date } | null;
}

/** The law's reasons (D47 43.1, 43.2). */
export type SuspensionReason = "maintenance" | "force_majeure" | "breach" | "security";

/** Outcome of an order that was done. */
export const carriedOut = "carried out";

/** Something a command asks the running engine to do. */
export interface Order {
  readonly id: number;
  readonly kind: "resync" | "replay" | "repair";
  /** The whole, in slices or not. */
  readonly subscription: string;
  /** Null: all tables. */
  readonly table: string | null;
  /** Of a repair: the rows that are to be made what they are at the master, in the source's text form. Personal values. */
  readonly keys?: readonly Key[];
  /** Slices that have carried it out. */
  readonly done: readonly SliceNumber[];
}
