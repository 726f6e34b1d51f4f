// Positions of a Debezium source: how far each topic partition was read, and what is needed to go on from there safely.
import { assert } from "../../engine/model/assert.ts";
import type { Micros } from "../../engine/model/change-message.ts";
import type { Position, PositionOrder } from "../../engine/model/position.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import type { TopicPartition } from "./kafka/kafka-client.ts";
import type { SourceOrder } from "./source-order.ts";

/** How far one partition was read. Immutable, so that a printed one can be kept with it. */
export interface PartitionPlace extends TopicPartition {
  /** Of the next record to read. */
  readonly offset: bigint;
  /** Records before the first that was read were gone already, and no complete snapshot has come since. */
  readonly lacking: boolean;
  /**
   * The last record read, or the last before the place where it was entered: a topic made anew has another one there. Timestamp in
   * milliseconds, as the broker tells it.
   */
  readonly last: { readonly offset: bigint; readonly timestampMs: number } | null;
  /** The furthest place met in each log of the source, and the latest source time met there; sorted by log. */
  readonly seen: readonly SeenOrder[];
}

export interface SeenOrder extends SourceOrder {
  readonly at: Micros;
}

export interface TopicOffsets {
  /** Everything that the source had committed by then lies before; 0: not known. */
  readonly completeAt: Micros;
  /** By placeKey. A partition that is missing was not begun. */
  readonly places: ReadonlyMap<string, PartitionPlace>;
}

export function placeKey({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}

/** A partition of which nothing was read yet. */
export function untouched({ topic, partition }: TopicPartition, offset: bigint, lacking = false): PartitionPlace {
  return { topic, partition, offset, lacking, last: null, seen: [] };
}

/** The position of these places; the order given does not matter. */
export function printOffsets({ completeAt, places }: TopicOffsets): Position {
  const parts = [...places.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, place]) => printPlace(place));
  return [String(completeAt), ...parts].join(" ") as Position;
}

/** Covered by whoever has read the partition up to there, and by nobody else. */
export function partitionPosition(partition: TopicPartition, offset: bigint): Position {
  return `0 ${printPlace(untouched(partition, offset))}` as Position;
}

/** `<complete at> <topic>/<partition>=<offset>[!][@<last offset>,<its timestamp>][;<log>:<order>,<time>]… …` */
export function parseOffsets(position: string): TopicOffsets {
  const known = parsed.get(position);
  if (known !== undefined) return known;
  const [completeAt = "", ...parts] = position.split(" ");
  if (!/^\d{1,16}$/.test(completeAt)) throw notAPosition(position);
  const places = new Map(parts.map((part) => parsePlace(part, position)).map((place) => [placeKey(place), place]));
  const offsets = { completeAt: Number(completeAt), places };
  if (parsed.size >= parsedMax) parsed.clear();
  parsed.set(position, offsets);
  return offsets;
}

/** The same position object goes to every lane and is asked about by each. */
const parsed = new Map<string, TopicOffsets>();
const parsedMax = 512;

/** How positions compare in a source that reads these topics: what was read of others does not matter any more. */
export function topicOffsetOrder(isRead: (topic: string) => boolean): PositionOrder {
  return {
    parse: (text) => printOffsets(parseOffsets(text)),
    covers(reached, wanted) {
      if (reached === wanted) return true;
      const { places } = parseOffsets(reached);
      for (const [key, { topic, offset }] of parseOffsets(wanted).places) {
        if ((places.get(key)?.offset ?? 0n) < offset && isRead(topic)) return false;
      }
      return true;
    },
    least(positions) {
      assert(positions.length > 0, "the least of no positions was asked for");
      return positions.reduce(meet);
    },
    join(a, b) {
      if (a === b) return a;
      const [one, other] = [parseOffsets(a), parseOffsets(b)];
      const places = new Map([...one.places].filter(([, { topic }]) => isRead(topic)));
      for (const [key, place] of other.places) {
        const mine = places.get(key);
        if (isRead(place.topic)) places.set(key, mine === undefined || isFurther(place, mine) ? place : mine);
      }
      return printOffsets({ completeAt: Math.max(one.completeAt, other.completeAt), places });
    },
    bytesBetween: () => null,
  };
}

/** A partition that one of them has not begun is not begun. */
function meet(a: Position, b: Position): Position {
  if (a === b) return a;
  const [one, other] = [parseOffsets(a), parseOffsets(b)];
  const places = new Map<string, PartitionPlace>();
  for (const [key, place] of one.places) {
    const theirs = other.places.get(key);
    if (theirs !== undefined) places.set(key, isFurther(place, theirs) ? theirs : place);
  }
  return printOffsets({ completeAt: Math.min(one.completeAt, other.completeAt), places });
}

/** Of two with the same offset the text decides, so that the choice does not depend on who asks. */
function isFurther(a: PartitionPlace, b: PartitionPlace): boolean {
  return a.offset === b.offset ? printPlace(a) > printPlace(b) : a.offset > b.offset;
}

const printed = new WeakMap<PartitionPlace, string>();

function printPlace(place: PartitionPlace): string {
  const known = printed.get(place);
  if (known !== undefined) return known;
  const { last, seen, lacking, offset } = place;
  const mark = last === null ? "" : `@${last.offset},${last.timestampMs}`;
  const orders = seen.map(({ log, parts, at }) => `;${log}:${parts.join(".")},${at}`);
  const text = `${placeKey(place)}=${offset}${lacking ? "!" : ""}${mark}${orders.join("")}`;
  printed.set(place, text);
  return text;
}

const placeForm = /^([A-Za-z0-9._-]+)\/(\d+)=(\d+)(!?)(?:@(\d+),(\d+))?((?:;[^;, ]+:[0-9.]+,\d+)*)$/;
const seenForm = /^(.+):([0-9.]+),(\d+)$/;

function parsePlace(text: string, position: string): PartitionPlace {
  const match = placeForm.exec(text);
  if (match === null) throw notAPosition(position);
  const [, topic = "", partition = "", offset = "", lacking, lastOffset, timestamp, orders = ""] = match;
  return {
    topic,
    partition: Number(partition),
    offset: BigInt(offset),
    lacking: lacking === "!",
    last: lastOffset === undefined ? null : { offset: BigInt(lastOffset), timestampMs: Number(timestamp) },
    seen: orders
      .split(";")
      .slice(1)
      .map((order) => parseSeen(order, position)),
  };
}

function parseSeen(text: string, position: string): SeenOrder {
  const match = seenForm.exec(text);
  if (match === null) throw notAPosition(position);
  const [, log = "", parts = "", at = ""] = match;
  return { log, parts: parts.split(".").map(BigInt), at: Number(at) };
}

function notAPosition(text: string): ReplicationError {
  const cause = `${JSON.stringify(text.slice(0, 40))} is not a position in Debezium topics`;
  return new ReplicationError("DB-RUN-002", { subject: "position", cause });
}
