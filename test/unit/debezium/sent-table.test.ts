// What a topic says was sent, in the master's place: the last state of each row, however much of it may be held at once.
import { beforeEach, describe, expect, it } from "vitest";
import { SentChanges } from "../../../connectors/debezium/compare/sent-changes.ts";
import { topicOffsetOrder } from "../../../connectors/debezium/topic-offsets.ts";
import { SentTable } from "../../../deploy/processes/reconcile/sent-table.ts";
import type { Predicate } from "../../../engine/model/predicate.ts";
import type { TableMapping } from "../../../engine/model/share.ts";
import type { KeyRange } from "../../../engine/ports/compared-table.ts";
import { comparedCopy } from "../../../mappings/compared-columns.ts";
import { sentCopy } from "../../../mappings/sent-columns.ts";
import { change, citizen, described, eventTopic, MemoryTopics } from "../../support/memory-topics.ts";
import { debeziumOptions } from "../../support/topic-lab.ts";

const whole: KeyRange = { after: null, until: null };
const all = { groups: 1, wanted: [0] };
const never = new AbortController().signal;

function mapping(filter: Predicate | null = null): TableMapping {
  const { catalog } = described();
  const columns = catalog.columns.map(({ name, type, nullable }) => ({
    source: name,
    target: name,
    sourceType: type,
    targetType: null,
    nullable,
  }));
  return { source: citizen, target: citizen, physical: citizen, key: ["id"], columns, filter, catalog };
}

function sentTable(topics: MemoryTopics, { filter = null as Predicate | null, bytesMax = 1_000_000 } = {}): SentTable {
  return new SentTable({
    copy: sentCopy(comparedCopy(mapping(filter), "postgres"), "postgres"),
    open: () => new SentChanges({ options: debeziumOptions(), client: topics, decoder: topics.book, table: citizen }),
    positions: topicOffsetOrder((topic) => topic === eventTopic),
    signal: never,
    bytesMax,
    close: () => Promise.resolve(),
  });
}

/** The rows by key, as texts. */
async function rowsOf(table: SentTable): Promise<Record<string, string | null>> {
  const { answer } = await table.list(whole, all);
  const values = await table.values(
    answer.map(({ key }) => key),
    1,
  );
  return Object.fromEntries(values.map(({ key, value }) => [key[0]!, value]));
}

