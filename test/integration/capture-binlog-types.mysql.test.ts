import { expect, test } from "vitest";
import { BinlogLab, named, readToEnd, rowChanges } from "../support/binlog-lab.ts";
import { testedFlavour } from "../support/mysql-server.ts";

/** A column's type, literals to store, and the text that the stream must give, written by hand from the documents. */
type Sample = readonly [type: string, ...values: readonly (readonly [literal: string, text: string | null])[]];

const shared: Readonly<Record<string, Sample>> = {
  tiny: ["TINYINT", ["-128", "-128"], ["127", "127"], ["NULL", null]],
  tinyu: ["TINYINT UNSIGNED", ["0", "0"], ["255", "255"]],
  small: ["SMALLINT", ["-32768", "-32768"], ["32767", "32767"]],
  smallu: ["SMALLINT UNSIGNED", ["65535", "65535"]],
  medium: ["MEDIUMINT", ["-8388608", "-8388608"], ["8388607", "8388607"]],
  mediumu: ["MEDIUMINT UNSIGNED", ["16777215", "16777215"]],
  int_: ["INT", ["-2147483648", "-2147483648"], ["2147483647", "2147483647"]],
  intu: ["INT UNSIGNED", ["4294967295", "4294967295"]],
  big: ["BIGINT", ["-9223372036854775808", "-9223372036854775808"], ["9223372036854775807", "9223372036854775807"]],
  bigu: ["BIGINT UNSIGNED", ["18446744073709551615", "18446744073709551615"], ["9223372036854775808", "9223372036854775808"]],
  year_: ["YEAR", ["0", "0"], ["1901", "1901"], ["2155", "2155"]],
  dec1: ["DECIMAL(5,2)", ["0", "0.00"], ["-0.01", "-0.01"], ["999.99", "999.99"], ["12.5", "12.50"]],
  dec2: [
    "DECIMAL(65,30)",
    [
      "12345678901234567890123456789012345.123456789012345678901234567891",
      "12345678901234567890123456789012345.123456789012345678901234567891",
    ],
    ["-1e-30", "-0.000000000000000000000000000001"],
  ],
  dec3: ["DECIMAL(20,0) UNSIGNED", ["99999999999999999999", "99999999999999999999"], ["0", "0"]],
  dec4: ["DECIMAL(9,9)", ["0.123456789", "0.123456789"], ["-0.000000001", "-0.000000001"]],
  flt: [
    "FLOAT",
    ["0.1", "0.1"],
    ["16777216", "1.6777216e+07"],
    ["3.4028234663852886e38", "3.4028235e+38"],
    ["1e-45", "1e-45"],
    ["0", "0"],
    ["-1.5", "-1.5"],
    ["123456", "123456"],
  ],
  dbl: [
    "DOUBLE",
    ["0.1", "0.1"],
    ["1.7976931348623157e308", "1.7976931348623157e+308"],
    ["5e-324", "5e-324"],
    ["1e15", "1e+15"],
    ["100000000000000", "100000000000000"],
    ["0.0001", "0.0001"],
    ["0.00001", "1e-05"],
    ["-2.5", "-2.5"],
  ],
  bit1: ["BIT(1)", ["b'0'", "0"], ["b'1'", "1"]],
  bit10: ["BIT(10)", ["b'1000000001'", "1000000001"], ["b'1'", "0000000001"]],
  bit64: [
    "BIT(64)",
    [
      "b'1000000000000000000000000000000000000000000000000000000000000001'",
      "1000000000000000000000000000000000000000000000000000000000000001",
    ],
  ],
  char_: ["CHAR(10)", ["'abc'", "abc"], ["'abc   '", "abc"], ["''", ""], ["'Nguyễn 👩'", "Nguyễn 👩"]],
  charlong: ["CHAR(200)", ["'đ'", "đ"], ["REPEAT('ễ', 200)", "ễ".repeat(200)]],
  varc: ["VARCHAR(20)", ["'abc   '", "abc   "], ["'it''s \\\\ \"x\"\\n'", 'it\'s \\ "x"\n'], ["_binary'a\\0b'", "a\0b"]],
  varclong: ["VARCHAR(500)", ["'ngắn'", "ngắn"]],
  varlatin: ["VARCHAR(20) CHARACTER SET latin1", ["'café €'", "café €"]],
  latinctl: ["VARCHAR(20) CHARACTER SET latin1", ["_latin1 X'818D8F909D'", "\u0081\u008d\u008f\u0090\u009d"]],
  vargbk: ["VARCHAR(20) CHARACTER SET gbk", ["'中文 abc'", "中文 abc"]],
  vargb: ["VARCHAR(20) CHARACTER SET gb2312", ["_gb2312 X'D6D0CEC4A1A4A1AA'", "中文・―"]],
  varutf16: ["VARCHAR(20) CHARACTER SET utf16", ["'Việt 👩'", "Việt 👩"]],
  varutf16le: ["VARCHAR(20) CHARACTER SET utf16le", ["'Việt 👩'", "Việt 👩"]],
  varutf32: ["VARCHAR(20) CHARACTER SET utf32", ["'Việt 👩'", "Việt 👩"]],
  varucs2: ["CHAR(20) CHARACTER SET ucs2", ["'Việt'", "Việt"]],
  varkoi: ["VARCHAR(20) CHARACTER SET koi8r", ["'Привет'", "Привет"]],
  vartis: ["VARCHAR(20) CHARACTER SET tis620", ["'ไทย'", "ไทย"]],
  ttext: ["TINYTEXT", ["'x'", "x"]],
  text_: ["TEXT", ["''", ""], ["'Đặng'", "Đặng"]],
  mtext: ["MEDIUMTEXT CHARACTER SET utf8mb3", ["'ễ'", "ễ"]],
  ltext: ["LONGTEXT", ["REPEAT('x', 70000)", "x".repeat(70000)]],
  bin: ["BINARY(8)", ["X'0102'", "\\x0102000000000000"], ["X'0100000000000000'", "\\x0100000000000000"], ["''", "\\x0000000000000000"]],
  bin300: ["BINARY(255)", ["X'FF'", `\\xff${"00".repeat(254)}`]],
  varbin: ["VARBINARY(300)", ["X'00FF00'", "\\x00ff00"], ["''", "\\x"]],
  blob_: ["BLOB", ["X'00'", "\\x00"], ["NULL", null]],
  lblob: ["LONGBLOB", ["REPEAT(X'AB', 70000)", `\\x${"ab".repeat(70000)}`]],
  date_: [
    "DATE",
    ["'2024-02-29'", "2024-02-29"],
    ["'0000-00-00'", "0000-00-00"],
    ["'2024-00-15'", "2024-00-15"],
    ["'9999-12-31'", "9999-12-31"],
    ["'0001-01-01'", "0001-01-01"],
  ],
  dt0: [
    "DATETIME",
    ["'2024-02-29 13:05:00'", "2024-02-29 13:05:00"],
    ["'0000-00-00'", "0000-00-00 00:00:00"],
    ["'2024-00-15 01:02:03'", "2024-00-15 01:02:03"],
  ],
  dt6: [
    "DATETIME(6)",
    ["'2024-02-29 13:05:00.25'", "2024-02-29 13:05:00.25"],
    ["'9999-12-31 23:59:59.999999'", "9999-12-31 23:59:59.999999"],
    ["'1000-01-01'", "1000-01-01 00:00:00"],
  ],
  dt3: ["DATETIME(3)", ["'2024-02-29 13:05:00.007'", "2024-02-29 13:05:00.007"]],
  ts0: [
    "TIMESTAMP NULL",
    ["'2024-02-29 13:05:00'", "2024-02-29 13:05:00+00"],
    ["'2038-01-19 03:14:07'", "2038-01-19 03:14:07+00"],
    ["'0000-00-00'", "0000-00-00 00:00:00+00"],
    ["'1970-01-01 00:00:01'", "1970-01-01 00:00:01+00"],
  ],
  ts6: ["TIMESTAMP(6) NULL", ["'2024-02-29 13:05:00.000001'", "2024-02-29 13:05:00.000001+00"]],
  ts1: ["TIMESTAMP(1) NULL", ["'2024-02-29 13:05:00.5'", "2024-02-29 13:05:00.5+00"]],
  t0: ["TIME", ["'08:05:00'", "08:05:00"], ["'-838:59:59'", "-838:59:59"], ["'838:59:59'", "838:59:59"], ["'00:00:00'", "00:00:00"]],
  t1: ["TIME(1)", ["'-00:00:00.5'", "-00:00:00.5"], ["'-01:00:00'", "-01:00:00"]],
  t3: ["TIME(3)", ["'-12:34:56.789'", "-12:34:56.789"], ["'12:34:56.780'", "12:34:56.78"]],
  t6: [
    "TIME(6)",
    ["'-838:59:58.999999'", "-838:59:58.999999"],
    ["'-00:00:00.000001'", "-00:00:00.000001"],
    ["'100:00:00.5'", "100:00:00.5"],
  ],
  enum_: ["ENUM('a,b','it''s','Đ','')", ["'a,b'", "a,b"], ["'it''s'", "it's"], ["'Đ'", "Đ"], ["''", ""], ["0", ""]],
  enumlatin: ["ENUM('é','€') CHARACTER SET latin1", ["'€'", "€"]],
  set_: ["SET('x','y z','Đ')", ["''", ""], ["'x,Đ'", "x,Đ"], ["'Đ,x'", "x,Đ"]],
  set64: [
    `SET(${Array.from({ length: 64 }, (_, index) => `'m${index}'`).join(",")})`,
    ["'m0,m31,m32,m63'", "m0,m31,m32,m63"],
    ["'m40'", "m40"],
  ],
  geo: ["GEOMETRY", ["ST_GeomFromText('POINT(1 2)', 0)", "\\x000000000101000000000000000000f03f0000000000000040"]],
  after: ["TEXT", ["'text behind a geometry'", "text behind a geometry"]],
};

