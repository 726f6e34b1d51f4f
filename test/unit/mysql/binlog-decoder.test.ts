// The decoder on bytes put together by the documents, for what the test servers do not write: MySQL's own events, and damage.
import { crc32 } from "node:zlib";
import { expect, test } from "vitest";
import { BinlogDecoder, type DecoderOptions } from "../../../connectors/mysql/decode/binlog-decoder.ts";
import { gtidSetProgress, mariaDbProgress, offsetProgress } from "../../../connectors/mysql/decode/log-progress.ts";
import type { ChangeMessage } from "../../../engine/model/change-message.ts";
import type { Position } from "../../../engine/model/position.ts";

const uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

/** Writes events one behind the other, as a file holds them. */
class Log {
  offset = 4;

  event(type: number, body: Buffer, options: { timestamp?: number; flags?: number; artificial?: boolean } = {}): Buffer {
    const bytes = Buffer.alloc(19 + body.length + 4);
    const length = bytes.length;
    if (options.artificial !== true) this.offset += length;
    bytes.writeUInt32LE(options.timestamp ?? 1_700_000_000, 0);
    bytes.writeUInt8(type, 4);
    bytes.writeUInt32LE(9, 5);
    bytes.writeUInt32LE(length, 9);
    bytes.writeUInt32LE(options.artificial === true ? 0 : this.offset, 13);
    bytes.writeUInt16LE(options.artificial === true ? 0x20 : (options.flags ?? 0), 17);
    body.copy(bytes, 19);
    bytes.writeUInt32LE(crc32(bytes.subarray(0, length - 4)), length - 4);
    return bytes;
  }

  rotate(file = "binlog.000007"): Buffer {
    return this.event(4, Buffer.concat([Buffer.from([4, 0, 0, 0, 0, 0, 0, 0]), Buffer.from(file)]), { artificial: true });
  }

  gtid(number: number, committedAt: number): Buffer {
    const body = Buffer.alloc(1 + 16 + 8 + 1 + 16 + 7);
    Buffer.from(uuid.replaceAll("-", ""), "hex").copy(body, 1);
    body.writeBigUInt64LE(BigInt(number), 17);
    body.writeUInt8(2, 25);
    body.writeUIntLE(committedAt % 2 ** 32, 42, 4);
    body.writeUIntLE(Math.floor(committedAt / 2 ** 32), 46, 3);
    return this.event(33, body);
  }

  query(sql: string, database = "db"): Buffer {
    const head = Buffer.alloc(13);
    head.writeUInt8(database.length, 8);
    return this.event(2, Buffer.concat([head, Buffer.from(`${database}\0${sql}`)]));
  }

  xid(timestamp?: number): Buffer {
    return this.event(16, Buffer.alloc(8), timestamp === undefined ? {} : { timestamp });
  }

  /** `db.t (id INT UNSIGNED, doc JSON, e ENUM('a','b'))`. */
  tableMap(names = true): Buffer {
    const types = Buffer.from([3, 245, 254]);
    const metadata = Buffer.from([4, 247, 1]);
    const optional = [field(1, [0x80]), field(10, [45]), field(6, [2, 1, 0x61, 1, 0x62])];
    if (names) optional.push(field(4, [2, 0x69, 0x64, 3, 0x64, 0x6f, 0x63, 1, 0x65]));
    const body = Buffer.concat([
      Buffer.from([42, 0, 0, 0, 0, 0, 1, 0, 2]),
      Buffer.from("db\0"),
      Buffer.from([1]),
      Buffer.from("t\0"),
      Buffer.from([3]),
      types,
      Buffer.from([metadata.length]),
      metadata,
      Buffer.from([6]),
      ...optional,
    ]);
    return this.event(19, body);
  }

  /** Version 2, with extra data as MySQL writes it for partitions. */
  insert(...rows: readonly (readonly number[])[]): Buffer {
    return this.event(
      30,
      Buffer.concat([Buffer.from([42, 0, 0, 0, 0, 0, 1, 0, 4, 0, 0xee, 0xee, 3, 7]), ...rows.map((row) => Buffer.from(row))]),
    );
  }
}

function field(type: number, value: readonly number[]): Buffer {
  return Buffer.from([type, value.length, ...value]);
}

function decoder(options: Partial<DecoderOptions> = {}): BinlogDecoder {
  const progress = gtidSetProgress(`${uuid}:1-4` as Position);
  return new BinlogDecoder({ flavour: "mysql", progress, foldsNames: false, abandoned: new Set(), wanted: null, ...options });
}

function decodeAll(target: BinlogDecoder, events: readonly Buffer[]): ChangeMessage[] {
  return events.flatMap((event) => [...target.decode(event)]);
}

