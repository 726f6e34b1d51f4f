// IN-01 through Debezium and Kafka: a table for each type, loaded from the connector's snapshot and changed in every way, on copies of
// both families. What a connector does not write exactly is named here with what becomes of it; everything else is equal.
import { expect, test } from "vitest";
import type { MessageFormat } from "../support/debezium-connectors.ts";
import { sharedConnect } from "../support/kafka-server.ts";
import { DebeziumStage, type KafkaPlace } from "./debezium-stage.ts";
import { SampleTable } from "./sample-tables.ts";
import type { Row } from "./staged-engine.ts";
import { portableSamples, printInMysql } from "./type-samples-portable.ts";
import { typeDefinitions, typeExtensions, typeSamples } from "./type-samples.ts";

interface TypeTable {
  readonly name: string;
  readonly type: string;
  readonly samples: SampleTable;
  /** What a copy must show of each sample; as the master itself prints it when left out. */
  readonly wanted?: readonly (string | null)[];
}

/** Copies on one target. */
interface Copied {
  readonly share: string;
  readonly target: "pg" | "my";
  readonly tables: readonly TypeTable[];
  readonly print: (type: string, column: string) => string;
}

type Values = readonly { readonly value: string }[];

function tablesOf<T extends Values>(
  name: string,
  samples: Readonly<Record<string, T>>,
  wanted?: (values: T) => (string | null)[],
): TypeTable[] {
  return Object.entries(samples).map(([type, values], index) => {
    const table = { name: `${name}_${index}`, type, samples: new SampleTable(`${name}_${index}`, { [type]: values }) };
    return wanted === undefined ? table : { ...table, wanted: wanted(values) };
  });
}

const textOf = (wanted: unknown): string | null => (typeof wanted === "string" ? wanted : null);
const castTo = (type: string) => (value: string) => ({ value: `(${value})::${type}` });
const postgresSamples = Object.fromEntries(Object.entries(typeSamples).map(([type, values]) => [type, values.map(castTo(type))]));
const inPostgres: Copied["print"] = (_, column) => `format('%s', ${column})`;

interface Master {
  readonly schema: string;
  readonly before: readonly string[];
  readonly definitions: readonly string[];
  readonly copied: readonly Copied[];
}

const masters: Readonly<Record<"postgres", Master>> = {
  postgres: {
    schema: "public",
    before: typeExtensions,
    definitions: typeDefinitions,
    copied: [
      { share: "own", target: "pg", tables: tablesOf("own", postgresSamples), print: inPostgres },
      {
        share: "other",
        target: "my",
        tables: tablesOf("other", portableSamples, (values) => values.map(({ mysql }) => textOf(mysql))),
        print: printInMysql,
      },
    ],
  },
};

/**
 * What becomes of what the connector does not write exactly: a code where the copy stops, `master: copy` where it differs. NULL prints as
 * nothing.
 */
const bySnapshot: Readonly<Record<string, string>> = {
  "xid8 in pg": "DB-MAP-031",
  "numeric in pg": "NaN: ; Infinity: ; -Infinity: ; 0.000: 0; 1.10: 1.1; -0.50: -0.5",
  "numeric(10,2) in pg": "NaN: ",
  "money in pg": "-$92,233,720,368,547,758.08: -92233720368547760.00; $1,234.50: 1234.50",
  "date in pg": "0044-03-15 BC: 0044-03-15; 1582-10-10: 1582-10-20; 4713-01-01 BC: 4713-01-01",
  "timetz in pg": "DB-MAP-030",
  "timestamp in pg": "DB-MAP-014",
  "timestamptz in pg": "DB-MAP-014",
  "interval in pg": "DB-MAP-030",
  "interval day to second(3) in pg": "DB-MAP-030",
  "bit varying in pg": "DB-MAP-030",
  "integer[] in pg": "DB-MAP-014",
  "numeric[] in pg": "{NaN,Infinity,1.10}: ",
  "date[] in pg": '{infinity,"0044-03-15 BC"}: {infinity,0044-03-15}',
  "nummultirange in pg": "DB-MAP-031",
  "tsquery in pg": "DB-MAP-031",
  "line in pg": "DB-MAP-031",
  "lseg in pg": "DB-MAP-031",
  "box in pg": "DB-MAP-031",
  "path in pg": "DB-MAP-031",
  "polygon in pg": "DB-MAP-031",
  "circle in pg": "DB-MAP-031",
  "pg_lsn in pg": "DB-MAP-031",
  "tid in pg": "DB-MAP-031",
  "kinds.colour[] in pg": "DB-MAP-030",
  "kinds.code[] in pg": "DB-MAP-031",
  "kinds.address in pg": "DB-MAP-031",
  "kinds.address[] in pg": "DB-MAP-031",
  "kinds.span in pg": "DB-MAP-031",
  "public.hstore in pg": '"a"=>"1", "b"=>NULL, "ă"=>"\\"": {"a":"1","b":null,"ă":"\\""}',
  "xid8 in my": "DB-MAP-031",
  "money in my": "-$92,233,720,368,547,758.08: -92233720368547760.00",
  "date in my": "1582-10-10: 1582-10-20",
  "timetz in my": "DB-MAP-030",
  "bit varying in my": "DB-MAP-030",
  "integer[] in my": "DB-MAP-014",
  "numeric[] in my": "[12345678901234567890.10,-1]: [12345678901234567890.1,-1]",
  "pg_lsn in my": "DB-MAP-031",
};

