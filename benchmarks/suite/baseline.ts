// Results that later ones are held against, one for each hardware class, in a folder.
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BenchResult, readResult } from "./result.ts";

/** Puts the result in the place of the one of the same hardware; returns the file. Throws when it is no score. */
export function saveBaseline(folder: string, result: BenchResult): string {
  if (result.unscored.length > 0) throw new Error(`not kept as a baseline, being no score:\n  ${result.unscored.join("\n  ")}`);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, baselineName(result.machine.hardware_class));
  writeFileSync(file, printResult(result));
  return file;
}

/** A result, or of a folder of results the one of the same hardware. Throws when there is none. */
export function readBaseline(path: string, after: BenchResult): BenchResult {
  if (!statSync(path).isDirectory()) return readResult(path);
  const files = readdirSync(path).filter((name) => name.endsWith(".json"));
  const results = files.map((name) => readResult(join(path, name)));
  const wanted = after.machine.hardware_class;
  const found = results.find(({ machine }) => machine.hardware_class === wanted);
  if (found === undefined) throw new Error(`${path} holds no baseline of ${wanted}; --save-baseline makes one of a run on this machine`);
  return found;
}

export function printResult(result: BenchResult): string {
  return `${JSON.stringify(result, null, 2)}\n`;
}

/** `intel-xeon-8-cores-32-gb.json` */
function baselineName(hardwareClass: string): string {
  const words = hardwareClass
    .toLowerCase()
    .replaceAll(/\((r|tm)\)/g, "")
    .match(/[a-z0-9.]+/g);
  return `${(words ?? ["unknown"]).join("-")}.json`;
}
