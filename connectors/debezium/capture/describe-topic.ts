import type { DescribedTable, RecordDecoder } from "../decode/change-event.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { printTable } from "../../../engine/model/table.ts";
import type { KafkaClient } from "../kafka/kafka-client.ts";

const recordsMax = 20;

/** The tables that the last records of a topic describe, by `schema.table`, the newest description of each. */
export async function describeTopic(client: KafkaClient, decoder: RecordDecoder, topic: string): Promise<Map<string, DescribedTable>> {
  const tables = new Map<string, DescribedTable>();
  const [facts] = await client.topics([topic]);
  if (facts === undefined) return tables;
  const records = await client.lastRecords(topic, recordsMax);
  await decoder.prepare(records);
  for (const record of records.toSorted((a, b) => a.timestamp - b.timestamp)) {
    try {
      const event = decoder.decode(record);
      if (event.kind === "data") tables.set(printTable(event.table.catalog.table), event.table);
    } catch (error) {
      // The stream stops there and says so; the table is known from the records around it.
      if (!(error instanceof ReplicationError)) throw error;
    }
  }
  return tables;
}
