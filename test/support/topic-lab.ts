// A Debezium source over topics in memory, and a copy that takes its messages as a subscription does.
import type { DebeziumOptions } from "../../engine/model/debezium-options.ts";
import { DebeziumConnection } from "../../connectors/debezium/open-debezium.ts";
import type { DebeziumSource } from "../../connectors/debezium/debezium-source.ts";
import { systemClock } from "../../deploy/processes/system-clock.ts";
import type { ChangeMessage, Micros } from "../../engine/model/change-message.ts";
import type { Position, PositionOrder } from "../../engine/model/position.ts";
import { type Row, UNCHANGED } from "../../engine/model/row.ts";
import type { ChangeStream } from "../../engine/ports/change-source.ts";
import { citizen, heartbeatTopic, type MemoryTopics } from "./memory-topics.ts";

export function debeziumOptions(
  overrides: Partial<DebeziumOptions["topics"]> = {},
  others: Partial<DebeziumOptions> = {},
): DebeziumOptions {
  return {
    name: "national",
    kafka: { brokers: [], tls: { mode: "disable", ca: null, cert: null, key: null }, sasl: null } as unknown as DebeziumOptions["kafka"],
    client: "platformatic",
    group: "dongbo-national",
    slices: 1,
    topics: { prefix: "national", tables: new Map(), heartbeat: heartbeatTopic, transactions: null, proof: null, ...overrides },
    converter: { format: "json", registry: null, unavailable: "", types: new Map(), binary: "bytes", acceptsInexactDecimals: false },
    master: null,
    connect: null,
    fullBeforeImages: false,
    ...others,
  };
}

export function connectionTo(topics: MemoryTopics, options = debeziumOptions(), tables = [citizen]): DebeziumConnection {
  return new DebeziumConnection({ options, client: topics, decoder: topics.book, tables: () => tables, clock: systemClock });
}

/** Rows by key as text, taken transaction by transaction; begins anew where it is, as Batch does. */
export class Copy {
  readonly #order: PositionOrder;
  position: Position;
  rows = new Map<string, string>();
  /** Every text that a key was given, in order. */
  readonly history = new Map<string, string[]>();
  readonly replaced: string[] = [];
  completeAt: Micros = 0;
  transactions = 0;
  #open: { skip: boolean; rows: Map<string, string> } | null = null;

  constructor(order: PositionOrder, position: Position) {
    this.#order = order;
    this.position = position;
  }

  /** The stream begins again: what was not committed is forgotten. */
  rewind(): void {
    this.#open = null;
  }

  take(message: ChangeMessage): void {
    switch (message.tag) {
      case "begin":
        this.#open = { skip: this.#order.covers(this.position, message.position), rows: new Map(this.rows) };
        break;
      case "commit":
        if (this.#open?.skip === false) {
          this.rows = this.#open.rows;
          this.transactions += 1;
          this.completeAt = Math.max(this.completeAt, message.completeAt ?? message.committedAt);
        }
        this.position = this.#order.join(this.position, message.position);
        this.#open = null;
        break;
      case "progress":
        this.position = this.#order.join(this.position, message.position);
        break;
      default:
        if (this.#open?.skip === false) this.#change(message, this.#open.rows);
    }
  }

  #change(message: Exclude<ChangeMessage, { tag: "begin" | "commit" | "progress" }>, rows: Map<string, string>): void {
    if (message.tag === "truncate") rows.clear();
    else if (message.tag === "replaced") this.replaced.push(message.cause);
    else if (message.tag !== "column lost") {
      const old = message.before === null ? null : part(message.before, 0);
      const kept = old === null ? undefined : rows.get(old);
      if (old !== null) rows.delete(old);
      if (message.after === null) return;
      const id = part(message.after, 0);
      const text = message.after[1] === UNCHANGED ? (kept ?? rows.get(id) ?? "unknown") : part(message.after, 1);
      rows.set(id, text);
      this.history.set(id, [...(this.history.get(id) ?? []), text]);
    }
  }
}

function part(row: Row, index: number): string {
  const value = row[index];
  return value instanceof Buffer ? value.toString() : "";
}

/** Opens the source where all copies are served, and lets them take messages until the condition holds; then closes. */
export async function follow(source: DebeziumSource, copies: readonly Copy[], until: () => boolean | Promise<boolean>): Promise<void> {
  const stops = new AbortController();
  const places = copies.map((copy) => copy.position);
  const stream = await source.open(source.positions.least(places), stops.signal, places);
  try {
    await takeUntil(stream, copies, until);
  } finally {
    await stream.close();
    for (const copy of copies) copy.rewind();
  }
}

async function takeUntil(stream: ChangeStream, copies: readonly Copy[], until: () => boolean | Promise<boolean>): Promise<void> {
  if (await until()) return;
  for await (const messages of stream) {
    for (const message of messages) {
      for (const copy of copies) copy.take(message);
      if (message.tag === "commit" && (await until())) return;
    }
    if (await until()) return;
  }
}

/** Whether the copies have everything that the topics hold now. */
export function atEnd(source: DebeziumSource, ...copies: readonly Copy[]): () => Promise<boolean> {
  return async () => {
    const { position } = await source.endOfLog();
    return copies.every((copy) => source.positions.covers(copy.position, position));
  };
}
