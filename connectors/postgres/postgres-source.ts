// A PostgreSQL server as ChangeSource: one slot, one publication, one replication connection for all its subscriptions.
import type pg from "pg";
import { assert } from "../../engine/model/assert.ts";
import type { Position, PositionOrder } from "../../engine/model/position.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import type { ServerAddress } from "../../engine/model/server-address.ts";
import type { ChangeSource, ChangeStream, EndOfLog, SourceReservation } from "../../engine/ports/change-source.ts";
import { ReplicationConnection } from "./capture/replication-connection.ts";
import {
  createSlot,
  dropSlot,
  inspectSlot,
  onceSlotIsFree,
  printSize,
  type SlotState,
  verifyOwnSlot,
  verifyUsableSlot,
} from "./capture/replication-slot.ts";
import { ReplicationStream } from "./capture/replication-stream.ts";
import { inspectServer, type SourceServer, verifyIdentity } from "./capture/source-server.ts";
import { SourceSession } from "./capture/source-session.ts";
import { endOfLastRecord, formatLsn, type Lsn, lsnOrder, parseLsn } from "./lsn.ts";
import { connectPostgres, endPostgres, printAddress } from "./postgres-client.ts";
import { sqlState, toReplicationError } from "./postgres-errors.ts";
import { quoteIdentifier } from "./quote.ts";
import { parseSnapshot } from "./snapshot/snapshot-visibility.ts";

export interface PostgresSourceOptions {
  readonly address: ServerAddress;
  /** Name of the replication slot: letters a to z, digits and `_`, at most 63. */
  readonly slot: string;
  readonly publication: string;
  /** The source's name in the configuration, for errors. */
  readonly name?: string;
  /** The server that positions belong to; null: the first one that holds the slot, from then on. */
  readonly expectedIdentity?: string | null;
  /** Silence after which the stream is given up, milliseconds; by default the server's own wal_sender_timeout. */
  readonly silenceMsMax?: number;
  /** How long making the slot may wait for transactions that run on the server, milliseconds. */
  readonly slotWaitMsMax?: number;
}

const silenceMsDefault = 60_000;
const slotWaitMsDefault = 30_000;
const queryMsMax = 15_000;
/** The server hears from us at least this often, or four times within its own patience. */
const statusMsDefault = 10_000;

export class PostgresSource implements ChangeSource {
  readonly positions: PositionOrder = lsnOrder;
  readonly transactional = true;
  readonly reserves = true;
  readonly carriesRows = false;
  readonly #options: PostgresSourceOptions;
  readonly #session: SourceSession;
  readonly #subject: string;
  #identity: string | null;
  #stream: ReplicationStream | null = null;

  constructor(options: PostgresSourceOptions) {
    assert(/^[a-z0-9_]{1,63}$/.test(options.slot), "a slot's name is made of a to z, 0 to 9 and _");
    this.#options = options;
    const address = printAddress(options.address);
    this.#subject = options.name === undefined ? address : `${options.name} (${address})`;
    this.#identity = options.expectedIdentity ?? null;
    this.#session = new SourceSession(() => this.#connect("source"), this.#subject);
  }

