// `dongbo run` as a process: what it serves, how it ends, what it leaves behind.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Cluster, roles, startCluster } from "../support/cluster.ts";
import { DongboHome } from "../support/dongbo-home.ts";
import type { DongboProcess } from "../support/dongbo-process.ts";
import { populationConfig, populationEnvironment } from "../support/population-config.ts";
import { waitUntil } from "../support/wait-until.ts";

let cluster: Cluster;
let home: DongboHome;

const canary = "canary-7f";

beforeAll(async () => {
  cluster = await startCluster({ targets: ["hcm"] });
  await cluster.onMaster("CREATE TABLE citizen (personal_id text PRIMARY KEY, full_name text NOT NULL)");
  await cluster.onMaster(`INSERT INTO citizen SELECT n, '${canary} ' || n FROM generate_series(1, 500) AS n`);
  await cluster.publish("population", ["public.citizen"]);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});
beforeEach(async () => {
  home = await newHome();
});
afterEach(async () => {
  await home[Symbol.asyncDispose]();
});

/** An installation with a control database of its own. */
function newHome(): Promise<DongboHome> {
  const table = { source: "public.citizen", target: "population.citizen", key: ["personal_id"], columns: ["personal_id", "full_name"] };
  const config = populationConfig({ shares: { population: [table] }, copies: [{ target: "hcm", share: "population" }] });
  const environment = {
    ...populationEnvironment(cluster, ["hcm"]),
    POPULATION_URL: cluster.sourceUrl(roles.source).replace("@", `:${canary}@`),
  };
  return DongboHome.create({ ...config, control: "embedded", listen: "127.0.0.1:0" }, environment);
}

async function listening(run: DongboProcess): Promise<string> {
  const [, url] = await run.waitForOutput(/"listening":"(http:\/\/127\.0\.0\.1:[1-9]\d*)"/, 60_000);
  return url ?? "";
}

async function health(url: string): Promise<{ status: number; body: { healthy: boolean; reasons: { subject: string; code: string }[] } }> {
  const response = await fetch(`${url}/healthz`);
  return { status: response.status, body: (await response.json()) as { healthy: boolean; reasons: { subject: string; code: string }[] } };
}

