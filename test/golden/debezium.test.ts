// Records of real connectors → rows that equal what the database itself printed.
import { beforeAll, describe, expect, test } from "vitest";
import type { DataEvent, DebeziumEvent } from "../../connectors/debezium/decode/change-event.ts";
import { compareOrder } from "../../connectors/debezium/source-order.ts";
import { RecordReader } from "../../connectors/debezium/decode/record-reader.ts";
import { parseAvroSchema } from "../../connectors/debezium/decode/avro-schema.ts";
import { withoutTrailingZeros } from "../../connectors/debezium/decode/decimal-text.ts";
import { ABSENT, type ColumnValue, UNCHANGED } from "../../engine/model/row.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import { mysqlSamples, ownSamples } from "../e2e/type-samples-mysql.ts";
import { decodingOptions } from "../support/decoding-options.ts";
import { type DebeziumGolden, goldenRecords, readDebeziumGolden } from "./debezium-file.ts";
import { debeziumScenarios, mariadbColumns, refusedSamples } from "./debezium-scenarios.ts";

function readerOf(golden: DebeziumGolden, converter: Parameters<typeof decodingOptions>[1] = {}): RecordReader {
  const schemas = new Map(
    Object.entries(golden.schemas).flatMap(([name, text]) => (/^\d+$/.test(name) ? [[Number(name), parseAvroSchema(text)] as const] : [])),
  );
  const format = schemas.size > 0 ? "avro" : "json";
  return new RecordReader(decodingOptions(golden.prefix, { format, ...converter }), { get: (id) => schemas.get(id) ?? null });
}

function decodeAll(golden: DebeziumGolden, converter: Parameters<typeof decodingOptions>[1] = {}): DebeziumEvent[] {
  const reader = readerOf(golden, converter);
  return goldenRecords(golden).map((record) => reader.read(record));
}

const dataOf = (events: readonly DebeziumEvent[]): DataEvent[] => events.filter((event) => event.kind === "data");

function print(value: ColumnValue | undefined): string | null {
  if (value === ABSENT) return "(absent)";
  if (value === UNCHANGED) return "(unchanged)";
  return value === null || value === undefined ? null : value.toString("utf8");
}

const printRow = (row: DataEvent["after"]): (string | null)[] | null => row?.map(print) ?? null;

/** Types as the scenario with schemas tells them, for the columns of the one without. */
function bareTypes(): Map<string, string> {
  const [schema] = Object.values(readDebeziumGolden("pg_schemas").schemas).filter((text) => text.includes('.Value"'));
  const parsed = JSON.parse(schema ?? "") as { fields: { field: string; fields: GoldenField[] }[] };
  const fields = parsed.fields.find(({ field }) => field === "after")?.fields ?? [];
  const typesOf = (name: string): readonly string[] => debeziumScenarios.find((scenario) => scenario.name === name)?.types ?? [];
  const byType = new Map(typesOf("pg_schemas").map((type, index) => [type, typeName(fields[index + 1]!)]));
  return new Map([["id", "int32"], ...typesOf("pg_bare").map((type, index) => [`c${index}`, byType.get(type) ?? ""] as const)]);
}

interface GoldenField {
  readonly field: string;
  readonly type: string;
  readonly name?: string;
  readonly items?: GoldenField;
  readonly parameters?: Readonly<Record<string, string>>;
}

function typeName({ type, name, items, parameters }: GoldenField): string {
  if (items !== undefined) return `${typeName(items)}[]`;
  const numbers = name?.endsWith(".Decimal") === true ? [parameters?.["scale"]] : [parameters?.["length"]];
  return `${name ?? type}${numbers[0] === undefined ? "" : `(${numbers[0]})`}`;
}