const onMariaDb: Readonly<Record<string, Sample>> = {
  json_: ["JSON", [`'{"b": 1.0, "a": [1e15, null]}'`, '{"b": 1.0, "a": [1e15, null]}']],
  inet4_: ["INET4", ["'10.0.0.1'", "10.0.0.1"], ["'10.0.0.0'", "10.0.0.0"]],
  inet6_: ["INET6", ["'2001:db8::1'", "2001:db8::1"], ["'::'", "::"], ["'2001:db8::'", "2001:db8::"]],
  uuid_: [
    "UUID",
    ["'123E4567-E89B-12D3-A456-426614174000'", "123e4567-e89b-12d3-a456-426614174000"],
    ["'00000000-0000-0000-0000-000000000000'", "00000000-0000-0000-0000-000000000000"],
  ],
  comp: ["VARCHAR(2000) COMPRESSED", ["'short'", "short"], ["REPEAT('dài ', 400)", "dài ".repeat(400)], ["''", ""]],
  compblob: ["BLOB COMPRESSED", ["REPEAT(X'AB', 5000)", `\\x${"ab".repeat(5000)}`]],
};

const onMysql: Readonly<Record<string, Sample>> = {
  json_: ["JSON", [`'{"b": 1.0, "a": [1e15, null]}'`, '{"a": [1e15, null], "b": 1.0}']],
  points: ["POINT SRID 4326", ["ST_GeomFromText('POINT(1 2)', 4326)", "\\xe610000001010000000000000000000040000000000000f03f"]],
  vector_: ["VECTOR(2)", ["X'0000803f00000040'", "\\x0000803f00000040"]],
};

