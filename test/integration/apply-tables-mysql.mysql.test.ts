// The tables that a MySQL or MariaDB target's copies lie in: made, widened, narrowed, and otherwise held to what they were.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { canonicalContract } from "../../engine/config/contract-text.ts";
import { grantStatements, neededPrivileges } from "../../connectors/mysql/preflight/target-privileges.ts";
import { MysqlTargetRecords } from "../../connectors/mysql/records/mysql-target-records.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import type { TableMapping } from "../../engine/model/share.ts";
import { bytewiseCollation, testedFlavour } from "../support/mysql-server.ts";
import { mysqlClient } from "../support/mysql-session.ts";
import { type LabColumn, MysqlTargetLab } from "../support/mysql-target-lab.ts";
import { serverAddress } from "../support/server-address.ts";
import { row } from "../support/table-builders.ts";
import { progress, subscriptionOf, Writer } from "../support/target-lab.ts";

let lab: MysqlTargetLab;
let writers: Writer[] = [];

const all: readonly LabColumn[] = [
  ["id", "varchar(40)"],
  ["name", "varchar(100)"],
  ["born", "date", "date"],
  ["seen", "timestamp(6)", "instant"],
];
const only = (...names: readonly string[]): LabColumn[] => all.filter(([name]) => names.includes(name));

beforeAll(async () => {
  lab = await MysqlTargetLab.open();
});
afterAll(async () => {
  for (const writer of writers) await writer.target.close();
  await lab?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  for (const writer of writers) await writer.target.close();
  writers = [];
  await lab.reset([lab.mapping("citizen", all)]);
  await lab.sql("DROP VIEW IF EXISTS public.citizen");
});

/** Prepares the table and, with `contract`, marks it as loaded under it. */
async function prepared(table: TableMapping, loads = true): Promise<Writer> {
  const writer = await Writer.prepared(lab, subscriptionOf([table]));
  writers.push(writer);
  const contract = canonicalContract(table.columns, null, table.catalog);
  if (loads) await writer.commit(await writer.begin(), { loads: [{ table, progress: progress({ contract }), complete: true }] });
  return writer;
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error instanceof ReplicationError) return `${error.code} ${error.subject}`;
  throw new Error("a ReplicationError was expected", { cause: error });
}

const columns = async (name = "citizen"): Promise<string[]> =>
  (await lab.sql(`SHOW COLUMNS FROM public_copy.\`${name}\``)).map((column) =>
    [column["Field"], column["Type"], column["Null"], column["Key"], column["Default"], column["Extra"]].filter(Boolean).join(" "),
  );

async function asReader(sql: string): Promise<Record<string, string | null>[] | string> {
  const client = await mysqlClient(lab.server.url("", "app_reader"));
  try {
    const [rows] = await client.query(sql);
    return rows as Record<string, string | null>[];
  } catch (error) {
    return (error as Error).message;
  } finally {
    await client.end();
  }
}

describe("a copy's table", () => {
  test("has the mapping's key, other columns that may be NULL, no clock of its own, and each row's batch", async () => {
    await prepared(lab.mapping("citizen", all));
    expect(await columns()).toEqual([
      "id varchar(40) NO PRI",
      "name varchar(100) YES",
      "born date YES",
      "seen timestamp(6) YES",
      testedFlavour === "mariadb" ? "dongbo_batch bigint(20) NO" : "dongbo_batch bigint NO",
    ]);
    const [table] = await lab.sql("SELECT ENGINE AS e, ROW_FORMAT AS f FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'public_copy'");
    expect(table).toEqual({ e: "InnoDB", f: "Dynamic" });
    const [key] = await lab.sql(
      "SELECT COLLATION_NAME AS c FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'public_copy' AND COLUMN_NAME = 'id'",
    );
    expect(key).toEqual({ c: bytewiseCollation });
    expect(await asReader("SELECT * FROM public.citizen")).toEqual([]);
    expect(await asReader("SELECT * FROM public_copy.citizen")).toContain("denied");
  });

  test("may have an instant in its key, which no update moves", async () => {
    const table = lab.mapping(
      "citizen",
      [
        ["seen", "timestamp(6)", "instant"],
        ["name", "varchar(100)"],
      ],
      1,
    );
    const writer = await prepared(table);
    await writer.apply([{ upserts: [row("2024-02-29 13:05:00.25+00", "An")] }]);
    await writer.apply([{ upserts: [row("2024-02-29 13:05:00.25+00", "Ân")] }]);
    expect(await lab.rows(table)).toEqual([["2024-02-29 13:05:00.250000", "Ân"]]);
    expect((await columns())[0]).not.toContain("on update");
  });

  test.each<[string, string, LabColumn[], number]>([
    [
      "key is longer than an index takes",
      "DB-MY-017 public_copy.citizen",
      [
        ["id", "varchar(800)"],
        ["name", "text"],
      ],
      1,
    ],
    [
      "key is of unlimited length",
      "DB-MY-017 public_copy.citizen",
      [
        ["id", "longtext"],
        ["name", "text"],
      ],
      1,
    ],
    [
      "columns are longer than a row may be",
      "DB-MY-017 public_copy.citizen",
      [
        ["id", "int", "integer"],
        ["a", "varchar(10000)"],
        ["b", "varchar(10000)"],
      ],
      1,
    ],
  ])("is refused, with what to do, when its %s", async (_, code, of, keys) => {
    const table = lab.mapping("citizen", of, keys);
    expect(await codeOf(prepared(table))).toBe(code);
    const again = await Writer.prepared(lab, subscriptionOf([lab.mapping("citizen", all)]));
    writers.push(again);
    expect(await columns()).toHaveLength(5);
  });
});

