import { createHash } from "node:crypto";
import { type Key, keyText } from "./row.ts";

/**
 * Names a row of a copy to others without its key: SHA-256, hexadecimal, of `<subscription> NUL <table as readers name it> NUL` and
 * the bytes of the key's text, of several parts `<bytes>:<part>` one after another. Whoever has the row finds it again; whoever has
 * two copies does not see that they hold the same one.
 */
export function keyFingerprint(subscription: string, table: string, key: Key): string {
  const hash = createHash("sha256").update(`${subscription}\0${table}\0`, "utf8");
  return hash.update(keyText(key), "latin1").digest("hex");
}

/** One digest of many keys, in whatever order they come: SHA-256, hexadecimal. */
export function keysDigest(keys: readonly Key[]): string {
  const hash = createHash("sha256");
  // By UTF-16 code units, which here are bytes.
  for (const text of keys.map(keyText).toSorted()) hash.update(`${text.length}:`).update(text, "latin1");
  return hash.digest("hex");
}
