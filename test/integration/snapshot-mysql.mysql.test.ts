// What is particular to snapshots of MySQL and MariaDB: the text of every type, keys of every type, and what a chunk has seen.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Flavour } from "../../connectors/mysql/mysql-client.ts";
import { mysqlPositions } from "../../connectors/mysql/positions.ts";
import { quoteIdentifier } from "../../connectors/mysql/quote.ts";
import { MysqlSnapshot } from "../../connectors/mysql/snapshot/mysql-snapshot.ts";
import { selectPart } from "../../connectors/mysql/snapshot/read-sql.ts";
import type { CatalogTable } from "../../engine/model/table.ts";
import type { ChunkRequest } from "../../engine/ports/snapshot-source.ts";
import { positionOf } from "../support/chunk-position.ts";
import type { MysqlTestServer } from "../support/given-mysql.ts";
import { explain, numbersTo, startMysqlServer, testedFlavour } from "../support/mysql-server.ts";
import { mysqlClient } from "../support/mysql-session.ts";
import { serverAddress } from "../support/server-address.ts";
import { waitUntil } from "../support/wait-until.ts";
import { readChunk, type ReadChunk } from "../support/read-chunk.ts";

let server: MysqlTestServer;
let snapshot: MysqlSnapshot;

beforeAll(async () => {
  server = await startMysqlServer({ max_allowed_packet: "64M" });
  await server.query("CREATE DATABASE master");
  snapshot = new MysqlSnapshot({ address: serverAddress(server.url()), connections: 3 });
});

afterAll(async () => {
  await snapshot?.close();
  await server?.destroy();
});

async function made(name: string, ...statements: readonly string[]): Promise<CatalogTable> {
  await server.query("USE master", "SET SESSION sql_mode = 'STRICT_ALL_TABLES', time_zone = '+00:00'", ...statements);
  const [table] = await snapshot.describe([{ schema: "master", name }]);
  if (table === undefined) throw new Error(`there is no table ${name}`);
  return table;
}

function request(table: CatalogTable, options: Partial<ChunkRequest> = {}): ChunkRequest {
  const columns = table.columns.map((column) => column.name);
  return { table, key: table.primaryKey, columns, filter: null, after: null, until: null, rowsMax: 1000, bytesMax: 1e7, ...options };
}

function chunk(table: CatalogTable, options: Partial<ChunkRequest> = {}): Promise<ReadChunk> {
  return readChunk(snapshot, request(table, options));
}

async function scan(table: CatalogTable, rowsMax: number, key = table.primaryKey): Promise<(string | null)[][]> {
  const rows: (string | null)[][] = [];
  for (let after: ReadChunk["lastKey"] = null, complete = false; !complete;) {
    const read: ReadChunk = await chunk(table, { rowsMax, after, key });
    rows.push(...texts(read));
    ({ complete } = read);
    after = read.lastKey ?? after;
  }
  return rows;
}

function texts({ rows }: Pick<ReadChunk, "rows">): (string | null)[][] {
  return rows.map((row) => row.map((value) => (value === null ? null : (value as Buffer).toString("utf8"))));
}

