// What @platformatic/kafka throws → error codes.
import { AuthenticationError, NetworkError, ProtocolError, TimeoutError, UnsupportedCompressionError } from "@platformatic/kafka";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { fromProtocol, fromSocket, unexpected } from "./kafka-errors.ts";

/** Wraps what the client threw. `subject` names the brokers, the topic or the group. */
export function toReplicationError(error: unknown, subject: string): ReplicationError {
  if (error instanceof ReplicationError) return error;
  const all = [...withCauses(error)];
  const compression = all.find((one) => one instanceof UnsupportedCompressionError);
  if (compression !== undefined) return new ReplicationError("DB-KAF-013", { subject }, { cause: error });
  if (all.some((one) => one instanceof AuthenticationError)) return new ReplicationError("DB-KAF-002", { subject }, { cause: error });
  const number = protocolNumber(error);
  if (number !== null) return fromProtocol(number, subject, error);
  for (const one of all) {
    const socket = fromSocket(one, subject);
    if (socket !== null) return socket;
  }
  if (all.some((one) => one instanceof TimeoutError)) return new ReplicationError("DB-KAF-008", { subject }, { cause: error });
  if (all.some((one) => one instanceof NetworkError)) {
    return new ReplicationError("DB-KAF-001", { subject, cause: "the connection to a broker was closed" }, { cause: error });
  }
  return unexpected(error, subject);
}

/** The first error number of the protocol in it; null: the failure is of another kind. */
function protocolNumber(error: unknown): number | null {
  for (const one of withCauses(error)) if (one instanceof ProtocolError) return (one as ProtocolError & { apiCode: number }).apiCode;
  return null;
}

function* withCauses(error: unknown): Generator {
  yield error;
  if (error instanceof AggregateError) for (const one of error.errors) yield* withCauses(one);
  if (error instanceof Error && error.cause !== undefined) yield* withCauses(error.cause);
}