  get #slotSubject(): { subject: string } {
    return { subject: `replication slot ${this.#options.slot}` };
  }

  async open(from: Position, signal: AbortSignal): Promise<ChangeStream> {
    const server = await this.#verifyServer();
    await this.#verifyReach(from, server);
    this.#identity = server.identity;
    await this.#verifyPublication();
    this.#stream = await onceSlotIsFree(this.#options.slot, () => this.#start(from, server, signal));
    return this.#stream;
  }

  async reserve(): Promise<Position> {
    // What begins anew begins on the server that is there now.
    this.#identity = (await inspectServer(this.#session, this.#subject)).identity;
    // A slot cannot read changes from before its publication was made.
    await this.#verifyPublication();
    const existing = await this.#ownSlot();
    if (existing !== null) return formatLsn(await verifyUsableSlot(this.#session, existing));
    const client = await this.#connect("slot", this.#options.slotWaitMsMax ?? slotWaitMsDefault);
    try {
      return formatLsn(await createSlot(client, this.#options.slot, this.#session));
    } finally {
      await endPostgres(client);
    }
  }

  async reservation(): Promise<SourceReservation | null> {
    const server = await this.#verifyServer();
    const slot = await this.#ownSlot();
    if (slot === null) return null;
    const position = formatLsn(await verifyUsableSlot(this.#session, slot));
    this.#identity = server.identity;
    return { position, identity: server.identity, retainedBytes: slot.retainedBytes, inUse: slot.activePid !== null, keptSince: null };
  }

  async identity(): Promise<string> {
    return (await inspectServer(this.#session, this.#subject)).identity;
  }

  /** A user may end the sessions of its own role (manual, pg_signal_backend), which is whose the former reader's is. */
  async endFormerReader(): Promise<void> {
    await this.#session.read(
      `SELECT pg_terminate_backend(a.pid)::text FROM pg_stat_activity AS a JOIN pg_replication_slots AS s ON s.active_pid = a.pid
       WHERE s.slot_name = $1 AND a.usename = current_user`,
      [this.#options.slot],
    );
  }

  async release(): Promise<void> {
    if ((await this.#ownSlot()) === null) return;
    const client = await this.#connect("slot", queryMsMax);
    try {
      await dropSlot(client, this.#options.slot);
    } finally {
      await endPostgres(client);
    }
  }

  async endOfLog(): Promise<EndOfLog> {
    // The clock is read first, as the target list is written: what was committed at that moment is in the log by the second.
    const sql = `SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint::text AS at,
                        pg_current_wal_insert_lsn()::text AS lsn, pg_current_snapshot()::text AS snapshot`;
    try {
      const [row] = await this.#session.read(sql);
      const position = formatLsn(endOfLastRecord(parseLsn(row?.["lsn"] ?? "")));
      return { position, at: Number(row?.["at"]), visibility: parseSnapshot(row?.["snapshot"] ?? "") };
    } catch (error) {
      // A stream that is held back does not read, and so is not told that the server waits for it.
      if (sqlState(error) === "57P03") this.#stream?.serverIsShuttingDown();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#session.close();
  }

  #connect(role: string, statementTimeoutMs: number = queryMsMax): Promise<pg.Client> {
    return connectPostgres(this.#options.address, { role, statementTimeoutMs, answerTimeoutMs: statementTimeoutMs + 5000 });
  }

  /** Whoever holds our slot is the server we belong to; one that merely answers may be the wrong one. */
  async #verifyServer(): Promise<SourceServer> {
    const server = await inspectServer(this.#session, this.#subject);
    if (this.#identity !== null) verifyIdentity(server.identity, this.#identity, this.#subject);
    return server;
  }

  async #ownSlot(): Promise<SlotState | null> {
    const slot = await inspectSlot(this.#session, this.#options.slot);
    if (slot !== null) verifyOwnSlot(slot, this.#options.address.database);
    return slot;
  }

  /** The slot must hold everything after `from`, and `from` must lie in the server's past. */
  async #verifyReach(from: Position, server: SourceServer): Promise<void> {
    const { subject } = this.#slotSubject;
    const slot = await this.#ownSlot();
    if (slot === null) throw new ReplicationError("DB-SLOT-001", { subject });
    const reaches = await verifyUsableSlot(this.#session, slot);
    const wanted = parseLsn(from);
    if (reaches > wanted) throw gap(subject, reaches, wanted);
    if (wanted > server.insertLsn) {
      const cause = `the position ${from} lies beyond the end of the server's log, ${formatLsn(server.insertLsn)}: the server has lost what was applied`;
      throw new ReplicationError("DB-SLOT-004", { subject, cause });
    }
  }

  async #verifyPublication(): Promise<void> {
    const { publication } = this.#options;
    const rows = await this.#session.read("SELECT FROM pg_publication WHERE pubname = $1", [publication]);
    if (rows.length === 0) throw new ReplicationError("DB-SLOT-007", { subject: `publication ${publication}` });
  }

  async #start(from: Position, server: SourceServer, signal: AbortSignal): Promise<ReplicationStream> {
    const { subject } = this.#slotSubject;
    const timeoutMs = server.walSenderTimeoutMs;
    const client = await connectPostgres(this.#options.address, { role: "capture", replication: true });
    const connection = new ReplicationConnection(client, subject);
    const stream = new ReplicationStream(connection, {
      from,
      subject,
      silenceMsMax: this.#options.silenceMsMax ?? (timeoutMs || silenceMsDefault),
      statusMsMax: Math.min(statusMsDefault, timeoutMs === 0 ? statusMsDefault : timeoutMs / 4),
      explain: (failure) => this.#explain(failure),
      signal,
    });
    try {
      await stream.start(this.#command(from, server.version));
      return stream;
    } catch (error) {
      connection.destroy();
      throw await this.#explain(error);
    }
  }

  #command(from: Position, version: number): string {
    const options = {
      // What version 4 adds is about streaming transactions in progress, which is not asked for.
      proto_version: version >= 160_000 ? "4" : "3",
      publication_names: quoteIdentifier(this.#options.publication),
      messages: "false",
    };
    const list = Object.entries(options).map(([name, value]) => `"${name}" ${quoteOption(value)}`);
    return `START_REPLICATION SLOT ${quoteIdentifier(this.#options.slot)} LOGICAL ${from} (${list.join(", ")})`;
  }

  /**
   * What is behind a failure that the server put in its own words: looked up in its catalogue, because the words come in
   * the server's language. A failure that says enough, or cannot be looked into, stays what it is.
   */
  async #explain(error: unknown): Promise<ReplicationError> {
    const failure = toReplicationError(error, this.#subject);
    // What has swallowed one connection has most likely swallowed the other: the next question must not wait to find out.
    if (failure.code === "DB-SLOT-008") await this.#session.close();
    const state = sqlState(failure);
    if (state === null || !speaksOfSlot.has(state)) return failure;
    try {
      const slot = await this.#ownSlot();
      if (slot === null) return new ReplicationError("DB-SLOT-001", this.#slotSubject, { cause: failure });
      await verifyUsableSlot(this.#session, slot);
      await this.#verifyPublication();
    } catch (found) {
      if (found instanceof ReplicationError && found.code.startsWith("DB-SLOT-")) return found;
      return failure;
    }
    if (state !== "42704") return failure;
    const cause = "the publication does not exist at the point of the log that is being read: it was made, or made again, later";
    return new ReplicationError("DB-SLOT-007", { subject: `publication ${this.#options.publication}`, cause }, { cause: failure });
  }
}

/** Missing object, wrong state, missing file, ended by an administrator: what a lost slot or publication looks like. */
const speaksOfSlot = new Set(["42704", "55000", "58P01", "57P01"]);

/** The replication grammar has its own scanner (repl_scanner.l): a quote is doubled, a backslash stands for itself. */
function quoteOption(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

function gap(subject: string, reaches: Lsn, wanted: Lsn): ReplicationError {
  const cause = `it starts at ${formatLsn(reaches)}, ${printSize(Number(reaches - wanted))} after ${formatLsn(wanted)}, up to which changes were applied`;
  return new ReplicationError("DB-SLOT-005", { subject, cause });
}