/** Declaration, values as SQL, and their text forms. */
const values: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ["tinyint(1)", ["2", "-128"], ["2", "-128"]],
  ["bigint(20) unsigned zerofill", ["18446744073709551615", "0", "42"], ["18446744073709551615", "0", "42"]],
  ["bigint", ["-9223372036854775808"], ["-9223372036854775808"]],
  [
    "decimal(65,30)",
    ["-12345678901234567890123456789012345.000000000000000000000000000001", "0"],
    ["-12345678901234567890123456789012345.000000000000000000000000000001", "0.000000000000000000000000000000"],
  ],
  ["decimal(7,2) zerofill", ["12.5"], ["12.50"]],
  ["float", ["0.1", "16777216", "3.4028234e38", "1e-45", "1e6"], ["0.1", "1.6777216e+07", "3.4028235e+38", "1e-45", "1e+06"]],
  ["float", ["-1e-44 * 1e-10"], ["-0"]],
  ["float(7,3)", ["1.1"], ["1.1"]],
  [
    "double",
    ["0.30000000000000004", "1.7976931348623157e308", "5e-324", "1e15", "123456789012345678", "-1.2345678901234567e-100"],
    ["0.30000000000000004", "1.7976931348623157e+308", "5e-324", "1e+15", "1.2345678901234568e+17", "-1.2345678901234567e-100"],
  ],
  ["double(30,2)", ["12345678901234.56", "1e20"], ["12345678901234.56", "1e+20"]],
  ["bit(10)", ["b'1000000001'", "0"], ["1000000001", "0000000000"]],
  ["bit(64)", ["b'1000000000000000000000000000000000000000000000000000000000000001'"], [`1${"0".repeat(62)}1`]],
  ["year", ["0", "1901", "2155"], ["0", "1901", "2155"]],
  ["date", ["'0000-00-00'", "'2024-00-15'", "'9999-12-31'"], ["0000-00-00", "2024-00-15", "9999-12-31"]],
  ["datetime", ["'2024-02-29 13:05:00'"], ["2024-02-29 13:05:00"]],
  [
    "datetime(6)",
    ["'2024-02-29 13:05:00.25'", "'0000-00-00'", "'2024-02-29 13:05:10'"],
    ["2024-02-29 13:05:00.25", "0000-00-00 00:00:00", "2024-02-29 13:05:10"],
  ],
  [
    "timestamp(3)",
    ["'2038-01-19 03:14:07.999'", "'0000-00-00'", "'1970-01-01 00:00:01'"],
    ["2038-01-19 03:14:07.999+00", "0000-00-00 00:00:00+00", "1970-01-01 00:00:01+00"],
  ],
  ["time(6)", ["'08:05:00.5'", "'-00:00:00.5'", "'838:59:50'"], ["08:05:00.5", "-00:00:00.5", "838:59:50"]],
  ["time", ["'100:00:00'"], ["100:00:00"]],
  ["char(6)", ["'a  '", "'Đ👩‍👩‍👧'", "''"], ["a", "Đ👩‍👩‍👧", ""]],
  ["char(6) CHARACTER SET latin1", ["'é€'"], ["é€"]],
  ["varchar(10) CHARACTER SET utf16", ["'a  '", "'Đ👧'"], ["a  ", "Đ👧"]],
  ["text CHARACTER SET gbk", ["'中文'"], ["中文"]],
  ["binary(4)", ["X'61'", "X'00000000'", "X''"], ["\\x61000000", "\\x00000000", "\\x00000000"]],
  ["varbinary(4)", ["X'6100'", "X''"], ["\\x6100", "\\x"]],
  ["blob", ["X'00ff5c27'"], ["\\x00ff5c27"]],
  ["enum('a,b','it''s','đỏ')", ["'a,b'", "3", "'it''s'"], ["a,b", "đỏ", "it's"]],
  ["set('a','b','d')", ["''", "'b,a'", "4"], ["", "a,b", "d"]],
];

const ownValues: Readonly<Record<Flavour, typeof values>> = {
  mariadb: [
    ["float", ["'-0'"], ["0"]],
    ["time(6)", ["'-838:59:59.999999'"], ["-838:59:59.999999"]],
    ["varchar(50) COMPRESSED", ["REPEAT('xy', 25)"], ["xy".repeat(25)]],
    ["json", [`'{"b": 1.0, "a": 12345678901234567890, "b": null}'`], ['{"b": 1.0, "a": 12345678901234567890, "b": null}']],
    ["uuid", ["'0190B5A8-7f3e-7c1a-9d7e-1f2a3b4c5d6e'"], ["0190b5a8-7f3e-7c1a-9d7e-1f2a3b4c5d6e"]],
    ["inet4", ["'10.0.0.1'"], ["10.0.0.1"]],
    ["inet6", ["'::1'", "'2001:db8::FF'"], ["::1", "2001:db8::ff"]],
    ["point", ["ST_GeomFromText('POINT(1 2)', 4326)"], ["\\xe61000000101000000000000000000f03f0000000000000040"]],
  ],
  mysql: [
    ["float", ["'-0'"], ["-0"]],
    ["time(6)", ["'-838:59:59'", "'-838:59:58.999999'"], ["-838:59:59", "-838:59:58.999999"]],
    ["json", [`'{"b": 1.0, "a": 12345678901234567890, "b": null}'`], ['{"a": 12345678901234567890, "b": null}']],
    // Latitude comes first in text, and second in what is stored.
    ["point", ["ST_GeomFromText('POINT(1 2)', 4326)"], ["\\xe610000001010000000000000000000040000000000000f03f"]],
    ["vector(2)", ["X'0000803f00000040'"], ["\\x0000803f00000040"]],
  ],
};

