// SQLSTATE and socket errors of PostgreSQL sessions → error codes (PostgreSQL manual, appendix "PostgreSQL Error Codes").
// Decides by SQLSTATE, never by the server's words where it can be helped: they come in the server's language.
import { AssertionError } from "../../engine/model/assert.ts";
import type { ErrorCode } from "../../engine/model/error-codes.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import { isTlsFailure, tlsCause } from "../tls-failure.ts";

/** What the driver and Node put on their errors. */
interface RawError {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly schema?: unknown;
  readonly table?: unknown;
  readonly column?: unknown;
  readonly constraint?: unknown;
}

const codeOfState: Readonly<Record<string, ErrorCode>> = {
  "25006": "DB-PG-008",
  "25P03": "DB-PG-009",
  "25P04": "DB-PG-009",
  "28000": "DB-PG-002",
  "28P01": "DB-PG-002",
  "3D000": "DB-PG-005",
  "3F000": "DB-PG-020",
  "40001": "DB-PG-010",
  "40P01": "DB-PG-010",
  "42501": "DB-PG-003",
  "42703": "DB-PG-020",
  "42704": "DB-PG-020",
  "42883": "DB-PG-020",
  "42P01": "DB-PG-020",
  "53100": "DB-PG-007",
  "53300": "DB-PG-006",
  "55006": "DB-PG-010",
  "55P03": "DB-PG-010",
  "57014": "DB-PG-013",
  "57P04": "DB-PG-005",
};

/** Where no state of its own is listed above, its class (the first two characters) decides. */
const codeOfClass: Readonly<Record<string, ErrorCode>> = {
  "08": "DB-PG-015",
  "22": "DB-PG-019",
  "23": "DB-PG-019",
  "44": "DB-PG-019",
  "40": "DB-PG-010",
  "53": "DB-PG-014",
  "54": "DB-PG-019",
  "57": "DB-PG-009",
  "58": "DB-PG-021",
  F0: "DB-PG-018",
  XX: "DB-PG-018",
};

/** Classes whose primary message names objects and settings only. Messages of other classes may quote a value of a row. */
const messageIsSafe = new Set(["08", "0A", "25", "28", "3D", "3F", "40", "53", "55", "57", "58"]);
/** States of class 42 whose message names an object, not a piece of the statement's text. */
const messageNamesObject = new Set(["42501", "42703", "42704", "42883", "42P01", "42P07", "42710", "42809", "42P17"]);

const connectionLost = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED", "ERR_STREAM_DESTROYED", "ERR_STREAM_WRITE_AFTER_END"]);

const driverSaysLost = new Set([
  "Connection terminated unexpectedly",
  "Connection terminated",
  "Client has encountered a connection error and is not queryable",
  "Client was closed and is not queryable",
  "Query read timeout",
]);

/**
 * Wraps what a driver threw. The message takes the server's own sentence only where it cannot quote a row; DETAIL lines
 * never. The cause is kept, without what could hold row values. `subject` names the server, table or slot concerned.
 */
export function toReplicationError(error: unknown, subject: string): ReplicationError {
  if (error instanceof ReplicationError) return error;
  const state = sqlState(error);
  if (state === null) return fromSocket(error, subject);
  if (state === "08P01" && isPoolerRefusal(error)) {
    const cause = "a connection pooler answers in place of the server";
    return new ReplicationError("DB-PG-011", { subject, cause }, { cause: withoutValues(error) });
  }
  const code = codeOfState[state] ?? codeOfClass[state.slice(0, 2)] ?? "DB-PG-017";
  const facts = { subject, cause: describe(error, state), ...(mayWantTls(error, state) ? { remedy: tlsRemedy } : {}) };
  return new ReplicationError(code, facts, { cause: withoutValues(error) });
}

/** SQLSTATE of an error that a PostgreSQL server sent, also when wrapped; null for all other failures. */
export function sqlState(error: unknown): string | null {
  if (error instanceof ReplicationError) return sqlState(error.cause);
  const { code } = raw(error);
  // Node's own codes (EPIPE) are as long as a SQLSTATE but hold no digit; every SQLSTATE does.
  if (typeof code !== "string" || !/^[0-9A-Z]{5}$/.test(code)) return null;
  return /\d/.test(code) ? code : null;
}

