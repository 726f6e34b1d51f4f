import { expect, test } from "vitest";
import { judgeServer, judgeSource } from "../../../connectors/postgres/preflight/judge-server.ts";
import type { LogFacts, RoleFacts, ServerFacts } from "../../../connectors/postgres/preflight/server-facts.ts";
import { clockAhead } from "../../../engine/validity/clock-skew.ts";

const gigabyte = 1024 ** 3;
const role: RoleFacts = {
  name: "dongbo",
  superuser: false,
  replication: true,
  connectionLimit: -1,
  mayCreateInDatabase: false,
  database: "national",
};
const server: ServerFacts = { major: 18, inRecovery: false, encoding: "UTF8", readOnly: false, pooled: false, clockAheadMs: 0, role };
const log: LogFacts = {
  walLevel: "logical",
  slotsMax: 10,
  slotsUsed: 0,
  sendersMax: 10,
  sendersUsed: 0,
  slotKeepBytes: 10 * gigabyte,
  senderTimeoutMs: 60_000,
  idleSlotTimeoutSeconds: 0,
  slot: null,
  oldestTransaction: null,
};
const wanted = { source: "population", slot: "dongbo_population", connections: 4, walRetainedMaxBytes: 8 * gigabyte };

/** Code, severity and the first statement of what is found. */
function found(facts: Partial<ServerFacts> & { readonly log?: Partial<LogFacts> }): string[] {
  const { log: logFacts, ...serverFacts } = facts;
  const all = { ...server, ...serverFacts };
  return [...judgeServer(all, "population"), ...judgeSource(all, { ...log, ...logFacts }, wanted)].map(
    ({ code, severity, sql }) => `${code} ${severity}${sql[0] === undefined ? "" : ` ${sql[0]}`}`,
  );
}

test("a server as it should be gives no finding", () => {
  expect(found({})).toEqual([]);
});

test.each<[string, Parameters<typeof found>[0], string[]]>([
  ["PostgreSQL 14", { major: 14 }, ["DB-PG-011 error"]],
  ["a version that dongbo does not know", { major: 19 }, ["DB-PG-011 error"]],
  ["a pooler in between", { pooled: true }, ["DB-PG-011 error"]],
  ["a standby", { inRecovery: true }, ["DB-PG-011 error"]],
  ["a clock that is a little off", { clockAheadMs: 2_001 }, ["DB-PG-039 warning"]],
  ["a clock that is behind by a minute", { clockAheadMs: -60_001 }, ["DB-PG-039 error"]],
  ["text without an encoding", { encoding: "SQL_ASCII" }, ["DB-PG-040 error"]],
  ["an encoding that is converted", { encoding: "WIN1258" }, ["DB-PG-040 warning"]],
  ["a role without REPLICATION", { role: { ...role, replication: false } }, ['DB-PG-003 error ALTER ROLE "dongbo" REPLICATION;']],
  ["a role with too few sessions", { role: { ...role, connectionLimit: 3 } }, ['DB-PG-006 error ALTER ROLE "dongbo" CONNECTION LIMIT 4;']],
  ["wal_level", { log: { walLevel: "replica" } }, ["DB-PG-012 error ALTER SYSTEM SET wal_level = 'logical';"]],
  [
    "no limit on the log kept",
    { log: { slotKeepBytes: null } },
    ["DB-PG-036 warning ALTER SYSTEM SET max_slot_wal_keep_size = '10240MB';"],
  ],
  [
    "a limit below dongbo's own",
    { log: { slotKeepBytes: gigabyte } },
    ["DB-PG-036 warning ALTER SYSTEM SET max_slot_wal_keep_size = '10240MB';"],
  ],
  ["no wal_sender_timeout", { log: { senderTimeoutMs: 0 } }, ["DB-PG-037 warning ALTER SYSTEM SET wal_sender_timeout = '60s';"]],
  ["a short wal_sender_timeout", { log: { senderTimeoutMs: 5_000 } }, ["DB-PG-037 warning ALTER SYSTEM SET wal_sender_timeout = '60s';"]],
  [
    "slots that time out",
    { log: { idleSlotTimeoutSeconds: 60 } },
    ["DB-PG-041 warning ALTER SYSTEM SET idle_replication_slot_timeout = '0';"],
  ],
  ["an old transaction", { log: { oldestTransaction: { seconds: 901, what: "process 7" } } }, ["DB-PG-038 warning"]],
  ["no free slot", { log: { slotsUsed: 10 } }, ["DB-PG-016 error ALTER SYSTEM SET max_replication_slots = '15';"]],
  ["no free replication connection", { log: { sendersUsed: 10 } }, ["DB-PG-006 error ALTER SYSTEM SET max_wal_senders = '15';"]],
  ["a slot of another plugin", { log: { slot: { plugin: "wal2json", here: true, lost: false, active: false } } }, ["DB-SLOT-006 error"]],
  ["a slot of another database", { log: { slot: { plugin: "pgoutput", here: false, lost: false, active: false } } }, ["DB-SLOT-006 error"]],
  ["a slot that was invalidated", { log: { slot: { plugin: "pgoutput", here: true, lost: true, active: false } } }, ["DB-SLOT-002 error"]],
])("finds %s", (_, facts, expected) => {
  expect(found(facts)).toEqual(expected);
});

test("our own slot and our own connection need no room beside themselves", () => {
  const slot = { plugin: "pgoutput", here: true, lost: false, active: true };
  expect(found({ log: { slot, slotsUsed: 10, sendersUsed: 10 } })).toEqual([]);
});

test("a young transaction is nothing to worry about", () => {
  expect(found({ log: { oldestTransaction: { seconds: 900, what: "process 7" } } })).toEqual([]);
});

test("of a clock read over a slow network only the certain difference counts", () => {
  expect([clockAhead(1000, 1500, 2000), clockAhead(1000, 2600, 2000), clockAhead(1000, 100, 2000)]).toEqual([0, 600, -900]);
});
