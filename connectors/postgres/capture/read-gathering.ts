// Lets what a server sends come together before it is read. A walsender hands every message to its socket by itself; whoever reads
// each at once is woken for each, which costs both ends more than the message does. So while much comes, reading rests for a moment
// after each time. While little comes, nothing waits.
import type { Duplex } from "node:stream";

/** Much: so many bytes within so many milliseconds. */
const windowBytesMin = 100_000;
const windowMs = 10;
/** Longer, and the socket's own buffers would be what the server waits for. */
const restMs = 1;

export class ReadGathering {
  readonly #socket: Pick<Duplex, "pause" | "resume">;
  #windowStart = 0;
  #windowBytes = 0;
  #resting = false;
  /** Its owner does not want to read. */
  #held = false;

  constructor(socket: Pick<Duplex, "pause" | "resume">) {
    this.#socket = socket;
  }

  /** So many bytes were read. */
  read(bytes: number): void {
    const now = performance.now();
    if (now - this.#windowStart > windowMs) {
      this.#windowStart = now;
      this.#windowBytes = 0;
    }
    this.#windowBytes += bytes;
    if (this.#windowBytes < windowBytesMin || this.#resting || this.#held) return;
    this.#resting = true;
    this.#socket.pause();
    setTimeout(() => {
      this.#resting = false;
      if (!this.#held) this.#socket.resume();
    }, restMs);
  }

  hold(): void {
    this.#held = true;
    this.#socket.pause();
  }

  release(): void {
    this.#held = false;
    if (!this.#resting) this.#socket.resume();
  }
}
