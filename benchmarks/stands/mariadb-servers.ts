// Three MariaDB servers: the register's, the one that holds dongbo's copies, and the anchor's replica. A replica is a whole server, so
// the anchor cannot share one with dongbo; both have the same settings.
import { join } from "node:path";
import { EmbeddedMariaDb } from "../../deploy/embedded/mariadb-server.ts";
import { serverSeconds } from "../suite/process-usage.ts";
import { fillMariaDb, mariaDbDigestSql } from "./mariadb-register.ts";
import { NativeReplica } from "./native-replica.ts";

const settings = { innodb_buffer_pool_size: "512M", sync_binlog: 1, innodb_flush_log_at_trx_commit: 1, innodb_log_file_size: "1G" };

export class MariaDbServers implements AsyncDisposable {
  readonly source: EmbeddedMariaDb;
  readonly copies: EmbeddedMariaDb;
  readonly replica: EmbeddedMariaDb;
  readonly native: NativeReplica;
  #nextTransaction = 1;

  private constructor(servers: readonly [EmbeddedMariaDb, EmbeddedMariaDb, EmbeddedMariaDb]) {
    [this.source, this.copies, this.replica] = servers;
    this.native = new NativeReplica(this.source, this.replica);
  }

  /** With a register of that many people; data folders are made in the folder. */
  static async start(folder: string, rows: number): Promise<MariaDbServers> {
    // A replica that has loaded a dump has logged that itself, and in strict mode would not take the source's position after it.
    const start = (name: string, id: number): Promise<EmbeddedMariaDb> =>
      EmbeddedMariaDb.start({
        dataDir: join(folder, name),
        settings: { ...settings, server_id: id, gtid_domain_id: id, gtid_strict_mode: 0 },
      });
    const servers = new MariaDbServers(await Promise.all([start("m-source", 1), start("m-copies", 2), start("m-replica", 3)]));
    await fillMariaDb(servers.source, rows);
    await servers.copies.query("CREATE USER dongbo@127.0.0.1", "GRANT ALL ON *.* TO dongbo@127.0.0.1 WITH GRANT OPTION");
    return servers;
  }

  /** Transactions of ten changes: seven updates, two inserts, a delete. */
  async change(changes: number): Promise<void> {
    const first = this.#nextTransaction;
    this.#nextTransaction += Math.ceil(changes / 10);
    await this.source.query(`CALL register.change_rows(${first}, ${this.#nextTransaction - 1})`);
  }

  /** An empty place for the one copy that the server holds. */
  async clearCopies(): Promise<void> {
    const dropped = ["copy", "copy_copy", "dongbo"].map((name) => `DROP DATABASE IF EXISTS ${name}`);
    await this.copies.query(...dropped, "CREATE DATABASE copy");
  }

  /** Content of a table, judged by its server. */
  async digest(server: EmbeddedMariaDb, table: string): Promise<string> {
    const [row] = await server.query(mariaDbDigestSql(table));
    return String(row?.["digest"]);
  }

  async version(): Promise<string> {
    const [row] = await this.source.query("SELECT VERSION() AS version");
    return String(row?.["version"]);
  }

  /** What bears on speed and durability, by server. */
  async settings(): Promise<Record<string, Record<string, string>>> {
    const [source, copies, replica] = [await settingsOf(this.source), await settingsOf(this.copies), await settingsOf(this.replica)];
    return { "mariadb source": source, "mariadb copies": copies, "mariadb replica": replica };
  }

  /** Processor seconds so far: of the source, and of both servers that copies are made on. */
  spent(): { readonly source: number; readonly target: number } {
    return { source: spentBy(this.source), target: spentBy(this.copies) + spentBy(this.replica) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.source, this.copies, this.replica].map((server) => server[Symbol.asyncDispose]()));
  }
}

function spentBy({ pid }: EmbeddedMariaDb): number {
  return pid === null ? 0 : serverSeconds(pid);
}

async function settingsOf(server: EmbeddedMariaDb): Promise<Record<string, string>> {
  const rows = await server.query(`SHOW GLOBAL VARIABLES WHERE Variable_name IN ('${Object.keys(settings).join("','")}')`);
  return Object.fromEntries(rows.map((row) => [String(row["Variable_name"]), String(row["Value"])]));
}
