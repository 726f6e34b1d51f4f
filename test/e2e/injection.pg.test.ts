// Names and values that try to be more: as database, schema, table, column, type, label, publication, role, filter, parameter, key and row.
// Nothing but the named objects is touched, although dongbo's roles could drop every canary.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { type Cluster, roles, runSql, startCluster } from "../support/cluster.ts";
import { hostileNames } from "../support/hostile-names.ts";
import { quoteName, Stage } from "./stage.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ targets: [] });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const literal = (value: string): string => ` E'${value.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
/** The tests' own driver takes no semicolon in a URL. */
const [database, publication] = [`d"x' \\ DROP TABLE public.canary --`, `p${hostileNames[2]}`];
/** A reader of each name. */
const readers = hostileNames.map((name) => `r${name}`);
const columnsOf = (name: string) => ({ key: name, label: `l${name}`, value: `v${name}` });
const tableOf = (name: string) => quoteName([name, name]);

const canary = (owner: string) => [
  "CREATE TABLE IF NOT EXISTS public.canary (id int)",
  "INSERT INTO public.canary VALUES (1)",
  `ALTER TABLE public.canary OWNER TO ${owner}`,
];

function makeTable(name: string): string[] {
  const { key, label, value } = columnsOf(name);
  const type = quoteName([name, `t${name}`]);
  return [
    `CREATE SCHEMA ${quote(name)}`,
    `GRANT USAGE ON SCHEMA ${quote(name)} TO dongbo_source`,
    `CREATE TYPE ${type} AS ENUM (${literal(name)}, 'khác')`,
    `CREATE TABLE ${tableOf(name)} (${quote(key)} text PRIMARY KEY, ${quote(label)} ${type}, ${quote(value)} text)`,
    ...hostileNames.map((row) => `INSERT INTO ${tableOf(name)} VALUES (${literal(row)}, ${literal(name)}, ${literal(row)})`),
    `INSERT INTO ${tableOf(name)} VALUES ('ngoài', 'khác', 'x')`,
  ];
}

/** As a filter writes it: one dollar would be a parameter. */
const constant = (value: string): string => (value.startsWith("$") ? `$${value}` : value);

function shareOf(name: string): object {
  const { key, label, value } = columnsOf(name);
  return {
    source: [name, name],
    target: [name, name],
    key: [key],
    columns: [key, label, value],
    where: { [label]: { eq: constant(name) }, [key]: { not_in: [constant(`${name}!`)] }, [value]: { in: "$values" } },
  };
}

test("names and values of every kind are names and values, through the whole life of a copy", async () => {
  const onTarget = (...sql: string[]) => runSql(cluster.target.url(database), ...sql);
  await runSql(cluster.target.url(), `CREATE DATABASE ${quote(database)} OWNER ${roles.target}`);
  for (const reader of readers) await runSql(cluster.target.url(), `CREATE ROLE ${quote(reader)}`);
  await onTarget(...canary(roles.target));
  await using stage = await Stage.create(cluster, {
    name: "injection",
    master: hostileNames.flatMap(makeTable),
    shares: { population: hostileNames.map(shareOf) as never },
    copies: [{ target: "hcm", share: "population", parameters: { values: [...hostileNames, "sau", "đổi"] } }],
    urls: { hcm: cluster.target.url(database, roles.target, null) },
    published: [],
  });
  await stage.onMasterAsSuperuser(...canary(roles.source));
  await stage.onMaster(
    `CREATE PUBLICATION ${quote(publication)} FOR TABLE ${hostileNames.map(tableOf).join(", ")} WITH (publish_via_partition_root = true)`,
  );
  const config = parse(readFileSync(stage.home.configFile, "utf8")) as Config;
  config.sources.population["publication"] = publication;
  config.targets.hcm["readers"] = [roles.reader, ...readers];
  stage.home.writeConfig(config);
  const before = await stage.onMasterAsSuperuser(objectsSql);
  const known = await onTarget(rolesSql);

  const checked = await stage.home.run(["check"]);
  expect([checked.code, checked.stderr]).toEqual([0, expect.stringContaining("nothing is in the way")]);
  await stage.catchUp();
  for (const name of hostileNames) {
    const { key, value } = columnsOf(name);
    await stage.onMaster(
      `INSERT INTO ${tableOf(name)} VALUES (${literal(`mới${name}`)}, ${literal(name)}, 'sau')`,
      `UPDATE ${tableOf(name)} SET ${quote(value)} = 'đổi' WHERE ${quote(key)} = ${literal(hostileNames[0])}`,
      `UPDATE ${tableOf(name)} SET ${quote(key)} = ${literal(`k${hostileNames[1]}`)} WHERE ${quote(key)} = ${literal(hostileNames[1])}`,
      `DELETE FROM ${tableOf(name)} WHERE ${quote(key)} = ${literal(hostileNames[2])}`,
    );
  }
  await stage.catchUp();
  for (const name of hostileNames) {
    const { key, label, value } = columnsOf(name);
    await onTarget(
      `UPDATE ${quoteName([`${name}_copy`, name])} SET ${quote(value)} = 'sai' WHERE ${quote(key)} = ${literal(hostileNames[3])}`,
    );
    const sql = `SELECT ${[key, label, value].map(quote).join("::text || '|' || ")} AS row FROM ${tableOf(name)}`;
    const rows = (found: Record<string, string | null>[]) => found.map(({ row }) => row ?? "").toSorted();
    const repaired = await stage.home.run(["reconcile", "--fast", "--repair", "auto", "--table", `${name}.${name}`]);
    expect([repaired.code, repaired.stderr]).toEqual([3, expect.not.stringContaining("DB-")]);
    const copy = rows(await runSql(cluster.target.url(database, roles.reader, null), sql));
    expect(copy).toHaveLength(hostileNames.length);
    expect(copy).toEqual(rows(await stage.onMaster(`${sql} WHERE ${quote(label)} = ${literal(name)}`)));
    for (const command of ["explain", "trace"]) {
      const told = await stage.home.run([command, "population/hcm", "--table", `${name}.${name}`, hostileNames[3]]);
      expect([command, told.code, told.stderr]).toEqual([command, 0, ""]);
    }
    const each = `unnest(ARRAY[${readers.map(literal).join(", ")}]) AS reader`;
    const reads = `SELECT bool_and(has_table_privilege(reader, ${literal(tableOf(name))}, 'SELECT')) AS all FROM ${each}`;
    expect(await onTarget(reads)).toEqual([{ all: "t" }]);
  }
  await stage.command("resync", "population/hcm");
  await stage.catchUp();

  expect(await stage.onMasterAsSuperuser(objectsSql)).toEqual(before);
  expect(await onTarget("SELECT id FROM public.canary")).toEqual([{ id: "1" }]);
  expect(await onTarget(rolesSql)).toEqual(known);
  const schemas = await onTarget("SELECT nspname AS n FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'");
  expect(schemas.map(({ n }) => n ?? "").toSorted()).toEqual(
    ["dongbo", "public", ...hostileNames.flatMap((name) => [name, `${name}_copy`])].toSorted(),
  );
}, 300_000);

interface Config {
  readonly sources: { readonly population: Record<string, unknown> };
  readonly targets: { readonly hcm: Record<string, unknown> };
}

/** All that can be told apart of a database's own objects, and how many rows the canary has. */
const objectsSql = `
  SELECT n.nspname, c.relname, c.relkind::text, pg_get_userbyid(c.relowner) AS owner, (SELECT count(*)::text FROM public.canary) AS canaries
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY c.oid`;
const rolesSql = "SELECT rolname, rolsuper::text FROM pg_roles ORDER BY oid";
