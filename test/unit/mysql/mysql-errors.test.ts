import { describe, expect, test } from "vitest";
import { toReplicationError } from "../../../connectors/mysql/mysql-errors.ts";
import { retryKind } from "../../../engine/fleet/retry-policy.ts";

function codeOf(errno: number, sqlState: string): string {
  return toReplicationError(Object.assign(new Error("words of the server"), { errno, sqlState }), "db:3306").code;
}

describe("what the server answers in a bad moment is tried again", () => {
  test.each<[string, number, string, string]>([
    ["a node of a cluster without quorum", 1047, "08S01", "DB-MY-009"],
    ["too many failed connections from this host", 1129, "HY000", "DB-MY-009"],
    ["a session that was killed", 3169, "HY000", "DB-MY-009"],
    ["a statement whose tables were flushed too often", 1615, "HY000", "DB-MY-010"],
    ["a row that was changed meanwhile", 1020, "HY000", "DB-MY-010"],
    ["too many prepared statements on the server", 1461, "42000", "DB-MY-014"],
    ["too many transactions at once", 1637, "HY000", "DB-MY-014"],
    ["a packet that did not arrive whole in time", 1159, "08S01", "DB-MY-015"],
  ])("%s", (_, errno, sqlState, code) => {
    expect(codeOf(errno, sqlState)).toBe(code);
    expect(retryKind(toReplicationError(Object.assign(new Error(), { errno, sqlState }), "db:3306"))).toBe("timed");
  });

  test("what is not foreseen is not", () => {
    expect(codeOf(9999, "HY000")).toBe("DB-MY-017");
  });
});
