// Facts of a MySQL or MariaDB target server → findings.
import { expect, test } from "vitest";
import { judgeTarget } from "../../../connectors/mysql/preflight/judge-target.ts";
import type { TargetFacts } from "../../../connectors/mysql/preflight/target-facts.ts";
import { matches } from "../../../connectors/mysql/preflight/target-privileges.ts";

const good: TargetFacts = {
  flavour: "mariadb",
  version: 101_119,
  account: "dongbo_target@%",
  sessionsMax: 0,
  readOnly: false,
  innodb: true,
  pageSizeBytes: 16_384,
  packetMaxBytes: 67_108_864,
  foldsNames: false,
  functionsNeedTrust: false,
  logsStatements: false,
  clockCanBeSet: false,
  clockAheadMs: 0,
};

const cases: readonly (readonly [string, Partial<TargetFacts>, readonly string[]])[] = [
  ["a good server", {}, []],
  ["a MariaDB that is too old", { version: 100_518 }, ["DB-MY-011 error"]],
  ["a MySQL of today", { flavour: "mysql", version: 80_400 }, []],
  ["a MySQL that is too old", { flavour: "mysql", version: 50_744 }, ["DB-MY-011 error"]],
  ["a server without InnoDB", { innodb: false }, ["DB-MY-062 error"]],
  ["pages too small for the keys of dongbo's tables", { pageSizeBytes: 8_192 }, ["DB-MY-062 error"]],
  ["a replica", { readOnly: true }, ["DB-MY-008 error"]],
  ["a binary log of statements", { logsStatements: true }, ["DB-MY-064 error"]],
  ["a clock that any session can set", { clockCanBeSet: true }, ["DB-MY-060 error"]],
  ["a clock that is a little off", { clockAheadMs: -2_001 }, ["DB-MY-063 warning"]],
  ["a clock that is off by a minute", { clockAheadMs: 60_001 }, ["DB-MY-063 error"]],
  ["a small packet", { packetMaxBytes: 16_777_216 }, ["DB-MY-061 warning"]],
  ["a user with as many sessions as are needed", { sessionsMax: 5 }, []],
  ["a user with too few", { sessionsMax: 4 }, ["DB-MY-006 error"]],
];
test.each(cases)("%s", (_name, facts, expected) => {
  const findings = judgeTarget({ ...good, ...facts }, "hue", 3);
  expect(findings.map(({ code, severity }) => `${code} ${severity}`)).toEqual(expected);
});

test("a version is told as people write it", () => {
  expect(judgeTarget({ ...good, version: 100_518 }, "hue", 1)[0]?.cause).toBe(
    "the server's version is 10.5.18; dongbo knows MariaDB 10.6 and later",
  );
});

test.each([
  [String.raw`a\_copy`, "a_copy", true],
  [String.raw`a\_copy`, "abcopy", false],
  ["a_copy", "abcopy", true],
  ["pop%", "population", true],
  [String.raw`pop\%`, "population", false],
  ["a.b", "axb", false],
  [String.raw`a\\b`, String.raw`a\b`, true],
  ["%", "", true],
])("the pattern %s of a grant and database %s: %s", (pattern, database, expected) => {
  expect(matches(pattern, database)).toBe(expected);
});
