import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { listedColumn, TextArray } from "../../../connectors/postgres/apply/array-parameter.ts";
import { ByteWriter } from "../../../connectors/postgres/apply/byte-writer.ts";
import { microsText } from "../../../connectors/postgres/apply/checkpoint-sql.ts";
import { copyLines } from "../../../connectors/postgres/apply/copy-lines.ts";
import { PreparedStatements } from "../../../connectors/postgres/apply/statement-batch.ts";

const runs = { numRuns: Number(process.env["FC_RUNS"] ?? 300) };
const bytes = fc.oneof(
  { weight: 8, arbitrary: fc.uint8Array({ maxLength: 40 }) },

  // Around the sizes at which a value is passed on instead of copied.
  fc.integer({ min: 16_380, max: 16_400 }).map((size) => new Uint8Array(size).fill(0x5c)),
  fc.constantFrom("\\N", "\\.", "\t\n\r\\", "", "a\\").map((text) => new Uint8Array(Buffer.from(text))),
);
const value = fc.option(
  bytes.map((array) => Buffer.from(array)),
  { nil: null },
);

describe("bytes for a socket", () => {
  test("come out in the order they were written, whatever their sizes", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(bytes, fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })), { maxLength: 60 }), (pieces) => {
        const writer = new ByteWriter();
        const expected: Buffer[] = [];
        for (const piece of pieces) {
          if (typeof piece === "number") {
            const number = Buffer.alloc(4);
            number.writeInt32BE(piece);
            expected.push(number);
            writer.int32(piece);
          } else {
            expected.push(Buffer.from(piece));
            writer.bytes(Buffer.from(piece));
          }
          expect(writer.byteLength).toBe(Buffer.concat(expected).length);
        }
        expect(Buffer.concat(writer.take()).equals(Buffer.concat(expected))).toBe(true);
        expect(writer.byteLength).toBe(0);
      }),
      runs,
    );
  });

  test("pass a large value on without a copy", () => {
    const large = Buffer.alloc(1024 * 1024);
    const writer = new ByteWriter();
    writer.int32(1);
    writer.bytes(large);
    expect(writer.take().some((chunk) => chunk === large)).toBe(true);
  });
});

describe("a column as a parameter", () => {
  test("has the length it announces, its header and every value", () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 20 }), (values) => {
        const writer = new ByteWriter();
        const array = new TextArray(listedColumn(values));
        array.writeTo(writer);
        const message = Buffer.concat(writer.take());
        expect(message.length).toBe(array.byteLength);
        expect([0, 4, 8, 12, 16].map((at) => message.readInt32BE(at))).toEqual([1, values.includes(null) ? 1 : 0, 25, values.length, 1]);
        let at = 20;
        for (const expected of values) {
          const size = message.readInt32BE(at);
          at += 4;
          if (expected === null) expect(size).toBe(-1);
          else {
            expect(message.subarray(at, at + size).compare(expected)).toBe(0);
            at += size;
          }
        }
        expect(at).toBe(message.length);
      }),
      runs,
    );
  });
});

describe("rows for COPY", () => {
  test("read back as the manual says the server reads them", () => {
    fc.assert(
      fc.property(fc.array(fc.array(value, { minLength: 1, maxLength: 4 }), { maxLength: 8 }), (rows) => {
        const text = Buffer.concat([...copyLines(rows, "42")]);
        const expected = rows.map((row) => [...row.map((entry) => entry?.toString("latin1") ?? null), "42"]);
        expect(JSON.stringify(readCopyText(text))).toBe(JSON.stringify(expected));
      }),
      runs,
    );
  });

  test("come in pieces of bounded size", () => {
    const rows = Array.from({ length: 20_000 }, () => [Buffer.alloc(100, 0x61)]);
    const sizes = [...copyLines(rows, "1")].map((chunk) => chunk.length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(128 * 1024);
    expect(sizes.length).toBeGreaterThan(10);
  });
});

describe("instants", () => {
  test("are printed to the microsecond, before 1970 as well", () => {
    expect(microsText(0)).toBe("1970-01-01T00:00:00.000000Z");
    expect(microsText(1_767_323_045_678_901)).toBe("2026-01-02T03:04:05.678901Z");
    expect(microsText(-1)).toBe("1969-12-31T23:59:59.999999Z");
  });

  test("agree with the clock of JavaScript to the millisecond", () => {
    fc.assert(
      fc.property(fc.integer({ min: -9_000_000_000_000, max: 9_000_000_000_000 }), fc.nat(999), (ms, rest) => {
        expect(microsText(ms * 1000 + rest)).toBe(new Date(ms).toISOString().replace("Z", `${String(rest).padStart(3, "0")}Z`));
      }),
      runs,
    );
  });
});

describe("prepared statements", () => {
  test("are parsed once, and once more after a failure left it open", () => {
    const prepared = new PreparedStatements();
    const first = prepared.use("SELECT 1");
    expect(first.parse).toBe(true);
    expect(prepared.use("SELECT 1")).toEqual({ name: first.name, parse: false });
    prepared.doubt("SELECT 1");
    expect(prepared.use("SELECT 1")).toEqual({ name: first.name, parse: true });
    expect(prepared.use("SELECT 1")).toEqual({ name: first.name, parse: false });
    expect(prepared.use("SELECT 2").name).not.toBe(first.name);
  });

  test("beyond the limit have no name and are parsed each time", () => {
    const prepared = new PreparedStatements();
    for (let number = 0; number < PreparedStatements.limit; number += 1) prepared.use(`SELECT ${number}`);
    for (let times = 0; times < 2; times += 1) expect(prepared.use("SELECT 'one too many'")).toEqual({ name: "", parse: true });
    expect(prepared.use("SELECT 3").parse).toBe(false);
  });
});

/** COPY's text format, read after the manual's description alone; what it does not allow becomes `?`. */
function readCopyText(text: Buffer): (string | null)[][] {
  const letters: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r", "\\": "\\" };
  const lines = text.toString("latin1").split("\n").slice(0, -1);
  return lines.map((line) =>
    line
      .split("\t")
      .map((field) =>
        field === "\\N" ? null : field.replaceAll("\r", "?").replace(/\\(.)/g, (_, letter: string) => letters[letter] ?? "?"),
      ),
  );
}
