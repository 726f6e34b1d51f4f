// Server and socket errors of MySQL and MariaDB sessions → error codes (MySQL "Server Error Message Reference", MariaDB
// "Error Codes"). Decides by error number, never by the server's words where it can be helped: they come in its language.
import { AssertionError } from "../../engine/model/assert.ts";
import type { ErrorCode } from "../../engine/model/error-codes.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import { isTlsFailure, tlsCause } from "../tls-failure.ts";

/** What the driver and Node put on their errors. */
interface RawError {
  readonly code?: unknown;
  readonly errno?: unknown;
  readonly sqlState?: unknown;
  readonly message?: unknown;
}

const numbers: readonly (readonly [ErrorCode, readonly number[]])[] = [
  ["DB-MY-002", [1045, 1251, 1275, 1698, 1820, 1862, 3118, 4151]],
  ["DB-MY-003", [1044, 1142, 1143, 1144, 1227, 1370, 1410, 1419]],
  ["DB-MY-005", [1049]],
  ["DB-MY-006", [1040, 1203, 1226]],
  ["DB-MY-007", [1021, 1114, 3, 28, 1030]],
  ["DB-MY-008", [1290, 1792, 1836]],
  // 1047: a node of a Galera cluster that has no quorum, or is not in step yet.
  ["DB-MY-009", [1043, 1047, 1053, 1077, 1079, 1080, 1129, 1152, 1184, 1927, 3169, 4031]],
  // 1615: tables were opened anew so often meanwhile that the server gave up preparing the statement again.
  ["DB-MY-010", [1020, 1205, 1213, 1412, 1614, 1615, 3058, 3572]],
  ["DB-MY-013", [1317, 1969, 3024]],
  ["DB-MY-014", [1037, 1038, 1041, 1135, 1206, 1461, 1637]],
  ["DB-MY-015", [1158, 1159, 1160, 1161]],
  ["DB-MY-016", [1153]],
  ["DB-MY-020", [1054, 1146, 1305, 1051, 1091, 1109]],
];
const codeOfNumber = new Map(numbers.flatMap(([code, list]) => list.map((number) => [number, code] as const)));

/** The server refused this data as such: trying again with the same rows cannot succeed, and another row might. */
const dataNumbers: ReadonlySet<number> = new Set([
  // Duplicate, NULL, foreign key, check, too long, out of range, wrong value, JSON, geometry, row too large, division, no partition.
  1022, 1048, 1062, 1169, 1216, 1217, 1263, 1264, 1265, 1292, 1364, 1365, 1366, 1406, 1416, 1451, 1452, 1525, 1526, 1557, 1586, 1644, 1690,
  1761, 1762, 3140, 3144, 3155, 3156, 3157, 3819, 3854, 4025, 4038, 4079, 1118, 139, 1301, 1300, 3854, 1411, 1367,
]);

/** Errors whose message names objects and settings only. Messages of others may quote a value of a row. */
const messageIsSafe: ReadonlySet<number> = new Set([
  1044, 1045, 1049, 1142, 1143, 1144, 1227, 1290, 1370, 1305, 1146, 1051, 1091, 1040, 1203, 1226, 1236, 1205, 1213, 1317, 1419, 1054, 1193,
  1231, 1836, 1153,
]);

const connectionLost = new Set([
  "PROTOCOL_CONNECTION_LOST",
  "ECONNRESET",
  "EPIPE",
  "ECONNABORTED",
  "ERR_STREAM_DESTROYED",
  "ERR_STREAM_WRITE_AFTER_END",
  "PROTOCOL_SEQUENCE_TIMEOUT",
]);

/** Wraps what the driver threw. `subject` names the server or table concerned. Texts never quote row values. */
export function toReplicationError(error: unknown, subject: string): ReplicationError {
  if (error instanceof ReplicationError) return error;
  const number = errorNumber(error);
  if (number === null) return fromSocket(error, subject);
  const code = codeOfNumber.get(number) ?? (dataNumbers.has(number) ? "DB-MY-019" : "DB-MY-017");
  return new ReplicationError(code, { subject, cause: describe(error, number) }, { cause: withoutValues(error) });
}

/** Number of an error that a server sent, also when wrapped; null for all other failures. */
export function errorNumber(error: unknown): number | null {
  if (error instanceof ReplicationError) return errorNumber(error.cause);
  const { errno, sqlState } = raw(error);
  // Node's own errors carry a negative errno and no SQLSTATE.
  return typeof errno === "number" && errno > 0 && typeof sqlState === "string" ? errno : null;
}

/** SQLSTATE of an error that a server sent, also when wrapped; null for all other failures. */
export function sqlState(error: unknown): string | null {
  if (error instanceof ReplicationError) return sqlState(error.cause);
  const { sqlState: state } = raw(error);
  return typeof state === "string" ? state : null;
}

/** The server refused this data as such, for good. */
export function isDataError(error: unknown): boolean {
  const number = errorNumber(error);
  return number !== null && dataNumbers.has(number);
}

function fromSocket(error: unknown, subject: string): ReplicationError {
  const { code, message } = raw(error);
  const name = typeof code === "string" ? code : "";
  const text = typeof message === "string" ? message : "";
  if (isOurOwn(error)) return new ReplicationError("DB-RUN-001", { subject }, { cause: error });
  const make = (to: ErrorCode, cause?: string): ReplicationError =>
    new ReplicationError(to, cause === undefined ? { subject } : { subject, cause }, { cause: error });
  if (name === "HANDSHAKE_NO_SSL_SUPPORT") {
    const remedy = "Turn on TLS at the server; sslmode=disable in the URL gives it up, where nobody can listen in";
    return new ReplicationError("DB-MY-004", { subject, cause: "the server offers no TLS", remedy }, { cause: error });
  }
  if (name === "HANDSHAKE_SSL_ERROR" || isTlsFailure(name)) return make("DB-MY-004", tlsCause(name, "server", text));
  if (connectionLost.has(name) || /closed state|Connection lost/i.test(text)) return make("DB-MY-015");
  if (name === "ETIMEDOUT") return make("DB-MY-001", "the server did not answer in time");
  if (name === "ENOTFOUND" || name === "EAI_AGAIN") return make("DB-MY-001", `the host name cannot be resolved (${name})`);
  if (/^E[A-Z]+$/.test(name)) return make("DB-MY-001", `the server cannot be reached (${name})`);
  return make("DB-MY-017", "the session failed in an unexpected way");
}

/** The server's sentence where it is safe to show; always the error number. */
function describe(error: unknown, number: number): string {
  const { message, sqlState: state } = raw(error);
  const told = `error ${number}, SQLSTATE ${String(state)}`;
  return messageIsSafe.has(number) && typeof message === "string" ? `${message} (${told})` : `the server answered with ${told}`;
}

/** A copy of a server's error that is safe in logs. */
function withoutValues(error: unknown): Error {
  const { code, errno, sqlState: state } = raw(error);
  return Object.assign(new Error(`error ${String(errno)}, SQLSTATE ${String(state)}`), { code, errno, sqlState: state });
}

/** A mistake in dongbo, not a failure of the session it came up in. */
function isOurOwn(error: unknown): boolean {
  return error instanceof AssertionError || error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
}

function raw(error: unknown): RawError {
  return typeof error === "object" && error !== null ? error : {};
}