/**
 * The server refused this data as such (SQLSTATE classes 22, 23 and 44, a trigger's RAISE, or a row over a size limit):
 * trying again with the same rows cannot succeed, and another row might.
 */
export function isDataError(error: unknown): boolean {
  const state = sqlState(error);
  if (state === null) return false;
  return ["22", "23", "44"].includes(state.slice(0, 2)) || state === "P0001" || state === "54000";
}

/** The objects a server error names, for quarantine records and messages; null where it names none. Never values. */
export function namedObjects(error: unknown): { table: string | null; column: string | null; constraint: string | null } {
  const { table, column, constraint } = raw(error instanceof ReplicationError ? error.cause : error);
  return { table: textOrNull(table), column: textOrNull(column), constraint: textOrNull(constraint) };
}

function fromSocket(error: unknown, subject: string): ReplicationError {
  const { code, message } = raw(error);
  const name = typeof code === "string" ? code : "";
  const text = typeof message === "string" ? message : "";
  if (isOurOwn(error)) return new ReplicationError("DB-RUN-001", { subject }, { cause: error });
  const make = (to: ErrorCode, cause?: string): ReplicationError =>
    new ReplicationError(to, cause === undefined ? { subject } : { subject, cause }, { cause: error });
  if (text.startsWith("SASL")) return make("DB-PG-002", passwordCause(text));
  if (text === "The server does not support SSL connections") {
    const remedy = "Turn on `ssl` at the server; sslmode=disable in the URL gives TLS up, where nobody can listen in";
    return new ReplicationError("DB-PG-004", { subject, cause: "the server offers no TLS", remedy }, { cause: error });
  }
  if (isTlsFailure(name)) return make("DB-PG-004", tlsCause(name, "server"));
  if (connectionLost.has(name) || driverSaysLost.has(text)) return make("DB-PG-015");
  if (name === "" && text === "timeout expired") return make("DB-PG-001", "the server did not answer in time");
  if (name === "ENOTFOUND" || name === "EAI_AGAIN") return make("DB-PG-001", `the host name cannot be resolved (${name})`);
  if (/^E[A-Z]+$/.test(name)) return make("DB-PG-001", `the server cannot be reached (${name})`);
  if (text === "There was an error establishing an SSL connection")
    return make("DB-PG-001", "what answers there does not speak PostgreSQL's protocol");
  return make("DB-PG-017", "the session failed in an unexpected way");
}

function passwordCause(text: string): string {
  return /password must be/.test(text)
    ? "the server asks for a password and none is given"
    : "the server and dongbo could not agree on the password";
}

/** The server's sentence where it is safe to show, else the names it gives; always the SQLSTATE. */
function describe(error: unknown, state: string): string {
  const { message, constraint, column, table } = raw(error);
  const safe = messageIsSafe.has(state.slice(0, 2)) || messageNamesObject.has(state);
  if (safe && typeof message === "string") return `${message} (SQLSTATE ${state})`;
  const named = [
    typeof table === "string" ? `table ${table}` : "",
    typeof column === "string" ? `column ${column}` : "",
    typeof constraint === "string" ? `constraint ${constraint}` : "",
  ].filter((part) => part !== "");
  const where = named.length === 0 ? "" : `, ${named.join(", ")}`;
  return `the server answered with SQLSTATE ${state}${where}`;
}

/** A copy of a server's error that is safe in logs: SQLSTATE and names of objects; no DETAIL, CONTEXT or quoted values. */
function withoutValues(error: unknown): Error {
  const { code, schema, table, column, constraint } = raw(error);
  const copy = new Error(`SQLSTATE ${String(code)}`);
  return Object.assign(copy, { code, schema, table, column, constraint });
}

/** A mistake in dongbo, not a failure of the session it came up in. */
function isOurOwn(error: unknown): boolean {
  return error instanceof AssertionError || error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
}

function isPoolerRefusal(error: unknown): boolean {
  return /startup parameter/.test(String(raw(error).message));
}

const tlsRemedy =
  "Let the server admit this user, database and address in pg_hba.conf; if it admits encrypted connections only, put sslmode=require or stronger into the URL";

/** The server knows no rule for this connection as it came, unencrypted; it may know one for an encrypted one. */
function mayWantTls(error: unknown, state: string): boolean {
  return state === "28000" && /no encryption|SSL off/.test(String(raw(error).message));
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function raw(error: unknown): RawError {
  return typeof error === "object" && error !== null ? error : {};
}
