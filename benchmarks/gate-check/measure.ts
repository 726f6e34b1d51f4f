// Whether the upgrade gate can be relied on: it must let a build follow itself, and stop one that does a fifth more work when it decodes.
// `npm run bench:gate-check [-- --times 10] [-- --rounds 5]`
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { wholeNumber } from "../suite/whole-number.ts";
import { copyBuild, copySlowedBuild } from "./build-copy.ts";

interface Flags {
  readonly times: number;
  readonly rounds: number;
}

/** Measures each build by turns, as an operator would one after the other, and holds each result against the one before. */
function check({ times, rounds }: Flags): void {
  const folder = mkdtempSync(join(tmpdir(), "dongbo-gate-check-"));
  try {
    const build = copyBuild(join(folder, "build"));
    const slowed = copySlowedBuild(join(folder, "slowed"));
    const judge = (old: string, now: string, title: string): "go" | "worse" => {
      // Figures count although the machine may be busy: that is the harder test.
      const { status, stdout, stderr } = bench(build, ["compare", old, now, "--indicative"], [0, 1]);
      console.log(`${title}\n${stdout}`);
      if (status === 0) return "go";
      if (/ worse$/m.test(stdout)) return "worse";
      throw new Error(`the gate stopped a build for another reason than its figures\n${stderr}`);
    };
    const run = (program: string, name: string): string => {
      const result = join(folder, `${name}.json`);
      bench(program, ["decode", "decode-careful", "decode-debezium", "--rounds", String(rounds), "--json", result]);
      return result;
    };
    let before = run(build, "first");
    const passed: boolean[] = [];
    const stopped: boolean[] = [];
    for (let time = 1; time <= times; time++) {
      const slow = run(slowed, `slowed-${time}`);
      const after = run(build, `build-${time}`);
      stopped.push(judge(before, slow, `${time}: a fifth more work in decode`) === "worse");
      passed.push(judge(before, after, `${time}: the same build`) === "go");
      before = after;
    }
    console.log(`A fifth more work in decode was stopped ${count(stopped)} times; the same build passed ${count(passed)} times.`);
    process.exitCode = [...stopped, ...passed].every(Boolean) ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function count(verdicts: readonly boolean[]): string {
  return `${verdicts.filter(Boolean).length} of ${verdicts.length}`;
}

/** Throws when it leaves with another code than those. */
function bench(program: string, parameters: readonly string[], expected: readonly number[] = [0]) {
  const result = spawnSync(process.execPath, [program, "bench", ...parameters], { encoding: "utf8" });
  if (!expected.includes(result.status ?? -1))
    throw new Error(`dongbo bench ${parameters.join(" ")} left with ${result.status}:\n${result.stderr}`);
  return result;
}

new Command("gate-check")
  .description("Holds runs of this build against each other, and against runs of a copy that does a fifth more work in decode.")
  .option("--times <count>", "comparisons of each kind", wholeNumber, 10)
  .option("--rounds <count>", "rounds of each run", wholeNumber, 5)
  .action(check)
  .parse();
