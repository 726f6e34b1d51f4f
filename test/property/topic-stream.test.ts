// Whatever a connector repeats, wherever a copy stops and goes on: the rows are the source's in the end, and none goes back.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { DebeziumEvent } from "../../connectors/debezium/decode/change-event.ts";
import { change, eventTopic, heartbeat, heartbeatTopic, mark, MemoryTopics, transactionTopic } from "../support/memory-topics.ts";
import { atEnd, connectionTo, Copy, debeziumOptions, follow } from "../support/topic-lab.ts";

/** One change of a row, or the row moved to another key; or the connector starts again and repeats so many records more. */
interface Step {
  readonly id: number;
  readonly op: "put" | "remove" | "move" | "keep" | "crash";
  readonly to: number;
}

/** A source transaction, or something that the connector does between two. */
type Deed =
  | { readonly kind: "transaction"; readonly steps: readonly Step[] }
  /** It repeats so many records at least, and all from the first that it lost: those at the end of each partition that were on their way. */
  | { readonly kind: "restart"; readonly back: number; readonly lost: readonly number[] }
  | { readonly kind: "snapshot"; readonly id: number }
  | { readonly kind: "heartbeat" };

const key = fc.nat({ max: 4 });
const ops = ["put", "put", "put", "remove", "move", "keep", "crash"] as const;
const step = fc.record({ id: key, op: fc.constantFrom(...ops), to: key });
const restart = fc.record({
  kind: fc.constant("restart" as const),
  back: fc.oneof({ weight: 3, arbitrary: fc.nat({ max: 12 }) }, { weight: 1, arbitrary: fc.nat({ max: 120 }) }),
  lost: fc.array(fc.nat({ max: 6 }), { maxLength: 4 }),
});
const deed: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("transaction" as const), steps: fc.array(step, { minLength: 1, maxLength: 4 }) }) },
  { weight: 2, arbitrary: restart },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("snapshot" as const), id: key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("heartbeat" as const) }) },
);
const script = fc.record({
  deeds: fc.oneof(
    { weight: 3, arbitrary: fc.array(deed, { minLength: 1, maxLength: 12 }) },
    { weight: 1, arbitrary: fc.array(deed, { minLength: 12, maxLength: 40, size: "max" }) },
  ),
  partitions: fc.integer({ min: 1, max: 3 }),
  /** A connector that numbers anew when it starts again; told apart where there is one partition and transactions have an order. */
  old: fc.boolean(),
  fetched: fc.integer({ min: 1, max: 4 }),
  /** After so many transactions each of two copies stops, again and again. */
  stops: fc.array(fc.tuple(fc.nat({ max: 5 }), fc.nat({ max: 5 })), { maxLength: 4 }),
});

type Script = typeof script extends fc.Arbitrary<infer Value> ? Value : never;

interface Written {
  readonly topic: string;
  readonly partition: number;
  readonly event: DebeziumEvent | null;
  readonly key: string;
  /** Its number among all that the connector wrote first; a repeated record has that of the first. */
  readonly number: number;
}

/** Whether there is a transaction topic, and whether its ids tell the order of commits. */
type Mode = "rows" | "named" | "ordered";

