// The one session in which a subscription's copy is written.
import { createHash } from "node:crypto";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { ServerAddress } from "../../../engine/model/server-address.ts";
import { connectMysql, type MysqlSession, printAddress, type TextRow } from "../mysql-client.ts";
import { toReplicationError } from "../mysql-errors.ts";
import { watched } from "../../silent-server.ts";
import { lookAtSession } from "../look-at-session.ts";
import type { WriteAnswer } from "./bulk-insert.ts";
import { type Bound, PreparedStatements } from "./prepared-statements.ts";
import { rowsRefused, type Warning } from "./refusal.ts";
import { wasThere } from "./table-sql.ts";

/** Settings that no default of the server may change, in every session that writes into a target. */
const ownSettings: Readonly<Record<string, string>> = {
  innodb_lock_wait_timeout: "30",
  lock_wait_timeout: "30",
  foreign_key_checks: "1",
  unique_checks: "1",
  sql_safe_updates: "0",
  completion_type: "0",
  // What was changed in a value is told in a note, and which column it was, in words.
  sql_notes: "1",
  lc_messages: "'en_US'",
  // Whoever vanished behind a network that swallows everything gives its locks back in the end. Nothing waits within its work.
  wait_timeout: "60",
};
/** In seconds: so long a batch may wait for its stream before a worker that stands still gives its locks back. */
const applyIdleMax = 900;

/**
 * What one flavour alone knows: a limit on the time of statements, and a list of keys that would become a subquery; or what
 * the other lets administrators alone set: how many warnings of a statement are kept.
 */
const mariadbSettings = `SET SESSION max_statement_time = 0, SESSION in_predicate_conversion_threshold = 0, SESSION max_error_count = 65535`;

/** How long another session of the subscription may take to end when told to. */
const leftoverEndsMs = 10_000;
const lookAgainMs = 20;

/** What the server answered to a statement that writes. */
export interface Answer {
  /** As CLIENT_FOUND_ROWS counts: rows matched by UPDATE. */
  readonly affected: number;
  /** Rows that INSERT found there already. */
  readonly replaced: number;
  /** The statement was carried out, and perhaps not as it was meant: what the server tells of values that it changed. */
  readonly warnings: readonly Warning[];
}

export class ApplySession {
  readonly session: MysqlSession;
  /** Bytes of the largest packet that the server takes in this session. */
  readonly packetBytesMax: number;
  /** Some row did not fit: the server may take larger ones by now, but only in a new session. */
  outgrown = false;
  readonly #address: ServerAddress;
  readonly #subject: string;
  readonly #prepared: PreparedStatements;

  private constructor(session: MysqlSession, address: ServerAddress, facts: TextRow) {
    this.session = session;
    this.packetBytesMax = Number(facts["packet"]);
    this.#address = address;
    this.#subject = printAddress(address);
    this.#prepared = new PreparedStatements(session.connection);
  }

  /** Throws ReplicationError. */
  static async open(address: ServerAddress, subscription: string): Promise<ApplySession> {
    const session = await openTargetSession(address, `apply ${subscription}`);
    try {
      const ofMariadb = session.flavour === "mariadb" ? `, SESSION idle_transaction_timeout = ${applyIdleMax}` : "";
      await session.execute(`SET SESSION wait_timeout = ${applyIdleMax}${ofMariadb}`);
      const [facts] = await session.query("SELECT @@SESSION.max_allowed_packet AS packet");
      return new ApplySession(session, address, facts ?? {});
    } catch (error) {
      session.destroy();
      throw error;
    }
  }

  /** The connection is gone; only a new session helps. */
  get lost(): boolean {
    return this.session.lost;
  }

  /** Lets takeEpoch of another worker find this session, and ends what an earlier one of this subscription has left. */
  async announce(subscription: string): Promise<void> {
    if (await this.#lock(subscription)) return;
    await endLeftoverSessions(this.session, subscription);
    // Somebody who is not dongbo may hold the name: the epoch guards the copy by itself.
    await this.#lock(subscription);
  }

  async #lock(subscription: string): Promise<boolean> {
    const [row] = await this.session.query("SELECT GET_LOCK(?, 0) AS locked", [lockName(subscription)]);
    return row?.["locked"] === "1";
  }

  /** Runs a prepared statement that writes. Throws RowsRefused when it is the rows' fault, else ReplicationError. */
  async run(sql: string, parameters: readonly Bound[] = []): Promise<Answer> {
    return this.#answer(this.#prepared.execute(sql, parameters));
  }

  /** Whether `runBulk` can be used. */
  get takesBulk(): boolean {
    return this.session.takesBulk;
  }

  /** Runs an INSERT of one row for all the rows of a packet (BulkPacket), which stand or fall together. Throws as `run` does. */
  async runBulk(sql: string, packet: Buffer): Promise<Answer> {
    return this.#answer(this.#prepared.executeBulk(sql, packet));
  }

