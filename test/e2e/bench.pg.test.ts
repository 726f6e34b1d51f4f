// dongbo bench as an operator runs it, on servers of its own and a register that is too small for any score.
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { Installation } from "../../benchmarks/stands/installation.ts";
import { exitCodeOf, readResult } from "../../benchmarks/suite/result.ts";
import { runSuite } from "../../benchmarks/suite/run-suite.ts";
import { type Workload, wallTime } from "../../benchmarks/suite/workload.ts";
import { measureEngine } from "../../benchmarks/workloads/measure-sides.ts";
import { buildDongbo, commandLine } from "../support/dongbo-home.ts";
import { DongboProcess } from "../support/dongbo-process.ts";
import { testFolder } from "../support/test-run.ts";

beforeAll(buildDongbo);

async function bench(parameters: readonly string[], folder: string): Promise<{ code: number | null; stdout: string }> {
  // Servers of a bench that was killed lie where the end of the run sweeps.
  const env = { ...process.env, DONGBO_BUILD: "skip", TMPDIR: folder };
  const child = spawn(process.execPath, [commandLine, "bench", ...parameters], { env, stdio: ["ignore", "pipe", "pipe"] });
  await using running = new DongboProcess(child, "bench");
  const { code } = await running.waitForExit(110_000);
  return { code, stdout: running.stdout };
}

test("a run gives the result that design.md names, a page, and figures that only an indicative comparison takes", async () => {
  const folder = testFolder("bench");
  const [json, html] = [join(folder, "result.json"), join(folder, "report.html")];
  const sizes = ["--rows", "2000", "--changes", "2000", "--rounds", "2"];
  const run = await bench(["snapshot", "catchup-small", ...sizes, "--json", json, "--html", html], folder);
  expect(run).toMatchObject({ code: 0, stdout: expect.stringContaining("NOT A SCORE") });

  expect(JSON.parse(readFileSync(json, "utf8"))).toMatchObject({
    machine: { cores: expect.any(Number) },
    settings: { source: { fsync: "on" }, target: { fsync: "on" } },
    unscored: expect.arrayContaining(["2 rounds; a score needs 5"]),
    workloads: ["snapshot", "catchup-small"].map((name) => ({
      name,
      anchor: "postgres-native",
      rows: 2_000,
      rounds: 2,
      ratio: { median: expect.any(Number), min: expect.any(Number), max: expect.any(Number) },
      digest_equal: true,
      engine: { cpu_seconds: expect.any(Number), rss_peak_mb: expect.any(Number) },
      source: { cpu_seconds: expect.any(Number) },
      target: { cpu_seconds: expect.any(Number) },
      anchor_cost: { engine: { cpu_seconds: 0 }, source: { cpu_seconds: expect.any(Number) }, target: { cpu_seconds: expect.any(Number) } },
      goal: { must: 1, aim: 1.3, met: expect.stringMatching(/^(aim|must|missed)$/) },
    })),
  });
  expect(readResult(json).workloads).toHaveLength(2);
  expect(readFileSync(html, "utf8")).toMatch(/^<!doctype html>[^]*<svg[^]*<\/html>\n$/);

  expect(await bench(["compare", json, json], folder)).toMatchObject({ code: 1, stdout: expect.stringMatching(/is no score[^]*NO-GO\n$/) });
  expect(await bench(["compare", json, json, "--indicative"], folder)).toMatchObject({ code: 0, stdout: expect.stringMatching(/\nGO\n$/) });
});

test.each(["making a register", "round 1 of"])("ended by a signal at '%s' it leaves no server and no file behind", async (moment) => {
  const folder = testFolder("bench");
  const env = { ...process.env, DONGBO_BUILD: "skip", TMPDIR: folder };
  const sizes = ["--rows", "2000", "--changes", "2000", "--rounds", "1000"];
  const child = spawn(process.execPath, [commandLine, "bench", "catchup-small", ...sizes], { env, stdio: ["ignore", "pipe", "pipe"] });
  await using running = new DongboProcess(child, "bench");
  await running.waitForOutput(new RegExp(moment));
  const servers = serversBelow(folder);
  expect(servers.length).toBeGreaterThanOrEqual(2);
  expect(await running.terminate(30_000)).toMatchObject({ code: 143 });
  expect(running.stderr).toContain("interrupted: the servers were stopped and their files removed");
  expect(readdirSync(folder).filter((name) => name.startsWith("dongbo-bench-"))).toEqual([]);
  expect(serversBelow(folder)).toEqual([]);
});

