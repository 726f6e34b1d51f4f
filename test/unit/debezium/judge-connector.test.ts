import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { judgeConnector, type SourceNeeds } from "../../../connectors/debezium/preflight/judge-connector.ts";
import { matches } from "../../../connectors/debezium/preflight/judge-coverage.ts";
import { loadConfiguration } from "../../../engine/config/load-config.ts";
import type { DebeziumOptions } from "../../../engine/model/debezium-options.ts";
import type { TableMapping } from "../../../engine/model/share.ts";
import { debeziumOptions } from "../../support/debezium-options.ts";

const json = "org.apache.kafka.connect.json.JsonConverter";

/** A connector that loses nothing. */
const careful: Readonly<Record<string, string>> = {
  "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
  "database.password": "s3cr3t",
  "topic.prefix": "pop",
  "table.include.list": "public\\.citizen,public\\.house",
  "key.converter": json,
  "key.converter.replace.null.with.default": "false",
  "value.converter": json,
  "value.converter.replace.null.with.default": "false",
  "skipped.operations": "none",
  "event.converting.failure.handling.mode": "fail",
  "interval.handling.mode": "string",
  "include.unknown.datatypes": "true",
  "heartbeat.interval.ms": "10000",
  "heartbeat.action.query": "UPDATE public.heartbeat SET at = now()",
};
const carefulMysql = {
  ...careful,
  "connector.class": "io.debezium.connector.mysql.MySqlConnector",
  "bigint.unsigned.handling.mode": "precise",
  "enable.time.adjuster": "false",
};

const citizen = { schema: "public", name: "citizen" };
const needs: SourceNeeds = {
  tables: [citizen],
  mappings: [{ source: citizen, columns: [{ source: "personal_id" }, { source: "full_name" }] } as unknown as TableMapping],
  validitySeconds: 86_400,
};

interface Case {
  readonly settings?: Readonly<Record<string, string | undefined>>;
  readonly base?: Readonly<Record<string, string>>;
  readonly options?: Partial<DebeziumOptions>;
  readonly validitySeconds?: number;
  readonly state?: string;
  readonly tasks?: readonly string[];
}

/** `<code> <severity>` of each finding. No finding may hold a secret of the connector's. */
function judged({
  settings = {},
  base = careful,
  options = {},
  validitySeconds = 86_400,
  state = "RUNNING",
  tasks = ["RUNNING"],
}: Case): string[] {
  const entries = Object.entries({ ...base, ...settings }).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const kind = base === careful ? "postgresql" : "mysql";
  const known = /postgresql|mysql/.test(String({ ...base, ...settings }["connector.class"]));
  const facts = { settings: new Map(entries), kind: known ? kind : null, state, tasks } as const;
  const findings = judgeConnector(facts, { ...debeziumOptions({ prefix: "pop" }), ...options }, { ...needs, validitySeconds });
  expect(JSON.stringify(findings)).not.toContain("s3cr3t");
  return findings.map(({ code, severity }) => `${code} ${severity}`);
}

const inHex = { converter: { ...debeziumOptions({ prefix: "pop" }).converter, binary: "hex" } } as const;

test("nothing is said of a connector that loses nothing", () => {
  expect(judged({})).toEqual([]);
  expect(judged({ base: carefulMysql })).toEqual([]);
});

