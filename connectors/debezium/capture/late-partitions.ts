// Partitions that are begun when others were read for long: those of a table that was added. What their topics hold from before
// belongs to transactions that were passed on without it.
import type { PartitionPlace } from "../topic-offsets.ts";
import type { Item } from "./intake.ts";
import type { Line } from "./line.ts";

/** Where a partition ended when it was begun, and then the transaction topic: what lies behind the one was begun behind the other. */
export interface LateStart {
  readonly until: bigint;
  readonly marksUntil: bigint;
}

/**
 * Nothing passes before it is known which transactions lie between the place in the transaction topic and its end; records of others
 * are old, and pass by themselves before the next transaction begins.
 */
export class LatePartitions {
  /** By placeKey, up to where it may hold old records. */
  readonly #until = new Map<string, bigint>();
  readonly #coming = new Set<string>();
  #marksUntil = 0n;
  #marksAt = 0n;

  /** `coming`: ids of transactions that are under way, or have come and wait. */
  add(key: string, { until, marksUntil }: LateStart, coming: Iterable<string>): void {
    this.#until.set(key, until);
    this.#marksUntil = marksUntil > this.#marksUntil ? marksUntil : this.#marksUntil;
    for (const id of coming) this.#coming.add(id);
  }

  /** What comes from the transaction topic, and where reading it stands. */
  marked(items: readonly Item[], place: PartitionPlace): void {
    this.#marksAt = place.offset;
    if (this.any) for (const { mark } of items) if (mark !== null) this.#coming.add(mark.id);
  }

  get any(): boolean {
    return this.#until.size > 0;
  }

  /** It is not known yet which records are old. */
  get unclear(): boolean {
    return this.any && this.#marksAt < this.#marksUntil;
  }

  /** Nothing of the partition may pass yet. */
  waits(key: string): boolean {
    return this.unclear && this.#until.has(key);
  }

  isOld({ transaction, place }: Item, key: string): boolean {
    const until = this.#until.get(key);
    return until !== undefined && transaction !== null && place.offset <= until && !this.#coming.has(transaction.id);
  }

  /** Old records are still to pass. */
  holds(lines: ReadonlyMap<string, Line>, places: ReadonlyMap<string, PartitionPlace>): boolean {
    if (this.unclear) return true;
    for (const [key, until] of this.#until) {
      const head = lines.get(key)?.head ?? null;
      if (head === null ? (places.get(key)?.offset ?? 0n) < until : this.isOld(head, key)) return true;
    }
    this.#until.clear();
    this.#coming.clear();
    return false;
  }
}
