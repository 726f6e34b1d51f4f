// Loaded into a measured Node process beside its own program: writes what it has used when it leaves.
import { writeFileSync } from "node:fs";
import { usageOf } from "./process-usage.ts";

const file = process.env["DONGBO_BENCH_USAGE"];
if (file !== undefined) process.on("exit", () => writeFileSync(file, JSON.stringify(usageOf("self"))));
