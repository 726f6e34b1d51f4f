// How an operator would set up the sink: what was found to be best of what was tried, and what was tried.
import type { ConnectorConfig } from "../../deploy/embedded/connect-rest.ts";

export interface SinkTuning {
  readonly jvmOptions: readonly string[];
  readonly config: ConnectorConfig;
}

/** What bin/connect-distributed.sh of Apache Kafka gives to the Java machine. */
const stockJvm = [
  "-Xms256M",
  "-Xmx2G",
  "-server",
  "-XX:+UseG1GC",
  "-XX:MaxGCPauseMillis=20",
  "-XX:InitiatingHeapOccupancyPercent=35",
  "-XX:+ExplicitGCInvokesConcurrent",
  "-XX:MaxInlineLevel=15",
  "-Djava.awt.headless=true",
];

/** As much as dongbo's own tests give to a worker, with both compilers. */
const smallHeap = ["-Xmx256m", "-XX:+UseSerialGC"];

/** Batches of so many records, and fetches that hold as many: with a consumer's defaults 1 MB ends them much earlier. */
const batchesOf = (records: number): ConnectorConfig => ({
  "batch.size": String(records),
  "use.reduction.buffer": "true",
  "consumer.override.max.poll.records": String(records),
  "consumer.override.max.partition.fetch.bytes": "33554432",
  "consumer.override.fetch.max.bytes": "67108864",
});

const unnest: ConnectorConfig = { "dialect.postgres.unnest.insert.enabled": "true" };

/** The fastest of what was tried. */
export const fastestTuning: SinkTuning = { jvmOptions: stockJvm, config: { ...batchesOf(1000), ...unnest } };

export const sinkTunings: Readonly<Record<string, SinkTuning>> = {
  "batch-1000": { jvmOptions: stockJvm, config: batchesOf(1000) },
  "batch-5000": { jvmOptions: stockJvm, config: batchesOf(5000) },
  "unnest-1000": fastestTuning,
  "unnest-5000": { jvmOptions: stockJvm, config: { ...batchesOf(5000), ...unnest } },
  "small-heap": { jvmOptions: smallHeap, config: { ...batchesOf(1000), ...unnest } },
};
