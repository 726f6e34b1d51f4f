// A server with a master's tables and an empty database for copies, to drive a PostgresTarget without the rest of the engine.
import type pg from "pg";
import { PostgresTarget } from "../../connectors/postgres/apply/postgres-target.ts";
import { lsnOrder } from "../../connectors/postgres/lsn.ts";
import { describeTables } from "../../connectors/postgres/postgres-schema.ts";
import { quoteTable } from "../../connectors/postgres/quote.ts";
import type { PostgresMajor } from "../../deploy/embedded/postgres-binaries.ts";
import type { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import type { Micros } from "../../engine/model/change-message.ts";
import type { Position } from "../../engine/model/position.ts";
import type { Key, Row } from "../../engine/model/row.ts";
import type { Regulation, Subscription, TableMapping } from "../../engine/model/share.ts";
import { printTable, type TableName } from "../../engine/model/table.ts";
import type {
  ChangeTarget,
  CheckpointWrite,
  CommitOutcome,
  LoadProgress,
  TableChange,
  TargetTransaction,
} from "../../engine/ports/change-target.ts";
import { roles, runSql, type ServerSettings, startServer, textClient } from "./cluster.ts";
import { serverAddress } from "./server-address.ts";

export interface LabOptions {
  readonly major?: PostgresMajor;
  /** Statements that make the master's tables. */
  readonly master: readonly string[];
  readonly settings?: ServerSettings;
}

export interface SubscriptionOptions {
  readonly id?: string;
  readonly regulation?: Partial<Regulation>;
  readonly quarantineMax?: number;
}

/** 2026-01-02T03:04:05Z. */
export const start: Micros = 1_767_323_045_000_000;

export class TargetLab implements AsyncDisposable {
  readonly server: EmbeddedPostgres;
  #client: pg.Client;

  private constructor(server: EmbeddedPostgres, client: pg.Client) {
    this.server = server;
    this.#client = client;
  }

  static async open(options: LabOptions): Promise<TargetLab> {
    const server = await startServer(options.major ?? 18, options.settings ?? {});
    await runSql(
      server.url(),
      `CREATE ROLE ${roles.target} LOGIN`,
      `CREATE ROLE ${roles.reader} LOGIN`,
      "CREATE DATABASE master",
      `CREATE DATABASE copies OWNER ${roles.target}`,
    );
    await runSql(server.url("master"), ...options.master);
    const client = textClient(server.url("copies"));
    await client.connect();
    return new TargetLab(server, client);
  }

  /** URL of the copies' database for the role that dongbo works with there. */
  get url(): string {
    return this.server.url("copies", roles.target, null);
  }

  /** Mappings that ship whole tables under their own names. */
  async mappings(...tables: readonly TableName[]): Promise<TableMapping[]> {
    const client = textClient(this.server.url("master"));
    await client.connect();
    try {
      const found = await describeTables(client, tables);
      return found.map((catalog) => ({
        source: catalog.table,
        target: catalog.table,
        physical: { schema: `${catalog.table.schema}_copy`, name: catalog.table.name },
        key: catalog.primaryKey,
        columns: catalog.columns.map(({ name, type, nullable }) => ({
          source: name,
          target: name,
          sourceType: type,
          targetType: null,
          nullable,
        })),
        filter: null,
        catalog,
      }));
    } finally {
      await client.end();
    }
  }

  target(subscription: Subscription, url: string = this.url): PostgresTarget {
    return new PostgresTarget({ address: serverAddress(url), subscription, readers: [roles.reader], positions: lsnOrder });
  }

  /** After a restart of the server. */
  async reconnect(): Promise<void> {
    await this.#client.end().catch(() => {});
    this.#client = textClient(this.server.url("copies"));
    await this.#client.connect();
  }

  /** Runs one statement in the copies' database as superuser, all in one session. */
  async sql(text: string, parameters: readonly unknown[] = []): Promise<Record<string, string | null>[]> {
    const result = await this.#client.query<Record<string, string | null>>(text, [...parameters]);
    return result.rows;
  }

  /** The record of one copy in schema dongbo. */
  async copy(table: TableMapping): Promise<Record<string, string | null>> {
    const [row] = await this.sql("SELECT * FROM dongbo.copy WHERE target_table = $1", [printTable(table.target)]);
    if (row === undefined) throw new Error("the copy is not recorded");
    return row;
  }

  async record(id = "population/hcm"): Promise<Record<string, string | null>> {
    const [row] = await this.sql("SELECT * FROM dongbo.subscription WHERE id = $1", [id]);
    if (row === undefined) throw new Error("the subscription is not recorded");
    return row;
  }

  /** Rows of the physical table in key order, without dongbo_batch, as text. */
  async rows(table: TableMapping): Promise<(string | null)[][]> {
    const columns = table.columns.map((column) => `"${column.target.replaceAll('"', '""')}"::text`);
    const keys = table.key.map((name) => `"${name.replaceAll('"', '""')}"`);
    const result = await this.#client.query<(string | null)[]>({
      text: `SELECT ${columns.join(", ")} FROM ${quoteTable(table.physical)} ORDER BY ${keys.join(", ")}`,
      rowMode: "array",
    });
    return result.rows;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.end();
    await this.server.destroy();
  }
}

