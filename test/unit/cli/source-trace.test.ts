import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { sourceTrace } from "../../../deploy/processes/source-trace.ts";
import { testFolder } from "../../support/test-run.ts";

/** A map whose only entry leads from the start of the first line to the start of the third line of the source. */
const toThirdLine = (source: string): string => JSON.stringify({ version: 3, sources: [source], names: [], mappings: "AAEA" });

test("a trace names places in the sources, through as many maps as lead there, and is left as it is where there is none", () => {
  const folder = testFolder("trace");
  const url = (name: string): string => pathToFileURL(join(folder, name)).href;
  writeFileSync(join(folder, "bundle.js.map"), toThirdLine("./compiled.js"));
  // The third line is reached from above, and no entry comes after the first.
  writeFileSync(join(folder, "compiled.js.map"), toThirdLine("./source.ts"));
  writeFileSync(join(folder, "broken.js.map"), "{");
  const trace = [
    "Error: it broke",
    `    at work (${url("bundle.js")}:1:9)`,
    `    at ${url("plain.js")}:7:8`,
    `    at other (${url("broken.js")}:1:1)`,
    "    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)",
  ];
  expect(sourceTrace(trace.join("\n")).split("\n")).toEqual([trace[0], `    at work (${url("source.ts")}:3:1)`, ...trace.slice(2)]);
  rmSync(folder, { recursive: true });
});
