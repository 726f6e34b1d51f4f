import { describe, expect, test } from "vitest";
import type { PgoutputMessage, RelationMessage } from "../../../connectors/postgres/decode/pgoutput-messages.ts";
import { parsePgoutput } from "../../../connectors/postgres/decode/pgoutput-parser.ts";
import { ChangeDecoder } from "../../../connectors/postgres/decode/to-change-message.ts";
import { ABSENT, UNCHANGED } from "../../../engine/model/row.ts";

const relation: RelationMessage = {
  tag: "relation",
  id: 16_400,
  schema: "public",
  name: "citizen",
  identity: "default",
  columns: [
    { name: "id", inIdentity: true, typeId: 23, typeModifier: -1 },
    { name: "name", inIdentity: false, typeId: 25, typeModifier: -1 },
  ],
};

function begin(low: number, high = 0): PgoutputMessage {
  return { tag: "begin", commitLsn: { high, low }, committedAt: 0, transactionId: 7 };
}

const row = (...values: (Buffer | null | 1)[]) => ({ values, binary: false });
const id = Buffer.from("1");

test("each message of streaming and two-phase commit is recognised and refused with DB-SLOT-009, having never been asked for", () => {
  for (const letter of ["S", "E", "c", "A", "b", "P", "K", "r", "p"]) {
    expect(() => parsePgoutput(Buffer.from(`${letter}\0\0\0\0`)), letter).toThrow(
      expect.objectContaining({ code: "DB-SLOT-009", explanation: expect.stringContaining("without being asked for") as string }),
    );
  }
  expect(() => parsePgoutput(Buffer.from("Z"))).toThrow(expect.objectContaining({ code: "DB-SLOT-009" }));
});

test("a flag that is not known is not passed over", () => {
  const truncate = Buffer.from("T\0\0\0\x01\x04\0\0\0\x01", "latin1");
  expect(() => parsePgoutput(truncate)).toThrow(expect.objectContaining({ code: "DB-SLOT-010" }));
  truncate[5] = 3;
  expect(parsePgoutput(truncate)).toEqual({ tag: "truncate", relationIds: [1], cascade: true, restartIdentity: true });
});

test("a count that the message cannot hold is refused before memory is taken for it", () => {
  const huge = Buffer.from("T\x7f\xff\xff\xff\0\0\0\0\x01", "latin1");
  expect(() => parsePgoutput(huge)).toThrow(expect.objectContaining({ code: "DB-SLOT-010" }));
  const value = Buffer.from("I\0\0\0\x01N\0\x01t\x7f\xff\xff\xff", "latin1");
  expect(() => parsePgoutput(value)).toThrow(expect.objectContaining({ code: "DB-SLOT-010" }));
});

describe("positions", () => {
  test("a begin's position is one byte into the commit record, also across the halves of the LSN", () => {
    expect(new ChangeDecoder().decode(begin(0x1234))).toEqual({ tag: "begin", transactionId: "7", position: "0/1235" });
    expect(new ChangeDecoder().decode(begin(0xffff_ffff, 0xa))).toMatchObject({ position: "B/0" });
  });

  test("a transaction id beyond 31 bits stays positive", () => {
    const message: PgoutputMessage = { tag: "begin", commitLsn: { high: 0, low: 1 }, committedAt: 0, transactionId: 4_294_967_295 };
    expect(new ChangeDecoder().decode(message)).toMatchObject({ transactionId: "4294967295" });
  });
});

/** Inside a transaction, with the table described. */
function decoder(): ChangeDecoder {
  const made = new ChangeDecoder();
  made.decode(begin(1));
  made.decode(relation);
  return made;
}

describe("row images", () => {
  test("absent, NULL and unchanged are three things (I-6)", () => {
    const message = decoder().decode({
      tag: "update",
      relationId: 16_400,
      before: { ...row(id, null), keyOnly: true },
      after: row(null, UNCHANGED),
    });
    expect(message).toMatchObject({ before: [id, ABSENT], after: [null, UNCHANGED] });
  });

  test("a whole before image keeps its NULLs", () => {
    const message = decoder().decode({ tag: "delete", relationId: 16_400, before: { ...row(id, null), keyOnly: false } });
    expect(message).toMatchObject({ before: [id, null], after: null });
  });

  test("an update that sent no before image says so with null", () => {
    const message = decoder().decode({ tag: "update", relationId: 16_400, before: null, after: row(id, null) });
    expect(message).toMatchObject({ before: null });
  });

  test("a row with another number of columns than its table is refused", () => {
    const made = decoder();
    expect(() => made.decode({ tag: "insert", relationId: 16_400, after: row(id) })).toThrow(
      expect.objectContaining({ code: "DB-SLOT-010" }),
    );
  });
});

describe("tables", () => {
  const insert: PgoutputMessage = { tag: "insert", relationId: 16_400, after: row(id, null) };
  const tableOf = (decoder: ChangeDecoder): unknown => {
    const message = decoder.decode(insert);
    return message?.tag === "insert" ? message.table : null;
  };

  test("the same description again keeps the object, another one is a new object with a new version", () => {
    const decoder = new ChangeDecoder();
    decoder.decode(begin(1));
    decoder.decode(relation);
    const first = tableOf(decoder);
    decoder.decode({ ...relation, columns: relation.columns.map((column) => ({ ...column })) });
    expect(tableOf(decoder)).toBe(first);
    for (const changed of [
      { ...relation, name: "person" },
      { ...relation, identity: "full" as const },
      { ...relation, columns: relation.columns.map((column) => ({ ...column, typeModifier: 24 })) },
      { ...relation, columns: relation.columns.map((column) => ({ ...column, inIdentity: true })) },
    ]) {
      const before = tableOf(decoder);
      decoder.decode(changed);
      expect(tableOf(decoder)).not.toBe(before);
    }
    expect(tableOf(decoder)).toMatchObject({ id: "16400", version: 5 });
  });

  test("a change of a table that was never described is refused", () => {
    const decoder = new ChangeDecoder();
    decoder.decode(begin(1));
    expect(() => decoder.decode(insert)).toThrow(expect.objectContaining({ code: "DB-SLOT-010" }));
  });
});

describe("order", () => {
  const commit: PgoutputMessage = { tag: "commit", commitLsn: { high: 0, low: 1 }, endLsn: { high: 0, low: 9 }, committedAt: 0 };
  const refused = expect.objectContaining({ code: "DB-SLOT-010" }) as Error;

  test("a change, a truncate or a commit outside a transaction is refused", () => {
    for (const message of [
      commit,
      { tag: "insert", relationId: 1, after: row(id) },
      { tag: "truncate", relationIds: [], cascade: false, restartIdentity: false },
    ] as PgoutputMessage[]) {
      const decoder = new ChangeDecoder();
      decoder.decode({ ...relation, id: 1, columns: relation.columns.slice(0, 1) });
      expect(() => decoder.decode(message)).toThrow(refused);
    }
  });

  test("a begin inside a transaction, or a commit of another one, is refused", () => {
    const decoder = new ChangeDecoder();
    decoder.decode(begin(1));
    expect(decoder.inTransaction).toBe(true);
    expect(() => decoder.decode(begin(2))).toThrow(refused);
    expect(() => decoder.decode({ ...commit, commitLsn: { high: 0, low: 2 } })).toThrow(refused);
    expect(decoder.decode(commit)).toEqual({ tag: "commit", position: "0/9", committedAt: 0 });
    expect(decoder.inTransaction).toBe(false);
  });
});
