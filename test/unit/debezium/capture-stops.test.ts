// What a Debezium source does when its topics are not what they were, or hold what cannot be understood.
import { beforeEach, describe, expect, it } from "vitest";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import {
  change,
  citizen,
  described,
  eventTopic,
  heartbeat,
  heartbeatTopic,
  mark,
  MemoryTopics,
  transactionTopic,
} from "../../support/memory-topics.ts";
import { atEnd, connectionTo, Copy, debeziumOptions, follow } from "../../support/topic-lab.ts";

describe("a Debezium source", () => {
  let topics = new MemoryTopics();

  beforeEach(() => {
    topics = new MemoryTopics();
    topics.make(eventTopic);
    topics.make(heartbeatTopic);
  });

  const source = (names = {}, others = {}, tables = [citizen]) => connectionTo(topics, debeziumOptions(names, others), tables).source(0);

  async function copyFromStart(): Promise<Copy> {
    const one = source();
    return new Copy(one.positions, (await one.reservation()).position);
  }

  const read = async (copy: Copy, one = source()): Promise<void> => follow(one, [copy], atEnd(one, copy));
  const failure = (code: string, cause: RegExp) => expect.objectContaining({ code, explanation: expect.stringMatching(cause) });

  it("stops where the source's log was begun anew, instead of dropping what it writes now", async () => {
    const copy = await copyFromStart();
    topics.write(eventTopic, 0, change("c", "1", "a", { lsn: 500, log: "file", time: 1000 }));
    topics.write(eventTopic, 0, change("u", "1", "b", { lsn: 100, log: "file", time: 2000 }));
    await expect(read(copy)).rejects.toEqual(failure("DB-SLOT-004", /another log/));
  });

  it("takes another server's log as new, and knows each by itself", async () => {
    const copy = await copyFromStart();
    topics.write(eventTopic, 0, change("c", "1", "a", { lsn: 500, log: "gtid:1" }));
    topics.write(eventTopic, 0, change("u", "1", "b", { lsn: 3, log: "gtid:2" }));
    topics.write(eventTopic, 0, change("u", "1", "old", { lsn: 499, log: "gtid:1" }));
    await read(copy);
    expect(copy.history.get("1")).toEqual(["a", "b"]);
  });

  it("notices a topic that was made anew, even if it has grown beyond the old one", async () => {
    const copy = await copyFromStart();
    for (let lsn = 1; lsn <= 3; lsn++) topics.write(eventTopic, 0, change("c", String(lsn), "a", { lsn }));
    await read(copy);
    topics.make(eventTopic);
    await expect(read(copy)).rejects.toEqual(failure("DB-SLOT-004", /made anew, or cut/));
    for (let lsn = 1; lsn <= 9; lsn++) topics.write(eventTopic, 0, change("c", String(lsn), "a", { lsn }));
    await expect(read(copy)).rejects.toEqual(failure("DB-SLOT-004", /another one now/));
  });

  it("notices that also of a topic that was entered at its end and has brought nothing since", async () => {
    for (let lsn = 1; lsn <= 3; lsn++) topics.write(eventTopic, 0, change("c", String(lsn), "a", { lsn }));
    const one = source();
    const copy = new Copy(one.positions, await one.reserve());
    await follow(one, [copy], () => copy.position.includes("@2,"));
    expect(copy.transactions).toBe(0);
    topics.make(eventTopic);
    for (let lsn = 1; lsn <= 9; lsn++) topics.write(eventTopic, 0, change("c", String(lsn), "a", { lsn }));
    await expect(read(copy)).rejects.toEqual(failure("DB-SLOT-004", /another one now/));
  });

  it("notices records that were deleted before they were read, at its start and on its way", async () => {
    const copy = await copyFromStart();
    topics.write(eventTopic, 0, change("c", "1", "a", { lsn: 1 }));
    await read(copy);
    for (let lsn = 2; lsn <= 9; lsn++) topics.write(eventTopic, 0, change("c", String(lsn), "a", { lsn }));
    topics.silent.add(`${eventTopic}/0`);
    const one = source();
    const reading = read(copy, one);
    await expect.poll(() => one.places?.size).toBe(1);
    topics.truncate(eventTopic, 0, 5n);
    topics.silent.clear();
    topics.wake();
    await expect(reading).rejects.toEqual(failure("DB-SLOT-005", /what lies between is lost/));
    await expect(read(copy)).rejects.toEqual(failure("DB-SLOT-005", /what lies between is lost/));
  });

  it("stops the table of a record that cannot be read and goes on with others; without a key, all", async () => {
    topics.make("national.public.house");
    const tables = [citizen, { schema: "public", name: "house" }];
    const one = source({}, {}, tables);
    const copy = new Copy(one.positions, (await one.reservation()).position);
    const poison = new ReplicationError("DB-KAF-100", { subject: "x" });
    topics.write(eventTopic, 0, poison, "1");
    topics.write("national.public.house", 0, change("c", "5", "h", { lsn: 2, table: described("house") }));
    await read(copy, one);
    expect(copy.replaced).toEqual([
      expect.stringMatching(/^record 0 of partition 0 of topic national.public.citizen cannot be read \(DB-KAF-100/),
    ]);
    expect(copy.rows).toEqual(new Map([["5", "h"]]));
    topics.write(eventTopic, 0, poison);
    await expect(read(copy, source({}, {}, tables))).rejects.toMatchObject({
      code: "DB-KAF-100",
      subject: "record 1 of partition 0 of topic national.public.citizen",
    });
  });

  it("goes on with a transaction although one of its events cannot be read", async () => {
    topics.make(transactionTopic);
    const one = source({ transactions: transactionTopic });
    const copy = new Copy(one.positions, (await one.reservation()).position);
    topics.write(transactionTopic, 0, mark("begin", "7"));
    topics.write(eventTopic, 0, new ReplicationError("DB-KAF-100", { subject: "x" }), "1");
    topics.write(eventTopic, 0, change("c", "2", "b", { lsn: 2, transaction: { id: "7", totalOrder: 2n, tableOrder: 2n } }));
    topics.write(transactionTopic, 0, mark("end", "7", { "public.citizen": 2 }));
    await read(copy, one);
    expect(copy.replaced).toHaveLength(1);
    expect(copy.rows.get("2")).toBe("b");
  });

  it("stops at a transaction that does not end while later ones come", async () => {
    topics.make(transactionTopic);
    const one = source({ transactions: transactionTopic });
    const copy = new Copy(one.positions, (await one.reservation()).position);
    topics.write(transactionTopic, 0, mark("begin", "7"));
    topics.write(eventTopic, 0, change("c", "1", "a", { lsn: 1, transaction: { id: "7", totalOrder: 1n, tableOrder: 1n } }));
    topics.write(transactionTopic, 0, mark("begin", "8"));
    topics.write(eventTopic, 0, change("c", "2", "b", { lsn: 2, transaction: { id: "8", totalOrder: 1n, tableOrder: 1n } }));
    topics.write(transactionTopic, 0, mark("end", "8", { "public.citizen": 1 }));
    await expect(read(copy, one)).rejects.toEqual(failure("DB-KAF-024", /later ones have come/));
    expect(copy.rows.size).toBe(0);
  });

  it("stops at a transaction that lacks events while later ones come", async () => {
    topics.make(transactionTopic);
    const one = source({ transactions: transactionTopic });
    const copy = new Copy(one.positions, (await one.reservation()).position);
    topics.write(transactionTopic, 0, mark("begin", "7"));
    topics.write(eventTopic, 0, change("c", "1", "a", { lsn: 1, transaction: { id: "7", totalOrder: 1n, tableOrder: 1n } }));
    topics.write(transactionTopic, 0, mark("end", "7", { "public.citizen": 2 }));
    topics.write(transactionTopic, 0, mark("begin", "8"));
    topics.write(eventTopic, 0, change("c", "2", "b", { lsn: 2, transaction: { id: "8", totalOrder: 1n, tableOrder: 1n } }));
    topics.write(transactionTopic, 0, mark("end", "8", { "public.citizen": 1 }));
    await expect(read(copy, one)).rejects.toEqual(failure("DB-KAF-024", /has 2 events of public.citizen by its END, 1 have come/));
    expect(copy.rows.size).toBe(0);
  });

  it("ends a transaction with its last event, although a connector that started again within it has left numbers out", async () => {
    topics.make(transactionTopic);
    const one = source({ transactions: transactionTopic });
    const copy = new Copy(one.positions, (await one.reservation()).position);
    topics.write(transactionTopic, 0, mark("begin", "7"));
    const event = (id: string, order: bigint): void => {
      const transaction = { id: "7", totalOrder: order, tableOrder: order };
      topics.write(eventTopic, 0, change("c", id, "a", { lsn: Number(order), transaction }));
    };
    event("1", 1n);
    event("2", 5n);
    event("3", 6n);
    topics.write(transactionTopic, 0, mark("end", "7", { "public.citizen": 6 }));
    await read(copy, one);
    expect([...copy.rows.keys()]).toEqual(["1", "2", "3"]);
  });

  it.each(["before it started again", "never"])(
    "ends a transaction whose rest a connector numbers anew; its first END was written %s",
    async (when) => {
      topics.make(transactionTopic);
      const one = source({ transactions: transactionTopic });
      const copy = new Copy(one.positions, (await one.reservation()).position);
      const event = (row: number, order: number): void => {
        const transaction = { id: "7", totalOrder: BigInt(order), tableOrder: BigInt(order) };
        topics.write(eventTopic, 0, change("c", String(row), "a", { lsn: row, transaction }));
      };
      topics.write(transactionTopic, 0, mark("begin", "7:1"));
      for (const row of [1, 2, 3, 4]) event(row, row);
      if (when !== "never") topics.write(transactionTopic, 0, mark("end", "7:9", { "public.citizen": 6 }));
      topics.write(transactionTopic, 0, mark("begin", "7:1"));
      for (const row of [3, 4, 5, 6]) event(row, row - 2);
      topics.write(transactionTopic, 0, mark("end", "7:9", { "public.citizen": 4 }));
      // So that marks are known before events, as where a reader is behind.
      topics.fetched = 2;
      await read(copy, one);
      expect([...copy.rows.keys()]).toEqual(["1", "2", "3", "4", "5", "6"]);
      expect(copy.transactions).toBe(1);
    },
  );

  it("refuses a transaction topic of several partitions", async () => {
    topics.make(transactionTopic, 2);
    const one = source({ transactions: transactionTopic });
    await expect(one.open((await one.reservation()).position, new AbortController().signal)).rejects.toMatchObject({ code: "DB-KAF-022" });
  });

  it("takes a tombstone alone for the delete that compaction has taken, and elsewhere for nothing", async () => {
    topics.make(eventTopic, 1, "compact", Number.MAX_SAFE_INTEGER);
    const copy = await copyFromStart();
    for (const id of ["1", "2"]) topics.write(eventTopic, 0, change("c", id, "a", { lsn: Number(id) }), id);
    topics.write(eventTopic, 0, null, "1");
    await read(copy);
    expect([...copy.rows.keys()]).toEqual(["2"]);
    topics.write(eventTopic, 0, null, "2");
    await read(copy);
    expect(copy.rows.size).toBe(0);
  });

  it("stops where a compacted topic was not read for longer than it keeps deletes", async () => {
    topics.make(eventTopic, 1, "compact", 1000);
    const copy = await copyFromStart();
    topics.write(eventTopic, 0, change("c", "1", "a", { lsn: 1 }), "1");
    await read(copy);
    await follow(source(), [copy], () => true);
    topics.write(eventTopic, 0, change("c", "2", "a", { lsn: 2 }), "2");
    await expect(read(copy)).rejects.toEqual(failure("DB-KAF-023", /keeps deletes for/));
  });

  it("empties a table of one partition where it was truncated, and stops one of several", async () => {
    const copy = await copyFromStart();
    topics.write(eventTopic, 0, change("c", "1", "a", { lsn: 1 }));
    topics.write(eventTopic, 0, change("t", "", null, { lsn: 2 }));
    topics.write(eventTopic, 0, change("c", "2", "b", { lsn: 3 }));
    await read(copy);
    expect([...copy.rows.keys()]).toEqual(["2"]);
    topics.make(eventTopic, 2);
    const spread = await copyFromStart();
    topics.write(eventTopic, 1, change("t", "", null, { lsn: 2 }));
    await read(spread);
    expect(spread.replaced).toEqual([expect.stringMatching(/was truncated, and its topic has several partitions/)]);
  });

  it("reads new partitions after what the old one held when the connector had turned to them", async () => {
    const one = source();
    const copy = await copyFromStart();
    topics.write(eventTopic, 0, change("c", "1", "old", { lsn: 1 }));
    await read(copy, one);
    topics.grow(eventTopic, 2);
    topics.silent.add(`${eventTopic}/0`);
    topics.write(eventTopic, 0, change("u", "1", "older", { lsn: 2 }));
    topics.write(eventTopic, 1, change("u", "1", "newest", { lsn: 3 }));
    const next = source();
    const reading = follow(next, [copy], () => copy.rows.get("1") === "newest");
    await expect.poll(() => next.places).not.toBeNull();
    for (let beat = 1; beat <= 4; beat++) {
      topics.write(heartbeatTopic, 0, heartbeat(beat * 1000));
      await expect.poll(() => next.endOfLog().then(() => true)).toBe(true);
    }
    expect(copy.rows.get("1")).toBe("old");
    topics.silent.clear();
    topics.wake();
    await expect.poll(() => copy.rows.get("1")).toBe("older");
    await next.endOfLog();
    await reading;
    expect(copy.history.get("1")).toEqual(["old", "older", "newest"]);
  });

  it("stops where partitions are added so that rows move between those that are read already", async () => {
    topics.make(eventTopic, 2);
    const copy = await copyFromStart();
    topics.write(eventTopic, 0, change("c", "1", "a", { lsn: 1 }));
    await read(copy);
    topics.grow(eventTopic, 3);
    await expect(read(copy)).rejects.toMatchObject({ code: "DB-KAF-025" });
  });

  it("empties a table that is being loaded where the connector reads it anew, and stops a copy that was whole", async () => {
    const copy = await copyFromStart();
    const behind = new Copy(source().positions, copy.position);
    topics.write(eventTopic, 0, change("r", "1", "a", { lsn: 1, snapshot: "first" }));
    topics.write(eventTopic, 0, change("r", "2", "a", { lsn: 1, snapshot: "last" }));
    topics.write(eventTopic, 0, change("u", "1", "b", { lsn: 2 }));
    await read(copy);
    topics.write(eventTopic, 0, change("r", "2", "c", { lsn: 9, snapshot: "first" }));
    topics.write(eventTopic, 0, change("r", "3", "c", { lsn: 9, snapshot: "last" }));
    await read(behind);
    expect(behind.rows).toEqual(
      new Map([
        ["2", "c"],
        ["3", "c"],
      ]),
    );
    expect(behind.replaced).toEqual([]);
    await read(copy);
    expect(copy.replaced).toEqual([expect.stringMatching(/rows that went away meanwhile are not told/)]);
  });
});
