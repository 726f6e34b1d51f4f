// A private PostgreSQL server as a child process: the default control database, the demo's and the tests' servers.
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import pg from "pg";
import { type PostgresMajor, postgresBinaries, serverUser } from "./postgres-binaries.ts";

export interface EmbeddedPostgresOptions {
  /** Made when missing; must be reachable for the account that runs the server (not below /root when run by root). */
  readonly dataDir: string;
  readonly major?: PostgresMajor;
  /** 0 or nothing: any free port. */
  readonly port?: number;
  /** postgresql.conf settings, applied at each start. */
  readonly settings?: Readonly<Record<string, string | number>>;
  readonly initdbArguments?: readonly string[];
  /** `trust` for throw-away servers; `password`: scram with a random password kept in `<dataDir>.password`, mode 0600. */
  readonly authentication?: "trust" | "password";
}

/** A running server. Stops when disposed; a killed parent leaves it running, and a later start adopts it. */
export class EmbeddedPostgres implements AsyncDisposable {
  readonly port: number;
  readonly dataDir: string;
  #process: ChildProcess | null = null;
  readonly #options: EmbeddedPostgresOptions;
  readonly #password: string | null;

  private constructor(options: EmbeddedPostgresOptions, port: number, password: string | null) {
    this.#options = options;
    this.dataDir = options.dataDir;
    this.port = port;
    this.#password = password;
  }

  /** Makes the cluster when needed, starts the server (or finds it running), and waits until it accepts connections. */
  static async start(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
    const fresh = !existsSync(join(options.dataDir, "PG_VERSION"));
    const password = options.authentication === "password" ? storedPassword(options.dataDir) : null;
    if (fresh) await initialize(options, password);
    const running = fresh ? null : runningPort(options.dataDir);
    const server = new EmbeddedPostgres(options, running ?? (options.port || (await freePort())), password);
    if (running === null) await server.restart();
    else await server.#waitUntilReady();
    return server;
  }

  /** Connection URL of one database, superuser `postgres`. */
  url(database = "postgres", user = "postgres", password: string | null = this.#password): string {
    const credentials = password === null ? user : `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
    return `postgres://${credentials}@127.0.0.1:${this.port}/${encodeURIComponent(database)}`;
  }

