// Up to which source time everything has come (VL-07): by the connector's heartbeats, or by the events alone where there are none.
import type { Micros } from "../../../engine/model/change-message.ts";
import type { PartitionPlace, TopicOffsets } from "../topic-offsets.ts";

/** A heartbeat that counts, since another one has come after it: what was sent before it has reached its partition by now. */
export interface Beat {
  readonly at: Micros;
  /** When the heartbeat before it was sent; null where nothing was heard of one. */
  readonly after: Micros | null;
  /** By the source's clock, as events tell it; false: by the connector's, which also beats while it works off a backlog. */
  readonly bySource: boolean;
}

/** How far the connector was behind when it handled the newest event of a second. */
interface Lag {
  processedAt: Micros;
  lag: Micros;
}

interface Asked {
  readonly ends: TopicOffsets;
  readonly beat: Beat;
}

const secondMicros = 1_000_000;
/** Seconds with events that are remembered; the beats that they lie between are seldom further apart. */
const lagsMax = 900;
const askedMax = 64;

export class SourceClock {
  readonly #lags = new Map<number, Lag>();
  #asked: Asked[] = [];
  #completeAt: Micros;

  constructor(completeAt: Micros) {
    this.#completeAt = completeAt;
  }

  /** Everything that the source had committed by then has come; 0: not known. Never moves back. */
  get completeAt(): Micros {
    return this.#completeAt;
  }

  /** A streamed event that the connector handled then. */
  observe(processedAt: Micros, sourceAt: Micros): void {
    const second = Math.floor(processedAt / secondMicros);
    const lag = Math.max(0, processedAt - sourceAt);
    const known = this.#lags.get(second);
    if (known === undefined) this.#remember(second, { processedAt, lag });
    else if (processedAt > known.processedAt) [known.processedAt, known.lag] = [processedAt, lag];
    else if (processedAt === known.processedAt) known.lag = Math.max(known.lag, lag);
  }

  /** Whoever has read up to these ends, asked after the beat, has everything from before it. */
  ask(ends: TopicOffsets, beat: Beat): void {
    if (this.#asked.at(-1)?.beat.at === beat.at) return;
    this.#asked.push({ ends, beat });
    if (this.#asked.length > askedMax) this.#asked.splice(1, 1);
  }

  /** The stream stands here. */
  reached(places: ReadonlyMap<string, PartitionPlace>): void {
    for (let next = this.#asked[0]; next !== undefined && isReached(places, next.ends); next = this.#asked[0]) {
      this.#asked.shift();
      this.complete(this.expected(next.beat));
    }
  }

  /** What the beat will tell when everything up to ends asked after it has come, as far as is known now. */
  expected(beat: Beat): Micros {
    return beat.bySource ? beat.at : beat.at - this.#lagBefore(beat);
  }

  complete(at: Micros): void {
    this.#completeAt = Math.max(this.#completeAt, at);
  }

  /** The newest event between two heartbeats shows how far the connector was behind at the second. */
  #lagBefore({ at, after }: Beat): Micros {
    let newest: Lag | null = null;
    for (const lag of this.#lags.values()) {
      if (lag.processedAt > at || (after !== null && lag.processedAt <= after)) continue;
      if (newest === null || lag.processedAt > newest.processedAt) newest = lag;
    }
    return newest?.lag ?? 0;
  }

  #remember(second: number, lag: Lag): void {
    this.#lags.set(second, lag);
    if (this.#lags.size <= lagsMax) return;
    for (const oldest of this.#lags.keys()) {
      this.#lags.delete(oldest);
      return;
    }
  }
}

function isReached(places: ReadonlyMap<string, PartitionPlace>, ends: TopicOffsets): boolean {
  for (const [key, { offset }] of ends.places) if ((places.get(key)?.offset ?? 0n) < offset) return false;
  return true;
}

/**
 * Up to where the events alone tell that everything has come: each partition has shown a later one. Others of the same instant
 * may follow.
 */
export function completeByEvents(places: Iterable<PartitionPlace>): Micros {
  let least = Number.POSITIVE_INFINITY;
  for (const { seen } of places) {
    let newest = 0;
    for (const { at } of seen) if (at > newest) newest = at;
    if (newest < least) least = newest;
  }
  return Number.isFinite(least) ? Math.max(0, least - 1) : 0;
}
