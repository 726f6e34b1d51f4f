// What is no record of ours, or not exact, is told by a code of its own; and what a configuration must say, is used.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { DebeziumDecoder } from "../../../connectors/debezium/debezium-decoder.ts";
import type { ConverterOptions } from "../../../engine/model/debezium-options.ts";
import type { DebeziumEvent } from "../../../connectors/debezium/decode/change-event.ts";
import type { KafkaRecord } from "../../../connectors/debezium/kafka/kafka-client.ts";
import { UNCHANGED } from "../../../engine/model/row.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { Secret } from "../../../engine/model/secret.ts";
import { decodingOptions } from "../../support/decoding-options.ts";
import { envelopeRecord, plainRecord } from "./envelope-record.ts";

async function decode(record: KafkaRecord, converter: Partial<ConverterOptions> = {}): Promise<DebeziumEvent> {
  const decoder = new DebeziumDecoder(decodingOptions("s", converter));
  await decoder.prepare([record]);
  return decoder.decode(record);
}

async function refusal(record: KafkaRecord, converter: Partial<ConverterOptions> = {}): Promise<string> {
  try {
    await decode(record, converter);
  } catch (error) {
    if (error instanceof ReplicationError) return error.message;
    throw error;
  }
  return "read";
}

const source = '"source":{"connector":"postgresql","ts_ms":1,"schema":"public","table":"t","lsn":5,"txId":7}';

describe("refused", () => {
  test.each([
    ["a CloudEvent", plainRecord({ value: '{"specversion":"1.0","id":"x","data":{}}' }), "DB-KAF-103"],
    [
      "a CloudEvent told by its header",
      plainRecord({ value: '{"id":1}', headers: { "content-type": "application/cloudevents+json" } }),
      "DB-KAF-103",
    ],
    ["a bare row", plainRecord({ value: '{"id":1,"__deleted":"false"}' }), "DB-KAF-102"],
    [
      "a document of MongoDB",
      plainRecord({ value: '{"op":"c","after":"{}","source":{"connector":"mongodb","ts_ms":1},"ts_ms":1}' }),
      "DB-KAF-104",
    ],
    ["an unknown connector", plainRecord({ value: '{"op":"c","source":{"connector":"vitess","ts_ms":1},"ts_ms":1}' }), "DB-KAF-105"],
    ["malformed JSON", plainRecord({ value: '{"op":"c",' }), "DB-KAF-101"],
    ["something behind the JSON", plainRecord({ value: `{"op":"m",${source},"ts_ms":1} x` }), "DB-KAF-101"],
    ["a text", plainRecord({ value: '"text"' }), "DB-KAF-100"],
    ["nothing", plainRecord({ value: "" }), "DB-KAF-100"],
    ["Avro where JSON is configured", plainRecord({ value: Buffer.from([0, 0, 0, 0, 1, 2]) }), "DB-KAF-110"],
    [
      "a column without type",
      plainRecord({ key: '{"id":1}', value: `{"before":null,"after":{"id":1},${source},"op":"c","ts_ms":1}` }),
      'DB-KAF-106: s.d.T, column "id"',
    ],
  ])("%s", async (_, record, expected) => {
    expect(await refusal(record)).toContain(expected);
  });

  test("an unknown type, by its column and its name", async () => {
    const record = envelopeRecord({
      connector: "mysql",
      fields: [
        { field: "id", type: "int32" },
        { field: "x", type: "string", name: "com.example.Custom" },
      ],
      after: '{"id":1,"x":"a"}',
      place: '"table":"T"',
    });
    expect(await refusal(record)).toMatch(/^DB-KAF-107: s\.d\.T, column "x" .*com\.example\.Custom/);
  });

  test("decimals as doubles, unless that is accepted", async () => {
    const record = envelopeRecord({
      connector: "mysql",
      fields: [
        { field: "id", type: "int32" },
        { field: "x", type: "double", parameters: { "__debezium.source.column.type": "DECIMAL" } },
      ],
      after: '{"id":1,"x":0.1}',
      place: '"table":"T"',
    });
    expect(await refusal(record)).toContain("DB-KAF-109");
    expect(await decode(record, { acceptsInexactDecimals: true })).toMatchObject({ kind: "data", op: "c" });
  });
});

