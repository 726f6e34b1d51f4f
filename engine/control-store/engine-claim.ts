import { ReplicationError } from "../model/replication-error.ts";
import type { Clock } from "../ports/clock.ts";
import type { EngineClaim, EngineIdentity, EngineMember, EngineProblem, WhenHeld } from "../ports/control-commands.ts";
import type { ControlSession } from "./control-session.ts";

/** Advisory lock of the control database ("dong" in ASCII, 1): held by the session of the running engine. */
const lock = "1685024359, 1";
/** First half of the locks ("dong" + 1) that the sessions of members hold, each with the number of its row. */
const memberLock = 1_685_024_360;

/** Which of these locks some session holds; `objid`: SQL for the second half. */
const isHeld = (classid: string, objid: string): string => `EXISTS (
  SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND granted AND (classid, objid) = (${classid}, ${objid}) AND objsubid = 2
  AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))`;

/** A server notices the end of a killed client's connection at once or, across a network, a little later. */
const claimPatienceMs = 5_000;
const claimPauseMs = 100;

/**
 * Takes the lock that says "one engine runs". A session's lock ends with the session, so a killed process leaves none
 * behind. Throws DB-RUN-024 with the holder's process and machine, unless it may stand by.
 */
export async function claimEngine(session: ControlSession, clock: Clock, engine: EngineIdentity, whenHeld: WhenHeld): Promise<EngineClaim> {
  try {
    const deadline = clock.monotonicMs() + claimPatienceMs;
    if (whenHeld !== "refuse") {
      const fleet = whenHeld === "join";
      const claim = new SharedClaim(session, engine, fleet);
      // Whoever was killed just now seems to be there a moment longer.
      while ((await claim.join(), await otherKind(session, fleet)) !== null) {
        if (clock.monotonicMs() > deadline) throw alreadyRunning(await otherKind(session, fleet));
        await clock.sleep(claimPauseMs);
      }
      await claim.renew();
      return claim;
    }
    while (!(await takeLock(session, engine, false)) || (await otherKind(session, false)) !== null) {
      if (clock.monotonicMs() > deadline) throw alreadyRunning((await otherKind(session, false)) ?? (await engineSeen(session)));
      await clock.sleep(claimPauseMs);
    }
    return new SoleClaim(session, engine);
  } catch (error) {
    await session.close();
    throw error;
  }
}

/** Nobody else may run. */
class SoleClaim implements EngineClaim {
  readonly #session: ControlSession;
  readonly #engine: EngineIdentity;
  #held = true;

  constructor(session: ControlSession, engine: EngineIdentity) {
    this.#session = session;
    this.#engine = engine;
  }

  get leads(): boolean {
    return this.#held;
  }