describe("every type has its text", () => {
  test.each([...values, ...ownValues[testedFlavour]].map((entry, index) => [index, ...entry] as const))(
    "%i %s",
    async (index, declaration, given, expected) => {
      const name = `type ${index}`;
      const quoted = quoteIdentifier(name);
      const rows = given.map((value, id) => `(${id}, ${value})`).join(", ");
      const table = await made(
        name,
        "SET SESSION sql_mode = 'ALLOW_INVALID_DATES'",
        `CREATE TABLE ${quoted} (id int PRIMARY KEY, v ${declaration} NULL)`,
        `INSERT INTO ${quoted} VALUES ${rows}, (1000, NULL)`,
      );
      const expectedRows = [...expected.map((text, id) => [String(id), text]), ["1000", null]];
      expect(texts(await chunk(table))).toEqual(expectedRows);
      const { rows: found } = await snapshot.readRows({
        table,
        key: ["id"],
        columns: ["id", "v"],
        filter: null,
        keys: expectedRows.map(([id]) => [Buffer.from(String(id))]),
      });
      expect(texts({ rows: found })).toEqual(expectedRows);
    },
  );

  test("the error value of an enum is the empty text", async () => {
    const table = await made(
      "error_value",
      "CREATE TABLE error_value (id int PRIMARY KEY, v enum('a'))",
      "SET SESSION sql_mode = ''",
      "INSERT INTO error_value VALUES (1, 'no such label')",
    );
    expect(texts(await chunk(table))).toEqual([["1", ""]]);
  });
});

/** Declaration of the key and its values as SQL, in the server's own order. */
const keys: Readonly<Record<string, readonly [string, readonly string[]]>> = {
  "bigint unsigned": [
    "bigint unsigned",
    ["0", "9223372036854775807", "9223372036854775808", "18446744073709551614", "18446744073709551615"],
  ],
  "decimal with all digits": [
    "decimal(65,30)",
    ["-1", "-0.000000000000000000000000000001", "0", "0.000000000000000000000000000001", "99999999999999999999999999999999999.5"],
  ],
  year: ["year", ["0", "1901", "1970", "2069", "2155"]],
  date: ["date", ["'0000-00-00'", "'2023-12-31'", "'2024-00-00'", "'2024-00-15'", "'2024-01-01'"]],
  datetime: ["datetime(6)", ["'0000-00-00'", "'2024-01-01'", "'2024-01-01 00:00:00.000001'", "'2024-01-01 00:00:00.00001'"]],
  timestamp: ["timestamp(6)", ["'0000-00-00'", "'1970-01-01 00:00:01'", "'2024-10-27 01:30:00'", "'2038-01-19 03:14:07.999999'"]],
  time: ["time(3)", ["'-838:59:59'", "'-00:00:00.5'", "'00:00:00'", "'00:00:00.001'", "'100:00:00'"]],
  "fixed bytes": ["binary(3)", ["X'000000'", "X'610000'", "X'616100'", "X'ff'"]],
  bytes: ["varbinary(10)", ["X''", "X'00'", "X'0000'", "X'5c27'", "X'ff'"]],
  "text in latin1": ["varchar(20) CHARACTER SET latin1", ["''", "'a'", "'é€z'", "'z'"]],
  "text in utf8mb3": ["varchar(20) CHARACTER SET utf8mb3 COLLATE utf8mb3_unicode_ci", ["'An'", "'ánh'", "'Ê'", "'đ'"]],
  "text without regard to case": ["varchar(20) COLLATE utf8mb4_general_ci", ["'a'", "'B'", "'c  '", "'D'"]],
  "padded text": ["char(5) COLLATE utf8mb4_bin", ["''", "'A'", "'a\\t'", "'a'", "'a b'"]],
  labels: ["enum('z','đỏ','a,b','it''s')", ["1", "2", "3", "4"]],
};

