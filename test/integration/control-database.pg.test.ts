// The embedded control database as commands use it: found, started, shared, stopped, and never in anybody's way.
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { openControl } from "../../deploy/processes/control-database.ts";
import type { Configuration } from "../../engine/config/configuration.ts";
import { loadConfiguration } from "../../engine/config/load-config.ts";
import { runSql } from "../support/cluster.ts";
import { type CommandOutcome, runCommand } from "../support/run-command.ts";
import { killServersBelow, testFolder } from "../support/test-run.ts";
import { waitUntil } from "../support/wait-until.ts";

let folder: string;
let config: string;

beforeEach(() => {
  folder = testFolder("embedded-control");
  config = join(folder, "dongbo.yaml");
  configure(".dongbo");
});

function configure(dataDir: string): void {
  writeFileSync(
    config,
    JSON.stringify({
      version: 1,
      data_dir: dataDir,
      sources: { population: { connector: "postgres", url: "postgres://x@127.0.0.1:1/x", provider: { id: "G01", name: "Bộ Công an" } } },
      targets: { hcm: { connector: "postgres", url: "postgres://x@127.0.0.1:1/y", consumer: { id: "79", name: "Thành phố Hồ Chí Minh" } } },
      shares: [
        {
          id: "population",
          source: "population",
          regulation: { id: "QC-01/2025", validity_period: "PT24H", on_expiry: "refuse", log_retention: "P1Y" },
          agreement: { id: "TT-07/2026", from: "2026-01-01", to: "2027-01-01", purpose: "x", storage_basis: "42.1" },
          model: "intermediary",
          platform: "Nền tảng",
          tables: [{ source: "public.citizen", target: "population.citizen", key: ["id"], columns: ["id"] }],
          subscriptions: [{ target: "hcm" }],
        },
      ],
    }),
  );
}

function configuration(): Configuration {
  const loaded = loadConfiguration(config, {});
  if (loaded.configuration === null) throw new Error(JSON.stringify(loaded.findings));
  return loaded.configuration;
}

const dongbo = (...parameters: string[]): Promise<CommandOutcome> => runCommand([...parameters, "--config", config]);
const isRunning = (): boolean => existsSync(join(folder, ".dongbo", "control", "postmaster.pid"));

