import fc from "fast-check";
import { expect, test } from "vitest";
import { FrameReader } from "../../connectors/mysql/capture/frame-reader.ts";

function packet(content: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUIntLE(content.length, 0, 3);
  return Buffer.concat([header, content]);
}

test("packets come whole and in order, wherever the socket's reads cut them", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), fc.array(fc.integer({ min: 1, max: 9 })), (contents, cuts) => {
      const received: string[] = [];
      const reader = new FrameReader((content) => received.push(content.toString("hex")));
      const stream = Buffer.concat(contents.map((content) => packet(Buffer.from(content))));
      let at = 0;
      for (let index = 0; at < stream.length; index++) {
        const size = cuts.length === 0 ? stream.length : (cuts[index % cuts.length] ?? 1);
        reader.push(stream.subarray(at, at + size));
        at += size;
      }
      expect(received).toEqual(contents.map((content) => Buffer.from(content).toString("hex")));
    }),
  );
});

const max = 0xff_ffff;

test.each([max - 15, max - 1, max, max + 1, 2 * max, 2 * max + 5])("an event of %i bytes is gathered from its packets", (size) => {
  const content = Buffer.alloc(size, 0x61);
  content.writeUInt32LE(size - 1, 10);
  const parts: Buffer[] = [];
  for (let at = 0; ; at += max) {
    const part = content.subarray(at, at + max);
    parts.push(packet(part));
    if (part.length < max) break;
  }
  const stream = Buffer.concat([...parts, packet(Buffer.from("next"))]);
  const received: Buffer[] = [];
  const reader = new FrameReader((bytes) => received.push(Buffer.from(bytes)));
  for (let at = 0; at < stream.length; at += 65_521) reader.push(stream.subarray(at, at + 65_521));
  expect(received.map((bytes) => bytes.length)).toEqual([size, 4]);
  expect(received[0]?.equals(content)).toBe(true);
});
