// Schemas that all published events share, as Debezium's PostgreSQL connector has them: our values take PostgreSQL's types.
import type { ConnectSchema } from "./field-codec.ts";

/**
 * `sequence` and `lsn` order events as a PostgreSQL master's do: batch, then place in the batch. No transaction id of the master is
 * told (`txId`), for ours mean nothing there; `position` is the master's own, at the end of the batch before.
 */
export const sourceSchema: ConnectSchema = {
  type: "struct",
  fields: [
    { type: "string", optional: false, field: "version" },
    { type: "string", optional: false, field: "connector" },
    { type: "string", optional: false, field: "name" },
    { type: "int64", optional: false, field: "ts_ms" },
    {
      type: "string",
      optional: true,
      name: "io.debezium.data.Enum",
      version: 1,
      parameters: { allowed: "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental" },
      field: "snapshot",
    },
    { type: "string", optional: false, field: "db" },
    { type: "string", optional: true, field: "sequence" },
    { type: "int64", optional: true, field: "ts_us" },
    { type: "int64", optional: true, field: "ts_ns" },
    { type: "string", optional: false, field: "schema" },
    { type: "string", optional: false, field: "table" },
    { type: "int64", optional: true, field: "txId" },
    { type: "int64", optional: true, field: "lsn" },
    { type: "int64", optional: true, field: "xmin" },
    { type: "string", optional: true, field: "position" },
  ],
  optional: false,
  name: "io.debezium.connector.postgresql.Source",
};

export const transactionBlockSchema: ConnectSchema = {
  type: "struct",
  fields: [
    { type: "string", optional: false, field: "id" },
    { type: "int64", optional: false, field: "total_order" },
    { type: "int64", optional: false, field: "data_collection_order" },
  ],
  optional: true,
  name: "event.block",
  version: 1,
};

const transactionKeySchema: ConnectSchema = {
  type: "struct",
  fields: [{ type: "string", optional: false, field: "id" }],
  optional: false,
  name: "io.debezium.connector.common.TransactionMetadataKey",
  version: 1,
};

const transactionValueSchema: ConnectSchema = {
  type: "struct",
  fields: [
    { type: "string", optional: false, field: "status" },
    { type: "string", optional: false, field: "id" },
    { type: "int64", optional: true, field: "event_count" },
    {
      type: "array",
      items: {
        type: "struct",
        fields: [
          { type: "string", optional: false, field: "data_collection" },
          { type: "int64", optional: false, field: "event_count" },
        ],
        optional: false,
        name: "event.collection",
        version: 1,
      },
      optional: true,
      field: "data_collections",
    },
    { type: "int64", optional: false, field: "ts_ms" },
  ],
  optional: false,
  name: "io.debezium.connector.common.TransactionMetadataValue",
  version: 1,
};

const serverNameKeySchema: ConnectSchema = {
  type: "struct",
  fields: [{ type: "string", optional: false, field: "serverName" }],
  optional: false,
  name: "io.debezium.connector.common.ServerNameKey",
};

const heartbeatSchema: ConnectSchema = {
  type: "struct",
  fields: [{ type: "int64", optional: false, field: "ts_ms" }],
  optional: false,
  name: "io.debezium.connector.common.Heartbeat",
};

/** Texts of the schemas of records that belong to no table. */
export const controlSchemas = {
  transactionKey: JSON.stringify(transactionKeySchema),
  transactionValue: JSON.stringify(transactionValueSchema),
  heartbeatKey: JSON.stringify(serverNameKeySchema),
  heartbeatValue: JSON.stringify(heartbeatSchema),
};

/** A record's key or value as org.apache.kafka.connect.json.JsonConverter with schemas reads it. */
export function connectJson(schema: string, payload: string): Buffer {
  return Buffer.from(`{"schema":${schema},"payload":${payload}}`, "utf8");
}
