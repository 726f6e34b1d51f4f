import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Version of this installation, from its package.json: beside deploy/ in the sources, above dist/ when compiled. */
export function dongboVersion(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    try {
      const { name, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { name: string; version: string };
      if (name === "dongbo") return version;
    } catch (error) {
      if (folder === dirname(folder)) throw error;
    }
  }
}