describe("embedded control database", () => {
  test("a command makes it, uses it and leaves nothing running", async () => {
    const { code, stdout, stderr } = await dongbo("suspend", "population/hcm", "--reason", "maintenance");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("population/hcm: suspended for maintenance");
    expect(isRunning()).toBe(false);
    expect(statSync(join(folder, ".dongbo", "control.password")).mode & 0o777).toBe(0o600);
    const { stdout: status } = await dongbo("status");
    expect(status).toContain("suspended for maintenance since");
    expect(isRunning()).toBe(false);
  });

  test("a command that only looks makes none", async () => {
    await dongbo("status");
    await dongbo("plan");
    expect(existsSync(join(folder, ".dongbo"))).toBe(false);
  });

  test("commands that come at the same time, the first ones ever, share it and all succeed", async () => {
    const outcomes = await Promise.all([
      ...Array.from({ length: 4 }, () => dongbo("suspend", "population", "--reason", "breach")),
      ...Array.from({ length: 4 }, () => dongbo("resync", "population/hcm")),
    ]);
    expect(outcomes.map(({ code, stderr }) => `${code} ${stderr}`)).toEqual(Array.from({ length: 8 }, () => "0 "));
    expect(isRunning()).toBe(false);
  });

  test("nobody else on the machine gets in: it listens on loopback, and asks for a password that only its owner can read", async () => {
    const control = await openControl(configuration());
    onTestFinished(() => control[Symbol.asyncDispose]());
    const home = join(folder, ".dongbo", "control");
    const port = readFileSync(join(home, "postmaster.pid"), "utf8").split("\n")[3];
    for (const credentials of ["postgres", "postgres:", "postgres:postgres"]) {
      await expect(runSql(`postgres://${credentials}@127.0.0.1:${port}/postgres`, "SELECT 1")).rejects.toThrow(/password/);
    }
    const password = readFileSync(`${home}.password`, "utf8");
    const url = `postgres://postgres:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`;
    expect(await runSql(url, "SELECT current_setting('listen_addresses') AS a, current_setting('unix_socket_directories') AS b")).toEqual([
      { a: "127.0.0.1", b: "" },
    ]);
    for (const path of [home, `${home}.password`]) expect(statSync(path).mode & 0o077).toBe(0);
  });

  test("a server left behind by a killed process is adopted, and stopped by the last one that leaves", async () => {
    const first = await openControl(configuration());
    onTestFinished(() => {
      killServersBelow(folder);
    });
    // As if the process had been killed: its server runs on, its entry names a process that is gone.
    const gone = spawn(process.execPath, ["-e", ""]);
    await new Promise((resolve) => gone.once("exit", resolve));
    const users = join(folder, ".dongbo", "control.users");
    rmSync(users, { recursive: true });
    mkdirSync(users);
    writeFileSync(join(users, `${gone.pid}.1`), String(gone.pid));
    await first.store.close();
    const pid = readFileSync(join(folder, ".dongbo", "control", "postmaster.pid"), "utf8").split("\n")[0];
    const second = await openControl(configuration());
    expect(readFileSync(join(folder, ".dongbo", "control", "postmaster.pid"), "utf8").split("\n")[0]).toBe(pid);
    await second[Symbol.asyncDispose]();
    expect(isRunning()).toBe(false);
  });

  test("while one process uses it, another one that leaves does not stop it", async () => {
    await using long = await openControl(configuration());
    expect((await dongbo("resync", "population/hcm")).code).toBe(0);
    expect(isRunning()).toBe(true);
    expect(await long.store.pendingOrders()).toHaveLength(1);
  });

  test("what one process writes wakes another one that watches", async () => {
    await using control = await openControl(configuration());
    const controller = new AbortController();
    const seen: number[] = [];
    const watching = control.store.watch(() => {
      void control.store.pendingOrders().then((orders) => seen.push(orders.length));
    }, controller.signal);
    await dongbo("resync", "population/hcm");
    await waitUntil(() => seen.includes(1), { describe: "the order to be seen", deadlineMs: 5_000 });
    controller.abort();
    await watching;
  });
});

describe("embedded control database: what can be wrong", () => {
  test("a missing password file is DB-CTL-005 and names the file", async () => {
    await dongbo("resync", "population/hcm");
    rmSync(join(folder, ".dongbo", "control.password"));
    const { code, stderr } = await dongbo("resync", "population/hcm");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^DB-CTL-005: .*control\.password: the password file of the embedded control database is missing\. /);
  });

  test("files that are no database are DB-CTL-006, without a trace", async () => {
    await dongbo("resync", "population/hcm");
    rmSync(join(folder, ".dongbo", "control", "global"), { recursive: true });
    const { code, stderr } = await dongbo("resync", "population/hcm");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^DB-CTL-006: /);
    expect(stderr).not.toContain("    at ");
  });

  test("a data folder that cannot be made is DB-CTL-003", async () => {
    writeFileSync(join(folder, "file"), "");
    configure("file/data");
    const { code, stderr } = await dongbo("resync", "population/hcm");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^DB-CTL-003: /);
  });

  test.runIf(process.getuid?.() === 0)("root's data folder below a closed one is DB-CTL-002, said before anything is made", async () => {
    mkdirSync(join(folder, "closed"));
    chmodSync(join(folder, "closed"), 0o700);
    configure("closed/data");
    const { code, stderr } = await dongbo("resync", "population/hcm");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^DB-CTL-002: .*closed\/data\/control: .* `data_dir:` /);
    expect(existsSync(join(folder, "closed", "data", "control"))).toBe(false);
  });
});
