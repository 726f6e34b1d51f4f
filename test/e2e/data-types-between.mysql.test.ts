// IN-01 between the families: every type and awkward value by snapshot, insert, update of another column, delete and key change.
// What a value must be at the other side is written by hand; what the other side cannot hold is set aside and never changed.
import { expect, test } from "vitest";
import { serverName, testedFlavour } from "../support/mysql-server.ts";
import { PairStage } from "./pair-stage.ts";
import { type numbersOf, type SampleRow, SampleTable } from "./sample-tables.ts";
import { mysqlKeySamples, mysqlOnlySamples, mysqlSamples, ownSamples, printByBytes, refused } from "./type-samples-mysql.ts";
import { portableKeys, portableSamples, postgresOnlySamples, printInMysql } from "./type-samples-portable.ts";
import { typeDefinitions } from "./type-samples.ts";

/** A running server takes it by another name. */
function timeZone(offset: string): Readonly<Record<string, string>> {
  return testedFlavour === "mariadb" ? { default_time_zone: offset } : { time_zone: offset };
}

/** The three rows of a key table at the end: the first took the third's value, the second went and came back. */
function keyDdl(name: string, type: string): string {
  return `CREATE TABLE ${name} (v ${type} NOT NULL, body varchar(20), PRIMARY KEY (v))`;
}

const keyBefore = (name: string, [first, second]: readonly string[]) => [
  `INSERT INTO ${name} VALUES (${first}, 'first')`,
  `INSERT INTO ${name} VALUES (${second}, 'second')`,
];
const keyAfter = (name: string, [first, second, third]: readonly string[]) => [
  `UPDATE ${name} SET body = 'changed' WHERE v = ${second}`,
  `UPDATE ${name} SET v = ${third} WHERE v = ${first}`,
  `DELETE FROM ${name} WHERE v = ${second}`,
  `INSERT INTO ${name} VALUES (${second}, 'again')`,
];

/** A key table's rows by what they hold, as `key body`. */
async function keyRows(stage: PairStage, target: string, view: string, print: string): Promise<string[]> {
  const rows = await stage.read(target, `SELECT ${print} AS held, body FROM ${view}`);
  return typeof rows === "string" ? [rows] : rows.map((row) => `${row["held"]} ${row["body"]}`).toSorted();
}

const shareOf = (schema: string, name: string, columns: readonly string[], key = "id") => ({
  source: `${schema}.${name}`,
  target: `types.${name}`,
  key: [key],
  columns,
});

test(`IN-01: ${serverName} to PostgreSQL and to ${serverName}`, async () => {
  const every = new SampleTable("every_type", mysqlSamples);
  const own = new SampleTable("own_type", ownSamples);
  const odd = new SampleTable("odd_values", mysqlOnlySamples);
  const keys = mysqlKeySamples.map((sample, index) => ({ ...sample, name: `key_${index}` }));
  const tables = [
    shareOf("national", "every_type", ["id", "marker", ...every.columns]),
    shareOf("national", "own_type", ["id", "marker", ...own.columns]),
    shareOf("national", "odd_values", ["id", "marker", ...odd.columns]),
    ...keys.map(({ name }) => shareOf("national", name, ["v", "body"], "v")),
  ];
  await using stage = await PairStage.create({
    master: "mysql",
    // A server in another zone than UTC: stream and snapshot must agree all the same.
    masterSettings: timeZone("+07:00"),
    targetSettings: timeZone("-05:00"),
    targetDatabases: ["types"],
    tables: [
      every.create(),
      own.create(),
      odd.create(),
      ...[every, own, odd].flatMap((table) => table.before()),
      ...keys.flatMap(({ name, type, values }) => [keyDdl(name, type), ...keyBefore(name, values)]),
    ],
    shares: { types: tables },
    copies: [
      { target: "pg", share: "types" },
      { target: "my", share: "types", connector: "mysql" },
    ],
  });
  const expected = new Map(
    Object.entries({ ...mysqlSamples, ...ownSamples }).flatMap(([type, list]) => list.map((one) => [`${type} ${one.value}`, one.postgres])),
  );
  const odds = new Map(
    Object.entries(mysqlOnlySamples).flatMap(([type, list]) => list.map((one) => [`${type} ${one.value}`, one.postgres])),
  );
  const wantedOf = (from: typeof expected) => (row: SampleRow) => {
    const wanted = from.get(`${row.type} ${row.value}`);
    return wanted === undefined || wanted === refused ? null : (wanted as string);
  };
  const inPostgres = (table: SampleTable, name: string, from: typeof expected, numbers?: typeof numbersOf) =>
    table.differences(stage, "pg", `types.${name}`, {
      // As the type itself prints, unlike a cast of an address.
      print: (row) => `format('%s', ${row.column})`,
      wanted: wantedOf(from),
      ...(numbers === undefined ? {} : { numbers }),
    });
  const loaded = (index: number) => [1000 + index, 3000 + index, 4000 + index, 5000 + index];
  await stage.catchUp(5);
  expect(await inPostgres(every, "every_type", expected, loaded), "by snapshot").toEqual([]);
  expect(await inPostgres(own, "own_type", expected, loaded), "by snapshot").toEqual([]);
  expect(await inPostgres(odd, "odd_values", odds, loaded), "by snapshot").toEqual([]);

  await stage.onMaster(
    ...[every, own, odd].flatMap((table) => table.after()),
    ...keys.flatMap(({ name, values }) => keyAfter(name, values)),
  );
  await stage.catchUp(5);
  expect(await inPostgres(every, "every_type", expected), "by the stream").toEqual([]);
  expect(await inPostgres(own, "own_type", expected), "by the stream").toEqual([]);
  expect(await inPostgres(odd, "odd_values", odds), "by the stream").toEqual([]);
  for (const [table, name] of [
    [every, "every_type"],
    [own, "own_type"],
    [odd, "odd_values"],
  ] as const) {
    for (const column of table.columns) {
      const row = table.rows.find((candidate) => candidate.column === column);
      if (row === undefined) continue;
      const print = `SELECT id, ${printByBytes(row)} AS held FROM`;
      const master = await stage.onMaster(`${print} ${name} ORDER BY id`);
      expect(await stage.read("my", `${print} types.${name} ORDER BY id`), row.type).toEqual(master);
    }
  }
  for (const {
    name,
    type,
    postgres: [, second, third],
  } of keys) {
    expect(await keyRows(stage, "pg", `types.${name}`, "v::text"), type).toEqual([`${third} first`, `${second} again`].toSorted());
    const master = await stage.onMaster(`SELECT HEX(v) AS held, body FROM ${name}`);
    expect(await keyRows(stage, "my", `types.${name}`, "HEX(v)"), type).toEqual(
      master.map((row) => `${row["held"]} ${row["body"]}`).toSorted(),
    );
  }
  expect(await stage.status("types/my")).toMatchObject({ usable: true, rows_quarantined: 0 });
  const refusals = [...odds.values()].filter((wanted) => wanted === refused).length;
  // Loaded, inserted, updated, and moved to another key; those that were deleted are gone from quarantine too.
  expect(await stage.status("types/pg")).toMatchObject({ usable: true, rows_quarantined: 4 * refusals });
});

