// The checkers where a side is MariaDB: a copy made by hand must pass as what it is, and every seeded fault must be seen.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { roles, runSql } from "../support/cluster.ts";
import { runMysql } from "../support/mysql-session.ts";
import { Families } from "../support/two-families.ts";
import { compareAll, type Entitlement, watchedCopy } from "../workload/population-copies.ts";
import { ledgerTables, type Make, mysqlPopulationDdl, populationDdl, populationTables } from "../workload/population-tables.ts";
import { PopulationWorkload } from "../workload/population-workload.ts";
import { carryRows } from "./carry-rows.ts";
import { withCopy } from "./copy-session.ts";
import { familyOf } from "./normal-forms.ts";
import { type Look, PrefixChecker } from "./prefix-checker.ts";

const identities = { citizen: "full", household: "full", residence: "full" } as const;
const everything: Entitlement = { name: "everything", provinces: null };
const south: Entitlement = { name: "south", provinces: ["79", "80"] };

const pairs = [
  { master: "postgres", make: "portable", copy: "mysql" },
  { master: "mysql", make: "mysql", copy: "postgres" },
  { master: "mysql", make: "mysql", copy: "mysql" },
] as const satisfies { master: string; make: Make; copy: string }[];

describe.each(pairs)("a standing copy, $master to $copy", ({ master, make, copy }) => {
  let families: Families;
  let workload: PopulationWorkload;
  const masterUrl = () => families.sourceUrl(roles.owner);
  /** The copies' own database; there is no engine, so a superuser makes it. */
  const copyUrl = () => (copy === "mysql" ? (families.mysqlTargets.get("copy")?.url() ?? "") : families.cluster.target.url("copy"));
  const run = (...statements: string[]) => (copy === "mysql" ? runMysql(copyUrl(), ...statements) : runSql(copyUrl(), ...statements));

  beforeAll(async () => {
    const names = copy === "mysql" ? { mysqlTargets: ["copy"], postgresTargets: [] } : { mysqlTargets: [], postgresTargets: ["copy"] };
    families = await Families.start({ master, ...names });
    if (make === "mysql") await runMysql(masterUrl(), ...mysqlPopulationDdl());
    else await runSql(masterUrl(), ...populationDdl(identities, make));
    const pace = { writers: 2, changesPerSecond: 5000, bigRows: 500, truncates: false };
    workload = await PopulationWorkload.open({ url: masterUrl(), make, seed: "standing", ...pace });
    await workload.preload(200);
    const stop = new AbortController();
    const running = workload.run(stop.signal);
    while (workload.model.changes < 2500) await Promise.race([running, new Promise(setImmediate)]);
    stop.abort();
    await running;
  });
  afterAll(async () => {
    await workload[Symbol.asyncDispose]();
    await families[Symbol.asyncDispose]();
  });

  /** Makes a right copy, then damages it. */
  async function makeCopy(entitlement: Entitlement, damage: readonly string[]): Promise<void> {
    const inside = entitlement.provinces === null ? undefined : "province_code IN ('79', '80')";
    await run(`DROP SCHEMA IF EXISTS population${copy === "mysql" ? "" : " CASCADE"}`, "CREATE SCHEMA population");
    const target = copy === "mysql" ? copyUrl().replace(/\/$/, "/population") : `${copyUrl()}?options=-csearch_path%3Dpopulation`;
    // MariaDB keeps documents as they were written, and json does so too.
    const ddl = copy === "mysql" ? mysqlPopulationDdl() : populationDdl(identities, "portable").map((sql) => sql.replace("jsonb", "json"));
    await (copy === "mysql" ? runMysql(target, ...ddl) : run("SET search_path = population", ...ddl));
    await run("DELETE FROM population.ledger");
    for (const [name, { tracked }] of Object.entries(populationTables(make))) {
      const where = inside === undefined ? undefined : name === "citizen" ? `${inside} AND status <> 'deceased'` : inside;
      const from = { url: masterUrl(), table: name, ...(where === undefined ? {} : { where }) };
      await carryRows(from, { url: copyUrl(), table: `population.${name}` }, tracked);
    }
    for (const [name, { columns, key }] of Object.entries(ledgerTables)) {
      const forms = Object.fromEntries(columns.map((column) => [column, "integer" as const]));
      const tracked = { name, key, forms, bucket: [], projections: {} };
      await carryRows({ url: masterUrl(), table: name }, { url: copyUrl(), table: `population.${name}` }, tracked);
    }
    for (const sql of damage) await run(sql);
  }

  async function lookAfter(entitlement: Entitlement, ...damage: string[]): Promise<Look> {
    await makeCopy(entitlement, damage);
    const watched = watchedCopy(entitlement, { copy: copyUrl(), master: masterUrl() });
    return withCopy(copyUrl(), (session) => new PrefixChecker(watched, workload.model, 200).look(session));
  }

  test.each([everything, south])("is a prefix, and equal, when nothing is wrong: $name", async (entitlement) => {
    expect(familyOf(copyUrl())).toBe(copy);
    expect(await lookAfter(entitlement)).toEqual({ kind: "prefix", sequence: workload.model.head, refusedTables: [] });
    const result = await compareAll(entitlement, { source: masterUrl(), target: copyUrl() });
    expect(result.lines.filter((line) => !line.endsWith(" equal"))).toEqual([]);
    expect(result.equal).toBe(true);
  });

  test.each([
    [
      "a row too few",
      "DELETE FROM population.household WHERE id = (SELECT id FROM (SELECT min(id) AS id FROM population.household) AS first)",
      /household is not .* missing 1/,
    ],
    ["a row too many", "INSERT INTO population.household (id) VALUES (7)", /household is not .* extra 1: \["7"\]/],
    [
      "a member more",
      "UPDATE population.household SET address = concat(address, ' ') WHERE id = (SELECT id FROM (SELECT min(id) AS id FROM population.household) AS first)",
      /household is not .* different 1: .*address is/,
    ],
    [
      "the empty text for NULL",
      "UPDATE population.citizen SET note = '' WHERE personal_id = (SELECT personal_id FROM (SELECT min(personal_id) AS personal_id FROM population.citizen WHERE note IS NULL) AS first)",
      /citizen is not .* different 1/,
    ],
    [
      "an amount's last digit",
      "UPDATE population.citizen SET income = income + 0.0001 WHERE personal_id = (SELECT personal_id FROM (SELECT min(personal_id) AS personal_id FROM population.citizen WHERE income IS NOT NULL) AS first)",
      /citizen is not .* different 1: .*income is/,
    ],
    ["rows without their transaction's number", "UPDATE population.ledger SET seq = seq - 1", /half applied/],
    ["a transaction left out", "DELETE FROM population.journal WHERE seq = 2", /missing or half applied/],
    ["an emptied copy", "DELETE FROM population.ledger", /no single newest/],
  ])("is not one with %s", async (_, damage, reason) => {
    expect(await lookAfter(south, damage)).toMatchObject({ kind: "violation", reason: expect.stringMatching(reason) as string });
  });

  test.each([
    [
      "one microsecond",
      copy === "mysql" ? "updated_at = updated_at + INTERVAL 1 MICROSECOND" : "updated_at = updated_at + interval '1 microsecond'",
      "updated_at",
    ],
    ["composed and decomposed Vietnamese", "full_name = 'Nguyễn'", "full_name"],
    [
      "a document's blank",
      copy === "mysql" ? "attributes = replace(attributes, ', ', ',')" : "attributes = replace(attributes::text, ', ', ',')::json",
      "attributes",
    ],
    ["a byte", copy === "mysql" ? "photo = concat(photo, x'00')" : "photo = photo || '\\x00'", "photo"],
  ])("is not equal after a change of %s", async (_, assignment, column) => {
    const row = `personal_id = (SELECT personal_id FROM (SELECT min(personal_id) AS personal_id FROM population.citizen
      WHERE attributes IS NOT NULL AND photo IS NOT NULL) AS first)`;
    await makeCopy(everything, [`UPDATE population.citizen SET ${assignment} WHERE ${row}`]);
    const { lines } = await compareAll(everything, { source: masterUrl(), target: copyUrl() });
    expect(lines[0]).toMatch(new RegExp(`NOT EQUAL; different 1: .*${column}`));
    expect(lines.slice(1).every((line) => line.endsWith(" equal"))).toBe(true);
  });

  test("counts a refusal of the gate as refused, of one table too, and a copy not made yet as absent", async () => {
    const gate =
      copy === "mysql"
        ? "CREATE FUNCTION population.gate() RETURNS int NOT DETERMINISTIC NO SQL BEGIN SIGNAL SQLSTATE 'DB001' SET MESSAGE_TEXT = 'not usable'; RETURN 1; END"
        : "CREATE FUNCTION population.gate() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE SQLSTATE 'DB001' USING MESSAGE = 'not usable'; END $$";
    const closed = (name: string) => [
      copy === "mysql"
        ? `RENAME TABLE population.${name} TO population.${name}_rows`
        : `ALTER TABLE population.${name} RENAME TO ${name}_rows`,
      `CREATE VIEW population.${name} AS SELECT * FROM population.${name}_rows WHERE (SELECT population.gate())`,
    ];
    expect(await lookAfter(south, gate, ...closed("household"))).toMatchObject({ kind: "prefix", refusedTables: ["population.household"] });
    expect(await lookAfter(south, gate, ...closed("journal"))).toEqual({ kind: "refused" });
    expect(await lookAfter(south, `DROP SCHEMA population${copy === "mysql" ? "" : " CASCADE"}`)).toEqual({ kind: "absent" });
  });
});