export function subscriptionOf(tables: readonly TableMapping[], options: SubscriptionOptions = {}): Subscription {
  return {
    id: options.id ?? "population/hcm",
    share: "population",
    source: "national",
    target: "hcm",
    agreement: { id: "TT-07/2026", from: new Date("2020-01-01T00:00:00Z"), to: null },
    regulation: { id: "QC-01", validityPeriodSeconds: 86_400, onExpiry: "refuse", logRetentionSeconds: 86_400, ...options.regulation },
    tables,
    stopped: [],
    quarantineMax: options.quarantineMax ?? 100,
  };
}

/** What gives workers of a subscription. */
interface Targets {
  target(subscription: Subscription, url?: string): ChangeTarget;
}

/** A target that owns a subscription, and the sequence of its batches. */
export class Writer {
  readonly target: ChangeTarget;
  readonly subscription: Subscription;
  epoch = 0;
  #step = 0;

  constructor(target: ChangeTarget, subscription: Subscription) {
    this.target = target;
    this.subscription = subscription;
  }

  /** Prepared and owned, its copies loaded with nothing and therefore valid as of `at`. */
  static async loaded(lab: Targets, subscription: Subscription, at: Micros = nowMicros()): Promise<Writer> {
    const writer = await Writer.prepared(lab, subscription);
    await writer.commit(await writer.begin(), {
      sourceTime: at,
      loads: subscription.tables.map((table) => ({ table, progress: progress(), complete: true })),
    });
    return writer;
  }

  static async prepared(lab: Targets, subscription: Subscription, url?: string): Promise<Writer> {
    const target = lab.target(subscription, url);
    await target.prepare(subscription);
    const writer = new Writer(target, subscription);
    writer.epoch = (await target.takeEpoch()).checkpoint.epoch;
    return writer;
  }

  begin(): Promise<TargetTransaction> {
    return this.target.begin(this.epoch);
  }

  /** One transaction with these changes. */
  async apply(changes: readonly Partial<TableChange>[], checkpoint: Partial<CheckpointWrite> = {}): Promise<Applied> {
    const transaction = await this.begin();
    try {
      const outcome = await transaction.write(changes.map((change) => this.change(change)));
      const committed = await this.commit(transaction, checkpoint);
      return { ...committed, missing: outcome.missing, stops: [...outcome.stops, ...committed.stops], batchId: transaction.batchId };
    } catch (error) {
      await transaction.rollback().catch(() => {});
      throw error;
    }
  }

  change(change: Partial<TableChange>): TableChange {
    const [only] = this.subscription.tables;
    if (only === undefined) throw new Error("a subscription has tables");
    return { table: only, truncate: false, deletes: [], upserts: [], updates: [], ...change };
  }

  async commit(transaction: TargetTransaction, checkpoint: Partial<CheckpointWrite> = {}): Promise<CommitOutcome> {
    return transaction.commit(this.checkpoint(checkpoint));
  }

  /** A checkpoint one step further than the last. */
  checkpoint(changes: Partial<CheckpointWrite> = {}): CheckpointWrite {
    this.#step += 1;
    const position = `0/${(0x1000 + this.#step * 16).toString(16).toUpperCase()}` as Position;
    return {
      position,
      sourceIdentity: "7300000000000000001/1",
      sourceTime: nowMicros(),
      firstPosition: position,
      transactions: 1,
      firstCommittedAt: start,
      agreementId: this.subscription.agreement.id,
      advancing: this.subscription.tables,
      loads: [],
      stops: [],
      repaired: [],
      ...changes,
    };
  }
}

export type Applied = CommitOutcome & {
  readonly missing: readonly { readonly table: TableMapping; readonly keys: readonly Key[] }[];
  readonly batchId: number;
};

export function progress(changes: Partial<LoadProgress> = {}): LoadProgress {
  return {
    contract: "all rows",
    filter: null,
    sweepBefore: null,
    ranges: [{ after: null, until: null, done: true }],
    fence: null,
    rows: 0,
    ...changes,
  };
}

export function nowMicros(): Micros {
  return Date.now() * 1000;
}

/** A key from text. */
export function key(...parts: readonly string[]): Key {
  return parts.map((part) => Buffer.from(part, "utf8"));
}

export type { Row };
