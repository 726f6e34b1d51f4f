import type { Unchanged } from "../../../engine/model/row.ts";
import type { PostgresType } from "./postgres-type.ts";
import type { ValueReader } from "./value-reader.ts";

/** Reads the values of one column. */
export interface ValueCodec {
  /** PostgreSQL's like type; the text is in its form. */
  readonly type: PostgresType;
  /** One value that is not NULL. */
  readonly read: (reader: ValueReader) => Buffer | Unchanged;
  /** Equal texts are equal values at the source. */
  readonly deterministic: boolean;
  /** Tells a value that the connector's own snapshot (op r) may have distorted; null: it reads this type exactly. */
  readonly doubtful: ((text: Buffer) => boolean) | null;
}

export function codec(type: PostgresType, read: ValueCodec["read"], more: Partial<ValueCodec> = {}): ValueCodec {
  return { type, read, deterministic: true, doubtful: null, ...more };
}

/** Of characters that are all ASCII. */
export function ascii(text: string): Buffer {
  return Buffer.from(text, "latin1");
}
