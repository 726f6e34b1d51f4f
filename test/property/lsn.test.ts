import fc from "fast-check";
import { expect, test } from "vitest";
import { compareLsn, endOfLastRecord, formatLsn, formatLsnHalves, lsnOrder, parseLsn } from "../../connectors/postgres/lsn.ts";

const lsn = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });
/** Close neighbours, where a wrong comparison of halves or of text would show. */
const nearby = fc.tuple(lsn, fc.bigInt({ min: -0x2_0000_0000n, max: 0x2_0000_0000n })).map(([a, step]) => {
  const b = a + step;
  return [a, b < 0n || b > 0xffff_ffff_ffff_ffffn ? a : b] as const;
});

test("a position survives printing and parsing", () => {
  fc.assert(
    fc.property(lsn, (a) => {
      expect(parseLsn(formatLsn(a))).toBe(a);
      expect(formatLsnHalves(Number(a >> 32n), Number(a & 0xffff_ffffn))).toBe(formatLsn(a));
      expect(lsnOrder.parse(formatLsn(a))).toBe(formatLsn(a));
    }),
  );
});

test("positions are ordered by number, not by their printed form", () => {
  fc.assert(
    fc.property(nearby, ([a, b]) => {
      expect(Math.sign(compareLsn(a, b))).toBe(a < b ? -1 : a > b ? 1 : 0);
      expect(lsnOrder.covers(formatLsn(a), formatLsn(b))).toBe(a >= b);
    }),
  );
  expect(lsnOrder.covers(lsnOrder.parse("10/0"), lsnOrder.parse("9/FFFFFFFF"))).toBe(true);
});

test("least is covered by all and join covers both, each one of those given", () => {
  fc.assert(
    fc.property(fc.array(lsn, { minLength: 1, maxLength: 8 }), nearby, (many, [a, b]) => {
      const positions = many.map(formatLsn);
      const least = lsnOrder.least(positions);
      expect(positions).toContain(least);
      expect(positions.every((position) => lsnOrder.covers(position, least))).toBe(true);
      const join = lsnOrder.join(formatLsn(a), formatLsn(b));
      expect(parseLsn(join)).toBe(a > b ? a : b);
    }),
  );
});

test("bytes between two positions are their distance, and none when the end lies before", () => {
  expect(lsnOrder.bytesBetween(lsnOrder.parse("0/FFFFFFFF"), lsnOrder.parse("1/1"))).toBe(2);
  expect(lsnOrder.bytesBetween(lsnOrder.parse("1/1"), lsnOrder.parse("0/FFFFFFFF"))).toBe(0);
});

test.each(["", "0", "/", "1/", "/1", "1/2/3", "16/b374d848", "0x1/2", "1/123456789", " 1/2", "1/2\n", "-1/2", "G/1"])(
  "%j is refused as a position with DB-RUN-002",
  (text) => {
    expect(() => parseLsn(text)).toThrow(expect.objectContaining({ code: "DB-RUN-002" }));
  },
);

test("leading zeros are read and not kept, so that equal positions are equal text", () => {
  expect(lsnOrder.parse("00000016/0B374D84")).toBe("16/B374D84");
});

test("an insert position just past a page header means the page's start, any other means itself", () => {
  fc.assert(
    fc.property(lsn, (a) => {
      const end = endOfLastRecord(a);
      expect(end === a || end % 8192n === 0n).toBe(true);
      expect(a - end <= 40n).toBe(true);
    }),
  );
  expect(endOfLastRecord(8192n + 24n)).toBe(8192n);
  expect(endOfLastRecord(0x1000000n + 40n)).toBe(0x1000000n);
  expect(endOfLastRecord(8192n + 48n)).toBe(8192n + 48n);
});
