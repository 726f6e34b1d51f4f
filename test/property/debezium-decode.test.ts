// Whatever bytes come, decoding gives a value or a coded error; and what JSON says is read exactly.
import fc from "fast-check";
import avsc from "avsc";
import { describe, expect, test } from "vitest";
import { AvroReader } from "../../connectors/debezium/decode/avro-reader.ts";
import { parseAvroSchema } from "../../connectors/debezium/decode/avro-schema.ts";
import { DecodeFailure } from "../../connectors/debezium/decode/decode-failure.ts";
import { JsonReader } from "../../connectors/debezium/decode/json-reader.ts";
import { RecordReader } from "../../connectors/debezium/decode/record-reader.ts";
import { dateText, parseIsoDate, parseIsoTimestamp, timestampText } from "../../connectors/debezium/decode/temporal-text.ts";
import { decimalText } from "../../connectors/debezium/decode/decimal-text.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import { goldenRecords, readDebeziumGolden } from "../golden/debezium-file.ts";
import { decodingOptions } from "../support/decoding-options.ts";

/** Reads any JSON into JavaScript values, as the decoder's calls would. */
function readAny(reader: JsonReader): unknown {
  if (reader.isNull()) return null;
  if (reader.nextIs("text")) return reader.text().toString("utf8");
  if (reader.nextIs("object")) {
    const members: [string, unknown][] = [];
    reader.members((name) => members.push([name, readAny(reader)]));
    return Object.fromEntries(members);
  }
  if (reader.nextIs("array")) {
    const items: unknown[] = [];
    reader.list(() => items.push(readAny(reader)));
    return items;
  }
  const written = reader.again().skipped();
  return written === "true" || written === "false" ? reader.boolean() : reader.double();
}

describe("JSON", () => {
  test("reads what JSON.parse reads", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), fc.constantFrom(0, 2), (json, indent) => {
        const parsed = JSON.parse(json) as unknown;
        const reader = new JsonReader(Buffer.from(JSON.stringify(parsed, null, indent), "utf8"));
        expect(readAny(reader)).toEqual(parsed);
        reader.finish();
      }),
    );
  });

  test("reads every text exactly, however it is escaped", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.boolean(), (value, escapesAll) => {
        const plain = JSON.stringify(value);
        const escape = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
        const json = escapesAll ? `"${Array.from({ length: value.length }, (_, at) => escape(value.charAt(at))).join("")}"` : plain;
        expect(new JsonReader(Buffer.from(json, "utf8")).text().toString("utf8")).toBe(value);
      }),
    );
  });

  test("keeps every digit of 64-bit numbers", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        expect(new JsonReader(Buffer.from(String(value))).integerText().toString()).toBe(String(value));
        expect(BigInt(new JsonReader(Buffer.from(` ${value} `)).integer())).toBe(value);
      }),
    );
  });

  test.each(['"\\ud800"', '"\\x"', "01", "1.", "-", "tru", '"a', "[1,]", '{"a" 1}', "", "1e", "{,}", '"\\u12g4"'])(
    "%s is refused",
    (json) => {
      const reader = new JsonReader(Buffer.from(json));
      const read = (): void => {
        readAny(reader);
        reader.finish();
      };
      expect(read).toThrow(DecodeFailure);
    },
  );
});

describe("Avro", () => {
  const schema = JSON.stringify({
    type: "record",
    name: "r",
    fields: [
      { name: "l", type: "long" },
      { name: "s", type: ["null", "string"], default: null },
      { name: "a", type: { type: "array", items: ["null", "bytes"] } },
      { name: "d", type: "double" },
      { name: "b", type: "boolean" },
      { name: "m", type: { type: "map", values: "int" } },
    ],
  });
  const long = avsc.types.LongType.__with({
    fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
    toBuffer: (value: bigint) => {
      const buffer = Buffer.alloc(8);
      buffer.writeBigInt64LE(value);
      return buffer;
    },
    fromJSON: BigInt,
    toJSON: String,
    isValid: (value: unknown) => typeof value === "bigint",
    compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
  });
  const writer = avsc.Type.forSchema(JSON.parse(schema) as avsc.Schema, { registry: { long } });

  test("reads what another library wrote", () => {
    const record = fc.record({
      l: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      s: fc.option(fc.string({ unit: "grapheme" })),
      a: fc.array(fc.option(fc.uint8Array())),
      d: fc.double(),
      b: fc.boolean(),
      m: fc.dictionary(fc.string({ minLength: 1 }), fc.integer()),
    });
    fc.assert(
      fc.property(record, ({ l, s, a, d, b, m }) => {
        const items = a.map((item) => (item === null ? null : Buffer.from(item)));
        const bytes = writer.toBuffer({ l, s, a: items, d, b, m });
        const found = readRecord(bytes, schema);
        expect(found).toEqual({
          l,
          s,
          a: a.map((item) => (item === null ? null : Buffer.from(item).toString("hex"))),
          d,
          b,
          m: Object.fromEntries(Object.entries(m)),
        });
      }),
    );
  });
});

