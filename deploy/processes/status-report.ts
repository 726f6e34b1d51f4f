// What `dongbo status` knows, put together from the targets, the control database and the sources. Pure.
import type { Configuration, SourceConfiguration } from "../../engine/config/configuration.ts";
import { wholeId } from "../../engine/model/slice.ts";
import { printTable } from "../../engine/model/table.ts";
import type { ReplicationError } from "../../engine/model/replication-error.ts";
import type { CopyState, ShareState } from "../../engine/model/share.ts";
import type { EngineIdentity, EngineMember, EngineProblem } from "../../engine/ports/control-commands.ts";
import type { Order, SubscriptionLifecycle } from "../../engine/ports/control-store.ts";
import type { FleetState } from "../../engine/ports/leases.ts";
import type { CopyRecord } from "../../engine/ports/target-records.ts";
import { copyGravity } from "../../engine/validity/usability.ts";
import { shortestValidity, type Subscribed, wantedOf } from "./resolve-shares.ts";
import type {
  ProcessStatus,
  SourceStatus,
  StatusProblem,
  StatusReport,
  SubscriptionStatus,
  TableStatus,
  WorkerStatus,
} from "./status-shape.ts";
import { connectorTrouble, type SourceObservation, sourceTrouble, type SupplyFacts, supplyTrouble } from "./source-trouble.ts";

/** What was read; an error stands where something could not be. */
export interface Observations {
  readonly at: Date;
  readonly engine: EngineIdentity | null;
  readonly lifecycles: ReadonlyMap<string, SubscriptionLifecycle>;
  readonly orders: readonly Order[];
  /** Processes that share sources. */
  readonly members: readonly EngineMember[];
  /** Workers of a fleet, and what each owns. */
  readonly fleet: FleetState;
  /** What the engine says of its work. */
  readonly problems: readonly EngineProblem[];
  /** By target id. */
  readonly copies: ReadonlyMap<string, readonly CopyRecord[] | ReplicationError>;
  /** By source id. */
  readonly sources: ReadonlyMap<string, SourceObservation | ReplicationError>;
  /** Why lifecycle and orders are not known. */
  readonly controlProblem: ReplicationError | null;
}

export function buildStatus(configuration: Configuration, seen: Observations): StatusReport {
  const { engine } = seen;
  const troubles = new Map([...configuration.sources.values()].map((source) => [source.id, troubleOf(configuration, source, seen)]));
  return {
    at: seen.at.toISOString(),
    engine: engine === null ? null : processStatus(engine),
    members: seen.members.map((member) => ({ ...processStatus(member), slices: member.slices })),
    workers: workersOf(seen.fleet),
    queue: { problem: reported("queue", "jobs", seen) },
    control: { problem: toProblem(seen.controlProblem) },
    sources: [...configuration.sources.values()].map((source) =>
      sourceStatus(configuration, source, troubles.get(source.id) ?? null, seen),
    ),
    subscriptions: configuration.shares.flatMap((share) =>
      share.subscriptions.map((subscription) => {
        const status = subscriptionStatus({ share, subscription }, troubles.get(share.source) ?? null, seen);
        return { ...status, compared_with: comparedWith(configuration.sources.get(share.source)) };
      }),
    ),
  };
}

function comparedWith(source: SourceConfiguration | undefined): SubscriptionStatus["compared_with"] {
  return source?.connector === "debezium" && source.debezium.master === null ? "sent" : "master";
}

function workersOf({ workers, leases }: FleetState): WorkerStatus[] {
  return workers.map((worker) => {
    const own = leases.filter((lease) => lease.worker === worker.id);
    const sources = own.filter(({ kind }) => kind === "source");
    return {
      ...processStatus(worker),
      id: worker.id,
      state: worker.live ? (worker.draining ? "draining" : "live") : "silent",
      heard_at: worker.heardAt.toISOString(),
      sources: sources.map(({ name, since }) => ({ id: name, since: since.toISOString() })),
      jobs: own.filter(({ kind }) => kind === "job").map(({ name }) => name),
    };
  });
}

function processStatus({ pid, host, version, startedAt }: EngineIdentity): ProcessStatus {
  return { pid, host, version, started_at: startedAt.toISOString() };
}

