import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import type { DebeziumSourceConfiguration, KafkaTargetConfiguration } from "../../../engine/config/configuration.ts";
import { edited, readSample, sample, sampleEnvironment, secrets, unmark } from "./sample-config.ts";

const direct = "    connector: postgres\n    url: ${env:POPULATION_URL}\n";
const minimal = edited(sample, direct, "    connector: debezium\n    url: kafka://127.0.0.1\n    topics: { prefix: pop }\n");

const full = edited(
  sample,
  direct,
  `    connector: debezium
    url: kafka://dongbo:\${env:PASSWORD}@k1.example.vn:9093,k2.example.vn?sslrootcert=ca.pem&sasl_mechanism=scram-sha-256
    topics:
      prefix: pop
      tables: { public.citizen: citizens }
      heartbeat: beats
      transactions: pop.transaction
      proof: pop.public.heartbeat
    converter: { format: avro, registry: "https://reader:\${env:PASSWORD}@registry.example.vn:8081/apis/" , unavailable: __gone }
    master: \${env:POPULATION_URL}
    connect: { url: http://127.0.0.1:8083, connector: population }
    before_images: full
    group: readers
    client: platformatic
`,
);

function source(text: string): DebeziumSourceConfiguration {
  const { configuration, findings } = readSample(text);
  expect(findings).toEqual([]);
  const found = configuration?.sources.get("population");
  if (found?.connector !== "debezium") throw new Error("no Debezium source was read");
  return found;
}

describe("a Debezium source", () => {
  test("takes brokers and prefix, and has defaults for the rest", () => {
    expect(source(minimal).debezium).toEqual({
      name: "population",
      kafka: {
        brokers: [{ host: "127.0.0.1", port: 9092 }],
        tls: { mode: "disable", rootCertificate: null, certificate: null, key: null },
        sasl: null,
      },
      client: "platformatic",
      group: "dongbo-population",
      slices: 1,
      topics: { prefix: "pop", tables: new Map(), heartbeat: "__debezium-heartbeat.pop", transactions: null, proof: null },
      converter: {
        format: "json",
        registry: null,
        unavailable: "__debezium_unavailable_value",
        binary: "bytes",
        types: new Map(),
        acceptsInexactDecimals: false,
      },
      master: null,
      connect: null,
      fullBeforeImages: false,
    });
  });

  test("takes what is written", () => {
    const { debezium } = source(full);
    expect(debezium).toMatchObject({
      kafka: {
        brokers: [
          { host: "k1.example.vn", port: 9093 },
          { host: "k2.example.vn", port: 9092 },
        ],
        tls: { mode: "verify-full", rootCertificate: "/etc/dongbo/ca.pem" },
        sasl: { mechanism: "scram-sha-256", user: "dongbo" },
      },
      client: "platformatic",
      group: "readers",
      topics: { tables: new Map([["public.citizen", "citizens"]]), heartbeat: "beats", transactions: "pop.transaction" },
      converter: { format: "avro", registry: { url: "https://registry.example.vn:8081/apis", user: "reader" }, unavailable: "__gone" },
      master: { kind: "postgres", host: "db.example.vn" },
      connect: { address: { url: "http://127.0.0.1:8083", user: null }, connector: "population" },
      fullBeforeImages: true,
    });
    expect(debezium.kafka.sasl?.password.reveal()).toBe(sampleEnvironment["PASSWORD"]);
    expect(debezium.converter.registry?.password?.reveal()).toBe(sampleEnvironment["PASSWORD"]);
  });

  test("shows no secret however it is printed", () => {
    const found = source(full);
    for (const secret of secrets) expect(inspect(found, { depth: null }) + JSON.stringify(found)).not.toContain(secret);
  });

  test("gives the columns of JSON without schemas their types", () => {
    const types = "{ types: { public.citizen: { birth_date: io.debezium.time.Date } } }";
    const { converter } = source(
      edited(minimal, "{ prefix: pop }\n", `{ prefix: pop }\n    converter: ${types}\n    slices: 4\n`),
    ).debezium;
    expect(converter.types).toEqual(new Map([["public.citizen", new Map([["birth_date", "io.debezium.time.Date"]])]]));
  });
});

