// Which records come a second time: a connector that starts again repeats what it wrote since it last noted where it was.
import type { DataEvent } from "../decode/change-event.ts";
import { compareOrder, type SourceOrder } from "../source-order.ts";
import type { SeenOrder } from "../topic-offsets.ts";

/** Logs of one source that are told apart in one partition: servers or domains that have written to it. */
const logsMax = 8;

export type Delivery =
  | "new"
  /** Seen before: its effect is there, or newer ones. */
  | "repeated"
  /** Its place was passed, but its time was not: the source's log is another one than before. */
  | "set back";

/** Judges a streamed event by what its partition has brought so far. Snapshot records have no place in the order. */
export function judgeDelivery(event: DataEvent, seen: readonly SeenOrder[]): Delivery {
  const order = streamedOrder(event);
  const last = order === null ? undefined : seen.find(({ log }) => log === order.log);
  if (order === null || last === undefined) return "new";
  // A connector that begins anew does not know after which commit its first transaction stands: its time tells, and where that is the
  // same, the place alone, since it may go on with a transaction of which a former one has written half.
  const lacksCommit = order.parts[0] === 0n && last.parts[0] !== 0n;
  if (lacksCommit && event.source.at !== last.at) return event.source.at > last.at ? "new" : "repeated";
  const difference = lacksCommit ? compareOrder(behindCommit(order), behindCommit(last)) : compareOrder(order, last);
  if (difference === null || difference > 0) return "new";
  // Without its number in the transaction, rows that a statement wrote at one place in the log cannot be told apart.
  if (difference === 0) return event.transaction === null ? "new" : "repeated";
  return event.source.at > last.at ? "set back" : "repeated";
}

/** What the partition has brought once the event is counted in. */
export function withSeen(event: DataEvent, seen: readonly SeenOrder[]): readonly SeenOrder[] {
  const order = streamedOrder(event);
  if (order === null) return seen;
  const before = seen.find(({ log }) => log === order.log);
  // Commit times need not go up with the log, so the latest counts.
  const now = { log: order.log, parts: order.parts, at: Math.max(before?.at ?? 0, event.source.at) };
  if (before !== undefined && seen.length === 1) return [now];
  const others = seen.filter(({ log }) => log !== order.log);
  if (others.length >= logsMax) others.splice(others.indexOf(others.reduce((a, b) => (a.at <= b.at ? a : b))), 1);
  return [...others, now].toSorted((a, b) => (a.log < b.log ? -1 : 1));
}

/** The place without that of the commit before it. */
function behindCommit({ log, parts }: SourceOrder): SourceOrder {
  return { log, parts: parts.slice(1) };
}

function streamedOrder({ source, transaction }: DataEvent): SourceOrder | null {
  if (source.snapshot !== null || source.order === null) return null;
  const { log, parts } = source.order;
  return transaction === null ? source.order : { log, parts: [...parts, transaction.totalOrder] };
}
