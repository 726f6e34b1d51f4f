// What is captured from real connectors: the type catalogue in every form that connectors can write it in, and every kind of event.
import { mysqlSamples, ownSamples } from "../e2e/type-samples-mysql.ts";
import { typeDefinitions, typeExtensions, typeSamples } from "../e2e/type-samples.ts";

export interface DebeziumScenario {
  /** Also `topic.prefix`. */
  readonly name: string;
  readonly database: "postgres" | "mariadb";
  readonly format: "json" | "json-schemas" | "avro";
  readonly settings: Readonly<Record<string, string>>;
  readonly tables: readonly string[];
  /** Before the connector starts: what its snapshot reads. */
  readonly before: readonly string[];
  /** While it streams. */
  readonly during: readonly string[];
  /** Of a catalogue the types of its columns. */
  readonly types?: readonly string[];
  /** Records in the tables' topics, of the snapshot and in all. */
  readonly records: { readonly snapshot: number; readonly total: number };
}

/** A column with its values as SQL; `streamed`: what connectors read exactly in the log, but not in their snapshot. */
export interface CatalogueColumn {
  readonly type: string;
  readonly values: readonly string[];
  readonly streamed: readonly string[];
}

/** Types that connectors do not carry exactly; the scenario of refusals shows some. */
const notCarried = /^(timetz|bit varying|line|lseg|box|path|polygon|circle|kinds\.(colour|code|address)\[\]|nummultirange|tid|xid8)$/;
/** Values that become NULL, or another array, without a trace; and long ones. */
const lostValues = /NaN,Infinity|\[0:1\]|\{\{1,2\}|\[-1:0\]|infinity,0044|generate_series|'7', 131072|294276-12-31|24:00:00'$|23:59:60/;
/** Read from the log alone: before the Gregorian calendar, and money beyond a double. */
const readInLogOnly = / BC'|1582-|-92233720368547758/;

const column = (type: string, values: readonly string[]): CatalogueColumn => ({
  type,
  values: values.filter((value) => !readInLogOnly.test(value)),
  streamed: values.filter((value) => readInLogOnly.test(value)),
});

/** Of these the server's text comes: unasked for it is NULL, as text it cannot be told from the text of bytes. */
const serverText = /^(name|tsquery|pg_lsn|kinds\.(code|address|span))$/;

function postgresColumns(settings: Readonly<Record<string, string>>): CatalogueColumn[] {
  const hasNan = settings["decimal.handling.mode"] === "string";
  const hasServerText = settings["include.unknown.datatypes"] !== "false" && settings["binary.handling.mode"] === undefined;
  const isLost = (type: string, value: string): boolean =>
    lostValues.test(value) || (!hasNan && type.startsWith("numeric") && /NaN|Infinity/.test(value));
  return Object.entries(typeSamples)
    .filter(([type]) => !notCarried.test(type) && (hasServerText || !serverText.test(type)))
    .map(([type, values]) => {
      const kept = values.filter((value) => !isLost(type, value));
      return column(type, type === "time" ? [...kept, "'23:59:59.999999'", "'00:00:00.5'"] : kept);
    });
}

/** Of a FLOAT the snapshot prints six digits. */
const longFloat = /16777216|e38|e-38/;

export const mariadbColumns: readonly CatalogueColumn[] = Object.entries({ ...mysqlSamples, ...ownSamples })
  .filter(([type]) => !type.startsWith("inet"))
  .map(([type, samples]) => {
    const values = samples.map(({ value }) => value).filter((value) => value.length < 1000 && !value.startsWith("REPEAT"));
    const kept = type === "year" ? values.filter((value) => value !== "0") : values;
    const isStreamed = (value: string): boolean => type === "float" && longFloat.test(value);
    return { type, values: kept.filter((value) => !isStreamed(value)), streamed: kept.filter(isStreamed) };
  });

/** Rows of all first values, of all second values and so on; NULL where a column has no more. */
function rowsOf(columns: readonly CatalogueColumn[], part: "values" | "streamed", from: number, cast: boolean): string[] {
  const count = Math.max(...columns.map((entry) => entry[part].length));
  return Array.from({ length: count }, (_, row) => {
    const values = columns.map(({ type, ...entry }) => {
      const value = entry[part][row];
      return value === undefined ? "NULL" : cast ? `(${value})::${type}` : value;
    });
    return `(${[from + row, ...values].join(", ")})`;
  });
}

function catalogue(table: string, columns: readonly CatalogueColumn[], cast: boolean): Pick<DebeziumScenario, "before" | "during" | "records"> {
  const insert = (rows: readonly string[]): string[] => rows.map((row) => `INSERT INTO ${table} VALUES ${row}`);
  const read = insert(rowsOf(columns, "values", 0, cast));
  const during = insert([...rowsOf(columns, "values", 100, cast), ...rowsOf(columns, "streamed", 200, cast)]);
  return {
    before: [
      `CREATE TABLE ${table} (id int PRIMARY KEY, ${columns.map(({ type }, index) => `c${index} ${type}`).join(", ")})`,
      ...read,
    ],
    during,
    records: { snapshot: read.length, total: read.length + during.length },
  };
}

const told = { "column.propagate.source.type": ".*" };

function postgresCatalogue(
  name: string,
  format: DebeziumScenario["format"],
  settings: Readonly<Record<string, string>>,
): DebeziumScenario {
  const columns = postgresColumns(settings);
  const { before, ...rest } = catalogue("public.every", columns, true);
  return {
    name,
    database: "postgres",
    format,
    settings: { "interval.handling.mode": "string", "include.unknown.datatypes": "true", ...settings },
    tables: ["public.every"],
    types: columns.map(({ type }) => type),
    before: [...typeExtensions, ...typeDefinitions, ...before],
    ...rest,
  };
}

function mariadbCatalogue(
  name: string,
  format: DebeziumScenario["format"],
  settings: Readonly<Record<string, string>>,
): DebeziumScenario {
  return { name, database: "mariadb", format, settings, tables: ["d.every"], ...catalogue("d.every", mariadbColumns, false) };
}

const long = "(SELECT string_agg(md5(i::text), '') FROM generate_series(1, 100) AS i)";
const external = ["t", "b", "a", "n", "l", "j", "u", "d", "f", "h"].map((name) => `ALTER TABLE public.toasty ALTER ${name} SET STORAGE EXTERNAL`);

const postgresChanges: DebeziumScenario = {
  name: "pg_changes",
  database: "postgres",
  format: "json-schemas",
  settings: { ...told, "skipped.operations": "none" },
  tables: ["public.keyed", "public.toasty"],
  before: [
    "CREATE EXTENSION hstore SCHEMA public",
    "CREATE TABLE public.keyed (id bigint, n numeric(6,2), code varchar(20), body text, at timestamptz, PRIMARY KEY (code, id))",
    "CREATE TABLE public.toasty (id int PRIMARY KEY, x int, t text, b bytea, a text[], n int[], l bigint[], j jsonb, u uuid[], d date[], f double precision[], h hstore)",
    ...external,
    "INSERT INTO public.keyed VALUES (1, 1.50, 'cũ', 'read', '2026-01-02 03:04:05.678901+07')",
  ],
  during: [
    String.raw`INSERT INTO public.keyed VALUES (2, -0.01, E'a"b\\c\nd', NULL, NULL)`,
    "UPDATE public.keyed SET body = 'changed' WHERE id = 2",
    "UPDATE public.keyed SET code = 'mới' WHERE id = 2",
    "BEGIN; INSERT INTO public.keyed VALUES (3, 0, 'x', '', '0044-03-15 BC'); UPDATE public.keyed SET id = 4 WHERE id = 3; DELETE FROM public.keyed WHERE id = 2; COMMIT",
    `INSERT INTO public.toasty SELECT 1, 0, ${long}, convert_to(${long}, 'UTF8'), ARRAY[${long}], array_agg(i), array_agg(i::bigint), jsonb_build_object('k', ${long}), array_agg(md5(i::text)::uuid), array_agg('2026-01-01'::date), NULL, hstore('k', ${long}) FROM generate_series(1, 800) i`,
    "UPDATE public.toasty SET x = 1, f = '{1.5}'",
    "UPDATE public.toasty SET f = NULL",
    "SELECT pg_logical_emit_message(true, 'dongbo', 'beat')",
    "TRUNCATE public.keyed",
  ],
  records: { snapshot: 1, total: 16 },
};

const mariadbChanges: DebeziumScenario = {
  name: "my_changes",
  database: "mariadb",
  format: "json-schemas",
  settings: { ...told, "skipped.operations": "none" },
  tables: ["d.keyed"],
  before: [
    "CREATE TABLE d.keyed (code varchar(9), id bigint unsigned, b varbinary(4), n decimal(6,2), PRIMARY KEY (code, id, b))",
    "INSERT INTO d.keyed VALUES ('cũ', 18446744073709551615, x'00ff', 1.50)",
  ],
  during: [
    "UPDATE d.keyed SET n = 2.5",
    "UPDATE d.keyed SET code = 'mới'",
    "DELETE FROM d.keyed",
    "INSERT INTO d.keyed VALUES ('a', 1, x'00', 1), ('a', 2, x'00', NULL)",
    "TRUNCATE d.keyed",
    "ALTER TABLE d.keyed ADD COLUMN z int",
    "INSERT INTO d.keyed VALUES ('b', 1, x'00', 1, 7)",
  ],
  records: { snapshot: 1, total: 11 },
};

/** Type, value and code: what connectors do not carry exactly is never taken. */
export const refusedSamples: readonly (readonly [type: string, value: string, code: string])[] = [
  ["timetz", "'24:00:00+15:59'", "DB-KAF-109"],
  ["interval", "'1 mon'", "DB-KAF-109"],
  ["bit varying", "B'101'", "DB-KAF-109"],
  ["integer[]", "'{{1,2},{3,4}}'", "DB-KAF-108"],
  ["kinds.colour[]", "ARRAY['đỏ'::kinds.colour, NULL]", "DB-KAF-109"],
  ["bit(3)[]", "'{101}'", "DB-KAF-109"],
  ["circle", "'<(0,0),1>'", "DB-KAF-109"],
  ["timestamp", "'294276-12-31 23:59:59.999999'", "DB-KAF-108"],
  ["timestamp(3)", "'0044-03-15 01:02:03 BC'", "DB-KAF-109"],
];

const postgresRefused: DebeziumScenario = {
  name: "pg_refused",
  database: "postgres",
  format: "json-schemas",
  settings: { ...told, "include.unknown.datatypes": "true" },
  tables: refusedSamples.map((_, index) => `public.refused_${index}`),
  before: [...typeDefinitions, ...refusedSamples.flatMap(([type, value], index) => [
    `CREATE TABLE public.refused_${index} (id int PRIMARY KEY, v ${type})`,
    `INSERT INTO public.refused_${index} VALUES (1, ${value})`,
  ])],
  during: [],
  records: { snapshot: refusedSamples.length, total: refusedSamples.length },
};

export const debeziumScenarios: readonly DebeziumScenario[] = [
  postgresCatalogue("pg_schemas", "json-schemas", told),
  postgresCatalogue("pg_bare", "json", { "include.unknown.datatypes": "false" }),
  postgresCatalogue("pg_avro", "avro", told),
  postgresCatalogue("pg_text", "json-schemas", {
    ...told,
    "decimal.handling.mode": "string",
    "binary.handling.mode": "base64",
    "time.precision.mode": "isostring",
    "hstore.handling.mode": "map",
  }),
  postgresCatalogue("pg_micros", "json-schemas", { ...told, "binary.handling.mode": "hex", "time.precision.mode": "microseconds" }),
  mariadbCatalogue("my_schemas", "json-schemas", told),
  mariadbCatalogue("my_avro", "avro", told),
  mariadbCatalogue("my_text", "json-schemas", {
    ...told,
    "decimal.handling.mode": "string",
    "bigint.unsigned.handling.mode": "precise",
    "binary.handling.mode": "base64-url-safe",
  }),
  postgresChanges,
  mariadbChanges,
  postgresRefused,
];