/** `{"b": [1, true, null], "aa": "x"}` as the server packs it: head, keys, values, the keys' text, the array, the string. */
const json = [
  [0, 2, 0, 38, 0],
  [18, 0, 1, 0, 19, 0, 2, 0],
  [2, 21, 0, 12, 34, 0],
  [0x62, 0x61, 0x61],
  [3, 0, 13, 0, 5, 1, 0, 4, 1, 0, 4, 0, 0],
  [1, 0x78],
].flat();

test("MySQL's transactions: GTID sets, commit times of the GTID event, rows of version 2 with binary JSON", () => {
  const log = new Log();
  const target = decoder();
  const at = 1_700_000_000_123_456;
  const messages = decodeAll(target, [
    log.rotate(),
    log.gtid(5, at),
    log.query("BEGIN"),
    log.tableMap(),
    log.insert([0, 7, 0, 0, 0, json.length, 0, 0, 0, ...json, 2], [2, 255, 255, 255, 255, 1]),
    log.xid(),
  ]);
  expect(messages.map((message) => message.tag)).toEqual(["begin", "insert", "insert", "commit"]);
  expect(messages[0]).toEqual({ tag: "begin", transactionId: `${uuid}:5`, position: `${uuid}:5` });
  expect(messages[3]).toEqual({ tag: "commit", position: `${uuid}:1-5`, committedAt: at });
  const rows = messages.flatMap((message) =>
    "after" in message ? [message.after?.map((value) => (value === null ? null : String(value)))] : [],
  );
  expect(rows).toEqual([
    ["7", '{"b": [1, true, null], "aa": "x"}', "b"],
    ["4294967295", null, "a"],
  ]);
  expect(messages[1]).toMatchObject({
    table: { columns: [{ name: "id", typeIdentity: "integer(4) unsigned" }, { name: "doc", typeIdentity: "json" }, { name: "e" }] },
  });
});

test("a transaction that has the number of one that a crash has cut off is another one", () => {
  const abandoned = new Set<string>();
  const log = new Log();
  const described = Buffer.alloc(60, 1);
  const cut = [log.rotate(), log.gtid(5, 1), log.query("BEGIN")];
  expect(() => decodeAll(decoder({ abandoned }), [...cut, log.event(15, described)])).toThrow(
    expect.objectContaining({ code: "DB-MY-015" }),
  );
  const next = new Log();
  const after = [next.rotate("binlog.000008"), next.event(15, described), next.gtid(5, 1), next.query("BEGIN"), next.xid()];
  const messages = decodeAll(decoder({ abandoned }), [...cut, ...after]);
  expect(messages.map((message) => message.tag)).toEqual(["begin", "commit"]);
});

test("a statement without BEGIN is a transaction by itself, and GTIDs may have gaps", () => {
  const log = new Log();
  const messages = decodeAll(decoder(), [
    log.rotate(),
    log.gtid(7, 5),
    log.query("TRUNCATE TABLE T"),
    log.gtid(9, 6),
    log.query("CREATE USER x"),
  ]);
  expect(messages.map((message) => message.tag)).toEqual(["begin", "truncate", "commit", "begin", "commit"]);
  expect(messages.at(-1)).toMatchObject({ position: `${uuid}:1-4:7:9` });
});

test("without GTIDs positions are places in files, which move with every event outside a transaction", () => {
  const log = new Log();
  const target = decoder({ progress: offsetProgress("binlog.000007:4" as Position) });
  decodeAll(target, [log.rotate(), log.event(35, Buffer.alloc(8))]);
  const begin = log.offset;
  expect(target.reached).toBe(`binlog.000007:${begin}`);
  const anonymous = log.event(34, Buffer.alloc(25));
  const messages = decodeAll(target, [anonymous, log.query("BEGIN"), log.xid()]);
  expect(messages).toMatchObject([
    { tag: "begin", transactionId: `binlog.000007:${begin}`, position: `binlog.000007:${begin + 1}` },
    { tag: "commit", position: `binlog.000007:${log.offset}`, committedAt: 1_700_000_000_000_000 },
  ]);
  decodeAll(target, [log.rotate("binlog.000008")]);
  expect(target.reached).toBe("binlog.000008:4");
});

