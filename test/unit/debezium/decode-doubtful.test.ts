// What a connector does not write exactly, told by the record alone: refused where a value may be one that was changed, read where it
// cannot be. As Debezium 3.5.0 wrote it (PostgreSQL 18, MariaDB).
import { expect, test } from "vitest";
import { RecordReader } from "../../../connectors/debezium/decode/record-reader.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { decodingOptions } from "../../support/decoding-options.ts";
import { envelopeRecord, type FieldSchema } from "./envelope-record.ts";

type Op = "r" | "c";

/** The text of one column's value, or the code of its refusal. */
function decoded(connector: "postgresql" | "mariadb", schema: FieldSchema, json: string, op: Op): string {
  const place = connector === "postgresql" ? '"schema":"public","table":"T","lsn":1' : '"table":"T","file":"b","pos":1,"row":0';
  const fields = [
    { field: "id", type: "int32" },
    { field: "v", optional: true, ...schema },
  ];
  try {
    const event = new RecordReader(decodingOptions("s"), null).read(
      envelopeRecord({ connector, fields, after: `{"id":1,"v":${json}}`, op, place }),
    );
    return event.kind === "data" ? String(event.after?.[1]) : event.kind;
  } catch (error) {
    if (error instanceof ReplicationError) return error.code;
    throw error;
  }
}

const date: FieldSchema = { type: "int32", name: "io.debezium.time.Date" };
const isoDate: FieldSchema = { type: "string", name: "io.debezium.time.IsoDate" };
const timestamp: FieldSchema = { type: "int64", name: "io.debezium.time.MicroTimestamp" };
const zoned: FieldSchema = { type: "string", name: "io.debezium.time.ZonedTimestamp" };
const typed = (type: string): Pick<FieldSchema, "parameters"> => ({ parameters: { "__debezium.source.column.type": type } });
const money: FieldSchema = {
  type: "bytes",
  name: "org.apache.kafka.connect.data.Decimal",
  parameters: { scale: "2", ...typed("MONEY").parameters },
};
const moneyText: FieldSchema = { type: "string", ...typed("MONEY") };
const numeric: FieldSchema = {
  type: "struct",
  name: "io.debezium.data.VariableScaleDecimal",
  fields: [
    { field: "scale", type: "int32" },
    { field: "value", type: "bytes" },
  ],
};
const arrayOf = (items: FieldSchema): FieldSchema => ({ type: "array", items: { optional: true, ...items } });

/** What the master holds, how it came from the snapshot and from the log: record and outcome. */
test.each<[string, FieldSchema, [json: string, outcome: string], [json: string, outcome: string]]>([
  ["date 1582-10-10", date, ["-141422", "DB-KAF-109"], ["-141432", "1582-10-10"]],
  ["date 1582-10-24", date, ["-141418", "DB-KAF-109"], ["-141418", "1582-10-24"]],
  ["date 1582-10-25", date, ["-141417", "1582-10-25"], ["-141417", "1582-10-25"]],
  ["date 0044-03-15 BC", date, ["-703383", "DB-KAF-109"], ["-735160", "0044-03-15 BC"]],
  ["date 5874897-12-31", date, ["2145042905", "5874897-12-31"], ["2145042905", "5874897-12-31"]],
  ["date infinity", date, ["-622191234", "infinity"], ["-2147472692", "infinity"]],
  ["date 1582-10-10, as text", isoDate, ['"1582-10-20Z"', "DB-KAF-109"], ['"1582-10-10Z"', "1582-10-10"]],
  ["timestamp 1582-10-10 01:00", timestamp, ["-12218857200000000", "DB-KAF-109"], ["-12219721200000000", "1582-10-10 01:00:00"]],
  ["timestamptz 1582-10-14 01:00Z", zoned, ['"1582-10-24T01:00:00Z"', "DB-KAF-109"], ['"1582-10-14T01:00:00Z"', "1582-10-14 01:00:00+00"]],
  ["money $99,999,999,999,999.99", money, ['"I4byb8D//g=="', "DB-KAF-109"], ['"I4byb8D//w=="', "99999999999999.99"]],
  ["money $9,999,999,999,999.99", money, ['"A41+pMZ//w=="', "9999999999999.99"], ['"A41+pMZ//w=="', "9999999999999.99"]],
  [
    "money $9,999,999,999,999.99, as text",
    moneyText,
    ['"9.99999999999999E12"', "9999999999999.99"],
    ['"9999999999999.99"', "9999999999999.99"],
  ],
  ["money $10,000,000.00, as text", moneyText, ['"1.0E7"', "10000000.00"], ['"10000000.00"', "10000000.00"]],
  ["money -$0.07, as text", moneyText, ['"-0.07"', "-0.07"], ['"-0.07"', "-0.07"]],
  [
    "money -$92,233,720,368,547,758.08, as text",
    moneyText,
    ['"-9.223372036854776E16"', "DB-KAF-109"],
    ['"-92233720368547758.08"', "-92233720368547758.08"],
  ],
  // The connector leaves the zeros out; what else writes such records may not.
  ["numeric 0.000", numeric, ['{"scale":0,"value":"AA=="}', "0"], ['{"scale":3,"value":"AA=="}', "0.000"]],
  ["date[] {1582-10-10}", arrayOf(date), ["[-141422]", "DB-KAF-109"], ["[-141422]", "DB-KAF-109"]],
  ["date[] {2020-01-01,NULL}", arrayOf(date), ["[18262,null]", "{2020-01-01,NULL}"], ["[18262,null]", "{2020-01-01,NULL}"]],
  ["timestamptz[] {0044-03-15 BC}", arrayOf(zoned), ['["0044-03-15T00:00:00Z"]', "DB-KAF-109"], ['["0044-03-15T00:00:00Z"]', "DB-KAF-109"]],
  [
    "time[] {01:02:03.000001}",
    arrayOf({ type: "int64", name: "io.debezium.time.MicroTime" }),
    ["[3723000000]", "DB-KAF-109"],
    ["[3723000000]", "DB-KAF-109"],
  ],
])("PostgreSQL's %s", (_, schema, [read, asRead], [logged, asLogged]) => {
  expect([decoded("postgresql", schema, read, "r"), decoded("postgresql", schema, logged, "c")]).toEqual([asRead, asLogged]);
});

test.each<[string, FieldSchema, [json: string, outcome: string], [json: string, outcome: string]]>([
  ["date 1582-10-10", date, ["-141432", "1582-10-10"], ["-141432", "1582-10-10"]],
  ["datetime(6) 1582-10-10 01:00", timestamp, ["-12218857200000000", "DB-KAF-109"], ["-12219721200000000", "1582-10-10 01:00:00"]],
  ["datetime(6) 1582-10-04 01:00", timestamp, ["-12220239600000000", "1582-10-04 01:00:00"], ["-12220239600000000", "1582-10-04 01:00:00"]],
  ["timestamp 0000-00-00", zoned, ["null", "null"], ['"1970-01-01T00:00:00Z"', "DB-KAF-108"]],
  [
    "timestamp 1970-01-01 00:00:01",
    zoned,
    ['"1970-01-01T00:00:01Z"', "1970-01-01 00:00:01+00"],
    ['"1970-01-01T00:00:01Z"', "1970-01-01 00:00:01+00"],
  ],
])("MariaDB's %s", (_, schema, [read, asRead], [logged, asLogged]) => {
  expect([decoded("mariadb", schema, read, "r"), decoded("mariadb", schema, logged, "c")]).toEqual([asRead, asLogged]);
});
