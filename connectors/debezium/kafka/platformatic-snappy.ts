// Snappy as Kafka's Java clients and brokers write it: raw blocks in a frame (snappy-java's SnappyOutputStream). The client
// library knows raw blocks alone.
import { compressionsAlgorithms } from "@platformatic/kafka";

/** Begins every frame; version and oldest compatible version follow, four bytes each. */
const magic = Buffer.from([0x82, ...Buffer.from("SNAPPY"), 0]);
const headBytes = magic.length + 8;
type Decompress = (typeof compressionsAlgorithms)["snappy"]["decompressSync"];
const library: { decompressSync: Decompress } = compressionsAlgorithms.snappy;
const decompressBlock = library.decompressSync;

/** Puts what reads frames in the library's place for it. */
export function readSnappyFrames(): void {
  library.decompressSync = (data) => decompress(Buffer.isBuffer(data) ? data : data.buffer);
}

function decompress(data: Buffer): Buffer {
  if (!data.subarray(0, magic.length).equals(magic)) return decompressBlock(data);
  const blocks: Buffer[] = [];
  for (let at = headBytes; at + 4 <= data.length;) {
    const end = at + 4 + data.readInt32BE(at);
    blocks.push(decompressBlock(data.subarray(at + 4, end)));
    at = end;
  }
  return Buffer.concat(blocks);
}
