// Every type that Debezium's documentation maps for Oracle, SQL Server and Db2, as its examples and tables state it
// (https://debezium.io/documentation/reference/stable/connectors/{oracle,sqlserver,db2}.html, "Data type mappings").
import { describe, expect, test } from "vitest";
import { RecordReader } from "../../../connectors/debezium/decode/record-reader.ts";
import type { DataEvent } from "../../../connectors/debezium/decode/change-event.ts";
import { decodingOptions } from "../../support/decoding-options.ts";
import { envelopeRecord, type FieldSchema } from "./envelope-record.ts";

interface Sample {
  readonly of: string;
  readonly schema: FieldSchema;
  /** As JSON writes it. */
  readonly json: string;
  readonly declaration: string;
  readonly text: string;
}

const named = (type: string, name: string, parameters?: FieldSchema["parameters"]): FieldSchema => ({
  type,
  name,
  ...(parameters === undefined ? {} : { parameters }),
});
const source = (type: string, scale?: number): Record<string, string> => ({
  "__debezium.source.column.type": type,
  ...(scale === undefined ? {} : { "__debezium.source.column.length": "0", "__debezium.source.column.scale": String(scale) }),
});
const sample = (of: string, schema: FieldSchema, json: string, [declaration, text]: readonly [string, string]): Sample => ({
  of,
  schema,
  json,
  declaration,
  text,
});
const variableScale: FieldSchema = {
  type: "struct",
  name: "io.debezium.data.VariableScaleDecimal",
  fields: [
    { field: "scale", type: "int32" },
    { field: "value", type: "bytes" },
  ],
};
const decimal = (scale: number, precision?: number): FieldSchema =>
  named("bytes", "org.apache.kafka.connect.data.Decimal", {
    scale: String(scale),
    ...(precision === undefined ? {} : { "connect.decimal.precision": String(precision) }),
  });

const oracle: readonly Sample[] = [
  sample("CHAR(5)", { type: "string" }, '"ab   "', ["text", "ab   "]),
  sample("CLOB", { type: "string" }, '"Đường"', ["text", "Đường"]),
  sample("BLOB", { type: "bytes" }, '"AP8="', ["bytea", "\\x00ff"]),
  sample("NUMBER(2)", { type: "int8" }, "-99", ["smallint", "-99"]),
  sample("NUMBER(4)", { type: "int16" }, "9999", ["smallint", "9999"]),
  sample("NUMBER(9)", { type: "int32" }, "999999999", ["integer", "999999999"]),
  sample("NUMBER(18)", { type: "int64" }, "999999999999999999", ["bigint", "999999999999999999"]),
  sample("NUMBER(38)", decimal(0, 38), '"EA=="', ["numeric(38,0)", "16"]),
  sample("NUMBER(5,2)", decimal(2, 5), '"AJY="', ["numeric(5,2)", "1.50"]),
  sample("NUMBER", variableScale, '{"scale":3,"value":"BOI="}', ["numeric", "1.25"]),
  sample("NUMBER(5,-2)", variableScale, '{"scale":-2,"value":"ew=="}', ["numeric", "12300"]),
  sample("FLOAT", variableScale, '{"scale":1,"value":"8Q=="}', ["numeric", "-1.5"]),
  sample("BINARY_FLOAT", { type: "float" }, "0.1", ["real", "0.1"]),
  sample("BINARY_DOUBLE", { type: "double" }, "-1.0E100", ["double precision", "-1e+100"]),
  sample("DATE", named("int64", "io.debezium.time.Timestamp"), "1709211900000", ["timestamp(3) without time zone", "2024-02-29 13:05:00"]),
  sample("TIMESTAMP(6)", named("int64", "io.debezium.time.MicroTimestamp"), "-1", [
    "timestamp without time zone",
    "1969-12-31 23:59:59.999999",
  ]),
  sample("TIMESTAMP(9)", named("int64", "io.debezium.time.NanoTimestamp", source("TIMESTAMP(9)")), "1709211900123456789", [
    "text",
    "2024-02-29 13:05:00.123456789",
  ]),
  sample("TIMESTAMP WITH TIME ZONE", named("string", "io.debezium.time.ZonedTimestamp"), '"2024-02-29T13:05:00.5+07:00"', [
    "timestamp with time zone",
    "2024-02-29 06:05:00.5+00",
  ]),
  sample("INTERVAL YEAR TO MONTH", named("string", "io.debezium.time.Interval"), '"P-3Y-6M0DT0H0M0S"', ["interval", "-3 years -6 mons"]),
  sample(
    "INTERVAL DAY TO SECOND",
    named("int64", "io.debezium.time.MicroDuration", source("INTERVAL DAY(2) TO SECOND(6)")),
    "-93784567000",
    ["interval", "-1 days -02:03:04.567"],
  ),
  sample("ROWID", { type: "string" }, '"AAAAB0AABAAAAOhAAA"', ["text", "AAAAB0AABAAAAOhAAA"]),
  sample("XMLTYPE", named("string", "io.debezium.data.Xml"), '"<a/>"', ["xml", "<a/>"]),
];