describe("when it comes back", () => {
  test("nothing is touched that is as it should be, and owners' indexes, checks and grants stay", async () => {
    const table = lab.mapping("citizen", all);
    await prepared(table);
    await lab.sql("CREATE INDEX by_name ON public_copy.citizen (name)");
    await lab.sql("ALTER TABLE public_copy.citizen ADD CONSTRAINT named CHECK (name <> '')");
    const look = async (): Promise<unknown> => [
      await lab.sql("SHOW CREATE TABLE public_copy.citizen"),
      await lab.sql("SHOW CREATE VIEW public.citizen"),
      await lab.sql("SHOW GRANTS FOR app_reader"),
      await lab.sql("SELECT TABLE_NAME, CREATE_TIME FROM information_schema.TABLES WHERE TABLE_SCHEMA IN ('public_copy', 'dongbo')"),
    ];
    const before = await look();
    const state = await (await prepared(table, false)).target.prepare(subscriptionOf([table]));
    expect(await look()).toEqual(before);
    expect(state.copies[0]).toMatchObject({
      stopped: null,
      awaitsLoad: false,
      contract: canonicalContract(table.columns, null, table.catalog),
    });
  });

  test("a column that was added is refused until a load has filled it", async () => {
    await prepared(lab.mapping("citizen", only("id", "name")));
    const wider = lab.mapping("citizen", all);
    const writer = await prepared(wider, false);
    expect(await asReader("SELECT * FROM public.citizen")).toContain("is not usable");
    expect((await lab.copy(wider))["copy_state"]).toBe("RESYNCING");
    await writer.commit(await writer.begin(), {
      loads: [{ table: wider, progress: progress({ contract: canonicalContract(wider.columns, null, wider.catalog) }), complete: true }],
    });
    await writer.apply([{ upserts: [row("1", "An", "2000-02-29", "2024-02-29 13:05:00+00")] }]);
    expect(await asReader("SELECT id, born FROM public.citizen")).toEqual([{ id: "1", born: "2000-02-29" }]);
  });

  test("a process that died after it had added a column does no harm", async () => {
    await prepared(lab.mapping("citizen", only("id", "name")));
    await lab.sql("UPDATE dongbo.copy SET copy_state = 'RESYNCING'");
    await lab.sql("ALTER TABLE public_copy.citizen ADD COLUMN born date NULL");
    await prepared(lab.mapping("citizen", only("id", "name", "born")), false);
    expect(await columns()).toHaveLength(4);
  });

  test("a column that was withdrawn leaves view and table", async () => {
    const writer = await prepared(lab.mapping("citizen", all));
    await writer.apply([{ upserts: [row("1", "An", null, null)] }]);
    await prepared(lab.mapping("citizen", only("id", "born")), false);
    expect((await columns()).map((column) => column.split(" ")[0])).toEqual(["id", "born", "dongbo_batch"]);
    expect(await asReader("SELECT * FROM public.citizen")).toEqual([{ id: "1", born: null }]);
  });

  test("a type that changed since the rows were loaded: the column is made again, and refused until it is loaded", async () => {
    const writer = await prepared(lab.mapping("citizen", all));
    await writer.apply([{ upserts: [row("1", "An", null, null)] }]);
    const retyped = lab.mapping(
      "citizen",
      all.map((column) => (column[0] === "name" ? (["name", "longtext"] as const) : column)),
    );
    await prepared(retyped, false);
    expect(await columns()).toContain("name longtext YES");
    expect((await lab.copy(retyped))["copy_state"]).toBe("RESYNCING");
    expect(await asReader("SELECT * FROM public.citizen")).toContain("is not usable");
  });

  test("a dropped table is made again, and its copy refused until it is loaded; rows of a lost record are counted", async () => {
    const table = lab.mapping("citizen", all);
    const writer = await prepared(table);
    await writer.apply([{ upserts: [row("1", "An", null, null), row("2", "Bình", null, null)] }]);
    await lab.sql("DELETE FROM dongbo.copy");
    const adopted = await prepared(table, false);
    expect(await lab.copy(table)).toMatchObject({ rows: "2", copy_state: "NEVER_SYNCED" });
    expect((await adopted.target.checkpoint()).nextBatch).toBeGreaterThan(1);
    await lab.sql("DROP TABLE public_copy.citizen");
    const made = await adopted.target.prepare(subscriptionOf([table]));
    expect(made.copies[0]).toMatchObject({ empty: true, contract: null });
    expect(await lab.copy(table)).toMatchObject({ rows: "0", copy_state: "NEVER_SYNCED" });
  });
});

