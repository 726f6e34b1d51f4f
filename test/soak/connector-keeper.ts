// Whoever looks after the connector: what has given up is started again.
import type { ConnectRest } from "../../deploy/embedded/connect-rest.ts";
import { pause } from "../support/wait-until.ts";

const lookMs = 2_000;

export class ConnectorKeeper {
  readonly name: string;
  /** How often it had given up. */
  restarts = 0;
  readonly #rest: ConnectRest;

  constructor(rest: ConnectRest, name: string) {
    this.#rest = rest;
    this.name = name;
  }

  async keepRunning(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // A worker that is away answers nothing: its connectors go on with it.
      if (await this.#failed().catch(() => false)) {
        this.restarts++;
        await this.#rest.restartConnector(this.name).catch(() => {});
      }
      await pause(lookMs);
    }
  }

  async #failed(): Promise<boolean> {
    const status = await this.#rest.status(this.name);
    return [status?.connector, ...(status?.tasks ?? [])].some((part) => part?.state === "FAILED");
  }
}