/** Codes in the order of the file; each finding must point at its `«`. */
function codes(marked: string): string[] {
  const { text, positions } = unmark(marked);
  const { findings } = readSample(text);
  expect(findings.map(({ location }) => `${location?.line}:${location?.column}`)).toEqual(positions);
  for (const finding of findings) for (const secret of secrets) expect(JSON.stringify(finding)).not.toContain(secret);
  return findings.map(({ code }) => code);
}

const prefix = "topics: { prefix: pop }";
const local = "url: kafka://127.0.0.1";

describe("mistakes around Debezium are told at their places", () => {
  test.each<[string, string[], string, string]>([
    ["slices of whole transactions", ["DB-CFG-014"], prefix, "topics: { prefix: pop, transactions: t }\n    slices: «2"],
    ["Avro without a registry", ["DB-CFG-015"], prefix, `${prefix}\n    converter: «{ format: avro }`],
    ["a registry for JSON", ["DB-CFG-015"], prefix, `${prefix}\n    converter: { registry: «http://127.0.0.1 }`],
    [
      "types for Avro",
      ["DB-CFG-015"],
      prefix,
      `${prefix}\n    converter: { format: avro, registry: http://127.0.0.1:1, types: «{ public.citizen: {} } }`,
    ],
    ["one topic for heartbeats and rows", ["DB-CFG-016"], prefix, "topics: { prefix: p, heartbeat: h, tables: { public.citizen: «h } }"],
    ["one topic for heartbeats and transactions", ["DB-CFG-016"], prefix, "topics: { prefix: p, transactions: «__debezium-heartbeat.p }"],
    ["a topic of a table that nobody shares", ["DB-CFG-067"], prefix, "topics: { prefix: p, tables: { «public.citizens: c } }"],
    ["a table without a schema", ["DB-CFG-040"], prefix, "topics: { prefix: p, tables: { «citizen: c } }"],
    ["a name that no topic has", ["DB-CFG-041"], prefix, "topics: { prefix: «Dân cư }"],
    ["no topics", ["DB-CFG-007"], `connector: debezium\n    ${local}\n    ${prefix}`, `«connector: debezium\n    ${local}`],
    ["a slot", ["DB-CFG-013"], prefix, `${prefix}\n    «slot: x`],
    ["two mistakes", ["DB-CFG-009", "DB-CFG-013"], prefix, `${prefix}\n    client: «java\n    «publication: x`],
    ["the URL of a database", ["DB-CFG-021"], local, "url: «${env:POPULATION_URL}"],
    ["a broker as master", ["DB-CFG-021"], prefix, `${prefix}\n    master: «kafka://127.0.0.1`],
    ["a password in the file", ["DB-CFG-022"], local, "url: «kafka://u:hunter2@127.0.0.1"],
    ["a mechanism that is none", ["DB-CFG-023"], local, "url: «kafka://127.0.0.1?sasl_mechanism=gssapi"],
    ["sslmode=prefer", ["DB-CFG-023"], local, "url: «kafka://127.0.0.1?sslmode=prefer"],
    ["a user without password", ["DB-CFG-020"], local, "url: «kafka://u@127.0.0.1"],
    ["a path", ["DB-CFG-020"], local, "url: «kafka://127.0.0.1/topic"],
    ["no second broker", ["DB-CFG-020"], local, "url: «kafka://127.0.0.1,"],
    [
      "a password in the registry's URL",
      ["DB-CFG-022"],
      prefix,
      `${prefix}\n    converter: { format: avro, registry: «"https://u:pw@r.vn" }`,
    ],
    ["a registry that is no URL", ["DB-CFG-020"], prefix, `${prefix}\n    converter: { format: avro, registry: «registry.vn }`],
    ["a weaker sslmode", ["DB-CFG-027"], local, "url: «kafka://k1.vn?sslmode=require"],
    [
      "a password in the clear",
      ["DB-CFG-027", "DB-CFG-027"],
      local,
      "url: ««kafka://u:${env:PASSWORD}@k1.vn?sslmode=disable&sasl_mechanism=plain",
    ],
    ["a registry over http", ["DB-CFG-027"], prefix, `${prefix}\n    converter: { format: avro, registry: «http://registry.vn:8081 }`],
  ])("%s", (_mistake, expected, from, to) => {
    expect(codes(edited(minimal, from, to))).toEqual(expected);
  });

  test("MM-07: a master behind Kafka is one with the same master read directly", () => {
    const second = "  again: { connector: postgres, url: ${env:POPULATION_URL}, provider: { id: G01, name: x } }\ntargets:\n";
    const share = `  - id: second
    source: again
    regulation: { id: QC-01/2025, validity_period: PT1H, log_retention: P1Y }
    agreement: { id: TT-08/2026, from: 2026-01-01, purpose: x, storage_basis: "42.1" }
    platform: NDXP
    tables: [{ source: «public.citizen, target: population.names }]
    subscriptions: [{ target: hcm }]
`;
    const text = edited(minimal, prefix, `${prefix}\n    master: \${env:POPULATION_URL}`);
    expect(codes(edited(text, "targets:\n", second) + share)).toEqual(["DB-CFG-063"]);
  });
});

