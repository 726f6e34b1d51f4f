// The rights that `dongbo check` asks for are enough for everything that a copy lives through, and not one of them is too many.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Finding } from "../../engine/model/finding.ts";
import { roles, runSql } from "../support/cluster.ts";
import { remade } from "../support/mysql-server.ts";
import { runMysql } from "../support/mysql-session.ts";
import type { MasterKind } from "../support/two-families.ts";
import { Random, runSeed } from "../workload/random.ts";
import { PairStage } from "./pair-stage.ts";
import { sizeFromEnvironment } from "./sizes.ts";

const columns = ["id", "full_name"];
/** Each is left out for a life of its own. */
const rightsTried = sizeFromEnvironment("DONGBO_RIGHTS_TRIED", { everyday: 3, full: 1_000 });
const wantedByMysqlAlone = "GRANT REFERENCES ON `dongbo`";

/** The steps of a life, with the codes that commands leave with: rows are held for a while, and a difference is found and repaired. */
const wholeLife = ["run 0", "run 0", "run 5", "replay 0", "reconcile 3", "reconcile 0"].concat(
  ["apply 0", "run 0", "resync 0", "run 0"],
  ["run 0", "gate, 0"],
);

function shareOf(schema: string) {
  const citizen = { source: `${schema}.citizen`, target: "population.citizen", key: ["id"], columns, where: { province: { eq: "79" } } };
  const house = { source: `${schema}.house`, target: "population.house", key: ["id"], columns: ["id"] };
  return { citizen, house, wide: { ...citizen, columns: [...columns, "born"] } };
}

const lives: readonly { readonly kind: MasterKind; readonly schema: string }[] = [
  { kind: "mysql", schema: "national" },
  { kind: "postgres", schema: "public" },
];

