import type { DebeziumEvent, RecordDecoder } from "./decode/change-event.ts";
import { schemaId } from "./decode/opened-record.ts";
import { keyHeaders } from "./decode/record-keys.ts";
import { type ReaderOptions, RecordReader } from "./decode/record-reader.ts";
import type { KafkaRecord } from "./kafka/kafka-client.ts";
import { SchemaRegistry } from "./schema-registry.ts";

/** Decodes the records of one source. One for each stream: it remembers what its topics described last. */
export class DebeziumDecoder implements RecordDecoder {
  readonly #registry: SchemaRegistry | null;
  readonly #reader: RecordReader;

  constructor(options: ReaderOptions) {
    const { registry } = options.converter;
    this.#registry = registry === null ? null : new SchemaRegistry(registry);
    this.#reader = new RecordReader(options, this.#registry);
  }

  async prepare(records: readonly KafkaRecord[]): Promise<void> {
    if (this.#registry === null) return;
    const ids = new Set<number>();
    for (const { key, value, headers } of records) {
      for (const bytes of [key, value, headers.get(keyHeaders.oldKey), headers.get(keyHeaders.newKey)]) {
        const id = bytes === null || bytes === undefined ? null : schemaId(bytes);
        if (id !== null) ids.add(id);
      }
    }
    await this.#registry.load(ids);
  }

  decode(record: KafkaRecord): DebeziumEvent {
    return this.#reader.read(record);
  }
}
