import { expect, test } from "vitest";
import { judgeDelivery, withSeen } from "../../../connectors/debezium/capture/redelivery.ts";
import { postgresOrder } from "../../../connectors/debezium/source-order.ts";
import { change } from "../../support/memory-topics.ts";

const nothingElse = {
  gtid: null,
  file: null,
  pos: null,
  row: null,
  commitLsn: null,
  changeLsn: null,
  eventSerialNumber: null,
  commitScn: null,
};

/** A change of PostgreSQL; `lastCommit` null: the connector has seen none since it began. */
function at(lastCommit: number | null, lsn: number, time: number) {
  const event = change("u", "1", "Nguyễn", { lsn, time });
  const sequence = JSON.stringify([lastCommit === null ? null : String(lastCommit), String(lsn)]);
  const order = postgresOrder({ ...nothingElse, sequence, lsn: BigInt(lsn) });
  return { ...event, source: { ...event.source, order } };
}

/** What each change is after those before it. */
function judged(...events: readonly ReturnType<typeof at>[]): string[] {
  let seen: Parameters<typeof judgeDelivery>[1] = [];
  return events.map((event) => {
    const delivery = judgeDelivery(event, seen);
    if (delivery === "new") seen = withSeen(event, seen);
    return delivery;
  });
}

test("a connector that begins anew goes on with a transaction that does not know the commit before it", () => {
  expect(judged(at(100, 90, 1), at(null, 200, 2), at(null, 210, 2), at(220, 215, 3))).toEqual(["new", "new", "new", "new"]);
});

test("a connector that begins anew goes on with a transaction of which a former one had written half", () => {
  const halves = [at(100, 210, 2), at(100, 220, 2), at(null, 210, 2), at(null, 220, 2), at(null, 230, 2), at(null, 240, 2)];
  // Rows that one statement wrote share a place: what stands at the last one is applied once more.
  expect(judged(...halves)).toEqual(["new", "new", "repeated", "new", "new", "new"]);
});

test("the first transaction of a connector is known when it comes again", () => {
  expect(judged(at(null, 10, 1), at(null, 20, 1), at(30, 25, 2), at(null, 10, 1), at(null, 20, 1), at(30, 25, 2))).toEqual([
    "new",
    "new",
    "new",
    "repeated",
    "repeated",
    "new",
  ]);
});

test("a log that was set back is still told", () => {
  expect(judged(at(100, 90, 1), at(80, 70, 2))).toEqual(["new", "set back"]);
});
