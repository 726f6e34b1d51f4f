// A private Redis server as a child process, from Debian's package: the fleet tests' server.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { obtainProgram } from "./debian-packages.ts";
import { pollUntil } from "./poll-until.ts";
import { freePort } from "./postgres-server.ts";

export interface EmbeddedRedisOptions {
  /** Made when missing. */
  readonly dataDir: string;
  /** Directives of redis.conf, applied at each start. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** What the fleet keeps there can be made again, so nothing is written to disk. */
const ownSettings: Readonly<Record<string, string>> = { save: "", appendonly: "no", "maxmemory-policy": "noeviction" };

/** A running server. Stops when disposed. */
export class EmbeddedRedis implements AsyncDisposable {
  readonly dataDir: string;
  readonly port: number;
  readonly #settings: Readonly<Record<string, string>>;
  #process: ChildProcess | null = null;

  private constructor({ dataDir, settings = {} }: EmbeddedRedisOptions, port: number) {
    this.dataDir = dataDir;
    this.port = port;
    this.#settings = settings;
  }

  /** Starts the server on a free port and waits until it answers. */
  static async start(options: EmbeddedRedisOptions): Promise<EmbeddedRedis> {
    mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
    const server = new EmbeddedRedis(options, await freePort());
    await server.restart();
    return server;
  }

  url(): string {
    return `redis://127.0.0.1:${this.port}/0`;
  }

  /** Starts the server again after stop or kill, empty, on the same port. Extra settings hold for this start only. */
  async restart(settings: Readonly<Record<string, string>> = {}): Promise<void> {
    const all = { ...ownSettings, ...this.#settings, ...settings };
    const place = ["--port", String(this.port), "--bind", "127.0.0.1", "--dir", this.dataDir, "--pidfile", this.#pidFile];
    const child = spawn(
      obtainProgram("redis-server", "redis-server"),
      [...place, ...Object.entries(all).flatMap(([name, value]) => [`--${name}`, value])],
      { cwd: this.dataDir, stdio: "ignore", detached: true },
    );
    this.#process = child;
    // A server must not keep a finished command alive.
    child.unref();
    await pollUntil(async () => {
      if (child.exitCode !== null) throw new Error(`the private Redis server left with ${child.exitCode}`);
      return answers(this.port);
    }, "the private Redis server to answer");
  }

  /** In order. */
  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** SIGSTOP and SIGCONT, for example. */
  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal("SIGCONT");
    await this.kill();
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  /** Where another process finds the server's id, to end it. */
  get #pidFile(): string {
    return join(this.dataDir, "redis.pid");
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const left = new Promise((resolve) => child.once("exit", resolve));
    // Nothing else may be left that keeps this process alive until then.
    child.ref();
    child.kill(signal);
    await left;
    if (existsSync(this.#pidFile) && Number(readFileSync(this.#pidFile, "utf8")) === child.pid) rmSync(this.#pidFile);
  }
}

/** Null: not yet. */
function answers(port: number): Promise<true | null> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\n"));
    socket.once("data", (data) => {
      resolve(data.toString().startsWith("+PONG") ? true : null);
      socket.destroy();
    });
    socket.once("error", () => resolve(null));
  });
}
