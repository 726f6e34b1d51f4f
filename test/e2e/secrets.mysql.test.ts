// Every way that a copy can fail, with marked values in its rows and marked passwords in its URLs: none of them may be seen anywhere but
// in the copies themselves. What only a row's key may say is said where rows are listed, and nowhere else.
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { roles, runSql } from "../support/cluster.ts";
import { waitUntil } from "../support/wait-until.ts";
import { PairStage } from "./pair-stage.ts";

const [value, key, password] = ["MARKEDVALUE", "PERSONKEY", "MARKEDPASSWORD"];
const citizen = {
  source: "public.citizen",
  target: "population.citizen",
  key: ["id"],
  columns: ["id", "full_name", "email", "note"],
  where: { province: { eq: "79" } },
};
const targets = ["hcm", "hue"] as const;

interface Servers {
  url?: string;
  readonly readers: string[];
}
interface Config {
  control: string;
  listen: string;
  readonly sources: { readonly population: Servers };
  readonly targets: Readonly<Record<(typeof targets)[number], Servers>>;
}

/** The installation with its URLs in files, as secrets are mounted; returns how to write one anew. */
function withSecretFiles(stage: PairStage): (name: string, url: string) => void {
  const config = parse(readFileSync(stage.home.configFile, "utf8")) as Config;
  const { servers, home } = stage;
  const write = (name: string, url: string): void => {
    writeFileSync(join(home.folder, name), url);
    chmodSync(join(home.folder, name), 0o600);
  };
  const entry = (name: string, url: string): string => {
    write(name, withPassword(url));
    return `\${file:${join(home.folder, name)}}`;
  };
  config.control = entry("control", servers.controlUrl());
  config.sources.population.url = entry("source", servers.sourceUrl(roles.source));
  for (const target of targets) config.targets[target].url = entry(target, servers.targetUrl(target, roles.target));
  home.writeConfig(config);
  return write;
}

function withPassword(url: string, word: string = password): string {
  const parsed = new URL(url);
  parsed.password = word;
  return parsed.href;
}

/** Every file below dongbo's data folder. */
function filesText(folder: string): string {
  if (!existsSync(folder)) return "";
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1")).join("\n");
}

/** Everything in the control database but the tables that list rows for whoever has to approve their repair. */
async function controlText(stage: PairStage): Promise<{ records: string; lists: string }> {
  const url = stage.servers.controlUrl();
  const tables = await runSql(
    url,
    "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = 'dongbo_control'",
  );
  const texts = { records: "", lists: "" };
  for (const { name } of tables) {
    const rows = await runSql(url, `SELECT t::text AS t FROM ${name} AS t`);
    texts[/reconcile|repair|order/.test(name ?? "") ? "lists" : "records"] += rows.map((row) => row["t"]).join("\n");
  }
  return texts;
}

