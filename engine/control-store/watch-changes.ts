import type { Clock } from "../ports/clock.ts";
import type { ControlSession } from "./control-session.ts";

/** Longest time between two calls, for notifications that get lost and for work that must be tried again. */
const pollMs = 1_000;

/** Calls `changed` at the start, after each notification, and once a second; also while the database is away. */
export async function watchChanges(
  session: ControlSession,
  clock: Clock,
  { changed, signal }: { changed: () => void; signal: AbortSignal },
): Promise<void> {
  let wake = new AbortController();
  const notified = (): void => {
    wake.abort();
  };
  signal.addEventListener("abort", notified, { once: true });
  let listening: object | null = null;
  while (!signal.aborted) {
    wake = new AbortController();
    try {
      const client = await session.client();
      if (listening !== client) {
        client.on("notification", notified);
        await client.query("LISTEN dongbo_control");
        listening = client;
      }
    } catch {
      // Away: whoever is called finds out by himself, and the next second tries again.
    }
    changed();
    if (!signal.aborted) await clock.sleep(pollMs, wake.signal);
  }
  signal.removeEventListener("abort", notified);
}
