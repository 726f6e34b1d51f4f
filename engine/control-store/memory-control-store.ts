import { keysDigest } from "../model/key-fingerprint.ts";
import { ReplicationError } from "../model/replication-error.ts";
import type { Clock } from "../ports/clock.ts";
import type { Actor } from "../ports/actor.ts";
import type {
  AppliedConfiguration,
  ConfigurationRecord,
  ControlCommands,
  EngineClaim,
  EngineIdentity,
  EngineMember,
  EngineProblem,
  HistoryEvent,
  OrderRequest,
  WhenHeld,
} from "../ports/control-commands.ts";
import type { SliceNumber } from "../model/slice.ts";
import { type CatalogTable, printTable } from "../model/table.ts";
import { carriedOut } from "../ports/control-store.ts";
import type { Carrier, Order, RecordedReservation, SubscriptionLifecycle, SuspensionReason } from "../ports/control-store.ts";
import { MemoryReconcileRecords } from "./memory-reconcile-records.ts";
import { MemoryLeases } from "./memory-leases.ts";
import { orderText, repairText } from "./record-words.ts";

/** The control store in memory, for simulation and tests; entitled to it by passing the same suite as the real one. */
export class MemoryControlStore implements ControlCommands {
  readonly reconcile: MemoryReconcileRecords;
  readonly leases: MemoryLeases;
  readonly #clock: Clock;
  readonly #reservations = new Map<string, RecordedReservation>();
  readonly #lifecycles = new Map<string, SubscriptionLifecycle>();
  readonly #published = new Map<string, ReadonlyMap<string, string>>();
  readonly #carriers = new Map<string, Carrier>();
  readonly #described = new Map<string, ReadonlyMap<string, CatalogTable>>();
  readonly #events: HistoryEvent[] = [];
  readonly #watchers = new Set<() => void>();
  #orders: readonly Order[] = [];
  #ordersGiven = 0;
  readonly #configurations: AppliedConfiguration[] = [];
  #engine: EngineIdentity | null = null;
  #problems: readonly EngineProblem[] = [];
  readonly #members = new Map<EngineIdentity, { problems: readonly EngineProblem[]; slices: readonly string[] }>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.leases = new MemoryLeases(clock);
    this.reconcile = new MemoryReconcileRecords({
      now: () => this.#now(),
      note: ({ subscription, kind, detail, by }) => this.#note(subscription, kind, detail, by),
      order: ({ subscription, table, keys, run }, by) => {
        this.#note(subscription, "ordered", repairText({ subscription, table, keys, run }), by);
        return this.#give({ kind: "repair", subscription, table, keys });
      },
    });
  }

  async reservation(source: string): Promise<RecordedReservation | null> {
    return Promise.resolve(this.#reservations.get(source) ?? null);
  }

  async recordReservation(source: string, reservation: RecordedReservation | null): Promise<void> {
    if (reservation === null) this.#reservations.delete(source);
    else this.#reservations.set(source, reservation);
    return Promise.resolve();
  }

  async lifecycle(subscription: string): Promise<SubscriptionLifecycle> {
    return Promise.resolve(this.#lifecycles.get(subscription) ?? { suspended: null, parked: null });
  }

  async lifecycles(): Promise<ReadonlyMap<string, SubscriptionLifecycle>> {
    return Promise.resolve(new Map(this.#lifecycles));
  }

  async park(subscription: string, why: string): Promise<void> {
    const current = await this.lifecycle(subscription);
    if (current.parked !== null) return;
    this.#change(subscription, { ...current, parked: { why, since: this.#now() } });
    this.#note(subscription, "parked", why, "engine");
  }

  async unpark(subscription: string): Promise<void> {
    const current = await this.lifecycle(subscription);
    if (current.parked === null) return;
    this.#change(subscription, { ...current, parked: null });
    this.#note(subscription, "unparked", "", "engine");
  }

  async published(subscription: string): Promise<ReadonlyMap<string, string>> {
    return Promise.resolve(new Map(this.#published.get(subscription)));
  }

  async recordPublished(subscription: string, versions: ReadonlyMap<string, string>): Promise<void> {
    this.#published.set(subscription, new Map([...(this.#published.get(subscription) ?? []), ...versions]));
    return Promise.resolve();
  }

  async carrier(subscription: string): Promise<Carrier | null> {
    return Promise.resolve(this.#carriers.get(subscription) ?? null);
  }

  async recordCarrier(subscription: string, carrier: Carrier): Promise<void> {
    this.#carriers.set(subscription, carrier);
    return Promise.resolve();
  }

  async described(source: string): Promise<readonly CatalogTable[]> {
    return Promise.resolve([...(this.#described.get(source)?.values() ?? [])]);
  }

  async recordDescribed(source: string, tables: readonly CatalogTable[]): Promise<void> {
    const now = tables.map((catalog) => [printTable(catalog.table), catalog] as const);
    this.#described.set(source, new Map([...(this.#described.get(source) ?? []), ...now]));
    return Promise.resolve();
  }

  async suspend(subscriptions: readonly string[], reason: SuspensionReason, by: Actor): Promise<void> {
    for (const subscription of subscriptions) {
      const current = await this.lifecycle(subscription);
      this.#change(subscription, { ...current, suspended: { reason, since: current.suspended?.since ?? this.#now() } });
      this.#note(subscription, "suspended", reason, by);
    }
  }

  async resume(subscriptions: readonly string[], by: Actor): Promise<readonly string[]> {
    const resumed = subscriptions.filter((subscription) => (this.#lifecycles.get(subscription)?.suspended ?? null) !== null).toSorted();
    for (const subscription of resumed) {
      this.#change(subscription, { ...(await this.lifecycle(subscription)), suspended: null });
      this.#note(subscription, "resumed", "", by);
    }
    return resumed;
  }

  async order({ kind, subscription, table }: OrderRequest, by: Actor): Promise<number> {
    this.#note(subscription, "ordered", orderText({ kind, table }), by);
    return Promise.resolve(this.#give({ kind, subscription, table }));
  }

  async pendingOrders(): Promise<readonly Order[]> {
    return Promise.resolve(this.#orders);
  }

  async closeOrder(id: number, outcome: string): Promise<void> {
    const closed = this.#orders.find((order) => order.id === id);
    if (closed === undefined) return Promise.resolve();
    this.#orders = this.#orders.filter((order) => order.id !== id);
    this.reconcile.orderClosed(id, outcome);
    this.#note(closed.subscription, "order_closed", `${orderText(closed)}: ${outcome}`, "engine");
    this.#changed();
    return Promise.resolve();
  }

  async noteSliceDone(id: number, { index, of }: SliceNumber): Promise<void> {
    const isOther = (slice: SliceNumber): boolean => slice.index !== index || slice.of !== of;
    this.#orders = this.#orders.map((order) =>
      order.id === id ? { ...order, done: [...order.done.filter(isOther), { index, of }] } : order,
    );
    const done = this.#orders.find((order) => order.id === id)?.done ?? [];
    if (done.filter((slice) => slice.of === of).length === of) await this.closeOrder(id, carriedOut);
  }

  async appliedConfiguration(): Promise<AppliedConfiguration | null> {
    return Promise.resolve(this.#configurations.at(-1) ?? null);
  }

  async configurationHistory(): Promise<readonly AppliedConfiguration[]> {
    return Promise.resolve([...this.#configurations]);
  }

  async recordConfiguration(next: ConfigurationRecord, basedOn: number): Promise<AppliedConfiguration> {
    const version = basedOn + 1;
    const subject = `configuration version ${version}`;
    if (this.#configurations.length !== basedOn) return Promise.reject(new ReplicationError("DB-CTL-007", { subject }));
    const applied = { ...next, version, at: this.#now() };
    this.#configurations.push(applied);
    this.#note(null, "applied", subject, next.by);
    this.#changed();
    return Promise.resolve(applied);
  }

  async history(subscription: string | null, limit: number): Promise<readonly HistoryEvent[]> {
    const wanted = this.#events.filter(
      (event) => subscription === null || event.subscription === subscription || event.subscription === null,
    );
    return Promise.resolve(wanted.toReversed().slice(0, limit));
  }

  async claimEngine(engine: EngineIdentity, whenHeld: WhenHeld): Promise<EngineClaim> {
    const holder = this.#engine;
    if (holder !== null && whenHeld === "refuse") {
      return Promise.reject(new ReplicationError("DB-RUN-024", { subject: `process ${holder.pid} on ${holder.host}` }));
    }
    this.#engine ??= engine;
    const leads = (): boolean => this.#engine === engine;
    const shared = whenHeld !== "refuse";
    if (shared) this.#members.set(engine, { problems: [], slices: [] });
    return Promise.resolve({
      get leads() {
        return leads();
      },
      renew: () => {
        if (shared) this.#engine ??= engine;
        return Promise.resolve(leads());
      },
      report: (problems, slices = []) => {
        if (leads()) this.#problems = problems;
        if (shared) this.#members.set(engine, { problems: leads() ? [] : problems, slices });
        return Promise.resolve();
      },
      release: () => {
        this.#members.delete(engine);
        if (leads()) this.#engine = null;
        return Promise.resolve();
      },
    });
  }

  async engineMembers(): Promise<readonly EngineMember[]> {
    return Promise.resolve([...this.#members].map(([engine, { slices }]) => ({ ...engine, slices })));
  }

  async nudge(): Promise<void> {
    this.#changed();
  }

  async engineSeen(): Promise<EngineIdentity | null> {
    return Promise.resolve(this.#engine);
  }

  async engineProblems(): Promise<readonly EngineProblem[]> {
    return Promise.resolve([...this.#problems, ...[...this.#members.values()].flatMap(({ problems }) => problems)]);
  }

  async watch(changed: () => void, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    let wake = new AbortController();
    const watcher = (): void => {
      wake.abort();
    };
    this.#watchers.add(watcher);
    signal.addEventListener("abort", watcher, { once: true });
    while (!signal.aborted) {
      wake = new AbortController();
      changed();
      await this.#clock.sleep(1_000, wake.signal);
    }
    this.#watchers.delete(watcher);
  }

  async close(): Promise<void> {
    return Promise.resolve();
  }

  #give(order: Omit<Order, "id" | "done">): number {
    const pending = this.#orders.find((other) => sameText(other) === sameText(order));
    if (pending !== undefined) return pending.id;
    this.#ordersGiven += 1;
    this.#orders = [...this.#orders, { id: this.#ordersGiven, ...order, done: [] }];
    this.#changed();
    return this.#ordersGiven;
  }

  #now(): Date {
    return new Date(this.#clock.now() / 1000);
  }

  #change(subscription: string, lifecycle: SubscriptionLifecycle): void {
    this.#lifecycles.set(subscription, lifecycle);
    this.#changed();
  }

  #changed(): void {
    for (const changed of this.#watchers) changed();
  }

  #note(subscription: string | null, kind: HistoryEvent["kind"], detail: string, by: Actor): void {
    this.#events.push({ at: this.#now(), subscription, kind, detail, by });
  }
}

/** Equal for the same order given twice. */
function sameText({ kind, subscription, table, keys }: Omit<Order, "id" | "done">): string {
  return JSON.stringify([kind, subscription, table, keys === undefined ? null : keysDigest(keys)]);
}