const samples = { ...shared, ...(testedFlavour === "mariadb" ? onMariaDb : onMysql) };

test("every type of the catalogue is given out exactly: inserted, updated beside it, deleted", async () => {
  await using lab = await BinlogLab.open({ innodb_strict_mode: "OFF" });
  const source = lab.source();
  const columns = Object.entries(samples).map(([name, [type]]) => `${name} ${type}`);
  await lab.query(`CREATE TABLE sample (id INT PRIMARY KEY, touched INT DEFAULT 0, ${columns.join(", ")})`);
  const reader = await lab.readerFrom(source, await source.reserve());
  const rounds = Math.max(...Object.values(samples).map(([, ...values]) => values.length));
  const statements: string[] = [];
  const expected: Record<string, string | null>[] = [];
  for (let round = 0; round < rounds; round++) {
    const chosen = Object.entries(samples).map(
      ([name, [, ...values]]) => [name, ...(values[round % values.length] ?? ["NULL", null])] as const,
    );
    statements.push(
      `INSERT INTO sample (id, ${chosen.map(([name]) => name).join(", ")}) VALUES (${round}, ${chosen.map(([, sql]) => sql).join(", ")})`,
    );
    expected.push({ id: String(round), touched: "0", ...Object.fromEntries(chosen.map(([name, , text]) => [name, text])) });
  }
  await lab.query("SET time_zone = '+07:00', sql_mode = ''", "SET time_zone = '+00:00'", ...statements);
  await lab.query("UPDATE sample SET touched = 1", "DELETE FROM sample");
  const changes = rowChanges(await readToEnd(reader, source));
  expect(changes.map(({ tag }) => tag)).toEqual([
    ...Array(rounds).fill("insert"),
    ...Array(rounds).fill("update"),
    ...Array(rounds).fill("delete"),
  ]);
  for (const [index, row] of expected.entries()) {
    const [insert, update, deletion] = [changes[index]!, changes[rounds + index]!, changes[2 * rounds + index]!];
    expect(named(insert, insert.after)).toEqual(row);
    expect(named(update, update.before)).toEqual(row);
    expect(named(update, update.after)).toEqual({ ...row, touched: "1" });
    expect(named(deletion, deletion.before)).toEqual({ ...row, touched: "1" });
  }
});

