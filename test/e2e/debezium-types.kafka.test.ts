// IN-01 through Debezium and Kafka: the values of every type, from the connector's snapshot and changed in every way, on copies of both
// families. What a connector does not write exactly is named in `fates` and `others`; everything else must be as the master has it.
import { expect, test } from "vitest";
import type { ConnectorConfig } from "../../deploy/embedded/connect-rest.ts";
import type { MessageFormat } from "../support/debezium-connectors.ts";
import { sharedConnect, sharedKafka, startConnect } from "../support/kafka-server.ts";
import { TestSchemaRegistry } from "../support/schema-registry.ts";
import type { MasterKind } from "../support/two-families.ts";
import { DebeziumStage, type KafkaPlace } from "./debezium-stage.ts";
import { numbersOf, type SampleRow, SampleTable } from "./sample-tables.ts";
import { mysqlOnlySamples, mysqlSamples, printByBytes } from "./type-samples-mysql.ts";
import { portableSamples, printInMysql } from "./type-samples-portable.ts";
import { typeDefinitions, typeExtensions, typeSamples } from "./type-samples.ts";

/**
 * `left out`: the connector's task fails on it. `refused`: its table stops with a code. `log only`: exact from the log, and refused when
 * a snapshot read it.
 */
type Fate = "left out" | "refused" | "log only";