const copy = "    connector: postgres\n    url: ${env:HCM_URL}\n";
const hub = edited(sample, copy, "    connector: kafka\n    url: kafka://127.0.0.1:9092\n    topics: { prefix: pop }\n");

describe("a Kafka target", () => {
  test("takes brokers and prefix", () => {
    const { configuration, findings } = readSample(hub);
    expect(findings).toEqual([]);
    const target = configuration?.targets.get("hcm") as KafkaTargetConfiguration;
    expect(target).toMatchObject({ connector: "kafka", topics: { prefix: "pop", partitions: 1 } });
    expect(target.kafka.brokers).toEqual([{ host: "127.0.0.1", port: 9092 }]);
  });

  test("has no readers, and takes tables that topics can be named after", () => {
    expect(codes(edited(hub, "topics: { prefix: pop }", "topics: { prefix: pop }\n    «readers: [x]"))).toEqual(["DB-CFG-013"]);
    expect(codes(edited(hub, "target: population.citizen", "target: «population.Công dân"))).toEqual(["DB-CFG-041"]);
  });

  test("takes no source that several processes read in slices", () => {
    const sliced = edited(minimal, "topics: { prefix: pop }", "topics: { prefix: other }\n    slices: 2");
    const published = edited(sliced, copy, "    connector: kafka\n    url: kafka://127.0.0.1:9092\n    topics: { prefix: pop }\n");
    expect(codes(edited(published, "target: hcm", "target: «hcm"))).toEqual(["DB-CFG-069"]);
  });

  test("carries one subscription under a prefix", () => {
    const share = `  - id: second
    source: population
    regulation: { id: QC-01/2025, validity_period: PT1H, log_retention: P1Y }
    agreement: { id: TT-08/2026, from: 2026-01-01, purpose: x, storage_basis: "42.1" }
    platform: NDXP
    tables: [{ source: public.house, target: population.house }]
    subscriptions: [{ target: «again }]
`;
    const again =
      '  again: { connector: kafka, url: kafka://localhost:9092, topics: { prefix: pop }, consumer: { id: "1", name: x } }\nshares:\n';
    expect(codes(edited(hub, "shares:\n", again) + share)).toEqual(["DB-CFG-068"]);
  });
});
