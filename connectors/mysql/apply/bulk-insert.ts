// A prepared INSERT that is executed for many rows at a time, as a command of the driver's, which has none of its own for it.
import { EventEmitter } from "node:events";
import type { Connection } from "mysql2";
import { addressTo } from "./bulk-packet.ts";

/** What the server says of a statement that writes (MySQL Internals, "OK_Packet"). */
export interface WriteAnswer {
  readonly affectedRows: number;
  readonly insertId: number;
  readonly warningStatus: number;
  /** Among others, in words, how many rows were there already. */
  readonly info: string;
}

/** A packet of the driver's. */
interface Packet {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly end: number;
  isError(): boolean;
  asError(encoding: string): Error;
  readInt8(): number;
  readInt16(): number;
  readLengthCodedNumber(): number;
}

/** What the driver's commands are given, and has no types for: a reason why its version is pinned. */
interface DriverConnection {
  readonly clientEncoding: string;
  addCommand(command: BulkInsert): void;
  writePacket(packet: { readonly buffer: Buffer; length(): number; writeHeader(sequence: number): void }): void;
  _resetSequenceId(): void;
}

/**
 * Executes the statement for the rows of a packet (BulkPacket): all of them are written, or none. Of a server that takes bulk
 * operations. Rejects with the driver's error.
 */
export function executeBulk(connection: Connection, sql: string, packet: Buffer): Promise<WriteAnswer> {
  return new Promise((resolve, reject) => {
    connection.prepare(sql, (error, statement) => {
      if (error !== null) return reject(error);
      addressTo(packet, (statement as unknown as { id: number }).id);
      return (connection as unknown as DriverConnection).addCommand(new BulkInsert(packet, resolve, reject));
    });
  });
}

class BulkInsert extends EventEmitter {
  readonly #packet: Buffer;
  readonly #resolve: (answer: WriteAnswer) => void;
  readonly #reject: (error: Error) => void;
  #sent = false;

  constructor(packet: Buffer, resolve: (answer: WriteAnswer) => void, reject: (error: Error) => void) {
    super();
    this.#packet = packet;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** The driver's call when the connection is lost. */
  onResult(error: Error): void {
    this.#reject(error);
  }

  /** The driver's call: first without a packet, then with the answer. True: it is over. */
  execute(answer: Packet | undefined, connection: DriverConnection): boolean {
    if (!this.#sent || answer === undefined) {
      this.#sent = true;
      const buffer = this.#packet;
      connection._resetSequenceId();
      connection.writePacket({
        buffer,
        length: () => buffer.length,
        writeHeader: (sequence) => buffer.writeUInt8(sequence, buffer.writeUIntLE(buffer.length - headerBytes, 0, 3)),
      });
      return false;
    }
    if (answer.isError()) this.#reject(answer.asError(connection.clientEncoding));
    else this.#resolve(readAnswer(answer));
    this.emit("end");
    return true;
  }
}

/** Of a packet: its length and its number. */
const headerBytes = 4;

function readAnswer(packet: Packet): WriteAnswer {
  packet.readInt8();
  const affectedRows = packet.readLengthCodedNumber();
  const insertId = packet.readLengthCodedNumber();
  packet.readInt16();
  const warningStatus = packet.readInt16();
  return { affectedRows, insertId, warningStatus, info: packet.buffer.toString("latin1", packet.offset, packet.end) };
}
