// What a copy database does when a subscription is prepared in it.
import { isDeepStrictEqual } from "node:util";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import type { Subscription } from "../../engine/model/share.ts";
import { printTable } from "../../engine/model/table.ts";
import type { Objection } from "../../engine/ports/change-target.ts";
import { judgedCopyState } from "../../engine/validity/validity-state.ts";
import type { Committed, CopyDatabase, CopyRecord, SubscriptionRecord } from "./copy-database.ts";

export const neverSynced: CopyRecord = {
  copyState: "NEVER_SYNCED",
  lastSyncAt: null,
  validUntil: null,
  load: null,
  contract: null,
  stopped: null,
  rows: 0,
};

/** Throws DB-TGT-012 when an open transaction has written to a table that is to get other columns. */
export function refuseLocked(database: CopyDatabase, subscription: Subscription): void {
  for (const { target, columns } of subscription.tables) {
    const name = printTable(target);
    const inTheWay = [...database.sessions].some(({ locked }) => {
      const held = locked.get(name)?.columns;
      return held !== undefined && !isDeepStrictEqual(held, columns);
    });
    if (inTheWay) throw new ReplicationError("DB-TGT-012", { subject: subscription.id, cause: `${name} is locked` });
  }
}

/** What is on record once the subscription's terms and copies were written down. */
export function asPrepared(database: CopyDatabase, subscription: Subscription, objection: Objection): Committed {
  const { committed, judgedNow } = database;
  const { regulation, id } = subscription;
  const periodMicros = regulation.validityPeriodSeconds * 1_000_000;
  if (committed.subscription === null && committed.batches.length > 0) throw new ReplicationError("DB-TGT-004", { subject: id });
  const isBack = committed.subscription?.shareState === "TERMINATED";
  const known = isBack ? null : committed.subscription;
  const record: SubscriptionRecord = {
    ...(known ?? unknownSubscription),
    epoch: committed.subscription?.epoch ?? 0,
    nextBatch: committed.subscription?.nextBatch ?? 1,
    clockFloor: committed.subscription?.clockFloor ?? null,
    periodMicros,
    onExpiry: regulation.onExpiry,
  };
  const copies = new Map<string, CopyRecord>();
  const rows = new Map(committed.rows);
  for (const table of [...subscription.tables, ...subscription.stopped]) {
    const name = printTable(table.target);
    const copy = (isBack ? undefined : committed.copies.get(name)) ?? neverSynced;
    const isOver = regulation.onExpiry === "resync" && judgedCopyState(copy.copyState, copy.validUntil, judgedNow) === "EXPIRED";
    const found = objection(table, copy.load?.contract ?? copy.contract);
    const isFollowed = !("reason" in table) && (found === null || found === "withdrawn");
    if (isFollowed && !rows.has(name)) {
      // Its table is made: whatever is on record of it is of another one.
      rows.set(name, new Map());
      copies.set(name, neverSynced);
      continue;
    }
    const withdrawn = found === "withdrawn" && (copy.copyState === "VALID" || copy.copyState === "EXPIRED");
    copies.set(name, {
      ...copy,
      copyState: withdrawn ? "RESYNCING" : isOver ? "EXPIRED" : copy.copyState,
      validUntil: copy.lastSyncAt === null ? null : copy.lastSyncAt + periodMicros,
      stopped: found === null || found === "withdrawn" ? copy.stopped : { code: found.code, message: found.message },
    });
  }
  const lastSyncAt = record.lastSyncAt;
  return { ...committed, subscription: { ...record, validUntil: lastSyncAt === null ? null : lastSyncAt + periodMicros }, copies, rows };
}

const unknownSubscription: SubscriptionRecord = {
  shareState: "LOADING",
  suspended: null,
  position: null,
  sourceIdentity: null,
  sourceTime: null,
  epoch: 0,
  nextBatch: 1,
  clockFloor: null,
  lastSyncAt: null,
  validUntil: null,
  periodMicros: 0,
  onExpiry: "refuse",
};
