import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadConfiguration } from "../../../engine/config/load-config.ts";
import { printFinding } from "../../../deploy/processes/output/print-finding.ts";
import { brokenConfigurations } from "./broken-configurations.ts";
import { edited, readSample, sample, sampleEnvironment, secrets, unmark } from "./sample-config.ts";

/** The findings as `code line:column`. */
function positions(text: string): string[] {
  return readSample(text).findings.map(({ code, location }) => `${code} ${location?.line}:${location?.column}`);
}

test.each(brokenConfigurations)("$mistake: $codes", ({ from, to, codes }) => {
  const marked = unmark(edited(sample, from, to));
  const { configuration, findings } = readSample(marked.text);
  expect(positions(marked.text)).toEqual(codes.map((code, index) => `${code} ${marked.positions[index]}`));
  expect(configuration).toBeNull();
  for (const { severity, cause, remedy } of findings) {
    expect(severity).toBe("error");
    for (const sentence of [cause, remedy]) expect(sentence).toMatch(/\S{2}.*[^.]$/s);
  }
  const output = inspect(findings, { depth: null }) + findings.map(printFinding).join();
  for (const secret of secrets) expect(output).not.toContain(secret);
});

test("a master table that two entries for one database share has two sources, whatever their hosts are called (MM-07)", () => {
  const second = `  again:
    connector: postgres
    url: postgresql://other:\${env:PASSWORD}@DB.example.vn:5432/population?sslmode=verify-full
    provider: { id: G01, name: Bộ Công an }
targets:
`;
  const share = `  - id: second
    source: again
    regulation: { id: QC-02/2025, validity_period: PT1H, log_retention: P1Y }
    agreement: { id: TT-08/2026, from: 2026-01-01, purpose: x, storage_basis: "42.2" }
    platform: NDXP
    tables:
      - { source: public.house, target: population.house }
      - { source: «public.citizen, target: other.citizen }
    subscriptions: []
`;
  const { text, positions: marks } = unmark(edited(sample, "targets:\n", second) + share);
  expect(positions(text)).toEqual([`DB-CFG-063 ${marks[0]}`]);
  expect(readSample(edited(text, "public.citizen, target: other", "public.other, target: other")).findings).toEqual([]);
  expect(readSample(edited(text, "/population?", "/another?")).findings).toEqual([]);
});

test("a target table that two names of one database claim is claimed twice", () => {
  const target = `  again:
    connector: postgres
    url: postgres://writer:\${env:PASSWORD}@10.0.0.7:5433/hcm
    consumer: { id: "79", name: Thành phố Hồ Chí Minh }
shares:
`;
  const text = edited(sample, "shares:\n", target) + '      - { target: «again, parameters: { provinces: ["46"] } }\n';
  const marked = unmark(text);
  expect(positions(marked.text)).toEqual([`DB-CFG-062 ${marked.positions[0]}`]);
  expect(readSample(edited(marked.text, ":5433/hcm", ":5433/hcm2")).findings).toEqual([]);
});

test("all mistakes of a file are told at once, in the order of the file", () => {
  const { text, positions: marks } = unmark(`version: 1
«data_dri: x
sources:
  population:
    connector: «postgre
    url: «postgres://u:hunter2-Ω@h/d
    provider: «{ id: G01 }
    limits: { wal_retained_max: «8 }
targets:
  hcm:
    connector: «sqlite
    url: «\${env:NOWHERE}
    consumer: { id: «79, name: x }
shares:
  - «id: population
    source: «popullation
    agreement: { id: TT, from: 2026-01-01, to: «2025-01-01, purpose: x, storage_basis: «"41" }
    model: «direct
    tables:
      - source: «citizen
        target: «pg_catalog.citizen
        key: [«personal_id]
        columns: [full_name]
        where: { a: «null, b: { «like: x } }
    subscriptions:
      - { target: «hu, parameters: { provinces: «[] } }
  - id: second
    source: population
    regulation: { id: QC, validity_period: «P, log_retention: P1Y }
    agreement: { id: TT, from: «2026-13-01, purpose: x, storage_basis: ["42.1"], «methods: x }
    model: direct
    direct_basis: { document: x, date: 2026-01-01, issuer: «G01, reason: x }
    tables:
      - { source: public.a, target: a.b, where: { c: $provinces } }
    subscriptions:
      - «{ target: hcm, parameters: { «proinces: ["79"] } }
`);
  expect(readSample(text).configuration).toBeNull();
  expect(positions(text).map((found) => found.split(" ")[1])).toEqual(marks);
});

test("a finding names file, line and column, then the place in the file, the cause and the remedy", () => {
  const { findings } = readSample(edited(sample, "on_expiry: refuse", "on_expiri: refuse"));
  expect(findings.map(printFinding)).toEqual([
    'DB-CFG-006: /etc/dongbo/dongbo.yaml:15:59 shares[0].regulation.on_expiri: the key "on_expiri" is not known here. ' +
      "Write `on_expiry`, if that is what was meant.\n",
  ]);
});

