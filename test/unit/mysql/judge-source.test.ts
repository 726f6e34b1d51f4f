import { expect, test } from "vitest";
import { judgeSource } from "../../../connectors/mysql/preflight/judge-source.ts";
import type { SourceFacts } from "../../../connectors/mysql/preflight/source-facts.ts";

const variables = {
  log_bin: "ON",
  binlog_format: "ROW",
  binlog_row_image: "FULL",
  binlog_row_metadata: "FULL",
  binlog_row_value_options: "",
  binlog_transaction_compression: "OFF",
  gtid_mode: "ON",
  binlog_expire_logs_seconds: "2592000",
  binlog_expire_logs_auto_purge: "ON",
  log_replica_updates: "ON",
  max_allowed_packet: "67108864",
  server_id: "1",
};

/** A MySQL server as it should be, but for what is given. */
function judged(changes: Partial<typeof variables> & Record<string, string> = {}, facts: Partial<SourceFacts> = {}): string[] {
  const all: SourceFacts = {
    flavour: "mysql",
    version: 80_400,
    account: "dongbo@%",
    variables: new Map(Object.entries({ ...variables, ...changes })),
    clockAheadMs: 0,
    sessionsMax: 0,
    logFilter: { only: [], without: [] },
    isReplica: false,
    privileges: new Set(["REPLICATION SLAVE", "REPLICATION CLIENT"]),
    ...facts,
  };
  const findings = judgeSource(all, { source: "population", connections: 4 });
  return findings.filter(({ severity }) => severity !== "info").map(({ code, severity, sql }) => [severity, code, ...sql].join(" "));
}

test("a MySQL server as it should be is found nothing against", () => {
  expect(judged()).toEqual([]);
});

test("what dongbo cannot decode is refused", () => {
  expect(judged({ binlog_transaction_compression: "ON" })).toEqual(["error DB-SLOT-022 SET GLOBAL binlog_transaction_compression = OFF;"]);
  expect(judged({ binlog_row_value_options: "PARTIAL_JSON" })).toEqual(["error DB-SLOT-022 SET GLOBAL binlog_row_value_options = '';"]);
  expect(judged({ binlog_row_metadata: "MINIMAL" })).toEqual(["error DB-SLOT-020 SET GLOBAL binlog_row_metadata = 'FULL';"]);
});

test("transactions without numbers are a warning", () => {
  const privileges = new Set(["REPLICATION SLAVE", "REPLICATION CLIENT", "FLUSH_TABLES"]);
  expect(judged({ gtid_mode: "OFF" }, { privileges })).toEqual(["warning DB-MY-032"]);
  expect(judged({ gtid_mode: "ON_PERMISSIVE" }, { privileges })).toEqual(["warning DB-MY-032"]);
  expect(judged({ gtid_mode: "OFF" })).toEqual(["warning DB-MY-032", "error DB-MY-003 GRANT RELOAD ON *.* TO `dongbo`@`%`;"]);
});

test("what limits the log is told", () => {
  expect(judged({ binlog_expire_logs_seconds: "3600" })).toEqual(["warning DB-MY-031 SET GLOBAL binlog_expire_logs_seconds = 604800;"]);
  expect(judged({ binlog_expire_logs_seconds: "3600", binlog_expire_logs_auto_purge: "OFF" })).toEqual([]);
  expect(judged({ binlog_expire_logs_seconds: "0", expire_logs_days: "0.5" })).toEqual([
    "warning DB-MY-031 SET GLOBAL binlog_expire_logs_seconds = 604800;",
  ]);
  expect(judged({ max_binlog_total_size: "1073741824" })).toEqual(["warning DB-MY-031"]);
});

test("privileges are named as the server calls them; those that come by a role of MySQL cannot be told", () => {
  const sql = "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO `dongbo`@`%`;";
  expect(judged({}, { privileges: new Set(), logFilter: null })).toEqual([`error DB-MY-003 ${sql}`]);
  expect(judged({}, { privileges: null })).toEqual([]);
  expect(judged({}, { privileges: new Set(["ALL PRIVILEGES"]) })).toEqual([]);
});

test("an old server, a replica that logs nothing and a clock that is off are told", () => {
  expect(judged({}, { version: 50_744 })).toEqual(["error DB-MY-011"]);
  expect(judged({}, { flavour: "mariadb", version: 100_525 })).toEqual(["error DB-MY-011"]);
  expect(judged({ log_replica_updates: "OFF" }, { isReplica: true })).toEqual(["error DB-MY-034"]);
  expect(judged({}, { clockAheadMs: -3000 })).toEqual(["warning DB-MY-063"]);
  expect(judged({}, { clockAheadMs: 90_000 })).toEqual(["error DB-MY-063"]);
  expect(judged({ server_id: "0" })).toEqual(["error DB-MY-038"]);
});