describe("refused, with everything left as it was", () => {
  test.each<[string, string, string]>([
    ["a column in another type", "ALTER TABLE public_copy.citizen MODIFY name varchar(50)", "DB-TGT-007 public_copy.citizen.name"],
    [
      "a key that no longer knows capitals",
      "ALTER TABLE public_copy.citizen MODIFY id varchar(40) COLLATE utf8mb4_general_ci NOT NULL",
      "DB-TGT-007 public_copy.citizen.id",
    ],
    [
      "another character set",
      "ALTER TABLE public_copy.citizen MODIFY name varchar(100) CHARACTER SET latin1",
      "DB-TGT-007 public_copy.citizen.name",
    ],
    ["a missing column", "ALTER TABLE public_copy.citizen DROP COLUMN name", "DB-TGT-006 public_copy.citizen.name"],
    ["a missing batch", "ALTER TABLE public_copy.citizen DROP COLUMN dongbo_batch", "DB-TGT-006 public_copy.citizen.dongbo_batch"],
    ["a missing key", "ALTER TABLE public_copy.citizen DROP PRIMARY KEY", "DB-TGT-006 public_copy.citizen"],
    [
      "another key",
      "ALTER TABLE public_copy.citizen DROP PRIMARY KEY, ADD PRIMARY KEY (id, dongbo_batch)",
      "DB-TGT-007 public_copy.citizen",
    ],
    [
      "a column that demands a value",
      "ALTER TABLE public_copy.citizen ADD COLUMN mine int NOT NULL",
      "DB-TGT-006 public_copy.citizen.mine",
    ],
    [
      "a generated column",
      "ALTER TABLE public_copy.citizen DROP COLUMN name, ADD COLUMN name varchar(100) AS (id) VIRTUAL",
      "DB-TGT-006 public_copy.citizen.name",
    ],
    ["another engine", "ALTER TABLE public_copy.citizen ENGINE = MyISAM", "DB-TGT-005 public_copy.citizen"],
  ])("%s", async (_, change, code) => {
    const table = lab.mapping("citizen", all);
    const writer = await prepared(table);
    await lab.sql(change);
    const before = await lab.sql("SHOW CREATE TABLE public_copy.citizen");
    expect(await codeOf(writer.target.prepare(subscriptionOf([table])))).toBe(code);
    expect(await lab.sql("SHOW CREATE TABLE public_copy.citizen")).toEqual(before);
  });

  test("a harmless column added by hand is left alone, but not taken for one of dongbo's", async () => {
    const writer = await prepared(lab.mapping("citizen", only("id", "name")));
    await lab.sql("ALTER TABLE public_copy.citizen ADD COLUMN born date, ADD COLUMN mine int NOT NULL DEFAULT 5");
    await writer.target.prepare(subscriptionOf([lab.mapping("citizen", only("id", "name"))]));
    expect(await codeOf(writer.target.prepare(subscriptionOf([lab.mapping("citizen", only("id", "name", "born"))])))).toBe(
      "DB-TGT-006 public_copy.citizen.born",
    );
  });

  test("a table of another subscription, until that is terminated", async () => {
    const table = lab.mapping("citizen", all);
    const writer = await prepared(table);
    const other = subscriptionOf([table], { id: "other/hcm" });
    expect(await codeOf(lab.target(other).prepare(other))).toBe("DB-TGT-013 public.citizen");
    await writer.target.terminate();
    const state = await lab.target(other).prepare(other);
    expect(state.copies[0]).toMatchObject({ contract: null });
  });

  test("a checkpoint that is gone though batches were applied; the statement given starts a new copy", async () => {
    const table = lab.mapping("citizen", all);
    const writer = await prepared(table);
    const { batchId } = await writer.apply([{ upserts: [row("1", "An", null, null)] }]);
    await lab.sql("DELETE FROM dongbo.subscription");
    const failure = await writer.target.prepare(subscriptionOf([table])).then(
      () => null,
      (error: unknown) => error as ReplicationError,
    );
    expect(failure?.code).toBe("DB-TGT-004");
    await lab.sql(failure?.sql[0] ?? "");
    const state = await writer.target.prepare(subscriptionOf([table]));
    expect(state.checkpoint).toMatchObject({ position: null, nextBatch: batchId + 1 });
  });
});

