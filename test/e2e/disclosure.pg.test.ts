// Nothing outside filter and columns reaches target, spool, log, metrics or error texts (invariant 7). Each secret is a
// word of its own that is looked for everywhere.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Cluster, roles, startCluster } from "../support/cluster.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { waitUntil } from "../support/wait-until.ts";
import { type Side, Stage } from "./stage.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ targets: [] });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

/** In a column that is not shared. */
const columnSecret = "CANARYCOLUMN";
/** In rows that never pass the filter. */
const rowSecret = "CANARYROW";
/** In rows that pass the filter for a while. */
const visitor = "VISITORROW";
/** Shared data of the subscription, which must not be in logs and metrics all the same. */
const shared = "SHAREDVALUE";
const long = (word: string): string => `'${word}' || (SELECT string_agg(md5(i::text || '${word}'), '') FROM generate_series(1, 200) AS i)`;

const columns = ["id", "full_name", "note"];
const citizen = { source: "public.citizen", target: "population.citizen", key: ["id"], columns, where: { province: { eq: "79" } } };
const side: Side = { source: "public.citizen", target: "population.citizen", key: ["id"], columns, where: "province = '79'" };

/** Everything that a target database holds, as one text: each relation of each schema, bytes and catalogue texts alike. */
async function dump(stage: Stage, target: string): Promise<string> {
  const tables = await stage.onTarget(
    target,
    `SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'm', 'p', 'S') AND n.nspname NOT IN ('pg_toast', 'information_schema', 'pg_catalog')`,
  );
  const texts: string[] = [];
  for (const { name } of tables)
    texts.push(...(await stage.onTarget(target, `SELECT t::text AS t FROM ${name} AS t`)).map((row) => String(row["t"])));
  const statistics = await stage.onTarget(target, "SELECT stavalues1::text AS v FROM pg_statistic WHERE stavalues1 IS NOT NULL");
  texts.push(...statistics.map((row) => String(row["v"])));
  return texts.join("\n");
}

/** Every file below the data folder. */
function filesText(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"))
    .join("\n");
}