describe("a running engine", () => {
  test("serves metrics and health, tells a dead target from a living one, and ends within 10 s of SIGTERM", async () => {
    const run = home.start(["run"]);
    const url = await listening(run);
    const metrics = async (): Promise<string> => (await fetch(`${url}/metrics`)).text();
    await run.waitFor(
      async () => (await metrics()).includes('dongbo_copy_usable_bool{subscription="population/hcm"} 1'),
      "the copy to be usable",
      60_000,
    );
    expect(await metrics()).toContain('dongbo_subscription_state_bool{subscription="population/hcm",state="streaming"} 1');
    expect(await metrics()).toMatch(/^dongbo_copy_remaining_validity_seconds\{subscription="population\/hcm"\} 86\d\d\d/m);
    expect(await health(url)).toEqual({ status: 200, body: { healthy: true, reasons: [] } });

    await cluster.target.stop("immediate");
    const sick = await run.waitFor(
      async () => {
        const answer = await health(url);
        return answer.status === 503 ? answer : null;
      },
      "health to notice the dead target",
      60_000,
    );
    expect(sick.body.reasons).toMatchObject([{ subject: "population/hcm", code: expect.stringMatching(/^DB-PG-/) as string }]);
    await cluster.target.restart();
    await run.waitFor(async () => (await health(url)).status === 200, "health to come back", 60_000);

    expect(await run.terminate()).toEqual({ code: 0, signal: null });
    expect(existsSync(join(home.folder, ".dongbo", "control", "postmaster.pid"))).toBe(false);
    for (const line of run.stderr.trim().split("\n")) expect(() => JSON.parse(line) as unknown, line).not.toThrow();
    expect(run.stdout + run.stderr).not.toContain(canary);
  });

  test("after a kill the next run starts at once and adopts what was left", async () => {
    const killed = home.start(["run"]);
    await listening(killed);
    await killed.kill9();
    expect(existsSync(join(home.folder, ".dongbo", "control", "postmaster.pid"))).toBe(true);
    const next = await home.run(["run", "--until-caught-up"]);
    expect({ code: next.code, stderr: next.code === 0 ? "" : next.stderr }).toEqual({ code: 0, stderr: "" });
    expect(existsSync(join(home.folder, ".dongbo", "control", "postmaster.pid"))).toBe(false);
  });

  test("rows that the source refuses to give for a load are told of, and waiting for them ends", async () => {
    expect((await home.run(["run", "--until-caught-up"])).code).toBe(0);
    expect((await home.run(["resync", "population/hcm"])).code).toBe(0);
    await cluster.onMaster(`REVOKE SELECT ON citizen FROM ${roles.source}`);
    const refused = await home.run(["run", "--until-caught-up"]);
    await cluster.onMaster(`GRANT SELECT ON citizen TO ${roles.source}`);
    expect({ code: refused.code, told: /^DB-PG-003: public\.citizen: /m.test(refused.stderr) }).toEqual({ code: 1, told: true });
    const { subscriptions } = await home.json<{ subscriptions: { problem: { code: string } | null }[] }>(["status"], [5]);
    expect(subscriptions).toMatchObject([{ problem: { code: "DB-PG-003" } }]);
    expect((await home.run(["run", "--until-caught-up"])).code).toBe(0);
    await home.json(["status"], [0]);
  });

  test("another engine, with a control database of its own, leaves the first one its copies and says what it waits for", async () => {
    const first = home.start(["run"]);
    await listening(first);
    const rows = async (): Promise<number> => {
      const { subscriptions } = await home.json<{ subscriptions: { tables: { rows: number }[] }[] }>(["status"]);
      return subscriptions[0]?.tables[0]?.rows ?? 0;
    };
    await first.waitFor(async () => (await rows()) >= 500, "the copy to be loaded", 60_000);
    await using other = await newHome();
    const second = other.start(["run"]);
    await second.waitForOutput(/"code":"DB-SLOT-003"/, 60_000);
    interface Seen {
      sources: { problem: { code: string } | null }[];
    }
    await second.waitFor(
      async () => (await other.json<Seen>(["status"], [0, 5])).sources[0]?.problem?.code === "DB-SLOT-003",
      "status to say what the engine waits for",
      60_000,
    );
    const before = await rows();
    await cluster.onMaster(`INSERT INTO citizen VALUES ('two-${process.pid}', 'x')`);
    await first.waitFor(async () => (await rows()) > before, "the first engine to go on", 30_000);
    expect(await second.terminate()).toEqual({ code: 0, signal: null });
    expect(await first.terminate()).toEqual({ code: 0, signal: null });
  });

  test("suspension by command stops supply, not the countdown; resume brings what was missed", async () => {
    const run = home.start(["run"]);
    await listening(run);
    interface Status {
      subscriptions: { usable: boolean; share_state: string; valid_until: string; position: string; tables: { rows: number }[] }[];
    }
    const status = async (): Promise<Status["subscriptions"][number] | undefined> => (await home.json<Status>(["status"])).subscriptions[0];
    await run.waitFor(async () => (await status())?.usable, "the copy to be usable", 60_000);
    expect((await home.run(["suspend", "population/hcm", "--reason", "maintenance"])).stdout).toContain("the running engine (process ");
    const still = await waitUntil(
      async () => {
        const one = await status();
        const two = await status();
        return one?.share_state === "SUSPENDED" && one.valid_until === two?.valid_until ? two : null;
      },
      { describe: "the clock to stand still", deadlineMs: 30_000 },
    );
    await cluster.onMaster(`INSERT INTO citizen VALUES ('suspended-${process.pid}', 'x')`);
    expect((await status())?.valid_until).toBe(still.valid_until);
    expect(still.usable).toBe(true);
    expect((await home.run(["resume", "population/hcm"])).code).toBe(0);
    await run.waitFor(async () => ((await status())?.tables[0]?.rows ?? 0) > 500, "the missed row", 30_000);
    expect(await run.terminate()).toEqual({ code: 0, signal: null });
  });
});