const sqlServer: readonly Sample[] = [
  sample("BIT", { type: "boolean", parameters: source("BIT") }, "true", ["boolean", "t"]),
  sample("TINYINT", { type: "int16" }, "255", ["smallint", "255"]),
  sample("BIGINT", { type: "int64" }, "-9223372036854775808", ["bigint", "-9223372036854775808"]),
  sample("REAL", { type: "float" }, "3.4028235E38", ["real", "3.4028235e+38"]),
  sample("NVARCHAR", { type: "string" }, '"đ\\ud83d\\ude00"', ["text", "đ😀"]),
  sample("XML", named("string", "io.debezium.data.Xml"), '"<a/>"', ["xml", "<a/>"]),
  sample("DATE", named("int32", "io.debezium.time.Date"), "-719162", ["date", "0001-01-01"]),
  sample("TIME(3)", named("int32", "io.debezium.time.Time", source("TIME", 3)), "86399999", ["time(3) without time zone", "23:59:59.999"]),
  sample("TIME(5)", named("int64", "io.debezium.time.MicroTime", source("TIME", 5)), "1000010", [
    "time(5) without time zone",
    "00:00:01.00001",
  ]),
  sample("TIME(7)", named("int64", "io.debezium.time.NanoTime", source("TIME", 7)), "86399999999900", ["text", "23:59:59.9999999"]),
  sample("DATETIME", named("int64", "io.debezium.time.Timestamp", source("DATETIME", 3)), "1709211900003", [
    "timestamp(3) without time zone",
    "2024-02-29 13:05:00.003",
  ]),
  sample("DATETIME2(7)", named("int64", "io.debezium.time.NanoTimestamp"), "1709211900123456700", ["text", "2024-02-29 13:05:00.1234567"]),
  sample("DATETIMEOFFSET(7)", named("string", "io.debezium.time.ZonedTimestamp"), '"2024-02-29T13:05:00.1234567+07:00"', [
    "text",
    "2024-02-29T13:05:00.1234567+07:00",
  ]),
  sample(
    "DATETIMEOFFSET(3)",
    named("string", "io.debezium.time.ZonedTimestamp", source("DATETIMEOFFSET", 3)),
    '"2024-02-29T00:05:00.123+07:00"',
    ["timestamp(3) with time zone", "2024-02-28 17:05:00.123+00"],
  ),
  sample("MONEY", decimal(4, 19), '"ANI="', ["numeric(19,4)", "0.0210"]),
  sample("NUMERIC(38,0)", decimal(0, 38), '"SztMqFqGxHoJiiI//////w=="', ["numeric(38,0)", "99999999999999999999999999999999999999"]),
  sample(
    "GEOMETRY",
    {
      type: "struct",
      name: "io.debezium.data.geometry.Geometry",
      fields: [
        { field: "wkb", type: "bytes" },
        { field: "srid", type: "int32", optional: true },
      ],
    },
    '{"wkb":"AQE=","srid":4326}',
    ["bytea", "\\xe61000000101"],
  ),
];

const db2: readonly Sample[] = [
  sample("BOOLEAN", { type: "boolean" }, "false", ["boolean", "f"]),
  sample("SMALLINT", { type: "int16" }, "-32768", ["smallint", "-32768"]),
  sample("DECIMAL(10,2)", decimal(2, 10), '"zg=="', ["numeric(10,2)", "-0.50"]),
  sample("TIME", named("int32", "io.debezium.time.Time"), "0", ["time(3) without time zone", "00:00:00"]),
  sample("TIMESTAMP", named("int64", "io.debezium.time.MicroTimestamp"), "253402300799999999", [
    "timestamp without time zone",
    "9999-12-31 23:59:59.999999",
  ]),
  sample("VARBINARY", { type: "bytes" }, '""', ["bytea", "\\x"]),
];

/** A row with one column for each sample. */
function decode(connector: string, samples: readonly Sample[], place: string): DataEvent {
  const fields = samples.map(({ schema }, index) => ({ field: `c${index}`, optional: true, ...schema }));
  const row = `{"id":1,${samples.map(({ json }, index) => `"c${index}":${json}`).join(",")}}`;
  const record = envelopeRecord({ connector, fields: [{ field: "id", type: "int32" }, ...fields], after: row, place });
  const event = new RecordReader(decodingOptions("s"), null).read(record);
  if (event.kind !== "data") throw new Error("the record holds no row");
  return event;
}

const places = {
  oracle: '"schema":"HR","table":"T","txId":"09001b00c4030000","scn":"2814582","commit_scn":"2814590"',
  sqlserver: '"schema":"dbo","table":"T","change_lsn":"00000027:00000758:0003","commit_lsn":"0000002b:00000758:0005","event_serial_no":"2"',
  db2: '"schema":"DB2INST1","table":"T","change_lsn":"00000027:00000758","commit_lsn":"00000027:00000759"',
} as const;

describe.each([
  ["oracle", oracle, { log: "scn", parts: [2_814_590n] }],
  ["sqlserver", sqlServer, { log: "lsn", parts: [0x2bn, 0x758n, 5n, 0x27n, 0x758n, 3n, 2n] }],
  ["db2", db2, { log: "lsn", parts: [0x27n, 0x759n, 0x27n, 0x758n, 0n] }],
] as const)("%s", (connector, samples, order) => {
  const place = places[connector].replace('"event_serial_no":"2"', '"event_serial_no":2');

  test("types become PostgreSQL's like types, values their text", () => {
    const { table, after } = decode(connector, samples, place);
    const found = samples.map(({ of }, index) => {
      const column = table.catalog.columns[index + 1];
      return [of, column?.type.declaration, after?.[index + 1]?.toString()];
    });
    expect(found).toEqual(samples.map(({ of, declaration, text }) => [of, declaration, text]));
  });

  test("the place in the log is told from the source block", () => {
    const { source: block, table } = decode(connector, samples, place);
    expect(block).toMatchObject({ connector, order, at: 1_700_000_000_123_000, transactionId: null, snapshot: null });
    expect(table.streamed).toMatchObject({ identity: "full", version: 1, table: { name: "T" } });
  });
});
