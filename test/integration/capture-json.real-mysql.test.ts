// JSON of a real MySQL, which logs it in a binary form: the stream gives the text that SELECT gives, however the document came
// to be.
import fc from "fast-check";
import { expect, test } from "vitest";
import { BinlogLab, named, readToEnd, rowChanges } from "../support/binlog-lab.ts";
import { quoteLiteral } from "../../connectors/mysql/quote.ts";

/** Documents of what SQL alone puts into JSON. */
const made = [
  "NULL",
  "JSON_ARRAY(1.50, -0.001, CAST('12345678901234567890123456789012345.678' AS DECIMAL(60,20)), CAST(0 AS DECIMAL(30,20)))",
  "JSON_ARRAY(DATE'2024-02-29', TIME'-838:59:59', TIME'10:11:12.5', TIMESTAMP'2024-01-02 03:04:05.000001', CAST('0001-01-01' AS DATE))",
  "JSON_ARRAY(X'00ff', X'', _binary'abc', b'101', CAST('2024' AS YEAR), CAST(1.1 AS FLOAT), TRUE, FALSE, NULL)",
  "JSON_ARRAY(18446744073709551615, 9223372036854775808, -9223372036854775808, 2147483648, -2147483649, 65536, 32768, -32769, -1, 0)",
  "JSON_ARRAY(1e15, 1e14, 999999999999999.9e0, 1e16, 1e21, 1e22, 0.1e0, 1e-15, 1.5e-15, 1e-16, -1.25e-14, 1.7976931348623157e308, 5e-324, -0e0, 0e0)",
  "ST_AsGeoJSON(ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))'))",
  "JSON_OBJECT('b', 1, 'aa', 2, '', 3, 'é', 4, 'a', JSON_OBJECT(), 'c', JSON_ARRAY())",
  String.raw`JSON_ARRAY('\n\t\r\b\\\"/', CONCAT(CHAR(1 USING utf8mb4), CHAR(31 USING utf8mb4), CHAR(127 USING utf8mb4)), '👩‍👩‍👧 Nguyễn')`,
  // Beyond 64 kB the form has wider offsets.
  "JSON_ARRAY(REPEAT('đ', 100000), 7, 70000, -70000, JSON_OBJECT('k', REPEAT('x', 70000), 'n', 1))",
  "CAST(CONCAT('[', REPEAT('1,', 30000), '2]') AS JSON)",
  "CAST(CONCAT(REPEAT('[', 99), REPEAT(']', 99)) AS JSON)",
  "CAST('\"alone\"' AS JSON)",
  "CAST('1.0' AS JSON)",
];

test("documents come as the server prints them", async () => {
  await using lab = await BinlogLab.open();
  const source = lab.source();
  await lab.query("CREATE TABLE document (id INT AUTO_INCREMENT PRIMARY KEY, touched INT DEFAULT 0, doc JSON)");
  const reader = await lab.readerFrom(source, await source.reserve());
  const written = fc
    .sample(fc.jsonValue({ maxDepth: 4, depthSize: "large" }), { numRuns: 1000, seed: 7 })
    .map((value) => JSON.stringify(value));
  await lab.query(
    ...made.map((sql) => `INSERT INTO document (doc) VALUES (${sql})`),
    `INSERT INTO document (doc) VALUES ${written.map((text) => `(${quoteLiteral(text)})`).join(", ")}`,
    "UPDATE document SET touched = 1",
    "UPDATE document SET doc = JSON_SET(doc, '$.a', 1.5, '$.z', JSON_ARRAY(1e15)) WHERE JSON_TYPE(doc) = 'OBJECT'",
  );
  const shown = new Map(
    (await lab.query("SELECT id, CAST(doc AS CHAR) AS doc FROM document")).map((row) => [row["id"], row["doc"] ?? null]),
  );
  const streamed = new Map<string | null, string | null>();
  for (const change of rowChanges(await readToEnd(reader, source))) {
    const { id = null, doc = null } = named(change, change.after);
    if (change.tag === "update") expect(named(change, change.before)["doc"]).toBe(streamed.get(id));
    streamed.set(id, doc);
  }
  expect(streamed).toEqual(shown);
});
