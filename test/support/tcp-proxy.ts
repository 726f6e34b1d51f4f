// A TCP proxy, on loopback unless told otherwise, that breaks connections on purpose, in the ways networks do.
import { connect, createServer, type Server, type Socket } from "node:net";

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Seen from the client that connects to the proxy. */
export type Direction = "to-server" | "to-client";

/** One client's connection and its other half. */
class Link {
  readonly client: Socket;
  readonly server: Socket;
  /** Bytes vanish, the end of a connection too: half-open. A link that has lost bytes never comes back. */
  lost = false;

  constructor(client: Socket, server: Socket) {
    this.client = client;
    this.server = server;
  }

  destroy(how: "reset" | "close"): void {
    for (const socket of [this.client, this.server]) {
      if (how === "reset") socket.resetAndDestroy();
      else socket.destroySoon();
    }
  }
}

/** Stands before a server. All methods may be called in any order; `close` ends everything and is called by `await using`. */
export class TcpProxy implements AsyncDisposable {
  readonly port: number;
  readonly #host: string;
  #target: Endpoint;
  #listener: Server;
  readonly #links = new Set<Link>();
  #paused = false;
  #blackhole = false;
  #cut: { direction: Direction; bytesLeft: number; done: () => void } | null = null;

  private constructor(listener: Server, { host, port }: Endpoint, target: Endpoint) {
    this.#listener = listener;
    this.#host = host;
    this.port = port;
    this.#target = target;
    listener.on("connection", (client) => this.#link(client));
  }

  /** `host`: address of this machine on which it listens. */
  static async start(target: Endpoint, host = "127.0.0.1"): Promise<TcpProxy> {
    const listener = createServer({ allowHalfOpen: true, noDelay: true });
    const port = await listen(listener, { host, port: 0 });
    return new TcpProxy(listener, { host, port }, target);
  }

  /** Connections that pass through now. */
  get connections(): number {
    return this.#links.size;
  }

  /** From now on new connections lead to another server; existing ones stay. */
  leadTo(target: Endpoint): void {
    this.#target = target;
  }

  /** Stops forwarding both ways. Nothing is lost: senders are held up by TCP once the buffers are full. */
  pause(): void {
    this.#paused = true;
    for (const link of this.#links) {
      link.client.pause();
      link.server.pause();
    }
  }

  resume(): void {
    this.#paused = false;
    for (const link of this.#links) {
      link.client.resume();
      link.server.resume();
    }
  }

  /** Drops every byte both ways without closing anything; new connections are taken and never answered. */
  blackhole(): void {
    this.#blackhole = true;
    for (const link of this.#links) link.lost = true;
  }

  /** New connections pass again. Those that the black hole has swallowed stay silent until somebody closes them. */
  heal(): void {
    this.#blackhole = false;
  }

  /** Ends every connection: `reset` as a broken network does, `close` in an orderly way. */
  cutAll(how: "reset" | "close" = "reset"): void {
    for (const link of this.#links) link.destroy(how);
  }

  /**
   * Lets exactly this many more bytes pass in one direction, counted over all connections, then resets every connection,
   * once. Resolves when that has happened.
   */
  cutAfterBytes(bytes: number, direction: Direction): Promise<void> {
    return new Promise((resolve) => {
      this.#cut = { direction, bytesLeft: bytes, done: resolve };
    });
  }

  /** Refuses new connections, as a server that is down does; existing ones stay. */
  async refuse(): Promise<void> {
    const listener = this.#listener;
    if (!listener.listening) return;
    // The callback waits for existing connections, which stay; the port itself is free at once.
    listener.close();
    await Promise.resolve();
  }

  /** Takes connections again, on the same port. */
  async accept(): Promise<void> {
    if (this.#listener.listening) return;
    this.#listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#link(client));
    await listen(this.#listener, { host: this.#host, port: this.port });
  }

  async close(): Promise<void> {
    await this.refuse();
    this.cutAll("reset");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #link(client: Socket): void {
    const server = connect({ ...this.#target, allowHalfOpen: true, noDelay: true });
    const link = new Link(client, server);
    link.lost = this.#blackhole;
    this.#links.add(link);
    this.#pipe(link, client, server, "to-server");
    this.#pipe(link, server, client, "to-client");
    if (this.#paused) {
      client.pause();
      server.pause();
    }
  }

  #pipe(link: Link, from: Socket, to: Socket, direction: Direction): void {
    from.on("data", (data: Buffer) => {
      if (link.lost) return;
      if (this.#cut?.direction === direction) this.#passUntilCut(to, data);
      else this.#forward(from, to, data);
    });
    from.on("end", () => {
      if (!link.lost) to.end();
    });
    from.on("error", () => {
      if (!link.lost) to.resetAndDestroy();
    });
    from.on("close", () => {
      if (!link.lost) to.destroySoon();
      if (link.client.destroyed && link.server.destroyed) this.#links.delete(link);
      // A swallowed link ends at the proxy when its client gives up, so that the server's half is not kept for ever here.
      if (link.lost && link.client.destroyed) link.server.resetAndDestroy();
    });
  }

  #forward(from: Socket, to: Socket, data: Buffer): void {
    if (to.write(data) || this.#paused) return;
    from.pause();
    to.once("drain", () => {
      if (!this.#paused) from.resume();
    });
  }

  #passUntilCut(to: Socket, data: Buffer): void {
    const cut = this.#cut;
    if (cut === null) return;
    if (data.length < cut.bytesLeft) {
      cut.bytesLeft -= data.length;
      to.write(data);
      return;
    }
    this.#cut = null;
    // The last bytes must be on their way before the reset, which discards what is still queued here.
    to.write(data.subarray(0, cut.bytesLeft), () => {
      this.cutAll("reset");
      cut.done();
    });
  }
}

function listen(listener: Server, { host, port }: Endpoint): Promise<number> {
  return new Promise((resolve, reject) => {
    listener.once("error", reject);
    listener.listen(port, host, () => {
      const address = listener.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
}
