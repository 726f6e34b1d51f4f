// Programs that come as Debian packages: found where they are, installed where this process may.
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { join } from "node:path";

const folders = [...(process.env["PATH"] ?? "").split(":"), "/usr/local/bin", "/usr/bin", "/usr/local/sbin", "/usr/sbin"];

/** Absolute path of a program; null when this machine does not have it. */
function findProgram(name: string): string | null {
  const paths = folders.filter((folder) => folder !== "").map((folder) => join(folder, name));
  return paths.find(isExecutable) ?? null;
}

/**
 * Absolute path of a program, its Debian package installed when it is missing and this process may do so: on Debian, as
 * root. Throws with the reason when it cannot be had.
 */
export function obtainProgram(name: string, packageName: string): string {
  const found = findProgram(name);
  if (found !== null) return found;
  if (!existsSync("/usr/bin/apt-get"))
    throw new Error(`${name} is not installed, and this system has no apt-get to install ${packageName}`);
  if (process.getuid?.() !== 0) throw new Error(`${name} is not installed; as root: apt-get install ${packageName}`);
  console.error(`Installing the Debian package ${packageName} (once) ...`);
  const install = ["install", "-y", "-q", "--no-install-recommends", packageName];
  if (!apt(install).ok) {
    // The list of packages may be missing or old.
    apt(["update", "-q"]);
    const again = apt(install);
    if (!again.ok) throw new Error(`apt-get could not install ${packageName}:\n${again.output}`);
  }
  const installed = findProgram(name);
  if (installed === null) throw new Error(`the package ${packageName} was installed and brought no ${name}`);
  return installed;
}

function apt(parameters: readonly string[]): { ok: boolean; output: string } {
  const result = spawnSync("apt-get", ["-o", "DPkg::Lock::Timeout=300", ...parameters], {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    encoding: "utf8",
  });
  return { ok: result.status === 0, output: `${result.stdout}${result.stderr}`.slice(-2000) };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
