import type { TableName } from "../model/table.ts";
import { read, refuse, type Reading } from "./reading.ts";
import { nameBytesMax } from "./source-names.ts";

/** Ids of sources, targets and shares: they appear in file names, metrics labels and object names. */
export function parseId(text: string): Reading<string> {
  return /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/.test(text) ? read(text) : refuse("DB-CFG-010");
}

/** A name inside a database, taken literally: capitals, spaces and Vietnamese letters included. */
export function parseName(text: string): Reading<string> {
  if (text === "") return refuse("DB-CFG-041", { cause: "the name is empty" });
  if (text.includes("\0")) return refuse("DB-CFG-041", { cause: "the name holds a zero byte" });
  const bytes = Buffer.byteLength(text);
  if (bytes > nameBytesMax) {
    return refuse("DB-CFG-041", { cause: `the name takes ${bytes} bytes; a server keeps at most ${nameBytesMax}` });
  }
  return read(text);
}

/** A table: `schema.table`, split at the first dot, or a list of both parts. */
export function parseTableName(written: string | readonly string[]): Reading<TableName> {
  const parts = typeof written === "string" ? splitAtFirstDot(written) : written;
  const [schema, name] = parts;
  if (schema === undefined || name === undefined || parts.length !== 2) return refuse("DB-CFG-040");
  for (const part of [schema, name]) {
    const reading = parseName(part);
    if (!reading.ok) return reading;
  }
  return read({ schema, name });
}

/** A schema that dongbo writes into must be neither its own nor the server's. */
export function parseTargetSchema(schema: string): Reading<string> {
  const reserved = schema === "dongbo" || schema === "information_schema" || schema.startsWith("pg_");
  if (reserved) return refuse("DB-CFG-041", { cause: "the schema belongs to dongbo or to the server" });
  return parseName(schema);
}

/** The column that dongbo adds to physical tables. */
export const batchColumn = "dongbo_batch";

export function parseTargetColumn(name: string): Reading<string> {
  if (name === batchColumn) return refuse("DB-CFG-041", { cause: `dongbo keeps ${batchColumn} for itself` });
  return parseName(name);
}

/** Names that a slot may have (PostgreSQL manual, "Replication Slots"). */
export function parseSlotName(text: string): Reading<string> {
  if (/^[a-z0-9_]{1,63}$/.test(text)) return read(text);
  return refuse("DB-CFG-041", {
    cause: "a replication slot cannot have this name",
    remedy: "Use lower-case letters, digits and _, at most 63",
  });
}

/** Names that Kafka takes for topics; a consumer group gets one too. Topic names that differ in `.` and `_` only collide in metrics. */
export function parseTopicName(text: string): Reading<string> {
  if (/^[A-Za-z0-9._-]{1,249}$/.test(text) && text !== "." && text !== "..") return read(text);
  return refuse("DB-CFG-041", {
    cause: "Kafka has no topics of this name",
    remedy: "Use letters A-Z a-z, digits, `.`, `_` and `-`, at most 249",
  });
}

/** A column's type in the target: a type's name with its modifiers, and nothing that could be more than a type. */
export function parseTypeDeclaration(text: string): Reading<string> {
  const plain = /^[A-Za-z_][\w ]*(?:\(\d{1,6}(?:, ?-?\d{1,6})?\)(?: [A-Za-z ]+)?)?(?:\[\])?$/;
  const qualified = /^(?:[A-Za-z_]\w*|"[^"\0]{1,63}")(?:\.(?:[A-Za-z_]\w*|"[^"\0]{1,63}"))?(?:\[\])?$/;
  if (text.length <= 200 && (plain.test(text) || qualified.test(text))) return read(text);
  return refuse("DB-CFG-009", {
    cause: "this is not the name of a type",
    remedy: 'Write a type as the target knows it, for example varchar(20), numeric(10,2) or population."Giới tính"',
  });
}

function splitAtFirstDot(text: string): readonly string[] {
  const dot = text.indexOf(".");
  return dot < 0 ? [text] : [text.slice(0, dot), text.slice(dot + 1)];
}
