import fc from "fast-check";
import { expect, test } from "vitest";
import { copyLines } from "../../connectors/postgres/apply/copy-lines.ts";
import { BinaryRowsBuilder, printersOf } from "../../connectors/postgres/binary-rows.ts";
import { CopyRowsBuilder } from "../../connectors/postgres/copy-rows.ts";
import { parseCopyRow } from "../../connectors/postgres/copy-text.ts";
import { headerBytes, MessageSplitter } from "../../connectors/postgres/message-splitter.ts";
import type { Row } from "../../engine/model/row.ts";
import { columnType } from "../support/table-builders.ts";

/** Bytes with many of those that COPY escapes. */
const value = fc
  .array(fc.oneof(fc.constantFrom(...Buffer.from("\\\t\n\r\b\f\vNbfnrtv.")), fc.integer({ min: 1, max: 255 })), { maxLength: 12 })
  .map((bytes) => Buffer.from(bytes));
const rows = fc.integer({ min: 1, max: 6 }).chain((columns) =>
  fc.record({
    columns: fc.constant(columns),
    rows: fc.array(fc.array(fc.option(value), { minLength: columns, maxLength: columns }), { maxLength: 6 }),
  }),
);

test("a row that was written in COPY's text format is read back byte for byte, NULL and empty included", () => {
  fc.assert(
    fc.property(rows, ({ columns, rows: written }) => {
      const text = Buffer.concat([...copyLines(written, "end")]);
      const read: Row[] = [];
      for (let start = 0; start < text.length;) {
        const end = text.indexOf(0x0a, start) + 1;
        read.push(parseCopyRow(Buffer.from(text.subarray(start, end)), 0, end - start, columns + 1));
        start = end;
      }
      expect(read).toEqual(written.map((row) => [...row, Buffer.from("end")]));
    }),
  );
});

test("rows that go from one server to another as they are get another column each, and are the same when they are taken apart", () => {
  fc.assert(
    fc.property(rows, fc.integer({ min: 1, max: 100 }), ({ columns, rows: written }, pieceBytes) => {
      const lines = Buffer.concat([...copyLines(written, "1")]).toString("latin1");
      const sent = wire((lines.match(/[^\n]*\n/g) ?? []).map((line) => ({ type: 0x64, body: Buffer.from(line, "latin1") })));
      const builder = new CopyRowsBuilder(columns + 1);
      const splitter = new MessageSplitter({ message: (...message) => builder.add(...message), admits: () => true });
      for (let at = 0; at < sent.length; at += pieceBytes) splitter.push(sent.subarray(at, at + pieceBytes));
      const copied = builder.finish();
      const whole = written.map((row) => [...row, Buffer.from("1")]);
      expect(copied).toHaveLength(written.length);
      expect([...copied]).toEqual(whole);
      expect(copied.last()).toEqual(whole.at(-1));
      const passedOn = Buffer.concat(Array.from(copyLines(copied, "end"), (chunk) => Buffer.from(chunk))).toString("latin1");
      expect(passedOn).toBe(lines.replaceAll("\n", "\tend\n"));
      expect([...copied]).toEqual(whole);
    }),
  );
});

test("rows in binary are the same wherever the network has cut them, and go on with one more value each", () => {
  const types = [columnType("text"), columnType("integer")];
  const binaryRows = fc.array(fc.tuple(fc.option(value), fc.option(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }))), { maxLength: 6 });
  fc.assert(
    fc.property(binaryRows, fc.integer({ min: 1, max: 100 }), fc.boolean(), (written, pieceBytes, headerAlone) => {
      const tuples = written.map(([text, integer]) => tuple(text, integer === null ? null : int32(integer)));
      const bodies = [...tuples, trailer];
      // Servers put the first row, or the trailer, behind what all begins with, into the same message.
      const first = headerAlone ? [binaryBeginning] : [Buffer.concat([binaryBeginning, bodies.shift() ?? trailer])];
      const sent = wire([...first, ...bodies].map((body) => ({ type: 0x64, body })));
      const builder = new BinaryRowsBuilder(types, printersOf(types) ?? []);
      const exact: number[] = [];
      const message = (bytes: Buffer, start: number, end: number): void => {
        const from = builder.rowIn(bytes, start, end);
        if (from < 0) return;
        exact.push(end - from - headerBytes);
        builder.add(bytes, from, end);
      };
      const splitter = new MessageSplitter({ message, admits: () => true });
      for (let at = 0; at < sent.length; at += pieceBytes) splitter.push(Buffer.from(sent.subarray(at, at + pieceBytes)));
      const rows = builder.finish();
      const whole = written.map(([text, integer]) => [text, integer === null ? null : Buffer.from(String(integer))]);
      expect(exact).toEqual(tuples.map((body) => body.length));
      expect(rows).toHaveLength(written.length);
      expect([...rows]).toEqual(whole);
      expect(rows.last()).toEqual(whole.at(-1));
      const passedOn = Buffer.concat(Array.from(rows.withColumn(-7), (chunk) => Buffer.from(chunk)));
      const batch = Buffer.from([0, 0, 0, 8, 255, 255, 255, 255, 255, 255, 255, 249]);
      const wider = tuples.flatMap((body) => [Buffer.from([0, 3]), body.subarray(2), batch]);
      expect(passedOn).toEqual(Buffer.concat([binaryBeginning, ...wider, trailer]));
      expect([...rows]).toEqual(whole);
    }),
  );
});

