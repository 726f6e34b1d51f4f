// The checker is judged first: it must see every kind of difference that a faulty engine could leave in a copy.
import { beforeAll, afterAll, expect, test } from "vitest";
import { type Cluster, roles, runSql, startCluster } from "../support/cluster.ts";
import { type Comparison, compareCopy, describeComparison } from "./compare-copy.ts";

const columns = ["personal_id", "full_name", "birth_date", "photo", "income", "seen_at"];
const table = `CREATE TABLE public.citizen (personal_id text, full_name text, birth_date date, photo bytea,
  income numeric, seen_at timestamptz, province_code text)`;

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ targets: ["copy"] });
  await cluster.onMaster(table);
  await cluster.onMaster(`INSERT INTO public.citizen SELECT 'k' || i, 'Nguyễn Thị Bưởi ' || i, date '1980-01-01' + i, sha256(i::text::bytea),
    i / 7.0, timestamptz '2026-01-01 00:00:00.123456+07' + i * interval '1 s', (ARRAY['79', '46', NULL])[1 + i % 3]
    FROM generate_series(1, 3000) AS i`);
  // Keys whose order and escaping differ between servers, programs and collations.
  await cluster.onMaster(`INSERT INTO public.citizen (personal_id, full_name, province_code) VALUES
    (E'tab\\there', '', '79'), (E'line\\nbreak', NULL, '79'), (E'back\\\\slash', E'\\\\N', '79'), ('\\N', 'x', '79'), ('Ă', 'x', '79'),
    ('a', 'x', '79'), ('B', 'x', '79'), ('', 'x', '79'), ('😀', 'x', '79'), ('ﬁ', 'x', '79')`);
});
afterAll(async () => cluster[Symbol.asyncDispose]());

/** Compares after the copy was filled rightly and then damaged. */
async function afterDamage(...damage: string[]): Promise<Comparison> {
  const rows = await cluster.onMaster(`SELECT * FROM public.citizen WHERE province_code = '79'`);
  await runSql(
    cluster.targetUrl("copy", roles.target),
    "DROP SCHEMA IF EXISTS population CASCADE",
    "CREATE SCHEMA population",
    table.replace("public.", "population."),
    `INSERT INTO population.citizen SELECT * FROM json_populate_recordset(NULL::population.citizen, ${quote(JSON.stringify(rows))})`,
    ...damage,
  );
  return compareCopy(
    { url: cluster.sourceUrl(roles.source), table: "public.citizen", where: "province_code = '79'", columns, key: ["personal_id"] },
    { url: cluster.targetUrl("copy", roles.target), table: "population.citizen", columns, key: ["personal_id"] },
  );
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

test("a right copy is equal, whatever bytes its keys hold", async () => {
  const result = await afterDamage();
  expect(result).toMatchObject({ equal: true, rowsInSource: 1010, rowsInTarget: 1010 });
  expect(result.digestOfSource).toBe(result.digestOfTarget);
});

test("a missing row is found", async () => {
  const result = await afterDamage("DELETE FROM population.citizen WHERE personal_id IN ('k3', '')");
  expect(result).toMatchObject({ equal: false, missing: { count: 2, listed: ['[""]', '["k3"]'] }, extra: { count: 0 } });
});

test("an extra row, and a second row of the same key, are found", async () => {
  const result = await afterDamage(
    "INSERT INTO population.citizen (personal_id) VALUES ('zz')",
    "INSERT INTO population.citizen SELECT * FROM population.citizen WHERE personal_id = 'k3'",
  );
  expect(result).toMatchObject({ equal: false, extra: { count: 2, listed: ['["k3"]', '["zz"]'] }, missing: { count: 0 } });
});

test("NULL and the empty text differ, and so do NULL and its COPY spelling", async () => {
  const result = await afterDamage(
    "UPDATE population.citizen SET full_name = NULL WHERE personal_id = E'tab\\there'",
    "UPDATE population.citizen SET full_name = '' WHERE personal_id = E'line\\nbreak'",
    "UPDATE population.citizen SET full_name = NULL WHERE personal_id = E'back\\\\slash'",
  );
  expect(result.different).toEqual({
    count: 3,
    listed: ['["back\\\\slash"] (full_name)', '["line\\nbreak"] (full_name)', '["tab\\there"] (full_name)'],
  });
});

test.each([
  ["one microsecond", "seen_at = seen_at + interval '1 microsecond'", "seen_at"],
  ["the last digit of a numeric", "income = income + 0.0000000000000001", "income"],
  ["trailing zeros of a numeric", "income = income * 1.0", "income"],
  ["one bit of bytes", "photo = set_bit(photo, 9, 1 - get_bit(photo, 9))", "photo"],
  ["composed and decomposed Vietnamese", "full_name = normalize(full_name, NFD)", "full_name"],
  ["a trailing blank", "full_name = full_name || ' '", "full_name"],
])("a difference of %s is found", async (_, assignment, column) => {
  const result = await afterDamage(`UPDATE population.citizen SET ${assignment} WHERE personal_id = 'k3'`);
  expect(result.different).toEqual({ count: 1, listed: [`["k3"] (${column})`] });
});

test("many differences are counted exactly and listed briefly", async () => {
  const result = await afterDamage("UPDATE population.citizen SET birth_date = birth_date + 1 WHERE personal_id LIKE 'k%'");
  expect(result.different.count).toBe(1000);
  expect(result.different.listed).toHaveLength(20);
  expect(describeComparison("citizen", result)).toContain("NOT EQUAL; different 1000");
});

test("a row longer than any chunk is compared whole", async () => {
  const url = cluster.sourceUrl(roles.owner);
  await runSql(url, "CREATE TABLE public.big AS SELECT 1 AS id, repeat('Đ', 3000000) || 'a' AS body");
  await runSql(url, "CREATE TABLE public.big_copy AS SELECT 1 AS id, repeat('Đ', 3000000) || 'b' AS body");
  const side = { url, columns: ["id", "body"], key: ["id"] };
  expect(await compareCopy({ ...side, table: "public.big" }, { ...side, table: "public.big" })).toMatchObject({ equal: true });
  expect(await compareCopy({ ...side, table: "public.big" }, { ...side, table: "public.big_copy" })).toMatchObject({
    equal: false,
    different: { count: 1, listed: ['["1"] (body)'] },
  });
});
