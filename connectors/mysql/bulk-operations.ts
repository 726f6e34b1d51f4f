// Whether a server executes a prepared statement for many rows at a time (MariaDB, "COM_STMT_BULK_EXECUTE"). An INSERT stays one
// statement, with its row count, its notes and ON DUPLICATE KEY UPDATE, at half of what the same rows cost in a VALUES list. LOAD DATA
// LOCAL costs no less, turns refused rows into warnings, and with REPLACE removes rows of other keys.
import type { Connection } from "mysql2";

/** MARIADB_CLIENT_STMT_BULK_OPERATIONS, of the capabilities that MariaDB has beside MySQL's. */
const bulkOperations = 0x4;

/** What the driver keeps in its connection and has no types for: a reason why its version is pinned. */
interface DriverConnection {
  readonly _command: Handshake;
  readonly _handshakePacket: { readonly mariadbExtendedCapabilityFlags: number };
  /** The two have agreed on MariaDB's own capabilities. */
  readonly _mariadbExtendedMetadata: boolean;
}

interface Handshake {
  next: (this: Handshake, hello: { readonly buffer: Buffer }, connection: unknown) => unknown;
  mariadbExtendedClientFlags: number;
}

/** Tells MariaDB that bulk operations will be asked of it. To be called before the server has said anything. */
export function offerBulkOperations(connection: Connection): void {
  const { _command: handshake } = connection as unknown as DriverConnection;
  const { next } = handshake;
  handshake.next = function answerHello(hello, inner): unknown {
    // Its name is part of the version that it says it has; where MySQL's servers have nothing, these bits have no meaning.
    if (hello.buffer.includes("MariaDB")) this.mariadbExtendedClientFlags = bulkOperations;
    return next.call(this, hello, inner);
  };
}

export function takesBulkOperations(connection: Connection): boolean {
  const { _handshakePacket: hello, _mariadbExtendedMetadata: agreed } = connection as unknown as DriverConnection;
  return agreed && (hello.mariadbExtendedCapabilityFlags & bulkOperations) !== 0;
}
