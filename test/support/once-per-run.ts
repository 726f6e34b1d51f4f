// Work that several test processes need and one should do: the first takes a lock folder, the others wait for its mark.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { testRunFolder } from "./test-run.ts";
import { waitUntil } from "./wait-until.ts";

/** Does the work once per test run, across processes. A failure is everybody's failure. */
export async function oncePerRun(name: string, work: () => void | Promise<void>): Promise<void> {
  const lock = join(testRunFolder(), `${name}.lock`);
  const done = join(testRunFolder(), `${name}.done`);
  if (!takes(lock)) {
    const outcome = await waitUntil(() => existsSync(done) && (readFileSync(done, "utf8") || false), {
      describe: `another test process to finish ${name}`,
      deadlineMs: 180_000,
    });
    if (outcome !== "ok") throw new Error(`${name} failed in another test process: ${outcome}`);
    return;
  }
  try {
    await work();
    writeFileSync(done, "ok");
  } catch (error) {
    writeFileSync(done, String(error));
    throw error;
  }
}

function takes(lock: string): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}
