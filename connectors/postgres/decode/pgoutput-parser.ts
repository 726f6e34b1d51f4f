// Bytes of one pgoutput message → PgoutputMessage. Pure; knows nothing of sockets or of earlier messages.
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { type Row, UNCHANGED } from "../../../engine/model/row.ts";
import { BinaryReader, malformed } from "./binary-reader.ts";
import type { BeforeImage, PgoutputMessage, RelationColumn, RelationMessage, TruncateMessage, TupleImage } from "./pgoutput-messages.ts";

/** The first byte of each message. */
const kind = {
  begin: 0x42, // B
  commit: 0x43, // C
  delete: 0x44, // D
  insert: 0x49, // I
  message: 0x4d, // M
  origin: 0x4f, // O
  relation: 0x52, // R
  truncate: 0x54, // T
  update: 0x55, // U
  type: 0x59, // Y
} as const;

/** First byte of a row image and of each value in it. */
const part = {
  binary: 0x62, // b
  key: 0x4b, // K
  newRow: 0x4e, // N
  nullValue: 0x6e, // n
  oldRow: 0x4f, // O
  text: 0x74, // t
  unchanged: 0x75, // u
} as const;

/** Messages of protocol versions 2 to 4 that come only when asked for; sent unasked, they must not be mistaken. */
const notAskedFor: Readonly<Record<string, string>> = {
  S: "streamed transactions",
  E: "streamed transactions",
  c: "streamed transactions",
  A: "streamed transactions",
  b: "two-phase commit",
  P: "two-phase commit",
  K: "two-phase commit",
  r: "two-phase commit",
  p: "two-phase commit",
};

/**
 * Reads one message. Values are slices of `bytes`, which must therefore belong to the caller and never change.
 * Throws DB-SLOT-009 on a message that dongbo does not know or did not ask for, DB-SLOT-010 on one that cannot be read.
 */
export function parsePgoutput(bytes: Buffer): PgoutputMessage {
  const reader = new BinaryReader(bytes);
  const message = parseBody(reader, reader.uint8());
  reader.end();
  return message;
}

function parseBody(reader: BinaryReader, first: number): PgoutputMessage {
  switch (first) {
    case kind.insert:
      return { tag: "insert", relationId: reader.uint32(), after: tuple(reader, part.newRow) };
    case kind.update:
      return { tag: "update", relationId: reader.uint32(), ...updateImages(reader) };
    case kind.delete:
      return { tag: "delete", relationId: reader.uint32(), before: beforeImage(reader, reader.uint8()) };
    case kind.begin:
      return { tag: "begin", commitLsn: reader.lsn(), committedAt: reader.micros(), transactionId: reader.uint32() };
    case kind.commit:
      flags(reader, 0);
      return { tag: "commit", commitLsn: reader.lsn(), endLsn: reader.lsn(), committedAt: reader.micros() };
    case kind.relation:
      return relation(reader);
    case kind.type:
      return { tag: "type", id: reader.uint32(), schema: schemaName(reader), name: reader.text() };
    case kind.truncate:
      return truncate(reader);
    case kind.origin:
      return { tag: "origin", lsn: reader.lsn(), name: reader.text() };
    case kind.message:
      return {
        tag: "message",
        transactional: flags(reader, 1) === 1,
        lsn: reader.lsn(),
        prefix: reader.text(),
        content: reader.slice(reader.uint32()),
      };
    default:
      throw unknownMessage(first);
  }
}

function updateImages(reader: BinaryReader): { before: BeforeImage | null; after: TupleImage } {
  const first = reader.uint8();
  if (first === part.newRow) return { before: null, after: values(reader) };
  return { before: beforeImage(reader, first), after: tuple(reader, part.newRow) };
}

function beforeImage(reader: BinaryReader, first: number): BeforeImage {
  if (first !== part.key && first !== part.oldRow) throw malformed("a row image is neither key nor old row");
  const image = values(reader);
  return { values: image.values, binary: image.binary, keyOnly: first === part.key };
}

function tuple(reader: BinaryReader, expected: number): TupleImage {
  if (reader.uint8() !== expected) throw malformed("a row image is not of the kind expected");
  return values(reader);
}

function values(reader: BinaryReader): TupleImage {
  const count = reader.uint16();
  // Each value takes at least its kind: a damaged count must not make us allocate.
  if (count > reader.remaining) throw malformed("it ends too early");
  // Array.from would halve the speed of the whole decoder.
  const row: Row = [];
  let binary = false;
  for (let left = count; left > 0; left--) {
    const first = reader.uint8();
    if (first === part.text) row.push(reader.slice(reader.uint32()));
    else if (first === part.nullValue) row.push(null);
    else if (first === part.unchanged) row.push(UNCHANGED);
    else if (first === part.binary) {
      row.push(reader.slice(reader.uint32()));
      binary = true;
    } else throw malformed("a value is of a kind that is not known");
  }
  return { values: row, binary };
}

const identities: Readonly<Record<string, RelationMessage["identity"]>> = { d: "default", i: "index", f: "full", n: "nothing" };

function relation(reader: BinaryReader): RelationMessage {
  const id = reader.uint32();
  const schema = schemaName(reader);
  const name = reader.text();
  const identity = identities[String.fromCharCode(reader.uint8())];
  if (identity === undefined) throw malformed("a table's replica identity is not known");
  const columns: RelationColumn[] = [];
  for (let left = reader.uint16(); left > 0; left--) {
    const inIdentity = flags(reader, 1) === 1;
    columns.push({ name: reader.text(), inIdentity, typeId: reader.uint32(), typeModifier: reader.int32() });
  }
  return { tag: "relation", id, schema, name, identity, columns };
}

function truncate(reader: BinaryReader): TruncateMessage {
  const count = reader.uint32();
  const options = flags(reader, 3);
  if (count * 4 !== reader.remaining) throw malformed("the list of truncated tables has another length");
  const relationIds = Array.from({ length: count }, () => reader.uint32());
  return { tag: "truncate", relationIds, cascade: (options & 1) !== 0, restartIdentity: (options & 2) !== 0 };
}

/** The server writes `pg_catalog` as an empty name. */
function schemaName(reader: BinaryReader): string {
  return reader.text() || "pg_catalog";
}

/** A byte of flags. A flag that is not known may change what the message means: it is not passed over. */
function flags(reader: BinaryReader, known: number): number {
  const value = reader.uint8();
  if ((value & ~known) !== 0) throw malformed("a flag is set that is not known");
  return value;
}

function unknownMessage(first: number): ReplicationError {
  const letter = String.fromCharCode(first);
  const feature = notAskedFor[letter];
  const shown = /[A-Za-z0-9]/.test(letter) ? letter : `0x${first.toString(16)}`;
  const cause =
    feature === undefined
      ? `a message of the unknown kind ${shown} came`
      : `a message of kind ${shown} (${feature}) came without being asked for`;
  return new ReplicationError("DB-SLOT-009", { subject: "change stream", cause });
}
