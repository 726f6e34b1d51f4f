// A server that does not answer. What was sent into a dead network is repeated by TCP for a quarter of an hour, and a network that works
// again brings no answer to what it has swallowed: so it is asked on another connection whether anybody works on it.

/** An answer that takes longer is asked after. */
export const patienceMs = 20_000;
/** A server that was so often found waiting for a statement never got ours. */
const idleLooksMax = 2;

/** What another connection sees of a session; `idle`: the server waits for a statement, and all that we had to send is on its way. */
export type SessionLook = "at work" | "idle" | "gone" | "unreachable";

export interface WatchedSession {
  /** Rejects when nothing could be seen: that says nothing. */
  look(): Promise<SessionLook>;
  /** Ends the session at once, so that the answer fails. */
  giveUp(): void;
}

/** The answer; it fails when the session is given up because nobody works on it any more. */
export async function watched<T>(answer: Promise<T>, session: WatchedSession): Promise<T> {
  let idle = 0;
  const judge = (seen: SessionLook): void => {
    idle = seen === "idle" ? idle + 1 : 0;
    if (seen === "gone" || seen === "unreachable" || idle === idleLooksMax) session.giveUp();
  };
  const timer = setInterval(() => void session.look().then(judge, () => {}), patienceMs);
  try {
    return await answer;
  } finally {
    clearInterval(timer);
  }
}