  /** Rows of a query, each value as its bytes. Throws RowsRefused or ReplicationError. */
  async read(sql: string, parameters: readonly Bound[]): Promise<(Buffer | null)[][]> {
    const answer = new Promise<(Buffer | null)[][]>((resolve, reject) => {
      const options = { sql, values: [...parameters], rowsAsArray: true, typeCast: (field: { buffer(): Buffer | null }) => field.buffer() };
      this.session.connection.query(options, (error, rows) => {
        if (error === null) resolve(rows as unknown as (Buffer | null)[][]);
        else reject(error);
      });
    });
    try {
      return await this.#watched(answer);
    } catch (error) {
      throw rowsRefused(error) ?? toReplicationError(error, this.#subject);
    }
  }

  /** Runs a plain statement; `sent` is called when it is on its way. Throws ReplicationError. */
  async command(sql: string, sent?: () => void): Promise<void> {
    const answer = this.session.execute(sql);
    sent?.();
    await this.#watched(answer);
  }

  /** Rows of a query as text, by column name. Throws ReplicationError. */
  async query(sql: string, parameters: readonly (string | number | Buffer | null)[] = []): Promise<TextRow[]> {
    return this.#watched(this.session.query(sql, parameters));
  }

  async close(): Promise<void> {
    await this.session.end();
  }

  async #answer(executed: Promise<WriteAnswer>): Promise<Answer> {
    let header: WriteAnswer;
    try {
      header = await this.#watched(executed);
    } catch (error) {
      throw rowsRefused(error) ?? toReplicationError(error, this.#subject);
    }
    return {
      affected: header.affectedRows,
      replaced: replacedRows(header),
      warnings: header.warningStatus > 0 ? await this.#warnings(header.warningStatus) : [],
    };
  }

  /** Of fewer rows the server tells fewer warnings: until it keeps them all, one of those that it dropped may be of any column. */
  async #warnings(count: number): Promise<Warning[]> {
    const rows = await this.query("SHOW WARNINGS");
    const kept = rows
      .map((row) => ({ number: Number(row["Code"]), message: row["Message"] ?? "" }))
      .filter(({ number }) => !harmless.has(number));
    return rows.length < count ? [...kept, dropped] : kept;
  }

  #watched<T>(answer: Promise<T>): Promise<T> {
    const { session } = this;
    return watched(answer, { look: () => lookAtSession(this.#address, session), giveUp: () => session.destroy() });
  }
}

/** Opens a session with the settings that writing needs. Throws ReplicationError. */
export async function openTargetSession(address: ServerAddress, role: string): Promise<MysqlSession> {
  const session = await connectMysql(address, { role, settings: ownSettings });
  try {
    await session.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
    if (session.flavour === "mariadb") await session.execute(mariadbSettings);
    return session;
  } catch (error) {
    session.destroy();
    throw error;
  }
}

/**
 * Ends every other session that applies this subscription, so that a frozen worker's open transaction holds no locks and
 * no commit of it is still under way: the server gives the name free after it has rolled back. Throws DB-TGT-019 when one
 * does not end.
 */
export async function endLeftoverSessions(session: MysqlSession, subscription: string): Promise<void> {
  const deadline = Date.now() + leftoverEndsMs;
  for (;;) {
    const [row] = await session.query(
      `SELECT p.ID AS id FROM information_schema.PROCESSLIST AS p
       WHERE p.ID = IS_USED_LOCK(?) AND p.ID <> CONNECTION_ID() AND p.USER = SUBSTRING_INDEX(USER(), '@', 1)`,
      [lockName(subscription)],
    );
    if (row === undefined) return;
    if (Date.now() > deadline) throw new ReplicationError("DB-TGT-019", { subject: subscription });
    // It may be gone already.
    await session.execute(`KILL ${Number(row["id"])}`).catch(() => {});
    await new Promise((resolve) => {
      setTimeout(resolve, lookAgainMs);
    });
  }
}

/** The user-level lock that a session which applies this subscription holds; its name has 64 characters at most. */
export function lockName(subscription: string): string {
  return `dongbo apply ${createHash("sha256").update(subscription).digest("hex").slice(0, 32)}`;
}

/** Of an INSERT of several rows the server tells in words how many were there, of a single one by its LAST_INSERT_ID. */
function replacedRows(header: WriteAnswer): number {
  const told = /^\S*Records: \d+ +Duplicates: (\d+)/.exec(header.info);
  if (told !== null) return Number(told[1]);
  return header.insertId >= wasThere ? 1 : 0;
}

/** Stands for warnings that were counted and not kept. */
const dropped: Warning = { number: 0, message: "" };

/** Notes that tell of no value: syntax that is going out of use, a statement that replicates better as rows. */
const harmless: ReadonlySet<number> = new Set([1287, 1592, 1681]);
