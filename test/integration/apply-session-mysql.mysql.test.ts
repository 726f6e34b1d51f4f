// The session in which a copy is written: its settings, its locks, its packets, its plans, and names of every kind.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lockName } from "../../connectors/mysql/apply/apply-session.ts";
import type { Position } from "../../engine/model/position.ts";
import { UNCHANGED } from "../../engine/model/row.ts";
import type { TableMapping } from "../../engine/model/share.ts";
import type { ValueCategory } from "../../engine/model/table.ts";
import { type LabColumn, MysqlTargetLab } from "../support/mysql-target-lab.ts";
import { row } from "../support/table-builders.ts";
import { key, nowMicros, progress, start, subscriptionOf, Writer } from "../support/target-lab.ts";
import { serverName, testedFlavour } from "../support/mysql-server.ts";

function settingValue(text: string | null | undefined): string | number {
  return /^[\d.]+$/.test(text ?? "") ? Number(text) : (text ?? "");
}

describe(`the session of a copy on ${serverName}`, () => {
  let lab: MysqlTargetLab;

  beforeAll(async () => {
    lab = await MysqlTargetLab.open({ max_allowed_packet: 1024 * 1024 });
  });
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]();
  });

  /** A table for a test of its own. */
  function own(name: string): TableMapping {
    return lab.mapping(name, [
      ["id", "int", "integer"],
      ["name", "varchar(200)"],
      ["note", "longtext"],
    ]);
  }

  /** The connection in which the subscription is written. */
  const connectionOf = async (): Promise<string> => {
    const sessions = await lab.sql("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'dongbo_target' AND COMMAND = 'Sleep'");
    expect(sessions).toHaveLength(1);
    return sessions[0]?.["ID"] ?? "";
  };

  /** Rows that the server has read in the order of a table or an index; this question itself reads some hundred. */
  const scanned = async (): Promise<number> => {
    const counts = await lab.sql("SHOW GLOBAL STATUS WHERE Variable_name IN ('Handler_read_next', 'Handler_read_rnd_next')");
    return counts.reduce((sum, count) => sum + Number(count["Value"]), 0);
  };

  test("has settings of its own, whatever the server's defaults", async () => {
    const isolation = testedFlavour === "mariadb" ? "tx_isolation" : "transaction_isolation";
    const hostile: Readonly<Record<string, string>> = {
      sql_mode: "''",
      [isolation]: "'SERIALIZABLE'",
      sql_safe_updates: "1",
      completion_type: "'CHAIN'",
      foreign_key_checks: "0",
      unique_checks: "0",
      ...(testedFlavour === "mariadb" ? { max_statement_time: "0.000001" } : {}),
      wait_timeout: "1",
      time_zone: "'+07:00'",
      autocommit: "0",
    };
    const table = own("settings");
    const subscription = subscriptionOf([table], { id: "settings/hcm" });
    const first = await Writer.loaded(lab, subscription);
    await first.target.close();
    await lab.sql("CREATE TABLE public_copy.seen (setting text)");
    await lab.sql(
      `CREATE TRIGGER public_copy.look BEFORE INSERT ON public_copy.settings FOR EACH ROW INSERT INTO public_copy.seen VALUES
       (CONCAT_WS(', ', @@${isolation}, @@foreign_key_checks, @@sql_safe_updates, @@completion_type, @@time_zone))`,
    );
    const [before] = await lab.sql(
      `SELECT ${Object.keys(hostile)
        .map((name) => `@@GLOBAL.${name} AS ${name}`)
        .join(", ")}`,
    );
    for (const [name, value] of Object.entries(hostile)) await lab.sql(`SET GLOBAL ${name} = ${value}`);
    const writer = await Writer.prepared(lab, subscription);
    await writer.apply([{ table, upserts: [row("1", "An", null)] }]);
    await writer.apply([{ table, truncate: true }]);
    await writer.target.close();
    for (const name of Object.keys(hostile)) await lab.sql(`SET GLOBAL ${name} = ?`, [settingValue(before?.[name])]);
    expect(await lab.sql("SELECT DISTINCT setting FROM public_copy.seen")).toEqual([
      { setting: expect.stringMatching(/^READ-COMMITTED, (ON|1), (OFF|0), NO_CHAIN, \+00:00$/) },
    ]);
  });

  test("of a frozen worker is ended when another takes over, and its locks with it", async () => {
    const table = own("frozen");
    const subscription = subscriptionOf([table], { id: "frozen/hcm" });
    const old = await Writer.loaded(lab, subscription);
    await old.apply([{ table, upserts: [row("1", "An", null)] }]);
    const open = await old.begin();
    await open.write([old.change({ table, upserts: [row("1", "khác", null)] })]);
    const next = await Writer.prepared(lab, subscription);
    await next.apply([{ table, upserts: [row("1", "mới", null)] }]);
    await expect(old.commit(open)).rejects.toMatchObject({ name: "ReplicationError" });
    await open.rollback().catch(() => {});
    await expect(old.begin()).rejects.toMatchObject({ code: "DB-RUN-010" });
    expect(await lab.rows(table)).toEqual([["1", "mới", null]]);
    for (const writer of [old, next]) await writer.target.close();
  });

  test("tries again when the server has no room for its statements", async () => {
    const table = own("crowded");
    const writer = await Writer.loaded(lab, subscriptionOf([table], { id: "crowded/hcm" }));
    await writer.target.close();
    const upserts = [row("1", "An", null)];
    await lab.sql("SET GLOBAL max_prepared_stmt_count = 0");
    await expect(writer.apply([{ table, upserts }])).rejects.toMatchObject({ code: "DB-MY-014" });
    await lab.sql("SET GLOBAL max_prepared_stmt_count = DEFAULT");
    await writer.apply([{ table, upserts }]);
    expect(await lab.copy(table)).toMatchObject({ rows: "1" });
    await writer.target.close();
  });

  test("goes on although somebody else holds its name, and leaves his session alone", async () => {
    const table = own("held");
    const subscription = subscriptionOf([table], { id: "held/hcm" });
    const name = lockName(subscription.id);
    await lab.sql("SELECT GET_LOCK(?, 0)", [name]);
    const writer = await Writer.loaded(lab, subscription);
    expect(await lab.sql("SELECT IS_USED_LOCK(?) = CONNECTION_ID() AS mine", [name])).toEqual([{ mine: "1" }]);
    await lab.sql("SELECT RELEASE_LOCK(?)", [name]);
    await writer.apply([{ table, upserts: [row("1", "An", null)] }]);
    expect(await lab.rows(table)).toHaveLength(1);
    await writer.target.close();
  });

  test("that an administrator ends is opened again, and the batch is written again", async () => {
    const table = own("ended");
    const writer = await Writer.loaded(lab, subscriptionOf([table], { id: "ended/hcm" }));
    const transaction = await writer.begin();
    await transaction.write([writer.change({ table, upserts: [row("1", "An", null)] })]);
    await lab.sql(`KILL ${await connectionOf()}`);
    await expect(writer.commit(transaction)).rejects.toMatchObject({ name: "ReplicationError" });
    await transaction.rollback().catch(() => {});
    await writer.apply([{ table, upserts: [row("1", "An", null)] }]);
    expect(await lab.rows(table)).toHaveLength(1);
    expect(await lab.copy(table)).toMatchObject({ rows: "1" });
    await writer.target.close();
  });

  test("finds that the target was set back, and does not go on from what it remembers (reliability 24)", async () => {
    const table = own("restored");
    const subscription = subscriptionOf([table], { id: "restored/hcm" });
    const writer = await Writer.loaded(lab, subscription);
    await writer.apply([{ table, upserts: [row("1", "An", null)] }], { position: "0/3000" as Position });
    await lab.sql("UPDATE dongbo.subscription SET position = '0/2000' WHERE id = 'restored/hcm'");
    await lab.sql(`KILL ${await connectionOf()}`);
    await expect(writer.begin().then((transaction) => writer.commit(transaction))).rejects.toMatchObject({ name: "ReplicationError" });
    await expect(writer.begin()).rejects.toMatchObject({ code: "DB-RUN-012", subject: "restored/hcm" });
    const state = await writer.target.takeEpoch();
    expect(state.checkpoint.position).toBe("0/2000");
    // A backup from before this worker came is of an older epoch, and no reason to believe that another has taken over.
    await lab.sql("UPDATE dongbo.subscription SET epoch = epoch - 1 WHERE id = 'restored/hcm'");
    await expect(writer.target.begin(state.checkpoint.epoch)).rejects.toMatchObject({ code: "DB-RUN-012" });
    await expect(writer.target.setSuspension(state.checkpoint.epoch, "breach")).rejects.toMatchObject({ code: "DB-RUN-012" });
    await lab.sql("UPDATE dongbo.subscription SET epoch = epoch + 1 WHERE id = 'restored/hcm'");
    writer.epoch = state.checkpoint.epoch;
    await writer.commit(await writer.begin(), { position: "0/4000" as Position });
    await writer.target.close();
  });

  test("keeps within max_allowed_packet, and sets a row aside that does not fit, whole or in part", async () => {
    const table = own("packets");
    const writer = await Writer.loaded(lab, subscriptionOf([table], { id: "packets/hcm" }));
    const rows = Array.from({ length: 40 }, (_, index) => row(String(index), "An", "x".repeat(200_000)));
    await writer.apply([{ table, upserts: rows }]);
    const [sum] = await lab.sql("SELECT COUNT(*) AS number, SUM(LENGTH(note)) AS bytes FROM public_copy.packets");
    expect(sum).toEqual({ number: "40", bytes: "8000000" });
    const large = "x".repeat(1_100_000);
    await writer.apply([
      { table, upserts: [row("98", "An", null), row("99", "An", large)], updates: [{ key: key("7"), row: row("7", UNCHANGED, large) }] },
    ]);
    expect(await lab.sql("SELECT `key`, code FROM dongbo.quarantine WHERE subscription = 'packets/hcm' ORDER BY `key`")).toEqual([
      { key: '["7"]', code: "DB-MY-016" },
      { key: '["99"]', code: "DB-MY-016" },
    ]);
    expect(await lab.copy(table)).toMatchObject({ rows: "40", rows_quarantined: "2" });
    // What the administrator then sets holds from the next batch on.
    await lab.sql("SET GLOBAL max_allowed_packet = 4194304");
    await writer.apply([{ table, upserts: [row("99", "An", large), row("7", "An", large)] }]);
    await lab.sql("SET GLOBAL max_allowed_packet = 1048576");
    expect(await lab.copy(table)).toMatchObject({ rows: "42", rows_quarantined: "0" });
    await writer.target.close();
  });

  test("finds rows by index, however large the table", async () => {
    const table = own("indexed");
    const writer = await Writer.loaded(lab, subscriptionOf([table], { id: "indexed/hcm" }));
    const load = await writer.begin();
    await load.load(
      table,
      Array.from({ length: 30_000 }, (_, index) => row(String(index), "An", "x")),
    );
    await writer.commit(load);
    for (const size of [1, 50, 3000]) {
      const before = await scanned();
      const numbers = Array.from({ length: size }, (_, index) => String(index));
      await writer.apply([{ table, upserts: numbers.map((id) => row(id, "Bình", "y")) }]);
      await writer.apply([{ table, updates: numbers.map((id) => ({ key: key(id), row: row(id, "Chi", UNCHANGED) })) }]);
      await writer.apply([
        { table, updates: numbers.map((id) => ({ key: key(id), row: row(`${Number(id) + 100_000}`, "Chi", UNCHANGED) })) },
      ]);
      await writer.apply([{ table, deletes: numbers.map((id) => key(`${Number(id) + 100_000}`)) }]);
      expect((await scanned()) - before).toBeLessThan(10_000);
    }
    expect(await lab.copy(table)).toMatchObject({ rows: "27000" });
    await writer.target.close();
  });

  test("finds rows by an index of several columns of every kind", async () => {
    const table = lab.mapping(
      "kinds",
      [
        ["code", "varchar(40)"],
        ["big", "bigint", "integer"],
        ["at", "datetime(6)", "timestamp"],
        ["share", "decimal(20,4)", "decimal"],
        ["raw", "varbinary(16)", "bytes"],
        ["note", "varchar(40)"],
      ],
      5,
    );
    const writer = await Writer.loaded(lab, subscriptionOf([table], { id: "kinds/hcm" }));
    const keyOf = (index: number): string[] => [
      `mã ${index}`,
      String(9_007_199_254_740_993n + BigInt(index)),
      `2024-02-29 13:05:00.${String(index + 1).padStart(6, "0")}`,
      `${index}.2500`,
      `\\x00ff${index.toString(16).padStart(4, "0")}`,
    ];
    const numbers = Array.from({ length: 2000 }, (_, index) => index);
    await writer.apply([{ table, upserts: numbers.map((index) => row(...keyOf(index), "a")) }]);
    const before = await scanned();
    await writer.apply([
      {
        table,
        updates: [{ key: key(...keyOf(7)), row: row(...keyOf(7), "b") }],
        deletes: numbers.slice(100, 600).map((index) => key(...keyOf(index))),
      },
    ]);
    expect((await scanned()) - before).toBeLessThan(1500);
    expect(await lab.copy(table)).toMatchObject({ rows: "1500" });
    const [changed] = await lab.sql("SELECT note FROM public_copy.kinds WHERE code = 'mã 7'");
    expect(changed).toEqual({ note: "b" });
    await writer.target.close();
  });

  test.each<[string, string, ValueCategory, readonly string[]]>([
    ["bits", "bit(12)", "other", ["000000000000", "000000000001", "001100110001", "111111111111"]],
    ["bits64", "bit(64)", "other", ["0".repeat(64), "1".repeat(64), "0011000100110000".padStart(64, "0")]],
    ["years", "year", "integer", ["0", "1901", "2000", "2155"]],
    ["labels", "enum('1','2','0','á','A')", "text", ["1", "2", "0", "á", "A"]],
    ["doubles", "double", "float", ["0.1", "1e+20", "1.7976931348623157e+308", "5e-324"]],
  ])("knows a row by its key of any kind: %s", async (name, declaration, category, keys) => {
    const columns: LabColumn[] = [
      ["id", declaration, category],
      ["note", "varchar(80)"],
      ["kept", "varchar(80)"],
    ];
    const table = lab.mapping(`key_${name}`, columns);
    const writer = await Writer.loaded(lab, subscriptionOf([table], { id: `${name}/hcm` }));
    await writer.apply([{ table, upserts: keys.map((text) => row(text, "old", text)) }]);
    const changed = await writer.apply([
      {
        table,
        updates: keys.slice(1).map((text) => ({ key: key(text), row: row(text, "new", UNCHANGED) })),
        deletes: [key(keys[0] ?? "")],
      },
    ]);
    expect(changed).toMatchObject({ missing: [], quarantined: 0 });
    const left = (await lab.rows(table)).map(([, note, kept]) => [note, kept]);
    expect(new Set(left.map((pair) => pair.join()))).toEqual(new Set(keys.slice(1).map((text) => `new,${text}`)));
    await writer.target.close();
  });

  test.each<[string, string, readonly string[], readonly string[]]>([
    ["wrapped", "bigint", ["-1", "9223372036854775807"], ["18446744073709551615", "99999999999999999999"]],
    ["unsigned", "bigint unsigned", ["18446744073709551615"], ["-1"]],
    ["clipped", "decimal(3,0)", ["999", "-999"], ["1000", "-1000"]],
  ])("takes no key that its column cannot hold for another one: %s", async (name, declaration, held, beyond) => {
    const columns: LabColumn[] = [
      ["id", declaration, "decimal"],
      ["note", "varchar(80)"],
    ];
    const table = lab.mapping(name, columns);
    const writer = await Writer.loaded(lab, subscriptionOf([table], { id: `${name}/hcm` }));
    await writer.apply([{ table, upserts: [...held, ...beyond].map((text) => row(text, "a")) }]);
    expect(await lab.copy(table)).toMatchObject({ rows: String(held.length), rows_quarantined: String(beyond.length) });
    await writer.apply([{ table, deletes: beyond.map((text) => key(text)) }]);
    expect(await lab.copy(table)).toMatchObject({ rows: String(held.length), rows_quarantined: "0" });
    await writer.target.close();
  });

  test("tells keys apart by every byte", async () => {
    const table = lab.mapping("exact", [
      ["id", "varchar(40)"],
      ["note", "varchar(40)"],
    ]);
    const writer = await Writer.loaded(lab, subscriptionOf([table], { id: "exact/hcm" }));
    const names = ["Nguyễn", "nguyễn", "Nguyen", "NGUYỄN", "a", "a ", "A", "á", "Nguye\u0302\u0303n", "ß", "ss", "😀", "😁"];
    await writer.apply([{ table, upserts: names.map((name) => row(name, name)) }]);
    await writer.apply([{ table, deletes: [key("a"), key("ss")] }]);
    const left = (await lab.rows(table)).map(([id]) => id);
    expect(left).toHaveLength(names.length - 2);
    expect(new Set(left)).toEqual(new Set(names.filter((name) => name !== "a" && name !== "ss")));
    await writer.target.close();
  });

  test("counts rows exactly when the same row is written twice in one transaction, singly and among others", async () => {
    const table = own("twice");
    const writer = await Writer.loaded(lab, subscriptionOf([table], { id: "twice/hcm" }));
    const transaction = await writer.begin();
    const same = [row("1", "An", null), row("2", "Bình", null), row("3", "Chi", null)];
    for (const rows of [same.slice(0, 1), same.slice(0, 1), same, same]) await transaction.write([writer.change({ table, upserts: rows })]);
    expect([transaction.rowsWritten, transaction.rowsDeleted]).toEqual([8, 0]);
    await writer.commit(transaction);
    expect(await lab.copy(table)).toMatchObject({ rows: "3" });
    await writer.target.close();
  });

  test("counts rows exactly although the owner has added a column that numbers them", async () => {
    const table = own("numbered");
    const writer = await Writer.loaded(lab, subscriptionOf([table], { id: "numbered/hcm" }));
    await lab.sql("ALTER TABLE public_copy.numbered ADD serial BIGINT NOT NULL AUTO_INCREMENT UNIQUE");
    for (const name of ["An", "Bình", "Bình"]) {
      const transaction = await writer.begin();
      for (const id of ["1", "2", "1"]) await transaction.write([writer.change({ table, upserts: [row(id, name, null)] })]);
      await writer.commit(transaction);
      expect(await lab.copy(table)).toMatchObject({ rows: "2" });
    }
    await writer.target.close();
  });

  test("writes what a batch was: positions, times, counts, agreement", async () => {
    const table = own("provenance");
    const writer = await Writer.loaded(lab, subscriptionOf([table], { id: "provenance/hcm" }));
    const sourceTime = nowMicros();
    const { batchId } = await writer.apply([{ table, upserts: [row("1", "An", null), row("2", "Bình", null)], deletes: [key("9")] }], {
      sourceTime,
      transactions: 7,
      agreementId: "TT-08",
    });
    const [batch] = await lab.sql("SELECT * FROM dongbo.batch WHERE subscription = 'provenance/hcm' AND id = ?", [batchId]);
    expect(batch).toMatchObject({
      kind: "stream",
      transactions: "7",
      rows_written: "2",
      rows_deleted: "0",
      agreement_id: "TT-08",
      source_time_first: String(start),
      source_time_last: String(sourceTime),
    });
    expect(batch?.["first_position"]).toBe(batch?.["last_position"]);
    expect(await lab.sql("SELECT DISTINCT dongbo_batch FROM public_copy.provenance")).toEqual([{ dongbo_batch: String(batchId) }]);
    await writer.target.close();
  });

  test("writes tables and columns of any name", async () => {
    const name = "Bảng `một` \\ 'tên' dài sáu mươi bốn chữ; --xxxxxxxxxxxxxxxxxxxxx";
    expect(name).toHaveLength(64);
    const table = lab.mapping(
      name,
      [
        ["Mã số", "varchar(40)"],
        ["select", "varchar(40)"],
        ["Họ `và` tên ?", "varchar(40)"],
      ],
      2,
    );
    const writer = await Writer.loaded(lab, subscriptionOf([table], { id: "Chia sẻ/hcm" }));
    await writer.apply([{ upserts: [row("1", "a", "Nguyễn"), row("1", "b", "Trần"), row("2", "a", null)] }]);
    await writer.apply([{ updates: [{ key: key("1", "b"), row: row("1", "c", UNCHANGED) }], deletes: [key("2", "a")] }]);
    await lab.sql(`ALTER TABLE public_copy.\`${name.replaceAll("`", "``")}\` ADD CONSTRAINT c CHECK (\`select\` <> 'z')`);
    await writer.apply([{ upserts: [row("3", "z", "không"), row("3", "a", "được")] }]);
    expect(await lab.rows(table)).toEqual([
      ["1", "a", "Nguyễn"],
      ["1", "c", "Trần"],
      ["3", "a", "được"],
    ]);
    expect(await writer.target.quarantined()).toEqual([{ table, key: key("3", "z") }]);
    await writer.target.close();
  });

  test("writes 300 columns, more rows than one statement has parameters for", async () => {
    const table = lab.mapping("wide", [
      ["id", "int", "integer"],
      // MySQL lets a row have no more texts than these.
      ...Array.from({ length: 300 }, (_, index) => [`cột ${index}`, index < 180 ? "text" : "int"] as const),
    ]);
    const writer = await Writer.loaded(lab, subscriptionOf([table], { id: "wide/hcm" }));
    const wide = (id: number): (string | null)[] => [
      String(id),
      ...Array.from({ length: 300 }, (_, index) => (index % 7 === 0 ? null : index < 180 ? `${id}.${index % 10}` : String(index))),
    ];
    const rows = Array.from({ length: 300 }, (_, index) => row(...wide(index)));
    const load = await writer.begin();
    await load.load(table, rows);
    await writer.commit(load);
    expect(await lab.rows(table)).toEqual(rows.map((_, index) => wide(index)));
    await writer.target.close();
  });

  test("does not open over a table whose column somebody has dropped: DB-TGT-018", async () => {
    const table = own("dropped");
    const writer = await Writer.loaded(lab, subscriptionOf([table], { id: "dropped/hcm" }));
    await writer.target.close();
    await lab.sql("ALTER TABLE public_copy.dropped DROP COLUMN note");
    await expect(writer.begin()).rejects.toMatchObject({ code: "DB-TGT-018", subject: "public_copy.dropped" });
  });

  test("a row under another unique index of the owner's is never overwritten, also when the index is new", async () => {
    const table = own("unique");
    const writer = await Writer.loaded(lab, subscriptionOf([table], { id: "unique/hcm" }));
    await writer.apply([{ table, upserts: [row("1", "a", "x"), row("2", "b", "y")] }]);
    await lab.sql("ALTER TABLE public_copy.`unique` ADD UNIQUE (name)");
    const applied = await writer.apply([{ table, upserts: [row("3", "a", "z")] }]);
    expect(applied.quarantined).toBe(1);
    expect(await lab.rows(table)).toEqual([
      ["1", "a", "x"],
      ["2", "b", "y"],
    ]);
    const load = await writer.begin();
    await load.load(table, [row("4", "b", "z"), row("5", "c", "z")]);
    await writer.commit(load, { loads: [{ table, progress: progress({ sweepBefore: null }), complete: false }] });
    expect((await lab.rows(table)).map(([id]) => id)).toEqual(["1", "2", "5"]);
    await writer.target.close();
  });
});
