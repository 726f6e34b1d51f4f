// One stage of the engine in a process of its own.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { StageOrder, StageUsage } from "../stages/stage.ts";

const program = fileURLToPath(new URL("../stages/measure.js", import.meta.url));

/** Throws, with what it printed, when it fails. */
export async function runStage(
  order: StageOrder,
  { environment, nodeOptions }: { readonly environment: Readonly<Record<string, string>>; readonly nodeOptions: readonly string[] },
): Promise<StageUsage> {
  const { stdout } = await promisify(execFile)(process.execPath, [...nodeOptions, program, JSON.stringify(order)], {
    env: { ...process.env, ...environment },
  });
  return JSON.parse(stdout) as StageUsage;
}
