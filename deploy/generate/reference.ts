// Writes the pages of deploy/reference: `npm run build && node dist/deploy/generate/reference.js`.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errorsPage, metricsPage } from "./reference-pages.ts";
import { typesPage } from "./types-page.ts";

const folder = join("deploy", "reference");
mkdirSync(folder, { recursive: true });
for (const [name, text] of [
  ["errors.md", errorsPage()],
  ["metrics.md", metricsPage()],
  ["types.md", typesPage()],
] as const) {
  writeFileSync(join(folder, name), text);
  console.log(`wrote ${join(folder, name)}`);
}
