// The folder that dongbo keeps its own things in, and how several processes share one thing in it.
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import { serverUser } from "../embedded/postgres-binaries.ts";

/**
 * Makes the folder when it is missing. What lies in it is for its owner alone; only the account that root runs database
 * servers under may pass through. Throws DB-CTL-003.
 */
export function prepareDataFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, serverUser() === null ? 0o700 : 0o711);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ReplicationError(
      "DB-CTL-003",
      { subject: folder, cause: `the data folder cannot be written (${code ?? "unknown reason"})` },
      { cause: error },
    );
  }
}

/** How long a process waits for another one that is starting or stopping the shared thing. */
const patienceMs = 90_000;
/** A lock whose writer died before it wrote its process id is left over after this long. */
const unsignedLockMs = 5_000;
const lockName = "lock";

/** Files that this very process has written: a file with its id but not in here is left over from before a restart. */
const ours = new Set<string>();
let entered = 0;

/**
 * One thing that several processes use at once, such as a server: whoever comes first starts it, whoever leaves last
 * stops it, and the dead do not count. A folder holds one file a use, named by its process.
 */
export class SharedUse<Resource> {
  readonly resource: Resource;
  readonly #folder: string;
  readonly #entry: string;

  private constructor(resource: Resource, folder: string, entry: string) {
    this.resource = resource;
    this.#folder = folder;
    this.#entry = entry;
  }

  /** `start` must also find the thing when it runs already. Nobody else starts or stops it meanwhile. */
  static async enter<Resource>(folder: string, start: () => Promise<Resource>): Promise<SharedUse<Resource>> {
    entered += 1;
    const entry = join(folder, `${process.pid}.${entered}`);
    return exclusively(folder, async () => {
      write(entry);
      try {
        return new SharedUse(await start(), folder, entry);
      } catch (error) {
        remove(entry);
        throw error;
      }
    });
  }

  /** Calls `stop` when nobody is left. */
  async leave(stop: (resource: Resource) => Promise<void>): Promise<void> {
    await exclusively(this.#folder, async () => {
      remove(this.#entry);
      const files = readdirSync(this.#folder)
        .filter((name) => /^\d+\.\d+$/.test(name))
        .map((name) => join(this.#folder, name));
      const left = files.filter((file) => writerLives(file, Number.parseInt(basename(file), 10)));
      for (const file of files) if (!left.includes(file)) remove(file);
      if (left.length === 0) await stop(this.resource);
    });
  }
}

async function exclusively<Result>(folder: string, work: () => Promise<Result>): Promise<Result> {
  const lock = join(folder, lockName);
  const deadline = performance.now() + patienceMs;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  while (!write(lock)) {
    removeAbandoned(lock);
    if (performance.now() > deadline) {
      const cause = "another process has held this lock for too long";
      const remedy = "End the process whose id is in it, or remove the file when no dongbo runs";
      throw new ReplicationError("DB-CTL-006", { subject: lock, cause, remedy });
    }
    await pause(20);
  }
  try {
    return await work();
  } finally {
    remove(lock);
  }
}

/** Makes the file with this process's id in it; false when it exists. */
function write(file: string): boolean {
  try {
    writeFileSync(file, String(process.pid), { flag: "wx", mode: 0o600 });
    ours.add(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function remove(file: string): void {
  rmSync(file, { force: true });
  ours.delete(file);
}

/**
 * Removes a lock whose process is dead. Judging and removing are done under a lock of their own: of two who find the same
 * dead one, the second must not remove what the first has taken since.
 */
function removeAbandoned(lock: string): void {
  const judging = `${lock}.judging`;
  if (!write(judging)) {
    if (ageMs(judging) > unsignedLockMs) rmSync(judging, { force: true });
    return;
  }
  try {
    const holder = readFileSync(lock, "utf8");
    const abandoned = holder === "" ? ageMs(lock) > unsignedLockMs : !writerLives(lock, Number(holder));
    if (abandoned) remove(lock);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  } finally {
    remove(judging);
  }
}

function ageMs(file: string): number {
  try {
    return Date.now() - statSync(file).mtimeMs;
  } catch {
    return 0;
  }
}

function writerLives(file: string, pid: number): boolean {
  if (pid === process.pid) return ours.has(file);
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
