import type { PartitionPlace } from "../topic-offsets.ts";
import type { Item } from "./intake.ts";

/** What came from one partition and waits for its turn. */
export class Line {
  readonly key: string;
  #items: readonly Item[] = [];
  #next = 0;
  #later: Item[] = [];
  /** Where the partition stands behind everything that waits; null: as far as its items say. */
  #end: PartitionPlace | null = null;
  bytes = 0;

  constructor(key: string) {
    this.key = key;
  }

  get head(): Item | null {
    return this.#items[this.#next] ?? null;
  }

  /** Transactions whose marks wait. */
  get markIds(): string[] {
    return [...this.#items.slice(this.#next), ...this.#later].flatMap(({ mark }) => mark?.id ?? []);
  }

  push(items: readonly Item[], end: PartitionPlace): void {
    for (const item of items) this.bytes += item.bytes;
    this.#later.push(...items);
    this.#end = end;
    if (this.head === null) this.#refill();
  }

  shift(): void {
    this.bytes -= this.head?.bytes ?? 0;
    this.#next += 1;
    if (this.#next >= this.#items.length) this.#refill();
  }

  /** Where the partition stands when nothing waits: behind gaps at its end too, and with what was learnt before it. */
  placeBefore(place: PartitionPlace): PartitionPlace {
    return this.head === null && this.#end !== null && this.#end.offset >= place.offset ? this.#end : place;
  }

  #refill(): void {
    this.#items = this.#later;
    this.#next = 0;
    this.#later = [];
  }
}
