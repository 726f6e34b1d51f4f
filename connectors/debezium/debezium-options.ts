export type { ConverterOptions, DebeziumOptions, TopicNames } from "../../engine/model/debezium-options.ts";
export type { HttpAddress as RegistryAddress } from "../../engine/model/server-address.ts";