  /** Runs one statement in one database as superuser; for set-up, not for work. */
  async query(sql: string, database = "postgres"): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: this.url(database) });
    await client.connect();
    try {
      const result = await client.query<Record<string, unknown>>(sql);
      return result.rows;
    } finally {
      await client.end();
    }
  }

  /** Process id of the postmaster, from its own lock file; null when it is down. */
  get pid(): number | null {
    try {
      return Number(readFileSync(join(this.dataDir, "postmaster.pid"), "utf8").split("\n")[0]);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
      throw error;
    }
  }

  /** Starts the server again after stop or kill, on the same port. Extra settings hold for this start only. */
  async restart(settings: Readonly<Record<string, string | number>> = {}): Promise<void> {
    const all = { ...this.#options.settings, ...settings };
    const parameters = Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const fixed = ["-D", this.dataDir, "-p", String(this.port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="];
    const program = join(postgresBinaries(this.#options.major ?? 18), "postgres");
    const child = spawn(program, [...fixed, ...parameters], {
      ...serverUser(),
      cwd: this.dataDir,
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    });
    this.#process = child;
    const log: string[] = [];
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      log.push(text);
      if (log.length > 200) log.shift();
    });
    // A server must not keep a finished command alive.
    child.unref();
    (child.stderr as { unref?: () => void } | null)?.unref?.();
    await this.#waitUntilReady(() => (child.exitCode === null ? null : log.join("")));
  }

  /** `fast` ends sessions and checkpoints; `immediate` crashes and recovers at the next start; `smart` waits for sessions. */
  async stop(mode: "fast" | "immediate" | "smart" = "fast"): Promise<void> {
    const signal = { fast: "SIGINT", immediate: "SIGQUIT", smart: "SIGTERM" } as const;
    await this.signal(signal[mode]);
    await this.#waitUntilGone();
  }

  /** SIGKILL of the postmaster and of all its children, which would otherwise work on for a moment beside the next start. */
  async kill(): Promise<void> {
    const children = childrenOf(this.pid);
    await this.signal("SIGKILL");
    for (const child of children) send(child, "SIGKILL");
    await this.#waitUntilGone();
  }

  /** Any signal to the postmaster, for example SIGSTOP and SIGCONT. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    const pid = this.pid;
    if (pid !== null) send(pid, signal);
    await Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("immediate");
  }

  /** Stops the server and deletes its data. */
  async destroy(): Promise<void> {
    await this.stop("immediate");
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  async #waitUntilReady(failed: () => string | null = () => null): Promise<void> {
    const deadline = Date.now() + 60_000;
    for (;;) {
      const log = failed();
      if (log !== null) throw new Error(`the embedded PostgreSQL server did not start:\n${log}`);
      try {
        await this.query("SELECT 1");
        return;
      } catch (error) {
        if (Date.now() > deadline) throw new Error("the embedded PostgreSQL server did not start in 60 s", { cause: error });
        await pause(25);
      }
    }
  }

  async #waitUntilGone(): Promise<void> {
    const child = this.#process;
    const pid = this.pid;
    const deadline = Date.now() + 30_000;
    while (pid !== null ? alive(pid) : child !== null && child.exitCode === null && child.signalCode === null) {
      if (Date.now() > deadline) throw new Error("the embedded PostgreSQL server did not stop in 30 s");
      await pause(10);
    }
    // A killed postmaster leaves its lock file; the process is gone, so the file says nothing.
    rmSync(join(this.dataDir, "postmaster.pid"), { force: true });
    this.#process = null;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** To a process that may be gone. */
function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Where the system tells; else none. */
function childrenOf(pid: number | null): number[] {
  const file = `/proc/${pid}/task/${pid}/children`;
  return existsSync(file) ? readFileSync(file, "utf8").trim().split(" ").filter(Boolean).map(Number) : [];
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // A zombie waits only for its parent, which may be this very process.
  return !existsSync(`/proc/${pid}/stat`) || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
}

function runningPort(dataDir: string): number | null {
  const file = join(dataDir, "postmaster.pid");
  if (!existsSync(file)) return null;
  const lines = readFileSync(file, "utf8").split("\n");
  return alive(Number(lines[0])) ? Number(lines[3]) : null;
}

async function initialize(options: EmbeddedPostgresOptions, password: string | null): Promise<void> {
  const user = serverUser();
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  if (user !== null) chownSync(options.dataDir, user.uid, user.gid);
  const program = join(postgresBinaries(options.major ?? 18), "initdb");
  const passwordFile = `${options.dataDir}.initial-password`;
  const authentication = password === null ? ["--auth=trust"] : ["--auth=scram-sha-256", `--pwfile=${passwordFile}`];
  if (password !== null) {
    writeFileSync(passwordFile, password, { mode: 0o600 });
    if (user !== null) chownSync(passwordFile, user.uid, user.gid);
  }
  const encoding = ["--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--username=postgres"];
  try {
    await run(program, ["-D", options.dataDir, ...encoding, ...authentication, ...(options.initdbArguments ?? [])], user);
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

function storedPassword(dataDir: string): string {
  const file = `${dataDir}.password`;
  if (!existsSync(file)) {
    mkdirSync(join(dataDir, ".."), { recursive: true });
    writeFileSync(file, randomBytes(24).toString("base64url"), { mode: 0o600 });
    chmodSync(file, 0o600);
  }
  return readFileSync(file, "utf8");
}

function run(program: string, parameters: readonly string[], user: { uid: number; gid: number } | null): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, parameters, {
      ...user,
      cwd: "/",
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    child.stdout.on("data", (data: Buffer) => (output += data.toString()));
    child.stderr.on("data", (data: Buffer) => (output += data.toString()));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${program} failed with ${code}:\n${output}`));
    });
  });
}

/** A TCP port on loopback that is free now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => {
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      });
    });
  });
}
