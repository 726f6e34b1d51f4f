// The settings of a topic that matter here, and what is the same for all clients when topics are made.
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { KafkaClient, NewTopic, TopicFacts } from "./kafka-client.ts";

export type TopicSettings = Pick<TopicFacts, "cleanupPolicy" | "tombstoneRetentionMs" | "retentionMs">;

/** Names of the settings that are asked for (Kafka documentation, "Topic-Level Configs"). */
export const topicSettings = ["cleanup.policy", "delete.retention.ms", "retention.ms"];

/** `value` gives a setting by its name. */
export function readSettings(value: (name: string) => string): TopicSettings {
  return {
    cleanupPolicy: value("cleanup.policy"),
    tombstoneRetentionMs: Number(value("delete.retention.ms")),
    retentionMs: Number(value("retention.ms")),
  };
}

/** Before brokers are asked again whether a new topic is there. */
const pauseMs = 50;

/** Waits until all partitions of new topics have a leader, which is when they can be written to. */
export async function untilLed(
  client: Pick<KafkaClient, "topics" | "offsets">,
  made: readonly NewTopic[],
  withinMs: number,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  const partitions = made.flatMap(({ topic, partitions: count }) =>
    Array.from({ length: count }, (_, partition) => ({ topic, partition })),
  );
  for (;;) {
    try {
      await client.offsets("end", partitions);
      return;
    } catch (error) {
      const passes = error instanceof ReplicationError && (error.code === "DB-KAF-004" || error.code === "DB-KAF-005");
      if (!passes || performance.now() > deadline) throw error;
    }
    await new Promise((resolve) => {
      setTimeout(resolve, pauseMs);
    });
  }
}
