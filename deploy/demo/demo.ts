// `npm run demo`: the main job on real servers of its own, in a minute and a half, and what it proved.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { contentOf } from "./content-digest.ts";
import { demoConfiguration, shortValiditySeconds } from "./demo-configuration.ts";
import { citizenCount, DemoDatabases, type Province, provinces } from "./demo-databases.ts";
import { DemoEngine } from "./demo-engine.ts";
import { Narrator } from "./narrator.ts";

const copiedColumns = "personal_id, full_name, birth_date, gender_code, province_code, address";
const [hanoi, hue, hcm] = provinces as readonly [Province, Province, Province];

async function demo(keep: boolean): Promise<boolean> {
  const say = new Narrator();
  const interrupted = interruption();
  say.title("dongbo: provincial copies that equal the national master, or are refused");
  await using databases = await DemoDatabases.start();
  writeFileSync(join(databases.folder, "dongbo.yaml"), demoConfiguration(databases));
  await using engine = new DemoEngine(databases.folder, databases.environment);
  say.done(`a national register with ${citizenCount.toLocaleString("en")} synthetic citizens and three provincial databases are up`);
  for (const province of provinces) say.fact(province.name, databases.connector(province) === "mysql" ? "MariaDB" : "PostgreSQL");
  if (databases.withoutMariaDb !== null) say.fact("no province on MariaDB", databases.withoutMariaDb);

  const told = tell(databases, engine, say);
  try {
    await Promise.race([told, interrupted]);
  } catch (error) {
    // Whatever was under way ends with the servers.
    told.catch(() => {});
    if (error !== wasInterrupted) say.step("tail dongbo.log", engine.lastLines());
    throw error;
  }
  if (keep) {
    say.keep(databases.reader(hue), databases.owner, engine.address());
    await interrupted.catch(() => {});
  }
  return say.summary();
}

const wasInterrupted = new Error("interrupted: the servers were stopped and their files removed");

/** Rejects at Ctrl+C, so that the servers of the demo do not outlive it. */
function interruption(): Promise<never> {
  const interrupted = new Promise<never>((_, reject) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => reject(wasInterrupted));
  });
  interrupted.catch(() => {});
  return interrupted;
}

async function tell(databases: DemoDatabases, engine: DemoEngine, say: Narrator): Promise<void> {
  const check = engine.command("check");
  say.step("dongbo check", check.output);
  say.prove("preflight finds nothing missing", check.ok);

  engine.start();
  await loadUnderWrites(databases, say);
  await moveBetweenProvinces(databases, say);
  await expireAndRevive(databases, engine, say);
  await breakAndRepair(databases, engine, say);
  await compare(databases, say);
  const status = engine.command("status");
  say.step("dongbo status", status.output);
}

/** The first load runs while the register goes on being written. */
async function loadUnderWrites(databases: DemoDatabases, say: Narrator): Promise<void> {
  const load = { done: false };
  let transactions = 0;
  const writes = databases.onMaster(async (session) => {
    for (; !load.done || transactions < 200; transactions++) {
      const id = String(79_000_000_000 + 1 + ((transactions * 131) % citizenCount)).padStart(12, "0");
      await session.rows("UPDATE citizen SET address = ?, updated_at = now() WHERE personal_id = ?", `Số ${transactions}, đường Mới`, id);
    }
  });
  // An interruption ends the loads below first: nobody waits for the writes then.
  writes.catch(() => {});
  for (const province of provinces) {
    await say.until(`the first load of ${province.name}`, () =>
      databases.asReader(province, async (session) => {
        const [row] = await session.rows("SELECT count(*) AS n FROM population.citizen");
        return Number(row?.["n"]) === citizenCount / 5;
      }),
    );
  }
  load.done = true;
  await writes;
  for (const province of provinces) say.fact(province.name, `${citizenCount / 5} citizens, loaded while the register was being written`);
  say.prove(`three copies loaded under ${transactions} live transactions`, transactions > 0);
}

/** A citizen moves house: out of one copy, into the other, at the same source transaction. */
async function moveBetweenProvinces(databases: DemoDatabases, say: Narrator): Promise<void> {
  const found = await databases.asReader(hanoi, (session) => session.rows("SELECT min(personal_id) AS id FROM population.citizen"));
  const id = found[0]?.["id"] ?? "";
  const has = (province: Province): Promise<boolean> =>
    databases.asReader(
      province,
      async (session) => (await session.rows("SELECT 1 AS one FROM population.citizen WHERE personal_id = ?", id)).length === 1,
    );
  const before = [await has(hanoi), await has(hcm)];
  await databases.onMaster((session) => session.rows("UPDATE citizen SET province_code = ? WHERE personal_id = ?", hcm.code, id));
  await say.until("the move to arrive", async () => !(await has(hanoi)) && (await has(hcm)));
  say.fact("before the move", `${hanoi.name}: ${yes(before[0])}, ${hcm.name}: ${yes(before[1])}`);
  say.fact("after the move", `${hanoi.name}: no, ${hcm.name}: yes`);
  say.prove("a citizen who moves leaves one copy and enters the other", before[0] === true && before[1] === false);
}

