// Several statements in one round trip: Parse/Bind/Execute of each, one Sync at the end (PostgreSQL manual, "Pipelining").
// Written for `pg` as a query object of our own, because its own queries wait for an answer each and copy every value.
import type { Writable } from "node:stream";
import type pg from "pg";
import { assert } from "../../../engine/model/assert.ts";
import type { ArrayParameter } from "./array-parameter.ts";
import { ByteWriter } from "./byte-writer.ts";

/** Fewer bytes than these are not worth a write of their own. */
const sentAtOnceBytes = 64 * 1024;

/** A parameter: text, NULL, or a whole column. */
export type Parameter = string | null | ArrayParameter;

export interface Statement {
  readonly sql: string;
  readonly parameters: readonly Parameter[];
}

export interface StatementResult {
  /** Rows returned, all values as text. */
  readonly rows: readonly (readonly (string | null)[])[];
  /** Rows affected, from the command tag; 0 for commands that affect none. */
  readonly count: number;
}

/** Which statement of a batch failed, and what the server or the driver said. */
export class StatementFailure extends Error {
  override readonly name = "StatementFailure";
  /** Index in the batch. */
  readonly index: number;

  constructor(index: number, cause: unknown) {
    super(`statement ${index} of the batch failed`, { cause });
    this.index = index;
  }
}

/** Names of the statements that one session has prepared. Beyond the limit statements are sent unnamed. */
export class PreparedStatements {
  static readonly limit = 400;
  readonly #names = new Map<string, string>();
  readonly #parsed = new Set<string>();

  /** The statement's name, empty for none, and whether the server has to parse it first. */
  use(sql: string): { readonly name: string; readonly parse: boolean } {
    let name = this.#names.get(sql);
    if (name === undefined) {
      if (this.#names.size >= PreparedStatements.limit) return { name: "", parse: true };
      name = `dongbo_${this.#names.size}`;
      this.#names.set(sql, name);
    }
    const parse = !this.#parsed.has(name);
    this.#parsed.add(name);
    return { name, parse };
  }

  /** Nobody knows whether the server came to parse it: it is parsed again when next needed. */
  doubt(sql: string): void {
    this.#parsed.delete(this.#names.get(sql) ?? "");
  }
}

/**
 * Runs in the order given; the first failure ends the batch, and what came before it stays or goes with the surrounding
 * transaction. Outside of one, the batch is a transaction of its own.
 */
export class StatementBatch implements pg.Submittable {
  readonly done: Promise<readonly StatementResult[]>;
  readonly #statements: readonly Statement[];
  readonly #prepared: PreparedStatements;
  readonly #sent: () => void;
  readonly #results: StatementResult[] = [];
  #rows: (string | null)[][] = [];
  #resolve: (results: readonly StatementResult[]) => void = () => {};
  #reject: (error: unknown) => void = () => {};

  /** `sent` is called once everything has been handed to the socket. */
  constructor(statements: readonly Statement[], prepared: PreparedStatements, sent: () => void = () => {}) {
    this.#statements = statements;
    this.#prepared = prepared;
    this.#sent = sent;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  submit(connection: pg.Connection): void {
    const { stream } = connection;
    const writer = new ByteWriter();
    for (const statement of this.#statements) {
      this.#write(writer, statement);
      // The server works on it while the next one is being written.
      if (writer.byteLength >= sentAtOnceBytes) send(stream, writer);
    }
    writer.int8(codes.sync);
    writer.int32(4);
    send(stream, writer);
    this.#sent();
  }

  handleDataRow(message: { readonly fields: (string | null)[] }): void {
    this.#rows.push(message.fields);
  }

  handleCommandComplete(message: { readonly text: string }): void {
    this.#results.push({ rows: this.#rows, count: affectedRows(message.text) });
    this.#rows = [];
  }

  handleReadyForQuery(): void {
    assert(this.#results.length === this.#statements.length, "every statement of a batch is answered");
    this.#resolve(this.#results);
  }

  handleError(error: unknown): void {
    for (const { sql } of this.#statements) this.#prepared.doubt(sql);
    this.#reject(new StatementFailure(this.#results.length, error));
  }

  handleRowDescription(): void {}

  handleEmptyQuery(): void {}

  handlePortalSuspended(): void {}

  #write(writer: ByteWriter, statement: Statement): void {
    const { name, parse } = this.#prepared.use(statement.sql);
    // Closing an unknown name is no error, parsing a known one is.
    if (parse && name !== "") writeClose(writer, name);
    if (parse) writeParse(writer, name, statement.sql);
    writeBind(writer, name, statement.parameters);
    writer.int8(codes.execute);
    writer.int32(9);
    writer.int8(0);
    writer.int32(0);
  }
}

/** Message types of the frontend, as ASCII. */
const codes = { parse: 0x50, bind: 0x42, execute: 0x45, close: 0x43, sync: 0x53 } as const;

function writeClose(writer: ByteWriter, name: string): void {
  writer.int8(codes.close);
  writer.int32(4 + 1 + name.length + 1);
  writer.int8(0x53);
  writer.cstring(name);
}

function writeParse(writer: ByteWriter, name: string, sql: string): void {
  writer.int8(codes.parse);
  writer.int32(4 + name.length + 1 + Buffer.byteLength(sql) + 1 + 2);
  writer.cstring(name);
  writer.cstring(sql);
  writer.int16(0);
}

function send(stream: Writable, writer: ByteWriter): void {
  stream.cork();
  for (const chunk of writer.take()) stream.write(chunk);
  stream.uncork();
}

function writeBind(writer: ByteWriter, name: string, parameters: readonly Parameter[]): void {
  const values = parameters.map((value) => (typeof value === "string" ? Buffer.from(value, "utf8") : value));
  let bytes = 4 + 1 + name.length + 1 + 2 + 2 * values.length + 2 + 2;
  for (const value of values) bytes += 4 + (value?.byteLength ?? 0);
  writer.int8(codes.bind);
  writer.int32(bytes);
  writer.int8(0);
  writer.cstring(name);
  writer.int16(values.length);
  for (const value of values) writer.int16(value !== null && "writeTo" in value ? 1 : 0);
  writer.int16(values.length);
  for (const value of values) {
    if (value === null) {
      writer.int32(-1);
    } else {
      writer.int32(value.byteLength);
      if ("writeTo" in value) value.writeTo(writer);
      else writer.bytes(value);
    }
  }
  writer.int16(0);
}

function affectedRows(tag: string): number {
  const match = /(\d+)$/.exec(tag);
  return match === null ? 0 : Number(match[1]);
}
