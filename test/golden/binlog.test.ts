// Binary logs of a real server → the changes that the SQL behind them must give; and the same logs damaged.
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { BinlogDecoder } from "../../connectors/mysql/decode/binlog-decoder.ts";
import { mariaDbProgress } from "../../connectors/mysql/decode/log-progress.ts";
import type { ChangeMessage } from "../../engine/model/change-message.ts";
import type { Position } from "../../engine/model/position.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import { readBinlogGolden } from "./binlog-file.ts";
import { binlogScenarios } from "./binlog-scenarios.ts";
import { printChanges } from "./print-changes.ts";

const golden = readBinlogGolden();

function eventsOf(name: string): Buffer[] {
  const captured = golden.scenarios[name];
  if (captured === undefined) throw new Error(`no log was captured for "${name}": run test/golden/capture-binlog.ts`);
  return captured.events.map((hex) => Buffer.from(hex, "hex"));
}

function decodeAll(events: readonly Buffer[]): ChangeMessage[] {
  const progress = mariaDbProgress("0-1-1" as Position);
  const decoder = new BinlogDecoder({ flavour: "mariadb", progress, foldsNames: false, abandoned: new Set(), wanted: null });
  return events.flatMap((event) => {
    const messages = [...decoder.decode(event)];
    if (decoder.undeclared !== null) decoder.declare(new Map());
    return messages;
  });
}

for (const { name, sql, expected } of binlogScenarios) {
  test(`the log of ${name}`, () => {
    expect(golden.scenarios[name]?.sql).toEqual(sql);
    const lines = printChanges(decodeAll(eventsOf(name))).filter((line) => line !== "begin" && line !== "commit");
    expect(lines.map((line) => (line.startsWith("table ") ? line.replaceAll(/:(?=[,)])/g, "") : line))).toEqual(expected);
  });
}

test("no scenario is captured that is not expected", () => {
  expect(Object.keys(golden.scenarios).toSorted()).toEqual(binlogScenarios.map(({ name }) => name).toSorted());
  expect(golden.server).toMatch(/^10\.11\..*MariaDB/);
});

/** With a checksum that is right again, so that the damage is met by the code behind it. */
function damaged(event: Buffer, at: number, byte: number): Buffer {
  const copy = Buffer.from(event);
  copy[at % (copy.length - 4)] = byte;
  copy.writeUInt32LE(crc32(copy.subarray(0, copy.length - 4)), copy.length - 4);
  return copy;
}

test("a damaged log is read, or is a coded stop; never anything else, and never without end", () => {
  fc.assert(
    fc.property(fc.constantFrom(...binlogScenarios), fc.nat(), fc.nat(), fc.nat({ max: 255 }), (scenario, which, at, byte) => {
      const events = eventsOf(scenario.name);
      const index = which % events.length;
      const event = events[index];
      if (event !== undefined) events[index] = damaged(event, at, byte);
      try {
        decodeAll(events);
      } catch (error) {
        if (!(error instanceof ReplicationError)) throw error;
        expect(error.code).toMatch(/^DB-(SLOT|MY-015)/);
      }
    }),
    { numRuns: 3000 },
  );
});

test("a damaged byte does not pass the checksum", () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 }), (which, at, change) => {
      const events = eventsOf("rows of one table");
      const index = 1 + (which % (events.length - 1));
      const event = events[index];
      if (event === undefined) return;
      // The length is looked at before.
      const place = at % event.length;
      event[place] = (event[place] ?? 0) ^ change;
      expect(() => decodeAll(events)).toThrow(expect.objectContaining({ code: "DB-SLOT-010" }));
    }),
  );
});
