// Names as people give them: Vietnamese, capitals, reserved words, quotes, dots, blanks, 63 bytes, and tables 200 columns wide.
import { expect, test } from "vitest";
import { startCluster } from "../support/cluster.ts";
import { quoteName, type Side, Stage } from "./stage.ts";

/** 63 bytes in UTF-8, of which a shorter writing is another name. */
const longest = `${"đ".repeat(31)}x`;

interface Named {
  /** As the configuration writes it: `schema.table`, or a list when a part holds a dot. */
  readonly source: string | readonly [string, string];
  readonly target: string | readonly [string, string];
  readonly key: string;
  readonly column: string;
  readonly physicalSchema?: string;
}

const named: readonly Named[] = [
  { source: "Dân cư.Công dân", target: "Dân cư.Công dân", key: "Số định danh", column: "Họ và tên" },
  { source: "Dân cư.công dân", target: "Dân cư.công dân", key: "id", column: "ID" },
  { source: "order.select", target: "group.table", key: "user", column: "from" },
  { source: 'quote"s.a"b', target: 'quote"s.c"d', key: 'k"ey', column: "o'clock" },
  { source: ["một.hai", "ba.bốn"], target: ["một.hai", "ba.bốn"], key: "a.b", column: "c.d" },
  { source: "public.$1", target: "public2.$1", key: "?", column: "%s" },
  { source: "public.back\\slash", target: "public2.back\\slash", key: "\\N", column: "tab\there" },
  { source: " . ", target: "blank. ", key: " ", column: "  " },
  {
    source: `${longest}.${longest}`,
    target: `${longest}.${longest}`,
    key: longest,
    column: `${"ă".repeat(31)}y`,
    physicalSchema: "copies",
  },
  { source: "public.dongbo", target: "public2.batch", key: "dongbo", column: "batch" },
  { source: "dongbo_copy.copy", target: "public2.copy", key: "ctid_", column: "dongbo_batch_" },
  { source: "public.excluded", target: "public2.excluded", key: "t", column: "excluded" },
];

const extra = ["NULL", "true", "Ngày sinh", "xóa?", "a;b--c", "/* */", "😀", "__proto__", "__defineGetter__", "constructor"];

function side({ source, target, key, column }: Named): Side {
  return { source: quoteName(source), target: quoteName(target), key: [quote(key)], columns: [key, column, ...extra].map(quote) };
}

test("tables, columns and schemas may have any name that PostgreSQL takes", async () => {
  expect(Buffer.byteLength(longest)).toBe(63);
  await using cluster = await startCluster({ targets: [] });
  const schemas = [...new Set(named.map(({ source }) => parts(source)[0]))].filter((schema) => schema !== "public");
  await using stage = await Stage.create(cluster, {
    name: "names",
    master: [
      ...schemas.flatMap((schema) => [`CREATE SCHEMA ${quote(schema)}`, `GRANT USAGE ON SCHEMA ${quote(schema)} TO dongbo_source`]),
      ...named.flatMap((entry) => {
        const table = quoteName(entry.source);
        return [
          `CREATE TABLE ${table} (${quote(entry.key)} text PRIMARY KEY, ${quote(entry.column)} text, ${extra.map((name) => `${quote(name)} text`).join(", ")})`,
          `INSERT INTO ${table} SELECT 'k' || i, 'trước', ${extra.map(() => "md5(i::text)").join(", ")} FROM generate_series(1, 5) AS i`,
        ];
      }),
    ],
    shares: {
      names: named.map((entry) => ({
        source: entry.source as string,
        target: entry.target as string,
        key: [entry.key],
        columns: [entry.key, entry.column, ...extra],
        where: { [entry.column]: { ne: "ngoài" } },
        ...(entry.physicalSchema === undefined ? {} : { physical_schema: entry.physicalSchema }),
      })),
    },
    copies: [{ target: "hcm", share: "names" }],
  });
  await stage.catchUp();
  await stage.onMaster(
    ...named.flatMap((entry) => {
      const [table, key, column] = [quoteName(entry.source), quote(entry.key), quote(entry.column)];
      return [
        `INSERT INTO ${table} (${key}, ${column}) VALUES ('mới', 'sau'), ('ẩn', 'ngoài')`,
        `UPDATE ${table} SET ${column} = 'đổi' WHERE ${key} = 'k1'`,
        `UPDATE ${table} SET ${column} = 'ngoài' WHERE ${key} = 'k2'`,
        `UPDATE ${table} SET ${key} = 'k33' WHERE ${key} = 'k3'`,
        `DELETE FROM ${table} WHERE ${key} = 'k4'`,
      ];
    }),
  );
  await stage.catchUp();
  const differences: string[] = [];
  for (const entry of named) {
    differences.push(...(await stage.differences("hcm", { ...side(entry), where: `${quote(entry.column)} <> 'ngoài'` })));
  }
  expect(differences).toEqual([]);
  const status = await stage.status("names/hcm");
  expect(status).toMatchObject({ usable: true, rows_quarantined: 0 });
  expect(status.tables).toHaveLength(named.length);
  const resync = await stage.command("resync", "names/hcm", "--table", "Dân cư.Công dân");
  expect(resync.stderr).toBe("");
  await stage.catchUp();
});

test("a table of 200 columns, and one whose columns all have the longest names", async () => {
  await using cluster = await startCluster({ targets: [] });
  const wide = Array.from({ length: 199 }, (_, index) => `cột ${index}`);
  const long = Array.from({ length: 60 }, (_, index) => `${"ơ".repeat(29)}${String(index).padStart(5, "0")}`);
  const tables = [
    { source: "public.wide", target: "wide.wide", columns: wide },
    { source: "public.long", target: "wide.long", columns: long },
  ];
  await using stage = await Stage.create(cluster, {
    name: "wide",
    master: tables.flatMap(({ source, columns }) => [
      `CREATE TABLE ${source} (id int PRIMARY KEY, ${columns.map((name) => `${quote(name)} text`).join(", ")})`,
      `INSERT INTO ${source} SELECT i, ${columns.map((_, index) => `'v${index}.' || i`).join(", ")} FROM generate_series(1, 50) AS i`,
    ]),
    shares: {
      wide: tables.map(({ source, target, columns }) => ({ source, target, key: ["id"], columns: ["id", ...columns.toReversed()] })),
    },
    copies: [{ target: "hcm", share: "wide" }],
  });
  await stage.catchUp();
  await stage.onMaster(
    ...tables.flatMap(({ source, columns }) => [
      `UPDATE ${source} SET ${quote(columns.at(-1) ?? "")} = 'đổi', ${quote(columns[7] ?? "")} = NULL WHERE id < 20`,
      `DELETE FROM ${source} WHERE id > 40`,
      `INSERT INTO ${source} (id, ${quote(columns[3] ?? "")}) VALUES (100, 'một mình')`,
    ]),
  );
  await stage.catchUp();
  for (const { source, target, columns } of tables) {
    expect(await stage.differences("hcm", { source, target, key: ["id"], columns: ["id", ...columns.map(quote)] })).toEqual([]);
  }
});

function parts(name: string | readonly [string, string]): readonly [string, string] {
  if (typeof name !== "string") return name;
  return [name.slice(0, name.indexOf(".")), name.slice(name.indexOf(".") + 1)];
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
