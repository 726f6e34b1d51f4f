// MySQL's own types through a MariaDB target, by every way a value can take into a copy: each must be what it is in the master.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { UNCHANGED } from "../../engine/model/row.ts";
import type { TableMapping } from "../../engine/model/share.ts";
import { mysqlType } from "../support/family-types.ts";
import { MysqlTargetLab } from "../support/mysql-target-lab.ts";
import { packed, row } from "../support/table-builders.ts";
import { key, subscriptionOf, Writer } from "../support/target-lab.ts";

/** A value as SQL gives it to the master, and in the form of connectors/mysql/value-text.ts. */
type Sample = readonly [sql: string, text: string];

const same = (...texts: readonly string[]): Sample[] => texts.map((text) => [`'${text}'`, text]);

/** Declaration, values, and whether a key may be of this type. */
const samples: readonly (readonly [declaration: string, values: readonly Sample[], keys: boolean])[] = [
  ["tinyint", same("-128", "127"), true],
  ["tinyint(1)", same("0", "1", "2"), true],
  ["smallint unsigned", same("0", "65535"), true],
  ["mediumint", same("-8388608", "8388607"), true],
  ["int unsigned zerofill", [["'7'", "7"]], true],
  ["bigint", same("-9223372036854775808", "9007199254740993", "9223372036854775807"), true],
  ["bigint unsigned", same("0", "9007199254740993", "18446744073709551615"), true],
  ["decimal(65,30)", same("99999999999999999999999999999999999.999999999999999999999999999999", "-0.000000000000000000000000000001"), true],
  ["decimal(10,2)", same("12.50", "-99999999.99"), true],
  [
    "float",
    [
      ["0.1", "0.1"],
      ["16777216", "16777216"],
      ["-3.4028234663852886e38", "-3.4028235e+38"],
      ["1e-40", "1e-40"],
    ],
    false,
  ],
  [
    "double",
    [
      ["0.1", "0.1"],
      ["1.7976931348623157e308", "1.7976931348623157e+308"],
      ["5e-324", "5e-324"],
      ["9007199254740993e0", "9007199254740992"],
    ],
    false,
  ],
  [
    "bit(1)",
    [
      ["b'0'", "0"],
      ["b'1'", "1"],
    ],
    false,
  ],
  ["bit(10)", [["b'1000000001'", "1000000001"]], false],
  ["bit(64)", [["b'1111111111111111111111111111111111111111111111111111111111111111'", "1".repeat(64)]], false],
  [
    "year",
    [
      ["0", "0"],
      ["1901", "1901"],
      ["2155", "2155"],
    ],
    true,
  ],
  ["date", same("0000-00-00", "2024-00-15", "1000-01-01", "2024-02-29", "9999-12-31"), true],
  ["datetime", same("0000-00-00 00:00:00", "2024-02-29 13:05:00"), true],
  [
    "datetime(6)",
    [
      ["'2024-02-29 13:05:00.25'", "2024-02-29 13:05:00.25"],
      ["'9999-12-31 23:59:59.999999'", "9999-12-31 23:59:59.999999"],
    ],
    true,
  ],
  [
    "timestamp",
    [
      ["'2024-02-29 13:05:00'", "2024-02-29 13:05:00+00"],
      ["'0000-00-00 00:00:00'", "0000-00-00 00:00:00+00"],
    ],
    true,
  ],
  ["timestamp(6)", [["'2038-01-19 03:14:07.999999'", "2038-01-19 03:14:07.999999+00"]], true],
  ["time", same("-838:59:59", "08:05:00", "838:59:59"), true],
  [
    "time(6)",
    [
      ["'-00:00:00.5'", "-00:00:00.5"],
      ["'23:59:59.999999'", "23:59:59.999999"],
    ],
    true,
  ],
  [
    "char(10)",
    [
      ["'Huế'", "Huế"],
      ["''", ""],
      ["' đầu'", " đầu"],
    ],
    true,
  ],
  [
    "varchar(40)",
    [
      ["'Nguyễn'", "Nguyễn"],
      ["'a  '", "a  "],
      ["'😀\\\\''\\\"%_'", "😀\\'\"%_"],
      ["''", ""],
    ],
    true,
  ],
  ["varchar(40) character set latin1", [["'café'", "café"]], true],
  ["tinytext", [["'ngắn'", "ngắn"]], false],
  ["longtext", [["REPEAT('dài ', 50000)", "dài ".repeat(50_000)]], false],
  ["binary(4)", [["x'00ff0000'", "\\x00ff0000"]], true],
  [
    "varbinary(16)",
    [
      ["x'00ff27225c00'", "\\x00ff27225c00"],
      ["x''", "\\x"],
    ],
    true,
  ],
  ["longblob", [["REPEAT(x'00c328ff', 20000)", `\\x${"00c328ff".repeat(20_000)}`]], false],
  [
    "enum('đỏ','xanh, lá','it''s')",
    [
      ["'đỏ'", "đỏ"],
      ["'xanh, lá'", "xanh, lá"],
      ["'it''s'", "it's"],
    ],
    true,
  ],
  ["set('a','b','c')", same("", "a,c", "a,b,c"), false],
  ["json", [[`'{"b": 1.0, "a": [1e400, "ễ"], "a": 2}'`, '{"b": 1.0, "a": [1e400, "ễ"], "a": 2}']], false],
  ["point", [["ST_GeomFromText('POINT(105.85 21.03)', 4326)", `\\x${pointHex(4326, 105.85, 21.03)}`]], false],
  ["uuid", same("123e4567-e89b-12d3-a456-426614174000"), true],
  ["inet6", same("2001:db8::ff00:42:8329"), true],
];

