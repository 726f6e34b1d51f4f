// One value of a row, as the binary log's row events hold it → its text (MySQL Internals, "Rows_event", "Column values").
import { inflateRawSync, inflateSync } from "node:zlib";
import { doubleText, floatText } from "../../float-text.ts";
import type { WireType } from "../wire-type.ts";
import { type ByteReader, malformed } from "./byte-reader.ts";
import { textDecoding } from "./charset.ts";
import { inet4Text, inet6Text, uuidText } from "./declared-types.ts";
import { readDecimal } from "./decimal-text.ts";
import { jsonText } from "./json-text.ts";
import { readDate, readDatetime, readTime, readTimestamp } from "./temporal-text.ts";
import type { ValueMemory } from "./value-memory.ts";

/** Reads the next value, which is not NULL. The result belongs to the receiver. */
export type ValueReader = (reader: ByteReader, memory: ValueMemory) => Buffer;

/** Reader of a column's values. `compressed`: MariaDB's COMPRESSED attribute. */
export function valueReader(type: WireType, compressed: boolean): ValueReader {
  switch (type.kind) {
    case "integer":
      return integerReader(type.bytes, type.unsigned);
    case "decimal":
      return (reader, memory) => memory.ascii(readDecimal(reader, type.precision, type.scale));
    case "float":
      return (reader, memory) => memory.ascii(floatText(reader.float()));
    case "double":
      return (reader, memory) => memory.ascii(doubleText(reader.double()));
    case "bit":
      return (reader, memory) =>
        memory.ascii(
          reader
            .bigEndian((type.bits + 7) >> 3)
            .toString(2)
            .padStart(type.bits, "0"),
        );
    case "year":
      return (reader, memory) => memory.ascii(yearText(reader.uint8()));
    case "date":
      return (reader, memory) => memory.ascii(readDate(reader));
    case "time":
      return (reader, memory) => memory.ascii(readTime(reader, type.fraction));
    case "datetime":
      return (reader, memory) => memory.ascii(readDatetime(reader, type.fraction));
    case "timestamp":
      return (reader, memory) => memory.ascii(readTimestamp(reader, type.fraction));
    case "json":
      return (reader) => jsonText(reader.slice(reader.uint32()));
    case "geometry":
      return (reader, memory) => memory.hex(reader.slice(reader.uint32()));
    case "enum":
    case "set":
      return labelReader(type.kind, type.labels);
    default:
      return bytesReader(type, compressed);
  }
}

function yearText(value: number): string {
  return value === 0 ? "0" : String(1900 + value);
}

function integerReader(bytes: 1 | 2 | 3 | 4 | 8, unsigned: boolean): ValueReader {
  switch (bytes) {
    case 1:
      return (reader, memory) => memory.ascii(String(unsigned ? reader.uint8() : reader.int8()));
    case 2:
      return (reader, memory) => memory.ascii(String(unsigned ? reader.uint16() : reader.int16()));
    case 3:
      return (reader, memory) => memory.ascii(String(unsigned ? reader.uint24() : reader.int24()));
    case 4:
      return (reader, memory) => memory.ascii(String(unsigned ? reader.uint32() : reader.int32()));
    case 8:
      return (reader, memory) => memory.ascii(String(unsigned ? reader.uint64() : reader.int64()));
  }
}

function labelReader(kind: "enum" | "set", labels: readonly string[]): ValueReader {
  const texts = labels.map((label) => Buffer.from(label, "utf8"));
  if (kind === "enum") {
    const bytes = labels.length < 256 ? 1 : 2;
    return (reader) => {
      const index = reader.length(bytes);
      const label = index === 0 ? emptyText : texts[index - 1];
      if (label === undefined) throw malformed("an ENUM's value is beyond its labels");
      return label;
    };
  }
  const bytes = setBytes(labels.length);
  return (reader) => {
    const low = reader.length(Math.min(bytes, 4));
    const high = bytes > 4 ? reader.length(bytes - 4) : 0;
    const chosen = labels.filter((_, index) => ((index < 32 ? low >>> index : high >>> (index - 32)) & 1) === 1);
    return Buffer.from(chosen.join(","), "utf8");
  };
}

const emptyText = Buffer.alloc(0);

function setBytes(labels: number): number {
  const bytes = (labels + 7) >> 3;
  return bytes > 4 ? 8 : bytes;
}

type BytesType = Extract<WireType, { kind: "char" | "varchar" | "binary" | "varbinary" | "text" | "blob" | "uuid" | "inet4" | "inet6" }>;

function bytesReader(type: BytesType, compressed: boolean): ValueReader {
  switch (type.kind) {
    case "char":
    case "varchar":
      return textReader(lengthBytes(type.bytes + (compressed ? 1 : 0)), type.charset, compressed);
    case "text":
      return textReader(type.lengthBytes, type.charset, compressed);
    case "varbinary":
      return binaryReader(lengthBytes(type.bytes + (compressed ? 1 : 0)), compressed);
    case "blob":
      return binaryReader(type.lengthBytes, compressed);
    case "binary":
      return (reader, memory) => memory.hex(padded(reader, type.bytes));
    case "uuid":
      return (reader, memory) => memory.ascii(uuidText(padded(reader, 16)));
    case "inet4":
      return (reader, memory) => memory.ascii(inet4Text(padded(reader, 4)));
    case "inet6":
      return (reader, memory) => memory.ascii(inet6Text(padded(reader, 16)));
  }
}

function textReader(lengthBytes: number, charset: string, compressed: boolean): ValueReader {
  const decode = textDecoding(charset);
  if (compressed) return (reader, memory) => decode(decompressed(reader.slice(reader.length(lengthBytes))), memory);
  return (reader, memory) => decode(reader.slice(reader.length(lengthBytes)), memory);
}

function binaryReader(lengthBytes: number, compressed: boolean): ValueReader {
  if (compressed) return (reader, memory) => memory.hex(decompressed(reader.slice(reader.length(lengthBytes))));
  return (reader, memory) => memory.hex(reader.slice(reader.length(lengthBytes)));
}

/** The log leaves the zero bytes at the end of BINARY(n) out. */
function padded(reader: ByteReader, size: number): Buffer {
  const bytes = reader.slice(reader.length(lengthBytes(size)));
  return bytes.length === size ? bytes : Buffer.concat([bytes], size);
}

function lengthBytes(bytesMax: number): number {
  return bytesMax > 255 ? 2 : 1;
}

/**
 * A value of a COMPRESSED column (MariaDB, sql/field.cc, compress_zlib): a byte that is 0 before plain bytes, or 0x80 with
 * the number of bytes of the length and 8 when the deflated bytes have no zlib header.
 */
function decompressed(bytes: Buffer): Buffer {
  const method = bytes[0];
  if (method === undefined) return bytes;
  if (method === 0) return bytes.subarray(1);
  const deflated = bytes.subarray(1 + (method & 7));
  try {
    return (method & 8) === 0 ? inflateSync(deflated) : inflateRawSync(deflated);
  } catch (error) {
    throw malformed("a compressed value cannot be read", error);
  }
}
