// Writes the published JSON schema of the configuration file: `npx tsc -p tsconfig.build.json && node dist/deploy/generate/config-schema.js`.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { configJsonSchema } from "../../engine/config/config-json-schema.ts";

const path = join("deploy", "schema", "dongbo.schema.json");
mkdirSync(dirname(path), { recursive: true });
writeFileSync(path, `${JSON.stringify(configJsonSchema(), null, 2)}\n`);
console.log(`wrote ${path}`);
