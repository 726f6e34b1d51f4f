import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Finding } from "../../../engine/model/finding.ts";
import { runCommand } from "../../support/run-command.ts";

let folder: string;
let config: string;
const environment = { POPULATION_URL: "postgres://dongbo:canary-7f@127.0.0.1:1/national", HCM_URL: "postgres://dongbo@127.0.0.1:1/hcm" };

const yaml = `version: 1
sources:
  population:
    connector: postgres
    url: \${env:POPULATION_URL}
    provider: { id: G01, name: Bộ Công an }
targets:
  hcm: { connector: postgres, url: "\${env:HCM_URL}", consumer: { id: "79", name: Thành phố Hồ Chí Minh } }
shares:
  - id: population
    source: population
    regulation: { id: QC-01/2025, validity_period: PT24H, on_expiry: refuse, log_retention: P1Y }
    agreement: { id: TT-07/2026, from: 2026-01-01, to: 2027-01-01, purpose: thử nghiệm, storage_basis: "42.1" }
    model: intermediary
    platform: Nền tảng thử nghiệm
    tables:
      - source: public.citizen
        target: population.citizen
        key: [personal_id]
        columns: [personal_id, full_name]
    subscriptions:
      - { target: hcm }
`;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dongbo-unit-"));
  config = join(folder, "dongbo.yaml");
  writeFileSync(config, yaml);
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const commands = ["check", "run", "status", "explain", "trace", "resync", "replay", "suspend", "resume", "plan", "apply"];

describe("command line", () => {
  test("the help names every command and the exit codes", async () => {
    const { code, stdout, stderr } = await runCommand(["--help"]);
    expect(code).toBe(0);
    expect(stderr).toBe("");
    for (const command of commands) expect(stdout).toMatch(new RegExp(`^  ${command} `, "m"));
    expect(stdout).toContain("Exit codes: 0 done, 1 failed, 2 bad usage or configuration, 3 copies differ, 4 unverified, 5 done but");
  });

  test.each(commands)("%s --help shows an example that begins with the command", async (command) => {
    const { code, stdout } = await runCommand([command, "--help"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`Example: .*\\n  \\$ dongbo ${command}`));
    expect(stdout).toContain("--config <file>");
    expect(stdout).toContain("--json");
  });

  test("--version prints the version of package.json", async () => {
    const { code, stdout } = await runCommand(["--version"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test("nothing at all is bad usage and shows the help on standard error", async () => {
    const { code, stdout, stderr } = await runCommand([]);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain("Usage: dongbo");
  });

  test.each([
    [["statsu"], "unknown command 'statsu' (did you mean status?)"],
    [["status", "--jsno"], "unknown option '--jsno' (did you mean --json?)"],
    [["resync"], "missing required argument 'subscription'"],
    [["status", "extra"], "too many arguments"],
    [["suspend", "population/hcm"], "--reason is missing or unknown"],
    [["suspend", "population/hcm", "--reason", "holiday"], "--reason is missing or unknown"],
  ])("%j is bad usage: one line with code and remedy, no trace, exit 2", async (parameters, cause) => {
    const { code, stdout, stderr } = await runCommand(parameters, { environment });
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^DB-RUN-020: command line: .*\. .*\.\n$/);
    expect(stderr).toContain(cause);
    expect(stderr).not.toContain("    at ");
  });

  test("bad usage with --json is a finding on standard output", async () => {
    const { code, stdout } = await runCommand(["resync", "--json"]);
    expect(code).toBe(2);
    const { ok, findings } = JSON.parse(stdout) as { ok: boolean; findings: Finding[] };
    expect(ok).toBe(false);
    expect(findings).toMatchObject([{ code: "DB-RUN-020", severity: "error", subject: "command line", sql: [] }]);
  });

  test("a configuration that is not there is exit 2 with its path", async () => {
    const missing = join(folder, "missing.yaml");
    const { code, stderr } = await runCommand(["status", "--config", missing]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^DB-CFG-001: /);
    expect(stderr).toContain(missing);
  });

  test("all mistakes of a configuration are told at once, on standard error and as JSON", async () => {
    const broken = join(folder, "broken.yaml");
    writeFileSync(broken, yaml.replace("PT24H", "24 hours").replace("public.citizen", "citizen"));
    const { code, stdout, stderr } = await runCommand(["status", "--config", broken, "--json"], { environment });
    expect(code).toBe(2);
    expect(stderr.trim().split("\n")).toHaveLength(2);
    const { ok, findings } = JSON.parse(stdout) as { ok: boolean; findings: Finding[] };
    expect(ok).toBe(false);
    expect(findings.map((finding) => finding.location?.line)).toEqual([12, 17]);
  });

  test.each([
    [
      ["resync", "population/hmc"],
      "DB-RUN-021: population/hmc: there is no such subscription. Write `population/hcm`, if that is what was meant.\n",
    ],
    [
      ["suspend", "populatoin", "--reason", "maintenance"],
      "DB-RUN-021: populatoin: there is no such subscription or share. Write `population`, if that is what was meant.\n",
    ],
    [
      ["resync", "population/hcm", "--table", "population.citizens"],
      "DB-RUN-022: population/hcm: the subscription has no table `population.citizens`. Write `population.citizen`, if that is what was meant.\n",
    ],
  ])("%j tells what was probably meant and leaves with 2", async (parameters, message) => {
    const { code, stderr } = await runCommand([...parameters, "--config", config], { environment });
    expect({ code, stderr }).toEqual({ code: 2, stderr: message });
  });
});
