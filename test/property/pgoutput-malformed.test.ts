// Damaged bytes must never be taken for data, hang or end in anything but the coded error (reliability: unknown event = stop).
import fc from "fast-check";
import { assert, expect, test } from "vitest";
import type { PgoutputMessage } from "../../connectors/postgres/decode/pgoutput-messages.ts";
import { parsePgoutput } from "../../connectors/postgres/decode/pgoutput-parser.ts";
import { ChangeDecoder } from "../../connectors/postgres/decode/to-change-message.ts";
import { columnCount, hasWholeRow, relationId, WholeRowChange } from "../../connectors/postgres/decode/whole-row.ts";
import { UNCHANGED } from "../../engine/model/row.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import type { StreamedTable } from "../../engine/model/table.ts";
import { goldenMajors, readGolden } from "../golden/golden-file.ts";

const streams = goldenMajors.flatMap((major) =>
  Object.values(readGolden(major).scenarios).map((scenario) => scenario.messages.map((hex) => Buffer.from(hex, "hex"))),
);
const messages = streams.flat();
const anyMessage = fc.integer({ min: 0, max: messages.length - 1 }).map((index) => messages[index] ?? Buffer.alloc(0));
const anyStream = fc.integer({ min: 0, max: streams.length - 1 }).map((index) => streams[index] ?? []);

/** A change whose row is complete and comes alone. */
function isPlainRow(message: PgoutputMessage): message is Extract<PgoutputMessage, { tag: "insert" | "update" }> {
  if (message.tag !== "insert" && message.tag !== "update") return false;
  const isAlone = message.tag === "insert" || message.before === null;
  return isAlone && !message.after.binary && !message.after.values.includes(UNCHANGED);
}

/** Null when the work succeeds, else the code; anything but our coded stop is a failure of the test. */
function codeOf(work: () => unknown): string | null {
  try {
    work();
    return null;
  } catch (error) {
    if (!(error instanceof ReplicationError)) throw error;
    expect(["DB-SLOT-009", "DB-SLOT-010"]).toContain(error.code);
    return error.code;
  }
}

test("a message cut short anywhere is refused", () => {
  fc.assert(
    fc.property(anyMessage, fc.nat(), (bytes, cut) => {
      const length = cut % bytes.length;
      expect(codeOf(() => parsePgoutput(bytes.subarray(0, length)))).toBe("DB-SLOT-010");
    }),
    { numRuns: 3000 },
  );
});

test("a message with bytes left over is refused", () => {
  fc.assert(
    fc.property(anyMessage, fc.uint8Array({ minLength: 1, maxLength: 9 }), (bytes, more) => {
      expect(codeOf(() => parsePgoutput(Buffer.concat([bytes, more])))).toBe("DB-SLOT-010");
    }),
    { numRuns: 1000 },
  );
});

test("changed bytes are read as something else or refused, never anything worse", () => {
  const change = fc.record({ at: fc.nat(), value: fc.nat({ max: 255 }) });
  fc.assert(
    fc.property(anyMessage, fc.array(change, { minLength: 1, maxLength: 6 }), (bytes, changes) => {
      const damaged = Buffer.from(bytes);
      for (const { at, value } of changes) damaged[at % damaged.length] = value;
      codeOf(() => parsePgoutput(damaged));
    }),
    { numRuns: 5000 },
  );
});

test("a row is taken whole only if it can be read, and holds what is read then", () => {
  const table: StreamedTable = { id: "1", table: { schema: "s", name: "t" }, columns: [], identity: "default", version: 1 };
  const change = fc.record({ at: fc.nat(), value: fc.nat({ max: 255 }) });
  fc.assert(
    fc.property(anyMessage, fc.array(change, { maxLength: 2 }), fc.nat(), (bytes, changes, cut) => {
      const whole = Buffer.from(bytes);
      for (const { at, value } of changes) whole[at % whole.length] = value;
      const message = changes.length === 1 ? whole.subarray(0, cut % (whole.length + 1)) : whole;
      // As in a read of the socket, with other messages around it.
      const read = Buffer.concat([Buffer.alloc(3, "N"), message, Buffer.alloc(9, "n")]);
      const [from, to] = [3, 3 + message.length];
      if (!hasWholeRow(read, from, to)) {
        if (changes.length === 0) expect(isPlainRow(parsePgoutput(message))).toBe(false);
        return;
      }
      const parsed = parsePgoutput(message);
      assert(isPlainRow(parsed));
      expect([relationId(read, from), columnCount(read, from)]).toEqual([parsed.relationId, parsed.after.values.length]);
      expect(new WholeRowChange(table, read, from, to)).toMatchObject({ tag: parsed.tag, after: parsed.after.values });
    }),
    { numRuns: 5000 },
  );
});

test("random bytes are refused or read, never anything worse", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      codeOf(() => parsePgoutput(Buffer.from(bytes)));
    }),
    { numRuns: 3000 },
  );
});

test("a stream with messages lost, repeated or exchanged is decoded or refused, never anything worse", () => {
  const edit = fc.record({ kind: fc.constantFrom("lose", "repeat", "exchange"), at: fc.nat(), with: fc.nat() });
  fc.assert(
    fc.property(anyStream, fc.array(edit, { minLength: 1, maxLength: 4 }), (stream, edits) => {
      const damaged = [...stream];
      for (const { kind, at, with: other } of edits) {
        const [from, to] = [at % damaged.length, other % damaged.length];
        const [a, b] = [damaged[from], damaged[to]];
        if (a === undefined || b === undefined) return;
        if (kind === "lose") damaged.splice(from, 1);
        else if (kind === "repeat") damaged.splice(to, 0, a);
        else [damaged[from], damaged[to]] = [b, a];
        if (damaged.length === 0) return;
      }
      const decoder = new ChangeDecoder();
      codeOf(() => damaged.forEach((bytes) => decoder.decode(parsePgoutput(bytes))));
    }),
    { numRuns: 3000 },
  );
});

test("no message of an error holds bytes of the row it was about", () => {
  const secret = "079-SECRET-000001";
  const row = Buffer.concat([Buffer.from("I\0\0\x40\0N\0\x02t\0\0\0\x11", "latin1"), Buffer.from(secret), Buffer.from("x")]);
  try {
    parsePgoutput(row);
    expect.unreachable();
  } catch (error) {
    expect(String((error as Error).stack)).not.toContain("SECRET");
    expect((error as ReplicationError).cause).toBeUndefined();
  }
});
