import { describe, expect, test } from "vitest";
import { isDataError, namedObjects, sqlState, toReplicationError } from "../../../connectors/postgres/postgres-errors.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";

/** As the driver makes them: an Error with the fields of the server's report. */
function serverError(code: string, message: string, fields: Record<string, string> = {}): Error {
  return Object.assign(new Error(message), { code, ...fields });
}

function socketError(code: string): Error {
  return Object.assign(new Error(`connect ${code}`), { code });
}

const subject = "10.0.0.1:5432/national";

test.each([
  ["28P01", 'password authentication failed for user "x"', "DB-PG-002"],
  ["28000", 'no pg_hba.conf entry for host "10.0.0.2", user "x", database "y", SSL encryption', "DB-PG-002"],
  ["28000", 'no pg_hba.conf entry for host "10.0.0.2", user "x", database "y", no encryption', "DB-PG-002"],
  ["42501", "permission denied for table citizen", "DB-PG-003"],
  ["3D000", 'database "x" does not exist', "DB-PG-005"],
  ["53300", "sorry, too many clients already", "DB-PG-006"],
  ["53100", "could not extend file: No space left on device", "DB-PG-007"],
  ["25006", "cannot execute INSERT in a read-only transaction", "DB-PG-008"],
  ["25P03", "terminating connection due to idle-in-transaction timeout", "DB-PG-009"],
  ["25P04", "terminating connection due to transaction timeout", "DB-PG-009"],
  ["57P05", "terminating connection due to idle-session timeout", "DB-PG-009"],
  ["57P01", "terminating connection due to administrator command", "DB-PG-009"],
  ["57P03", "the database system is starting up", "DB-PG-009"],
  ["40P01", "deadlock detected", "DB-PG-010"],
  ["40001", "could not serialize access due to concurrent update", "DB-PG-010"],
  ["55P03", "canceling statement due to lock timeout", "DB-PG-010"],
  ["08P01", "unsupported startup parameter: replication", "DB-PG-011"],
  ["57014", "canceling statement due to statement timeout", "DB-PG-013"],
  ["53200", "out of memory", "DB-PG-014"],
  ["08006", "connection failure", "DB-PG-015"],
  ["42601", "syntax error", "DB-PG-017"],
  ["XX001", "invalid page in block 0", "DB-PG-018"],
  ["23505", "duplicate key value violates unique constraint", "DB-PG-019"],
  ["42P01", 'relation "citizen" does not exist', "DB-PG-020"],
  ["58030", "could not read block", "DB-PG-021"],
])("SQLSTATE %s (%s) becomes %s", (state, message, code) => {
  const error = toReplicationError(serverError(state, message), subject);
  expect(error).toMatchObject({ code, subject });
  expect(sqlState(error)).toBe(state);
});

test("an unencrypted connection that no rule admits is told of TLS", () => {
  const message = 'no pg_hba.conf entry for host "10.0.0.2", user "x", database "y", no encryption';
  expect(toReplicationError(serverError("28000", message), subject).remedy).toContain("sslmode=require");
});

test.each([
  ["ECONNREFUSED", "DB-PG-001"],
  ["ENOTFOUND", "DB-PG-001"],
  ["EAI_AGAIN", "DB-PG-001"],
  ["ETIMEDOUT", "DB-PG-001"],
  ["EHOSTUNREACH", "DB-PG-001"],
  ["ENOENT", "DB-PG-001"],
  ["ECONNRESET", "DB-PG-015"],
  ["EPIPE", "DB-PG-015"],
  ["CERT_HAS_EXPIRED", "DB-PG-004"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "DB-PG-004"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "DB-PG-004"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "DB-PG-004"],
  ["EPROTO", "DB-PG-004"],
])("socket error %s becomes %s", (name, code) => {
  const error = toReplicationError(socketError(name), subject);
  expect(error.code).toBe(code);
  expect(sqlState(error)).toBeNull();
});

test.each([
  ["The server does not support SSL connections", "DB-PG-004"],
  ["Connection terminated unexpectedly", "DB-PG-015"],
  ["timeout expired", "DB-PG-001"],
  ["SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a non-empty string", "DB-PG-002"],
  ["There was an error establishing an SSL connection", "DB-PG-001"],
  ["something else", "DB-PG-017"],
])("the driver's own %j becomes %s", (message, code) => {
  expect(toReplicationError(new Error(message), subject).code).toBe(code);
});

test("a mistake in dongbo itself is not taken for a failure of the server", () => {
  expect(toReplicationError(new TypeError("x is not a function"), subject).code).toBe("DB-RUN-001");
});

test("an error that has its code already is passed on as it is", () => {
  const error = new ReplicationError("DB-SLOT-002", { subject });
  expect(toReplicationError(error, "elsewhere")).toBe(error);
});

describe("no row value reaches a message, a stack or the cause (I-12)", () => {
  const value = "Nguyễn Văn Bí Mật";
  test.each([
    ["22P02", `invalid input syntax for type integer: "${value}"`],
    ["23505", "duplicate key value violates unique constraint"],
    ["P0001", `citizen ${value} is not allowed`],
    ["42601", `syntax error at or near "${value}"`],
    ["XX000", `unexpected ${value}`],
    ["99999", value],
  ])("SQLSTATE %s", (state, message) => {
    const raw = serverError(state, message, { detail: `Key (name)=(${value}) exists`, where: value, internalQuery: value, hint: value });
    const error = toReplicationError(raw, subject);
    const everything = [
      error.message,
      error.stack,
      JSON.stringify(error),
      String((error.cause as Error).stack),
      JSON.stringify(error.cause),
    ];
    expect(everything.join("\n")).not.toContain("Bí Mật");
    expect(error.message).toContain(state);
  });
});

test("the objects that the server names are kept, for quarantine and messages", () => {
  const raw = serverError("23514", "new row violates check constraint", { table: "citizen", column: "age", constraint: "age_check" });
  const error = toReplicationError(raw, subject);
  expect(namedObjects(error)).toEqual({ table: "citizen", column: "age", constraint: "age_check" });
  expect(namedObjects(raw)).toEqual(namedObjects(error));
  expect(namedObjects(new Error("x"))).toEqual({ table: null, column: null, constraint: null });
  expect(error.message).toContain("constraint age_check");
});

test.each([
  ["22001", true],
  ["22P02", true],
  ["22021", true],
  ["23502", true],
  ["23514", true],
  ["44000", true],
  ["54000", true],
  ["P0001", true],
  ["40P01", false],
  ["53100", false],
  ["42501", false],
  ["57P01", false],
])("SQLSTATE %s is the row's own fault: %s", (state, own) => {
  expect(isDataError(serverError(state, ""))).toBe(own);
  expect(isDataError(toReplicationError(serverError(state, ""), subject))).toBe(own);
});

test("socket codes as long as a SQLSTATE are not taken for one", () => {
  expect(sqlState(socketError("EPIPE"))).toBeNull();
  expect(isDataError(socketError("EPIPE"))).toBe(false);
});
