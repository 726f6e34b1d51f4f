// Rows of incremental snapshots that were read before the master showed the change that is in the topic already.
import { beforeEach, expect, test } from "vitest";
import { RecentChanges } from "../../../connectors/debezium/capture/recent-changes.ts";
import { change, citizen, described, eventTopic, heartbeatTopic, MemoryTopics } from "../../support/memory-topics.ts";
import { atEnd, connectionTo, Copy, debeziumOptions, follow } from "../../support/topic-lab.ts";

const second = 1_000_000;
const snapshot = "incremental";

let topics = new MemoryTopics();
beforeEach(() => {
  topics = new MemoryTopics();
  topics.make(eventTopic, 2);
  topics.make(heartbeatTopic);
});

async function read(): Promise<Copy> {
  const source = connectionTo(topics, debeziumOptions(), [citizen]).source(0);
  const copy = new Copy(source.positions, (await source.reservation()).position);
  await follow(source, [copy], atEnd(source, copy));
  return copy;
}

test("a row is not set back, and one that is gone does not come back, while what nobody told is taken", async () => {
  topics.write(eventTopic, 0, change("c", "1", "a", { lsn: 10 }), "1");
  topics.write(eventTopic, 0, change("c", "2", "a", { lsn: 10 }), "2");
  topics.write(eventTopic, 0, change("u", "1", "b", { lsn: 20, time: second }), "1");
  topics.write(eventTopic, 0, change("d", "2", null, { lsn: 30, time: second }), "2");
  topics.write(eventTopic, 0, null, "2");
  for (const id of ["1", "2", "3"]) {
    topics.write(eventTopic, 0, change("r", id, "a", { lsn: 30, time: 2 * second, snapshot }), id);
  }
  // Of the other partition nothing has come.
  topics.write(eventTopic, 1, change("r", "4", "a", { lsn: 30, time: 2 * second, snapshot }), "4");
  const { rows } = await read();
  expect(rows).toEqual(new Map(Object.entries({ "1": "b", "3": "a", "4": "a" })));
});

test("a row that is read anew long after its last change is taken: changes may have been lost", async () => {
  topics.write(eventTopic, 0, change("c", "1", "a", { lsn: 10, time: 0, processed: 0 }), "1");
  topics.write(eventTopic, 0, change("r", "1", "read", { lsn: 20, time: 0, processed: 61 * second, snapshot }), "1");
  expect([...(await read()).rows]).toEqual([["1", "read"]]);
});

test("a row of another form is taken: it has what the change could not tell", async () => {
  topics.write(eventTopic, 0, change("c", "1", "a", { lsn: 10, time: 0 }), "1");
  topics.write(
    eventTopic,
    0,
    change("r", "1", "new form", { lsn: 20, time: 0, snapshot, table: described("citizen", { version: 2 }) }),
    "1",
  );
  expect([...(await read()).rows]).toEqual([["1", "new form"]]);
});

test("after the connector has read the table anew, what came before does not count", async () => {
  topics.make(eventTopic);
  topics.write(eventTopic, 0, change("c", "1", "a", { lsn: 10, time: 0 }), "1");
  topics.write(eventTopic, 0, change("r", "1", "b", { lsn: 20, time: 0, snapshot: "first" }), "1");
  topics.write(eventTopic, 0, change("r", "1", "c", { lsn: 30, time: 0, snapshot }), "1");
  expect([...(await read()).rows]).toEqual([["1", "c"]]);
});

test("the last changes are remembered however many came, and older ones are forgotten", () => {
  const recent = new RecentChanges();
  const at = { lsn: 10, time: 0 };
  const key = (number: number) => Buffer.from(String(number));
  for (let number = 0; number < 50_000; number++) recent.note("p", key(number), change("u", String(number), "a", at));
  const covered = (number: number) => recent.covers("p", key(number), change("r", String(number), "a", { ...at, snapshot }));
  for (let number = 50_000 - 4096; number < 50_000; number++) expect(covered(number)).toBe(true);
  expect(covered(50_000 - 2 * 4096 - 1)).toBe(false);
});