/** Something waits for somebody: stopped, quarantined, parked, not equal, or a source or target that does not do what it should. */
export function needsAttention(report: StatusReport): boolean {
  if (report.control.problem !== null || report.queue.problem !== null) return true;
  if (report.sources.some(({ problem }) => problem !== null)) return true;
  return report.subscriptions.some(
    (subscription) =>
      subscription.problem !== null || subscription.parked !== null || subscription.rows_quarantined > 0 || subscription.tables.some(waits),
  );
}

function waits({ stopped, verdict, copy_state: state }: TableStatus): boolean {
  return stopped !== null || verdict === "different" || state === "QUARANTINED";
}

export function toProblem(error: ReplicationError | null): StatusProblem | null {
  return error === null ? null : { code: error.code, subject: error.subject, cause: error.explanation, remedy: error.remedy };
}

function sourceStatus(
  configuration: Configuration,
  source: SourceConfiguration,
  trouble: ReplicationError | null,
  seen: Observations,
): SourceStatus {
  const { id, connector } = source;
  const answer = seen.sources.get(id);
  const observed = answer === undefined || answer instanceof Error ? null : answer;
  const { retainedBytes = null, keptSince = null } = observed?.reservation ?? {};
  const heard = observed?.heartbeats?.newest ?? null;
  const silent = observed === null ? null : connectorTrouble(id, observed, seen.at, shortestValidity(configuration, id));
  return {
    id,
    connector,
    follows: connector === "debezium" && source.debezium.topics.transactions === null ? "rows" : "transactions",
    heard_at: heard === null ? null : new Date(heard / 1000).toISOString(),
    slot: connector === "postgres" ? source.slot : null,
    retained_bytes: retainedBytes,
    kept_since: keptSince === null ? null : new Date(keptSince / 1000).toISOString(),
    problem: toProblem(trouble ?? silent) ?? reported("source", id, seen),
  };
}

function troubleOf(configuration: Configuration, source: SourceConfiguration, seen: Observations): ReplicationError | null {
  const observed = seen.sources.get(source.id);
  if (observed === undefined) return null;
  const supplied = wantedOf(configuration, source.id).map((wanted) => supplyFacts(wanted, seen));
  return sourceTrouble(source, observed, supplied);
}

function supplyFacts({ share, subscription: { id, target } }: Subscribed, seen: Observations): SupplyFacts {
  const copies = ownCopies(id, seen.copies.get(target) ?? []);
  const parked = parkedOf(id, copies, seen) !== null;
  return { id, share, copies, parked, engineRuns: seen.engine !== null, at: seen.at };
}

/** The subscription, or one of its slices, was let go of by its source. */
function parkedOf(id: string, [first]: readonly CopyRecord[], { lifecycles }: Observations): SubscriptionLifecycle["parked"] {
  const parts = [id, ...(first?.slices ?? []).map((slice) => slice.id)];
  return parts.map((part) => lifecycles.get(part)?.parked ?? null).find((parked) => parked !== null) ?? null;
}

function ownCopies(id: string, copies: readonly CopyRecord[] | ReplicationError): CopyRecord[] {
  return copies instanceof Error ? [] : copies.filter((copy) => copy.subscription === id && copy.withdrawnAt === null);
}

