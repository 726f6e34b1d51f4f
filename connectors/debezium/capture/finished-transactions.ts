// Which source transactions were passed on before: a connector that starts again repeats all that it wrote since it last noted its place.
import type { TransactionMark } from "../decode/change-event.ts";
import { compareOrder, type SourceOrder } from "../source-order.ts";
import type { SeenOrder } from "../topic-offsets.ts";

/** Ids that are remembered where a source's transactions have no order of their own (Oracle). */
const idsMax = 10_000;
/** How many of them are kept in a position. */
const idsKept = 8;
const idLog = "id/";

/**
 * Kept in the place of the transaction topic: in each log of the source how far its transactions have ended, and by their ids
 * the last ones of those that tell no order.
 */
export class FinishedTransactions {
  readonly #orders = new Map<string, SourceOrder>();
  /** The newest last. */
  readonly #ids = new Set<string>();

  static read(seen: readonly SeenOrder[]): FinishedTransactions {
    const finished = new FinishedTransactions();
    const ids: { id: string; index: bigint }[] = [];
    for (const { log, parts } of seen) {
      if (log.startsWith(idLog)) ids.push({ id: decodeURIComponent(log.slice(idLog.length)), index: parts[0] ?? 0n });
      else finished.#orders.set(log, { log, parts });
    }
    for (const { id } of ids.toSorted((a, b) => Number(a.index - b.index))) finished.#ids.add(id);
    return finished;
  }

  has({ id, order }: Pick<TransactionMark, "id" | "order">): boolean {
    if (order === null) return this.#ids.has(id);
    const last = this.#orders.get(order.log);
    return last !== undefined && (compareOrder(order, last) ?? 1) <= 0;
  }

  note({ id, order }: Pick<TransactionMark, "id" | "order">): void {
    if (order !== null) {
      if (!this.has({ id, order })) this.#orders.set(order.log, order);
      return;
    }
    this.#ids.delete(id);
    this.#ids.add(id);
    const [oldest] = this.#ids;
    if (oldest !== undefined && this.#ids.size > idsMax) this.#ids.delete(oldest);
  }

  print(): SeenOrder[] {
    const orders = [...this.#orders.values()].map(({ log, parts }) => ({ log, parts, at: 0 }));
    const ids = [...this.#ids].slice(-idsKept);
    return [...orders, ...ids.map((id, index) => ({ log: `${idLog}${encodeURIComponent(id)}`, parts: [BigInt(index)], at: 0 }))];
  }
}
