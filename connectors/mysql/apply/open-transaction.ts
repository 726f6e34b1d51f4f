// A transaction of the target that begins with its first statement. A statement that fails is undone by the server alone;
// what was written before it stays.
import { failpoint } from "../../../engine/concurrency/failpoint.ts";
import type { TextRow } from "../mysql-client.ts";
import type { Answer, ApplySession } from "./apply-session.ts";
import type { Bound } from "./prepared-statements.ts";

export class OpenTransaction {
  readonly session: ApplySession;
  #begun = false;

  constructor(session: ApplySession) {
    this.session = session;
  }

  /** Throws RowsRefused or ReplicationError. */
  async run(sql: string, parameters: readonly Bound[] = []): Promise<Answer> {
    await this.#begin();
    return this.session.run(sql, parameters);
  }

  /** See ApplySession.runBulk. Throws RowsRefused or ReplicationError. */
  async runBulk(sql: string, packet: Buffer): Promise<Answer> {
    await this.#begin();
    return this.session.runBulk(sql, packet);
  }

  /** Throws RowsRefused or ReplicationError. */
  async read(sql: string, parameters: readonly Bound[]): Promise<(Buffer | null)[][]> {
    await this.#begin();
    return this.session.read(sql, parameters);
  }

  /** Throws ReplicationError. */
  async query(sql: string, parameters: readonly string[]): Promise<TextRow[]> {
    await this.#begin();
    return this.session.query(sql, parameters);
  }

  /** Throws what was answered to COMMIT. */
  async commit(sent: () => void): Promise<void> {
    await this.session.command("COMMIT", sent);
    this.#begun = false;
  }

  /** Gives everything up. A connection that is gone has done so already. */
  async rollback(): Promise<void> {
    if (!this.#begun || this.session.lost) return;
    this.#begun = false;
    await this.session.command("ROLLBACK");
  }

  async #begin(): Promise<void> {
    if (this.#begun) return;
    failpoint("target-before-begin");
    await this.session.command("START TRANSACTION");
    this.#begun = true;
  }
}
