import { createHash } from "node:crypto";
import type { ConverterOptions } from "../../../engine/model/debezium-options.ts";
import type { SourceConnector } from "./change-event.ts";
import { type CodecContext, sourceTypeOf, type UnavailableForms } from "./codec-context.ts";
import type { ConnectSchema } from "./connect-schema.ts";

/** What the codec of a column is chosen by, for all columns of one source. */
export function codecContexts(converter: ConverterOptions): (schema: ConnectSchema, connector: SourceConnector) => CodecContext {
  const unavailable = unavailableForms(converter.unavailable);
  return (schema, connector) => ({
    connector,
    source: sourceTypeOf(schema),
    binary: converter.binary,
    unavailable,
    acceptsInexactDecimals: converter.acceptsInexactDecimals,
  });
}

function unavailableForms(placeholder: string): UnavailableForms {
  const text = Buffer.from(placeholder, "utf8");
  const digest = createHash("md5").update(text).digest();
  digest[6] = ((digest[6] ?? 0) & 0x0f) | 0x30;
  digest[8] = ((digest[8] ?? 0) & 0x3f) | 0x80;
  const hex = digest.toString("hex");
  return {
    text,
    uuid: [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-"),
    numbers: Array.from(text, (byte) => String((byte << 24) >> 24)),
  };
}
