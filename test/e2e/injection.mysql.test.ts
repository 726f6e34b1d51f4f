// Names and values that try to be more, on MariaDB: as database, table, column, account, filter, parameter, key and row. Nothing but the
// named objects is touched, although dongbo's accounts could drop every canary.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { roles } from "../support/cluster.ts";
import { hostileNames } from "../support/hostile-names.ts";
import { PairStage } from "./pair-stage.ts";

/** The server takes no name that ends with a blank. */
const names = hostileNames.map((name) => `${name}.`);
const quote = (name: string): string => `\`${name.replaceAll("`", "``")}\``;
const pattern = (name: string): string => quote(name.replaceAll(/[\\_%]/g, "\\$&"));
const literal = (value: string): string => `'${value.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
const readers = names.map((name) => `r${name}`);
const columnsOf = (name: string) => ({ key: name, label: `l${name}`, value: `v${name}` });
const tableOf = (name: string): string => `${quote(name)}.${quote(name)}`;

const canary = (account: string): string[] => [
  "CREATE DATABASE public",
  "CREATE TABLE public.canary (id int)",
  "INSERT INTO public.canary VALUES (1)",
  `GRANT ALL ON public.* TO ${account}`,
];

function makeTable(name: string): string[] {
  const { key, label, value } = columnsOf(name);
  return [
    `CREATE TABLE ${tableOf(name)} (${quote(key)} varchar(100) COLLATE utf8mb4_bin PRIMARY KEY, ${quote(label)} enum (${literal(name)}, 'khác'),
       ${quote(value)} varchar(100) COLLATE utf8mb4_bin)`,
    ...names.map((row) => `INSERT INTO ${tableOf(name)} VALUES (${literal(row)}, ${literal(name)}, ${literal(row)})`),
    `INSERT INTO ${tableOf(name)} VALUES ('ngoài', 'khác', 'x')`,
  ];
}

/** As a filter writes it: one dollar would be a parameter. */
const constant = (value: string): string => (value.startsWith("$") ? `$${value}` : value);

function shareOf(name: string): object {
  const { key, label, value } = columnsOf(name);
  const where = { [label]: { eq: constant(name) }, [key]: { not_in: [constant(`${name}!`)] }, [value]: { in: "$values" } };
  return { source: [name, name], target: [name, name], key: [key], columns: [key, label, value], where };
}

test("names and values of every kind are names and values, through the whole life of a copy", async () => {
  await using stage = await PairStage.create({
    master: "mysql",
    before: [
      ...canary(roles.source),
      ...names.flatMap((name) => [
        `CREATE DATABASE ${quote(name)} CHARACTER SET utf8mb4`,
        `GRANT ALL ON ${pattern(name)}.* TO ${roles.owner}`,
        `GRANT SELECT ON ${pattern(name)}.* TO ${roles.source}`,
      ]),
    ],
    targetDatabases: names,
    tables: names.flatMap(makeTable),
    shares: { population: names.map(shareOf) as never },
    copies: [{ target: "hcm", share: "population", connector: "mysql", parameters: { values: [...names, "sau", "đổi"] } }],
  });
  const onTarget = (...sql: string[]) => stage.onTarget("hcm", ...sql);
  await onTarget(...canary(roles.target), ...readers.map((reader) => `CREATE USER ${quote(reader)}`));
  const config = parse(readFileSync(stage.home.configFile, "utf8")) as { targets: { hcm: Record<string, unknown> } };
  config.targets.hcm["readers"] = [roles.reader, ...readers];
  stage.home.writeConfig(config);
  const before = await stage.onMasterAsSuperuser(objectsSql);

  const checked = await stage.home.run(["check"]);
  expect([checked.code, checked.stderr]).toEqual([0, expect.stringContaining("nothing is in the way")]);
  await stage.catchUp();
  for (const name of names) {
    const { key, value } = columnsOf(name);
    await stage.onMaster(
      `INSERT INTO ${tableOf(name)} VALUES (${literal(`mới${name}`)}, ${literal(name)}, 'sau')`,
      `UPDATE ${tableOf(name)} SET ${quote(value)} = 'đổi' WHERE ${quote(key)} = ${literal(names[0] ?? "")}`,
      `UPDATE ${tableOf(name)} SET ${quote(key)} = ${literal(`k${names[1]}`)} WHERE ${quote(key)} = ${literal(names[1] ?? "")}`,
      `DELETE FROM ${tableOf(name)} WHERE ${quote(key)} = ${literal(names[2] ?? "")}`,
    );
  }
  await stage.catchUp();
  const damaged = names[3] ?? "";
  for (const name of names) {
    const { key, label, value } = columnsOf(name);
    await onTarget(`UPDATE ${quote(`${name}_copy`)}.${quote(name)} SET ${quote(value)} = 'sai' WHERE ${quote(key)} = ${literal(damaged)}`);
    const repaired = await stage.home.run(["reconcile", "--fast", "--repair", "auto", "--table", `${name}.${name}`]);
    expect([repaired.code, repaired.stderr]).toEqual([3, expect.not.stringContaining("DB-")]);
    const sql = `SELECT CONCAT_WS('|', ${[key, label, value].map(quote).join(", ")}) AS line FROM ${tableOf(name)}`;
    const copy = await stage.read("hcm", `${sql} ORDER BY ${quote(key)}`);
    expect(copy).toHaveLength(names.length);
    expect(copy).toEqual(await stage.onMaster(`${sql} WHERE ${quote(label)} = ${literal(name)} ORDER BY ${quote(key)}`));
    for (const command of ["explain", "trace"]) {
      const told = await stage.home.run([command, "population/hcm", "--table", `${name}.${name}`, damaged]);
      expect([command, told.code, told.stderr]).toEqual([command, 0, ""]);
    }
  }
  await stage.command("resync", "population/hcm");
  await stage.catchUp();

  expect(await stage.onMasterAsSuperuser(objectsSql)).toEqual(before);
  expect(await onTarget("SELECT id FROM public.canary")).toEqual([{ id: "1" }]);
  const databases = await onTarget("SELECT SCHEMA_NAME AS n FROM information_schema.SCHEMATA");
  const own = databases
    .map(({ n }) => n ?? "")
    .filter((name) => !["mysql", "sys", "information_schema", "performance_schema"].includes(name));
  expect(own.toSorted()).toEqual(["dongbo", "public", ...names.flatMap((name) => [name, `${name}_copy`])].toSorted());
}, 300_000);

/** All tables and accounts of the server, and how many rows the canary has. */
const objectsSql = `
  SELECT TABLE_SCHEMA AS a, TABLE_NAME AS b, (SELECT count(*) FROM public.canary) AS canaries FROM information_schema.TABLES
  UNION ALL SELECT User, Host, '' FROM mysql.user ORDER BY 1, 2`;
