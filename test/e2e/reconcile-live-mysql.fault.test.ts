// RC-09: the same as reconcile-live with a MariaDB master, which does not tell two versions of a row apart: copies of both families are
// compared while it is written and the engine is paused and killed. What was damaged is found, all of it, and nothing else is named.
import { expect, test } from "vitest";
import { numbersTo } from "../support/mysql-server.ts";
import type { MasterKind } from "../support/two-families.ts";
import { pause } from "../support/wait-until.ts";
import { Random, runSeed } from "../workload/random.ts";
import { Background } from "./background.ts";
import { PairStage } from "./pair-stage.ts";
import { type Found, found, nothing, onlyTable, reconcile, reconciled } from "./reconciling.ts";
import { sizeFromEnvironment } from "./sizes.ts";
import { SupervisedEngine } from "./supervised-engine.ts";

const rows = sizeFromEnvironment("DONGBO_RECONCILE_MYSQL_ROWS", 20_000);
const runs = sizeFromEnvironment("DONGBO_RECONCILE_MYSQL_RUNS", { everyday: 2, full: 3 });
const runDeadlineMs = 170_000;
const writers = 3;
const columns = ["id", "full_name", "balance", "seen", "note"];
const targets = ["hcm", "hue"] as const;

/** Numbers that 10 divides are damaged in copies and written by nobody; of the others each writer has its own. */
const damageable = 10;

/** Rows of each of four kinds, run by run. */
const damagedEach = [4, 20, 0, 1];

async function openStage(): Promise<PairStage> {
  const table = {
    source: "national.citizen",
    target: "population.citizen",
    key: ["id"],
    columns,
    // Two of three rows.
    where: { province: { in: "$provinces" } },
  };
  const copy = (target: (typeof targets)[number], connector: MasterKind) =>
    ({ target, connector, share: "population", parameters: { provinces: ["79", "46"] } }) as const;
  return PairStage.create({
    master: "mysql",
    tables: [
      `CREATE TABLE citizen (id bigint PRIMARY KEY, province char(2) NOT NULL, full_name varchar(60) NOT NULL, balance decimal(14,2) NOT NULL,
         seen datetime(6) NOT NULL, note varchar(60))`,
      `INSERT INTO citizen SELECT i, ${provinceOf("i")}, CONCAT('Nguyễn Thị ', i), i + 0.5, '2026-01-01 00:00:00', IF(i % 3 = 0, NULL, 'ghi chú')
         FROM (SELECT seq AS i FROM ${numbersTo(rows)}) AS n`,
    ],
    shares: { population: [table] },
    copies: [copy("hcm", "postgres"), copy("hue", "mysql")],
  });
}

function provinceOf(id: string): string {
  return `ELT(1 + ${id} % 3, '01', '79', '46')`;
}

/** Rows are written, taken away, made again, given other numbers and moved over the border of the filter, one or two in a transaction. */
async function write(stage: PairStage, random: Random, writer: number, signal: AbortSignal): Promise<number> {
  let written = 0;
  const pick = (): number => {
    for (;;) {
      const id = random.between(1, rows);
      if (id % damageable !== 0 && id % writers === writer) return id;
    }
  };
  while (!signal.aborted) {
    const statements: string[] = [];
    for (let count = 0; count < 50; count++) {
      const [one, other] = [pick(), pick()];
      const what = random.fraction();
      if (what < 0.5)
        statements.push(
          `INSERT INTO citizen VALUES (${one}, ${provinceOf(String(one))}, 'Nguyễn Thị ${one}', 1, NOW(6), NULL)
             ON DUPLICATE KEY UPDATE balance = balance + 1, seen = NOW(6)`,
        );
      else if (what < 0.65)
        statements.push(`UPDATE citizen SET province = IF(province = '01', '79', '01'), note = 'chuyển ${written}' WHERE id = ${one}`);
      else if (what < 0.8) statements.push(`DELETE FROM citizen WHERE id = ${one}`);
      else statements.push(`UPDATE IGNORE citizen SET id = ${other} WHERE id = ${one}`);
    }
    await stage.onMaster(...statements);
    written += statements.length;
  }
  return written;
}

/** So many rows of each kind, none twice. */
class Damage {
  readonly missing: readonly number[];
  readonly changed: readonly number[];
  readonly extra: readonly number[];
  readonly outside: readonly number[];

