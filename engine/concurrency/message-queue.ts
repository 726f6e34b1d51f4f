// Between the socket, which brings messages when it likes, and the one consumer, who asks for them when it can.

/** Batches in order, then the end or the failure. One consumer; `next` is called again only after it has resolved. */
export class MessageQueue<T> {
  #batches: { readonly items: readonly T[]; readonly bytes: number }[] = [];
  #bytes = 0;
  #ending: { readonly error: Error | null } | null = null;
  #waiting: { resolve: (batch: readonly T[] | null) => void; reject: (error: Error) => void } | null = null;

  /** Bytes of the socket that the waiting batches came from. */
  get bytes(): number {
    return this.#bytes;
  }

  push(items: readonly T[], bytes: number): void {
    if (this.#ending !== null) return;
    if (this.#waiting !== null) {
      const { resolve } = this.#waiting;
      this.#waiting = null;
      resolve(items);
      return;
    }
    this.#batches.push({ items, bytes });
    this.#bytes += bytes;
  }

  /** The next batch; null at the end. Rejects with the failure once everything that came before it was taken. */
  next(): Promise<readonly T[] | null> {
    const batch = this.#batches.shift();
    if (batch !== undefined) {
      this.#bytes -= batch.bytes;
      return Promise.resolve(batch.items);
    }
    return new Promise((resolve, reject) => {
      if (this.#ending === null) this.#waiting = { resolve, reject };
      else settle(this.#ending.error, resolve, reject);
    });
  }

  /** Nothing comes after what waits now: with an error, the consumer is told it then. The first ending counts. */
  finish(error: Error | null): void {
    if (this.#ending !== null) return;
    this.#ending = { error };
    if (this.#waiting !== null) settle(error, this.#waiting.resolve, this.#waiting.reject);
    this.#waiting = null;
  }

  /** Ends and drops what waits: the consumer is gone. */
  discard(): void {
    this.#batches = [];
    this.#bytes = 0;
    this.finish(null);
  }
}

function settle(error: Error | null, resolve: (end: null) => void, reject: (error: Error) => void): void {
  if (error === null) resolve(null);
  else reject(error);
}