const keysOfMariaDb: typeof keys = {
  uuid: [
    "uuid",
    ["'00000000-0000-0000-0000-000000000000'", "'0190b5a8-7f3e-1c1a-9d7e-1f2a3b4c5d6e'", "'0190b5a8-7f3e-7c1a-9d7e-1f2a3b4c5d6e'"],
  ],
  address: ["inet6", ["'::'", "'::1'", "'ff00::1'"]],
};

describe("reads by keys of every type, in the server's order, along the index", () => {
  test.each(Object.entries({ ...keys, ...(testedFlavour === "mariadb" ? keysOfMariaDb : {}) }))(
    "%s",
    async (name, [declaration, given]) => {
      const quoted = quoteIdentifier(`by ${name}`);
      const ids = given.flatMap((value, place) => [`(${value}, ${place * 2})`, `(${value}, ${place * 2 + 1})`]);
      const table = await made(
        `by ${name}`,
        "SET SESSION sql_mode = ''",
        `CREATE TABLE ${quoted} (k ${declaration} NOT NULL, n int, PRIMARY KEY (k, n))`,
        `INSERT INTO ${quoted} VALUES ${ids.toReversed().join(", ")}`,
      );
      const whole = await scan(table, 1000);
      const stored = await server.query(`SELECT n FROM master.${quoted} ORDER BY k, n`);
      expect(whole.map((row) => row[1])).toEqual(stored.map((row) => row["n"]));
      expect(whole).toHaveLength(given.length * 2);
      for (const rowsMax of [1, 2, 3]) expect(await scan(table, rowsMax)).toEqual(whole);
      const wanted = whole.map((row) => row.map((value) => Buffer.from(String(value))));
      const { rows } = await snapshot.readRows({ table, key: ["k", "n"], columns: ["k", "n"], filter: null, keys: wanted });
      expect(new Set(texts({ rows }).map(String))).toEqual(new Set(whole.map(String)));
      expect(rows).toHaveLength(whole.length);
      for (const [place, key] of wanted.entries()) expect(texts(await chunk(table, { until: key }))).toEqual(whole.slice(0, place + 1));
      const sql = selectPart(
        { table, key: ["k", "n"], index: "PRIMARY", after: wanted[1] ?? null, until: wanted[2] ?? null, filter: null },
        ["k", "n"],
        10,
      );
      // Of so few rows MySQL may rather read the whole index.
      const read = expect.stringMatching(testedFlavour === "mariadb" ? /^range$/ : /^(range|index)$/) as unknown;
      expect(await server.query(`${explain} ${sql}`)).toMatchObject([{ type: read, key: "PRIMARY" }]);
    },
  );

  test("the error value of an enum comes first", async () => {
    const table = await made(
      "by_error",
      "CREATE TABLE by_error (k enum('b','a'), n int, PRIMARY KEY (k, n))",
      "SET SESSION sql_mode = ''",
      "INSERT INTO by_error VALUES ('a', 1), ('b', 1), ('', 1), ('', 2)",
    );
    const whole = [
      ["", "1"],
      ["", "2"],
      ["b", "1"],
      ["a", "1"],
    ];
    for (const rowsMax of [1, 2, 1000]) expect(await scan(table, rowsMax)).toEqual(whole);
    for (const [place, row] of whole.entries()) {
      const until = row.map((text) => Buffer.from(text));
      expect(texts(await chunk(table, { until }))).toEqual(whole.slice(0, place + 1));
    }
  });

  test("a key that is not the primary one is walked along its own index", async () => {
    const table = await made(
      "by_other",
      "CREATE TABLE by_other (id int PRIMARY KEY, code varchar(9) NOT NULL, v varchar(300), UNIQUE natural_key (code))",
      `INSERT INTO by_other SELECT seq, CONCAT('c', 50000 - seq), REPEAT('x', 300) FROM ${numbersTo(20_000)}`,
      "ANALYZE TABLE by_other",
    );
    expect((await scan(table, 4999, ["code"])).map((row) => row[0])).toEqual(
      Array.from({ length: 20_000 }, (_, index) => String(20_000 - index)),
    );
    const cuts = await snapshot.splitKeys(table, ["code"], 4);
    expect(cuts).toHaveLength(3);
    expect(cuts.map(([key]) => String(key))).toEqual(cuts.map(([key]) => String(key)).toSorted());
  });
});

