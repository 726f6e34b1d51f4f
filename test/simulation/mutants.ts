// Makes programs of the simulation with an engine that is wrong in one place: a copy of the sources, compiled without types, in which one
// text stands for another.
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import type { Mutation } from "./mutations.ts";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** All that the simulation is made of. */
const folders = [
  "engine",
  "mappings",
  "connectors/postgres/capture",
  "deploy/processes",
  "test/simulation",
  "test/checker",
  "test/support",
  "test/workload",
];

export interface Verdict {
  readonly seeds: number;
  readonly violations: readonly { readonly seed: string; readonly violation: { readonly invariant: number; readonly words: string } }[];
}

/** Where packages are found from. */
export function mutantsFolder(): string {
  const folder = join(root, "dist", "mutants");
  rmSync(folder, { recursive: true, force: true });
  return folder;
}

/** The sources as they are. Gives the folder. */
export function compileSources(folder: string): string {
  const sound = join(folder, "sound");
  for (const file of folders.flatMap((each) => sourcesIn(each))) write(sound, file, readFileSync(join(root, file), "utf8"));
  return sound;
}

/** A copy of the compiled sources with one mistake. Throws when the text is not there, or more than once. */
export function mutate(sound: string, folder: string, { name, file, text, becomes }: Mutation): string {
  const source = readFileSync(join(root, file), "utf8");
  if (source.split(text).length !== 2)
    throw new Error(`${name}: the text to be replaced stands ${source.split(text).length - 1} times in ${file}`);
  const mutant = join(folder, name.replaceAll(/[^a-z]+/gi, "-"));
  cpSync(sound, mutant, { recursive: true });
  write(
    mutant,
    file,
    source.replace(text, () => becomes),
  );
  return mutant;
}

/** Runs worlds until one of them shows a violation. */
export function simulateUntilViolation(program: string, seeds: string): Promise<Verdict> {
  const parameters = [join(program, "test/simulation/simulate.js"), "--seeds", seeds, "--until-violation", "--processes", "1", "--json"];
  const child = spawn(process.execPath, ["--no-warnings", ...parameters], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (part: Buffer) => (output += part.toString("utf8")));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", () => {
      try {
        resolve(JSON.parse(output) as Verdict);
      } catch (error) {
        reject(error);
      }
    });
  });
}

function sourcesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return sourcesIn(path);
    return entry.name.endsWith(".ts") && !entry.name.endsWith(".test.ts") ? [path] : [];
  });
}

function write(folder: string, file: string, source: string): void {
  const { outputText } = ts.transpileModule(source, {
    fileName: file,
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      rewriteRelativeImportExtensions: true,
      verbatimModuleSyntax: true,
    },
  });
  const path = join(folder, file.replace(/\.ts$/, ".js"));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, outputText);
}