const byStream: Readonly<Record<string, string>> = {
  "xid8 in pg": "DB-MAP-031",
  "numeric in pg": "NaN: ; Infinity: ; -Infinity: ; 0.000: 0; 1.10: 1.1; -0.50: -0.5",
  "numeric(10,2) in pg": "NaN: ",
  "money in pg":
    "-$92,233,720,368,547,758.08: -92233720368547760.00; $1,234.50: 1234.50; -$92,233,720,368,547,758.08: -92233720368547758.08",
  "name in pg": "Đường: ; pg_name: ",
  "date in pg": "0044-03-15 BC: 0044-03-15; 1582-10-10: 1582-10-20; 4713-01-01 BC: 4713-01-01",
  "timetz in pg": "DB-MAP-030",
  "timestamp in pg": "DB-MAP-014",
  "timestamptz in pg": "DB-MAP-014",
  "interval in pg": "DB-MAP-030",
  "interval day to second(3) in pg": "DB-MAP-030",
  "bit varying in pg": "DB-MAP-030",
  "integer[] in pg": "DB-MAP-014",
  "numeric[] in pg": "DB-MAP-014",
  "date[] in pg": '{infinity,"0044-03-15 BC"}: {infinity,0044-03-15}',
  "nummultirange in pg": "DB-MAP-031",
  "tsquery in pg": "DB-MAP-031",
  "line in pg": "DB-MAP-031",
  "lseg in pg": "DB-MAP-031",
  "box in pg": "DB-MAP-031",
  "path in pg": "DB-MAP-031",
  "polygon in pg": "DB-MAP-031",
  "circle in pg": "DB-MAP-031",
  "pg_lsn in pg": "DB-MAP-031",
  "tid in pg": "DB-MAP-031",
  "kinds.colour[] in pg": "DB-MAP-014",
  "kinds.code[] in pg": "DB-MAP-031",
  "kinds.address in pg": "DB-MAP-031",
  "kinds.address[] in pg": "DB-MAP-031",
  "kinds.span in pg": "DB-MAP-031",
  "public.hstore in pg": '"a"=>"1", "b"=>NULL, "ă"=>"\\"": {"a":"1","b":null,"ă":"\\""}',
  "xid8 in my": "DB-MAP-031",
  "money in my": "-$92,233,720,368,547,758.08: -92233720368547760.00; -$92,233,720,368,547,758.08: -92233720368547758.08",
  "date in my": "1582-10-10: 1582-10-20",
  "timetz in my": "DB-MAP-030",
  "bit varying in my": "DB-MAP-030",
  "integer[] in my": "DB-MAP-014",
  "numeric[] in my": "DB-MAP-014",
  "pg_lsn in my": "DB-MAP-031",
};

const families = { pg: "postgres", my: "mysql" } as const;

/** How each copy stands beside the master; only those that are not equal. */
async function unequal({ pair }: DebeziumStage, { target, tables, print }: Copied): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const { name, type, wanted } of tables) {
    const select = `SELECT id, ${print(type, "c0")} AS held FROM`;
    const right = await pair.onMaster(wanted === undefined ? `${select} ${name}` : `SELECT id, NULL AS held FROM ${name}`);
    const texts = new Map(right.map(({ id, held }) => [id ?? "", (wanted === undefined ? held : wanted[Number(id) % 1000]) ?? null]));
    const record = await pair.record(target, `types.${name}`);
    const held = await pair.read(target, `${select} types.${name}`);
    const difference = record?.["stopped_code"] ?? (typeof held === "string" ? held : differing(texts, held));
    if (difference !== "") found[`${type} in ${target}`] = difference;
  }
  return found;
}

/** Values that are other in the copy, or not there; each once. */
function differing(right: ReadonlyMap<string, string | null>, rows: readonly Row[]): string {
  const held = new Map(rows.map((row) => [row["id"] ?? "", row["held"] ?? null]));
  const short = (text: string | null | undefined) => (text === undefined ? "no row" : (text?.slice(0, 40) ?? "NULL"));
  const ids = [...new Set([...right.keys(), ...held.keys()])].filter((id) => right.get(id) !== held.get(id));
  return [...new Set(ids.map((id) => `${short(right.get(id))}: ${short(held.get(id))}`))].join("; ");
}

async function expectTypes(master: "postgres", kafka: KafkaPlace, format: MessageFormat): Promise<void> {
  const { schema, before, definitions, copied } = masters[master];
  const samples = [...new Map(copied.flatMap(({ tables }) => tables.map((table) => [table.name, table.samples]))).values()];
  const columns = ["id", "marker", "c0"];
  const share = ({ share: name, tables }: Copied) =>
    [name, tables.map((table) => ({ source: `${schema}.${table.name}`, target: `types.${table.name}`, key: ["id"], columns }))] as const;
  await using stage = await DebeziumStage.create({
    kafka,
    master,
    format,
    before,
    // What cannot be converted comes as NULL, where `fail` would end the connector.
    connector: { "event.converting.failure.handling.mode": "warn" },
    targetDatabases: ["types"],
    tables: [...definitions, ...samples.flatMap((table) => [table.create(), ...table.before()])],
    shares: Object.fromEntries(copied.map(share)),
    copies: copied.map(({ target, share: name }) => ({ target, share: name, connector: families[target] })),
  });
  await stage.capture();
  await stage.snapshotIsOver();
  const compare = async () =>
    Object.assign({}, ...(await Promise.all(copied.map((copy) => unequal(stage, copy))))) as Record<string, string>;
  await stage.pair.catchUp(5);
  expect(await compare(), "by snapshot").toEqual(bySnapshot);
  await stage.pair.onMaster(...samples.flatMap((table) => table.after()));
  await stage.pair.catchUp(5);
  expect(await compare(), "by the stream").toEqual(byStream);
}

test("postgres, JSON with schemas", async () => {
  await expectTypes("postgres", await sharedConnect(), "json-schemas");
});