function readRecord(bytes: Buffer, schemaText: string): Record<string, unknown> {
  const schema = parseAvroSchema(schemaText);
  const reader = new AvroReader(bytes, 0);
  const found: Record<string, unknown> = {};
  reader.struct(schema, (index) => {
    const { name, schema: field } = schema.fields[index]!;
    if (field.optional && reader.isNull(field)) found[name] = null;
    else if (name === "l") found[name] = BigInt(reader.integer());
    else if (name === "s") found[name] = reader.text(field).toString("utf8");
    else if (name === "d") found[name] = reader.double(field);
    else if (name === "b") found[name] = reader.boolean();
    else if (name === "a") {
      const items: unknown[] = [];
      const item = field.items!;
      reader.array(field, () => items.push(reader.isNull(item) ? null : reader.bytes(item).toString("hex")));
      found[name] = items;
    } else {
      const members: [string, number][] = [];
      reader.map(field, (key) => members.push([key.toString("utf8"), Number(reader.integer())]));
      found[name] = Object.fromEntries(members);
    }
  });
  reader.finish();
  return found;
}

describe("dates and decimals", () => {
  test("days and ISO texts lead to each other", () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date("0001-01-01T00:00:00Z"), max: new Date("9999-12-31T23:59:59.999Z"), noInvalidDate: true }),
        (date) => {
          const iso = date.toISOString();
          const trimmed = iso
            .slice(0, -1)
            .replace("T", " ")
            .replace(/(\.\d*?)0+$/, "$1")
            .replace(/\.$/, "");
          const days = Math.floor(date.getTime() / 86_400_000);
          expect(dateText(days)).toBe(iso.slice(0, 10));
          expect(parseIsoDate(iso.slice(0, 10))).toBe(days);
          const parsed = parseIsoTimestamp(iso);
          expect(timestampText(parsed.days, parsed.micros, "")).toBe(trimmed);
        },
      ),
    );
  });

  test("decimals are their unscaled number with a point", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), fc.integer({ min: 0, max: 30 }), (unscaled, scale) => {
        const hex = BigInt.asUintN(160, unscaled).toString(16).padStart(40, "0");
        const printed = decimalText(Buffer.from(hex, "hex"), scale);
        const [whole = "", fraction = ""] = printed.split(".");
        expect(fraction.length).toBe(scale);
        expect(BigInt(`${whole}${fraction}`)).toBe(unscaled);
      }),
    );
  });
});

describe("mutated records", () => {
  const golden = ["pg_schemas", "my_schemas", "pg_avro", "pg_changes"].map((name) => readDebeziumGolden(name));

  test.each(golden.map((file) => [file.prefix, file] as const))("%s: a changed record is read, or refused with a code", (_, file) => {
    const avro = new Map(
      Object.entries(file.schemas).flatMap(([id, schema]) => (/^\d+$/.test(id) ? [[Number(id), parseAvroSchema(schema)] as const] : [])),
    );
    const options = decodingOptions(file.prefix, { format: avro.size > 0 ? "avro" : "json" });
    const records = goldenRecords(file).filter(({ value }) => value !== null);
    const mutation = fc.record({ record: fc.nat(records.length - 1), at: fc.nat(), byte: fc.nat(255), cut: fc.boolean() });
    const reader = new RecordReader(options, { get: (id) => avro.get(id) ?? null });
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), ([first, ...more]) => {
        const record = records[first!.record]!;
        let value = Buffer.from(record.value!);
        for (const { at, byte, cut } of [first!, ...more]) {
          if (cut) value = value.subarray(0, at % value.length);
          else value[at % value.length] = byte;
          if (value.length === 0) break;
        }
        try {
          reader.read({ ...record, value });
        } catch (error) {
          expect(error).toBeInstanceOf(ReplicationError);
        }
      }),
      { numRuns: 300 },
    );
  });
});