test("what was measured before a signal came is kept, and is no score", async () => {
  const folder = testFolder("bench");
  const json = join(folder, "result.json");
  const env = { ...process.env, DONGBO_BUILD: "skip", TMPDIR: folder };
  const sizes = ["--rows", "2000", "--changes", "2000", "--rounds", "1"];
  const chosen = ["snapshot", "catchup-small", ...sizes, "--json", json];
  const child = spawn(process.execPath, [commandLine, "bench", ...chosen], { env, stdio: ["ignore", "pipe", "pipe"] });
  await using running = new DongboProcess(child, "bench");
  await running.waitForOutput(/^catchup-small: /m, 60_000);
  expect(await running.terminate(30_000)).toMatchObject({ code: 143 });
  const { workloads, unscored } = readResult(json);
  expect(workloads.map(({ name }) => name)).toEqual(["snapshot"]);
  expect(unscored).toContain("the run was not over: 1 of 2 workloads");
});

test("every stage of the engine is measured alone, what captures beside a bare reader of the protocol", async () => {
  const folder = testFolder("bench");
  const json = join(folder, "result.json");
  const sizes = ["--rows", "2000", "--changes", "2000", "--rounds", "1"];
  const stages = ["stage-capture", "stage-map", "stage-apply"];
  expect(await bench([...stages, ...sizes, "--json", json], folder)).toMatchObject({ code: 0 });
  const scores = stages.flatMap((name) => [name, `${name}-cpu`]);
  const measured = scores.map((name) => ({ name, digest_equal: true, own: [expect.any(Number)] }));
  expect(JSON.parse(readFileSync(json, "utf8"))).toMatchObject({ workloads: measured });
});

/** Process ids of PostgreSQL servers whose data lie there. */
function serversBelow(folder: string): string[] {
  const isServer = (id: string): boolean => {
    try {
      return readFileSync(`/proc/${id}/cmdline`, "utf8").includes(`-D\0${folder}`);
    } catch {
      return false;
    }
  };
  return readdirSync("/proc").filter((id) => /^\d+$/.test(id) && isServer(id));
}

const damaged: Workload = {
  name: "damaged",
  title: "a copy that loses a row before it is judged",
  anchor: null,
  unit: "rows",
  scores: [{ ...wallTime("damaged", { must: 0.001, aim: 0.01 }), limit: 60 }],
};

test("a copy that was damaged after it was written has no score, ends its rounds, and is a failure", async () => {
  const lines: string[] = [];
  const result = await runSuite({
    entries: [
      {
        workload: damaged,
        prepare: async (stand, { rows }) => {
          const installation = await Installation.create(stand, damaged.name, [{}]);
          const run = async () => {
            const usage = await installation.catchUp();
            await stand.target.query("DELETE FROM copy_copy.citizen WHERE id = 7", installation.database(0));
            return usage;
          };
          return {
            before: () => Promise.resolve(),
            measure: () => measureEngine(stand, rows, { run, isEqual: () => installation.isEqual() }),
            [Symbol.asyncDispose]: () => installation[Symbol.asyncDispose](),
          };
        },
      },
    ],
    size: { rows: 2_000, changes: 2_000 },
    rounds: 3,
    urls: null,
    nodeOptions: [],
    tell: (line) => lines.push(line),
    measured: () => {},
    interrupted: new Promise<never>(() => {}),
  });
  expect(result.workloads).toMatchObject([{ name: "damaged", rounds: 1, digest_equal: false, goal: { met: "missed" } }]);
  expect(result.unscored).toContain("damaged: a copy differs from its source");
  expect(exitCodeOf(result)).toBe(1);
  expect(lines.filter((line) => line.includes("round"))).toHaveLength(1);
});
