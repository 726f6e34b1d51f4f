// A private MariaDB server as a child process, from Debian's package: the demo's and the tests' servers.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createConnection } from "mysql2/promise";
import { obtainProgram } from "./debian-packages.ts";
import { serverUser } from "./postgres-binaries.ts";
import { freePort } from "./postgres-server.ts";

export interface EmbeddedMariaDbOptions {
  /** Made when missing; must be reachable for the account that runs the server (not below /root when run by root). */
  readonly dataDir: string;
  /** 0 or nothing: any free port. */
  readonly port?: number;
  /** Server variables, applied at each start; `true` for flags without a value. */
  readonly settings?: Readonly<Record<string, string | number>>;
}

/** What every private server runs with: a binary log as dongbo needs it of a master. */
const masterSettings: Readonly<Record<string, string | number>> = {
  server_id: 1,
  log_bin: "binlog",
  binlog_format: "ROW",
  binlog_row_image: "FULL",
  binlog_row_metadata: "FULL",
  binlog_checksum: "CRC32",
  gtid_strict_mode: 1,
  log_slave_updates: 1,
  character_set_server: "utf8mb4",
  collation_server: "utf8mb4_general_ci",
  // Zero dates are what old masters hold.
  sql_mode: "",
};

const runFile = promisify(execFile);

/** A running server. Stops when disposed. */
export class EmbeddedMariaDb implements AsyncDisposable {
  readonly port: number;
  readonly dataDir: string;
  #process: ChildProcess | null = null;
  readonly #options: EmbeddedMariaDbOptions;
  /** For its socket, whose path may have 107 bytes, fewer than a data folder's, and its temporary tables. */
  readonly #ownFolder: string;

  private constructor(options: EmbeddedMariaDbOptions, port: number) {
    this.#options = options;
    this.dataDir = options.dataDir;
    this.port = port;
    this.#ownFolder = mkdtempSync(join(tmpdir(), "dongbo-my-"));
    own(this.#ownFolder);
  }

  /** Makes the data folder when needed, starts the server and waits until it accepts connections. */
  static async start(options: EmbeddedMariaDbOptions): Promise<EmbeddedMariaDb> {
    if (!existsSync(join(options.dataDir, "mysql"))) await initialize(options.dataDir);
    for (let tries = 1; ; tries++) {
      const server = new EmbeddedMariaDb(options, options.port || (await freePort()));
      try {
        await server.restart();
        return server;
      } catch (error) {
        await server[Symbol.asyncDispose]();
        // Somebody else was faster to take the port that was free.
        if (options.port || tries === 5 || !(error as Error).message.includes("Bind on TCP/IP port")) throw error;
      }
    }
  }

  /** Connection URL, by default of `root`, who has no password on these throw-away servers. */
  url(database = "", user = "root", password: string | null = null): string {
    const credentials = password === null ? user : `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
    return `mysql://${credentials}@127.0.0.1:${this.port}/${encodeURIComponent(database)}`;
  }

  /** Runs statements in one session as root, values as text; returns the last one's rows. For set-up, not for work. */
  async query(...statements: readonly string[]): Promise<Record<string, string | null>[]> {
    const connection = await createConnection({
      host: "127.0.0.1",
      port: this.port,
      user: "root",
      charset: "utf8mb4",
      typeCast: (field) => field.string("utf8"),
    });
    try {
      let rows: Record<string, string | null>[] = [];
      for (const sql of statements) {
        const [result] = await connection.query(sql);
        rows = Array.isArray(result) ? (result as Record<string, string | null>[]) : [];
      }
      return rows;
    } finally {
      await connection.end();
    }
  }

  /** Process id of the server, from its own file; null when it is down. */
  get pid(): number | null {
    const file = join(this.dataDir, pidFile);
    return existsSync(file) ? Number(readFileSync(file, "utf8").trim()) : null;
  }

  /** Starts the server again after stop or kill, on the same port. Extra settings hold for this start only. */
  async restart(settings: Readonly<Record<string, string | number>> = {}): Promise<void> {
    const all = { ...masterSettings, ...this.#options.settings, ...settings };
    const child = spawn(
      obtainProgram("mariadbd", "mariadb-server-core"),
      [
        "--no-defaults",
        `--datadir=${this.dataDir}`,
        `--port=${this.port}`,
        "--bind-address=127.0.0.1",
        `--socket=${join(this.#ownFolder, "s")}`,
        // A server that starts deletes every temporary table in this folder, whosever it is.
        `--tmpdir=${this.#ownFolder}`,
        `--pid-file=${join(this.dataDir, pidFile)}`,
        "--innodb-use-native-aio=0",
        "--innodb-buffer-pool-size=64M",
        ...Object.entries(all).map(([name, value]) => `--${name.replaceAll("_", "-")}=${value}`),
      ],
      { ...serverUser(), cwd: this.dataDir, stdio: ["ignore", "ignore", "pipe"], detached: true },
    );
    this.#process = child;
    const log: string[] = [];
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      log.push(text);
      if (log.length > 200) log.shift();
    });
    // A server must not keep a finished command alive.
    child.unref();
    (child.stderr as { unref?: () => void } | null)?.unref?.();
    await this.#waitUntilReady(() => (child.exitCode === null && child.signalCode === null ? null : log.join("")));
  }

