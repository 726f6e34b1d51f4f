#!/usr/bin/env node
// The command `dongbo`: plain JavaScript, so that it runs before anything was built. Builds when there is no build, or an
// old one, in a working copy; an installed package brings its build along.
import { existsSync, readdirSync, statSync } from "node:fs";
import module from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const built = join(root, "dist", "bundle", "cli.js");
const stamp = join(root, "dist", ".tsbuildinfo");

/** Newest change below a folder, in milliseconds. */
function newest(folder) {
  let time = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) time = Math.max(time, newest(path));
    else if (entry.name.endsWith(".ts")) time = Math.max(time, statSync(path).mtimeMs);
  }
  return time;
}

function isCurrent() {
  if (!existsSync(built) || !existsSync(stamp)) return false;
  const made = statSync(stamp).mtimeMs;
  if (statSync(built).mtimeMs < made) return false;
  const folders = ["engine", "connectors", "mappings", "reconcilers", "deploy", "benchmarks"].map((name) => join(root, name));
  return folders.every((folder) => !existsSync(folder) || newest(folder) <= made);
}

// Without the compiler's settings this is an installed package: there is nothing to build from. DONGBO_BUILD=skip takes the
// build that is there, for tests that have made it themselves.
const mayBuild = existsSync(join(root, "tsconfig.build.json")) && process.env.DONGBO_BUILD !== "skip";
if (mayBuild && !isCurrent()) {
  const { build } = await import("./bootstrap.mjs");
  build();
}
const [command, ...parameters] = process.argv.slice(2);
if (command === "bench") {
  // A program of its own: nothing of the product imports what measures it.
  process.setSourceMapsEnabled(true);
  process.argv = [process.argv[0], process.argv[1], ...parameters];
  await import(pathToFileURL(join(root, "dist", "benchmarks", "bench.js")).href);
} else {
  // Node 20 has none.
  module.enableCompileCache?.();
  const { main } = await import(pathToFileURL(built).href);
  await main(process.argv.slice(2));
}