test("another placeholder stands for unchanged, and the usual one is text then", async () => {
  const record = envelopeRecord({
    connector: "postgresql",
    fields: [
      { field: "id", type: "int32" },
      { field: "a", type: "string" },
      { field: "b", type: "string" },
    ],
    after: '{"id":1,"a":"~","b":"__debezium_unavailable_value"}',
    op: "u",
    place: '"schema":"public","table":"T","lsn":1',
  });
  const event = await decode(record, { unavailable: "~" });
  expect(event.kind === "data" && event.after).toEqual([Buffer.from("1"), UNCHANGED, Buffer.from("__debezium_unavailable_value")]);
});

test("types of the configuration are used where records have no schema", async () => {
  const types = new Map([
    [
      "public.t",
      new Map([
        ["id", "int64"],
        ["d", "io.debezium.time.Date"],
        ["n", "org.apache.kafka.connect.data.Decimal(10,2)"],
        ["a", "string[]"],
      ]),
    ],
  ]);
  const value = `{"before":null,"after":{"id":9007199254740993,"d":0,"n":"AJY=","a":["x",null]},${source},"op":"c","ts_ms":1}`;
  const event = await decode(plainRecord({ key: '{"id":9007199254740993}', value }), { types });
  expect(event.kind === "data" && event.after?.map(String)).toEqual(["9007199254740993", "1970-01-01", "1.50", "{x,NULL}"]);
  expect(event.kind === "data" && event.table.catalog.primaryKey).toEqual(["id"]);
});

test("an unchanged schema is the same table, a changed one another version", async () => {
  const decoder = new DebeziumDecoder(decodingOptions("s"));
  const tableOf = (type: string) => {
    const fields = [
      { field: "id", type },
      { field: "x", type: "string" },
    ];
    const event = decoder.decode(envelopeRecord({ connector: "mysql", fields, after: '{"id":1,"x":""}', place: '"table":"T"' }));
    if (event.kind !== "data") throw new Error("a row was written");
    return event.table;
  };
  const first = tableOf("int32");
  expect(tableOf("int32")).toBe(first);
  expect(tableOf("int64").streamed.version).toBe(2);
  expect(tableOf("int32")).toBe(first);
  await decoder.prepare([]);
});

describe("a registry", () => {
  const avro = plainRecord({ value: Buffer.from([0, 0, 0, 0, 7, 2]) });

  test.each([
    [401, "", "DB-KAF-112"],
    [404, "", "DB-KAF-113"],
    [503, "", "DB-KAF-111"],
    [200, "not JSON", "DB-KAF-111"],
    [200, '{"schemaType":"PROTOBUF","schema":"x"}', "DB-KAF-114"],
    [200, '{"schema":"{\\"type\\":\\"unknown\\"}"}', "DB-KAF-114"],
    [200, '{"schema":"\\"string\\"","references":[{}]}', "DB-KAF-114"],
  ])("that answers %s %s", async (status, body, code) => {
    const asked: string[] = [];
    const http = createServer((request, response) => {
      asked.push(`${request.url} ${request.headers.authorization}`);
      response.writeHead(status).end(body);
    });
    await new Promise<void>((resolve) => {
      http.listen(0, "127.0.0.1", resolve);
    });
    const registry = { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, user: "u", password: new Secret("p"), tls: null };
    expect(await refusal(avro, { format: "avro", registry })).toContain(code);
    expect(asked).toEqual([`/schemas/ids/7 Basic ${Buffer.from("u:p").toString("base64")}`]);
    http.close();
  });

  test("that is not there", async () => {
    const registry = { url: "http://127.0.0.1:1", user: null, password: null, tls: null };
    expect(await refusal(avro, { format: "avro", registry })).toContain("DB-KAF-111");
  });
});
