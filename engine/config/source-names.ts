import { createHash } from "node:crypto";

/** PostgreSQL cuts or refuses names above this many bytes. */
export const nameBytesMax = 63;

/**
 * Name of the publication and of the slot that dongbo uses for a source: `dongbo_<source>`, in the letters that a slot
 * may have (a-z, 0-9, _). Where the id had to be changed or cut, a digest of it is added, so that two sources never
 * come to the same name.
 */
export function sourceObjectName(sourceId: string): string {
  const wanted = `dongbo_${sourceId}`;
  const name = wanted.toLowerCase().replace(/[^a-z0-9_]/g, "_");
  if (name === wanted && name.length <= nameBytesMax) return name;
  const digest = createHash("sha256").update(sourceId).digest("hex").slice(0, 8);
  return `${name.slice(0, nameBytesMax - 1 - digest.length)}_${digest}`;
}