/** The engine dies; the copy's own database refuses once its time is up, and answers again after the next sync. */
async function expireAndRevive(databases: DemoDatabases, engine: DemoEngine, say: Narrator): Promise<void> {
  const ask = (): Promise<string> =>
    databases.asReader(hue, async (session) => {
      try {
        const [row] = await session.rows("SELECT count(*) AS n FROM code_list.province");
        return `answers: ${row?.["n"]} rows`;
      } catch (error) {
        const { code, message, hint } = error as { code?: string; message: string; hint?: string };
        return code === "DB001" ? `${message}\n${hint ?? ""}` : `failed: ${message}`;
      }
    });
  await say.until("the code list to be valid", async () => (await ask()).startsWith("answers"));
  await engine.kill();
  let refusal = "";
  await say.until(`the ${shortValiditySeconds} s of validity to pass with the engine dead`, async () => {
    refusal = await ask();
    return refusal.startsWith("DB001");
  });
  say.step("SELECT count(*) FROM code_list.province", refusal);
  say.prove("an expired copy is refused by its own database, although the engine is dead", refusal.startsWith("DB001"));
  engine.start();
  await say.until("the copy to be valid again", async () => (await ask()).startsWith("answers"));
  say.prove("it is usable again once the source has confirmed its position", true);
}

/** Somebody writes into a copy behind dongbo's back: comparing finds the row, and only that one, while the register goes on being written. */
async function breakAndRepair(databases: DemoDatabases, engine: DemoEngine, say: Narrator): Promise<void> {
  const address = "Số 0, đường Sai";
  await databases.tamper(
    hanoi,
    `UPDATE population_copy.citizen SET address = '${address}' WHERE personal_id = (SELECT min(personal_id) FROM population_copy.citizen)`,
  );
  const subscription = `population/${hanoi.id}`;
  const found = engine.command("reconcile", "--subscription", subscription);
  say.step(`dongbo reconcile --subscription ${subscription}`, found.output);
  say.prove("a row changed behind dongbo's back is found", found.code === 3 && / 1 /.test(found.output));
  const repaired = engine.command("reconcile", "--subscription", subscription, "--repair", "auto");
  say.step(`dongbo reconcile --subscription ${subscription} --repair auto`, repaired.output);
  const clean = engine.command("reconcile", "--subscription", subscription);
  say.prove("repaired through the stream's own way, and equal when compared again", repaired.code === 3 && clean.code === 0);
}

/** Every copy, read as its readers read it, against what its share gives of the master. */
async function compare(databases: DemoDatabases, say: Narrator): Promise<void> {
  for (const province of provinces) {
    await compareCopy(databases, say, {
      what: `${province.name}: citizens`,
      province,
      master: `SELECT ${copiedColumns} FROM public.citizen WHERE province_code = '${province.code}'`,
      copy: `SELECT ${copiedColumns} FROM population.citizen`,
    });
  }
  await compareCopy(databases, say, {
    what: `${hue.name}: code list`,
    province: hue,
    master: "SELECT code, name FROM public.province",
    copy: "SELECT code, name FROM code_list.province",
  });
}

interface Comparison {
  readonly what: string;
  readonly province: Province;
  readonly master: string;
  readonly copy: string;
}

async function compareCopy(databases: DemoDatabases, say: Narrator, { what, province, ...queries }: Comparison): Promise<void> {
  const master = await databases.onMaster((session) => contentOf(session, queries.master));
  let copy = { rows: -1, digest: "" };
  await say.until(`${province.name} to have caught up`, async () => {
    copy = await databases.asReader(province, (session) => contentOf(session, queries.copy));
    return copy.digest === master.digest;
  });
  say.fact(what, `${copy.rows} rows, digest ${copy.digest}; the master: ${master.rows} rows, digest ${master.digest}`);
  say.prove(`${what}: the copy equals the filtered master`, copy.digest === master.digest && copy.rows === master.rows);
}

function yes(is: boolean | undefined): string {
  return is === true ? "yes" : "no";
}

try {
  process.exitCode = (await demo(process.argv.includes("--keep"))) ? 0 : 1;
} catch (error) {
  if (error !== wasInterrupted) throw error;
  console.error(`\n${wasInterrupted.message}`);
  process.exitCode = 1;
}
