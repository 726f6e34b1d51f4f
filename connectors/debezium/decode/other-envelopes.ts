import { DecodeFailure } from "./decode-failure.ts";

const envelopeNames: ReadonlySet<string> = new Set(["op", "before", "after", "source"]);

/** Says what a record is that has no `op`, as far as it shows. `names`: of its fields. */
export function notAnEnvelope(names: readonly string[], headers: ReadonlyMap<string, Buffer>): DecodeFailure {
  const contentType = headers.get("content-type")?.toString("latin1") ?? "";
  if (names.includes("specversion") || headers.has("ce_specversion") || contentType.startsWith("application/cloudevents")) {
    return new DecodeFailure("DB-KAF-103");
  }
  const isBare = names.length > 0 && !names.some((name) => envelopeNames.has(name));
  return new DecodeFailure(isBare ? "DB-KAF-102" : "DB-KAF-100");
}
