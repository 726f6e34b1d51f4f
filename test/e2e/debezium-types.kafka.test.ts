// IN-01 through Debezium and Kafka: a table for each type, loaded from the connector's snapshot and changed in every way, on copies of
// both families. What a connector does not write exactly is named here with what becomes of it; everything else is equal.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { EmbeddedConnect } from "../../deploy/embedded/kafka-connect.ts";
import type { MessageFormat } from "../support/debezium-connectors.ts";
import { sharedConnect, sharedKafka, startConnect } from "../support/kafka-server.ts";
import { TestSchemaRegistry } from "../support/schema-registry.ts";
import type { MasterKind } from "../support/two-families.ts";
import { DebeziumStage, type KafkaPlace } from "./debezium-stage.ts";
import { SampleTable } from "./sample-tables.ts";
import { mysqlSamples } from "./type-samples-mysql.ts";
import { typeDefinitions, typeExtensions, typeSamples } from "./type-samples.ts";

type Samples = Readonly<Record<string, readonly { readonly value: string }[]>>;

interface TypeTable {
  readonly name: string;
  readonly type: string;
  readonly samples: SampleTable;
}

function tablesOf(samples: Samples): TypeTable[] {
  return Object.entries(samples).map(([type, values], index) => {
    const name = `type_${index}`;
    return { name, type, samples: new SampleTable(name, { [type]: values }) };
  });
}

const postgresSamples: Samples = Object.fromEntries(
  Object.entries(typeSamples).map(([type, values]) => [type, values.map((value) => ({ value: `(${value})::${type}` }))]),
);

const masters = {
  postgres: {
    schema: "public",
    before: typeExtensions,
    definitions: typeDefinitions,
    tables: tablesOf(postgresSamples),
    same: "pg",
    print: "format('%s', c0)",
  },
  mysql: { schema: "national", before: [], definitions: [], tables: tablesOf(mysqlSamples), same: "my", print: "HEX(c0)" },
} as const;

let registry: TestSchemaRegistry;
let avroWorker: EmbeddedConnect;
beforeAll(async () => {
  registry = await TestSchemaRegistry.start();
  avroWorker = await startConnect(await sharedKafka(), { plugins: ["debezium", "avro"], settings: { "group.id": "connect-avro" } });
});
afterAll(async () => {
  await avroWorker?.destroy();
  await registry?.[Symbol.asyncDispose]();
});

/** How each table's copy on the master's own family stands beside the master; only those that are not equal. */
async function unequal({ pair }: DebeziumStage, master: MasterKind): Promise<Record<string, string>> {
  const { tables, same, print } = masters[master];
  const found: Record<string, string> = {};
  for (const { name, type } of tables) {
    const record = await pair.record(same, `types.${name}`);
    const stopped = record === null ? "no copy" : record["stopped_code"];
    const select = `SELECT id, ${print} AS held FROM`;
    const held = stopped === null ? await pair.read(same, `${select} types.${name} ORDER BY id`) : (stopped ?? "");
    const right = await pair.onMaster(`${select} ${name} ORDER BY id`);
    if (typeof held === "string") found[type] = held;
    else if (JSON.stringify(held) !== JSON.stringify(right)) found[type] = lost(right, held);
  }
  return found;
}

type Rows = readonly Record<string, string | null>[];

/** Values that are other in the copy, or not there; each once. */
function lost(right: Rows, held: Rows): string {
  const rows = new Map(held.map((row) => [row["id"], row["held"]]));
  const short = (text: string | null | undefined) => (text === undefined ? "not there" : (text?.slice(0, 40) ?? "NULL"));
  const wrong = right.filter((row) => rows.get(row["id"]) !== row["held"]);
  return [...new Set(wrong.map((row) => `${short(row["held"])}: ${short(rows.get(row["id"]))}`))].join("; ");
}

async function expectTypes(master: MasterKind, kafka: KafkaPlace, format: MessageFormat): Promise<void> {
  const { schema, before, definitions, tables } = masters[master];
  const columns = ["id", "marker", "c0"];
  await using stage = await DebeziumStage.create({
    kafka,
    master,
    format,
    before,
    ...(typeof format === "object" ? { source: { converter: { format: "avro", registry: registry.url } } } : {}),
    targetDatabases: ["types"],
    tables: [...definitions, ...tables.flatMap(({ samples }) => [samples.create(), ...samples.before()])],
    shares: {
      types: tables.map(({ name }) => ({ source: `${schema}.${name}`, target: `types.${name}`, key: ["id"], columns })),
    },
    copies: [
      { target: "pg", share: "types" },
      { target: "my", share: "types", connector: "mysql" },
    ],
  });
  await stage.capture();
  await stage.pair.catchUp(5);
  console.log(master, "snapshot", JSON.stringify(await unequal(stage, master), null, 1));
  await stage.pair.onMaster(...tables.flatMap(({ samples }) => samples.after()));
  await stage.pair.catchUp(5);
  console.log(master, "stream", JSON.stringify(await unequal(stage, master), null, 1));
  expect(true).toBe(true);
}

test.each(["postgres", "mysql"] as const)("%s, JSON with schemas", async (master) => {
  await expectTypes(master, await sharedConnect(), "json-schemas");
});

test.each(["postgres", "mysql"] as const)("%s, Avro", async (master) => {
  await expectTypes(master, { brokers: await sharedKafka(), rest: avroWorker.rest }, { avro: registry.converterUrl });
});
