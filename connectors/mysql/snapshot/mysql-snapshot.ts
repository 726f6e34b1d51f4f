// Reads of a MySQL or MariaDB source beside the change stream: chunks of a load, rows by key, keys to cut a table by. Each read
// is one short transaction on one of a few sessions; nothing is written, and rows are not locked.
import { SessionPool, type SessionWork } from "../../../engine/concurrency/session-pool.ts";
import type { Position } from "../../../engine/model/position.ts";
import type { Predicate } from "../../../engine/model/predicate.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { type Key, keyText, type Row } from "../../../engine/model/row.ts";
import type { ServerAddress } from "../../../engine/model/server-address.ts";
import { type CatalogTable, printTable, tableKey, type TableName } from "../../../engine/model/table.ts";
import type { Chunk, ChunkRequest, RowsAnswer, RowsRequest, SnapshotSource } from "../../../engine/ports/snapshot-source.ts";
import { ChunkSize } from "../../chunk-size.ts";
import { watched } from "../../silent-server.ts";
import { lookAtSession } from "../look-at-session.ts";
import { connectMysql, type MysqlSession, printAddress } from "../mysql-client.ts";
import { toReplicationError } from "../mysql-errors.ts";
import { readUniqueIndexes } from "../mysql-indexes.ts";
import { describeTables } from "../mysql-schema.ts";
import { predicateSql } from "../predicate-sql.ts";
import { SettledSnapshots } from "../settled-snapshot.ts";
import { beginRead, type BegunRead, endOfLog } from "./begin-read.ts";
import { keyOf, readColumns, readKey } from "./read-part.ts";
import type { ReadResult } from "./read-rows.ts";
import { countRows, selectKeys, selectPart, type TablePart } from "./read-sql.ts";
import { splitKeys } from "./split-keys.ts";

export interface MysqlSnapshotOptions {
  readonly address: ServerAddress;
  /** Sessions that may be open at a time. */
  readonly connections: number;
  /** Limit of one statement; a chunk takes far less. */
  readonly statementTimeoutMs?: number;
}

/** No waiting behind an ALTER TABLE: it passes, and the read is tried again. */
const readSettings: Readonly<Record<string, string>> = { lock_wait_timeout: "10" };

const countTimeoutMs = 600_000;
/** What each of the ranges may take to be found. */
const walkTimeoutMs = 10_000;
/** Keys in one statement of readRows. */
const keysPerStatement = 500;
/** Smaller tables are not worth cutting. */
const splitBytesMin = 1024 * 1024;

export class MysqlSnapshot implements SnapshotSource {
  readonly #address: ServerAddress;
  readonly #statementTimeoutMs: number;
  readonly #pool: SessionPool<MysqlSession>;
  readonly #size = new ChunkSize();
  readonly #settled = new SettledSnapshots();
  /** Names of the indexes behind the keys of tables, as far as they were asked for. */
  readonly #indexes = new Map<string, string | null>();

  constructor(options: MysqlSnapshotOptions) {
    this.#address = options.address;
    this.#statementTimeoutMs = options.statementTimeoutMs ?? 120_000;
    this.#pool = new SessionPool(options.connections, () => this.#connect());
  }

  describe(tables: readonly TableName[]): Promise<readonly CatalogTable[]> {
    return this.#use(printAddress(this.#address), (session) => describeTables(session, tables));
  }

  async readChunk(request: ChunkRequest, signal: AbortSignal): Promise<Chunk> {
    const subject = printTable(request.table.table);
    const part = await this.#use(subject, (session, drop) => this.#readPart(session, drop, request), signal);
    return this.#toChunk(request, part);
  }

