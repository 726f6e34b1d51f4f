import { ReplicationError } from "../../engine/model/replication-error.ts";
import type { ServerAddress } from "../../engine/model/server-address.ts";
import { patienceMs, type SessionLook } from "../silent-server.ts";
import { connectMysql, type MysqlSession } from "./mysql-client.ts";

/** Looks at a session on another connection of the same account. Throws when that fails for now. */
export async function lookAtSession(address: ServerAddress, session: MysqlSession): Promise<SessionLook> {
  try {
    const probe = await connectMysql(address, { role: "probe", connectTimeoutMs: patienceMs });
    try {
      const rows = await probe.query("SELECT COMMAND AS command FROM information_schema.PROCESSLIST WHERE ID = ?", [session.id]);
      if (rows[0] === undefined) return "gone";
      return rows[0]["command"] === "Sleep" && session.unsentBytes === 0 ? "idle" : "at work";
    } finally {
      await probe.end();
    }
  } catch (error) {
    if (error instanceof ReplicationError && error.code === "DB-MY-001") return "unreachable";
    throw error;
  }
}
