// What a record of a Debezium topic says, whatever converter wrote it and whatever connector it came from.
import type { Micros } from "../../../engine/model/change-message.ts";
import type { Key, Row } from "../../../engine/model/row.ts";
import type { CatalogTable, StreamedTable } from "../../../engine/model/table.ts";
import type { KafkaRecord } from "../kafka/kafka-client.ts";
import type { SourceOrder } from "../source-order.ts";

export type SourceConnector = "postgresql" | "mysql" | "mariadb" | "sqlserver" | "oracle" | "db2";

/** A table as a record's schema describes it. A changed schema is a new object; an unchanged one the same object. */
export interface DescribedTable {
  /** Columns in schema order; types are PostgreSQL's, since values take PostgreSQL's text form. */
  readonly catalog: CatalogTable;
  readonly streamed: StreamedTable;
}

/** The source block, as far as it concerns us (Debezium documentation, "Data change events" of each connector). */
export interface SourcePlace {
  readonly connector: SourceConnector;
  /** Where the change stands in the source's own log; null when the block does not tell (some snapshot records). */
  readonly order: SourceOrder | null;
  /** `source.ts_us` or `ts_ms`: the source's time of the change. */
  readonly at: Micros;
  /** The source's id of the transaction in the form that the direct snapshot of that family knows; null: not told. */
  readonly transactionId: string | null;
  /** `source.snapshot`; null outside snapshots. */
  readonly snapshot: "true" | "first" | "first_in_data_collection" | "last_in_data_collection" | "last" | "incremental" | null;
}

/** A row of a table, or the table as a whole (op t), changed, or was read (op r). Values are exact text; absent, null and unchanged are told apart. */
export interface DataEvent {
  readonly kind: "data";
  readonly op: "r" | "c" | "u" | "d" | "t";
  readonly table: DescribedTable;
  readonly before: Row | null;
  readonly after: Row | null;
  readonly source: SourcePlace;
  /** Envelope's `ts_us`, `ts_ms`: when the connector handled it, by its own clock. */
  readonly processedAt: Micros;
  /** Null: transaction metadata is off, or this is a snapshot record. */
  readonly transaction: TransactionPart | null;
  /** The row's key before, told by the second half of a changed primary key (header `__debezium.oldkey`). */
  readonly oldKey: Key | null;
  /** The row lives on under another key (header `__debezium.newkey` on its delete). */
  readonly movesAway: boolean;
}

/** An event's part in a source transaction. A connector that starts again within one may number on, so that numbers are left out. */
export interface TransactionPart {
  readonly id: string;
  /** Its number among all of the transaction's, from 1. */
  readonly totalOrder: bigint;
  /** Its number among those of its table, from 1; null: not told. */
  readonly tableOrder: bigint | null;
}

export type DebeziumEvent =
  | DataEvent
  /** A record without value: the row of this key is gone. Follows its own delete, or stands for it after compaction. */
  | { readonly kind: "tombstone"; readonly key: Key | null }
  /** The connector lives and has handled everything before. */
  | { readonly kind: "heartbeat"; readonly processedAt: Micros }
  | TransactionMark
  /** A logical message (op m) of PostgreSQL: its source time is as good as a change's. */
  | { readonly kind: "message"; readonly source: SourcePlace; readonly processedAt: Micros }
  /** A schema change as told on the connector's own topic: statement and tables. */
  | { readonly kind: "schema change"; readonly ddl: string; readonly tables: readonly string[]; readonly source: SourcePlace | null };

/** A record of the transaction topic. */
export interface TransactionMark {
  readonly kind: "transaction";
  readonly status: "begin" | "end";
  readonly id: string;
  /** At its end: its place in the order of commits, where its id tells it. */
  readonly order: SourceOrder | null;
  /** At its end: events by data collection (`schema.table`, with the database in front where the connector says so). */
  readonly counts: ReadonlyMap<string, bigint>;
  readonly at: Micros;
}

/**
 * Decodes records. `prepare` fetches what decoding needs from elsewhere (schemas of a registry); `decode` is synchronous and
 * throws ReplicationError DB-KAF-1xx for what cannot be understood: nothing is guessed.
 */
export interface RecordDecoder {
  prepare(records: readonly KafkaRecord[]): Promise<void>;
  decode(record: KafkaRecord): DebeziumEvent;
}
