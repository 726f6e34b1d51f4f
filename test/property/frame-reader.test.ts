import fc from "fast-check";
import { expect, test } from "vitest";
import { FrameReader } from "../../connectors/postgres/capture/frame-reader.ts";

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

function readAll(reads: readonly Buffer[]): Frame[] {
  const frames: Frame[] = [];
  const reader = new FrameReader((type, bytes, from, to) => {
    frames.push({ type, body: bytes.subarray(from, to) });
  });
  for (const read of reads) reader.push(read);
  return frames;
}

test("messages come out the same however the network cuts them", () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 12 }), fc.array(fc.nat(), { maxLength: 20 }), (frames, cuts) => {
      const bytes = wire(frames);
      const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
      const reads = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
      expect(readAll(reads)).toEqual(frames);
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
  const read = readAll(Array.from(bytes, (byte) => Buffer.from([byte])));
  expect(read).toEqual(frames);
  expect(read.map(({ body }) => body.buffer.byteLength)).toEqual([0, 3]);
});

test("a length that no message can have is refused before memory is taken for it", () => {
  for (const length of [0, 3, 0x7fff_ffff, 0xffff_ffff]) {
    const header = Buffer.alloc(5);
    header.writeUInt32BE(length, 1);
    const push = (): unknown => readAll([header]);
    expect(push, String(length)).toThrow(expect.objectContaining({ code: "DB-SLOT-010" }));
  }
});