/** By type and value; what no line fits arrives exactly. */
const fates: Readonly<Record<MasterKind, readonly (readonly [RegExp, Fate])[]>> = {
  postgres: [
    // NaN in an array, and NULL in one whose items are said to be never NULL. Under `warn` the array comes as NULL.
    [/^numeric\[\] .*NaN|^kinds\.\w+\[\]/, "left out"],
    // Without zone, without length, or printed otherwise than by the server.
    [/^(timetz|bit varying|line|lseg|box|path|polygon|circle) /, "refused"],
    // Arrays in an array come as NULLs; microseconds beyond 64 bits wrap around.
    [/^integer\[\] '(\{\{|\[-1)|^timestamp '294276/, "refused"],
    // The driver, which snapshots and arrays come from, has the Julian calendar, and reads money as a double.
    [/^date\[\]/, "refused"],
    [/^(date|timestamp|timestamptz) .*( BC|'1582|'0001)|^money '-9/, "log only"],
  ],
  mysql: [
    // The driver knows no such year. The zero timestamp is NULL in a snapshot, and refused in the log.
    [/^year 0|^timestamp null 0$/, "left out"],
    // The server prints six digits for a snapshot.
    [/^float (16777216|3\.4|-1\.1)/, "log only"],
  ],
};

/** What copies show instead of what the master prints. */
const others: Readonly<Record<string, string>> = {
  // The same in another form.
  "money '1234.5'": "1234.50",
  "money '-92233720368547758.08'": "-92233720368547758.08",
  [`public.hstore '"a"=>"1", "b"=>NULL, "ă"=>"\\""'`]: '{"a":"1","b":null,"ă":"\\""}',
  // Lost, and no record shows it: the bounds of an array; dates that are none, which come as NULL.
  "integer[] '[0:1]={7,8}'": "{7,8}",
  "date '0000-00-00'": "",
  "date '2024-00-15'": "",
  "datetime(6) '0000-00-00 00:00:00'": "",
};

type Target = "pg" | "my";

interface Sample {
  readonly type: string;
  /** Type and value, as `fates` and `others` have them. */
  readonly name: string;
  /** SQL on the master. */
  readonly value: string;
  /** What the copy shows: null, no such row; undefined, what the master does. */
  readonly wanted: string | null | undefined;
}

/** Samples, where their copies are, and how a column is printed there, and at a master of the same family. */
interface Catalogue {
  readonly samples: readonly Sample[];
  readonly target: Target;
  readonly print: (row: SampleRow) => string;
}

interface Master {
  readonly schema: string;
  /** What `dongbo check` asks for beside the settings that every connector of a stage is given. */
  readonly settings: ConnectorConfig;
  readonly before: readonly string[];
  readonly definitions: readonly string[];
  readonly catalogues: readonly Catalogue[];
}

/** What is neither text nor undefined is set aside by the target. */
function samplesOf<S extends { readonly value: string }>(
  samples: Readonly<Record<string, readonly S[]>>,
  wanted: (sample: S) => unknown,
  sql: (type: string, value: string) => string = (_, value) => value,
): Sample[] {
  return Object.entries(samples).flatMap(([type, list]) =>
    list.map((sample) => {
      const name = `${type} ${sample.value}`;
      const shown = others[name] ?? wanted(sample);
      return { type, name, value: sql(type, sample.value), wanted: typeof shown === "string" || shown === undefined ? shown : null };
    }),
  );
}

const asMaster = (): undefined => undefined;
const postgresSamples = Object.fromEntries(Object.entries(typeSamples).map(([type, values]) => [type, values.map((value) => ({ value }))]));
/** As the type itself prints, unlike a cast of an address. NULL prints as nothing. */
const inPostgres: Catalogue["print"] = ({ column }) => `format('%s', ${column})`;
const inMysql: Catalogue["print"] = ({ type, column }) => printInMysql(type, column);
/** Through PostgreSQL's like types: without ZEROFILL, and TIME as text that has no zeros at its end. */
const inMysqlAgain: Catalogue["print"] = ({ type, column, value }) => {
  if (type === "time(6)") return printByBytes({ type, value, column: `CAST(${column} AS TIME(6))` });
  return printByBytes({ type, value, column: type.endsWith("zerofill") ? `(${column} + 0)` : column });
};

const masters: Readonly<Record<MasterKind, Master>> = {
  postgres: {
    schema: "public",
    settings: { "include.unknown.datatypes": "true", "interval.handling.mode": "string", "decimal.handling.mode": "string" },
    before: typeExtensions,
    definitions: typeDefinitions,
    catalogues: [
      { samples: samplesOf(postgresSamples, asMaster, (type, value) => `(${value})::${type}`), target: "pg", print: inPostgres },
      { samples: samplesOf(portableSamples, ({ mysql }) => mysql), target: "my", print: inMysql },
    ],
  },
  mysql: {
    schema: "national",
    settings: { "bigint.unsigned.handling.mode": "precise", "enable.time.adjuster": "false" },
    before: [],
    definitions: [],
    // Without `ownSamples`: the connector's task fails on columns of UUID and INET.
    catalogues: [
      { samples: samplesOf(mysqlSamples, ({ postgres }) => postgres), target: "pg", print: inPostgres },
      { samples: samplesOf(mysqlOnlySamples, ({ postgres }) => postgres), target: "pg", print: inPostgres },
      { samples: samplesOf(mysqlSamples, asMaster), target: "my", print: inMysqlAgain },
    ],
  },
};

/** One table at the master, and its copy. */
interface Copied {
  readonly name: string;
  readonly fate: Fate | "exact";
  readonly catalogue: Catalogue;
  readonly samples: readonly Sample[];
  readonly table: SampleTable;
}

/** A table of all that is exact, one of what is so from the log alone, and one for each type that has refused values. */
function tablesOf(master: MasterKind, catalogue: Catalogue, number: number): Copied[] {
  const fateOf = ({ name }: Sample): Copied["fate"] => fates[master].find(([form]) => form.test(name))?.[1] ?? "exact";
  const having = (...wanted: Copied["fate"][]) => catalogue.samples.filter((sample) => wanted.includes(fateOf(sample)));
  const table = (name: string, fate: Copied["fate"], samples: readonly Sample[]): Copied => {
    return { name, fate, catalogue, samples, table: new SampleTable(name, byType(samples)) };
  };
  const refused = Object.values(byType(having("refused", "log only")));
  return [
    table(`exact_${number}`, "exact", having("exact")),
    table(`logged_${number}`, "log only", having("log only")),
    ...refused.map((samples, index) => table(`refused_${number}_${index}`, "refused", samples)),
  ].filter(({ samples }) => samples.length > 0);
}

function byType(samples: readonly Sample[]): Record<string, Sample[]> {
  const groups: Record<string, Sample[]> = {};
  for (const sample of samples) (groups[sample.type] ??= []).push(sample);
  return groups;
}

/** What a copy shows otherwise than it must. `numbers`: of the rows of a sample that must be there. */
async function differences({ pair }: DebeziumStage, copied: Copied, numbers: typeof numbersOf): Promise<string[]> {
  const { name, samples, table, catalogue } = copied;
  const { target, print } = catalogue;
  const shown = new Map<number, string | null>();
  for (const [index, row] of table.rows.entries()) {
    if (samples[index]?.wanted !== undefined) continue;
    const [held] = await pair.onMaster(`SELECT ${print(row)} AS held FROM ${name} WHERE id IN (${1000 + index}, ${2000 + index}) LIMIT 1`);
    shown.set(index, held?.["held"] ?? null);
  }
  const wanted = (_: SampleRow, index: number): string | null => {
    const text = samples[index]?.wanted;
    return text === undefined ? (shown.get(index) ?? null) : text;
  };
  return table.differences(pair, target, `types.${name}`, { print, wanted, numbers });
}

/** A snapshot is to find one row in any table, by which dongbo knows it. */
function rowsBefore({ fate, name, table }: Copied): string[] {
  return fate === "log only" ? [`INSERT INTO ${name} (id) VALUES (0)`] : table.before();
}

/** Waits until a copy has so many rows of each sample, and of NULL, from an id on. What comes last gives rows ids from 6000 on. */
async function hasFrom(id: number, { pair }: DebeziumStage, { name, samples, catalogue }: Copied, rows: number): Promise<void> {
  const count = (samples.filter(({ wanted }) => wanted !== null).length + 1) * rows;
  await pair.shows(catalogue.target, `SELECT count(*) AS n FROM types.${name} WHERE id >= ${id}`, [[String(count)]]);
}

async function expectTypes(
  master: MasterKind,
  kafka: KafkaPlace,
  { format, source }: { format: MessageFormat; source: object },
): Promise<void> {
  const { schema, settings, before, definitions, catalogues } = masters[master];
  const copies = catalogues.flatMap((catalogue, index) => tablesOf(master, catalogue, index));
  const on = (target: Target) => copies.filter(({ catalogue }) => catalogue.target === target);
  const share = (target: Target) =>
    on(target).map(({ name, table }) => {
      return { source: `${schema}.${name}`, target: `types.${name}`, key: ["id"], columns: ["id", "marker", ...table.columns] };
    });
  await using stage = await DebeziumStage.create({
    kafka,
    master,
    format,
    source,
    before,
    connector: settings,
    targetDatabases: ["types"],
    tables: [...definitions, ...copies.flatMap((copied) => [copied.table.create(), ...rowsBefore(copied)])],
    shares: { own: share("pg"), other: share("my") },
    copies: [
      { target: "pg", share: "own" },
      { target: "my", share: "other", connector: "mysql" },
    ],
  });
  const having = (fate: Copied["fate"]) => copies.filter((copied) => copied.fate === fate);
  const differing = async (fate: Copied["fate"], numbers: typeof numbersOf) => {
    const found = [];
    for (const copied of having(fate)) found.push(...(await differences(stage, copied, numbers)));
    return found;
  };
  await stage.capture();
  await stage.snapshotIsOver();
  stage.pair.start();
  for (const copied of having("exact")) await hasFrom(1000, stage, copied, 4);
  expect(await differing("exact", (index) => [1000, 3000, 4000, 5000].map((base) => base + index))).toEqual([]);
  for (const { name, samples, catalogue } of having("refused")) {
    const { stopped_code: code } = await stage.pair.recorded(catalogue.target, `types.${name}`, (row) => row["stopped_code"] !== null);
    expect(code, samples[0]?.name).toMatch(/^DB-MAP-0(14|30)$/);
  }

  await stage.pair.onMaster(...copies.flatMap(({ fate, table }) => (fate === "refused" ? [] : table.after())));
  for (const copied of having("exact")) {
    await hasFrom(6000, stage, copied, 1);
    // Those that were deleted or moved away are gone.
    await hasFrom(1000, stage, copied, 4);
  }
  expect(await differing("exact", numbersOf)).toEqual([]);
  for (const copied of having("log only")) await hasFrom(2000, stage, copied, 1);
  expect(await differing("log only", (index) => [2000 + index])).toEqual([]);
}

test("PostgreSQL, JSON with schemas", async () => {
  await expectTypes("postgres", await sharedConnect(), { format: "json-schemas", source: {} });
});

test("PostgreSQL, Avro", async () => {
  await using registry = await TestSchemaRegistry.start();
  const brokers = await sharedKafka();
  await using worker = await startConnect(brokers, { plugins: ["debezium", "avro"] });
  const source = { converter: { format: "avro", registry: registry.url } };
  await expectTypes("postgres", { brokers, rest: worker.rest }, { format: { avro: registry.converterUrl }, source });
});

test("MariaDB, JSON with schemas", async () => {
  await expectTypes("mysql", await sharedConnect(), { format: "json-schemas", source: {} });
});