test("rows in binary that are longer than a block go on whole", () => {
  const types = [columnType("text")];
  const builder = new BinaryRowsBuilder(types, printersOf(types) ?? []);
  const texts = [1, 200_000, 130_000, 3].map((size) => Buffer.alloc(size, "x"));
  const sent = wire(
    [Buffer.concat([binaryBeginning, tuple(texts[0] ?? null)]), ...texts.slice(1).map((text) => tuple(text))].map((body) => ({
      type: 0x64,
      body,
    })),
  );
  const message = (bytes: Buffer, start: number, end: number): void => builder.add(bytes, builder.rowIn(bytes, start, end), end);
  new MessageSplitter({ message, admits: () => true }).push(sent);
  const batch = Buffer.from([0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1]);
  const wider = texts.flatMap((text) => [Buffer.from([0, 2]), int32(text.length), text, batch]);
  const passedOn = Buffer.concat(Array.from(builder.finish().withColumn(1), (chunk) => Buffer.from(chunk)));
  expect(passedOn.equals(Buffer.concat([binaryBeginning, ...wider, trailer]))).toBe(true);
});

const binaryBeginning = Buffer.concat([Buffer.from("PGCOPY\n\xff\r\n\0", "latin1"), Buffer.alloc(8)]);
const trailer = Buffer.from([0xff, 0xff]);

function int32(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(number);
  return bytes;
}

function tuple(...values: readonly (Buffer | null)[]): Buffer {
  return Buffer.concat([
    Buffer.from([0, values.length]),
    ...values.map((one) => Buffer.concat([int32(one?.length ?? -1), one ?? Buffer.alloc(0)])),
  ]);
}

test("a row that holds more or fewer values than were asked for is never taken for one that fits", () => {
  const row = Buffer.from("a\tb\tc\n");
  for (const columns of [0, 1, 2, 4]) expect(() => parseCopyRow(Buffer.from(row), 0, row.length, columns)).toThrow("as many values");
  expect(() => parseCopyRow(Buffer.from("a\tb"), 0, 3, 2)).toThrow("as many values");
});

interface Message {
  readonly type: number;
  readonly body: Uint8Array;
}

const messages = fc.array(fc.record({ type: fc.integer({ min: 1, max: 255 }), body: fc.uint8Array({ maxLength: 40 }) }), { maxLength: 12 });

function wire(all: readonly Message[]): Buffer {
  return Buffer.concat(
    all.map(({ type, body }) => {
      const header = Buffer.alloc(headerBytes);
      header[0] = type;
      header.writeUInt32BE(body.length + 4, 1);
      return Buffer.concat([header, body]);
    }),
  );
}

test("messages are the same wherever the network has cut them", () => {
  fc.assert(
    fc.property(messages, fc.array(fc.integer({ min: 1, max: 30 })), (sent, cuts) => {
      const bytes = wire(sent);
      const received: Message[] = [];
      const splitter = new MessageSplitter({
        message: (piece, start, end) => {
          received.push({ type: piece[start] ?? 0, body: Uint8Array.from(piece.subarray(start + headerBytes, end)) });
        },
        admits: () => true,
      });
      let at = 0;
      for (const cut of [...cuts, bytes.length]) {
        if (at >= bytes.length) break;
        splitter.push(Buffer.from(bytes.subarray(at, at + cut)));
        at += cut;
      }
      expect(received).toEqual(sent);
      expect(splitter.isEmpty).toBe(true);
    }),
  );
});

test("no memory is taken for a message that is not admitted, and nothing after it is read", () => {
  const seen: number[] = [];
  const asked: [number, number][] = [];
  const splitter = new MessageSplitter({
    message: (piece, start) => {
      seen.push(piece[start] ?? 0);
    },
    admits: (type, length) => {
      asked.push([type, length]);
      return false;
    },
  });
  const bytes = wire([
    { type: 1, body: new Uint8Array(3) },
    { type: 2, body: new Uint8Array(1000) },
    { type: 3, body: new Uint8Array(3) },
  ]);
  splitter.push(bytes.subarray(0, 500));
  splitter.push(bytes.subarray(500));
  expect(seen).toEqual([1]);
  expect(asked).toEqual([[2, 1005]]);
});
