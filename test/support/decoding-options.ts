import type { ConverterOptions, DebeziumOptions } from "../../engine/model/debezium-options.ts";

type DecodingOptions = Pick<DebeziumOptions, "topics" | "converter" | "fullBeforeImages">;

/** What decoding is configured with, under Debezium's own names for topics. */
export function decodingOptions(prefix: string, converter: Partial<ConverterOptions> = {}, fullBeforeImages = false): DecodingOptions {
  return {
    topics: {
      prefix,
      tables: new Map(),
      heartbeat: `__debezium-heartbeat.${prefix}`,
      transactions: `${prefix}.transaction`,
      proof: null,
    },
    converter: {
      format: "json",
      registry: null,
      unavailable: "__debezium_unavailable_value",
      binary: "bytes",
      types: new Map(),
      acceptsInexactDecimals: false,
      ...converter,
    },
    fullBeforeImages,
  };
}
