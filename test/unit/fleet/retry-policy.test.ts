import { describe, expect, test } from "vitest";
import { asReplicationError, retryKind, timedCodes } from "../../../engine/fleet/retry-policy.ts";
import { errorCodes } from "../../../engine/model/error-codes.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";

describe("retry policy", () => {
  test.each(Object.entries(errorCodes))("%s is retried as its register entry says", (code, entry) => {
    const error = new ReplicationError(code as keyof typeof errorCodes, { subject: "x" });
    expect(retryKind(error)).toBe(entry.retry);
    expect(retryKind(error.code)).toBe(entry.retry);
    expect(timedCodes().includes(error.code)).toBe(entry.retry === "timed");
  });

  test("what was not foreseen waits for an operator and keeps its cause", () => {
    const bug = new TypeError("x is undefined");
    expect(retryKind(bug)).toBe("operator");
    const wrapped = asReplicationError(bug, "population/hcm");
    expect(wrapped.code).toBe("DB-RUN-001");
    expect(wrapped.cause).toBe(bug);
    expect(retryKind(wrapped)).toBe("operator");
  });

  test("an error that already has a code stays itself", () => {
    const error = new ReplicationError("DB-PG-001", { subject: "db" });
    expect(asReplicationError(error, "elsewhere")).toBe(error);
  });
});
