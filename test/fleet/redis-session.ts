// What a test does to the fleet's Redis by hand.
import { Redis } from "ioredis";
import type { EmbeddedRedis } from "../../deploy/embedded/redis-server.ts";

/** Runs some commands on a connection of its own. */
export async function onRedis<T>(server: Pick<EmbeddedRedis, "url">, work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(server.url(), { maxRetriesPerRequest: 1 });
  client.on("error", () => {});
  try {
    return await work(client);
  } finally {
    client.disconnect();
  }
}
