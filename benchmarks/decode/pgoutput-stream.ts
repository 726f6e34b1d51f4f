// The changes as PostgreSQL's pgoutput plugin sends them (manual, "Logical Replication Message Formats", protocol version 1).
import { changesPerTransaction, citizenColumns, type TextChange, type TextRow } from "./citizen-changes.ts";

const relationId = 16_384;
/** Microseconds from 2000-01-01, where PostgreSQL's time begins, to 2026-01-01. */
const committedAt = 820_454_400_000_000n;
const commitBytes = 1_000n;

/** One message each: the table, then transactions of a few changes. */
export function pgoutputStream(changes: readonly TextChange[]): Buffer[] {
  const messages = [relation()];
  for (let at = 0; at < changes.length; at += changesPerTransaction) {
    const lsn = BigInt(at + 1) * commitBytes;
    messages.push(Buffer.concat([letter("B"), int64(lsn), int64(committedAt), int32(1_000 + at)]));
    messages.push(...changes.slice(at, at + changesPerTransaction).map(rowMessage));
    messages.push(Buffer.concat([letter("C"), int8(0), int64(lsn), int64(lsn + commitBytes / 2n), int64(committedAt)]));
  }
  return messages;
}

function relation(): Buffer {
  const columns = citizenColumns.flatMap(({ name, typeId, typeModifier, inIdentity }) => [
    int8(inIdentity ? 1 : 0),
    zeroEnded(name),
    int32(typeId),
    int32(typeModifier),
  ]);
  return Buffer.concat([
    letter("R"),
    int32(relationId),
    zeroEnded("public"),
    zeroEnded("citizen"),
    letter("i"),
    int16(citizenColumns.length),
    ...columns,
  ]);
}

function rowMessage({ tag, row }: TextChange): Buffer {
  if (tag === "delete") {
    const key = row.map((value, index) => (citizenColumns[index]?.inIdentity === true ? value : null));
    return Buffer.concat([letter("D"), int32(relationId), letter("K"), tuple(key)]);
  }
  return Buffer.concat([letter(tag === "insert" ? "I" : "U"), int32(relationId), letter("N"), tuple(row)]);
}

function tuple(row: TextRow): Buffer {
  const values = row.flatMap((value) => {
    if (value === null) return [letter("n")];
    const bytes = Buffer.from(value, "utf8");
    return [letter("t"), int32(bytes.length), bytes];
  });
  return Buffer.concat([int16(row.length), ...values]);
}

function letter(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

function zeroEnded(text: string): Buffer {
  return Buffer.from(`${text}\0`, "utf8");
}

function int8(value: number): Buffer {
  return Buffer.of(value);
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}
