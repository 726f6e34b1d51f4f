import { ReplicationError } from "../model/replication-error.ts";
import type { Clock } from "../ports/clock.ts";
import type { EngineClaim, EngineIdentity, EngineProblem } from "../ports/control-commands.ts";
import type { ControlSession } from "./control-session.ts";

/** Advisory lock of the control database ("dong" in ASCII, 1): held by the session of the running engine. */
const lock = "1685024359, 1";

/** A server notices the end of a killed client's connection at once or, across a network, a little later. */
const claimPatienceMs = 5_000;
const claimPauseMs = 100;

/**
 * Takes the lock that says "one engine runs". A session's lock ends with the session, so a killed process leaves none
 * behind. Throws DB-RUN-024 with the holder's process and machine.
 */
export async function claimEngine(session: ControlSession, clock: Clock, engine: EngineIdentity): Promise<EngineClaim> {
  try {
    const deadline = clock.monotonicMs() + claimPatienceMs;
    while (!(await takeLock(session, engine))) {
      if (clock.monotonicMs() > deadline) throw alreadyRunning(await engineSeen(session));
      await clock.sleep(claimPauseMs);
    }
  } catch (error) {
    await session.close();
    throw error;
  }
  let held = true;
  return {
    renew: async () => {
      if (held && !session.alive) held = await takeLock(session, engine);
      return held;
    },
    report: async (problems) => {
      // A session that was lost is another one now, which holds nothing before the claim is renewed.
      if (!held || !session.alive) return;
      await session.query(
        `INSERT INTO dongbo_control.engine_report (problems) VALUES ($1) ON CONFLICT (only_one) DO UPDATE SET problems = $1`,
        [JSON.stringify(problems)],
      );
    },
    release: async () => {
      await session.query("DELETE FROM dongbo_control.engine").catch(() => {});
      await session.close();
    },
  };
}

/** Who holds the lock; null: nobody. */
export async function engineSeen(session: ControlSession): Promise<EngineIdentity | null> {
  const [row] = await session.query(
    `SELECT pid, host, version, (extract(epoch FROM started_at) * 1000)::bigint AS started_at FROM dongbo_control.engine
     WHERE EXISTS (
       SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND granted AND (classid, objid) = (${lock}) AND objsubid = 2
       AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))`,
  );
  if (row === undefined) return null;
  return {
    pid: Number(row["pid"]),
    host: row["host"] ?? "",
    version: row["version"] ?? "",
    startedAt: new Date(Number(row["started_at"])),
  };
}

export async function engineProblems(session: ControlSession): Promise<readonly EngineProblem[]> {
  const [row] = await session.query("SELECT problems FROM dongbo_control.engine_report");
  return JSON.parse(row?.["problems"] ?? "[]") as readonly EngineProblem[];
}

async function takeLock(session: ControlSession, engine: EngineIdentity): Promise<boolean> {
  const [row] = await session.query(`SELECT pg_try_advisory_lock(${lock}) AS taken`);
  if (row?.["taken"] !== "t") return false;
  await session.query(
    `INSERT INTO dongbo_control.engine (pid, host, version, started_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (only_one) DO UPDATE SET pid = $1, host = $2, version = $3, started_at = $4`,
    [engine.pid, engine.host, engine.version, engine.startedAt.toISOString()],
  );
  return true;
}

function alreadyRunning(holder: EngineIdentity | null): ReplicationError {
  const subject = holder === null ? "engine" : `process ${holder.pid} on ${holder.host}`;
  return new ReplicationError("DB-RUN-024", { subject });
}
