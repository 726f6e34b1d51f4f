// What dongbo publishes, a stock Debezium JDBC sink on Kafka Connect writes into a database: in the end it holds what the master does.
import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { compareCopy, describeComparison } from "../checker/compare-copy.ts";
import type { NormalForm } from "../checker/normal-forms.ts";
import { roles, runSql } from "../support/cluster.ts";
import { sharedConnect } from "../support/kafka-server.ts";
import { runMysql } from "../support/mysql-session.ts";
import { publishingHome } from "../support/publishing-home.ts";
import { Families, type MasterKind } from "../support/two-families.ts";
import { waitUntil } from "../support/wait-until.ts";

interface Sample {
  /** The master's table, and the sink's. */
  readonly master: readonly string[];
  readonly sink: readonly string[];
  readonly forms: Readonly<Record<string, NormalForm>>;
  /** Values of the columns beside the key as SQL, by a number. */
  readonly values: (n: number) => readonly string[];
  readonly update: string;
}

const text = (n: number): string => `'Nguyễn "${n}" \\ Ễ 😀'`;
const day = (n: number): string => `'${1890 + (n % 200)}-0${1 + (n % 9)}-1${n % 10}'`;
const clock = (n: number): string => `0${n % 10}:59:${10 + (n % 50)}.00${n % 10}001`;
const hex = (n: number): string =>
  (n % 256)
    .toString(16)
    .padStart(2, "0")
    .repeat(n % 5);
/** Too long to lie in its row, and nothing that could be compressed away. */
const long = (n: number): string => `'${Array.from({ length: 120 }, (_, part) => `${n}-${part * 7919}-ễ`).join(" ")}'`;

const postgres: Sample = {
  master: [
    `CREATE TABLE citizen (id bigint PRIMARY KEY, name text NOT NULL, bio text, born date, height numeric(7,2), score numeric,
       seen timestamptz, made timestamp, wakes time, photo bytea, doc jsonb, code uuid, alive boolean, ratio double precision, small smallint)`,
    "ALTER TABLE citizen ALTER COLUMN bio SET STORAGE EXTERNAL",
  ],
  sink: [
    `CREATE TABLE citizen (id bigint PRIMARY KEY, name text NOT NULL, bio text, born date, height numeric(7,2), score numeric,
       seen timestamptz, made timestamp, wakes time, photo bytea, doc jsonb, code uuid, alive boolean, ratio double precision, small smallint)`,
  ],
  forms: {
    id: "integer",
    name: "text",
    bio: "text",
    born: "date",
    height: "decimal",
    score: "decimal",
    seen: "instant",
    made: "instant",
    wakes: "text",
    photo: "bytes",
    doc: "document",
    code: "uuid",
    alive: "boolean",
    ratio: "double",
    small: "integer",
  },
  values: (n) => [
    text(n),
    n % 3 === 0 ? long(n) : "NULL",
    day(n),
    `${n % 2 === 0 ? "-" : ""}${n}.${10 + (n % 90)}`,
    `${n}.${"0".repeat(n % 7)}1`,
    `${day(n).slice(0, -1)} ${clock(n)}+07'`,
    `${day(n).slice(0, -1)} ${clock(n)}'`,
    `'${clock(n)}'`,
    `'\\x${hex(n)}'`,
    `'{"n": ${n}.10, "t": "ễ"}'`,
    `'${randomUUID()}'`,
    String(n % 2 === 0),
    `${n} / 7.0::float8`,
    String(-(n % 30_000)),
  ],
  update: "UPDATE citizen SET name = name || '!', born = NULL WHERE id % 4 = 0",
};

const mariadb: Sample = {
  master: [
    `CREATE TABLE citizen (id bigint PRIMARY KEY, name varchar(200) NOT NULL, bio longtext, born date, height decimal(7,2),
       made datetime(6), seen timestamp(6) NULL, photo varbinary(100), doc json, alive tinyint(1), ratio double, small smallint, big bigint unsigned) CHARACTER SET utf8mb4`,
  ],
  sink: [
    `CREATE TABLE citizen (id bigint PRIMARY KEY, name varchar(200) NOT NULL, bio text, born date, height numeric(7,2),
       made timestamp, seen timestamptz, photo bytea, doc json, alive smallint, ratio double precision, small smallint, big numeric(20,0))`,
  ],
  forms: {
    id: "integer",
    name: "text",
    bio: "text",
    born: "date",
    height: "decimal",
    made: "instant",
    seen: "instant",
    photo: "bytes",
    doc: "document",
    alive: "boolean",
    // Its values are such that both servers print them alike.
    ratio: "integer",
    small: "integer",
    big: "integer",
  },
  values: (n) => [
    text(n).replace("\\", "\\\\"),
    n % 3 === 0 ? long(n) : "NULL",
    day(n),
    `${n % 2 === 0 ? "-" : ""}${n}.${10 + (n % 90)}`,
    `${day(n).slice(0, -1)} ${clock(n)}'`,
    `'20${10 + (n % 20)}-03-04 ${clock(n)}'`,
    `x'${hex(n)}'`,
    `'{"n": ${n}.10, "t": "ễ"}'`,
    String(n % 2),
    `${n} / 8e0`,
    String(-(n % 30_000)),
    `18446744073709551615 - ${n}`,
  ],
  update: "UPDATE citizen SET name = CONCAT(name, '!'), born = NULL WHERE id % 4 = 0",
};

