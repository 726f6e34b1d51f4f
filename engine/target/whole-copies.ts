// What is on record of the slices of a copy, put together to what is true of the whole.
import type { Verdict } from "../model/reconcile-report.ts";
import type { CopyRecord } from "../ports/target-records.ts";
import { copyGravity, refusalOrder, shareGravity } from "../validity/usability.ts";

/** One copy as one part of its subscription has written it down. */
export interface PartRecord extends Omit<CopyRecord, "slices"> {
  /** Id of the slice, or of the whole. */
  readonly part: string;
  /** Into how many slices the subscription is cut; 1: it is written whole. */
  readonly of: number;
}

const verdictGravity: readonly Verdict[] = ["different", "unverified", "equal"];

/** The copies that these parts are of, in the order of their first parts. */
export function wholeCopies(parts: readonly PartRecord[]): CopyRecord[] {
  const groups = new Map<string, PartRecord[]>();
  for (const part of parts) {
    const id = JSON.stringify([part.subscription, part.table]);
    groups.set(id, [...(groups.get(id) ?? []), part]);
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first === undefined ? [] : [wholeCopy(first, group)];
  });
}

function wholeCopy(first: PartRecord, group: readonly PartRecord[]): CopyRecord {
  const { part: _, of, ...copy } = first;
  if (of === 1) return { ...copy, slices: [] };
  const loading = group.map(({ rowsLoading }) => rowsLoading).filter((rows) => rows !== null);
  return {
    ...copy,
    shareState: gravest(shareGravity, group, ({ shareState }) => shareState) ?? copy.shareState,
    copyState: gravest(copyGravity, group, ({ copyState }) => copyState) ?? copy.copyState,
    // A slice that is not on record may be anything.
    reason: group.length === of ? gravest<string>(refusalOrder, group, ({ reason }) => reason) : "checkpoint_missing",
    lastSyncAt: oldest(group.map(({ lastSyncAt }) => lastSyncAt)),
    validUntil: oldest(group.map(({ validUntil }) => validUntil)),
    lastReconciledAt: oldest(group.map(({ lastReconciledAt }) => lastReconciledAt)),
    verdict: group.some(({ verdict }) => verdict === null) ? null : gravest(verdictGravity, group, ({ verdict }) => verdict),
    rows: first.rows === null ? null : sum(group.map(({ rows }) => rows ?? 0)),
    rowsQuarantined: sum(group.map(({ rowsQuarantined }) => rowsQuarantined)),
    position: null,
    stopped: group.find(({ stopped }) => stopped !== null)?.stopped ?? null,
    rowsLoading: loading.length === 0 ? null : sum(loading),
    slices: group.map(({ part, position, sourceIdentity, lastSyncAt, reason }) => ({
      id: part,
      position,
      sourceIdentity,
      lastSyncAt,
      reason,
    })),
  };
}

/** The first of these that one of the parts is. */
function gravest<Word>(order: readonly Word[], parts: readonly PartRecord[], of: (part: PartRecord) => Word | null): Word | null {
  const found = new Set(parts.map(of));
  return order.find((word) => found.has(word)) ?? null;
}

/** Unknown when one is unknown. */
function oldest(instants: readonly (Date | null)[]): Date | null {
  const known = instants.filter((instant) => instant !== null);
  return known.length < instants.length ? null : new Date(Math.min(...known.map((instant) => instant.getTime())));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