describe.each(lives)("with $kind on both sides", ({ kind, schema }) => {
  const { citizen, house, wide } = shareOf(schema);

  test("AC-08: the rights that check asks for suffice for a whole life, and without any one of them check and life fail with a code", async () => {
    await using stage = await PairStage.create({
      master: kind,
      tables: [
        "CREATE TABLE citizen (id int PRIMARY KEY, full_name varchar(60), born date, province varchar(2) NOT NULL, secret text)",
        "CREATE TABLE house (id int PRIMARY KEY, owner int REFERENCES citizen (id))",
        "CREATE TABLE hidden (id int PRIMARY KEY)",
      ],
      shares: { population: [citizen, house] },
      copies: [{ target: "hcm", share: "population", connector: kind }],
      // Who makes a routine gets no right to it by that alone: some administrators want it so.
      targetSettings: kind === "mysql" ? { automatic_sp_privileges: 0 } : {},
    });
    const rights = new Rights(stage, kind);
    await rights.strip();
    // What the copy will have one day is asked for from the beginning: a publication and rights to columns are its owner's matter.
    const most = { shares: { population: [wide, house] } };
    stage.configure(most);
    const needed = await rights.asked();
    expect(needed.length).toBeGreaterThan(3);

    await rights.renew(needed);
    const whole = await live(stage, null);
    expect(whole.map(({ command, code }) => `${command.split(" ")[0]} ${code}`)).toEqual(wholeLife);

    // Nothing beyond: what is not listed cannot be read, and the master not be written.
    const beyond = [
      "SELECT * FROM hidden",
      "INSERT INTO citizen (id, province) VALUES (9, '79')",
      "DELETE FROM house",
      "CREATE TABLE own (id int)",
    ];
    // A right to single columns is one of PostgreSQL's alone, where dongbo asks for it.
    for (const sql of kind === "postgres" ? [...beyond, "SELECT secret FROM citizen"] : beyond) {
      await expect(asSource(stage, kind, sql), sql).rejects.toMatchObject({
        [kind === "mysql" ? "sqlState" : "code"]: expect.stringMatching(/^42/) as string,
      });
    }

    const superfluous: string[] = [];
    const silent: string[] = [];
    const seed = runSeed();
    console.log(`DONGBO_TEST_SEED=${seed}`);
    const random = new Random(`${seed}/rights`);
    const required = needed.filter((right) => !right.startsWith(wantedByMysqlAlone));
    for (const right of required.toSorted(() => random.between(-1, 1)).slice(0, rightsTried)) {
      await rights.renew(needed.filter((other) => other !== right));
      stage.configure(most);
      const asked = await rights.asked(false);
      if (!asked.includes(right)) silent.push(right);
      const steps = await live(stage, whole);
      const last = steps.at(-1);
      if (steps.length === whole.length && last?.code === whole.at(-1)?.code) superfluous.push(right);
      else expect([right, last?.codes]).toEqual([right, expect.stringMatching(/DB-/)]);
    }
    expect(superfluous).toEqual([]);
    expect(silent).toEqual([]);
  }, 900_000);

  interface Step {
    readonly command: string;
    readonly code: number | null;
    /** Error codes that it told. */
    readonly codes: string;
  }

  /** Loads, streams, quarantines, replays, repairs, widens, withdraws, re-syncs, closes what was opened. Ends where it goes otherwise than the life before it. */
  async function live(stage: PairStage, like: readonly Step[] | null): Promise<Step[]> {
    const steps: Step[] = [];
    const goesOn = async (...command: string[]): Promise<boolean> => {
      const { code, stdout, stderr } = await stage.home.run(command);
      const told = `${stdout}${stderr}`.match(/DB-[A-Z]+-\d{3}/g) ?? [];
      steps.push({ command: command.join(" "), code, codes: [...new Set(told)].join(" ") });
      return like === null || like[steps.length - 1]?.code === code;
    };
    const run = () => goesOn("run", "--until-caught-up");
    stage.configure({});
    await stage.onMaster(
      "DELETE FROM house",
      "DELETE FROM citizen",
      "INSERT INTO citizen VALUES (1, 'Một', '2001-01-01', '79', 'x'), (2, 'Hai', '2002-02-02', '79', 'x'), (3, 'Ba', '2003-03-03', '46', 'x')",
      "INSERT INTO house VALUES (1, 1)",
    );
    if (!(await run())) return steps;
    await stage.onMaster(
      "UPDATE citizen SET full_name = 'Một mới' WHERE id = 1",
      "UPDATE citizen SET province = '79' WHERE id = 3",
      "DELETE FROM citizen WHERE id = 2",
    );
    if (!(await run())) return steps;
    await stage.onTarget("hcm", "ALTER TABLE population_copy.citizen ADD CONSTRAINT short CHECK (CHAR_LENGTH(full_name) < 20)");
    await stage.onMaster("UPDATE citizen SET full_name = 'một tên dài hơn là được phép' WHERE id = 1");
    if (!(await run())) return steps;
    await stage.onTarget("hcm", "ALTER TABLE population_copy.citizen DROP CONSTRAINT short");
    // By an engine that runs: what is held is tried again at once.
    const engine = stage.start();
    if (!(await goesOn("replay", "population/hcm"))) return steps;
    await stage.recorded("hcm", "population.citizen", (row) => row["rows_quarantined"] === "0");
    await stage.stop();
    expect(engine.exit?.code).toBe(0);
    await stage.onTarget("hcm", "UPDATE population_copy.citizen SET full_name = 'sai' WHERE id = 1");
    if (!(await goesOn("reconcile", "--repair", "auto", "--fast")) || !(await goesOn("reconcile", "--fast"))) return steps;
    // One column more, and one table is withdrawn.
    stage.configure({ shares: { population: [wide] } });
    if (!(await goesOn("apply")) || !(await run()) || !(await goesOn("resync", "population/hcm")) || !(await run())) return steps;
    expect(await stage.read("hcm", "SELECT full_name, born FROM population.citizen ORDER BY id LIMIT 1")).toEqual([
      { full_name: "một tên dài hơn là được phép", born: "2001-01-01" },
    ]);
    // What stands before the rows was taken away, in dongbo's own name: it is put back.
    await stage.onTarget("hcm", ...opened[kind]);
    await run();
    const [view] = await stage.onTarget("hcm", definition[kind]);
    steps.push({ command: "gate, put back", code: view?.["definition"]?.includes("gate") === true ? 0 : 1, codes: "" });
    return steps;
  }
});