test("is prepared again where the server takes no table without a primary key", async () => {
  await lab.sql("SET GLOBAL innodb_force_primary_key = 1");
  try {
    await prepared(lab.mapping("citizen", all));
    await prepared(lab.mapping("citizen", all));
  } finally {
    await lab.sql("SET GLOBAL innodb_force_primary_key = 0");
  }
});

test("is there for its readers although dongbo's account was replaced by another one", async () => {
  const table = lab.mapping("citizen", all);
  const writer = await prepared(table);
  await writer.apply([{ table, upserts: [row("1", "An", null, null)] }]);
  await lab.server.query("CREATE USER dongbo_next@'%'", ...grantStatements("dongbo_next", neededPrivileges([table], true)));
  const next = await Writer.prepared(lab, subscriptionOf([table]), lab.server.url("", "dongbo_next"));
  writers.push(next);
  await lab.server.query("RENAME USER dongbo_target@'%' TO dongbo_former@'%'");
  try {
    expect(await asReader("SELECT id, name FROM public.citizen")).toEqual([{ id: "1", name: "An" }]);
    expect(await asReader("SELECT usable FROM dongbo.status")).toEqual([{ usable: "1" }]);
  } finally {
    await lab.server.query("RENAME USER dongbo_former@'%' TO dongbo_target@'%'");
  }
});

describe("capitals in names of tables", () => {
  const columnsOf = only("id", "name");

  /** Prepares, writes and looks both tables up; starts a second time over what is there. */
  async function live(server: MysqlTargetLab, names: readonly string[]): Promise<unknown[]> {
    const tables = names.map((name) => server.mapping(name, columnsOf));
    const subscription = subscriptionOf(tables, { id: "capitals/hcm" });
    const first = await Writer.loaded(server, subscription);
    await first.apply(tables.map((table) => ({ table, upserts: [row("1", table.target.name)] })));
    await first.target.close();
    const second = await Writer.prepared(server, subscription);
    await second.apply(tables.map((table) => ({ table, upserts: [row("2", table.target.name)] })));
    await second.target.close();
    const records = new MysqlTargetRecords(serverAddress(server.url));
    const told: unknown[] = [];
    for (const copy of await records.copies([subscription.id]))
      told.push([copy.table, copy.reason, copy.rows, (await records.findRow(copy, ["1"])).keyColumns]);
    await records.close();
    return told;
  }

  test("tell tables apart", async () => {
    expect(await live(lab, ["Pair", "pair"])).toEqual([
      ["public.Pair", null, 2, ["id"]],
      ["public.pair", null, 2, ["id"]],
    ]);
  });

  test("do no harm where the server keeps names without them", async () => {
    const folding = await MysqlTargetLab.open({ lower_case_table_names: 1 });
    try {
      expect(await live(folding, ["Citizen"])).toEqual([["public.Citizen", null, 2, ["id"]]]);
    } finally {
      await folding[Symbol.asyncDispose]();
    }
  });
});