/** Writes what a connector writes of these deeds; gives the rows that the source has in the end, and after each transaction. */
function writeTopics(topics: MemoryTopics, script: Pick<Script, "deeds" | "partitions" | "old">, mode: Mode) {
  const { deeds, partitions } = script;
  const renumbers = script.old && partitions === 1 && mode === "ordered";
  const rows = new Map<string, string>();
  const states: Map<string, string>[] = [new Map()];
  const log: Written[] = [];
  let sent: Written[] = [];
  /** How many of what was sent have certainly come. */
  let safe = 0;
  let resumed = 0;
  let lsn = 0;
  const emit = (topic: string, event: DebeziumEvent | null, recordKey: string): void => {
    const at = topic === eventTopic ? Number(recordKey) % partitions : 0;
    const written = { topic, partition: at, event, key: recordKey, number: log.length };
    log.push(written);
    sent.push(written);
  };
  const repeat = (back: number): void => {
    sent.push(...log.slice(log.length - Math.min(log.length, back)));
    safe = sent.length;
  };
  /**
   * As Debezium before 3.6 does it: what it writes of the transaction in whose middle it begins again is numbered from 1, behind
   * another BEGIN. Gives how many events of the transaction that is under way it has written.
   */
  const renumber = (first: number): number => {
    const transactionOf = ({ event }: Written) => (event?.kind === "data" ? (event.transaction?.id ?? null) : null);
    const isMark = ({ event }: Written, status: string, id: string): boolean =>
      event?.kind === "transaction" && event.status === status && event.id === id;
    const begins = (of: string): Written[] =>
      log
        .filter((written) => isMark(written, "begin", of))
        .slice(0, 1)
        .map((written) => ({ ...written }));
    let id = "";
    let order = 0;
    let isInside = false;
    for (const [index, written] of log.entries()) {
      const { event } = written;
      const own = transactionOf(written);
      if (index === first && isInside) sent.push(...begins(id));
      if (event?.kind === "transaction") isInside = event.status === "begin";
      if (event?.kind === "transaction" && isInside) [id, order] = [event.id, 0];
      if (index < first) continue;
      if (own !== null && event?.kind === "data") {
        order += 1;
        sent.push({ ...written, event: { ...event, transaction: { id: own, totalOrder: BigInt(order), tableOrder: BigInt(order) } } });
      } else if (event?.kind === "transaction" && event.status === "end") {
        sent.push({ ...written, event: { ...event, counts: new Map([["public.citizen", BigInt(order)]]) } });
      } else sent.push(written);
    }
    safe = sent.length;
    if (first === log.length && isInside) sent.push(...begins(id));
    return first === log.length ? 0 : order;
  };
  /** The connector dies with records on their way, of each partition the last, and starts again. */
  const crash = (back: number, lost: readonly number[]): number => {
    let first = log.length - Math.min(log.length, back);
    for (const [index, count] of lost.entries()) {
      const isOf = ({ topic, partition }: Written): boolean =>
        index === 0 ? topic === transactionTopic : topic === eventTopic && partition === index - 1;
      const gone = count === 0 ? [] : sent.slice(safe).filter(isOf).slice(-count);
      for (const { number } of gone) first = Math.min(first, number);
      sent = sent.filter((written) => !gone.includes(written));
    }
    // The place that it has noted goes up; where it numbers on, however often it repeats makes no difference.
    resumed = Math.max(resumed, first);
    if (renumbers) return renumber(resumed);
    repeat(log.length - first);
    return 0;
  };
  const transact = (steps: readonly Step[]): void => {
    const id = String(states.length);
    let order = 0;
    let gap = 0;
    const at = () => {
      order += 1 + gap;
      gap = 0;
      const transaction = { id, totalOrder: BigInt(order), tableOrder: BigInt(order) };
      return { lsn: ++lsn, ...(mode === "rows" ? {} : { transaction }) };
    };
    if (mode !== "rows") emit(transactionTopic, mark("begin", mode === "ordered" ? `${id}:${lsn + 1}` : id), "t");
    for (const { id: number, op, to } of steps) {
      const [row, target] = [String(number), String(to)];
      const exists = rows.has(row);
      if (op === "crash") {
        const written = crash(number + 2 * to, [number % 3, to % 3, number % 2]);
        // The connector counts on from what it had counted, also where that was lost. In several partitions the last event is not the last of each.
        if (renumbers) order = written;
        else if (partitions === 1) gap = to;
      }
      if (op === "remove" && exists) {
        emit(eventTopic, change("d", row, null, at()), row);
        emit(eventTopic, null, row);
        rows.delete(row);
      } else if (op === "move" && exists && !rows.has(target)) {
        emit(eventTopic, change("d", row, null, { ...at(), movesAway: true }), row);
        emit(eventTopic, null, row);
        const meets = partitions === 1;
        emit(eventTopic, change("c", target, meets ? 1 : (rows.get(row) ?? ""), { ...at(), oldKey: row }), target);
        rows.set(target, rows.get(row) ?? "");
        rows.delete(row);
      } else if (op === "keep" && exists) emit(eventTopic, change("u", row, 1, at()), row);
      else if (op === "put") {
        const text = String(lsn).padStart(6, "0");
        emit(eventTopic, change(exists ? "u" : "c", row, text, at()), row);
        rows.set(row, text);
      }
    }
    lsn += 1;
    if (mode !== "rows") emit(transactionTopic, mark("end", mode === "ordered" ? `${id}:${lsn}` : id, { "public.citizen": order }), "t");
    states.push(new Map(rows));
  };
  for (const one of deeds) {
    if (one.kind === "transaction") transact(one.steps);
    // What tells no order is known by its id, and not many of those are remembered.
    else if (one.kind === "restart") crash(one.back, one.lost);
    else if (one.kind === "heartbeat")
      sent.push({ topic: heartbeatTopic, partition: 0, event: heartbeat(lsn * 1000), key: "", number: log.length });
    else if (rows.has(String(one.id))) {
      const row = String(one.id);
      const event = change("r", row, rows.get(row) ?? "", { lsn, snapshot: "incremental" });
      sent.push({ topic: eventTopic, partition: one.id % partitions, event, key: row, number: log.length });
    }
  }
  // Whose END such a connector had written before it lost events and numbered them anew is known to be whole by what comes later.
  if (renumbers) transact([{ id: 0, op: "put", to: 0 }]);
  for (const { topic, partition, event, key: recordKey } of sent) topics.write(topic, partition, event, recordKey);
  return { rows, states };
}