test("positions hold for files with Windows line ends and a byte order mark", () => {
  const text = edited(edited(sample, "on_expiry: refuse", "on_expiri: refuse"), "version: 1", "version: 2");
  expect(positions(text)).toEqual(["DB-CFG-011 1:10", "DB-CFG-006 15:59"]);
  expect(positions(`\uFEFF${text.replaceAll("\n", "\r\n")}`)).toEqual(positions(text));
});

/** The remedy of the one mistake that an edit of the sample makes. */
function remedy(from: string, to: string): string | undefined {
  return readSample(edited(sample, from, to)).findings[0]?.remedy;
}

test("a number where text is expected is answered with quotes, other kinds with the kind", () => {
  expect(remedy('id: "79"', "id: 79")).toBe('Put the value in quotes, as in "79"');
  expect(remedy('id: "79"', "id: [79]")).toBe("Write text");
  expect(remedy("key: [personal_id]", "key: personal_id")).toBe("Write a list");
});

test("a key that could be a URL with its password is not repeated", () => {
  const { findings } = readSample(`${sample}"postgres://u:hunter2-Ω@h/d": 1\n`);
  expect(findings.map(({ code }) => code)).toEqual(["DB-CFG-006"]);
  expect(inspect(findings)).not.toContain("hunter2");
});

describe("a file that cannot be read as a configuration", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "dongbo-config-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function codesOf(content: string | Buffer): string[] {
    const path = join(folder, "dongbo.yaml");
    writeFileSync(path, content);
    return loadConfiguration(path, sampleEnvironment).findings.map(({ code }) => code);
  }

  test("is refused when it is missing, a folder, or not UTF-8", () => {
    expect(loadConfiguration(join(folder, "no.yaml"), {}).findings.map(({ code }) => code)).toEqual(["DB-CFG-001"]);
    expect(loadConfiguration(folder, {}).findings.map(({ code }) => code)).toEqual(["DB-CFG-001"]);
    expect(codesOf(Buffer.from("name: B\u1ed9".normalize("NFC"), "latin1"))).toEqual(
      ["DB-CFG-006", "DB-CFG-007"].slice(2).concat("DB-CFG-002"),
    );
  });

  test("is refused when it is empty or holds only comments", () => {
    expect(codesOf("")).toEqual(["DB-CFG-002"]);
    expect(codesOf("# nothing\n")).toEqual(["DB-CFG-002"]);
  });

  test("is refused when it is another kind of value", () => {
    expect(codesOf("just text")).toEqual(["DB-CFG-008"]);
    expect(codesOf("- a\n- b\n")).toEqual(["DB-CFG-008"]);
  });

  test("is refused when it asks for YAML 1.1, where `no` is not text", () => {
    expect(codesOf(`%YAML 1.1\n---\n${sample}`)).toEqual(["DB-CFG-005"]);
  });

  test.each([
    ["is larger than 1 MiB", `# ${"x".repeat(1024 * 1024)}\n${sample}`],
    ["opens 500,000 brackets", "[".repeat(500_000)],
    ["opens 100,000 braces", "{a: ".repeat(100_000)],
    ["opens 100,000 lists in one line", "- ".repeat(100_000)],
    ["opens 100,000 keys in one line", "? ".repeat(100_000)],
    ["indents 1,000 levels deep", Array.from({ length: 1000 }, (_, level) => `${" ".repeat(level)}k:`).join("\n")],
    ["indents 100 levels deep", Array.from({ length: 100 }, (_, level) => `${" ".repeat(level)}k:`).join("\n")],
  ])("is refused, not followed, when it %s", (_, content) => {
    expect(codesOf(content)).toEqual(["DB-CFG-003"]);
  });

  test("is refused for brackets before the parser follows them", () => {
    const path = join(folder, "dongbo.yaml");
    for (const bracket of ["[", "{a: "]) {
      writeFileSync(path, bracket.repeat(65));
      expect(loadConfiguration(path, {}).findings[0]?.cause).toBe("values are nested more than 64 levels deep");
      writeFileSync(path, bracket.repeat(64));
      expect(loadConfiguration(path, {}).findings[0]?.code).toBe("DB-CFG-002");
    }
  });

  test("is refused when aliases multiply one another", () => {
    const levels = ["a: &l0 [x, x, x, x, x, x, x, x, x, x]"];
    for (let level = 1; level < 10; level++) levels.push(`b${level}: &l${level} [${`*l${level - 1}, `.repeat(10)}]`);
    expect(codesOf(levels.join("\n"))).toEqual(["DB-CFG-003"]);
  });
});
