// What becomes of the stored state when a worker takes the subscription up: its terms, its copies, what objects to them. Pure.
import { readContract } from "../../../engine/config/contract-text.ts";
import type { Micros } from "../../../engine/model/change-message.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { StoppedTable, Subscription, TableMapping } from "../../../engine/model/share.ts";
import { printTable } from "../../../engine/model/table.ts";
import type { Objection } from "../../../engine/ports/change-target.ts";
import { validUntil } from "../../../engine/validity/validity-clock.ts";
import { judgedCopyState } from "../../../engine/validity/validity-state.ts";
import { neverSynced, type PublicationState, type PublishedCopy } from "./publication-state.ts";
import { tableTopic } from "./topic-names.ts";

export interface Registration {
  readonly subscription: Subscription;
  readonly prefix: string;
  readonly objection: Objection;
  /** Topics of tables that were made just now: nothing that was published before is there any more. */
  readonly freshTopics: ReadonlySet<string>;
  readonly now: Micros;
}

/** `stored` null: nothing was published under the prefix yet. Throws DB-KAF-160 when it is another subscription's, DB-KAF-161. */
export function registered(stored: PublicationState | null, registration: Registration): PublicationState {
  const { subscription } = registration;
  const state = withTerms(ownState(stored, subscription), registration);
  const tables = [...subscription.tables, ...subscription.stopped];
  const wanted = new Set(tables.map(({ target }) => printTable(target)));
  const left = Object.entries(state.copies)
    .filter(([name]) => !wanted.has(name))
    .map(([name, copy]) => [name, { ...copy, withdrawnAt: copy.withdrawnAt ?? registration.now }] as const);
  const kept = tables.map((table) => {
    const name = printTable(table.target);
    return [name, registeredCopy(state.copies[name], table, registration)] as const;
  });
  return { ...state, copies: Object.fromEntries([...left, ...kept]) };
}

function ownState(stored: PublicationState | null, subscription: Subscription): PublicationState | null {
  if (stored === null || stored.subscription === subscription.id) return stored;
  // One that was withdrawn has nothing to say any more, but who may write under the prefix goes on being counted.
  if (stored.shareState === "TERMINATED") return stored;
  throw new ReplicationError("DB-KAF-160", {
    subject: subscription.id,
    cause: `the topics of the prefix belong to subscription ${stored.subscription}`,
  });
}

/** A subscription that was withdrawn and is wanted again starts anew. */
function withTerms(stored: PublicationState | null, { subscription, now }: Registration): PublicationState {
  const { agreement, regulation } = subscription;
  const terms = {
    subscription: subscription.id,
    validityPeriod: regulation.validityPeriodSeconds * 1_000_000,
    onExpiry: regulation.onExpiry,
    agreementFrom: agreement.from.getTime() * 1000,
    agreementTo: agreement.to === null ? null : agreement.to.getTime() * 1000,
  };
  const begun = { shareState: "LOADING", suspendedReason: null, position: null, sourceIdentity: null, sourceTime: null } as const;
  if (stored === null) {
    return { version: 1, ...terms, ...begun, epoch: 0, nextBatch: 1, clockFloor: 0, heartbeat: null, lastBatch: null, copies: {} };
  }
  const anew = stored.shareState === "TERMINATED";
  const copies = Object.entries(stored.copies).map(([name, copy]) => {
    if (anew) return [name, { ...copy, ...neverSynced }] as const;
    return [name, retermed(copy, regulation, Math.max(now, stored.clockFloor))] as const;
  });
  return { ...stored, ...terms, ...(anew ? begun : {}), copies: Object.fromEntries(copies) };
}

/** A shorter or longer period holds for what was synced before, too; what had expired under `resync` stays expired. */
function retermed(copy: PublishedCopy, { validityPeriodSeconds, onExpiry }: Subscription["regulation"], now: Micros): PublishedCopy {
  const until = copy.lastSyncAt === null ? null : validUntil(copy.lastSyncAt, validityPeriodSeconds);
  const earlier = until === null || copy.validUntil === null ? null : Math.min(until, copy.validUntil);
  const state = onExpiry === "resync" ? judgedCopyState(copy.state, earlier, now) : copy.state;
  return { ...copy, validUntil: until, state };
}

function registeredCopy(stored: PublishedCopy | undefined, table: TableMapping | StoppedTable, registration: Registration): PublishedCopy {
  const topic = tableTopic(registration.prefix, table.target);
  const fresh = { target: table.target, topic, keyColumns: [], ...neverSynced, events: 0, quarantine: {} };
  const gone = stored === undefined || registration.freshTopics.has(topic);
  const copy = gone ? fresh : stored.withdrawnAt === null ? stored : { ...stored, ...neverSynced };
  const found = registration.objection(table, copy.load?.contract ?? copy.contract);
  if (found === "withdrawn") return followed(awaitingLoad(copy), table);
  return found === null ? followed(copy, table) : { ...copy, stopped: found };
}

function followed(copy: PublishedCopy, table: TableMapping | StoppedTable): PublishedCopy {
  if ("reason" in table) return copy;
  const nameOf = (source: string): string => table.columns.find((column) => column.source === source)?.target ?? source;
  const named = { ...copy, keyColumns: table.key.map(nameOf) };
  const known = readContract(copy.load?.contract ?? copy.contract ?? "")?.columns.map(({ target }) => target);
  // No row that was published has a value in a column just added.
  const gained = known !== undefined && table.columns.some(({ target }) => !known.includes(target));
  return gained ? awaitingLoad(named) : named;
}

/** Not to be believed until a load is complete. */
export function awaitingLoad(copy: PublishedCopy): PublishedCopy {
  return copy.state === "VALID" || copy.state === "EXPIRED" ? { ...copy, state: "RESYNCING" } : copy;
}