describe("what a topic says was sent", () => {
  let topics = new MemoryTopics();
  let lsn = 0;

  beforeEach(() => {
    topics = new MemoryTopics();
    topics.make(eventTopic);
    lsn = 0;
  });

  const write = (op: "r" | "c" | "u" | "d" | "t", id: string, text: string | null | 1 = null, more = {}, partition = 0): void => {
    topics.write(eventTopic, partition, change(op, id, text, { lsn: (lsn += 1), ...more }));
  };

  it("is each row as its last event left it", async () => {
    write("r", "1", "a");
    write("c", "2", "b");
    write("u", "1", "c");
    write("c", "3", "d");
    write("d", "3");
    write("u", "5", "e", { oldKey: "2" });
    write("d", "2");
    const table = sentTable(topics);
    expect(await rowsOf(table)).toEqual({ "1": "c", "5": "e" });
    write("u", "1", "f");
    expect(await rowsOf(table)).toEqual({ "1": "f", "5": "e" });
  });

  it("drops what is repeated, and begins anew with a snapshot and a TRUNCATE", async () => {
    write("c", "1", "a");
    write("u", "1", "b");
    topics.write(eventTopic, 0, change("c", "1", "a", { lsn: 1 }));
    expect(await rowsOf(sentTable(topics))).toEqual({ "1": "b" });
    write("r", "7", "g", { snapshot: "first" });
    expect(await rowsOf(sentTable(topics))).toEqual({ "7": "g" });
    write("t", "");
    write("c", "8", "h");
    expect(await rowsOf(sentTable(topics))).toEqual({ "8": "h" });
  });

  it("keeps what an event left out because it had not changed", async () => {
    write("c", "1", "long");
    write("u", "1", 1);
    expect(await rowsOf(sentTable(topics))).toEqual({ "1": "long" });
  });

  it("is the same however little may be held at once, and where rows lie in several partitions", async () => {
    topics.make(eventTopic, 3);
    for (let id = 0; id < 200; id++) write("c", String(id), `text ${id}`, {}, id % 3);
    for (let id = 0; id < 200; id += 7) write("u", String(id), 1, {}, id % 3);
    for (let id = 0; id < 200; id += 5) write("d", String(id), null, {}, id % 3);
    const [large, small] = [sentTable(topics), sentTable(topics, { bytesMax: 4_000 })];
    const rows = await rowsOf(large);
    expect(Object.keys(rows).length).toBe(160);
    expect(await rowsOf(small)).toEqual(rows);
    const [ours, theirs] = [await large.digest(whole, 16), await small.digest(whole, 16)];
    expect(theirs.answer.toSorted((a, b) => a.group - b.group)).toEqual(ours.answer.toSorted((a, b) => a.group - b.group));
    expect((await small.find([["3"], ["5"]])).answer).toEqual((await large.find([["3"], ["5"]])).answer);
    expect((await small.find([["3"], ["5"]])).answer.map(({ key }) => key)).toEqual([["3"]]);
  });

  it("tells rows of others apart, and each event of a row", async () => {
    write("c", "1", "ours");
    write("c", "2", "theirs");
    const table = sentTable(topics, { filter: { op: "eq", column: "text", value: "ours" } });
    expect(await rowsOf(table)).toEqual({ "1": "ours" });
    const before = (await table.find([["1"], ["2"]])).answer;
    expect(before.map(({ passes }) => passes)).toEqual([true, false]);
    write("u", "1", "ours");
    const after = (await table.find([["1"], ["2"]])).answer;
    expect(after.map(({ version }) => version)).toEqual([expect.not.stringMatching(before[0]!.version), before[1]!.version]);
    expect(after[0]!.digest).toBe(before[0]!.digest);
  });

  it("shows all that lay before a mark, and nothing that comes later", async () => {
    write("c", "1", "a");
    const table = sentTable(topics);
    const earlier = await table.mark();
    const reading = await table.find([["1"]]);
    write("c", "2", "b");
    expect([reading.shows(earlier), reading.shows(await table.mark())]).toEqual([true, false]);
  });

  describe("is not told any more", () => {
    const code = "DB-REC-018";

    it("when the beginning was deleted, until a snapshot is there anew", async () => {
      write("c", "1", "a");
      write("c", "2", "b");
      topics.truncate(eventTopic, 0, 1n);
      await expect(rowsOf(sentTable(topics))).rejects.toMatchObject({ code });
      write("r", "3", "c", { snapshot: "first" });
      expect(await rowsOf(sentTable(topics))).toEqual({ "3": "c" });
    });

    it("when a value was left out of everything that is there", async () => {
      topics.make(eventTopic, 1, "compact");
      write("u", "1", 1);
      await expect(rowsOf(sentTable(topics))).rejects.toMatchObject({ code, explanation: expect.stringMatching(/"text"/) });
    });

    it("when partitions were added and a row has got another", async () => {
      write("c", "1", "a");
      topics.grow(eventTopic, 2);
      write("u", "1", "b", {}, 1);
      await expect(rowsOf(sentTable(topics))).rejects.toMatchObject({ code, explanation: expect.stringMatching(/partitions/) });
    });

    it("when a table of several partitions was emptied", async () => {
      topics.make(eventTopic, 2);
      write("c", "1", "a");
      write("t", "", null, {}, 1);
      await expect(rowsOf(sentTable(topics))).rejects.toMatchObject({ code });
    });
  });
});
