// Reads of a PostgreSQL source beside the change stream: chunks of a load, rows by key, keys to cut a table by.
// Each read is one short transaction on one of a few sessions; nothing is written, and no lock is taken beyond the one that
// every SELECT takes.
import type { Client } from "pg";
import { SessionPool } from "../../../engine/concurrency/session-pool.ts";
import { assert } from "../../../engine/model/assert.ts";
import type { Position } from "../../../engine/model/position.ts";
import type { Predicate } from "../../../engine/model/predicate.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { Key, Row } from "../../../engine/model/row.ts";
import type { ServerAddress } from "../../../engine/model/server-address.ts";
import { type CatalogTable, printTable, type TableName } from "../../../engine/model/table.ts";
import type { Chunk, ChunkRequest, RowsAnswer, RowsRequest, SnapshotSource } from "../../../engine/ports/snapshot-source.ts";
import { ChunkSize } from "../../chunk-size.ts";
import { watched } from "../../silent-server.ts";
import { CopyRowsBuilder } from "../copy-rows.ts";
import { lookAtSession } from "../look-at-session.ts";
import { endOfLastRecord, formatLsn, parseLsn } from "../lsn.ts";
import { connectPostgres, printAddress } from "../postgres-client.ts";
import { toReplicationError } from "../postgres-errors.ts";
import { describeTables } from "../postgres-schema.ts";
import { ReadExchange, type ReadOrder, type ReadResult } from "./read-exchange.ts";
import { beginRead, copyKeys, copyPart, filterSql, fromTable, keyAt, readEndOfLog, readSnapshot } from "./read-sql.ts";
import { ReadSession } from "./read-session.ts";
import { rowForm } from "./row-form.ts";
import { parseSnapshot } from "./snapshot-visibility.ts";
import { sampleKeys } from "./split-keys.ts";
import { publishedVersion, UnpublishedWriters } from "./unpublished-writers.ts";

export interface PostgresSnapshotOptions {
  readonly address: ServerAddress;
  /** Sessions that may be open at a time. */
  readonly connections: number;
  /** The publication that the change stream reads; null: none yet, so that nothing has to be waited for. */
  readonly publication: string | null;
  /** Limit of one statement; a chunk takes far less. */
  readonly statementTimeoutMs?: number;
}

/**
 * Row security must not thin out rows silently: with `row_security` off a query that it would touch fails instead. Plans
 * other than walking the key's index are ruled out: where statistics are old, one of them would read all that is left of
 * the table for each chunk. The rest keeps a read small for the server: no parallel workers, no compiling, no waiting
 * behind an ALTER TABLE.
 */
export const readSettings: Readonly<Record<string, string>> = {
  row_security: "off",
  enable_sort: "off",
  enable_incremental_sort: "off",
  enable_seqscan: "off",
  enable_bitmapscan: "off",
  default_transaction_read_only: "on",
  max_parallel_workers_per_gather: "0",
  jit: "off",
  lock_timeout: "10s",
  idle_in_transaction_session_timeout: "60s",
};

const countTimeoutMs = 600_000;
/** Keys in one statement of readRows. */
const keysPerStatement = 500;
/** Tables with fewer pages are not worth cutting. */
const splitBytesMin = 1024 * 1024;

export class PostgresSnapshot implements SnapshotSource {
  readonly chunkBytesMax = 4 * 1024 * 1024;
  readonly #address: ServerAddress;
  readonly #publication: string | null;
  readonly #statementTimeoutMs: number;
  readonly #pool: SessionPool<ReadSession>;
  readonly #size = new ChunkSize();
  readonly #unpublished = new UnpublishedWriters();

  constructor(options: PostgresSnapshotOptions) {
    const statementTimeoutMs = options.statementTimeoutMs ?? 120_000;
    this.#address = options.address;
    this.#publication = options.publication;
    this.#statementTimeoutMs = statementTimeoutMs;
    const session = { role: "snapshot", statementTimeoutMs, settings: readSettings };
    this.#pool = new SessionPool(options.connections, async () => ReadSession.of(await connectPostgres(options.address, session)));
  }

