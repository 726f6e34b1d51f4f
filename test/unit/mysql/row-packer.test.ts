import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { columnReader } from "../../../connectors/mysql/snapshot/column-reader.ts";
import { RowPacker } from "../../../connectors/mysql/snapshot/row-packer.ts";
import { packedBytes } from "../../../engine/model/packed-rows.ts";
import type { Row } from "../../../engine/model/row.ts";
import { mysqlType } from "../../support/family-types.ts";

const plain = columnReader({ name: "a", type: mysqlType("varchar(20)") });
const bytes = columnReader({ name: "b", type: mysqlType("blob") });
const instant = columnReader({ name: "c", type: mysqlType("timestamp(6)") });

/** A value behind its length, in as few bytes as that takes. */
function lengthEncoded(value: string | null): Buffer {
  if (value === null) return Buffer.from([0xfb]);
  const content = Buffer.from(value, "utf8");
  const { length } = content;
  if (length < 0xfb) return Buffer.concat([Buffer.from([length]), content]);
  const [mark, size] = length < 0x1_0000 ? [0xfc, 2] : length < 0x100_0000 ? [0xfd, 3] : [0xfe, 8];
  const head = Buffer.alloc(1 + size);
  head.writeUInt8(mark, 0);
  head.writeUIntLE(length, 1, Math.min(size, 6));
  return Buffer.concat([head, content]);
}

function textOf(row: Row): (string | null)[] {
  return row.map((value) => (value === null ? null : String(value)));
}

function packet(...values: readonly (string | null)[]): Buffer {
  return Buffer.concat(values.map(lengthEncoded));
}

describe("rows of the text protocol", () => {
  test("come out with the values that went in, whatever their number and sizes", () => {
    const value = fc.option(
      fc.oneof(
        fc.string({ unit: "grapheme", maxLength: 40 }),
        fc.nat(70_000).map((length) => "x".repeat(length)),
      ),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(value, value, value), { maxLength: 30 }), (rows) => {
        const packer = new RowPacker([plain, plain, plain]);
        const sizes = rows.map((row) => {
          const own = packet(...row);
          // As it lies in a read of the socket, which is used again afterwards.
          const read = Buffer.concat([Buffer.from("before"), own, Buffer.from("behind")]);
          const size = packer.add(read, 6, 6 + own.length);
          read.fill(0);
          return size;
        });
        const packed = packer.finish();
        expect(Array.from(packed, textOf)).toEqual(rows);
        expect(packed.last()?.map(String)).toEqual(rows.at(-1)?.map(String));
        expect(sizes).toEqual(Array.from(packed, packedBytes));
        expect([packed.length, packed.bytes]).toEqual([rows.length, sizes.reduce((sum, size) => sum + size, 0)]);
      }),
      { numRuns: 50 },
    );
  });

  test("take the text form of their types", () => {
    const packer = new RowPacker([bytes, plain, instant]);
    const row = packet("\u0001ab", null, "2024-02-29 13:05:00.250000");
    packer.add(row, 0, row.length);
    expect([...packer.finish()]).toEqual([[Buffer.from("\\x016162"), null, Buffer.from("2024-02-29 13:05:00.25+00")]]);
  });

  test("may have a value of more than 16 MB", () => {
    const packer = new RowPacker([plain]);
    const large = "đ".repeat(9 * 1024 * 1024);
    const row = packet(large);
    packer.add(row, 0, row.length);
    expect(packer.finish().last()?.[0]?.toString()).toBe(large);
  });

  test.each([
    ["too few values", packet("a")],
    ["too many", packet("a", "b", "c")],
    ["a length that goes beyond them", Buffer.from([1, 0x61, 5, 0x62])],
    ["a length that is none", Buffer.from([1, 0x61, 0xff, 0x62])],
  ])("are refused with %s", (_, row) => {
    expect(() => new RowPacker([plain, plain]).add(row, 0, row.length)).toThrow(expect.objectContaining({ code: "DB-SLOT-010" }));
  });
});