/** The view of a copy without its gate. */
const opened: Readonly<Record<MasterKind, readonly string[]>> = {
  mysql: [
    `CREATE OR REPLACE DEFINER = ${roles.target} SQL SECURITY DEFINER VIEW population.citizen AS SELECT id, full_name, born FROM population_copy.citizen`,
  ],
  postgres: [
    `SET ROLE ${roles.target}`,
    "CREATE OR REPLACE VIEW population.citizen AS SELECT id, full_name, born FROM population_copy.citizen",
  ],
};
const definition: Readonly<Record<MasterKind, string>> = {
  mysql: "SELECT VIEW_DEFINITION AS definition FROM information_schema.VIEWS WHERE TABLE_NAME = 'citizen'",
  postgres: "SELECT pg_get_viewdef('population.citizen'::regclass) AS definition",
};

function asSource(stage: PairStage, kind: MasterKind, sql: string): Promise<unknown> {
  const url = stage.servers.sourceUrl(roles.source);
  return kind === "mysql" ? runMysql(url, sql) : runSql(url, "SET search_path = public", sql);
}

/** What dongbo's accounts may do at both servers, one right at a time. */
class Rights {
  readonly #stage: PairStage;
  readonly #kind: MasterKind;

  constructor(stage: PairStage, kind: MasterKind) {
    this.#stage = stage;
    this.#kind = kind;
  }

  /** Takes every right away, and whatever dongbo has made; its control database too. */
  async strip(): Promise<void> {
    const { servers, home } = this.#stage;
    rmSync(join(home.folder, ".dongbo"), { recursive: true, force: true });
    const control = servers.cluster.target.url();
    await runSql(control, "DROP DATABASE IF EXISTS control WITH (FORCE)", `CREATE DATABASE control OWNER ${roles.control}`);
    if (this.#kind === "mysql") {
      await this.#stage.onTarget(
        "hcm",
        ...remade("USER", roles.target),
        ...["dongbo", "population", "population_copy"].map((name) => `DROP DATABASE IF EXISTS ${name}`),
      );
      await this.#stage.onMasterAsSuperuser(...remade("USER", roles.source));
      return;
    }
    await this.#stage.onTarget("hcm", "ALTER DATABASE hcm OWNER TO postgres", `DROP OWNED BY ${roles.target} CASCADE`);
    await this.#stage.onMasterAsSuperuser(
      `ALTER ROLE ${roles.source} NOREPLICATION`,
      `DROP OWNED BY ${roles.source} CASCADE`,
      "REVOKE ALL ON SCHEMA public FROM PUBLIC",
      "DROP PUBLICATION IF EXISTS dongbo_population",
      "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots",
    );
  }

  /** Rights as if these had been given to accounts that never had any. */
  async renew(rights: readonly string[]): Promise<void> {
    await this.strip();
    for (const right of rights) await this.#give(right);
  }

  /** Rights that `check` asks for, in statements of one right each; `granted`: as it asks once the ones before are given. */
  async asked(granted = true): Promise<string[]> {
    const all: string[] = [];
    for (let round = 0; round < 6; round++) {
      const { findings } = await this.#stage.home.json<{ findings: Finding[] }>(["check"], [0, 1]);
      const errors = findings.filter(({ severity }) => severity === "error");
      const statements = errors.flatMap(({ sql }) => sql.flatMap(single));
      if (errors.length === 0 || !granted) return [...all, ...statements];
      expect(statements, JSON.stringify(errors)).not.toEqual([]);
      for (const statement of statements) await this.#give(statement);
      all.push(...statements);
    }
    throw new Error(`check is never content: ${all.join("; ")}`);
  }

  async #give(right: string): Promise<void> {
    if (right.includes(roles.target)) await this.#stage.onTarget("hcm", right);
    else await this.#stage.onMasterAsSuperuser(right);
  }
}

/** A GRANT of several rights as one of each. */
function single(statement: string): string[] {
  const [, list, rest = "", option = ""] = /^GRANT ([A-Z, ]+)( ON .+? TO \S+?)( WITH GRANT OPTION)?;?$/.exec(statement) ?? [];
  if (list === undefined) return [statement];
  const names = list.split(", ").filter((name) => name !== "USAGE" || (option === "" && rest.includes(" ON SCHEMA ")));
  const rights = names.map((name) => `GRANT ${name}${rest}`);
  return option === "" ? rights : [...rights, `GRANT USAGE${rest}${option}`];
}