  describe(tables: readonly TableName[]): Promise<readonly CatalogTable[]> {
    return this.#use(printAddress(this.#address), (client) => describeTables(client, tables));
  }

  async readChunk(request: ChunkRequest, signal: AbortSignal): Promise<Chunk> {
    const subject = printTable(request.table.table);
    for (;;) {
      const read = await this.#use(subject, (client, drop) => this.#readPart(client, drop, request), signal);
      const { version } = read;
      if (version === null || this.#unpublished.isSettled(request.table, version)) return this.#toChunk(request, read);
      await this.#use(subject, (client) => this.#unpublished.wait(client, request.table, version), signal);
    }
  }

  async splitKeys(table: CatalogTable, key: readonly string[], parts: number): Promise<readonly Key[]> {
    if (parts < 2 || table.estimatedBytes < splitBytesMin) return [];
    const { answers } = await this.#use(printTable(table.table), (client) => exchange(client, plain(sampleKeys(table, key, parts))));
    return answers.map(toKey);
  }

  async readRows(request: RowsRequest): Promise<RowsAnswer> {
    const { table, key, columns, filter, keys } = request;
    // Keys are many places in the index at once.
    const statements: string[] = [beginRead, readSnapshot, "SET LOCAL enable_bitmapscan = on"];
    for (let from = 0; from < keys.length; from += keysPerStatement) {
      statements.push(copyKeys({ table, key, filter }, columns, keys.slice(from, from + keysPerStatement)));
    }
    const sql = [...statements, readEndOfLog, "COMMIT"].join("; ");
    const order = { sql, builder: new CopyRowsBuilder(columns.length), bytesMax: Infinity };
    const { rows, answers } = await this.#use(printTable(table.table), (client) => exchange(client, order));
    const [seen, endOfLog] = answers;
    return { rows: [...rows], position: toPosition(endOfLog), visibility: parseSnapshot(seen?.[0] ?? "") };
  }

  async countRows(table: TableName, filter: Predicate | null): Promise<number> {
    const subject = printTable(table);
    const [catalog] = await this.describe([table]);
    if (catalog === undefined) throw new ReplicationError("DB-MAP-030", { subject });
    const count = `SELECT count(*) FROM ${fromTable(catalog)} WHERE ${filterSql(catalog, filter)}`;
    const settings = `SET LOCAL statement_timeout = ${countTimeoutMs}; SET LOCAL enable_seqscan = on; SET LOCAL enable_bitmapscan = on`;
    const sql = `${beginRead}; ${settings}; ${count}; COMMIT`;
    const { answers } = await this.#use(subject, (client) => exchange(client, plain(sql)), undefined, countTimeoutMs);
    return Number(answers[0]?.[0]);
  }

  /** Ends the idle sessions. */
  async close(): Promise<void> {
    await this.#pool.close();
  }

  /** Everything of a chunk that needs the session. */
  async #readPart(client: Client, drop: () => void, request: ChunkRequest): Promise<PartRead> {
    const { table, key, filter } = request;
    const rowsMax = this.#size.rows(table, request.rowsMax, request.bytesMax);
    const columns = [...request.columns, ...key.filter((name) => !request.columns.includes(name))];
    const version = this.#publication === null ? "SELECT NULL" : publishedVersion(this.#publication, table);
    const begin = `${beginRead}; ${readSnapshot}; ${version}`;
    const end = `${readEndOfLog}; COMMIT`;
    const { builder, format } = rowForm(request, columns);
    const order = { builder, bytesMax: request.bytesMax };
    if (filter === null) {
      const read = await exchange(client, { ...order, sql: `${begin}; ${copyPart(request, columns, rowsMax, format)}; ${end}` }, drop);
      return toPartRead(read.answers, read, { columns, rowsMax, border: null });
    }
    // Rows that pass may lie far apart. Looking at no more than so many of them keeps the transaction short.
    const filterText = filterSql(table, filter);
    const look = this.#size.scan(table, filterText, rowsMax);
    const first = await exchange(client, plain(`${begin}; ${keyAt(request, look)}`));
    const border = first.answers[2] === undefined ? null : toKey(first.answers[2]);
    const part = { ...request, until: border ?? request.until };
    const read = await exchange(client, { ...order, sql: `${copyPart(part, columns, rowsMax, format)}; ${end}` }, drop);
    if (border !== null) this.#size.learnSelectivity(table, filterText, look, read.rows.length);
    return toPartRead([...first.answers.slice(0, 2), ...read.answers], read, { columns, rowsMax, border });
  }

