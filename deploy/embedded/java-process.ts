// A Java server as a child process that outlives its parent: its process id and its log are files in its data folder.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { obtainProgram } from "./debian-packages.ts";
import { pollUntil } from "./poll-until.ts";

export interface JavaServer {
  /** Names `<name>.pid` and `<name>.log` in the data folder. */
  readonly name: string;
  readonly dataDir: string;
  /** Folders of jars. */
  readonly classPath: readonly string[];
  readonly mainClass: string;
  readonly parameters: readonly string[];
  /** For the Java machine; replaces what starts fast and stays small. */
  readonly jvmOptions?: readonly string[] | undefined;
}

/** Level of the log by the name of a logger; `default` is for all others. */
export type LogLevels = Readonly<Record<string, "debug" | "info" | "warn" | "error">>;

/** Without the second compiler and with one collector thread a server starts in half the time, in a third of the memory. */
const smallAndFast = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"];

/** One server, started any number of times on the same data folder. */
export class JavaProcess {
  readonly #server: JavaServer;
  #process: ChildProcess | null = null;

  constructor(server: JavaServer) {
    this.#server = server;
  }

  /** Process id of the server, from its file; null when it is down. */
  get pid(): number | null {
    const file = this.#file("pid");
    return existsSync(file) ? Number(readFileSync(file, "utf8")) : null;
  }

  /** What the server has written since its last start. */
  log(): string {
    return readFileSync(this.#file("log"), "utf8");
  }

  start(levels: LogLevels): void {
    const { dataDir, classPath, mainClass, parameters, jvmOptions } = this.#server;
    const log = openSync(this.#file("log"), "w");
    const jars = classPath.map((folder) => join(folder, "*")).join(":");
    const machine = [...(jvmOptions ?? smallAndFast), ...Object.entries(levels).map(([logger, level]) => levelProperty(logger, level))];
    const program = obtainProgram("java", "default-jre-headless");
    const child = spawn(program, [...machine, "-cp", jars, mainClass, ...parameters], {
      cwd: dataDir,
      stdio: ["ignore", log, log],
      detached: true,
    });
    closeSync(log);
    this.#process = child;
    // A server must not keep a finished command alive.
    child.unref();
    if (child.pid !== undefined) writeFileSync(this.#file("pid"), String(child.pid));
  }

  /** Throws with the end of its log when the server has ended by itself. */
  assertAlive(): void {
    const child = this.#process;
    if (child === null || (child.exitCode === null && child.signalCode === null)) return;
    throw new Error(`${this.#server.name} ended:\n${this.log().slice(-8000)}`);
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

  /** Sends the signal and waits until the process has left. */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    this.signal(signal);
    const child = this.#process;
    const gone = () => Promise.resolve(child === null || child.exitCode !== null || child.signalCode !== null || null);
    await pollUntil(gone, `${this.#server.name} to stop`);
    rmSync(this.#file("pid"), { force: true });
    this.#process = null;
  }

  #file(kind: "pid" | "log"): string {
    return join(this.#server.dataDir, `${this.#server.name}.${kind}`);
  }
}

function levelProperty(logger: string, level: string): string {
  return `-Dorg.slf4j.simpleLogger.${logger === "default" ? "defaultLogLevel" : `log.${logger}`}=${level}`;
}

/** Text of a Java properties file. */
export function javaProperties(settings: Readonly<Record<string, string | number | boolean>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${String(value).replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n`)
    .join("");
}