describe("PostgreSQL", () => {
  const converters: Record<string, Parameters<typeof decodingOptions>[1]> = {
    pg_text: { binary: "base64" },
    pg_micros: { binary: "hex" },
  };
  // The configuration of a source whose connector writes no schemas: types as those of the scenario with schemas.
  beforeAll(() => {
    converters["pg_bare"] = { types: new Map([["public.every", bareTypes()]]) };
  });

  test.each(["pg_schemas", "pg_bare", "pg_avro", "pg_text", "pg_micros"])("%s: rows equal what a session reads (I-6)", (name) => {
    const golden = readDebeziumGolden(name);
    const rows = dataOf(decodeAll(golden, converters[name]));
    expect(rows.length).toBe(Object.keys(golden.selected).length);
    for (const { after, table } of rows) {
      const [id, ...values] = printRow(after) ?? [];
      const columns = table.streamed.columns.slice(1).map((column) => Number(column.name.slice(1)));
      const selected = golden.selected[id ?? ""];
      const declared = table.catalog.columns.slice(1).map(({ type }) => type.declaration);
      const expected = columns.map((column, index) => canonical(selected?.[column] ?? null, declared[index]));
      expect(values.map((value, index) => canonical(value, declared[index]))).toEqual(expected);
    }
  });

  test("types are those of the catalogue where the connector tells them", () => {
    const [row] = dataOf(decodeAll(readDebeziumGolden("pg_schemas")));
    const declared = row?.table.catalog.columns.map(({ type }) => type.declaration);
    expect(declared).toEqual(expect.arrayContaining(["boolean", "numeric(10,2)", "character varying(20)", "character(6)", "bit(5)", "jsonb"]));
    expect(row?.table.catalog.primaryKey).toEqual(["id"]);
  });
});

/** An hstore comes as JSON, money as a decimal, and a decimal without scale without its last zeros. */
function canonical(text: string | null, declaration: string | undefined): string | null {
  if (text === null) return null;
  if (/^-?\$/.test(text)) return canonical(text.replace(/[$,]/g, ""), declaration);
  if (declaration === "numeric") return withoutTrailingZeros(text);
  return text === '"a"=>"1", "b"=>NULL, "ă"=>"\\""' ? '{"a":"1","b":null,"ă":"\\""}' : text;
}

describe("MariaDB", () => {
  test.each(["my_schemas", "my_avro", "my_text"])("%s: rows equal what is written by hand for each value (I-6)", (name) => {
    const samples = { ...mysqlSamples, ...ownSamples };
    const rows = dataOf(decodeAll(readDebeziumGolden(name), { binary: "base64-url-safe" }));
    expect(rows.length).toBe(debeziumScenarios.find((scenario) => scenario.name === name)?.records.total);
    for (const { after } of rows) {
      const [id, ...values] = printRow(after) ?? [];
      const number = Number(id);
      const part = number >= 200 ? "streamed" : "values";
      const expected = mariadbColumns.map((column) => {
        const value = column[part][number % 100];
        return samples[column.type]?.find((sample) => sample.value === value)?.postgres ?? null;
      });
      expect(values).toEqual(expected);
    }
  });
});

/** One line for each record; long values are cut. */
function summary(event: DebeziumEvent): string {
  const list = (values: readonly (string | null)[] | null): string =>
    values === null ? "-" : `(${values.map((value) => (value ?? "NULL").slice(0, 12)).join("|")})`;
  switch (event.kind) {
    case "data": {
      const moves = event.movesAway ? " moves away" : event.oldKey === null ? "" : ` from ${list(event.oldKey.map(String))}`;
      return `${event.op} ${list(printRow(event.before))} ${list(printRow(event.after))}${moves}`;
    }
    case "tombstone":
      return `tombstone ${list(event.key?.map(String) ?? null)}`;
    case "transaction":
      return [event.status, ...[...event.counts].map(([table, count]) => `${table}=${count}`)].join(" ");
    case "schema change":
      return `schema change ${event.tables.join()}`;
    default:
      return event.kind;
  }
}

/** A refused record by its code. */
function summaries(name: string): string[] {
  const golden = readDebeziumGolden(name);
  const reader = readerOf(golden);
  return goldenRecords(golden).map((record) => {
    try {
      return summary(reader.read(record));
    } catch (error) {
      if (error instanceof ReplicationError) return error.code;
      throw error;
    }
  });
}

