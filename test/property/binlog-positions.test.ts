import fc from "fast-check";
import { expect, test } from "vitest";
import { compareLogOffsets, mysqlPositions, parseLogOffset } from "../../connectors/mysql/positions.ts";
import type { Position } from "../../engine/model/position.ts";

const order = mysqlPositions;
const uuids = ["3e11fa47-71ca-11e1-9e33-c80aa9429562", "3e11fa47-71ca-11e1-9e33-c80aa9429563"];

/** Few domains and small numbers, so that positions often meet. */
const mariaDb = fc
  .uniqueArray(fc.nat({ max: 2 }))
  .chain((domains) => fc.tuple(...domains.map((domain) => fc.tuple(fc.constant(domain), fc.nat({ max: 3 }), fc.nat({ max: 12 })))))
  .map((gtids) => order.parse(gtids.map((gtid) => gtid.join("-")).join(",")));
const gtidSet = fc
  .array(fc.tuple(fc.constantFrom(...uuids), fc.integer({ min: 1, max: 15 }), fc.nat({ max: 4 })), { maxLength: 4 })
  .map((parts) => order.parse(parts.map(([uuid, first, more]) => `${uuid}:${first}-${first + more}`).join(",")));
const offset = fc
  .tuple(fc.integer({ min: 999_998, max: 1_000_001 }), fc.nat({ max: 50 }))
  .map(([file, at]) => order.parse(`binlog.${file}:${at}`));

/** What a position covers, spelled out: an oracle that shares no code with the order. */
function members(position: Position): ReadonlySet<string> {
  const all = new Set<string>();
  for (const part of position === "" ? [] : position.split(",")) {
    const gtid = /^(\d+)-\d+-(\d+)$/.exec(part);
    const [uuid = "", ...intervals] = part.split(":");
    if (gtid !== null) for (let number = 0; number <= Number(gtid[2]); number++) all.add(`${gtid[1] ?? ""}/${number}`);
    else {
      for (const interval of intervals) {
        const [first, last = first] = interval.split("-").map(Number);
        for (let number = first ?? 0; number <= (last ?? 0); number++) all.add(`${uuid}/${number}`);
      }
    }
  }
  return all;
}

test.each([
  ["MariaDB's GTID positions", mariaDb],
  ["MySQL's GTID sets", gtidSet],
])("%s are ordered as the sets of transactions that they stand for", (_, arbitrary) => {
  fc.assert(
    fc.property(arbitrary, arbitrary, arbitrary, (a, b, c) => {
      const [inA, inB, inC] = [members(a), members(b), members(c)];
      expect(order.covers(a, b)).toBe([...inB].every((one) => inA.has(one)));
      const join = order.join(a, b);
      expect(members(join)).toEqual(new Set([...inA, ...inB]));
      const least = order.least([a, b, c]);
      expect(members(least)).toEqual(new Set([...inA].filter((one) => inB.has(one) && inC.has(one))));
      expect(order.parse(join)).toBe(join);
      expect(order.join(b, a).length).toBe(join.length);
      expect(order.bytesBetween(a, b)).toBeNull();
    }),
  );
});

test("places in files are ordered by file number, then byte, and know their distance within a file", () => {
  fc.assert(
    fc.property(offset, offset, (a, b) => {
      const [x, y] = [parseLogOffset(a)!, parseLogOffset(b)!];
      expect(order.covers(a, b)).toBe(compareLogOffsets(x, y) >= 0);
      expect(order.join(a, b)).toBe(order.covers(a, b) ? a : b);
      expect(order.least([a, b])).toBe(order.covers(a, b) ? b : a);
      expect(order.bytesBetween(a, b)).toBe(x.file === y.file ? Math.max(0, y.offset - x.offset) : null);
    }),
  );
  expect(order.covers(order.parse("binlog.1000000:4"), order.parse("binlog.999999:900"))).toBe(true);
});

test("equal positions are equal text, however the server prints them", () => {
  expect(order.parse("1-2-5,0-1-100")).toBe("0-1-100,1-2-5");
  expect(order.parse(`${uuids[1]}:1-3:4,\n${uuids[0]!.toUpperCase()}:7`)).toBe(`${uuids[0]}:7,${uuids[1]}:1-4`);
  expect(order.parse(`${uuids[0]}:1-5:tag_a:2:9`)).toBe(`${uuids[0]}:1-5,${uuids[0]}:tag_a:2:9`);
  expect(order.covers(order.parse("0-2-100"), order.parse("0-1-100"))).toBe(true);
  expect(order.covers(order.parse("0-1-1"), order.parse(""))).toBe(true);
  expect(order.covers(order.parse(""), order.parse("0-1-1"))).toBe(false);
});

test.each([
  "0",
  "0-1",
  "0-1-",
  "0-1-2,",
  "0-1-2,0-1-3",
  "4294967296-1-1",
  "binlog:4",
  "binlog.000001:",
  "16/B374D848",
  "uuid:1",
  `${uuids[0]}`,
  `${uuids[0]}:0`,
  `${uuids[0]}:5-4`,
  "0-1-1 ",
])("%j is refused as a position with DB-RUN-002", (text) => {
  expect(() => order.parse(text)).toThrow(expect.objectContaining({ code: "DB-RUN-002" }));
});
