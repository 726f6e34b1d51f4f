import type { DebeziumOptions } from "../../engine/model/debezium-options.ts";

/** A source with nothing but brokers and a prefix, as the configuration would read it. `brokers`: `host:port`. */
export function debeziumOptions({
  prefix,
  brokers = "127.0.0.1:9092",
}: {
  readonly prefix: string;
  readonly brokers?: string;
}): DebeziumOptions {
  const [host = "", port = ""] = brokers.split(":");
  return {
    name: "population",
    kafka: {
      brokers: [{ host, port: Number(port) }],
      tls: { mode: "disable", rootCertificate: null, certificate: null, key: null },
      sasl: null,
    },
    client: "kafkajs",
    group: "dongbo-population",
    slices: 1,
    topics: { prefix, tables: new Map(), heartbeat: `__debezium-heartbeat.${prefix}`, transactions: null, proof: null },
    converter: {
      format: "json",
      registry: null,
      unavailable: "__debezium_unavailable_value",
      binary: "bytes",
      types: new Map(),
      acceptsInexactDecimals: false,
    },
    master: null,
    connect: null,
    fullBeforeImages: false,
  };
}
