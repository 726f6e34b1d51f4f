import type { SnapshotVisibility } from "../ports/snapshot-source.ts";

/**
 * Transactions that came through the stream but that no read is known to have seen. A commit is in the log before other
 * sessions can see it, so a chunk read just afterwards may lack a change that the stream has already delivered; such a
 * chunk must be read again (the property is documented with PostgreSQL's logical decoding).
 */
export class UnsettledTransactions {
  /** One that was streamed twice is there twice. */
  #ids: string[] = [];

  /** The stream has brought the transaction, or begins to. */
  brought(transactionId: string): void {
    this.#ids.push(transactionId);
  }

  /** A read was made: what it saw is settled for every later read. */
  settle(visibility: SnapshotVisibility): void {
    this.#ids = this.#ids.filter((id) => !visibility.sees(id));
  }

  /** The ids as they are now. */
  current(): readonly string[] {
    return [...this.#ids];
  }
}