test(`IN-01: PostgreSQL to ${serverName}`, async () => {
  const every = new SampleTable("every_type", portableSamples);
  const odd = new SampleTable("odd_values", postgresOnlySamples);
  const keys = portableKeys.map((sample, index) => ({ ...sample, name: `key_${index}` }));
  await using stage = await PairStage.create({
    master: "postgres",
    targetSettings: timeZone("-05:00"),
    targetDatabases: ["types"],
    tables: [
      ...typeDefinitions.slice(0, 4),
      every.create(),
      odd.create(),
      ...every.before(),
      ...odd.before(),
      ...keys.flatMap(({ name, type, values }) => [
        keyDdl(name, type),
        ...keyBefore(
          name,
          values.map((value) => `(${value})::${type}`),
        ),
      ]),
    ],
    shares: {
      types: [
        shareOf("public", "every_type", ["id", "marker", ...every.columns]),
        shareOf("public", "odd_values", ["id", "marker", ...odd.columns]),
        ...keys.map(({ name }) => shareOf("public", name, ["v", "body"], "v")),
      ],
    },
    copies: [{ target: "my", share: "types", connector: "mysql" }],
  });
  const wantedOf = (samples: typeof portableSamples) => (row: SampleRow) => {
    const wanted = samples[row.type]?.find(({ value }) => value === row.value)?.mysql;
    return wanted === undefined || wanted === refused ? null : wanted;
  };
  const differences = (table: SampleTable, name: string, samples: typeof portableSamples, numbers?: typeof numbersOf) =>
    table.differences(stage, "my", `types.${name}`, {
      print: (row) => printInMysql(row.type, row.column),
      wanted: wantedOf(samples),
      ...(numbers === undefined ? {} : { numbers }),
    });
  const loaded = (index: number) => [1000 + index, 3000 + index, 4000 + index, 5000 + index];
  await stage.catchUp(5);
  expect(await differences(every, "every_type", portableSamples, loaded), "by snapshot").toEqual([]);
  expect(await differences(odd, "odd_values", postgresOnlySamples, loaded), "by snapshot").toEqual([]);
  await stage.onMaster(
    ...every.after(),
    ...odd.after(),
    ...keys.flatMap(({ name, type, values }) =>
      keyAfter(
        name,
        values.map((value) => `(${value})::${type}`),
      ),
    ),
  );
  await stage.catchUp(5);
  expect(await differences(every, "every_type", portableSamples), "by the stream").toEqual([]);
  expect(await differences(odd, "odd_values", postgresOnlySamples), "by the stream").toEqual([]);
  for (const {
    name,
    type,
    mysql: [, second, third],
  } of keys) {
    const rows = await keyRows(stage, "my", `types.${name}`, printInMysql(type, "v"));
    expect(rows, type).toEqual([`${third} first`, `${second} again`].toSorted());
  }
  const refusals = Object.values(postgresOnlySamples)
    .flat()
    .filter(({ mysql }) => mysql === refused).length;
  expect(await stage.status("types/my")).toMatchObject({ usable: true, rows_quarantined: 4 * refusals });
});
