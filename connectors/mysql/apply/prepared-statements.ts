// Prepared statements of one session, as many as the server should be made to remember.
import type { Connection, ResultSetHeader } from "mysql2";
import { executeBulk, type WriteAnswer } from "./bulk-insert.ts";

/** A value as it is bound: text as a string, bytes as a Buffer. */
export type Bound = string | Buffer | null;

/** Parameters of all statements kept: each costs the server some hundred bytes. */
const parametersMax = 100_000;
/** A statement of one row is counted as if it had so many. */
const bulkParameters = 100;

export class PreparedStatements {
  readonly #connection: Connection;
  /** SQL → number of its parameters, the one used longest ago first. */
  readonly #kept = new Map<string, number>();
  #parameters = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Rejects with the driver's error. */
  async execute(sql: string, parameters: readonly Bound[]): Promise<WriteAnswer> {
    this.#keep(sql, parameters.length);
    return new Promise((resolve, reject) => {
      this.#connection.execute<ResultSetHeader>(sql, [...parameters], (error, header) => {
        if (error === null) resolve(header);
        else reject(error);
      });
    });
  }

  /** Executes an INSERT of one row for the rows of a packet. Rejects with the driver's error. */
  async executeBulk(sql: string, packet: Buffer): Promise<WriteAnswer> {
    this.#keep(sql, bulkParameters);
    return executeBulk(this.#connection, sql, packet);
  }

  #keep(sql: string, parameters: number): void {
    this.#parameters -= this.#kept.get(sql) ?? 0;
    this.#kept.delete(sql);
    this.#kept.set(sql, parameters);
    this.#parameters += parameters;
    for (const [oldest, count] of this.#kept) {
      if (this.#parameters <= parametersMax || oldest === sql) return;
      this.#connection.unprepare(oldest);
      this.#kept.delete(oldest);
      this.#parameters -= count;
    }
  }
}
