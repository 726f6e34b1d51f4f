// Where a subscription enters topics with a transaction topic: its place may lie within a transaction.
import { beforeEach, describe, expect, it } from "vitest";
import {
  change,
  citizen,
  described,
  eventTopic,
  heartbeatTopic,
  mark,
  MemoryTopics,
  transactionTopic,
} from "../../support/memory-topics.ts";
import { atEnd, connectionTo, Copy, debeziumOptions, follow } from "../../support/topic-lab.ts";

describe("a subscription that enters at the ends of the topics", () => {
  let topics = new MemoryTopics();
  const source = () => connectionTo(topics, debeziumOptions({ transactions: transactionTopic })).source(0);

  beforeEach(() => {
    topics = new MemoryTopics();
    for (const topic of [eventTopic, heartbeatTopic, transactionTopic]) topics.make(topic);
  });

  const event = (transaction: string, order: number, lsn: number) => {
    const place = { lsn, transaction: { id: transaction, totalOrder: BigInt(order), tableOrder: BigInt(order) } };
    topics.write(eventTopic, 0, change("c", String(lsn), "text", place), String(lsn));
  };
  const end = (transaction: string, count: number) => {
    topics.write(transactionTopic, 0, mark("end", transaction, { "public.citizen": count }));
  };
  async function entered(): Promise<Copy> {
    return new Copy(source().positions, (await source().endOfLog()).position);
  }
  const rows = async (copy: Copy): Promise<string[]> => {
    const one = source();
    await follow(one, [copy], atEnd(one, copy));
    return [...copy.rows.keys()];
  };

  it("lets the rest of the transaction go by within which it enters, and gets the next one", async () => {
    topics.write(transactionTopic, 0, mark("begin", "7"));
    event("7", 1, 1);
    const copy = await entered();
    event("7", 2, 2);
    end("7", 2);
    topics.write(transactionTopic, 0, mark("begin", "8"));
    event("8", 1, 3);
    end("8", 1);
    expect(await rows(copy)).toEqual(["3"]);
  });

  it("does not wait for what came before, where the connector repeats some of it", async () => {
    topics.write(transactionTopic, 0, mark("begin", "7"));
    event("7", 1, 1);
    event("7", 2, 2);
    end("7", 2);
    const copy = await entered();
    topics.write(transactionTopic, 0, mark("begin", "7"));
    event("7", 2, 2);
    end("7", 2);
    topics.write(transactionTopic, 0, mark("begin", "8"));
    event("8", 1, 3);
    end("8", 1);
    expect(await rows(copy)).toEqual(["3"]);
  });

  it("has whole what begins between the questions for the ends of events and of transactions", async () => {
    const offsets = topics.offsets.bind(topics);
    let asked = 0;
    topics.offsets = async (of, partitions) => {
      const found = await offsets(of, partitions);
      if (of === "end" && asked++ === 0) {
        topics.write(transactionTopic, 0, mark("begin", "7"));
        event("7", 1, 1);
        end("7", 1);
      }
      return found;
    };
    const copy = await entered();
    topics.write(transactionTopic, 0, mark("begin", "8"));
    event("8", 1, 2);
    end("8", 1);
    expect(await rows(copy)).toEqual(["2"]);
  });

  it.each([
    ["tells the order of commits", (id: number, lsn: number) => `${id}:${lsn}`],
    ["tells none", (id: number) => `5.6.${id}`],
  ])("gets the rows that a table's topic has from before, when the table is added later and the transaction topic %s", async (_, idOf) => {
    const household = described("household");
    topics.make("national.public.household");
    let lsn = 0;
    const transact = (id: number): void => {
      topics.write(transactionTopic, 0, mark("begin", idOf(id, lsn + 1)));
      const [name = ""] = idOf(id, 0).split(":");
      const at = (order: number) => ({ lsn: ++lsn, transaction: { id: name, totalOrder: BigInt(order), tableOrder: 1n } });
      topics.write(eventTopic, 0, change("c", `citizen ${id}`, "text", at(1)), String(id));
      topics.write("national.public.household", 0, change("c", `household ${id}`, "text", { ...at(2), table: household }), String(id));
      topics.write(transactionTopic, 0, mark("end", idOf(id, ++lsn), { "public.citizen": 1, "public.household": 1 }));
    };
    const copy = new Copy(source().positions, (await source().reservation()).position);
    for (let id = 1; id <= 300; id++) transact(id);
    expect(await rows(copy)).toHaveLength(300);
    const options = debeziumOptions({ transactions: transactionTopic });
    const both = connectionTo(topics, options, [citizen, household.catalog.table]).source(0);
    transact(301);
    const wider = new Copy(both.positions, copy.position);
    await follow(both, [wider], atEnd(both, wider));
    expect(wider.rows.size).toBe(302);
  });
});