test("SE-16: no value of a row and no password is seen outside of the copies, whatever fails", async () => {
  await using stage = await PairStage.create({
    master: "postgres",
    tables: [
      "CREATE TABLE public.citizen (id text PRIMARY KEY, province text NOT NULL, full_name text, email text, note text)",
      `INSERT INTO public.citizen SELECT '${key}' || i, '79', '${value} ' || i, '${value}@' || i, repeat('${value}', 300) FROM generate_series(1, 40) AS i`,
    ],
    shares: { population: [citizen] },
    share: { quarantine_max: 6 },
    copies: [
      { target: "hcm", share: "population", connector: "mysql" },
      { target: "hue", share: "population" },
    ],
  });
  for (const target of targets) {
    const account =
      target === "hcm" ? `ALTER USER ${roles.target} IDENTIFIED BY '${password}'` : `ALTER ROLE ${roles.target} PASSWORD '${password}'`;
    await stage.onTarget(target, account);
  }
  const rewrite = withSecretFiles(stage);
  const seen: string[] = [];
  const lists: string[] = [];
  const run = async (into: string[], ...command: string[]): Promise<number | null> => {
    const { code, stdout, stderr } = await stage.home.run(command, 120_000);
    into.push(`# ${command[0]}: ${code}`, stdout, stderr);
    return code;
  };

  const engine = stage.start("--log-level", "debug");
  for (const target of targets) await stage.shows(target, "SELECT count(*) AS n FROM population.citizen", [["40"]]);
  const [, listening] = await engine.waitForOutput(/"listening":"(http:[^"]+)"/);

  // What servers answer to with the values themselves: Key (email)=(…), Failing row contains (…), Duplicate entry '…'.
  for (const target of targets) {
    await stage.onTarget(
      target,
      "ALTER TABLE population_copy.citizen ADD CONSTRAINT one_email UNIQUE (email)",
      "ALTER TABLE population_copy.citizen ADD CONSTRAINT short CHECK (CHAR_LENGTH(full_name) < 30)",
    );
  }
  await stage.onMaster(
    `UPDATE public.citizen SET email = '${value}@1' WHERE id = '${key}2'`,
    `UPDATE public.citizen SET full_name = repeat('${value}', 4) WHERE id = '${key}3'`,
    `INSERT INTO public.citizen VALUES ('${key}100', '79', '${value}', '${value}@1', 'x')`,
  );
  const held = (target: string, least: number) =>
    stage.recorded(target, "population.citizen", (row) => Number(row["rows_quarantined"]) >= least);
  for (const target of targets) await held(target, 2);
  seen.push(await (await fetch(`${listening}/metrics`)).text(), await (await fetch(`${listening}/healthz`)).text());
  await run(seen, "explain", "population/hcm", `${key}2`);
  await run(seen, "explain", "population/hue", `${key}2`, "--json");
  await run(seen, "trace", "population/hcm", `${key}5`);

  // More than may be held: the tables stop, and say why.
  await stage.onMaster(`UPDATE public.citizen SET full_name = repeat('${value}', 5)`);
  for (const target of targets) await stage.recorded(target, "population.citizen", (row) => row["stopped_code"] !== null);
  for (const command of [["status"], ["status", "--json"], ["check"], ["check", "--json"], ["plan"], ["plan", "--json"]])
    await run(seen, ...command);
  seen.push(await (await fetch(`${listening}/metrics`)).text(), await (await fetch(`${listening}/healthz`)).text());

  // Mended, and damaged behind the engine's back: reports, certificates, plans of repair.
  for (const target of targets) {
    const unique = target === "hcm" ? "INDEX" : "CONSTRAINT";
    const table = "ALTER TABLE population_copy.citizen";
    await stage.onTarget(target, `${table} DROP CONSTRAINT short`, `${table} DROP ${unique} one_email`);
  }
  await stage.onMaster(`UPDATE public.citizen SET full_name = '${value}', email = '${value}' || id WHERE true`);
  await run(seen, "resync", "population/hcm");
  await run(seen, "resync", "population/hue");
  for (const target of targets) {
    await stage.recorded(
      target,
      "population.citizen",
      (row) => row["stopped_code"] === null && row["copy_state"] === "VALID" && row["load"] === null,
    );
    await stage.onTarget(
      target,
      `UPDATE population_copy.citizen SET note = '${value} sai' WHERE id = '${key}7'`,
      `DELETE FROM population_copy.citizen WHERE id = '${key}8'`,
    );
  }
  const certificates = join(stage.home.folder, "certificates");
  expect(await run(lists, "reconcile", "--fast", "--json")).toBe(3);
  expect(await run(lists, "reconcile", "--fast", "--repair", "review", "--certificate", certificates)).toBe(3);
  expect(await run(lists, "reconcile", "--fast", "--repair", "auto")).toBe(3);
  await stage.stop();
  seen.push(engine.stdout, engine.stderr);

  // Who cannot come in, and where the URL itself is wrong.
  const { servers } = stage;
  rewrite("hcm", withPassword(servers.targetUrl("hcm", roles.target), `${password}-wrong`));
  rewrite("hue", servers.targetUrl("hue", "nobody").replace("nobody", `nobody:${password}`));
  rewrite("source", withPassword(servers.sourceUrl(roles.source)).replace(/:\d+\//, ":1/"));
  await run(seen, "check");
  await run(seen, "check", "--json");
  const failing = stage.start("--log-level", "debug");
  await waitUntil(() => failing.exit ?? /DB-(MY|PG)-00\d/.test(failing.stderr + failing.stdout), {
    describe: "refusals to be told",
    deadlineMs: 60_000,
  });
  await stage.kill();
  seen.push(failing.stdout, failing.stderr);
  for (const url of [
    `postgres://u:${password}@h:none/d`,
    `postgres://u:${password}`,
    `http://u:${password}@h/d`,
    `postgres://u@h/d?${password}=1`,
  ]) {
    rewrite("hue", url);
    await run(seen, "check");
    await run(seen, "run", "--until-caught-up");
  }

  const output = seen.join("\n");
  for (const code of ["DB-MY-002", "DB-PG-002", "DB-PG-001", "DB-CFG-020"]) expect(output).toContain(code);
  const marked = (text: string, ...words: string[]) => text.split("\n").filter((line) => words.some((word) => line.includes(word)));
  expect(marked(output, value, key, password)).toEqual([]);
  expect(marked(lists.join("\n"), value, password)).toEqual([]);
  expect(lists.join("\n")).toContain(`${key}7`);
  const control = await controlText(stage);
  expect(marked(control.records, value, key, password)).toEqual([]);
  expect(marked(control.lists, value, password)).toEqual([]);
  expect(marked(filesText(join(stage.home.folder, ".dongbo")), value, key, password)).toEqual([]);
  expect(filesText(certificates)).toContain("population/hue");
  expect(marked(filesText(certificates), value, password)).toEqual([]);
}, 400_000);
