// Consistent snapshots of MariaDB and their place in the binary log, to the byte.
import type { MysqlSession } from "./mysql-client.ts";
import { formatLogOffset, type LogOffset } from "./positions.ts";

/** How long a place at the start of a file must have stood before it is believed, and how often it is looked at. */
const settleMs = 1000;
const lookMs = 20;

/**
 * The server takes snapshot and place under one lock (MDEV-136), with one exception: the commit that makes it begin a new file
 * moves the place there before its own transactions, at the end of the old file, can be seen (sql/log.cc, trx_group_commit_leader:
 * rotate, then run_commit_ordered). So a place with no transaction of its file before it is not believed until another
 * commit has come, or until it has stood still for longer than that takes. One for each source.
 */
export class SettledSnapshots {
  /** A file, and where its first transaction begins. */
  #begun: LogOffset | null = null;
  /** A place that is not believed yet, and since when it is known. */
  #doubted: { readonly place: string; readonly since: number } | null = null;

  /** Begins a transaction in a session of isolation level REPEATABLE READ; it sees what begins before the place, and nothing else. */
  async begin(session: MysqlSession): Promise<LogOffset> {
    for (;;) {
      await session.query("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY");
      const place = await snapshotPlace(session);
      if (await this.#isSettled(session, place)) return place;
      await session.query("COMMIT");
      await new Promise((resolve) => {
        setTimeout(resolve, lookMs);
      });
    }
  }

  async #isSettled(session: MysqlSession, place: LogOffset): Promise<boolean> {
    if (this.#begun?.file !== place.file) this.#begun = await firstTransaction(session, place.file);
    if (this.#begun !== null && this.#begun.offset < place.offset) return true;
    const [now, printed] = [performance.now(), formatLogOffset(place)];
    if (this.#doubted?.place !== printed) this.#doubted = { place: printed, since: now };
    return now - this.#doubted.since >= settleMs;
  }
}

async function snapshotPlace(session: MysqlSession): Promise<LogOffset> {
  const rows = await session.query("SHOW SESSION STATUS LIKE 'Binlog\\_snapshot\\_%'");
  const status = new Map(rows.map((row) => [row["Variable_name"]?.toLowerCase(), row["Value"] ?? ""]));
  return { file: status.get("binlog_snapshot_file") ?? "", offset: Number(status.get("binlog_snapshot_position")) };
}

/** Null: the file has none yet. Only a few events can come before it. */
async function firstTransaction(session: MysqlSession, file: string): Promise<LogOffset | null> {
  const rows = await session.query("SHOW BINLOG EVENTS IN ? LIMIT 20", [file]);
  const first = rows.find((row) => row["Event_type"] === "Gtid");
  return first === undefined ? null : { file, offset: Number(first["Pos"]) };
}