test.each<[string, Case, string[]]>([
  ["decimals as doubles", { settings: { "decimal.handling.mode": "double" } }, ["DB-KAF-148 error"]],
  ["times in milliseconds", { settings: { "time.precision.mode": "connect" } }, ["DB-KAF-148 error"]],
  ["bytes as text that nobody expects", { settings: { "binary.handling.mode": "base64" } }, ["DB-KAF-149 error"]],
  ["bytes as text that nothing tells from text", { settings: { "binary.handling.mode": "hex" }, options: inHex }, ["DB-KAF-148 error"]],
  [
    "bytes as text, told by the column's type",
    { settings: { "binary.handling.mode": "hex", "column.propagate.source.type": ".*" }, options: inHex },
    [],
  ],
  ["intervals as numbers, the default", { settings: { "interval.handling.mode": undefined } }, ["DB-KAF-148 warning"]],
  [
    "unsigned numbers, the default",
    { base: carefulMysql, settings: { "bigint.unsigned.handling.mode": undefined } },
    ["DB-KAF-148 warning"],
  ],
  ["years below 100", { base: carefulMysql, settings: { "enable.time.adjuster": "true" } }, ["DB-KAF-148 info"]],
  [
    "NULL for what cannot be converted, the default",
    { settings: { "event.converting.failure.handling.mode": undefined } },
    ["DB-KAF-148 warning"],
  ],
  [
    "NULL as the column's default, as it comes",
    { settings: { "value.converter.replace.null.with.default": undefined } },
    ["DB-KAF-148 error"],
  ],
  ["TRUNCATE left out, the default", { settings: { "skipped.operations": undefined } }, ["DB-KAF-147 warning"]],
  ["deletes left out", { settings: { "skipped.operations": "d, t" } }, ["DB-KAF-147 error"]],
  ["failures passed over", { settings: { "event.processing.failure.handling.mode": "skip" } }, ["DB-KAF-147 error"]],
  ["lost schemas passed over", { base: carefulMysql, settings: { "inconsistent.schema.handling.mode": "warn" } }, ["DB-KAF-147 error"]],
  ["errors tolerated", { settings: { "errors.tolerance": "all" } }, ["DB-KAF-147 error"]],
  ["a slot that goes with the connector", { settings: { "slot.drop.on.stop": "true" } }, ["DB-KAF-147 error"]],
  ["unknown types, the default", { settings: { "include.unknown.datatypes": undefined } }, ["DB-KAF-147 warning"]],
  ["no tombstones", { settings: { "tombstones.on.delete": "false" } }, ["DB-KAF-147 info"]],
  ["a table that is not captured", { settings: { "table.include.list": "public.house" } }, ["DB-KAF-147 error"]],
  [
    "a table that is excluded",
    { settings: { "table.include.list": undefined, "table.exclude.list": "public[.]c.*" } },
    ["DB-KAF-147 error"],
  ],
  ["a schema that is not captured", { settings: { "schema.include.list": "other" } }, ["DB-KAF-147 error"]],
  ["a column that is excluded", { settings: { "column.exclude.list": "public\\.citizen\\.full_name" } }, ["DB-KAF-147 error"]],
  ["a column that nobody needs", { settings: { "column.exclude.list": "public\\.citizen\\.photo" } }, []],
  ["a column that is hashed", { settings: { "column.mask.hash.SHA-256.with.salt.s3cr3t": ".*full_name" } }, ["DB-KAF-148 error"]],
  ["a column that is cut", { settings: { "column.truncate.to.20.chars": "public.citizen.full_name" } }, ["DB-KAF-148 error"]],
  ["another placeholder", { settings: { "unavailable.value.placeholder": "?" } }, ["DB-KAF-149 error"]],
  [
    "no envelope",
    { settings: { transforms: "unwrap", "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState" } },
    ["DB-KAF-149 error"],
  ],
  ["a filter", { settings: { transforms: "f", "transforms.f.type": "org.apache.kafka.connect.transforms.Filter" } }, ["DB-KAF-147 error"]],
  [
    "other topics",
    { settings: { transforms: "r", "transforms.r.type": "org.apache.kafka.connect.transforms.RegexRouter" } },
    ["DB-KAF-149 warning"],
  ],
  ["an unknown transform", { settings: { transforms: "x", "transforms.x.type": "vn.example.Own$Value" } }, ["DB-KAF-149 error"]],
  ["a harmless transform", { settings: { transforms: "h", "transforms.h.type": "io.debezium.transforms.ExtractChangedRecordState" } }, []],
  ["CloudEvents", { settings: { "value.converter": "io.debezium.converters.CloudEventsConverter" } }, ["DB-KAF-149 error"]],
  ["another format", { settings: { "key.converter": "io.confluent.connect.avro.AvroConverter" } }, ["DB-KAF-149 error"]],
  ["the worker's converter", { settings: { "value.converter": undefined } }, ["DB-KAF-149 info"]],
  ["custom converters", { settings: { converters: "own" } }, ["DB-KAF-148 warning"]],
  ["another prefix", { settings: { "topic.prefix": "other" } }, ["DB-KAF-146 error"]],
  ["other heartbeats", { settings: { "topic.heartbeat.prefix": "beat" } }, ["DB-KAF-146 error"]],
  [
    "another kind of connector",
    { settings: { "connector.class": "io.debezium.connector.mongodb.MongoDbConnector" } },
    ["DB-KAF-146 error"],
  ],
  ["no heartbeats, the default", { settings: { "heartbeat.interval.ms": undefined } }, ["DB-KAF-150 error"]],
  ["heartbeats that come too late", { validitySeconds: 20 }, ["DB-KAF-150 error"]],
  ["heartbeats that say nothing of the master", { settings: { "heartbeat.action.query": undefined } }, ["DB-KAF-150 warning"]],
  ["a server that says too seldom that it lives, as it comes", { base: carefulMysql, validitySeconds: 60 }, ["DB-KAF-150 error"]],
  [
    "a server that says often that it lives",
    { base: carefulMysql, settings: { "connect.keep.alive.interval.ms": "5000" }, validitySeconds: 60 },
    [],
  ],
  ["transactions that nobody tells", { options: withTransactions("pop.transaction") }, ["DB-KAF-151 error"]],
  [
    "transactions elsewhere",
    { settings: { "provide.transaction.metadata": "true" }, options: withTransactions("t") },
    ["DB-KAF-151 error"],
  ],
  ["transactions that nobody reads", { settings: { "provide.transaction.metadata": "true" } }, ["DB-KAF-151 info"]],
  ["no snapshot", { settings: { "snapshot.mode": "no_data" } }, ["DB-KAF-152 error"]],
  [
    "no snapshot where the master is read",
    { settings: { "snapshot.mode": "no_data" }, options: { master: {} as DebeziumOptions["master"] } },
    [],
  ],
  ["nothing but a snapshot", { settings: { "snapshot.mode": "initial_only" } }, ["DB-KAF-147 error"]],
  ["a snapshot of some rows", { settings: { "snapshot.select.statement.overrides": "public.citizen" } }, ["DB-KAF-152 warning"]],
  ["a connector that stands still", { state: "PAUSED" }, ["DB-KAF-145 error"]],
  ["a task that failed", { tasks: ["FAILED"] }, ["DB-KAF-145 error"]],
  ["a connector without a task", { tasks: [] }, ["DB-KAF-145 error"]],
])("%s", (_what, given, expected) => {
  expect(judged(given)).toEqual(expected);
});

