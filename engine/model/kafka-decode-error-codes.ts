import type { ErrorCodeEntry } from "./error-code-entry.ts";

/** KAF 100–139: records that cannot be understood. */
export const kafkaDecodeErrorCodes = {
  "DB-KAF-100": {
    meaning: "a record is not a Debezium envelope",
    usualCause: "the topic holds something else, or another converter wrote it",
    remedy: "Check `topics` and `converter` in the configuration; nothing was skipped",
    retry: "operator",
  },
  "DB-KAF-101": {
    meaning: "a record is not what its converter or its schema says it is",
    usualCause: "something else than the connector writes to the topic, or the record was damaged",
    remedy: "Look at the record with a tool of Kafka; a topic that is damaged needs a new snapshot of the connector. Nothing was skipped",
    retry: "operator",
  },
  "DB-KAF-102": {
    meaning: "a record holds a bare row instead of an envelope",
    usualCause: "the connector uses the transformation ExtractNewRecordState",
    remedy: "Take the transformation out of the connector: without envelope neither deletes nor the order of changes can be relied on",
    retry: "operator",
  },
  "DB-KAF-103": {
    meaning: "a record is a CloudEvent",
    usualCause: "the connector uses CloudEventsConverter",
    remedy: "Set `value.converter` of the connector to JsonConverter or an Avro converter",
    retry: "operator",
  },
  "DB-KAF-104": {
    meaning: "a record comes from the MongoDB connector, whose documents have no columns",
    usualCause: "the topics of a MongoDB source were configured",
    remedy: "Share tables of a relational database; documents cannot be kept as copies",
    retry: "operator",
  },
  "DB-KAF-105": {
    meaning: "a record comes from a connector that dongbo does not know",
    usualCause: "the connector is none of PostgreSQL, MySQL, MariaDB, SQL Server, Oracle and Db2",
    remedy: "Use a connector of one of these databases; nothing was guessed",
    retry: "operator",
  },
  "DB-KAF-106": {
    meaning: "nothing tells how a column's values are written",
    usualCause: "the connector writes JSON without schemas, and the configuration names no type for the column",
    remedy: "Name the column's type in `types` of the source's converter, or set `value.converter.schemas.enable=true` at the connector",
    retry: "operator",
  },
  "DB-KAF-107": {
    meaning: "a column has a type that dongbo does not know",
    usualCause: "the connector is newer than this dongbo, or a custom converter writes the column",
    remedy: "Leave the column out with `column.exclude.list` of the connector, or update dongbo; nothing was guessed",
    retry: "operator",
  },
  "DB-KAF-108": {
    meaning: "a value cannot be read exactly",
    usualCause: "it lies outside what its type can hold, or was written in another form",
    remedy: "Correct the value at the source, or leave its column out with `column.exclude.list` of the connector; nothing was rounded",
    retry: "operator",
  },
  "DB-KAF-109": {
    meaning: "the connector writes a column so that its values are not exact",
    usualCause: "a setting of the connector, or a type that it does not carry whole",
    remedy: "Change the setting that the message names, then re-sync with `dongbo resync`",
    retry: "operator",
  },
  "DB-KAF-110": {
    meaning: "a record is not in Confluent's wire format",
    usualCause: "the connector writes with another converter than the configuration says",
    remedy:
      "Set `converter` of the source to what the connector uses; with an Apicurio registry its converter needs `as-confluent=true` and no headers",
    retry: "operator",
  },
  "DB-KAF-111": {
    meaning: "the schema registry cannot be reached",
    usualCause: "it is down, its address is wrong, or the network is cut",
    remedy: "Check the registry's address in the configuration and that it runs; dongbo tries again by itself",
    retry: "timed",
  },
  "DB-KAF-112": {
    meaning: "the schema registry refuses the request",
    usualCause: "user or password is wrong, or the account may not read schemas",
    remedy: "Correct the registry's account in the configuration",
    retry: "operator",
  },
  "DB-KAF-113": {
    meaning: "the schema registry does not have a schema that a record names",
    usualCause: "it is another registry than the connector's, or schemas were deleted there",
    remedy: "Check the registry's address in the configuration; dongbo tries again by itself",
    retry: "timed",
  },
  "DB-KAF-114": {
    meaning: "a schema of the registry cannot be understood",
    usualCause: "it is none of Avro, or refers to other schemas",
    remedy: "Use an Avro converter with schemas that stand for themselves",
    retry: "operator",
  },
  "DB-KAF-115": {
    meaning: "no trusted TLS connection to the schema registry could be made",
    usualCause: "its certificate has expired, is for another host or from an unknown authority, or it asks for a client certificate",
    remedy: "Renew or correct the certificate, or name the right files with sslrootcert, sslcert and sslkey in the registry's URL",
    retry: "operator",
  },
} as const satisfies Readonly<Record<string, ErrorCodeEntry>>;
