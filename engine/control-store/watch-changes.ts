import type { Clock } from "../ports/clock.ts";
import type { ControlSession } from "./control-session.ts";

/** Longest time until a change is seen when no notification arrives. */
const pollMs = 1_000;

/** Calls `changed` at the start and after each change, by notification or, failing that, by asking once a second. */
export async function watchChanges(
  session: ControlSession,
  clock: Clock,
  { changed, signal }: { changed: () => void; signal: AbortSignal },
): Promise<void> {
  let seen: string | null = null;
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
      const number = await changeNumber(session);
      if (number !== seen) changed();
      seen = number;
    } catch {
      // Away: whatever happened meanwhile is seen by its number afterwards.
    }
    if (!signal.aborted) await clock.sleep(pollMs, wake.signal);
  }
  signal.removeEventListener("abort", notified);
}

async function changeNumber(session: ControlSession): Promise<string | null> {
  const [row] = await session.query("SELECT number FROM dongbo_control.change");
  return row?.["number"] ?? null;
}
