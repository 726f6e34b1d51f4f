// One folder per test run: all servers and homes of the run lie below it, so that one sweep at the end finds what was left.
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const variable = "DONGBO_TEST_RUN";
const prefix = "dongbo-test-";
/** Holds the id of the process that made the folder and will remove it. */
const ownerFile = "owner";

/** The run's folder, made by global-setup.ts; a process outside vitest gets its own, removed when it leaves. */
export function testRunFolder(): string {
  const known = process.env[variable];
  if (known !== undefined) return known;
  const folder = createTestRun();
  process.once("exit", () => removeTestRun(folder));
  return folder;
}

/** Servers run under another account when root starts them: the folder must be passable for it. */
export function createTestRun(): string {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  chmodSync(folder, 0o711);
  writeFileSync(join(folder, ownerFile), String(process.pid));
  process.env[variable] = folder;
  return folder;
}

/** Sweeps up after runs that were killed: their servers would run for ever. */
export function removeAbandonedRuns(): void {
  for (const name of readdirSync(tmpdir())) {
    const owner = join(tmpdir(), name, ownerFile);
    if (name.startsWith(prefix) && existsSync(owner) && !isAlive(Number(readFileSync(owner, "utf8")))) sweep(join(tmpdir(), name));
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** A new folder in the run's folder. */
export function testFolder(name: string): string {
  const folder = mkdtempSync(join(testRunFolder(), `${name}-`));
  chmodSync(folder, 0o711);
  return folder;
}

/** Where servers lie that all tests of the run use: nobody stops them before its end. */
export function sharedFolder(): string {
  return join(testRunFolder(), "shared");
}

/** Removes the folder; returns the data folders of servers that nobody had stopped, after killing them. */
export function removeTestRun(folder: string): string[] {
  sweep(join(folder, "shared"));
  const left = sweep(folder);
  delete process.env[variable];
  return left;
}

function sweep(folder: string): string[] {
  const left = killServersBelow(folder);
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  return left;
}

/** Kills each server whose data folder is below a folder; returns the files in which they had put their process ids. */
export function killServersBelow(folder: string): string[] {
  return pidFiles(folder, 4).filter((file) => {
    try {
      process.kill(Number(readFileSync(file, "utf8").split("\n")[0]), file.endsWith("postmaster.pid") ? "SIGQUIT" : "SIGKILL");
      return true;
    } catch {
      return false;
    }
  });
}

function pidFiles(folder: string, depth: number): string[] {
  if (!existsSync(folder) || depth < 0) return [];
  const own = ["postmaster.pid", "mariadbd.pid", "kafka.pid", "connect.pid", "redis.pid"]
    .map((name) => join(folder, name))
    .find((file) => existsSync(file));
  if (own !== undefined) return [own];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => pidFiles(join(folder, entry.name), depth - 1));
}