test("a tagged GTID is a number like any other", () => {
  // As MySQL 9.7 wrote it.
  const body = "0272000000022e05038902e6a503c822c50341022604f103000000020404060a6d7974616708080a0c0c7f2c4c30302961061059041283120b";
  const log = new Log();
  const messages = decodeAll(decoder(), [log.rotate(), log.event(42, Buffer.from(body, "hex")), log.query("BEGIN"), log.xid()]);
  const gtid = "17c1a273-e964-11f1-9013-02fc00000001:mytag:1";
  expect(messages).toMatchObject([
    { tag: "begin", transactionId: gtid, position: gtid },
    { tag: "commit", position: expect.stringContaining(gtid), committedAt: 0x06_6129_3030_4c2c },
  ]);
});

test.each([
  ["rows outside any transaction", (log: Log) => [log.insert()], "DB-SLOT-010"],
  ["a transaction inside another", (log: Log) => [log.gtid(5, 1), log.gtid(6, 1)], "DB-SLOT-010"],
  ["rows of a table that was not described", (log: Log) => [log.gtid(5, 1), log.query("BEGIN"), log.insert()], "DB-SLOT-010"],
  ["a checksum that is wrong", (log: Log) => [Buffer.from(log.xid()).fill(1, 20, 22)], "DB-SLOT-010"],
  ["an event that is cut", (log: Log) => [log.xid().subarray(0, 25)], "DB-SLOT-010"],
  ["columns without names", (log: Log) => [log.gtid(5, 1), log.query("BEGIN"), log.tableMap(false)], "DB-SLOT-020"],
  ["a compressed transaction", (log: Log) => [log.gtid(5, 1), log.event(40, Buffer.alloc(9))], "DB-SLOT-022"],
  ["JSON documents in part", (log: Log) => [log.gtid(5, 1), log.query("BEGIN"), log.event(39, Buffer.alloc(9))], "DB-SLOT-022"],
  ["a tagged GTID that is cut", (log: Log) => [log.event(42, Buffer.alloc(9))], "DB-SLOT-010"],
  [
    "an XA transaction that is only prepared",
    (log: Log) => [log.gtid(5, 1), log.query("XA START X'61'"), log.event(38, Buffer.from([0, 1]))],
    "DB-SLOT-023",
  ],
  ["the commit of a prepared XA transaction", (log: Log) => [log.gtid(5, 1), log.query("XA COMMIT X'61'")], "DB-SLOT-023"],
  ["an incident", (log: Log) => [log.event(26, Buffer.alloc(3))], "DB-SLOT-024"],
  ["a statement that is not understood", (log: Log) => [log.gtid(5, 1), log.query("SELECT f(1)")], "DB-SLOT-025"],
  ["an event of an unknown type", (log: Log) => [log.event(99, Buffer.alloc(3))], "DB-SLOT-009"],
])("%s is a coded stop", (_, events, code) => {
  const log = new Log();
  expect(() => decodeAll(decoder(), [log.rotate(), ...events(log)])).toThrow(expect.objectContaining({ code }));
});

test("an unknown event that may be ignored is, and XA in one phase is a transaction like any other", () => {
  const log = new Log();
  const messages = decodeAll(decoder(), [
    log.rotate(),
    log.event(99, Buffer.alloc(3), { flags: 0x80 }),
    log.gtid(5, 1),
    log.query("XA START X'61',X'',1"),
    log.query("XA END X'61',X'',1"),
    log.event(38, Buffer.from([1, 1])),
    log.gtid(6, 1),
    log.query("XA ROLLBACK X'62'"),
  ]);
  expect(messages.map((message) => message.tag)).toEqual(["begin", "commit", "begin", "commit"]);
});

test("a rollback behind rows that were logged is a stop, one without is nothing", () => {
  const log = new Log();
  const rows = [log.gtid(5, 1), log.query("BEGIN"), log.tableMap(), log.insert([2, 1, 0, 0, 0, 1])];
  const target = decoder();
  decodeAll(target, [log.rotate(), ...rows]);
  expect(() => target.decode(log.query("ROLLBACK"))).toThrow(expect.objectContaining({ code: "DB-SLOT-024" }));
  expect(decodeAll(decoder(), [log.rotate(), log.gtid(5, 1), log.query("BEGIN"), log.query("ROLLBACK")]).map(({ tag }) => tag)).toEqual([
    "begin",
    "commit",
  ]);
});

test("positions of several MariaDB domains go on each by itself", () => {
  const progress = mariaDbProgress("0-1-100,7-2-5" as Position);
  const at = { file: "binlog.000003", offset: 700 };
  expect(progress.begin({ mariaDb: { domain: 7, server: 3, sequence: 6n }, mysql: null, at })).toEqual({
    transactionId: "7-3-6@binlog.000003:700",
    position: "7-3-6",
  });
  expect(progress.reached).toBe("0-1-100,7-2-5");
  expect(progress.commit(at)).toBe("0-1-100,7-3-6");
});