/** SRID, then WKB, as the server keeps a point. */
function pointHex(srid: number, x: number, y: number): string {
  const bytes = Buffer.alloc(25);
  bytes.writeUInt32LE(srid, 0);
  bytes.writeUInt8(1, 4);
  bytes.writeUInt32LE(1, 5);
  bytes.writeDoubleLE(x, 9);
  bytes.writeDoubleLE(y, 17);
  return bytes.toString("hex");
}

describe("MySQL's types in a copy on MariaDB", () => {
  let lab: MysqlTargetLab;

  beforeAll(async () => {
    lab = await MysqlTargetLab.open({ max_allowed_packet: "64M" });
    await lab.sql("SET SESSION sql_mode = ''");
    await lab.sql("CREATE DATABASE master CHARACTER SET utf8mb4");
  });
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]();
  });

  /** Every value as its bytes: numbers in full, text in UTF-8. */
  const bytesOf = (column: string, declaration: string): string => {
    if (/^(float|double)/.test(declaration)) return `HEX(ST_AsWKB(POINT(${column}, 0)))`;
    return /^(bit|binary|varbinary|longblob|point)/.test(declaration) ? `HEX(${column})` : `HEX(CONVERT(CONCAT(${column}) USING utf8mb4))`;
  };

  function typed(mapping: TableMapping, declaration: string, at: number): TableMapping {
    const columns = mapping.columns.map((column, index) =>
      index === at ? { ...column, sourceType: mysqlType(declaration, declaration === "point" ? "geometry" : undefined) } : column,
    );
    return { ...mapping, columns };
  }

  test.each(samples.map(([declaration, values], index) => [declaration, values, index] as const))(
    "%s is the same by snapshot, insert, update of another column, and when rows make way for one another",
    async (declaration, values, index) => {
      await lab.sql(`CREATE TABLE master.t${index} (id int PRIMARY KEY, v ${declaration} NULL)`);
      for (const [place, [sql]] of values.entries()) await lab.sql(`INSERT INTO master.t${index} VALUES (${place}, ${sql})`);
      await lab.sql(`INSERT INTO master.t${index} VALUES (99, NULL)`);
      const table = typed(
        lab.mapping(`t${index}`, [
          ["id", "int", "integer"],
          ["v", declaration],
          ["other", "varchar(40)"],
        ]),
        declaration,
        1,
      );
      const writer = await Writer.loaded(lab, subscriptionOf([table], { id: `t${index}/x` }));
      const expected = (await lab.sql(`SELECT ${bytesOf("v", declaration)} AS v FROM master.t${index} ORDER BY id`)).map(
        (found) => found["v"],
      );
      const exact = async (how: string): Promise<void> => {
        const found = await lab.sql(`SELECT ${bytesOf("v", declaration)} AS v FROM public_copy.t${index} ORDER BY id`);
        expect([how, found.map((one) => one["v"])]).toEqual([how, expected]);
      };
      const images = [...values.map(([, text], place) => [String(place), text] as const), ["99", null] as const];
      const transaction = await writer.begin();
      await transaction.load(table, packed(images.map(([id, text]) => row(id, text, `của ${id}`))));
      await writer.commit(transaction);
      await exact("snapshot");
      await writer.apply([{ table, truncate: true, upserts: images.map(([id, text]) => row(id, text, `của ${id}`)) }]);
      await exact("insert");
      await writer.apply([{ table, updates: images.map(([id]) => ({ key: key(id), row: row(id, UNCHANGED, `khác ${id}`) })) }]);
      await exact("update of another column");
      // Values of a unique column change hands: rows are read back and written anew.
      await lab.sql(`ALTER TABLE public_copy.t${index} ADD UNIQUE (other)`);
      const ids = images.map(([id]) => id);
      const updates = ids.map((id, place) => ({ key: key(id), row: row(id, UNCHANGED, `khác ${ids[(place + 1) % ids.length] ?? ""}`) }));
      const applied = await writer.apply([{ table, updates }]);
      expect([applied.quarantined, applied.missing]).toEqual([0, []]);
      await exact("rows read back");
      await writer.target.close();
    },
  );

  test.each(samples.filter(([, , keys]) => keys).map(([declaration, values], index) => [declaration, values, index] as const))(
    "%s in a key finds its row",
    async (declaration, values, index) => {
      const table = typed(
        lab.mapping(`k${index}`, [
          ["v", declaration],
          ["other", "varchar(40)"],
        ]),
        declaration,
        0,
      );
      const writer = await Writer.loaded(lab, subscriptionOf([table], { id: `k${index}/x` }));
      const texts = values.map(([, text]) => text);
      await writer.apply([{ table, upserts: texts.map((text) => row(text, "cũ")) }]);
      const again = await writer.apply([{ table, upserts: texts.map((text) => row(text, "mới")) }]);
      expect(again.quarantined).toBe(0);
      const updated = await writer.apply([{ table, updates: texts.map((text) => ({ key: key(text), row: row(text, "nữa") })) }]);
      expect(updated.missing).toEqual([]);
      expect((await lab.rows(table)).map(([, other]) => other)).toEqual(texts.map(() => "nữa"));
      await writer.apply([{ table, deletes: texts.map((text) => key(text)) }]);
      expect(await lab.rows(table)).toEqual([]);
      expect(await lab.copy(table)).toMatchObject({ rows: "0", rows_quarantined: "0" });
      await writer.target.close();
    },
  );
});
