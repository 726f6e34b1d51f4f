// Whether the fleet's Redis can hand out jobs: it answers, and it throws nothing away.
import { Redis } from "ioredis";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { RedisAddress } from "../../../engine/model/server-address.ts";
import { isTlsFailure, tlsCause } from "../../../connectors/tls-failure.ts";
import { printRedis, redisOptions } from "./redis-options.ts";

const answerMsMax = 3_000;

/** One connection for short questions: none of them waits for a Redis that is away. */
export class RedisProbe {
  readonly client: Redis;
  readonly #subject: string;
  /** What the connection said last when it failed; questions are told only that it is closed. */
  #failure: unknown = null;

  constructor(address: RedisAddress) {
    this.#subject = `Redis ${printRedis(address)}`;
    this.client = new Redis({
      ...redisOptions(address),
      lazyConnect: true,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      commandTimeout: answerMsMax,
    });
    // Told by whoever asks.
    this.client.on("error", (error) => (this.#failure = error));
    this.client.on("ready", () => (this.#failure = null));
  }

  /** What keeps it from handing out jobs; null: nothing. */
  async ask(): Promise<ReplicationError | null> {
    try {
      if (this.client.status === "wait") await this.client.connect();
      const [, policy] = /maxmemory_policy:(\S+)/.exec(await this.client.info("memory")) ?? [];
      if (policy === undefined || policy === "noeviction") return null;
      return new ReplicationError("DB-FLT-003", { subject: this.#subject, cause: `its maxmemory-policy is ${policy}` });
    } catch (error) {
      return this.#explained(error);
    }
  }

  close(): void {
    this.client.disconnect();
  }

  #explained(error: unknown): ReplicationError {
    const subject = this.#subject;
    const { code } = (this.#failure ?? {}) as { code?: unknown };
    if (typeof code === "string" && isTlsFailure(code)) {
      return new ReplicationError("DB-FLT-005", { subject, cause: tlsCause(code, "server") }, { cause: this.#failure });
    }
    const { message } = error as Error;
    const refused = /^(NOAUTH|WRONGPASS|NOPERM|ERR AUTH|ERR invalid password|ERR DB index)/.test(message);
    return new ReplicationError(refused ? "DB-FLT-004" : "DB-FLT-002", { subject }, { cause: error });
  }
}