function withTransactions(transactions: string): Partial<DebeziumOptions> {
  return { topics: { ...debeziumOptions({ prefix: "pop" }).topics, transactions } };
}

test("inexact decimals that the configuration accepts are worth knowing, no more", () => {
  const { converter } = debeziumOptions({ prefix: "pop" });
  const options = { converter: { ...converter, acceptsInexactDecimals: true } };
  expect(judged({ settings: { "decimal.handling.mode": "double" }, options })).toEqual(["DB-KAF-148 info"]);
});

test("the example's connector loses nothing, and fits the example's configuration", () => {
  const settings = JSON.parse(readFileSync("deploy/examples/debezium-connector.json", "utf8")) as Record<string, string>;
  const { configuration, findings } = loadConfiguration("deploy/examples/debezium.yaml", {
    KAFKA_PASSWORD: "x",
    HCM_URL: "postgres://u@h/d",
  });
  expect(findings).toEqual([]);
  const source = configuration?.sources.get("population");
  if (source?.connector !== "debezium") throw new Error("the example has no Debezium source");
  const tables = configuration?.shares.flatMap((share) => share.tables.map((table) => table.source)) ?? [];
  const facts = { settings: new Map(Object.entries(settings)), kind: "postgresql", state: "RUNNING", tasks: ["RUNNING"] } as const;
  expect(judgeConnector(facts, source.debezium, { tables, mappings: [], validitySeconds: 86_400 })).toEqual([]);
});

test("lists match whole names, capitals or not, and what only Java can read is not judged", () => {
  expect(matches("a\\.b, public\\.citizen", "public.CITIZEN")).toBe(true);
  expect(matches("public.citi", "public.citizen")).toBe(false);
  expect(matches("(?x)a", "public.citizen")).toBeNull();
});
