// Decides, from times alone, when a stream is given up: TCP does not notice a connection that is half open. Pure.

/**
 * The server sends a heartbeat when it has nothing else, so silence means that something is wrong. While we do not read
 * ourselves, silence says nothing. All times are milliseconds of one monotonic clock.
 */
export class SilenceWatch {
  readonly #msMax: number;
  #heardAt: number;
  #checkedAt: number;
  #paused = false;

  constructor(msMax: number, now: number) {
    this.#msMax = msMax;
    this.#heardAt = now;
    this.#checkedAt = now;
  }

  /** Something came from the server. */
  heard(now: number): void {
    this.#heardAt = now;
  }

  /** We stop reading. */
  pause(): void {
    this.#paused = true;
  }

  /** We read again: the server's silence counts from now. */
  resume(now: number): void {
    this.#paused = false;
    this.#heardAt = now;
  }

  /** True: the stream is to be given up. To be asked regularly, every `everyMs`. */
  check(now: number, everyMs: number): boolean {
    // When this process itself stood still, what the server sent meanwhile is still unread: that time is no silence.
    const late = now - this.#checkedAt - everyMs;
    this.#checkedAt = now;
    if (late > everyMs) this.#heardAt = Math.min(now, this.#heardAt + late);
    return !this.#paused && now - this.#heardAt > this.#msMax;
  }
}