const rows = 300;

function inserts(sample: Sample, from: number, count: number): string {
  const tuples = Array.from({ length: count }, (_, index) => `(${[String(from + index), ...sample.values(from + index)].join(", ")})`);
  return `INSERT INTO citizen VALUES ${tuples.join(", ")}`;
}

test.each([
  ["postgres", postgres],
  ["mysql", mariadb],
] as const)("a stock JDBC sink rebuilds a table of a %s master from what dongbo publishes", async (kind: MasterKind, sample) => {
  const { brokers, rest } = await sharedConnect();
  const prefix = `pop-${randomUUID().slice(0, 8)}`;
  await using servers = await Families.start({ master: kind, postgresTargets: ["sink"], mysqlTargets: [] });
  const onMaster = (...statements: readonly string[]): Promise<unknown> =>
    kind === "mysql" ? runMysql(servers.sourceUrl(roles.owner), ...statements) : runSql(servers.sourceUrl(roles.owner), ...statements);
  const sinkUrl = servers.cluster.target.url("sink");
  await onMaster(...sample.master, inserts(sample, 1, rows));
  await runSql(sinkUrl, ...sample.sink);
  if (kind === "postgres") await servers.cluster.publish("population", ["public.citizen"]);
  const source = kind === "mysql" ? "national.citizen" : "public.citizen";
  const columns = Object.keys(sample.forms);
  const tables = [{ source, target: "population.citizen", key: ["id"], columns }];
  await using home = await publishingHome({ servers, brokers, prefix, tables });
  const engine = home.start(["run"]);
  await engine.waitForOutput(/dongbo runs/);
  await rest.createConnector(prefix, sinkConfig(prefix, new URL(sinkUrl)));

  const differences = async (): Promise<string> => {
    const side = { table: "citizen", columns, key: ["id"], forms: sample.forms };
    const result = await compareCopy({ url: servers.sourceUrl(roles.owner), ...side }, { url: sinkUrl, ...side });
    return result.equal ? "" : describeComparison(kind, result);
  };
  const equals = async (): Promise<void> => {
    let last = "";
    await waitUntil(async () => (last = await differences()) === "", {
      describe: "the sink's table to equal the master's",
      deadlineMs: 90_000,
      everyMs: 500,
      detail: async () => `${last}\n${JSON.stringify(await rest.status(prefix))}\n${engine.describe()}`,
    });
  };
  await equals();
  await onMaster(inserts(sample, rows + 1, rows));
  await onMaster(sample.update);
  await onMaster("DELETE FROM citizen WHERE id % 5 = 0", "UPDATE citizen SET id = id + 10000 WHERE id % 7 = 0");
  await equals();
  await onMaster("TRUNCATE TABLE citizen", inserts(sample, 50_000, 20));
  await equals();
  expect(await runSql(sinkUrl, "SELECT count(*) AS rows FROM citizen")).toEqual([{ rows: "20" }]);
  await rest.deleteConnector(prefix);
});

/** https://debezium.io/documentation/reference/stable/connectors/jdbc.html */
function sinkConfig(prefix: string, url: URL): Record<string, string> {
  const json = "org.apache.kafka.connect.json.JsonConverter";
  return {
    "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector",
    "tasks.max": "1",
    topics: `${prefix}.population.citizen`,
    "connection.url": `jdbc:postgresql://${url.hostname}:${url.port}${url.pathname}`,
    "connection.username": decodeURIComponent(url.username),
    "connection.password": decodeURIComponent(url.password) || "none",
    "insert.mode": "upsert",
    "delete.enabled": "true",
    "truncate.enabled": "true",
    "primary.key.mode": "record_key",
    "schema.evolution": "none",
    "collection.name.format": "public.${source.table}",
    "key.converter": json,
    "key.converter.schemas.enable": "true",
    "value.converter": json,
    "value.converter.schemas.enable": "true",
    "consumer.override.isolation.level": "read_committed",
    "consumer.override.auto.offset.reset": "earliest",
  };
}
