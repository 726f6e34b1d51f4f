// Configurations and files beside them that are meant to harm: each is refused with a code, and none takes the process with it.
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { authorityOptions } from "../../../connectors/tls-options.ts";
import { loadConfiguration } from "../../../engine/config/load-config.ts";
import { parseServerUrl } from "../../../engine/config/server-url.ts";
import { hostileNames } from "../../support/hostile-names.ts";
import { testFolder } from "../../support/test-run.ts";
import { edited, readSample, sample, sampleEnvironment } from "./sample-config.ts";

/** Of the findings, each once. */
function codesOf(text: string): string[] {
  const { configuration, findings } = readSample(text);
  expect(configuration).toBeNull();
  return [...new Set(findings.map(({ code }) => code))].toSorted();
}

const columns = "columns: [personal_id, full_name, province_code]";
const where = "where: { province_code: { in: $provinces } }";
const table = "      - source: public.citizen\n        target: population.citizen\n";
const subscription = '      - { target: hcm, parameters: { provinces: ["79"] } }\n';
const many = (count: number, text: (index: number) => string): string => Array.from({ length: count }, (_, index) => text(index)).join("");

describe("names that every object of JavaScript has", () => {
  const names = ["constructor", "toString", "hasOwnProperty", "valueOf", "__defineGetter__", "prototype"];

  test.each(names)("%s is an unknown key wherever it stands", (name) => {
    expect(codesOf(`${sample}${name}: { polluted: true }\n`)).toEqual(["DB-CFG-006"]);
    expect(codesOf(edited(sample, "on_expiry: refuse", `on_expiry: refuse, ${name}: 1`))).toEqual(["DB-CFG-006"]);
    expect(codesOf(edited(sample, where, `where: { province_code: { ${name}: x } }`))).toEqual(["DB-CFG-050"]);
  });

  test.each(names)("%s is no source, target or parameter that nobody wrote", (name) => {
    expect(codesOf(edited(sample, "    source: population\n", `    source: ${name}\n`))).toContain("DB-CFG-061");
    expect(codesOf(edited(sample, "{ target: hcm,", `{ target: ${name},`))).toContain("DB-CFG-061");
    expect(codesOf(edited(sample, "$provinces", `$${name}`))).not.toEqual([]);
    expect(readSample(sample, { ...sampleEnvironment, POPULATION_URL: undefined }).configuration).toBeNull();
  });

  test("and none of them leaves anything behind in objects to come", () => {
    const pollution = `${sample}? __proto__\n: { polluted: yes }\n"__proto__": { polluted: yes }\nconstructor: { prototype: { polluted: yes } }\n`;
    expect(codesOf(pollution)).toEqual(["DB-CFG-005", "DB-CFG-006"]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

describe("names that would be more than that", () => {
  const kafka = edited(
    sample,
    "    connector: postgres\n    url: ${env:HCM_URL}\n",
    "    connector: kafka\n    url: kafka://127.0.0.1:9092\n    topics: { prefix: pop }\n",
  );

  test.each([...hostileNames, "a/b", "đồng bộ"])("%j is no id, slot, prefix or topic", (name) => {
    const text = JSON.stringify(name);
    expect(codesOf(edited(sample, "id: population\n", `id: ${text}\n`))).toContain("DB-CFG-010");
    expect(codesOf(edited(sample, "\n  hcm:\n", `\n  ${text}:\n`))).toContain("DB-CFG-010");
    expect(codesOf(edited(sample, "    url: ${env:POPULATION_URL}\n", `    url: \${env:POPULATION_URL}\n    slot: ${text}\n`))).toContain(
      "DB-CFG-041",
    );
    expect(codesOf(edited(kafka, "prefix: pop", `prefix: ${text}`))).toContain("DB-CFG-041");
    expect(codesOf(edited(kafka, "target: population.citizen", `target: [population, ${text}]`))).toContain("DB-CFG-041");
  });
});

describe("files that are many, long or deep", () => {
  test.each([
    ["90,000 unknown keys", sample + many(90_000, (index) => `k${index}:\n`)],
    ["90,000 keys that are one", sample + many(90_000, () => "k: 1\n")],
    ["a key as long as a file may be", `${sample}? ${"k".repeat(900_000)}\n: 1\n`],
    [
      "40,000 columns and a key of as many",
      edited(edited(sample, columns, `columns: [${many(40_000, (i) => `c${i},`)}]`), "[personal_id]", `[${many(40_000, (i) => `d${i},`)}]`),
    ],
    ["a filter of 60,000 NULLs", edited(sample, where, `where: { province_code: { in: [${"null,".repeat(60_000)}] } }`)],
    ["9,000 subscriptions of targets that are not there", sample + many(9000, (index) => `      - { target: target-${index} }\n`)],
    [
      "6,000 tables that are one",
      edited(sample, subscription, subscription).replace(
        table,
        table + many(6000, () => table).replaceAll("- source", "  key: [a]\n      - source"),
      ),
    ],
    [
      "a bomb of aliases in a filter",
      edited(
        sample,
        where,
        `where: { all: [${many(9, (i) => `&a${i} { all: [${i === 0 ? "{ province_code: x }" : `*a${i - 1}, *a${i - 1}, *a${i - 1}, *a${i - 1}, *a${i - 1}, *a${i - 1}, *a${i - 1}, *a${i - 1}`}] },`)}] }`,
      ),
    ],
    [
      "a filter 60 levels deep of an alias of itself",
      edited(sample, where, `where: ${"{ not: ".repeat(40)}&w { any: [*w] }${" }".repeat(40)}`),
    ],
    ["nothing but brackets in a text", edited(sample, where, `where: "${"{[(".repeat(200_000)}"`)],
  ])("%s are refused", (_, text) => {
    expect(codesOf(text)).not.toEqual([]);
  });

  const long = 300_000;
  test.each([
    ["id", "- id: population", (text: string) => `- id: ${text}`],
    ["duration", "PT24H", (text: string) => text],
    ["instant", "from: 2026-01-01", (text: string) => `from: ${text}`],
    ["listening address", "version: 1\n", (text: string) => `version: 1\nlisten: ${text}\n`],
    ["URL", "${env:HCM_URL}", (text: string) => text],
    ["table", "source: public.citizen", (text: string) => `source: ${text}`],
    ["type", columns, (text: string) => `columns: [personal_id, { full_name: { type: ${text} } }, province_code]`],
    ["size", "    provider: { id: G01", (text: string) => `    limits: { wal_retained_max: ${text} }\n    provider: { id: G01`],
  ])("no text for a %s is too long to be refused", (_, from, to) => {
    const words = ["a", "0", "P1Y", "1.", "a.", "://", "a@", "${env:", "(", "%4", "-", "a b "].map((word) =>
      word.repeat(long / word.length),
    );
    for (const word of words) expect(codesOf(edited(sample, from, to(`"${word}"`)))).not.toEqual([]);
  });
});

describe("what is no text", () => {
  test.each([
    ["random bytes", randomBytes(4096)],
    ["UTF-16", Buffer.from(sample, "utf16le")],
    ["zero bytes", Buffer.concat([Buffer.from(sample), Buffer.alloc(64)])],
    ["an overlong encoding", Buffer.concat([Buffer.from(sample), Buffer.from([0xc0, 0xaf, 0x0a])])],
    ["half of a surrogate pair", Buffer.concat([Buffer.from(sample), Buffer.from([0xed, 0xa0, 0x80, 0x0a])])],
  ])("%s are no configuration", (_, bytes) => {
    const file = join(testFolder("hostile"), "dongbo.yaml");
    writeFileSync(file, bytes);
    const { configuration, findings } = loadConfiguration(file, sampleEnvironment);
    expect(configuration).toBeNull();
    expect(findings[0]?.code).toMatch(/^DB-CFG-00[2-6]$/);
  });

  test.each([
    ["source: public.citizen", 'source: "public.cit\\0izen"'],
    ["target: population.citizen", 'target: ["popul\\0ation", citizen]'],
    ["key: [personal_id]", 'key: ["personal_id\\0"]'],
    [where, 'where: { province_code: "7\\09" }'],
    ['{ provinces: ["79"] }', '{ provinces: ["7\\09"] }'],
    ["id: population\n", 'id: "popul\\0ation"\n'],
    ["${env:HCM_URL}", '"postgres://u@h/d\\0"'],
  ])("a zero byte in `%s` is refused", (from, to) => {
    expect(codesOf(edited(sample, from, to))[0]).toMatch(/^DB-CFG-/);
  });
});

describe("files beside the configuration", () => {
  let folder = "";
  beforeAll(() => {
    folder = testFolder("beside");
    const made: readonly (readonly [string, number])[] = [
      ["private", 0o600],
      ["group", 0o640],
      ["open", 0o644],
      ["written", 0o666],
    ];
    for (const [name, mode] of made) {
      writeFileSync(join(folder, name), "p@ss");
      chmodSync(join(folder, name), mode);
    }
    mkdirSync(join(folder, "inner"));
    symlinkSync("private", join(folder, "link"));
    symlinkSync("written", join(folder, "link-to-written"));
    symlinkSync("link-to-itself", join(folder, "link-to-itself"));
    execFileSync("sh", ["-c", 'mkfifo "$0"', join(folder, "pipe")]);
  });

  /** The password, or the codes with which the file is refused; then those of warnings. */
  function secret(path: string): string {
    const { address, problems, warnings } = parseServerUrl(`postgres://u:\${file:${path}}@localhost/d`, {
      env: {},
      directory: folder,
      kind: "postgres",
    });
    return [
      address === null ? problems.map(({ code }) => code).join() : (address.password?.reveal() ?? ""),
      ...warnings.map(({ code }) => code),
    ].join(" ");
  }

  test.each([
    ["private", "p@ss"],
    ["group", "p@ss"],
    ["link", "p@ss"],
    ["inner/../private", "p@ss"],
    ["open", "p@ss DB-CFG-028"],
    ["written", "DB-CFG-026"],
    ["link-to-written", "DB-CFG-026"],
    ["link-to-itself", "DB-CFG-026"],
    ["inner", "DB-CFG-026"],
    ["pipe", "DB-CFG-026"],
    ["private/x", "DB-CFG-026"],
    ["\0", "DB-CFG-026"],
  ])("a secret in the file %j is: %s", (name, expected) => {
    expect(secret(`${folder}/${name}`)).toBe(expected);
  });

  test.each(["/dev/zero", "/dev/stdin", "/proc/self/mem", "../../etc/passwd", "~/secret"])("%s holds no secret", (path) => {
    expect(secret(path)).toMatch(/^DB-CFG-02[46]$/);
  });

  test.each(["/dev/zero", "pipe", "inner", "link-to-itself", "nowhere/ca.pem"])("%s holds no certificate and no key", (name) => {
    const path = name.startsWith("/") ? name : join(folder, name);
    const tls = { mode: "verify-full", rootCertificate: null, certificate: null, key: null } as const;
    const refused = { code: "DB-PG-004", subject: "x" } as const;
    expect(() => authorityOptions({ ...tls, rootCertificate: path }, refused)).toThrow(/DB-PG-004/);
    expect(() => authorityOptions({ ...tls, certificate: path, key: path }, refused)).toThrow(/DB-PG-004/);
  });

  test("a configuration that is a pipe, a device or a link to itself is none", () => {
    for (const path of [join(folder, "pipe"), "/dev/zero", join(folder, "link-to-itself")]) {
      expect(loadConfiguration(path, {}).findings.map(({ code }) => code)).toEqual(["DB-CFG-001"]);
    }
  });
});
