import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { projectFolder } from "../../deploy/embedded/maven-artifacts.ts";
import { buildDongbo } from "../support/dongbo-home.ts";
import { testFolder } from "../support/test-run.ts";

test("a process that has nothing else to do waits until its Redis has ended", async () => {
  await buildDongbo();
  const module = pathToFileURL(join(projectFolder(), "dist", "deploy", "embedded", "redis-server.js")).href;
  const script = `import { EmbeddedRedis } from ${JSON.stringify(module)};
    const server = await EmbeddedRedis.start({ dataDir: ${JSON.stringify(testFolder("redis"))} });
    await server[Symbol.asyncDispose]();
    console.log("ended");`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", script], { encoding: "utf8" });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "ended\n", stderr: "" });
});
