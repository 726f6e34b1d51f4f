// Runs the import rules and refuses to be content with having looked at nothing.
import { createRequire } from "node:module";
import { cruise } from "dependency-cruiser";
import extractTSConfig from "dependency-cruiser/config-utl/extract-ts-config";

const require = createRequire(import.meta.url);
const configuration = require("../../.dependency-cruiser.cjs");
const folders = ["engine", "connectors", "mappings", "reconcilers", "deploy", "benchmarks", "test"];
const { output } = await cruise(
  folders,
  { ruleSet: { forbidden: configuration.forbidden }, validate: true, ...configuration.options },
  undefined,
  { tsConfig: extractTSConfig("tsconfig.json") },
);
const { violations, totalCruised } = output.summary;
for (const { rule, from, to } of violations) console.error(`${rule.name}: ${from} → ${to}`);
console.log(`${totalCruised} modules, ${violations.length} violations`);
process.exit(violations.length > 0 || totalCruised < 100 ? 1 : 0);