  async splitKeys(table: CatalogTable, key: readonly string[], parts: number): Promise<readonly Key[]> {
    if (parts < 2 || table.estimatedBytes < splitBytesMin) return [];
    return this.#use(printTable(table.table), async (session) => {
      const index = await this.#indexOf(session, table, key);
      const part = { table, key, index, after: null, until: null, filter: null };
      return this.#limited(session, Math.min(walkTimeoutMs, this.#statementTimeoutMs), () => splitKeys(session, part, parts));
    });
  }

  async readRows(request: RowsRequest): Promise<RowsAnswer> {
    const { table, key, columns, filter, keys } = request;
    const all = withKey(columns, key);
    const wanted = new Set(keys.map(keyText));
    const rows: Row[] = [];
    const { position, visibility } = await this.#use(printTable(table.table), async (session) => {
      const index = await this.#indexOf(session, table, key);
      const begun = await beginRead(session, this.#settled);
      for (let from = 0; from < keys.length; from += keysPerStatement) {
        const sql = selectKeys({ table, key, index, filter }, all, keys.slice(from, from + keysPerStatement));
        rows.push(...(await readColumns(session, { table, columns: all, sql, bytesMax: Infinity })).rows);
      }
      const reached = begun.position ?? (await endOfLog(session));
      await session.query("COMMIT");
      return { position: reached, visibility: begun.visibility };
    });
    // The server may have taken another spelling for the key that was asked for.
    const found = rows.filter((row) => wanted.has(keyText(keyOf(row, all, key))));
    return { rows: found.map((row) => row.slice(0, columns.length)), position, visibility };
  }

  async countRows(table: TableName, filter: Predicate | null): Promise<number> {
    const subject = printTable(table);
    const [catalog] = await this.describe([table]);
    if (catalog === undefined) throw new ReplicationError("DB-MAP-030", { subject });
    const count = async (session: MysqlSession): Promise<number> => {
      const [row] = await this.#limited(session, countTimeoutMs, () => session.query(countRows(catalog, filter)));
      return Number(row?.["count"]);
    };
    return this.#use(subject, count, undefined, countTimeoutMs);
  }

  /** Ends the idle sessions. */
  async close(): Promise<void> {
    await this.#pool.close();
  }

  async #connect(): Promise<MysqlSession> {
    const session = await connectMysql(this.#address, { role: "snapshot", settings: readSettings });
    await session.query("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ");
    await session.query(statementLimit(session, this.#statementTimeoutMs));
    return session;
  }

  /** Work whose statements have another limit; a session on which it fails is not used again. */
  async #limited<T>(session: MysqlSession, limitMs: number, work: () => Promise<T>): Promise<T> {
    await session.query(statementLimit(session, limitMs));
    const result = await work();
    await session.query(statementLimit(session, this.#statementTimeoutMs));
    return result;
  }

  /** Everything of a chunk that needs the session. */
  async #readPart(session: MysqlSession, drop: () => void, request: ChunkRequest): Promise<PartRead> {
    const { table, key, filter } = request;
    const rowsMax = this.#size.rows(table, request.rowsMax, request.bytesMax);
    const columns = withKey(request.columns, key);
    const part: TablePart = { ...request, index: await this.#indexOf(session, table, key) };
    const begun = await beginRead(session, this.#settled);
    // Rows that pass may lie far apart. Looking at no more than so many of them keeps the transaction short.
    const filterText = predicateSql(filter, table.columns);
    const look = filter === null ? 0 : this.#size.scan(table, filterText, rowsMax);
    const border = filter === null ? null : await readKey(session, part, look);
    const sql = selectPart({ ...part, until: border ?? part.until }, columns, rowsMax);
    const read = await readColumns(session, { table, columns, sql, bytesMax: request.bytesMax });
    if (border !== null) this.#size.learnSelectivity(table, filterText, look, read.rows.length);
    if (read.abandoned) drop();
    const position = begun.position ?? (read.abandoned ? null : await endOfLog(session));
    if (!read.abandoned) await session.query("COMMIT");
    return { begun, position, read, columns, rowsMax, border };
  }

  async #toChunk(request: ChunkRequest, part: PartRead): Promise<Chunk> {
    const { begun, read, columns, rowsMax, border } = part;
    this.#size.learnBytes(request.table, read.rows.length, read.rows.bytes);
    const all = !read.cut && read.rows.length < rowsMax;
    const lastRow = read.rows.last();
    const lastRead = lastRow === undefined ? null : keyOf(lastRow, columns, request.key);
    const extra = columns.length - request.columns.length;
    return {
      rows: extra === 0 ? read.rows : Array.from(read.rows, (row) => row.slice(0, -extra)),
      lastKey: all && border !== null ? border : lastRead,
      complete: all && border === null,
      visibility: begun.visibility,
      // A session given up in the middle did not get to say where the log ended; any later time serves as well.
      position: part.position ?? (await this.#use(printAddress(this.#address), endOfLog)),
      startedAt: begun.startedAt,
    };
  }

  /** The index over exactly the key; null when there is none any more, and the server must find its way. */
  async #indexOf(session: MysqlSession, table: CatalogTable, key: readonly string[]): Promise<string | null> {
    const name = `${tableKey(table.table)} ${JSON.stringify(key)}`;
    const known = this.#indexes.get(name);
    if (known !== undefined) return known;
    const indexes = await readUniqueIndexes(session, table.table, table.columns);
    const found = indexes.find(({ columns }) => columns.length === key.length && columns.every((column, place) => column === key[place]));
    this.#indexes.set(name, found?.name ?? null);
    return found?.name ?? null;
  }

  /** A session for one piece of work, whose failures come out as coded errors; a server that went silent is one of them. */
  async #use<T>(subject: string, work: SessionWork<MysqlSession, T>, signal?: AbortSignal, limitMs = this.#statementTimeoutMs): Promise<T> {
    try {
      return await this.#pool.use(async (session, drop) => {
        const watch = setTimeout(drop, limitMs + 30_000);
        try {
          return await watched(work(session, drop), { look: () => lookAtSession(this.#address, session), giveUp: drop });
        } finally {
          clearTimeout(watch);
        }
      }, signal);
    } catch (error) {
      // An index may have been made anew under another name.
      this.#indexes.clear();
      signal?.throwIfAborted();
      throw toReplicationError(error, subject);
    }
  }
}

/** A part of a table as it was read, before anything is concluded from it. */
interface PartRead {
  readonly begun: BegunRead;
  /** Null: the session was given up before it could say. */
  readonly position: Position | null;
  readonly read: ReadResult;
  readonly columns: readonly string[];
  readonly rowsMax: number;
  /** Rows behind this key were not looked at; null: looked at all. */
  readonly border: Key | null;
}

/** Limit for each SELECT of the session from now on. */
function statementLimit({ flavour }: MysqlSession, limitMs: number): string {
  return flavour === "mariadb" ? `SET SESSION max_statement_time = ${limitMs / 1000}` : `SET SESSION max_execution_time = ${limitMs}`;
}

function withKey(columns: readonly string[], key: readonly string[]): string[] {
  return [...columns, ...key.filter((name) => !columns.includes(name))];
}