test("a chunk looks at no more rows than it needs, also where the key's first column says little", async () => {
  const table = await made(
    "narrow",
    "CREATE TABLE narrow (province char(2), id int, PRIMARY KEY (province, id))",
    `INSERT INTO narrow SELECT '79', seq FROM ${numbersTo(20_000)}`,
  );
  const after = ["79", "15000"].map((text) => Buffer.from(text));
  const sql = selectPart({ table, key: ["province", "id"], index: "PRIMARY", after, until: null, filter: null }, ["id"], 10);
  const status = await server.query("FLUSH STATUS", sql, "SHOW SESSION STATUS LIKE 'Handler_read_next'");
  expect(Number(status[0]?.["Value"])).toBeLessThanOrEqual(10);
});

describe("what a chunk has seen", () => {
  test.runIf(testedFlavour === "mariadb")(
    "is exactly the transactions before its place in the log, while others write and the log is rotated",
    async () => {
      const table = await made("busy", "CREATE TABLE busy (id bigint PRIMARY KEY, v varchar(10))");
      const stop = new AbortController();
      const writers = [0, 1, 2].map(async (writer) => {
        const client = await mysqlClient(server.url("master"));
        for (let index = 0; !stop.signal.aborted; index++) {
          await client.query(`INSERT INTO busy VALUES (${index * 3 + writer}, 'x')`);
          if (writer === 0 && index % 40 === 0) await client.query("FLUSH BINARY LOGS");
        }
        await client.end();
      });
      const chunks: ReadChunk[] = [];
      for (let count = 0; count < 150; count++) chunks.push(await chunk(table, { rowsMax: 100_000, columns: ["id"] }));
      stop.abort();
      await Promise.all(writers);
      const written = await insertsInLog();
      expect(written.size).toBeGreaterThan(300);
      for (const read of chunks) {
        const present = new Set(texts(read).map(([id]) => id));
        const wrong = [...written].filter(([id, transaction]) => read.visibility.sees(transaction) !== present.has(id));
        expect(wrong).toEqual([]);
        const beyond = [...written].filter(
          ([id, transaction]) =>
            present.has(id) && !mysqlPositions.covers(positionOf(read), mysqlPositions.parse(transaction.split("@")[0] ?? "")),
        );
        expect(beyond).toEqual([]);
      }
      expect(new Set(chunks.map((read) => read.rows.length)).size).toBeGreaterThan(20);
    },
  );

  /** Id of each row of `busy` and the name of the transaction that wrote it, from the server's own account of its log. */
  async function insertsInLog(): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    for (const { Log_name: file } of await server.query("SHOW BINARY LOGS")) {
      let transaction = "";
      for (const event of await server.query(`SHOW BINLOG EVENTS IN '${String(file)}'`)) {
        const info = event["Info"] ?? "";
        if (event["Event_type"] === "Gtid") transaction = `${/\d+-\d+-\d+/.exec(info)?.[0] ?? ""}@${String(file)}:${String(event["Pos"])}`;
        const id = event["Event_type"] === "Annotate_rows" ? /INSERT INTO busy VALUES \((\d+)/.exec(info)?.[1] : undefined;
        if (id !== undefined) found.set(id, transaction);
      }
    }
    return found;
  }
});