  async #toChunk(request: ChunkRequest, part: PartRead): Promise<Chunk> {
    const { read, columns, rowsMax, border } = part;
    this.#size.learnBytes(request.table, read.rows.length, read.rows.bytes);
    const all = !read.cut && read.rows.length < rowsMax;
    const lastRow = read.rows.last();
    const lastRead = lastRow === undefined ? null : request.key.map((name) => keyValue(lastRow, columns.indexOf(name)));
    const extra = columns.length - request.columns.length;
    return {
      rows: extra === 0 ? read.rows : Array.from(read.rows, (row) => row.slice(0, -extra)),
      lastKey: all && border !== null ? border : lastRead,
      complete: all && border === null,
      visibility: parseSnapshot(part.snapshot),
      // A session given up in the middle did not get to say where the log ended; any later time serves as well.
      position: part.endOfLog === undefined ? await this.#endOfLog() : toPosition(part.endOfLog),
      startedAt: Number(part.startedAt),
    };
  }

  async #endOfLog(): Promise<Position> {
    const { answers } = await this.#use(printAddress(this.#address), (client) => exchange(client, plain(readEndOfLog)));
    return toPosition(answers[0]);
  }

  /** A session for one piece of work, whose failures come out as coded errors; a server that went silent is one of them. */
  async #use<T>(subject: string, work: ClientWork<T>, signal?: AbortSignal, limitMs = this.#statementTimeoutMs): Promise<T> {
    try {
      return await this.#pool.use(async ({ client, process }, drop) => {
        const watch = setTimeout(drop, limitMs + 30_000);
        try {
          return await watched(work(client, drop), { look: () => lookAtSession(this.#address, client, process), giveUp: drop });
        } finally {
          clearTimeout(watch);
        }
      }, signal);
    } catch (error) {
      signal?.throwIfAborted();
      throw toReplicationError(error, subject);
    }
  }
}

/** `drop` ends the session at once, also in the middle of a statement. */
type ClientWork<T> = (client: Client, drop: () => void) => Promise<T>;

/** A part of a table as it was read, before anything is concluded from it. */
interface PartRead {
  readonly snapshot: string;
  readonly startedAt: string;
  /** What was published of the table as this read saw it; null: nothing. */
  readonly version: string | null;
  readonly endOfLog: readonly (string | null)[] | undefined;
  readonly read: ReadResult;
  readonly columns: readonly string[];
  readonly rowsMax: number;
  /** Rows behind this key were not looked at; null: looked at all. */
  readonly border: Key | null;
}

function toPartRead(answers: ReadResult["answers"], read: ReadResult, facts: Pick<PartRead, "columns" | "rowsMax" | "border">): PartRead {
  const [seen, published, endOfLog] = answers;
  return { snapshot: seen?.[0] ?? "", startedAt: seen?.[1] ?? "", version: published?.[0] ?? null, endOfLog, read, ...facts };
}

async function exchange(client: Client, order: ReadOrder, drop?: () => void): Promise<ReadResult> {
  const result = await client.query(new ReadExchange(order)).result;
  if (result.abandoned) drop?.();
  return result;
}

/** An exchange without COPY. */
function plain(sql: string): ReadOrder {
  return { sql, builder: new CopyRowsBuilder(0), bytesMax: 0 };
}

function toPosition(answer: readonly (string | null)[] | undefined): Position {
  return formatLsn(endOfLastRecord(parseLsn(answer?.[0] ?? "")));
}

function toKey(answer: readonly (string | null)[]): Key {
  return answer.map((value) => Buffer.from(value ?? "", "utf8"));
}

function keyValue(row: Row, index: number): Buffer {
  const value = row[index];
  assert(value instanceof Buffer, "key columns are not null");
  return value;
}
