import type { Client } from "pg";
import type { PoolSession } from "../../../engine/concurrency/session-pool.ts";

/** A driver's client as the pool wants its sessions. */
export class ReadSession implements PoolSession {
  readonly client: Client;
  /** Of the server's backend. */
  readonly process: string;
  #lost = false;

  private constructor(client: Client, process: string) {
    this.client = client;
    this.process = process;
    const lose = (): void => {
      this.#lost = true;
    };
    client.on("end", lose).on("error", lose);
  }

  static async of(client: Client): Promise<ReadSession> {
    const { rows } = await client.query<{ pid: string }>("SELECT pg_backend_pid() AS pid");
    return new ReadSession(client, rows[0]?.pid ?? "");
  }

  get lost(): boolean {
    return this.#lost;
  }

  async end(): Promise<void> {
    await this.client.end();
  }

  destroy(): void {
    // With a statement under way the driver closes the socket at once, and the statement fails.
    void this.client.end().catch(() => {});
  }
}
