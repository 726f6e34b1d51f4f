import { expect, test } from "vitest";
import { readConnector } from "../../connectors/debezium/preflight/connector-facts.ts";
import { judgeConnector } from "../../connectors/debezium/preflight/judge-connector.ts";
import { settingRules } from "../../connectors/debezium/preflight/lossy-settings.ts";
import type { SourceConnector } from "../../connectors/debezium/decode/change-event.ts";
import { runSql, startServer } from "../support/cluster.ts";
import { postgresConnector } from "../support/debezium-connectors.ts";
import { debeziumOptions } from "../support/debezium-options.ts";
import { sharedConnect } from "../support/kafka-server.ts";

const classes: readonly [SourceConnector, string][] = [
  ["postgresql", "io.debezium.connector.postgresql.PostgresConnector"],
  ["mysql", "io.debezium.connector.mysql.MySqlConnector"],
  ["mariadb", "io.debezium.connector.mariadb.MariaDbConnector"],
];

test("what a setting is taken to be when nobody wrote it is what the connectors take it to be", async () => {
  const { rest } = await sharedConnect();
  const known = new Set<string>();
  for (const [kind, name] of classes) {
    const response = await fetch(`${rest.url}/connector-plugins/${name}/config`);
    const definitions = (await response.json()) as readonly { name: string; default_value: string | null }[];
    const defaults = new Map(definitions.map((definition) => [definition.name, definition.default_value]));
    for (const { setting, unwritten, of } of settingRules) {
      if (!defaults.has(setting) || (of !== undefined && !of.includes(kind))) continue;
      known.add(setting);
      // The connectors of MySQL have another word for it.
      const expected = setting === "time.precision.mode" && kind !== "postgresql" ? "adaptive_time_microseconds" : unwritten;
      expect([kind, setting, defaults.get(setting)]).toEqual([kind, setting, expected]);
    }
  }
  // These two Debezium reads and does not list.
  const unlisted = ["event.converting.failure.handling.mode", "field.name.adjustment.mode"];
  expect(settingRules.map(({ setting }) => setting).filter((setting) => !known.has(setting))).toEqual(unlisted);
});

test("a connector as Debezium's tutorial writes it loses data, and each loss is told with the setting that ends it", async () => {
  await using master = await startServer(18, { wal_level: "logical" });
  const { rest } = await sharedConnect();
  const url = master.url();
  await runSql(url, "CREATE TABLE citizen (id int PRIMARY KEY, name text)", "INSERT INTO citizen VALUES (1, 'x')");
  const { name, config } = postgresConnector({ name: "preflight_pg", url, tables: ["public.citizen"] });
  await rest.createConnector(name, config);
  const connect = { address: { url: rest.url, user: null, password: null, tls: null }, connector: name };
  const options = { ...debeziumOptions({ prefix: name }), connect };
  const judged = async (): Promise<string[]> => {
    const facts = await readConnector(connect);
    const needs = { tables: [{ schema: "public", name: "citizen" }], mappings: [], validitySeconds: 3600 };
    return judgeConnector(facts, options, needs).map(({ code, severity, remedy }) => `${code} ${severity}: ${remedy}`);
  };
  const write = (setting: string): string => `Write ${setting} into the connector's configuration`;
  expect(await judged()).toEqual([
    `DB-KAF-147 warning: ${write("skipped.operations=none")}`,
    "DB-KAF-150 warning: Set heartbeat.action.query to change a small table of its own at the master, and name its topic in `topics.proof`",
    `DB-KAF-151 info: Write \`transactions: ${name}.transaction\` in \`topics\` for copies that change by whole transactions`,
    `DB-KAF-148 warning: ${write("event.converting.failure.handling.mode=fail")}`,
    `DB-KAF-148 warning: ${write("interval.handling.mode=string")}`,
    `DB-KAF-147 warning: ${write("include.unknown.datatypes=true")}`,
    `DB-KAF-148 error: ${write("key.converter.replace.null.with.default=false")}`,
    `DB-KAF-148 error: ${write("value.converter.replace.null.with.default=false")}`,
  ]);
  await rest.pause(name);
  expect(await judged()).toContainEqual(expect.stringMatching(/^DB-KAF-145 error/));
  await rest.deleteConnector(name);
});

test("a worker that does not answer, or does not know the connector, is told of", async () => {
  const { rest } = await sharedConnect();
  const address = { url: rest.url, user: null, password: null, tls: null };
  await expect(readConnector({ address, connector: "nobody" })).rejects.toMatchObject({ code: "DB-KAF-144", subject: "nobody" });
  await expect(readConnector({ address: { ...address, url: "http://127.0.0.1:1" }, connector: "x" })).rejects.toMatchObject({
    code: "DB-KAF-144",
  });
});
