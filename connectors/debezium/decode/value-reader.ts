import type { ConnectSchema } from "./connect-schema.ts";

/**
 * A place in a record, whatever converter wrote it. Each call reads one value and stands behind it. Buffers may share the
 * record's memory. Throws DecodeFailure when something else stands there.
 */
export interface ValueReader {
  /** Must be asked, once, before an optional value is read; a null is read over. */
  isNull(schema: ConnectSchema): boolean;
  /** A bigint only where a double would not be exact. */
  integer(): number | bigint;
  /** Decimal digits, `-` first. */
  integerText(): Buffer;
  double(schema: ConnectSchema): number;
  boolean(): boolean;
  /** UTF-8. */
  text(schema: ConnectSchema): Buffer;
  bytes(schema: ConnectSchema): Buffer;
  /** `item` must read one. */
  array(schema: ConnectSchema, item: () => void): void;
  /** Of a map with text or whole numbers as keys; `value` must read one. */
  map(schema: ConnectSchema, value: (key: Buffer) => void): void;
  /** `field` must read the field with this index; fields come in any order. Throws when one is missing or not in the schema. */
  struct(schema: ConnectSchema, field: (index: number) => void): void;
}
