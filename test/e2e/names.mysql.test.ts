// Names as people give them on MariaDB: Vietnamese, capitals, reserved words, backticks, quotes, dots, blanks, 64 characters.
import { expect, test } from "vitest";
import { PairStage } from "./pair-stage.ts";

/** 63 bytes for PostgreSQL, which the copies' other half is. */
const longest = `${"đ".repeat(31)}x`;

interface Named {
  /** As the configuration writes it: `database.table`, or a list when a part holds a dot. */
  readonly source: string | readonly [string, string];
  readonly key: string;
  readonly column: string;
  readonly physicalSchema?: string;
}

const named: readonly Named[] = [
  { source: "Dân cư.Công dân", key: "Số định danh", column: "Họ và tên" },
  { source: "Dân cư.công dân", key: "id", column: "Tên" },
  { source: "order.select", key: "user", column: "from" },
  { source: 'quo`te"s.a`b"', key: "k`ey", column: "o'clock" },
  { source: ["một.hai", "ba.bốn"], key: "a.b", column: "c.d" },
  { source: "dấu.$1", key: "?", column: "%s" },
  { source: "dấu.back\\slash", key: "\\N", column: "tab\there" },
  { source: "a_b%c.?", key: "x y", column: ":name" },
  { source: `${longest}.${longest}`, key: longest, column: `${"ă".repeat(31)}y`, physicalSchema: "copies" },
  { source: "dấu.dongbo", key: "dongbo", column: "batch" },
  { source: "dấu.excluded", key: "t", column: "excluded" },
];

const extra = ["NULL", "true", "Ngày sinh", "xóa?", "a;b--c", "/* */", "#", "__proto__", "__defineGetter__", "constructor"];

const parts = ({ source }: Named): readonly [string, string] => {
  return typeof source === "string" ? [source.slice(0, source.indexOf(".")), source.slice(source.indexOf(".") + 1)] : source;
};
const backticks = (name: string) => `\`${name.replaceAll("`", "``")}\``;
const quotes = (name: string) => `"${name.replaceAll('"', '""')}"`;
/** The same view's name in both dialects. */
const tableOf = (entry: Named, quote: (name: string) => string) => parts(entry).map(quote).join(".");

test("databases, tables and columns may have any name that the server takes", async () => {
  const databases = [...new Set(named.map((entry) => parts(entry)[0]))];
  await using stage = await PairStage.create({
    master: "mysql",
    before: databases.flatMap((name) => [
      `CREATE DATABASE ${backticks(name)} CHARACTER SET utf8mb4`,
      `GRANT ALL ON ${backticks(name.replace(/[_%]/g, "\\$&"))}.* TO master_owner`,
      `GRANT SELECT ON ${backticks(name.replace(/[_%]/g, "\\$&"))}.* TO dongbo_source`,
    ]),
    targetDatabases: databases,
    tables: named.flatMap((entry) => {
      const table = tableOf(entry, backticks);
      const columns = [entry.column, ...extra].map((name) => `${backticks(name)} varchar(60)`);
      return [
        `CREATE TABLE ${table} (${backticks(entry.key)} varchar(20) COLLATE utf8mb4_bin PRIMARY KEY, ${columns.join(", ")})`,
        `INSERT INTO ${table} SELECT CONCAT('k', seq), 'trước', ${extra.map(() => "MD5(seq)").join(", ")} FROM seq_1_to_5`,
      ];
    }),
    shares: {
      names: named.map((entry) => ({
        source: entry.source as string,
        target: entry.source as string,
        key: [entry.key],
        columns: [entry.key, entry.column, ...extra],
        where: { [entry.column]: { ne: "ngoài" } },
        ...(entry.physicalSchema === undefined ? {} : { physical_schema: entry.physicalSchema }),
      })),
    },
    copies: [
      { target: "hcm", share: "names", connector: "mysql" },
      { target: "hue", share: "names" },
    ],
  });
  await stage.onTarget("hcm", "GRANT ALL ON copies.* TO dongbo_target");
  await stage.catchUp();
  await stage.onMaster(
    ...named.flatMap((entry) => {
      const [table, key, column] = [tableOf(entry, backticks), backticks(entry.key), backticks(entry.column)];
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
  for (const entry of named) {
    const list = (quote: (name: string) => string) =>
      [entry.key, entry.column, ...extra].map((name, index) => `${quote(name)} AS c${index}`);
    const master = await stage.onMaster(
      `SELECT ${list(backticks).join(", ")} FROM ${tableOf(entry, backticks)} WHERE ${backticks(entry.column)} <> 'ngoài' ORDER BY c0`,
    );
    expect(master).toHaveLength(4);
    expect(await stage.read("hcm", `SELECT ${list(backticks).join(", ")} FROM ${tableOf(entry, backticks)} ORDER BY c0`)).toEqual(master);
    const onPostgres = await stage.read(
      "hue",
      `SELECT ${list(quotes).join(", ")} FROM ${tableOf(entry, quotes)} ORDER BY ${quotes(entry.key)} COLLATE "C"`,
    );
    expect(onPostgres).toEqual(master);
  }
  for (const id of ["names/hcm", "names/hue"]) {
    const status = await stage.status(id);
    expect(status).toMatchObject({ usable: true, rows_quarantined: 0 });
    expect(status.tables).toHaveLength(named.length);
  }
  await stage.command("resync", "names/hcm", "--table", "Dân cư.Công dân");
  await stage.catchUp();
});