describe.each([
  ["default", "ALTER TABLE public.citizen REPLICA IDENTITY DEFAULT"],
  ["full", "ALTER TABLE public.citizen REPLICA IDENTITY FULL"],
  ["index", "ALTER TABLE public.citizen REPLICA IDENTITY USING INDEX citizen_id_province"],
] as const)("replica identity %s", (identity, setIdentity) => {
  test("CP-02, CP-03: columns and rows that are not shared are nowhere, also while rows move in and out under a target that is down", async () => {
    await using proxy = await TcpProxy.start({ host: "127.0.0.1", port: cluster.target.port });
    const name = `hide${identity}`;
    await using stage = await Stage.create(cluster, {
      name,
      master: [
        "CREATE TABLE public.citizen (id int PRIMARY KEY, province text NOT NULL, full_name text, note text, secret text)",
        "CREATE UNIQUE INDEX citizen_id_province ON public.citizen (id, province)",
        setIdentity,
        `INSERT INTO public.citizen SELECT i, '79', '${shared}', '${shared}', '${columnSecret}' FROM generate_series(1, 20) AS i`,
        `INSERT INTO public.citizen SELECT i, '46', '${rowSecret}', ${long(rowSecret)}, ${long(columnSecret)} FROM generate_series(21, 60) AS i`,
      ],
      shares: { population: [citizen] },
      copies: [{ target: "hcm", share: "population" }],
      urls: { hcm: cluster.target.url(`${name}_hcm`, roles.target, null).replace(`:${cluster.target.port}/`, `:${proxy.port}/`) },
    });
    const engine = stage.start("--log-level", "debug");
    await stage.shows("hcm", "SELECT count(*) FROM population.citizen", [["20"]]);
    const [, listening] = await engine.waitForOutput(/"listening":"(http:[^"]+)"/);
    const metrics = async (): Promise<string> => (await fetch(`${listening}/metrics`)).text();
    const spool = async (): Promise<string> => filesText(join(stage.home.folder, ".dongbo"));

    // Rows outside that come, go and change; rows that visit; rows whose hidden column changes.
    await stage.onMaster(
      `INSERT INTO public.citizen VALUES (100, '46', '${rowSecret}', ${long(rowSecret)}, '${columnSecret}')`,
      `UPDATE public.citizen SET note = '${rowSecret}2' WHERE id = 21`,
      `UPDATE public.citizen SET secret = '${columnSecret}2' WHERE id = 1`,
      `INSERT INTO public.citizen VALUES (101, '79', '${visitor}', ${long(visitor)}, '${columnSecret}')`,
      "UPDATE public.citizen SET province = '46' WHERE id = 101",
      `UPDATE public.citizen SET full_name = '${rowSecret}', note = '${rowSecret}' WHERE id = 101`,
      "DELETE FROM public.citizen WHERE id = 22",
      "UPDATE public.citizen SET full_name = 'đến đây' WHERE id = 2",
    );
    await stage.shows("hcm", "SELECT full_name FROM population.citizen WHERE id = 2", [["đến đây"]]);
    const held = await dump(stage, "hcm");
    expect(held).toContain(shared);
    expect(held).not.toMatch(/CANARY|VISITOR/);

    // The target goes away: what waits for it lies in memory and, since it is much, on disk.
    await proxy.refuse();
    proxy.cutAll();
    await stage.onMaster(
      `INSERT INTO public.citizen SELECT i, '79', '${shared}', ${long(shared)} || i, ${long(columnSecret)} FROM generate_series(1000, 4000) AS i`,
      `INSERT INTO public.citizen SELECT i, '46', '${rowSecret}', ${long(rowSecret)}, ${long(columnSecret)} FROM generate_series(10000, 12000) AS i`,
      // A row that moves in with long values that did not change must be fetched whole; one that moves out must vanish.
      "UPDATE public.citizen SET province = '79', full_name = 'moved in', note = 'short' WHERE id BETWEEN 30 AND 35",
      "UPDATE public.citizen SET province = '46' WHERE id BETWEEN 1000 AND 1100",
    );
    await waitUntil(async () => (await spool()).includes(shared), {
      describe: "the backlog to be spilled to disk",
      detail: () => engine.describe(),
      deadlineMs: 60_000,
    });
    expect(await spool()).not.toMatch(/CANARY/);
    expect(await metrics()).not.toMatch(/CANARY|VISITOR|SHAREDVALUE/);
    await proxy.accept();
    await stage.shows("hcm", "SELECT count(*) FROM population.citizen", [[String(20 + 3001 - 101 + 6)]], 60_000);

    // Errors whose server texts hold values: a poison row, and a value of another type.
    await stage.onTarget("hcm", "ALTER TABLE population_copy.citizen ADD CONSTRAINT short CHECK (length(full_name) < 30)");
    await stage.onMaster(`UPDATE public.citizen SET full_name = '${shared}' || repeat('x', 40), secret = '${columnSecret}3' WHERE id = 5`);
    await stage.recorded("hcm", "population.citizen", (row) => row["rows_quarantined"] === "1");
    expect(await metrics()).not.toMatch(/CANARY|VISITOR|SHAREDVALUE/);
    const explained = await stage.home.run(["explain", "population/hcm", "5"]);
    expect(explained.stdout).not.toMatch(/CANARY|SHAREDVALUE/);
    await stage.onMaster(`UPDATE public.citizen SET full_name = '${shared}' WHERE id = 5`);
    await stage.recorded("hcm", "population.citizen", (row) => row["rows_quarantined"] === "0");

    await stage.stop();
    expect(await stage.differences("hcm", side)).toEqual([]);
    expect(await dump(stage, "hcm")).not.toMatch(/CANARY|VISITOR/);
    expect(await spool()).not.toMatch(/CANARY|VISITOR|SHAREDVALUE/);
    expect(engine.stdout + engine.stderr).not.toMatch(/CANARY|VISITOR|SHAREDVALUE/);
  });
});