/** `trouble`: what concerns its source as a whole. */
function subscriptionStatus(
  of: Subscribed,
  trouble: ReplicationError | null,
  seen: Observations,
): Omit<SubscriptionStatus, "compared_with"> {
  const { share, subscription } = of;
  const names = { id: subscription.id, share: share.id, target: subscription.target };
  const copies = seen.copies.get(names.target) ?? [];
  const own = ownCopies(names.id, copies);
  const control = controlFacts(names.id, own, seen);
  if (copies instanceof Error) return { ...names, ...nothingKnown, ...control, problem: toProblem(copies) };
  const source = seen.sources.get(share.source);
  const known =
    trouble === null && source !== undefined && !(source instanceof Error) ? supplyTrouble(supplyFacts(of, seen), source) : trouble;
  const problem = toProblem(known) ?? reported("subscription", names.id, seen);
  const [first] = own;
  if (first === undefined) return { ...names, ...neverSeen, ...control, problem };
  const wanted = share.tables.map((table) => printTable(table.target));
  const missing = wanted.filter((table) => !own.some((copy) => copy.table === table));
  const states = [...own.map((copy) => copy.copyState), ...missing.map(() => "NEVER_SYNCED" as const)];
  const reasons = [...own.map((copy) => copy.reason), ...missing.map(() => "never_synced")].filter((reason) => reason !== null);
  const lastSyncAt = missing.length > 0 ? null : oldest(own.map((copy) => copy.lastSyncAt));
  const lag = lastSyncAt === null ? null : Math.max(0, first.judgedAt.getTime() - lastSyncAt.getTime()) / 1000;
  return {
    ...names,
    share_state: control.suspended !== null && supplied.has(first.shareState) ? "SUSPENDED" : first.shareState,
    copy_state: worst(states),
    usable: reasons.length === 0,
    reason: reasons[0] ?? null,
    last_sync_at: iso(lastSyncAt),
    valid_until: iso(missing.length > 0 ? null : oldest(own.map((copy) => copy.validUntil))),
    position: first.position,
    slices: first.slices.map((slice) => ({
      id: slice.id,
      position: slice.position,
      last_sync_at: iso(slice.lastSyncAt),
      reason: slice.reason,
    })),
    lag_seconds: lag,
    rows_quarantined: own.reduce((sum, copy) => sum + copy.rowsQuarantined, 0),
    last_reconciled_at: iso(oldest(own.map((copy) => copy.lastReconciledAt))),
    tables: own.map(tableStatus),
    ...control,
    problem,
  };
}

function reported(of: EngineProblem["of"], id: string, { problems }: Observations): StatusProblem | null {
  const found = problems.find((problem) => problem.of === of && wholeId(problem.id) === id);
  return found === undefined ? null : { code: found.code, subject: found.subject, cause: found.cause, remedy: found.remedy };
}

/** States that the order to suspend overlays before the engine has carried it out in the target. */
const supplied: ReadonlySet<ShareState> = new Set<ShareState>(["AGREED", "LOADING", "ACTIVE"]);

type Observed = Omit<SubscriptionStatus, "compared_with" | "id" | "share" | "target" | "suspended" | "parked" | "pending_orders">;

const neverSeen: Observed = {
  share_state: "AGREED",
  copy_state: "NEVER_SYNCED",
  usable: false,
  reason: "never_synced",
  last_sync_at: null,
  valid_until: null,
  position: null,
  slices: [],
  lag_seconds: null,
  rows_quarantined: 0,
  last_reconciled_at: null,
  tables: [],
  problem: null,
};

const nothingKnown: Observed = { ...neverSeen, share_state: null, copy_state: null, reason: "unreachable" };

function controlFacts(
  id: string,
  copies: readonly CopyRecord[],
  seen: Observations,
): Pick<SubscriptionStatus, "suspended" | "parked" | "pending_orders"> {
  const { suspended = null } = seen.lifecycles.get(id) ?? {};
  const parked = parkedOf(id, copies, seen);
  const orders = seen.orders.filter((order) => order.subscription === id);
  return {
    suspended: suspended === null ? null : { reason: suspended.reason, since: suspended.since.toISOString() },
    parked: parked === null ? null : { why: parked.why, since: parked.since.toISOString() },
    pending_orders: orders.map(({ kind, table }) => ({ kind, table })),
  };
}

function tableStatus(copy: CopyRecord): TableStatus {
  return {
    target: copy.table,
    rows: copy.rows,
    last_sync_at: iso(copy.lastSyncAt),
    valid_until: iso(copy.validUntil),
    copy_state: copy.copyState,
    usable: copy.reason === null,
    reason: copy.reason,
    rows_quarantined: copy.rowsQuarantined,
    last_reconciled_at: iso(copy.lastReconciledAt),
    verdict: copy.verdict,
    rows_loading: copy.rowsLoading,
    stopped: copy.stopped,
  };
}

function worst(states: readonly CopyState[]): CopyState {
  return copyGravity.find((state) => states.includes(state)) ?? "NEVER_SYNCED";
}

/** VL-09: the share's value is the oldest of its tables'; unknown when one is unknown. */
function oldest(instants: readonly (Date | null)[]): Date | null {
  let found: Date | null = null;
  for (const instant of instants) {
    if (instant === null) return null;
    if (found === null || instant < found) found = instant;
  }
  return found;
}

function iso(instant: Date | null): string | null {
  return instant === null ? null : instant.toISOString();
}