  async renew(): Promise<boolean> {
    if (this.#held && !this.#session.alive) this.#held = await takeLock(this.#session, this.#engine, false);
    return this.#held;
  }

  async report(problems: readonly EngineProblem[]): Promise<void> {
    // A session that was lost is another one now, which holds nothing before the claim is renewed.
    if (this.#held && this.#session.alive) await reportAsEngine(this.#session, problems);
  }

  async release(): Promise<void> {
    await this.#session.query("DELETE FROM dongbo_control.engine").catch(() => {});
    await this.#session.close();
  }
}

/** One of several; the one that leads is the engine to those who ask, and another takes its place when it is gone. */
class SharedClaim implements EngineClaim {
  readonly #session: ControlSession;
  readonly #engine: EngineIdentity;
  /** The connection that holds our locks. */
  #client: object | null = null;
  #member: string | null = null;
  #leads = false;
  readonly #fleet: boolean;

  constructor(session: ControlSession, engine: EngineIdentity, fleet: boolean) {
    this.#session = session;
    this.#engine = engine;
    this.#fleet = fleet;
  }

  get leads(): boolean {
    return this.#leads;
  }

  /** Makes itself known to all others, once in each session. */
  async join(): Promise<void> {
    const client = await this.#session.client();
    if (client === this.#client) return;
    this.#leads = false;
    this.#member = await joinMembers(this.#session, this.#engine, this.#fleet);
    this.#client = client;
  }

  async renew(): Promise<boolean> {
    await this.join();
    if (!this.#leads) this.#leads = await takeLock(this.#session, this.#engine, this.#fleet);
    return this.#leads;
  }

  async report(problems: readonly EngineProblem[], slices: readonly string[] = []): Promise<void> {
    if (!this.#session.alive) return;
    if (this.#leads) await reportAsEngine(this.#session, problems);
    await this.#session.query("UPDATE dongbo_control.member SET problems = $2, slices = $3 WHERE id = $1", [
      this.#member,
      JSON.stringify(this.#leads ? [] : problems),
      JSON.stringify(slices),
    ]);
  }

  async release(): Promise<void> {
    await this.#session.query("DELETE FROM dongbo_control.member WHERE id = $1", [this.#member]).catch(() => {});
    if (this.#leads) await this.#session.query("DELETE FROM dongbo_control.engine").catch(() => {});
    await this.#session.close();
  }
}

/** Who holds the lock; null: nobody. */
export async function engineSeen(session: ControlSession): Promise<EngineIdentity | null> {
  const [row] = await session.query(`SELECT ${identityColumns} FROM dongbo_control.engine WHERE ${isHeld(...splitLock)}`);
  return row === undefined ? null : toIdentity(row);
}

/** What the engine told of last, and what those beside it tell of now. */
export async function engineProblems(session: ControlSession): Promise<readonly EngineProblem[]> {
  const rows = await session.query(
    `SELECT problems FROM dongbo_control.engine_report UNION ALL
     SELECT problems FROM dongbo_control.member AS m WHERE ${isHeld(String(memberLock), "m.id")}`,
  );
  return rows.flatMap((row) => JSON.parse(row["problems"] ?? "[]") as EngineProblem[]);
}

/** Processes that share sources, and which slices each has. */
export async function engineMembers(session: ControlSession): Promise<readonly EngineMember[]> {
  const rows = await session.query(
    `SELECT ${identityColumns}, slices FROM dongbo_control.member AS m WHERE ${isHeld(String(memberLock), "m.id")} ORDER BY id`,
  );
  return rows.map((row) => ({ ...toIdentity(row), slices: JSON.parse(row["slices"] ?? "[]") as string[] }));
}

const splitLock = lock.split(", ") as [string, string];

const identityColumns = "pid, host, version, (extract(epoch FROM started_at) * 1000)::bigint AS started_at";

function toIdentity(row: Readonly<Record<string, string | null>>): EngineIdentity {
  return {
    pid: Number(row["pid"]),
    host: row["host"] ?? "",
    version: row["version"] ?? "",
    startedAt: new Date(Number(row["started_at"])),
  };
}

async function reportAsEngine(session: ControlSession, problems: readonly EngineProblem[]): Promise<void> {
  await session.query(
    `INSERT INTO dongbo_control.engine_report (problems) VALUES ($1) ON CONFLICT (only_one) DO UPDATE SET problems = $1`,
    [JSON.stringify(problems)],
  );
}

/** Adds a row for this process, and takes away those of processes that are gone. Gives its number. */
async function joinMembers(
  session: ControlSession,
  { pid, host, version, startedAt }: EngineIdentity,
  fleet: boolean,
): Promise<string | null> {
  const [row] = await session.query(
    `INSERT INTO dongbo_control.member (pid, host, version, started_at, fleet) VALUES ($1, $2, $3, $4, $5)
     RETURNING id, pg_advisory_lock(${memberLock}, id)::text AS locked`,
    [pid, host, version, startedAt.toISOString(), String(fleet)],
  );
  await session.query(`DELETE FROM dongbo_control.member AS m WHERE NOT ${isHeld(String(memberLock), "m.id")}`);
  return row?.["id"] ?? null;
}

/** Somebody who runs and is of a fleet where we are not, or is not where we are. Both look after they made themselves known. */
async function otherKind(session: ControlSession, fleet: boolean): Promise<EngineIdentity | null> {
  const [row] = await session.query(
    `SELECT ${identityColumns} FROM dongbo_control.engine WHERE fleet <> $1 AND ${isHeld(...splitLock)} UNION ALL
     SELECT ${identityColumns} FROM dongbo_control.member AS m WHERE fleet <> $1 AND ${isHeld(String(memberLock), "m.id")}`,
    [String(fleet)],
  );
  return row === undefined ? null : toIdentity(row);
}

async function takeLock(session: ControlSession, engine: EngineIdentity, fleet: boolean): Promise<boolean> {
  const [row] = await session.query(`SELECT pg_try_advisory_lock(${lock}) AS taken`);
  if (row?.["taken"] !== "t") return false;
  await session.query(
    `INSERT INTO dongbo_control.engine (pid, host, version, started_at, fleet) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (only_one) DO UPDATE SET pid = $1, host = $2, version = $3, started_at = $4, fleet = $5`,
    [engine.pid, engine.host, engine.version, engine.startedAt.toISOString(), String(fleet)],
  );
  return true;
}

function alreadyRunning(holder: EngineIdentity | null): ReplicationError {
  const subject = holder === null ? "engine" : `process ${holder.pid} on ${holder.host}`;
  return new ReplicationError("DB-RUN-024", { subject });
}
