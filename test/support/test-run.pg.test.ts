import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import { removeAbandonedRuns, testFolder } from "./test-run.ts";
import { waitUntil } from "./wait-until.ts";

/** The id of a process that has ended. */
function endedProcess(): number {
  return spawnSync(process.execPath, ["-e", ""]).pid;
}

test("a run whose process was killed is swept up with its servers, a living one is left alone", async () => {
  const folders = [endedProcess(), process.pid].map((owner) => {
    const folder = mkdtempSync(join(tmpdir(), "dongbo-test-"));
    writeFileSync(join(folder, "owner"), String(owner));
    return folder;
  });
  const [abandoned = "", living = ""] = folders;
  await using server = await EmbeddedPostgres.start({ dataDir: join(testFolder("left"), "data") });
  // The sweep finds servers by their lock file, which names the process.
  writeFileSync(join(abandoned, "postmaster.pid"), `${server.pid}\n`);
  removeAbandonedRuns();
  expect(existsSync(abandoned)).toBe(false);
  expect(existsSync(living)).toBe(true);
  await waitUntil(
    async () =>
      server.query("SELECT 1").then(
        () => false,
        () => true,
      ),
    { describe: "the left server to be gone" },
  );
  rmSync(living, { recursive: true });
});