async function run(mode: Mode, { deeds, partitions, fetched, stops, old }: Script): Promise<void> {
  const whole = mode !== "rows";
  const topics = new MemoryTopics();
  topics.fetched = fetched;
  topics.make(eventTopic, partitions);
  topics.make(heartbeatTopic);
  if (whole) topics.make(transactionTopic);
  const { rows, states } = writeTopics(topics, { deeds, partitions, old }, mode);
  const options = debeziumOptions({ transactions: whole ? transactionTopic : null });
  const source = () => connectionTo(topics, options).source(0);
  const { positions } = source();
  const { position } = await source().reservation();
  const copies = [new Copy(positions, position), new Copy(positions, position)] as const;
  const [one, other] = copies;
  for (const [first, second] of stops) {
    // Other batches than before, so that places lie within what comes together next time.
    topics.fetched = 1 + ((first + second) % 4);
    const from = [one.transactions, other.transactions] as const;
    const opened = source();
    const enough = async () =>
      (one.transactions >= from[0] + first && other.transactions >= from[1] + second) || (await atEnd(opened, one)());
    // One goes on alone for a while, so that they stand in different places.
    if (first > second) await follow(opened, [one], () => one.transactions >= from[0] + first || atEnd(opened, one)());
    else await follow(opened, copies, enough);
  }
  topics.fetched = fetched;
  const last = source();
  await follow(last, copies, atEnd(last, ...copies));
  const steps = deeds.flatMap((one) => (one.kind === "transaction" ? one.steps : []));
  const moved = new Set(steps.flatMap(({ op, id, to }) => (op === "move" ? [String(id), String(to)] : [])));
  for (const copy of copies) {
    expect(copy.rows).toEqual(rows);
    expect(copy.replaced).toEqual([]);
    if (whole) expect(states).toContainEqual(copy.rows);
    // Texts are places in the source's log. A row that moved has its text under another key.
    for (const [id, texts] of copy.history) if (!moved.has(id)) expect(texts).toEqual(texts.toSorted());
  }
}

/** A script that never comes to its end is told, too. */
const runs = { numRuns: 300, timeout: 30_000 };

test("without transactions: rows end as the source's, and no row is set back by what is repeated", async () => {
  await fc.assert(
    fc.asyncProperty(script, (one) => run("rows", one)),
    runs,
  );
});

test.each(["named", "ordered"] as const)("with %s transactions: the same, and each state is one that the source had", async (mode) => {
  await fc.assert(
    fc.asyncProperty(script, (one) => run(mode, one)),
    runs,
  );
});
