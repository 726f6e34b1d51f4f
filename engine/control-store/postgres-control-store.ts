// The control database in PostgreSQL. With its neighbours in this folder the only importer of pg in the engine, and only of
// its types: sessions are opened by whoever wires the processes.
import type { Position } from "../model/position.ts";
import { ReplicationError } from "../model/replication-error.ts";
import type { Clock } from "../ports/clock.ts";
import type { Actor } from "../ports/actor.ts";
import type {
  AppliedConfiguration,
  ConfigurationRecord,
  ControlCommands,
  EngineClaim,
  EngineIdentity,
  EngineMember,
  EngineProblem,
  HistoryEvent,
  OrderRequest,
  WhenHeld,
} from "../ports/control-commands.ts";
import type { SliceNumber } from "../model/slice.ts";
import { type CatalogTable, printTable } from "../model/table.ts";
import { carriedOut } from "../ports/control-store.ts";
import type { Carrier, Order, RecordedReservation, SubscriptionLifecycle, SuspensionReason } from "../ports/control-store.ts";
import { ControlSession, type OpenControlSession } from "./control-session.ts";
import { claimEngine, engineMembers, engineProblems, engineSeen } from "./engine-claim.ts";
import { migrate } from "./migrate.ts";
import { PostgresReconcileRecords } from "./postgres-reconcile-records.ts";
import { PostgresLeases } from "./postgres-leases.ts";
import { watchChanges } from "./watch-changes.ts";
import { closeOrder, giveOrder, noteSlice, pendingOrders } from "./work-orders.ts";

/** Written as the actor of what the engine does by itself. */
const engineActor: Actor = "engine";

/** Milliseconds since 1970 of a timestamptz column. */
const millis = (column: string): string => `(extract(epoch FROM ${column}) * 1000)::bigint AS ${column}`;

const configurationSql = `SELECT version, ${millis("applied_at")}, applied_by, document, digest
  FROM dongbo_control.applied_configuration ORDER BY version`;

export class PostgresControlStore implements ControlCommands {
  readonly reconcile: PostgresReconcileRecords;
  readonly leases: PostgresLeases;
  readonly #session: ControlSession;
  /** Of its own: a renewal must not wait behind anything. */
  readonly #leaseSession: ControlSession;
  readonly #open: OpenControlSession;
  readonly #clock: Clock;

  private constructor(open: OpenControlSession, clock: Clock) {
    this.#open = open;
    this.#clock = clock;
    this.#session = new ControlSession(open, "control");
    this.reconcile = new PostgresReconcileRecords(this.#session);
    this.#leaseSession = new ControlSession(open, "leases");
    this.leases = new PostgresLeases(this.#leaseSession);
  }

  /** Connects and brings the schema up to date. Throws DB-CTL-001, DB-CTL-004, DB-CTL-008. */
  static async open(open: OpenControlSession, clock: Clock): Promise<PostgresControlStore> {
    const store = new PostgresControlStore(open, clock);
    try {
      await store.#session.exclusively(migrate);
    } catch (error) {
      await store.close();
      throw error;
    }
    return store;
  }

  async reservation(source: string): Promise<RecordedReservation | null> {
    const [row] = await this.#session.query("SELECT identity, position FROM dongbo_control.reservation WHERE source = $1", [source]);
    if (row === undefined) return null;
    return { identity: row["identity"] ?? null, position: (row["position"] ?? null) as Position | null };
  }

  async recordReservation(source: string, reservation: RecordedReservation | null): Promise<void> {
    if (reservation === null) {
      await this.#session.query("DELETE FROM dongbo_control.reservation WHERE source = $1", [source]);
      return;
    }
    await this.#session.query(
      `INSERT INTO dongbo_control.reservation (source, identity, position) VALUES ($1, $2, $3)
       ON CONFLICT (source) DO UPDATE SET identity = $2, position = $3, recorded_at = now()`,
      [source, reservation.identity, reservation.position],
    );
  }

  async lifecycle(subscription: string): Promise<SubscriptionLifecycle> {
    return (await this.#lifecycles(subscription)).get(subscription) ?? { suspended: null, parked: null };
  }

  async lifecycles(): Promise<ReadonlyMap<string, SubscriptionLifecycle>> {
    return this.#lifecycles(null);
  }

  async park(subscription: string, why: string): Promise<void> {
    await this.#session.query(
      `WITH parked AS (
         INSERT INTO dongbo_control.lifecycle (subscription, parked_why, parked_since) VALUES ($1, $2, now())
         ON CONFLICT (subscription) DO UPDATE SET parked_why = $2, parked_since = now() WHERE lifecycle.parked_since IS NULL
         RETURNING subscription)
       INSERT INTO dongbo_control.event (subscription, kind, detail, actor) SELECT subscription, 'parked', $2, $3 FROM parked`,
      [subscription, why, engineActor],
    );
  }

  async unpark(subscription: string): Promise<void> {
    await this.#session.query(
      `WITH unparked AS (
         UPDATE dongbo_control.lifecycle SET parked_why = NULL, parked_since = NULL
         WHERE subscription = $1 AND parked_since IS NOT NULL RETURNING subscription)
       INSERT INTO dongbo_control.event (subscription, kind, detail, actor) SELECT subscription, 'unparked', '', $2 FROM unparked`,
      [subscription, engineActor],
    );
  }

