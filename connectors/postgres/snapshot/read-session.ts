import type { Client } from "pg";
import type { PoolSession } from "../../../engine/concurrency/session-pool.ts";

/** A driver's client as the pool wants its sessions. */
export class ReadSession implements PoolSession {
  readonly client: Client;
  #lost = false;

  constructor(client: Client) {
    this.client = client;
    const lose = (): void => {
      this.#lost = true;
    };
    client.on("end", lose).on("error", lose);
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
