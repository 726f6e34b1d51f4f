import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { prepareDataFolder, SharedUse } from "../../../deploy/processes/data-folder.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dongbo-unit-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Process id of a process that has ended. */
function deadPid(): number {
  return spawnSync(process.execPath, ["-e", ""]).pid;
}

describe("shared use", () => {
  test("the first starts it, the last stops it", async () => {
    const events: string[] = [];
    const enter = (): Promise<SharedUse<string>> =>
      SharedUse.enter(folder, () => {
        events.push("start");
        return Promise.resolve("server");
      });
    const stop = (): Promise<void> => {
      events.push("stop");
      return Promise.resolve();
    };
    const [one, two] = await Promise.all([enter(), enter()]);
    await one.leave(stop);
    expect(events).toEqual(["start", "start"]);
    await two.leave(stop);
    expect(events).toEqual(["start", "start", "stop"]);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("nobody starts or stops it while another one does", async () => {
    let inside = 0;
    let most = 0;
    const alone = async (): Promise<void> => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resolve) => {
        setTimeout(resolve, 5);
      });
      inside -= 1;
    };
    const uses = await Promise.all(Array.from({ length: 10 }, () => SharedUse.enter(folder, alone)));
    await Promise.all(uses.map((use) => use.leave(alone)));
    expect(most).toBe(1);
  });

  test("a process that died while it held the lock, and uses of dead processes, are in nobody's way", async () => {
    const dead = String(deadPid());
    writeFileSync(join(folder, "lock"), dead);
    writeFileSync(join(folder, `${dead}.1`), dead);
    const use = await SharedUse.enter(folder, () => Promise.resolve("server"));
    let stopped = false;
    await use.leave(() => {
      stopped = true;
      return Promise.resolve();
    });
    expect(stopped).toBe(true);
  });

  test("files with this process's own id from before a restart count as dead: in a container ids repeat", async () => {
    writeFileSync(join(folder, "lock"), String(process.pid));
    writeFileSync(join(folder, `${process.pid}.9999`), String(process.pid));
    const use = await SharedUse.enter(folder, () => Promise.resolve("server"));
    let stopped = false;
    await use.leave(() => {
      stopped = true;
      return Promise.resolve();
    });
    expect(stopped).toBe(true);
  });

  test("while another living process uses it, the one that leaves does not stop it", async () => {
    const other = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
    onTestFinished(() => {
      other.kill("SIGKILL");
    });
    const use = await SharedUse.enter(folder, () => Promise.resolve("server"));
    writeFileSync(join(folder, `${other.pid}.1`), String(other.pid));
    let stopped = false;
    await use.leave(() => {
      stopped = true;
      return Promise.resolve();
    });
    expect(stopped).toBe(false);
  });

  test("when it cannot be started, no use is left behind", async () => {
    await expect(SharedUse.enter(folder, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("data folder", () => {
  test("it is made with its parents and closed to others", () => {
    const made = join(folder, "a", "b");
    prepareDataFolder(made);
    // Root lets the account of its database servers pass, but not read.
    expect(statSync(made).mode & 0o777).toBe(process.getuid?.() === 0 ? 0o711 : 0o700);
  });

  test("a folder that cannot be made is DB-CTL-003 with its path", () => {
    mkdirSync(join(folder, "x"));
    writeFileSync(join(folder, "x", "file"), "");
    const path = join(folder, "x", "file", "data");
    expect(() => {
      prepareDataFolder(path);
    }).toThrow(`DB-CTL-003: ${path}: the data folder cannot be written (ENOTDIR)`);
    expect(existsSync(path)).toBe(false);
  });
});
