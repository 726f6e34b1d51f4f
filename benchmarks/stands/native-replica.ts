// MariaDB's own replication, as the anchor: a copy by mariadb-dump, and a replica that catches up by GTID.
import { spawn } from "node:child_process";
import { obtainProgram } from "../../deploy/embedded/debian-packages.ts";
import type { EmbeddedMariaDb } from "../../deploy/embedded/mariadb-server.ts";

export class NativeReplica {
  readonly #master: EmbeddedMariaDb;
  readonly #replica: EmbeddedMariaDb;

  constructor(master: EmbeddedMariaDb, replica: EmbeddedMariaDb) {
    this.#master = master;
    this.#replica = replica;
  }

  /** An empty replica takes a consistent copy of the register, and is at the master's end when it is done. */
  async snapshot(): Promise<void> {
    await this.#replica.query("STOP SLAVE", "RESET SLAVE ALL", "RESET MASTER", "DROP DATABASE IF EXISTS register");
    const dump = spawn(
      obtainProgram("mariadb-dump", "mariadb-client"),
      ["-h127.0.0.1", `-P${this.#master.port}`, "-uroot", "--single-transaction", "--gtid", "--master-data=1", "--databases", "register"],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const load = spawn(obtainProgram("mariadb", "mariadb-client"), ["-h127.0.0.1", `-P${this.#replica.port}`, "-uroot"], {
      stdio: [dump.stdout, "ignore", "inherit"],
    });
    await Promise.all([ended(dump), ended(load)]);
    await this.#replica.query(
      `CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=${this.#master.port}, MASTER_USER='root', MASTER_USE_GTID=slave_pos`,
    );
    await this.catchUp();
  }

  /** Starts replicating and stops again when everything that the master held at the start was applied. */
  async catchUp(): Promise<void> {
    const [end] = await this.#master.query("SELECT @@gtid_binlog_pos AS at");
    await this.#replica.query("START SLAVE");
    const [waited] = await this.#replica.query(`SELECT MASTER_GTID_WAIT('${end?.["at"]}', 600) AS outcome`);
    if (waited?.["outcome"] !== "0") throw new Error("the native replica did not catch up in ten minutes");
    await this.#replica.query("STOP SLAVE");
  }
}

function ended(child: ReturnType<typeof spawn>): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${child.spawnfile} left with ${code}`));
    });
  });
}