describe("events", () => {
  test("of PostgreSQL: images, changed keys, unchanged values, truncation, messages, transactions, heartbeats", () => {
    expect(summaries("pg_changes")).toEqual([
      "heartbeat",
      "r - (1|1.50|cũ|read|2026-01-01 2)",
      "c - (2|-0.01|a\"b\\c\nd|NULL|NULL)",
      "u - (2|-0.01|a\"b\\c\nd|changed|NULL)",
      "d (2|(absent)|a\"b\\c\nd|(absent)|(absent)) - moves away",
      "tombstone (a\"b\\c\nd|2)",
      "c - (2|-0.01|mới|changed|NULL) from (a\"b\\c\nd|2)",
      "c - (3|0.00|x||0044-03-15 0)",
      "d (3|(absent)|x|(absent)|(absent)) - moves away",
      "tombstone (x|3)",
      "c - (4|0.00|x||0044-03-15 0) from (x|3)",
      "d (2|(absent)|mới|(absent)|(absent)) -",
      "tombstone (mới|2)",
      "t - -",
      "c - (1|0|c4ca4238a0b9|\\x6334636134|{c4ca4238a0b|{1,2,3,4,5,6|{1,2,3,4,5,6|{\"k\": \"c4ca4|{c4ca4238-a0|{2026-01-01,|NULL|{\"k\":\"c4ca42)",
      "u - (1|1|(unchanged)|(unchanged)|(unchanged)|(unchanged)|(unchanged)|(unchanged)|(unchanged)|(unchanged)|{1.5}|(unchanged))",
      "DB-KAF-109",
      "begin",
      "end public.keyed=1",
      "begin",
      "end public.keyed=1",
      "begin",
      "end public.keyed=2",
      "begin",
      "end public.keyed=4",
      "begin",
      "end public.toasty=1",
      "begin",
      "end public.toasty=1",
      "begin",
      "end public.toasty=1",
      "begin",
      "end io.debezium.connector.postgresql.LogicalDecodingMessageMonitor$LogicalDecodingMessageId@394a8680=1",
      "begin",
      "end public.keyed=1",
      "message",
]);
  });

  test("of MariaDB", () => {
    expect(summaries("my_changes")).toEqual([
      "heartbeat",
      "r - (cũ|184467440737|\\x00ff|1.50)",
      "u (cũ|184467440737|\\x00ff|1.50) (cũ|184467440737|\\x00ff|2.50)",
      "d (cũ|184467440737|\\x00ff|2.50) - moves away",
      "tombstone (cũ|184467440737|\\x00ff)",
      "c - (mới|184467440737|\\x00ff|2.50) from (cũ|184467440737|\\x00ff)",
      "d (mới|184467440737|\\x00ff|2.50) -",
      "tombstone (mới|184467440737|\\x00ff)",
      "c - (a|1|\\x00|1.00)",
      "c - (a|2|\\x00|NULL)",
      "t - -",
      "c - (b|1|\\x00|1.00|7)",
      "begin",
      "end d.keyed=1",
      "begin",
      "end d.keyed=2",
      "begin",
      "end d.keyed=1",
      "begin",
      "end d.keyed=2",
      "begin",
      "begin",
      "begin",
      "end d.keyed=1",
      "schema change ",
      "schema change d.keyed",
      "schema change ",
      "schema change ",
      "schema change ",
      "schema change d.keyed",
      "schema change d.keyed",
]);
  });

  test("stand in the order of the source's log", () => {
    for (const name of ["my_changes", "pg_avro", "my_text"]) {
      const events = dataOf(decodeAll(readDebeziumGolden(name), name === "my_text" ? { binary: "base64-url-safe" } : {}));
      const orders = events.filter(({ source }) => source.snapshot === null).map(({ source }) => source.order);
      expect(orders.length).toBeGreaterThan(5);
      for (const [index, order] of orders.slice(1).entries()) expect(compareOrder(orders[index]!, order!)).toBeLessThanOrEqual(0);
    }
  });

  test.each(refusedSamples.map(([type, , code], index) => [type, code, index] as const))("%s: refused with %s", (_, code, index) => {
    const golden = readDebeziumGolden("pg_refused");
    const reader = readerOf(golden);
    const record = goldenRecords(golden).find(({ topic }) => topic.endsWith(`.refused_${index}`));
    let refusal: unknown = null;
    try {
      reader.read(record!);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(ReplicationError);
    expect((refusal as ReplicationError).code).toBe(code);
    expect((refusal as ReplicationError).subject).toContain('column "v"');
  });
});
