// The REST interface of a Kafka Connect worker, as far as tests and benchmarks need it.
// https://kafka.apache.org/documentation/#connect_rest
import { pollUntil } from "./poll-until.ts";

export type ConnectorConfig = Readonly<Record<string, string>>;

export interface ConnectorStatus {
  readonly connector: { readonly state: string; readonly trace?: string };
  readonly tasks: readonly { readonly id: number; readonly state: string; readonly trace?: string }[];
}

/** Connectors of a worker. While workers are shared out anew a worker refuses requests; these wait for its end. */
export class ConnectRest {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  /** Makes a connector, or gives it another configuration, and waits until it and its tasks run. */
  async createConnector(name: string, config: ConnectorConfig): Promise<void> {
    await this.#request("PUT", `${path(name)}/config`, config);
    await this.waitUntilRunning(name);
  }

  /** Null when the connector is not known, or not yet. */
  async status(name: string): Promise<ConnectorStatus | null> {
    return (await this.#request("GET", `${path(name)}/status`)) as ConnectorStatus | null;
  }

  /** Throws with the connector's own words when it or one of its tasks has failed. */
  async waitUntilRunning(name: string): Promise<void> {
    const running = async () => {
      const status = await this.status(name);
      if (status === null) return null;
      const parts = [status.connector, ...status.tasks];
      const failed = parts.find((part) => part.state === "FAILED");
      if (failed !== undefined) throw new Error(`the connector ${name} failed:\n${failed.trace ?? ""}`);
      return (status.tasks.length > 0 && parts.every((part) => part.state === "RUNNING")) || null;
    };
    await pollUntil(running, `the connector ${name} to run`);
  }

  /** The connector keeps its tasks, which do nothing until it is resumed. */
  async pause(name: string): Promise<void> {
    await this.#request("PUT", `${path(name)}/pause`);
    await this.#waitForState(name, "PAUSED");
  }

  async resume(name: string): Promise<void> {
    await this.#request("PUT", `${path(name)}/resume`);
    await this.waitUntilRunning(name);
  }

  /** Starts the connector and its tasks again, failed or not. */
  async restartConnector(name: string): Promise<void> {
    await this.#request("POST", `${path(name)}/restart?includeTasks=true`);
    await this.waitUntilRunning(name);
  }

  /** The source offsets that the connector has stored; `[]` when there are none. */
  async offsets(name: string): Promise<unknown> {
    const body = (await this.#request("GET", `${path(name)}/offsets`)) as { offsets: unknown } | null;
    return body?.offsets ?? [];
  }

  /** Does nothing when there is no such connector. Its topics, its offsets and its replication slot stay. */
  async deleteConnector(name: string): Promise<void> {
    await this.#request("DELETE", path(name));
    await pollUntil(async () => ((await this.status(name)) === null ? true : null), `the connector ${name} to be gone`);
  }

  async #waitForState(name: string, state: string): Promise<void> {
    const reached = async () => {
      const status = await this.status(name);
      return (status !== null && [status.connector, ...status.tasks].every((part) => part.state === state)) || null;
    };
    await pollUntil(reached, `the connector ${name} to be ${state}`);
  }

  /** Null for 404. */
  #request(method: string, path: string, body?: unknown): Promise<unknown> {
    const attempt = async (): Promise<{ body: unknown } | null> => {
      const response = await fetch(`${this.url}${path}`, {
        method,
        headers: { "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      if (response.status === 404) return { body: null };
      // Conflict: workers are being shared out anew, or the new connector has not been started.
      if (response.status === 409) return null;
      if (!response.ok) throw new Error(`Kafka Connect: ${method} ${path}: ${response.status} ${text}`);
      return { body: text === "" ? null : JSON.parse(text) };
    };
    return pollUntil(attempt, `Kafka Connect to take ${method} ${path}`).then((answer) => answer.body);
  }
}

function path(name: string): string {
  return `/connectors/${encodeURIComponent(name)}`;
}
