import type { FleetState, FleetWorker, Lease, Leased, Leases, SeenWorker } from "../ports/leases.ts";
import type { ControlSession } from "./control-session.ts";

type Row = Readonly<Record<string, string | null>>;

/** Nobody asks any more for workers that ended so long ago without saying so. */
const forgottenAfter = "1 hour";

/** After a restart of this server every owner gets the time of one lease to come back: nobody could renew meanwhile. */
const endsSql = (endsAt: string, leaseMs: string): string =>
  `greatest(${endsAt}, pg_catalog.pg_postmaster_start_time() + make_interval(secs => ${leaseMs}::double precision / 1000))`;

const leasesSql = `
SELECT kind, name, worker, term, (extract(epoch FROM since) * 1000)::bigint AS since,
  CASE WHEN worker IS NULL THEN -1
       ELSE (extract(epoch FROM ${endsSql("ends_at", "$1")} - clock_timestamp()) * 1000)::bigint END AS left_ms
FROM dongbo_control.lease ORDER BY kind, name`;

const workersSql = `
SELECT id, pid, host, version, draining, live_until > clock_timestamp() AS live,
  (extract(epoch FROM started_at) * 1000)::bigint AS started_at, (extract(epoch FROM heard_at) * 1000)::bigint AS heard_at
FROM dongbo_control.worker WHERE heard_at > clock_timestamp() - interval '${forgottenAfter}' ORDER BY started_at, id`;

const renewSql = `
WITH heard AS (
  INSERT INTO dongbo_control.worker (id, pid, host, version, started_at, draining, heard_at, live_until)
  VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp(), clock_timestamp() + make_interval(secs => $7::double precision / 1000))
  ON CONFLICT (id) DO UPDATE SET draining = excluded.draining, heard_at = excluded.heard_at, live_until = excluded.live_until),
forgotten AS (DELETE FROM dongbo_control.worker WHERE heard_at <= clock_timestamp() - interval '${forgottenAfter}')
UPDATE dongbo_control.lease SET ends_at = clock_timestamp() + make_interval(secs => $7::double precision / 1000) WHERE worker = $1`;

// A term is later than every one before it, also where the control database was restored or made anew: it counts seconds at least.
const takeSql = `
INSERT INTO dongbo_control.lease AS held (kind, name, worker, term, since, ends_at)
VALUES ($1, $2, $3, extract(epoch FROM clock_timestamp())::bigint, clock_timestamp(),
        clock_timestamp() + make_interval(secs => $5::double precision / 1000))
ON CONFLICT (kind, name) DO UPDATE SET worker = excluded.worker, term = greatest(held.term + 1, excluded.term),
  since = excluded.since, ends_at = excluded.ends_at
  WHERE held.term = $4::bigint AND (held.worker IS NULL OR ${endsSql("held.ends_at", "$5")} < clock_timestamp())
RETURNING term`;

export class PostgresLeases implements Leases {
  readonly #session: ControlSession;

  constructor(session: ControlSession) {
    this.#session = session;
  }

  async fleet(): Promise<string> {
    const [row] = await this.#session.query("SELECT id FROM dongbo_control.fleet");
    return row?.["id"] ?? "";
  }

  async renew({ id, pid, host, version, startedAt, draining }: FleetWorker, leaseMs: number): Promise<FleetState> {
    await this.#session.query(renewSql, [id, pid, host, version, startedAt.toISOString(), String(draining), leaseMs]);
    return this.#read(leaseMs);
  }

  async take({ kind, name }: Leased, worker: string, seen: Lease | null, leaseMs: number): Promise<number | null> {
    const [row] = await this.#session.query(takeSql, [kind, name, worker, seen?.term ?? null, leaseMs]);
    return row === undefined ? null : Number(row["term"]);
  }

  async giveBack({ kind, name }: Leased, worker: string, term: number): Promise<void> {
    const sql = "UPDATE dongbo_control.lease SET worker = NULL WHERE kind = $1 AND name = $2 AND worker = $3 AND term = $4";
    await this.#session.query(sql, [kind, name, worker, term]);
  }

  async leave(worker: string): Promise<void> {
    await this.#session.query(
      `WITH gone AS (DELETE FROM dongbo_control.worker WHERE id = $1)
       UPDATE dongbo_control.lease SET worker = NULL WHERE worker = $1`,
      [worker],
    );
  }

  async state(): Promise<FleetState> {
    return this.#read(0);
  }

  async #read(leaseMs: number): Promise<FleetState> {
    const leases = await this.#session.query(leasesSql, [leaseMs]);
    const workers = await this.#session.query(workersSql);
    return { leases: leases.map(toLease), workers: workers.map(toWorker) };
  }
}

function toLease(row: Row): Lease {
  return {
    kind: row["kind"] as Lease["kind"],
    name: row["name"] ?? "",
    worker: row["worker"] ?? null,
    term: Number(row["term"]),
    since: new Date(Number(row["since"])),
    leftMs: Number(row["left_ms"]),
  };
}

function toWorker(row: Row): SeenWorker {
  return {
    id: row["id"] ?? "",
    pid: Number(row["pid"]),
    host: row["host"] ?? "",
    version: row["version"] ?? "",
    startedAt: new Date(Number(row["started_at"])),
    draining: row["draining"] === "t",
    heardAt: new Date(Number(row["heard_at"])),
    live: row["live"] === "t",
  };
}
