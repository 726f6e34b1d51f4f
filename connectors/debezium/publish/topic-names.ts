// The topics of a published subscription, named as Debezium names those of a connector.
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { printTable, type TableName } from "../../../engine/model/table.ts";

/** The topic of a table's events. Throws DB-KAF-161 when Kafka allows no such name. */
export function tableTopic(prefix: string, table: TableName): string {
  const topic = `${prefix}.${table.schema}.${table.name}`;
  // https://kafka.apache.org/documentation/#topicconfigs and org.apache.kafka.common.internals.Topic
  if (/^[a-zA-Z0-9._-]{1,249}$/.test(topic)) return topic;
  throw new ReplicationError("DB-KAF-161", { subject: printTable(table) });
}

/** Begin and end of each batch (Debezium's transaction metadata). */
export function transactionTopic(prefix: string): string {
  return `${prefix}.transaction`;
}

export function heartbeatTopic(prefix: string): string {
  return `__debezium-heartbeat.${prefix}`;
}

/** What dongbo itself keeps: checkpoint, epoch, loads, quarantine. */
export function stateTopic(prefix: string): string {
  return `${prefix}.dongbo`;
}

/** Fences writers of one prefix, whoever they are. */
export function transactionalId(prefix: string): string {
  return `dongbo-${prefix}`;
}