test("text of every one-byte character set comes as the server itself converts it", async () => {
  await using lab = await BinlogLab.open();
  const source = lab.source();
  const sets = await lab.query(
    "SELECT CHARACTER_SET_NAME AS name FROM information_schema.CHARACTER_SETS WHERE MAXLEN = 1 AND CHARACTER_SET_NAME NOT IN ('binary', 'swe7')",
  );
  const names = sets.map((row) => String(row["name"]));
  await lab.query(
    `CREATE TABLE text (id INT PRIMARY KEY, ${names.map((name) => `${name}_ VARCHAR(300) CHARACTER SET ${name}`).join(", ")})`,
  );
  const reader = await lab.readerFrom(source, await source.reserve());
  const bytes = Array.from({ length: 256 }, (_, index) => index.toString(16).padStart(2, "0")).join("");
  await lab.query(
    `INSERT INTO text VALUES (1, ${names.map((name) => (name === "ascii" ? "'ascii'" : `_${name} X'${bytes}'`)).join(", ")})`,
  );
  const [stored] = await lab.query(`SELECT ${names.map((name) => `CONVERT(${name}_ USING utf8mb4) AS ${name}_`).join(", ")} FROM text`);
  const [change] = rowChanges(await readToEnd(reader, source));
  expect(named(change!, change!.after)).toEqual({ id: "1", ...stored });
});

test("generated and invisible columns are among a row's columns", async () => {
  await using lab = await BinlogLab.open();
  const source = lab.source();
  await lab.query("CREATE TABLE t (id INT PRIMARY KEY, v INT AS (id + 1) VIRTUAL, p INT AS (id + 2) STORED, i INT INVISIBLE DEFAULT 7)");
  const reader = await lab.readerFrom(source, await source.reserve());
  await lab.query("INSERT INTO t (id) VALUES (1)", "UPDATE t SET id = 5", "DELETE FROM t");
  const changes = rowChanges(await readToEnd(reader, source));
  const row = { id: "1", v: "2", p: "3", i: "7" };
  expect(changes.map((change) => [named(change, change.before), named(change, change.after)]).flat()).toEqual([
    { id: null, v: null, p: null, i: null },
    row,
    row,
    { id: "5", v: "6", p: "7", i: "7" },
    { id: "5", v: "6", p: "7", i: "7" },
    { id: null, v: null, p: null, i: null },
  ]);
});

test.runIf(testedFlavour === "mariadb")(
  "UUID, INET4 and INET6 come as the server prints them, also of tables made or changed while streaming",
  async () => {
    await using lab = await BinlogLab.open();
    const source = lab.source();
    const reader = await lab.readerFrom(source, await source.reserve());
    await lab.query("CREATE TABLE t (id INT PRIMARY KEY, u UUID, v4 INET4, v6 INET6, plain BINARY(16))");
    const words = ["0", "0", "0", "ffff", "1", "a0b0"];
    const address = (seed: number): string => Array.from({ length: 8 }, (_, index) => words[Math.floor(seed / 6 ** index) % 6]).join(":");
    const rows = Array.from(
      { length: 400 },
      (_, id) => `(${id}, UUID(), INET_NTOA(${id * 10_485_769}), '${address(id * 4201)}', X'${id.toString(16).padStart(4, "0")}')`,
    );
    const special = ["::", "::1", "::ffff:1.2.3.4", "::1.2.3.4", "1::", "0:0:1::", "1:0:2:3:4:5:6:7"].map(
      (text, index) => `(${500 + index}, UUID(), '0.0.0.0', '${text}', '')`,
    );
    await lab.query(`INSERT INTO t VALUES ${[...rows, ...special].join(", ")}`);
    const stored = await lab.query(
      "SELECT id, CAST(u AS CHAR) AS u, CAST(v4 AS CHAR) AS v4, CAST(v6 AS CHAR) AS v6, CONCAT('\\\\x', LOWER(HEX(plain))) AS plain FROM t ORDER BY id",
    );
    const changes = rowChanges(await readToEnd(reader, source));
    expect(changes.map((change) => named(change, change.after))).toEqual(stored);
    expect(changes[0]!.table.columns.map(({ typeIdentity }) => typeIdentity)).toEqual([
      "integer(4)",
      "uuid",
      "inet4",
      "inet6",
      "binary(16)",
    ]);
    await lab.query(
      "CREATE TABLE copy LIKE t",
      "ALTER TABLE t MODIFY plain UUID",
      "UPDATE t SET id = id + 1000 ORDER BY id DESC LIMIT 1",
      "INSERT INTO copy SELECT * FROM t LIMIT 1",
    );
    const later = rowChanges(await readToEnd(reader, source)).slice(changes.length);
    expect(later.map(({ table }) => table.columns.at(-1)?.typeIdentity)).toEqual(["uuid", "binary(16)"]);
  },
);