  constructor(random: Random, each: number) {
    const pick = (count: number, accepts: (id: number) => boolean): number[] => {
      const picked = new Set<number>();
      while (picked.size < count) {
        const id = damageable * random.between(1, rows / damageable - 1);
        if (accepts(id)) picked.add(id);
      }
      return [...picked];
    };
    const inside = pick(2 * each, (id) => id % 3 !== 0);
    this.missing = inside.slice(0, each);
    this.changed = inside.slice(each);
    this.outside = pick(each, (id) => id % 3 === 0);
    this.extra = Array.from({ length: each }, (_, at) => 10 * rows + damageable * at);
  }

  async inflict(stage: PairStage, target: string): Promise<void> {
    const physical = "population_copy.citizen";
    const added = [...this.extra, ...this.outside].map((id) => `(${id}, 'Nguyễn Thị ${id}', 0, '2026-01-01 00:00:00', NULL, 1)`);
    if (added.length === 0) return;
    await stage.onTarget(
      target,
      `DELETE FROM ${physical} WHERE id IN (${this.missing.join()})`,
      `UPDATE ${physical} SET balance = balance + 0.01 WHERE id IN (${this.changed.join()})`,
      `INSERT INTO ${physical} (${columns.join()}, dongbo_batch) VALUES ${added.join(", ")}`,
    );
  }

  get expected(): Found {
    const text = (ids: readonly number[]): string[] => ids.map(String).toSorted();
    return {
      ...nothing,
      missing: text(this.missing),
      extra: text([...this.extra, ...this.outside]),
      outsideFilter: this.outside.length,
      different: text(this.changed).map((id) => `${id} (balance)`),
    };
  }
}

async function trouble(engine: SupervisedEngine, random: Random, ended: Promise<unknown>): Promise<void> {
  let over = false;
  void ended.finally(() => (over = true)).catch(() => {});
  for (let left = random.between(1, 3); left > 0; left--) {
    await Promise.race([pause(random.between(100, 2_000)), ended]);
    if (over) return;
    if (random.chance(0.5)) await engine.pauseFor(random.between(200, 3_000));
    else await engine.killFor(random.between(0, 1_500));
  }
}

test("RC-09: of a MariaDB master under writers, kills and pauses, exactly what was damaged in copies of both families is found", async () => {
  const seed = runSeed();
  console.log(`DONGBO_TEST_SEED=${seed}`);
  const random = new Random(`${seed}/reconcile-mysql`);
  await using stage = await openStage();
  const { home } = stage;
  expect(await home.run(["run", "--until-caught-up"], 120_000)).toMatchObject({ code: 0 });
  const engine = new SupervisedEngine(home);
  let written = 0;
  await using supervising = new Background((signal) => engine.keepRunning(signal));
  await using writing = new Background(async (signal) => {
    const counts = Array.from({ length: writers }, (_, writer) => write(stage, new Random(`${seed}/writer ${writer}`), writer, signal));
    for (const count of await Promise.all(counts)) written += count;
  });
  const during = <T>(work: Promise<T>): Promise<T> => supervising.during(writing.during(work));
  for (let run = 0; run < runs; run++) {
    const target = targets[run % targets.length]!;
    const each = damagedEach[run % damagedEach.length]!;
    const damage = new Damage(random, each);
    await damage.inflict(stage, target);
    const running = home.start(["reconcile", "--fast", "--subscription", `population/${target}`, "--json"]);
    const [report] = await during(Promise.all([reconciled(running, runDeadlineMs), trouble(engine, random, running.exited)]));
    console.log(`run ${run}: ${target} ${report.verdict}, ${onlyTable(report).rows_checked} rows`);
    expect(found(onlyTable(report))).toEqual(damage.expected);
    expect(onlyTable(report)).toMatchObject({ unsettled: 0, problem: null });
    const repaired = await during(reconcile(home, ["--subscription", `population/${target}`, "--repair", "auto"], runDeadlineMs));
    expect(found(onlyTable(repaired))).toEqual(damage.expected);
    expect(onlyTable(repaired).repaired).toBe(4 * each);
  }
  await writing.stop();
  await supervising.stop();
  expect(await home.run(["run", "--until-caught-up"], 120_000)).toMatchObject({ code: 0 });
  const { kills, pauses, starts } = engine.history;
  console.log(`${written} changes; the engine was killed ${kills} times, paused ${pauses}, started ${starts}`);
  const forms = { id: "integer", full_name: "text", balance: "decimal", seen: "instant", note: "text" } as const;
  for (const target of targets)
    expect(
      await stage.differences(target, "citizen", "population.citizen", { key: ["id"], forms, where: "province IN ('79', '46')" }),
    ).toEqual([]);
});