  async published(subscription: string): Promise<ReadonlyMap<string, string>> {
    const sql = "SELECT source_table, version FROM dongbo_control.published WHERE subscription = $1";
    const rows = await this.#session.query(sql, [subscription]);
    return new Map(rows.map((row) => [row["source_table"] ?? "", row["version"] ?? ""]));
  }

  async recordPublished(subscription: string, versions: ReadonlyMap<string, string>): Promise<void> {
    if (versions.size === 0) return;
    await this.#session.query(
      `INSERT INTO dongbo_control.published (subscription, source_table, version)
       SELECT $1, key, value FROM json_each_text($2)
       ON CONFLICT (subscription, source_table) DO UPDATE SET version = excluded.version`,
      [subscription, JSON.stringify(Object.fromEntries(versions))],
    );
  }

  async carrier(subscription: string): Promise<Carrier | null> {
    const [row] = await this.#session.query("SELECT source, slot FROM dongbo_control.carrier WHERE subscription = $1", [subscription]);
    return row === undefined ? null : { source: row["source"] ?? "", slot: row["slot"] ?? "" };
  }

  async recordCarrier(subscription: string, { source, slot }: Carrier): Promise<void> {
    await this.#session.query(
      `INSERT INTO dongbo_control.carrier (subscription, source, slot) VALUES ($1, $2, $3)
       ON CONFLICT (subscription) DO UPDATE SET source = $2, slot = $3`,
      [subscription, source, slot],
    );
  }

  async described(source: string): Promise<readonly CatalogTable[]> {
    const rows = await this.#session.query("SELECT catalog::text FROM dongbo_control.described WHERE source = $1", [source]);
    return rows.map((row) => JSON.parse(row["catalog"] ?? "null") as CatalogTable);
  }

  async recordDescribed(source: string, tables: readonly CatalogTable[]): Promise<void> {
    await this.#session.query(
      `INSERT INTO dongbo_control.described (source, source_table, catalog)
       SELECT $1, key, value FROM json_each($2)
       ON CONFLICT (source, source_table) DO UPDATE SET catalog = excluded.catalog`,
      [source, JSON.stringify(Object.fromEntries(tables.map((catalog) => [printTable(catalog.table), catalog])))],
    );
  }

  async suspend(subscriptions: readonly string[], reason: SuspensionReason, by: Actor): Promise<void> {
    await this.#session.query(
      `WITH suspended AS (
         INSERT INTO dongbo_control.lifecycle (subscription, suspended_reason, suspended_since)
         SELECT subscription, $2, now() FROM json_array_elements_text($1) AS subscription
         ON CONFLICT (subscription) DO UPDATE
         SET suspended_reason = $2, suspended_since = coalesce(lifecycle.suspended_since, now())
         RETURNING subscription)
       INSERT INTO dongbo_control.event (subscription, kind, detail, actor) SELECT subscription, 'suspended', $2, $3 FROM suspended`,
      [JSON.stringify(subscriptions), reason, by],
    );
  }

  async resume(subscriptions: readonly string[], by: Actor): Promise<readonly string[]> {
    const rows = await this.#session.query(
      `WITH resumed AS (
         UPDATE dongbo_control.lifecycle SET suspended_reason = NULL, suspended_since = NULL
         WHERE subscription IN (SELECT json_array_elements_text($1)) AND suspended_since IS NOT NULL RETURNING subscription)
       INSERT INTO dongbo_control.event (subscription, kind, detail, actor)
       SELECT subscription, 'resumed', '', $2 FROM resumed ORDER BY subscription RETURNING subscription`,
      [JSON.stringify(subscriptions), by],
    );
    return rows.map((row) => row["subscription"] ?? "");
  }

  async order(order: OrderRequest, by: Actor): Promise<number> {
    return this.#session.transaction((client) => giveOrder(client, order, by));
  }

  async pendingOrders(): Promise<readonly Order[]> {
    return pendingOrders(this.#session);
  }

  async closeOrder(id: number, outcome: string): Promise<void> {
    await closeOrder(this.#session, id, outcome, engineActor);
  }

  async noteSliceDone(id: number, slice: SliceNumber): Promise<void> {
    if (await noteSlice(this.#session, id, slice)) await this.closeOrder(id, carriedOut);
  }

  async appliedConfiguration(): Promise<AppliedConfiguration | null> {
    const [row] = await this.#session.query(`${configurationSql} DESC LIMIT 1`);
    return row === undefined ? null : toConfiguration(row);
  }

  async configurationHistory(): Promise<readonly AppliedConfiguration[]> {
    return (await this.#session.query(configurationSql)).map(toConfiguration);
  }

  async recordConfiguration(next: ConfigurationRecord, basedOn: number): Promise<AppliedConfiguration> {
    const rows = await this.#session.query(
      `WITH newest AS (SELECT coalesce(max(version), 0) AS version FROM dongbo_control.applied_configuration),
       applied AS (
         INSERT INTO dongbo_control.applied_configuration (version, applied_by, document, digest)
         SELECT $1::integer + 1, $2, $3, $4 FROM newest WHERE newest.version = $1::integer
         ON CONFLICT (version) DO NOTHING RETURNING version, ${millis("applied_at")}),
       noted AS (
         INSERT INTO dongbo_control.event (kind, detail, actor) SELECT 'applied', 'configuration version ' || version, $2 FROM applied)
       SELECT version, applied_at FROM applied`,
      [basedOn, next.by, next.document, next.digest],
    );
    const [row] = rows;
    if (row === undefined) throw new ReplicationError("DB-CTL-007", { subject: `configuration version ${basedOn + 1}` });
    return { ...next, version: Number(row["version"]), at: new Date(Number(row["applied_at"])) };
  }

  async history(subscription: string | null, limit: number): Promise<readonly HistoryEvent[]> {
    const rows = await this.#session.query(
      `SELECT ${millis("at")}, subscription, kind, detail, actor FROM dongbo_control.event
       WHERE $1::text IS NULL OR subscription = $1 OR subscription IS NULL ORDER BY id DESC LIMIT $2`,
      [subscription, limit],
    );
    return rows.map((row) => ({
      at: new Date(Number(row["at"])),
      subscription: row["subscription"] ?? null,
      kind: row["kind"] as HistoryEvent["kind"],
      detail: row["detail"] ?? "",
      by: row["actor"] ?? "",
    }));
  }

  async watch(changed: () => void, signal: AbortSignal): Promise<void> {
    const session = new ControlSession(this.#open, "control watch");
    try {
      await watchChanges(session, this.#clock, { changed, signal });
    } finally {
      await session.close();
    }
  }

  async claimEngine(engine: EngineIdentity, whenHeld: WhenHeld): Promise<EngineClaim> {
    return claimEngine(new ControlSession(this.#open, "engine"), this.#clock, engine, whenHeld);
  }

  async engineMembers(): Promise<readonly EngineMember[]> {
    return engineMembers(this.#session);
  }

  async nudge(): Promise<void> {
    await this.#session.query("SELECT pg_catalog.pg_notify('dongbo_control', '')");
  }

  async engineSeen(): Promise<EngineIdentity | null> {
    return engineSeen(this.#session);
  }

  async engineProblems(): Promise<readonly EngineProblem[]> {
    return engineProblems(this.#session);
  }

  async close(): Promise<void> {
    await Promise.all([this.#session.close(), this.#leaseSession.close()]);
  }

  async #lifecycles(subscription: string | null): Promise<Map<string, SubscriptionLifecycle>> {
    const rows = await this.#session.query(
      `SELECT subscription, suspended_reason, ${millis("suspended_since")}, parked_why, ${millis("parked_since")}
       FROM dongbo_control.lifecycle WHERE $1::text IS NULL OR subscription = $1`,
      [subscription],
    );
    return new Map(rows.map((row) => [row["subscription"] ?? "", toLifecycle(row)]));
  }
}

function toConfiguration(row: Readonly<Record<string, string | null>>): AppliedConfiguration {
  return {
    version: Number(row["version"]),
    at: new Date(Number(row["applied_at"])),
    by: row["applied_by"] ?? "",
    document: row["document"] ?? "",
    digest: row["digest"] ?? "",
  };
}

function toLifecycle(row: Readonly<Record<string, string | null>>): SubscriptionLifecycle {
  const reason = (row["suspended_reason"] ?? null) as SuspensionReason | null;
  const why = row["parked_why"] ?? null;
  return {
    suspended: reason === null ? null : { reason, since: new Date(Number(row["suspended_since"])) },
    parked: why === null ? null : { why, since: new Date(Number(row["parked_since"])) },
  };
}
