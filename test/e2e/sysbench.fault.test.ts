// sysbench's OLTP mix on MariaDB, with the engine killed three times, into a copy on PostgreSQL and one on MariaDB (invariant 1).
// Each of its transactions deletes a row and inserts one under the same number: between commits the tables keep their size.
import { type ChildProcess, spawn } from "node:child_process";
import { expect, test } from "vitest";
import { type CopySession, withCopy } from "../checker/copy-session.ts";
import { compareCopy, describeComparison } from "../checker/compare-copy.ts";
import { obtainProgram } from "../../deploy/embedded/debian-packages.ts";
import { roles } from "../support/cluster.ts";
import { DongboHome } from "../support/dongbo-home.ts";
import { populationConfig, populationEnvironment } from "../support/population-config.ts";
import { Families } from "../support/two-families.ts";
import { pause, waitUntil } from "../support/wait-until.ts";
import { Random, runSeed } from "../workload/random.ts";
import { Background } from "./background.ts";
import { EngineUnderFire } from "./engine-under-fire.ts";
import { sizeFromEnvironment } from "./sizes.ts";

const seconds = sizeFromEnvironment("DONGBO_SYSBENCH_SECONDS", { everyday: 15, full: 60 });
const rows = 10_000;
const tables = ["sbtest1", "sbtest2", "sbtest3"];
const columns = ["id", "k", "c", "pad"];
const forms = { id: "integer", k: "integer", c: "text", pad: "text" } as const;
const targets = ["pgcopy", "mycopy"];

function sysbench(families: Families, command: "prepare" | "run"): ChildProcess {
  const server = new URL(families.sourceUrl(roles.owner));
  const parameters = [
    "oltp_read_write",
    "--db-driver=mysql",
    `--mysql-host=${server.hostname}`,
    `--mysql-port=${server.port}`,
    `--mysql-user=${server.username}`,
    `--mysql-db=${server.pathname.slice(1)}`,
    `--tables=${tables.length}`,
    `--table-size=${rows}`,
    "--threads=4",
    `--time=${seconds}`,
    command,
  ];
  return spawn(obtainProgram("sysbench", "sysbench"), parameters, { stdio: ["ignore", "pipe", "pipe"] });
}

/** What it printed; throws unless it ended well. */
async function finished(child: ChildProcess): Promise<string> {
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data: Buffer) => (output += data.toString("utf8")));
  const code = await new Promise<number | null>((resolve) => {
    child.once("exit", resolve);
  });
  if (code !== 0) throw new Error(`sysbench left with ${code}\n${output}`);
  return output;
}

class SizeChecker {
  readonly looks = { total: 0, whole: 0 };
  readonly violations: string[] = [];
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  async watch(url: string, signal: AbortSignal): Promise<void> {
    await withCopy(url, async (session) => {
      while (!signal.aborted) {
        await this.#look(session);
        await pause(200);
      }
    });
  }

  async #look(session: CopySession): Promise<void> {
    const sizes = tables.map((table) => `(SELECT count(*) FROM bank.${table})`);
    await session.beginSnapshot();
    const answer = await session.ask(`SELECT ${sizes.map((size, index) => `${size} AS size_${index}`).join(", ")}`);
    await session.endSnapshot();
    this.looks.total++;
    if (typeof answer === "string") return;
    const held = Object.values(answer[0] ?? {});
    if (held.every((size) => size === String(rows))) this.looks.whole++;
    else this.violations.push(`${this.name} holds ${held.join(", ")} rows`);
  }
}

test("VL-01: under sysbench no half transaction is seen, and the copies on both families end equal", async () => {
  const seed = runSeed();
  console.log(`DONGBO_TEST_SEED=${seed}`);
  await using families = await Families.start({
    master: "mysql",
    postgresTargets: ["pgcopy"],
    mysqlTargets: ["mycopy"],
    targetDatabases: ["bank"],
  });
  await finished(sysbench(families, "prepare"));
  const shared = tables.map((table) => ({ source: `national.${table}`, target: `bank.${table}`, key: ["id"], columns }));
  const copies = targets.map((target) => ({ target, share: "bank", connector: families.connectorOf(target) }));
  const config = populationConfig({ source: { connector: "mysql" }, shares: { bank: shared }, copies });
  await using home = await DongboHome.create(config, populationEnvironment(families, targets));
  const random = new Random(`${seed}/kills`);
  const engine = new EngineUnderFire(home, random);
  const checkers = targets.map((target) => new SizeChecker(target));
  await using looking = new Background((signal) => {
    return Promise.all(checkers.map((checker) => checker.watch(families.targetUrl(checker.name, roles.reader), signal)));
  });

  const running = sysbench(families, "run");
  const written = finished(running);
  try {
    const started = performance.now();
    for (let kill = 1; kill <= 3; kill++) {
      engine.start();
      // The first blow falls into the load, the others into streaming; each third of the time gets one.
      const moment = ((kill - 1 + 0.1 + 0.8 * random.fraction()) / 3) * seconds * 1000;
      await looking.during(Promise.race([pause(Math.max(0, moment - (performance.now() - started))), written]));
      await engine.down();
    }
    engine.start();
    console.log(
      (await looking.during(written))
        .split("\n")
        .filter((line) => /transactions:|errors:/.test(line))
        .join("\n"),
    );
  } finally {
    running.kill("SIGKILL");
  }
  await engine.stop();
  expect(await looking.during(home.run(["run", "--until-caught-up"], 300_000))).toMatchObject({ code: 0 });
  await waitUntil(() => checkers.every(({ looks }) => looks.whole > 10), { describe: "looks at the finished copies" });
  await looking.stop();
  for (const { name, looks, violations } of checkers) {
    console.log(`${name}: ${looks.total} looks, ${looks.whole} of whole copies`);
    expect(violations).toEqual([]);
    for (const table of tables) {
      const side = { columns, key: ["id"], forms };
      const copy = { url: families.targetUrl(name, roles.reader), table: `bank.${table}`, ...side };
      const result = await compareCopy({ url: families.sourceUrl(roles.source), table, ...side }, copy);
      console.log(describeComparison(`${name}.${table}`, result));
      expect(result).toMatchObject({ equal: true });
    }
  }
});
