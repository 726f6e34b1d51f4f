import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

interface Installation {
  readonly folder: string;
  readonly version: string;
}

/** Where package.json lies: beside deploy/ in the sources, above dist/ when compiled. */
function installation(): Installation {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    try {
      const { name, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { name: string; version: string };
      if (name === "dongbo") return { folder, version };
    } catch (error) {
      if (folder === dirname(folder)) throw error;
    }
  }
}

/** Version of this installation, from its package.json. */
export function dongboVersion(): string {
  return installation().version;
}

/** The command line of this installation. */
export function dongboProgram(): string {
  return join(installation().folder, "deploy", "dongbo.mjs");
}
