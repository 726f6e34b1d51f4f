// Transactions that are in the master's log, and so in its copies, and that the master itself does not show yet: their commits wait
// for a standby that does not answer.
import { type Cluster, runSql } from "../support/cluster.ts";
import { waitUntil } from "../support/wait-until.ts";

export class HiddenCommits implements AsyncDisposable {
  readonly #cluster: Cluster;
  readonly #waiting = new Set<Promise<unknown>>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** From now on commits wait, but for those of sessions that say otherwise. */
  async begin(): Promise<void> {
    await runSql(this.#cluster.source.url(), "ALTER SYSTEM SET synchronous_standby_names = 'away'", "SELECT pg_reload_conf()");
    // The setting holds once the checkpointer has seen it.
    const probe = "SELECT pg_logical_emit_message(true, 'test', '')";
    await waitUntil(
      async () => {
        const before = await this.#count();
        this.#start(probe);
        await waitUntil(async () => this.#waiting.size === 0 || (await this.#count()) > before, { describe: "a commit to wait or to end" });
        return (await this.#count()) > before;
      },
      { describe: "commits to wait for a standby" },
    );
  }

  /** Runs each statement in a transaction of its own, and resolves when the commits of all of them wait. */
  async commit(...statements: readonly string[]): Promise<void> {
    const before = await this.#count();
    for (const sql of statements) this.#start(sql);
    await waitUntil(async () => (await this.#count()) >= before + statements.length, {
      describe: `${statements.length} commits to wait for a standby`,
      detail: async () => JSON.stringify(await runSql(this.#cluster.source.url(), "SELECT state, wait_event, query FROM pg_stat_activity")),
    });
  }

  /** Lets the master show them. Throws when one of them failed. */
  async release(): Promise<void> {
    await runSql(this.#cluster.source.url(), "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()");
    await Promise.all(this.#waiting);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release().catch(() => {});
  }

  #start(sql: string): void {
    const done = runSql(this.#cluster.source.url("national"), sql);
    this.#waiting.add(done);
    done.then(
      () => this.#waiting.delete(done),
      () => {},
    );
  }

  async #count(): Promise<number> {
    const rows = await runSql(this.#cluster.source.url(), "SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
    return rows.length;
  }
}
