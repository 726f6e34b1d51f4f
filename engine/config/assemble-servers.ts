// Sources and targets of a file without mistakes.
import { assert } from "../model/assert.ts";
import type { DebeziumOptions } from "../model/debezium-options.ts";
import { child, type ConfigNode, type MapEntry } from "./config-node.ts";
import type { ConfigParts } from "./config-parts.ts";
import type { ConfigFile } from "./config-schema.ts";
import type { SourceConfiguration, TargetConfiguration } from "./configuration.ts";
import { sourceObjectName } from "./source-names.ts";

type SourceInFile = ConfigFile["sources"][string];

export function sourceOf({ key: id, node, location }: MapEntry, source: SourceInFile | undefined, parts: ConfigParts): SourceConfiguration {
  assert(source !== undefined, "the schema keeps every source");
  const { connections, wal_retained_max: walRetainedMaxBytes, spool_max: spoolMaxBytes } = source.limits;
  const common = { id, provider: source.provider, limits: { connections, walRetainedMaxBytes, spoolMaxBytes }, location };
  const url = child(node, "url");
  switch (source.connector) {
    case "postgres": {
      const { slot = sourceObjectName(id), publication = sourceObjectName(id) } = source;
      return { ...common, connector: "postgres", address: addressAt(url, parts.addresses), slot, publication };
    }
    case "mysql":
      return { ...common, connector: "mysql", address: addressAt(url, parts.addresses), serverId: source.server_id ?? null };
    case "debezium":
      return { ...common, connector: "debezium", debezium: debeziumOf(id, node, source, parts) };
  }
}

function debeziumOf(
  name: string,
  node: ConfigNode,
  source: SourceInFile & { connector: "debezium" },
  { addresses, brokers, services }: ConfigParts,
): DebeziumOptions {
  const { topics, converter, connect } = source;
  const registry = child(child(node, "converter"), "registry");
  return {
    name,
    kafka: addressAt(child(node, "url"), brokers),
    client: source.client,
    group: source.group ?? `dongbo-${name}`,
    slices: source.slices,
    topics: {
      prefix: topics.prefix,
      tables: new Map(Object.entries(topics.tables)),
      heartbeat: topics.heartbeat ?? heartbeatTopic(topics.prefix),
      transactions: topics.transactions ?? null,
      proof: topics.proof ?? null,
    },
    converter: {
      format: converter.format,
      registry: registry === undefined ? null : addressAt(registry, services),
      unavailable: converter.unavailable,
      binary: converter.binary,
      types: new Map(Object.entries(converter.types).map(([table, types]) => [table, new Map(Object.entries(types))])),
      acceptsInexactDecimals: converter.accept_inexact_decimals,
    },
    master: source.master === undefined ? null : addressAt(child(node, "master"), addresses),
    connect:
      connect === undefined ? null : { address: addressAt(child(child(node, "connect"), "url"), services), connector: connect.connector },
    fullBeforeImages: source.before_images === "full",
  };
}

/** Debezium's own: `topic.heartbeat.prefix` and the topic prefix. */
export function heartbeatTopic(prefix: string): string {
  return `__debezium-heartbeat.${prefix}`;
}

export function targetOf(
  { key: id, node, location }: MapEntry,
  target: ConfigFile["targets"][string] | undefined,
  parts: ConfigParts,
): TargetConfiguration {
  assert(target !== undefined, "the schema keeps every target");
  const common = { id, consumer: target.consumer, location };
  const url = child(node, "url");
  if (target.connector === "kafka") {
    const { connector, topics } = target;
    return { ...common, connector, kafka: addressAt(url, parts.brokers), topics };
  }
  const { connector, readers } = target;
  return { ...common, connector, address: addressAt(url, parts.addresses), readers: [...new Set(readers)] };
}

export function addressAt<Address>(url: ConfigNode | undefined, read: ReadonlyMap<ConfigNode, Address>): Address {
  const address = url === undefined ? undefined : read.get(url);
  assert(address !== undefined, "a checked URL has its address");
  return address;
}
