// Everything that dongbo's processes print in a test run is kept, and searched at its end for words that no output may hold.
import type { ChildProcess } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { testRunFolder } from "./test-run.ts";

/** Values of people's rows and passwords, as tests make them up: names, and words that stand for whatever must stay hidden. */
const markedWords = ["Nguyễn", "MARKED", "CANARY", "SHAREDVALUE", "VISITORROW"] as const;

const folderName = "output";

/** Keeps both streams of a process, until the run's folder goes. */
export function keepOutput(child: ChildProcess, command: readonly string[]): void {
  const folder = join(testRunFolder(), folderName);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${child.pid ?? 0}-${command[0] ?? ""}`);
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data: Buffer | string) => appendFileSync(file, data));
}

/** Lines with such a word, each beginning with the command that printed it. */
export function markedLines(runFolder: string): string[] {
  const folder = join(runFolder, folderName);
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((name) => {
    const lines = readFileSync(join(folder, name), "utf8").split("\n");
    const found = lines.filter((line) => markedWords.some((word) => line.includes(word)));
    return found.slice(0, 5).map((line) => `${name}: ${line.slice(0, 500)}`);
  });
}
