// What was run on a real server whose binary log is kept in test/golden/binlog, and what the log must be read as.

export interface BinlogScenario {
  readonly name: string;
  /** Server variables besides those of a master. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** In the database `d`, which is there. */
  readonly sql: readonly string[];
  /** As printChanges writes it, without begins and commits. */
  readonly expected: readonly string[];
}

const columns = "id* integer(4), v* varchar(80) utf8mb4";

export const binlogScenarios: readonly BinlogScenario[] = [
  {
    name: "rows of one table",
    sql: [
      "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))",
      "INSERT INTO t VALUES (1, 'Đặng'), (2, NULL)",
      "UPDATE t SET v = 'x', id = 3 WHERE id = 1",
      "DELETE FROM t WHERE id = 2",
    ],
    expected: [
      `table d.t v1 full (${columns})`,
      'insert d.t ("1", "Đặng")',
      'insert d.t ("2", null)',
      'update d.t before ("1", "Đặng") after ("3", "x")',
      'delete d.t before ("2", null)',
    ],
  },
  {
    name: "tables that change",
    sql: [
      "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))",
      "INSERT INTO t VALUES (1, 'a')",
      "ALTER TABLE t MODIFY v VARCHAR(20) CHARACTER SET latin1, ADD e ENUM('a,b','é') CHARACTER SET latin1 DEFAULT 'é'",
      "INSERT INTO t VALUES (2, 'é', 'a,b')",
      "TRUNCATE t",
      "RENAME TABLE t TO u",
      "DROP TABLE u",
    ],
    expected: [
      `table d.t v1 full (${columns})`,
      'insert d.t ("1", "a")',
      'table d.t v2 full (id* integer(4), v* varchar(20) latin1, e* enum["a,b","é"] latin1)',
      'insert d.t ("2", "é", "a,b")',
      "truncate d.t",
      "replaced d.t: the table was renamed",
      "replaced d.u: another table was given its name",
      "replaced d.u: the table was dropped",
    ],
  },
  {
    name: "values of many types",
    sql: [
      `CREATE TABLE t (id BIGINT UNSIGNED PRIMARY KEY, y YEAR, dec_ DECIMAL(10,3), f FLOAT, d DOUBLE, b BIT(9), c CHAR(4), n BINARY(4), x VARBINARY(300),
       da DATE, dt DATETIME(3), ts TIMESTAMP(6) NULL, ti TIME(2), s SET('x','y'), g POINT, m MEDIUMTEXT, k VARCHAR(10) CHARACTER SET gbk)`,
      `INSERT INTO t VALUES (18446744073709551615, 0, -12.5, 0.1, 1e20, b'101', 'a', X'01', X'FF00', '2024-00-15', '2024-02-29 01:02:03.04',
       FROM_UNIXTIME(1709168523.000005), '-838:59:58.5', 'x,y', POINT(1, 2), 'text', '中')`,
    ],
    expected: [
      "table d.t v1 full (id* integer(8) unsigned, y* year, dec_* decimal(10,3), f* float, d* double, b* bit(9), c* char(16) utf8mb4, n* binary(4), " +
        'x* varbinary(300), da* date, dt* datetime(3), ts* timestamp(6), ti* time(2), s* set["x","y"] utf8mb4, g* geometry, m* text(3) utf8mb4, k* varchar(20) gbk)',
      'insert d.t ("18446744073709551615", "0", "-12.500", "0.1", "1e+20", "000000101", "a", "\\\\x01000000", "\\\\xff00", "2024-00-15", ' +
        '"2024-02-29 01:02:03.04", "2024-02-29 01:02:03.000005+00", "-838:59:58.5", "x,y", "\\\\x000000000101000000000000000000f03f0000000000000040", "text", "中")',
    ],
  },
  {
    name: "a compressed log",
    settings: { log_bin_compress: 1, log_bin_compress_min_len: 10 },
    sql: [
      "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))",
      "INSERT INTO t VALUES (1, 'xxxxxxxxxxxxxxxxxxxx'), (2, 'xxxxxxxxxxxxxxxxxxxx')",
      "UPDATE t SET v = 'yyyyyyyyyyyyyyyyyyyy'",
      "DELETE FROM t WHERE id = 1",
    ],
    expected: [
      `table d.t v1 full (${columns})`,
      'insert d.t ("1", "xxxxxxxxxxxxxxxxxxxx")',
      'insert d.t ("2", "xxxxxxxxxxxxxxxxxxxx")',
      'update d.t before ("1", "xxxxxxxxxxxxxxxxxxxx") after ("1", "yyyyyyyyyyyyyyyyyyyy")',
      'update d.t before ("2", "xxxxxxxxxxxxxxxxxxxx") after ("2", "yyyyyyyyyyyyyyyyyyyy")',
      'delete d.t before ("1", "yyyyyyyyyyyyyyyyyyyy")',
    ],
  },
];
