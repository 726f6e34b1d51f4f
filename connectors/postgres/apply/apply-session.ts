// The one session in which a subscription's copy is written.
import { createHash } from "node:crypto";
import type { Socket } from "node:net";
import type pg from "pg";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { ServerAddress } from "../../../engine/model/server-address.ts";
import { connectPostgres, printAddress } from "../postgres-client.ts";
import { toReplicationError } from "../postgres-errors.ts";
import { watched } from "../../silent-server.ts";
import { lookAtSession } from "../look-at-session.ts";
import { CopyIn } from "./copy-in.ts";
import { PreparedStatements, type Statement, StatementBatch, StatementFailure, type StatementResult } from "./statement-batch.ts";

/** Settings that no default of a role or database may change, in every session that writes into a target. */
export const ownSettings: Readonly<Record<string, string>> = {
  default_transaction_isolation: "read committed",
  statement_timeout: "0",
  lock_timeout: "30s",
  // Whoever vanished behind a network that swallows everything gives its locks back in the end. Nothing waits within its work.
  idle_in_transaction_session_timeout: "1min",
  tcp_keepalives_idle: "30",
  tcp_keepalives_interval: "10",
  tcp_keepalives_count: "6",
};

/**
 * Settings of the session, over those that every session of dongbo has. Statements are driven by the keys they are given,
 * of which the planner has no statistics: left alone it may read a whole table for five rows.
 */
const settings: Readonly<Record<string, string>> = {
  enable_seqscan: "off",
  enable_hashjoin: "off",
  enable_mergejoin: "off",
  // Switched-off plan nodes look costly, and what looks costly would be compiled.
  jit: "off",
  plan_cache_mode: "force_generic_plan",
  // Rows that row security hides would be left behind without a word; so it is an error.
  row_security: "off",
  // So long a batch may wait for its stream before a worker that stands still gives its locks back.
  idle_in_transaction_session_timeout: "15min",
};

// A commit must be durable when it is answered, whatever this database's default; stronger settings stay. transaction_timeout is new
// in PostgreSQL 17; an older server takes no connection that names it. A transaction is as long as the source's.
const openingSql = `
SELECT pg_backend_pid() AS pid,
  (SELECT count(set_config(name, value, false)) FROM unnest($1::text[], $2::text[]) AS given (name, value)),
  CASE WHEN current_setting('synchronous_commit') IN ('off', 'local') THEN set_config('synchronous_commit', 'on', false) END,
  CASE WHEN current_setting('transaction_timeout', true) IS NOT NULL THEN set_config('transaction_timeout', '0', false) END`;

/** How long another session of the subscription may take to end when told to. */
const leftoverEndsMs = 10_000;
const nameBytesMax = 63 - "dongbo ".length;

export class ApplySession {
  readonly client: pg.Client;
  readonly #address: ServerAddress;
  readonly #subject: string;
  readonly #prepared = new PreparedStatements();
  #process = "";
  #lost = false;

  private constructor(client: pg.Client, address: ServerAddress) {
    this.client = client;
    this.#address = address;
    this.#subject = printAddress(address);
    client.on("end", () => {
      this.#lost = true;
    });
    client.on("error", () => {
      this.#lost = true;
    });
    // A peer that has vanished is noticed within half a minute, not after two hours; see `watched` for one that vanished
    // before it got the question.
    (client.connection.stream as Partial<Socket>).setKeepAlive?.(true, 10_000);
  }

  /** In a connection of its own, or in one with `ownSettings` that is open and free. Throws ReplicationError. */
  static async open(address: ServerAddress, subscription: string, connected: pg.Client | null = null): Promise<ApplySession> {
    const role = applyRole(subscription);
    const client = connected ?? (await connectPostgres(address, { role, settings: ownSettings }));
    const session = new ApplySession(client, address);
    const all = { ...settings, application_name: `dongbo ${role}` };
    try {
      const { rows } = await client.query<{ pid: string }>(openingSql, [Object.keys(all), Object.values(all)]);
      session.#process = rows[0]?.pid ?? "";
      return session;
    } catch (error) {
      await session.close();
      throw session.translate(error);
    }
  }

  /** The connection is gone; only a new session helps. */
  get lost(): boolean {
    return this.#lost;
  }

  /** Runs statements in one round trip. Throws StatementFailure; `sent` is called when they are on their way. */
  async run(statements: readonly Statement[], sent?: () => void): Promise<readonly StatementResult[]> {
    return this.#watched(this.client.query(new StatementBatch(statements, this.#prepared, sent)).done);
  }

  /** COPY FROM STDIN of rows in the statement's format. Gives their number; throws StatementFailure. */
  async copyIn(sql: string, chunks: Iterable<Buffer>): Promise<number> {
    try {
      return await this.#watched(this.client.query(new CopyIn(sql, chunks)).done);
    } catch (error) {
      throw new StatementFailure(0, error);
    }
  }

  /** What the caller of the port is told of a failure. */
  translate(error: unknown): ReplicationError {
    const translated = toReplicationError(error instanceof StatementFailure ? error.cause : error, this.#subject);
    // What a database or a role forbids its sessions holds as long as they live: only a new one learns that it may write again.
    if (translated.code === "DB-PG-008") this.#lost = true;
    return translated;
  }

  async close(): Promise<void> {
    await this.client.end().catch(() => {});
  }

  #watched<T>(answer: Promise<T>): Promise<T> {
    const look = () => lookAtSession(this.#address, this.client, this.#process);
    return watched(answer, { look, giveUp: () => this.#giveUp() });
  }

  #giveUp(): void {
    this.#lost = true;
    (this.client.connection.stream as Partial<Socket>).destroy?.();
  }
}

/** What follows "dongbo " in application_name: the same for every session that applies this subscription, and for no other. */
export function applyRole(subscription: string): string {
  const role = `apply ${subscription}`;
  // The server cuts long names and replaces bytes outside ASCII: two names could become one.
  if (role.length <= nameBytesMax && /^[\x20-\x7e]*$/.test(role)) return role;
  const digest = createHash("sha256").update(subscription).digest("hex").slice(0, 16);
  const ascii = role.replace(/[^\x20-\x7e]/g, "_");
  return `${ascii.slice(0, nameBytesMax - digest.length - 1)}~${digest}`;
}

/**
 * Ends every other session that applies this subscription, so that a frozen worker's open transaction holds no locks and
 * no commit of it is still under way. Throws DB-TGT-019 when one does not end.
 */
export async function endLeftoverSessions(client: pg.Client, subscription: string): Promise<void> {
  const others = `FROM pg_stat_activity
    WHERE application_name = $1 AND usename = session_user AND datname = current_database() AND pid <> pg_backend_pid()`;
  const parameters = [`dongbo ${applyRole(subscription)}`];
  const ended = await client.query(`SELECT pg_terminate_backend(pid, ${leftoverEndsMs}) ${others}`, parameters);
  if (ended.rows.length === 0) return;
  const { rows } = await client.query(`SELECT ${others}`, parameters);
  if (rows.length > 0) throw new ReplicationError("DB-TGT-019", { subject: subscription });
}
