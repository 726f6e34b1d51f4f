// Decides, from times alone, when the server must be asked for a sign of life and when the stream is given up. Pure.

export interface LivenessLimits {
  /** Silence of the server after which the stream is given up. */
  readonly silenceMsMax: number;
  /** How long a server that is shutting down may wait for our acknowledgement before we let it go. */
  readonly shutdownMsMax: number;
}

/** Requests for an answer that come closer together than this are those of a server that waits to shut down. */
const burstGapMs = 300;
const burstLength = 4;

export type LivenessVerdict = "well" | "ask" | "silent" | "shutdown";

/**
 * TCP does not notice a connection that is half open: only silence tells. While we do not read ourselves, silence says
 * nothing. All times are milliseconds of one monotonic clock.
 */
export class StreamLiveness {
  readonly #limits: LivenessLimits;
  #heardAt: number;
  #askedAt: number | null = null;
  #checkedAt: number;
  #paused = false;
  #requestedAt = Number.NEGATIVE_INFINITY;
  #burst = 0;
  #shutdownSince: number | null = null;

  constructor(limits: LivenessLimits, now: number) {
    this.#limits = limits;
    this.#heardAt = now;
    this.#checkedAt = now;
  }

  /** Something came from the server. */
  heard(now: number): void {
    this.#heardAt = now;
    this.#askedAt = null;
  }

  /**
   * The server wants an answer. True: at once. False: soon is enough; a server that waits to shut down asks again as soon
   * as it is answered, and would keep both sides busy with that (walsender.c, WalSndDone).
   */
  answerRequested(now: number): boolean {
    this.#burst = now - this.#requestedAt < burstGapMs ? this.#burst + 1 : 0;
    this.#requestedAt = now;
    if (this.#burst < burstLength) return true;
    this.#shutdownSince ??= now;
    return false;
  }

  /** Another session was told that the server is shutting down; while we do not read, this stream cannot be. */
  shutdownAnnounced(now: number): void {
    this.#shutdownSince ??= now;
    this.#requestedAt = now;
  }

  /** We stop reading. */
  pause(): void {
    this.#paused = true;
  }

  /** We read again: the server's silence counts from now. */
  resume(now: number): void {
    this.#paused = false;
    this.heard(now);
  }

  /** To be asked regularly, every `everyMs`. */
  check(now: number, everyMs: number): LivenessVerdict {
    this.#allowForOurOwnDelay(now, everyMs);
    if (this.#shutdownSince !== null) {
      if (now - this.#shutdownSince > this.#limits.shutdownMsMax) return "shutdown";
      // It asks no more: the shutdown was called off, or was none.
      if (!this.#paused && now - this.#requestedAt > this.#limits.shutdownMsMax / 2) this.#shutdownSince = null;
    }
    if (this.#paused) return "well";
    const silentMs = now - this.#heardAt;
    if (silentMs > this.#limits.silenceMsMax) return "silent";
    if (silentMs <= this.#limits.silenceMsMax / 2 || this.#askedAt !== null) return "well";
    this.#askedAt = now;
    return "ask";
  }

  /** When this process itself stood still, what the server sent meanwhile is still unread: that time is no silence. */
  #allowForOurOwnDelay(now: number, everyMs: number): void {
    const late = now - this.#checkedAt - everyMs;
    this.#checkedAt = now;
    if (late > everyMs) this.#heardAt = Math.min(now, this.#heardAt + late);
  }
}
