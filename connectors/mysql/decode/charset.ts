// Text of a column's character set → UTF-8, the same as the server converts it.
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { malformed } from "./byte-reader.ts";
import { upperHalves } from "./charset-tables.ts";
import type { ValueMemory } from "./value-memory.ts";

/** Takes a value's bytes; the result belongs to the receiver. */
export type TextDecoding = (bytes: Buffer, memory: ValueMemory) => Buffer;

const copy: TextDecoding = (bytes, memory) => memory.copy(bytes);

/**
 * Decoding of a character set. Of one that dongbo does not know exactly only ASCII text is read; other text throws
 * DB-SLOT-021, because nothing is guessed.
 */
export function textDecoding(charset: string): TextDecoding {
  const known = decodings.get(charset);
  if (known !== undefined) return known;
  const made = makeDecoding(charset);
  decodings.set(charset, made);
  return made;
}

const decodings = new Map<string, TextDecoding>();

function makeDecoding(charset: string): TextDecoding {
  switch (charset) {
    case "utf8mb4":
    case "utf8mb3":
      return copy;
    case "ascii":
      return unlessAscii((bytes, memory) => memory.copy(Buffer.from(bytes.map((byte) => (byte < 0x80 ? byte : 0x3f)))));
    case "ucs2":
    case "utf16":
      return (bytes) => Buffer.from(Buffer.from(bytes).swap16().toString("utf16le"), "utf8");
    case "utf16le":
      return (bytes) => Buffer.from(bytes.toString("utf16le"), "utf8");
    case "utf32":
      return utf32;
    case "swe7":
      // The only one whose lower half is not ASCII.
      return unknown(charset);
    case "gbk":
      return unlessAscii(gbk);
    case "gb2312":
      return unlessAscii(gb2312);
    default: {
      const half = upperHalves[charset];
      return unlessAscii(half === undefined ? unknown(charset) : oneByte(half));
    }
  }
}

/** Most text is ASCII, whatever its character set. */
function unlessAscii(other: TextDecoding): TextDecoding {
  return (bytes, memory) => (isAscii(bytes) ? memory.copy(bytes) : other(bytes, memory));
}

function isAscii(bytes: Buffer): boolean {
  for (const byte of bytes) if (byte >= 0x80) return false;
  return true;
}

function oneByte(half: string): TextDecoding {
  const utf8 = Array.from({ length: 256 }, (_, byte) => Buffer.from(byte < 0x80 ? String.fromCharCode(byte) : (half[byte - 0x80] ?? "?")));
  return (bytes) => Buffer.concat(Array.from(bytes, (byte) => utf8[byte] ?? Buffer.alloc(0)));
}

const gbkText = new TextDecoder("gbk", { fatal: true });
const gbk: TextDecoding = (bytes) => Buffer.from(readGbk(bytes), "utf8");

/** GB 2312 is a part of GBK; two characters are others at the server than in the WHATWG's table. */
const gb2312: TextDecoding = (bytes) => Buffer.from(readGbk(bytes).replaceAll("\u00b7", "\u30fb").replaceAll("\u2014", "\u2015"), "utf8");

function readGbk(bytes: Buffer): string {
  try {
    return gbkText.decode(bytes);
  } catch (error) {
    throw malformed("a text is not in its character set", error);
  }
}

const utf32: TextDecoding = (bytes) => {
  let text = "";
  for (let at = 0; at + 4 <= bytes.length; at += 4) text += String.fromCodePoint(bytes.readUInt32BE(at));
  return Buffer.from(text, "utf8");
};

function unknown(charset: string): TextDecoding {
  return () => {
    const cause = `a column holds text in the character set ${charset}, which dongbo cannot read exactly`;
    throw new ReplicationError("DB-SLOT-021", { subject: "binary log", cause });
  };
}
