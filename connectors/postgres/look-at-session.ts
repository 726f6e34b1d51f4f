import type { Socket } from "node:net";
import type pg from "pg";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import type { ServerAddress } from "../../engine/model/server-address.ts";
import { patienceMs, type SessionLook } from "../silent-server.ts";
import { connectPostgres } from "./postgres-client.ts";

/** Looks at a session on another connection of the same role; `process` is its backend's. Throws when that fails for now. */
export async function lookAtSession(address: ServerAddress, client: pg.Client, process: string): Promise<SessionLook> {
  try {
    const probe = await connectPostgres(address, { role: "probe", answerTimeoutMs: patienceMs });
    try {
      const { rows } = await probe.query<{ state: string | null }>("SELECT state FROM pg_stat_activity WHERE pid = $1", [process]);
      if (rows[0] === undefined) return "gone";
      const unsent = (client.connection.stream as Partial<Socket>).writableLength;
      return rows[0].state?.startsWith("idle") === true && unsent === 0 ? "idle" : "at work";
    } finally {
      await probe.end().catch(() => {});
    }
  } catch (error) {
    if (error instanceof ReplicationError && error.code === "DB-PG-001") return "unreachable";
    throw error;
  }
}