  /** Ends sessions, writes what is in memory, and stops. */
  async stop(): Promise<void> {
    this.signal("SIGTERM");
    await this.#waitUntilGone();
  }

  /** SIGKILL: the server recovers at the next start. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.#waitUntilGone();
  }

  /** Any signal, for example SIGSTOP and SIGCONT. */
  signal(signal: NodeJS.Signals): void {
    const pid = this.#process?.pid ?? this.pid;
    if (pid === null || pid === undefined) return;
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.#ownFolder, { recursive: true, force: true });
  }

  /** Stops the server and deletes its data. */
  async destroy(): Promise<void> {
    await this[Symbol.asyncDispose]();
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  async #waitUntilReady(failed: () => string | null): Promise<void> {
    const deadline = Date.now() + 60_000;
    for (;;) {
      const log = failed();
      if (log !== null) throw new Error(`the private MariaDB server did not start:\n${log}`);
      try {
        // Where the port was free a moment ago another server may have come, and would answer.
        const [row] = await this.query("SELECT @@pid_file AS file");
        if (row?.["file"] === join(this.dataDir, pidFile)) return;
      } catch (error) {
        if (Date.now() > deadline) throw new Error("the private MariaDB server did not start in 60 s", { cause: error });
      }
      await pause(25);
    }
  }

  async #waitUntilGone(): Promise<void> {
    const deadline = Date.now() + 60_000;
    while (this.#process?.exitCode === null && this.#process.signalCode === null) {
      if (Date.now() > deadline) throw new Error("the private MariaDB server did not stop in 60 s");
      await pause(10);
    }
    rmSync(join(this.dataDir, pidFile), { force: true });
    this.#process = null;
  }
}

/** Name of the file in the data folder that holds the server's process id. */
const pidFile = "mariadbd.pid";

async function initialize(dataDir: string): Promise<void> {
  obtainProgram("mariadbd", "mariadb-server-core");
  const program = obtainProgram("mariadb-install-db", "mariadb-server-core");
  // The script asks it for settings, although it is told to take none.
  obtainProgram("my_print_defaults", "mariadb-client-core");
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  own(dataDir);
  // As a server does, it deletes the temporary tables that it finds where its own are to lie.
  const ownFolder = mkdtempSync(join(tmpdir(), "dongbo-my-"));
  own(ownFolder);
  const folders = [`--datadir=${dataDir}`, `--tmpdir=${ownFolder}`];
  try {
    const parameters = ["--no-defaults", ...folders, "--auth-root-authentication-method=normal", "--skip-test-db"];
    await runFile(program, parameters, { ...serverUser(), cwd: "/" });
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    throw new Error(`mariadb-install-db failed:\n${stdout ?? ""}${stderr ?? ""}`, { cause: error });
  } finally {
    rmSync(ownFolder, { recursive: true, force: true });
  }
}

function own(folder: string): void {
  const user = serverUser();
  if (user !== null) chownSync(folder, user.uid, user.gid);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