test("reads wait for no lock, and hold none that a writer would wait for", async () => {
  const table = await made("locked", "CREATE TABLE locked (id int PRIMARY KEY, v int)", "INSERT INTO locked VALUES (1, 1), (2, 2)");
  const writer = await mysqlClient(server.url("master"));
  await writer.query("START TRANSACTION");
  await writer.query("UPDATE locked SET v = 10");
  expect(texts(await chunk(table))).toEqual([
    ["1", "1"],
    ["2", "2"],
  ]);
  await writer.query("COMMIT");
  expect(texts(await chunk(table))).toEqual([
    ["1", "10"],
    ["2", "10"],
  ]);
  await writer.query("SET SESSION lock_wait_timeout = 1");
  await writer.query("ALTER TABLE locked ADD COLUMN w int");
  await writer.end();
});

test("an index that was given another name is found again", async () => {
  const table = await made(
    "renamed",
    "CREATE TABLE renamed (id int NOT NULL, UNIQUE first_name (id))",
    "INSERT INTO renamed SELECT seq FROM seq_1_to_10",
  );
  const read = () => chunk(table, { key: ["id"], rowsMax: 5 });
  expect((await read()).rows).toHaveLength(5);
  await server.query("ALTER TABLE master.renamed RENAME INDEX first_name TO last_name");
  await expect(read()).rejects.toThrow(/DB-/);
  expect((await read()).rows).toHaveLength(5);
});

test("a statement that takes too long ends with its code, and a session that is killed costs one read", async () => {
  const table = await made(
    "long",
    "CREATE TABLE `long` (id int PRIMARY KEY, v varchar(200))",
    `INSERT INTO \`long\` SELECT seq, REPEAT('y', 200) FROM ${numbersTo(100_000)}`,
    "ANALYZE TABLE `long`",
  );
  const impatient = new MysqlSnapshot({ address: serverAddress(server.url()), connections: 1, statementTimeoutMs: 1 });
  const filter = { op: "starts_with", column: "v", value: "z" } as const;
  const reading = readChunk(impatient, request(table, { filter, rowsMax: 100_000, bytesMax: 1e9 }), new AbortController().signal);
  await expect(reading).rejects.toMatchObject({ code: "DB-MY-013" });
  expect(table.estimatedRows).toBeGreaterThan(50_000);
  expect(await impatient.splitKeys(table, ["id"], 2)).toEqual([]);
  await impatient.close();
  const sessions = async (): Promise<string[]> =>
    (await server.query("SHOW PROCESSLIST"))
      .filter((row) => row["db"] === null && row["Command"] === "Sleep")
      .map((row) => row["Id"] ?? "");
  await chunk(table, { rowsMax: 1 });
  for (const id of await sessions()) await server.query(`KILL ${id}`);
  await waitUntil(async () => (await sessions()).length === 0, { describe: "the killed sessions to end" });
  // Whether the end of a session is noticed before or by its next statement, there is a code for it.
  for (const read of await Promise.allSettled([0, 1, 2].map(() => chunk(table, { rowsMax: 1 })))) {
    if (read.status === "rejected") expect(["DB-MY-009", "DB-MY-015"]).toContain((read.reason as { code: string }).code);
  }
  expect((await chunk(table, { rowsMax: 1 })).rows).toHaveLength(1);
});

test("a read that is aborted ends at once, also where the server does not answer, and leaves nothing running there", async () => {
  const table = await made("abandoned", "CREATE TABLE abandoned (id int PRIMARY KEY)", "INSERT INTO abandoned VALUES (1)");
  const blocker = await mysqlClient(server.url("master"));
  await blocker.query("LOCK TABLES abandoned WRITE");
  const running = async (): Promise<number> =>
    (await server.query("SHOW PROCESSLIST")).filter((row) => row["Info"]?.includes("`abandoned`")).length;
  const abort = new AbortController();
  const reading = readChunk(snapshot, request(table), abort.signal);
  const outcome = expect(reading).rejects.toThrow("enough");
  await waitUntil(async () => (await running()) === 1, { describe: "the read to wait for the lock" });
  abort.abort(new Error("enough"));
  await outcome;
  await waitUntil(async () => (await running()) === 0, { describe: "the aborted statement to end" });
  await blocker.end();
  expect((await chunk(table)).rows).toHaveLength(1);
});
