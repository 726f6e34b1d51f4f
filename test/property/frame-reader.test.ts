import fc from "fast-check";
import { expect, test } from "vitest";
import { FrameReader } from "../../connectors/postgres/capture/frame-reader.ts";
import { RowMemory } from "../../connectors/postgres/capture/row-memory.ts";

interface Frame {
  readonly type: number;
  readonly body: Buffer;
}

const frame = fc.record({ type: fc.nat({ max: 255 }), body: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)) });

function wire(frames: readonly Frame[]): Buffer {
  return Buffer.concat(
    frames.flatMap(({ type, body }) => {
      const header = Buffer.alloc(5);
      header[0] = type;
      header.writeUInt32BE(body.length + 4, 1);
      return [header, body];
    }),
  );
}

function readAll(reads: readonly Buffer[]): { frames: Frame[]; owned: Buffer[] } {
  const frames: Frame[] = [];
  const owned: Buffer[] = [];
  const reader = new FrameReader((type, body, isOwned) => {
    frames.push({ type, body });
    if (isOwned) owned.push(body);
  });
  for (const read of reads) reader.push(read);
  return { frames, owned };
}

test("messages come out the same however the network cuts them", () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 12 }), fc.array(fc.nat(), { maxLength: 20 }), (frames, cuts) => {
      const bytes = wire(frames);
      const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
      const reads = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
      expect(readAll(reads).frames).toEqual(frames);
    }),
    { numRuns: 500 },
  );
});

test("a message read byte by byte is the same, and is gathered in one buffer of its own size", () => {
  const frames = [
    { type: 1, body: Buffer.alloc(0) },
    { type: 2, body: Buffer.from("xyz") },
  ];
  const bytes = wire(frames);
  const { frames: read, owned } = readAll(Array.from(bytes, (byte) => Buffer.from([byte])));
  expect(read).toEqual(frames);
  expect(owned.map((body) => body.buffer.byteLength)).toEqual([0, 3]);
});

test("a length that no message can have is refused before memory is taken for it", () => {
  for (const length of [0, 3, 0x7fff_ffff, 0xffff_ffff]) {
    const header = Buffer.alloc(5);
    header.writeUInt32BE(length, 1);
    const push = (): unknown => readAll([header]);
    expect(push, String(length)).toThrow(expect.objectContaining({ code: "DB-SLOT-010" }));
  }
});

test("rows keep their bytes whatever comes after them, and hold on to no more than a slab", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 40 }), (rows) => {
      const memory = new RowMemory();
      const read = Buffer.alloc(4000);
      const copies = rows.map((row) => {
        // As a socket might: the same memory for every read.
        read.set(row);
        return memory.copy(read.subarray(0, row.length));
      });
      read.fill(0);
      expect(copies.map((copy) => Buffer.from(copy))).toEqual(rows.map((row) => Buffer.from(row)));
      for (const copy of copies) expect(copy.buffer.byteLength).toBeLessThanOrEqual(Math.max(2048, copy.length));
    }),
    { numRuns: 200 },
  );
});
