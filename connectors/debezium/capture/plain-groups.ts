// Without the transaction topic: what comes one after the other from one partition is wrapped together, as it comes.
import type { ChangeMessage, Micros } from "../../../engine/model/change-message.ts";
import { partitionPosition, type PartitionPlace, placeKey, printOffsets, type TopicOffsets } from "../topic-offsets.ts";
import type { Item } from "./intake.ts";
import type { TableChange } from "./row-changes.ts";
import type { Sequencer } from "./sequencer.ts";
import { completeByEvents, type SourceClock } from "./source-clock.ts";

const groupItemsMax = 1000;
const groupBytesMax = 1024 * 1024;

export interface PlainGroupsOptions {
  /** How far each partition was delivered, by placeKey; kept by the groups. */
  readonly places: Map<string, PartitionPlace>;
  readonly clock: SourceClock;
  /** Where subscriptions stand: nobody may have half of what is wrapped together. */
  readonly stands: readonly TopicOffsets[];
  /** Chunks read from the master know source transactions by their ids, so that each is wrapped alone. */
  readonly byTransaction: boolean;
  /** Every wanted table has its topic: another one could hold something older. */
  readonly allTopicsKnown: () => boolean;
}

interface Group {
  place: PartitionPlace;
  readonly start: bigint;
  readonly transactionId: string;
  readonly changes: TableChange[];
  items: number;
  bytes: number;
  newest: Micros;
}

/**
 * A group holds records of one partition only, so that a subscription which has some partitions further than others has all of
 * it or nothing. Order is kept for each key; between keys only within one partition.
 */
export class PlainGroups implements Sequencer {
  readonly atRest = true;
  readonly #options: PlainGroupsOptions;
  readonly #cuts = new Map<string, readonly bigint[]>();
  #ready: ChangeMessage[] = [];
  #group: Group | null = null;

  constructor(options: PlainGroupsOptions) {
    this.#options = options;
    const keys = new Set(options.stands.flatMap(({ places }) => [...places.keys()]));
    for (const key of keys) {
      this.#cuts.set(
        key,
        options.stands.flatMap(({ places }) => places.get(key)?.offset ?? []),
      );
    }
  }

  get places(): ReadonlyMap<string, PartitionPlace> {
    return this.#options.places;
  }

  begin(place: PartitionPlace): void {
    this.#options.places.set(placeKey(place), place);
  }

  add(items: readonly Item[], place: PartitionPlace): void {
    const key = placeKey(place);
    for (const item of items) this.#addItem(item, key);
    this.#close();
    this.#options.places.set(key, place);
  }

  take(): readonly ChangeMessage[] {
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }

  endsWanted(): null {
    return null;
  }

  waiting(): number {
    return 0;
  }

  #addItem(item: Item, key: string): void {
    const group = this.#group;
    if (group !== null && this.#ends(group, item, key)) this.#close();
    if (item.changes.length === 0) {
      if (this.#group === null) this.#options.places.set(key, item.place);
      else this.#group.place = item.place;
      return;
    }
    const open = (this.#group ??= {
      place: item.place,
      start: item.place.offset,
      transactionId: item.sourceTransaction,
      changes: [],
      items: 0,
      bytes: 0,
      newest: 0,
    });
    open.place = item.place;
    open.changes.push(...item.changes);
    open.items += 1;
    open.bytes += item.bytes;
    open.newest = Math.max(open.newest, item.at ?? 0);
  }

  #ends({ start, items, bytes, transactionId }: Group, item: Item, key: string): boolean {
    if (items >= groupItemsMax || bytes >= groupBytesMax) return true;
    if (this.#options.byTransaction && item.changes.length > 0 && item.sourceTransaction !== transactionId) return true;
    return this.#cuts.get(key)?.some((cut) => start <= cut && cut < item.place.offset) === true;
  }

  #close(): void {
    const group = this.#group;
    if (group === null) return;
    this.#group = null;
    const { place, changes, newest, transactionId } = group;
    const { clock, allTopicsKnown, places } = this.#options;
    places.set(placeKey(place), place);
    if (allTopicsKnown()) clock.complete(completeByEvents(places.values()));
    clock.reached(places);
    const { completeAt } = clock;
    this.#ready.push({ tag: "begin", transactionId, position: partitionPosition(place, place.offset) }, ...changes, {
      tag: "commit",
      position: printOffsets({ completeAt, places }),
      committedAt: newest || completeAt,
      completeAt,
    });
  }
}
