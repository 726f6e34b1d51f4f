// Error numbers of the Kafka protocol and failures of sockets → error codes (Kafka protocol guide, "Error Codes"). Decides by number,
// never by words: clients put them differently.
import { AssertionError } from "../../../engine/model/assert.ts";
import type { ErrorCode } from "../../../engine/model/error-codes.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { isTlsFailure, tlsCause } from "../../tls-failure.ts";

/** Numbers that the code of this connector decides by. */
export const protocolError = {
  offsetOutOfRange: 1,
  unknownTopicOrPartition: 3,
  topicAlreadyExists: 36,
} as const;

const codes: readonly (readonly [ErrorCode, readonly number[]])[] = [
  ["DB-KAF-002", [33, 34, 58]],
  ["DB-KAF-003", [29, 30, 31, 53]],
  ["DB-KAF-004", [3, 17]],
  // No leader, no coordinator, too few replicas, rebalance, storage, throttled: what a cluster mends by itself.
  ["DB-KAF-005", [5, 6, 7, 8, 9, 13, 14, 15, 16, 19, 20, 22, 25, 27, 51, 56, 60, 74, 75, 78, 79, 89, 100, 103]],
  ["DB-KAF-007", [1]],
  ["DB-KAF-011", [47, 90]],
  ["DB-KAF-012", [10, 18]],
];
const codeOfNumber = new Map(codes.flatMap(([code, numbers]) => numbers.map((number) => [number, code] as const)));

/** What an error number of the protocol means. `subject` names the topic, the group or the brokers. */
export function fromProtocol(number: number, subject: string, cause?: unknown): ReplicationError {
  const code = codeOfNumber.get(number) ?? "DB-KAF-010";
  const facts = code === "DB-KAF-010" ? { subject, cause: `a broker answered with error ${number} of the Kafka protocol` } : { subject };
  return new ReplicationError(code, facts, { cause });
}

/** What a failed socket means. Null: not a failure of a socket. */
export function fromSocket(error: unknown, subject: string): ReplicationError | null {
  const name = socketCode(error);
  if (name === null) return null;
  const make = (code: ErrorCode, cause: string): ReplicationError => new ReplicationError(code, { subject, cause }, { cause: error });
  if (isTlsFailure(name)) return make("DB-KAF-009", tlsCause(name, "broker"));
  if (name === "ENOTFOUND" || name === "EAI_AGAIN") return make("DB-KAF-001", `the host name cannot be resolved (${name})`);
  return make("DB-KAF-001", `the brokers cannot be reached (${name})`);
}

/** A failure that is ours, or that nobody foresaw. */
export function unexpected(error: unknown, subject: string): ReplicationError {
  if (isOurOwn(error)) return new ReplicationError("DB-RUN-001", { subject }, { cause: error });
  return new ReplicationError("DB-KAF-010", { subject }, { cause: error });
}

/** Node's own code of the failure, looked for in the causes as well. */
function socketCode(error: unknown): string | null {
  for (let at = error, depth = 0; typeof at === "object" && at !== null && depth < 5; depth++) {
    const { code, cause } = at as { code?: unknown; cause?: unknown };
    if (typeof code === "string" && (/^E[A-Z]+(_[A-Z]+)?$/.test(code) || isTlsFailure(code))) return code;
    at = cause;
  }
  return null;
}

function isOurOwn(error: unknown): boolean {
  return error instanceof AssertionError || error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
}
