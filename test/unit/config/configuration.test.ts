import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { inspect } from "node:util";
import { expect, test } from "vitest";
import type { Configuration, ShareConfiguration, TargetConfiguration } from "../../../engine/config/configuration.ts";
import { loadConfiguration } from "../../../engine/config/load-config.ts";
import type { ServerAddress } from "../../../engine/model/server-address.ts";
import { edited, readSample, sample, secrets } from "./sample-config.ts";

function valid(text: string): Configuration {
  const { configuration, findings } = readSample(text);
  expect(findings).toEqual([]);
  if (configuration === null) throw new Error("the configuration was not read");
  return configuration;
}

function firstShare(text: string): ShareConfiguration {
  const share = valid(text).shares[0];
  if (share === undefined) throw new Error("there is no share");
  return share;
}

/** The warnings as codes; there must be no errors. */
function warnings(text: string): string[] {
  const { configuration, findings } = readSample(text);
  expect(configuration).not.toBeNull();
  for (const { severity } of findings) expect(severity).toBe("warning");
  return findings.map(({ code }) => code);
}

const location = (line: number, column: number): object => ({ file: "/etc/dongbo/dongbo.yaml", line, column });

test("what is left out gets its default", () => {
  const { control, dataDir, file, listen, sources } = valid(sample);
  expect({ control, dataDir, file, listen }).toEqual({
    control: "embedded",
    dataDir: "/etc/dongbo/.dongbo",
    file: "/etc/dongbo/dongbo.yaml",
    listen: { host: "127.0.0.1", port: 9464 },
  });
  expect(sources.get("population")).toMatchObject({
    limits: { connections: 4, walRetainedMaxBytes: 8 * 1024 ** 3, spoolMaxBytes: 8 * 1024 ** 3 },
    slot: "dongbo_population",
    publication: "dongbo_population",
    location: location(3, 3),
  });
  expect(firstShare(edited(sample, "on_expiry: refuse, ", ""))).toMatchObject({
    quarantineMax: 100,
    reconcile: { everySeconds: null, repair: "none", onDifference: "report", keys: "exact", rowsPerSecondMax: null },
    model: { kind: "intermediary", platform: "NDXP" },
    regulation: { onExpiry: "refuse", validityPeriodSeconds: 86_400, logRetentionSeconds: 31_536_000 },
  });
});

test("what is written is taken", () => {
  const text = sample
    .replace("version: 1\n", "version: 1\ncontrol: postgres://c:${env:PASSWORD}@localhost/control\ndata_dir: ../data\nlisten: off\n")
    .replace(
      "    provider:",
      "    slot: my_slot\n    publication: My publication\n    limits: { connections: 9, wal_retained_max: 1GB, spool_max: 64MB }\n    provider:",
    )
    .replace("    consumer:", "    readers: [app_reader, Người đọc, app_reader]\n    consumer:");
  const { control, dataDir, listen, sources, targets } = valid(text);
  expect(control).toMatchObject({ host: "localhost", database: "control", user: "c" });
  expect({ dataDir, listen }).toEqual({ dataDir: "/etc/data", listen: null });
  expect(sources.get("population")).toMatchObject({
    slot: "my_slot",
    publication: "My publication",
    limits: { connections: 9, walRetainedMaxBytes: 1024 ** 3, spoolMaxBytes: 64 * 1024 ** 2 },
  });
  expect(targets.get("hcm")).toMatchObject({
    readers: ["app_reader", "Người đọc"],
    consumer: { id: "79", name: "Thành phố Hồ Chí Minh" },
    address: { host: "10.0.0.7", port: 5433 },
  });
});

test("a table is its names, key, columns and filter, each with its place", () => {
  const [table] = firstShare(sample).tables;
  expect(table).toEqual({
    source: { schema: "public", name: "citizen" },
    target: { schema: "population", name: "citizen" },
    physicalSchema: "population_copy",
    key: ["personal_id"],
    columns: [
      {
        source: "personal_id",
        target: "personal_id",
        type: null,
        acceptLoss: false,
        codeList: null,
        class: null,
        location: location(23, 19),
      },
      { source: "full_name", target: "full_name", type: null, acceptLoss: false, codeList: null, class: null, location: location(23, 32) },
      {
        source: "province_code",
        target: "province_code",
        type: null,
        acceptLoss: false,
        codeList: null,
        class: null,
        location: location(23, 43),
      },
    ],
    where: { op: "in", column: "province_code", values: [{ parameter: "provinces" }], location: location(24, 35) },
    referencedBy: [],
    location: location(20, 9),
  });
});

test("tables that refer to a copy are taken with their columns, and with those of the copy where they are named (RC-02)", () => {
  const key = "        key: [personal_id]\n";
  const references = `        referenced_by:
          - { table: app.resident, columns: [citizen_id] }
          - { table: [app.v1, "Hộ khẩu"], columns: [a, b], to: [full_name, province_code] }
`;
  expect(firstShare(edited(sample, key, `${key}${references}`)).tables[0]?.referencedBy).toEqual([
    { table: { schema: "app", name: "resident" }, columns: ["citizen_id"], to: null, location: location(24, 13) },
    {
      table: { schema: "app.v1", name: "Hộ khẩu" },
      columns: ["a", "b"],
      to: ["full_name", "province_code"],
      location: location(25, 13),
    },
  ]);
  // Of a key that the source alone knows, and of columns that it alone knows, nothing can be said here.
  const open =
    "        columns: all\n        referenced_by: [{ table: app.resident, columns: [a, b] }, { table: app.x, columns: [c], to: [d] }]\n";
  const columns = "        columns: [personal_id, full_name, province_code]\n";
  expect(firstShare(edited(sample, `${key}${columns}`, open)).tables[0]?.referencedBy.map(({ to }) => to)).toEqual([null, ["d"]]);
});

test("a column's loss is accepted only where that is written", () => {
  const accepted = (written: string): boolean | undefined =>
    firstShare(
      edited(
        sample,
        "columns: [personal_id, full_name, province_code]",
        `columns: [personal_id, { full_name: ${written} }, province_code]`,
      ),
    ).tables[0]?.columns?.[1]?.acceptLoss;
  expect(accepted("{ type: varchar(20), accept_loss: true }")).toBe(true);
  expect(accepted("{ type: varchar(20), accept_loss: false }")).toBe(false);
  expect(accepted("{ type: varchar(20) }")).toBe(false);
});

test("columns may be a list, a list with options, a mapping, or all", () => {
  const columns = "columns: [personal_id, full_name, province_code]";
  const shared = (written: string): unknown[] | null => {
    const table = firstShare(edited(edited(sample, columns, written), "key: [personal_id]", "")).tables[0];
    return (
      table?.columns?.map(({ source, target, type, codeList, class: dataClass }) => [source, target, type, codeList, dataClass]) ?? null
    );
  };
  const options = "{ to: Họ tên, type: varchar(200), code_list: names, class: basic_citizen }";
  const expected = [
    ["personal_id", "personal_id", null, null, null],
    ["full_name", "Họ tên", "varchar(200)", "names", "basic_citizen"],
    ["note", "note", null, null, null],
  ];
  expect(shared(`columns: [personal_id, { full_name: ${options} }, { note: {} }]`)).toEqual(expected);
  expect(shared(`columns: { personal_id: {}, full_name: ${options}, note: }`)).toEqual(expected);
  expect(shared("columns: all")).toBeNull();
  expect(shared("")).toBeNull();
  expect(shared("columns: [all]")).toEqual([["all", "all", null, null, null]]);
});

test("names are literal, and a list where a part holds a dot", () => {
  const text = edited(sample, "public.citizen", "[Dân.Cư, Công dân]").replace("population.citizen", "'Tỉnh.bảng.một'");
  expect(firstShare(text).tables[0]).toMatchObject({
    source: { schema: "Dân.Cư", name: "Công dân" },
    target: { schema: "Tỉnh", name: "bảng.một" },
    physicalSchema: "Tỉnh_copy",
  });
});

test("a schema too long for _copy takes the one that is named instead", () => {
  const text = edited(sample, "target: population.citizen", `target: ${"s".repeat(60)}.citizen\n        physical_schema: rows`);
  expect(firstShare(text).tables[0]?.physicalSchema).toBe("rows");
});

test("the agreement keeps its term, its bases and its further items (AG-01)", () => {
  const text = edited(sample, 'storage_basis: "42.1"', 'storage_basis: ["42.1", "42.3"], security: TLS, deletion: shred');
  const { agreement } = firstShare(text);
  expect({ ...agreement, items: [...agreement.items] }).toMatchObject({
    id: "TT-07/2026",
    from: new Date("2025-12-31T17:00:00Z"),
    to: new Date("2026-12-31T17:00:00Z"),
    storageBasis: ["42.1", "42.3"],
    items: [
      ["security", "TLS"],
      ["deletion", "shred"],
    ],
  });
  expect(firstShare(edited(sample, " to: 2027-01-01,", "")).agreement.to).toBeNull();
  expect(firstShare(edited(sample, " to: 2027-01-01,", " to: null,")).agreement.to).toBeNull();
});

test("what is written of comparing copies with their master is taken, the rest gets its default (RC-07)", () => {
  const platform = "    platform: NDXP\n";
  const reconcile = (written: string): unknown => firstShare(edited(sample, platform, `${platform}    reconcile: ${written}\n`)).reconcile;
  expect(reconcile("{ every: P1D, repair: review, on_difference: quarantine, keys: digests, rows_per_second: 50000 }")).toEqual({
    everySeconds: 86_400,
    repair: "review",
    onDifference: "quarantine",
    keys: "digests",
    rowsPerSecondMax: 50_000,
  });
  const defaults = { everySeconds: null, repair: "none", onDifference: "report", keys: "exact", rowsPerSecondMax: null };
  expect(reconcile("{ every: null, rows_per_second: null }")).toEqual(defaults);
  expect(reconcile("{ repair: auto }")).toEqual({ ...defaults, repair: "auto" });
});

test("a direct connection keeps its written basis (MO-02)", () => {
  const basis = "{ document: 12/CV, date: 2026-01-05, issuer: Bộ TTTT, reason: nền tảng chưa sẵn sàng }";
  const text = edited(sample, "    model: intermediary\n    platform: NDXP\n", `    model: direct\n    direct_basis: ${basis}\n`);
  expect(firstShare(text).model).toEqual({
    kind: "direct",
    basis: { document: "12/CV", date: new Date("2026-01-04T17:00:00Z"), issuer: "Bộ TTTT", reason: "nền tảng chưa sẵn sàng" },
  });
});

/** What is read of the sample's subscription when its parameter is written in another way. */
function subscriptionsWith(provinces: string): unknown {
  const text = edited(sample, 'parameters: { provinces: ["79"] }', `parameters: { provinces: ${provinces} }`);
  return firstShare(text).subscriptions.map(({ parameters, ...rest }) => ({ ...rest, provinces: parameters.get("provinces") }));
}

test("a subscription is named after share and target and keeps its parameters as written", () => {
  const named = { id: "population/hcm", target: "hcm", location: location(26, 9) };
  expect(subscriptionsWith('["79"]')).toEqual([{ ...named, provinces: ["79"] }]);
  expect(subscriptionsWith("079")).toEqual([{ ...named, provinces: ["079"] }]);
  expect(subscriptionsWith("[1.10, true, '1.10']")).toEqual([{ ...named, provinces: ["1.10", "true"] }]);
});

function database(target: TargetConfiguration | undefined): ServerAddress {
  if (target === undefined || target.connector === "kafka") throw new Error("no database");
  return target.address;
}

/** The host that the sample's target has when it is written in braces with this URL. */
function hostInBraces(url: string): string | undefined {
  const target = `  hcm:\n    connector: postgres\n    url: \${env:HCM_URL}\n    consumer: { id: "79", name: Thành phố Hồ Chí Minh }\n`;
  const text = edited(sample, target, `  hcm: { connector: postgres, url: ${url}, consumer: { id: "79", name: HCM } }\n`);
  return database(valid(text).targets.get("hcm")).host;
}

test("a reference needs no quotes, in braces neither", () => {
  expect(hostInBraces("${env:HCM_URL}")).toBe("10.0.0.7");
  expect(hostInBraces('"${env:HCM_URL}"')).toBe("10.0.0.7");
  expect(hostInBraces("postgres://u:${env:PASSWORD}@h:5432/d?sslmode=verify-full")).toBe("h");
});

test("aliases repeat what is written once", () => {
  const text = `${edited(sample, "regulation: {", "regulation: &r {")}  - id: second
    source: population
    regulation: *r
    agreement: { id: TT-08/2026, from: 2026-01-01, purpose: x, storage_basis: "42.1" }
    platform: NDXP
    tables: [{ source: public.house, target: population.house }]
    subscriptions: []
`;
  expect(valid(text).shares[1]?.regulation.id).toBe("QC-01/2025");
});

test("a target that several shares fill is no clash as long as the tables differ", () => {
  const text = `${sample}  - id: second
    source: population
    regulation: { id: QC-01/2025, validity_period: PT1H, log_retention: P1Y }
    agreement: { id: TT-08/2026, from: 2026-01-01, purpose: x, storage_basis: "42.1" }
    platform: NDXP
    tables: [{ source: public.citizen, target: population.citizen_names }]
    subscriptions: [{ target: hcm }]
`;
  expect(valid(text).shares.map(({ id }) => id)).toEqual(["population", "second"]);
});

test("what could be meant otherwise is warned of, and does not stop", () => {
  expect(warnings(edited(sample, "    platform: NDXP\n", ""))).toEqual(["DB-CFG-066"]);
  expect(warnings(edited(sample, "    model: intermediary\n    platform: NDXP\n", ""))).toEqual(["DB-CFG-066"]);
  const weak = "url: postgres://u:${env:PASSWORD}@h/d?sslmode=require";
  expect(warnings(edited(sample, "url: ${env:HCM_URL}", weak))).toEqual(["DB-CFG-027"]);
  const unused = "  spare: { connector: postgres, url: postgres://u@h/d, provider: { id: G02, name: x } }\ntargets:\n";
  expect(warnings(edited(sample, "targets:\n", unused))).toEqual(["DB-CFG-067"]);
});

test("a configuration shows no secret however it is printed", () => {
  const text = edited(sample, "version: 1\n", "version: 1\ncontrol: postgres://c:${env:PASSWORD}@localhost/control\n");
  const configuration = valid(text);
  const printed =
    inspect(configuration, { depth: null }) + JSON.stringify([...configuration.sources, ...configuration.targets, configuration.control]);
  for (const secret of [...secrets, "p@ssw0rd"]) expect(printed).not.toContain(secret);
  expect(database(configuration.targets.get("hcm")).password?.reveal()).toBe("p@ssw0rd");
});

test("two entries that lead to one MySQL server are one database, whatever database their URLs begin in", () => {
  const own = designExample.replace("connector: postgres, url: ${env:HCM_URL}", "connector: mysql, url: ${env:HUE_URL}");
  expect(own).not.toBe(designExample);
  expect(readSample(own).findings.map(({ code }) => code)).toContain("DB-CFG-062");
  const reserved = designExample.replace("target: population.citizen", "target: mysql.citizen");
  expect(readSample(reserved).findings.map(({ code }) => code)).toContain("DB-CFG-041");
});

test("the shape that the design shows is read as it stands", () => {
  const { configuration, findings } = readSample(designExample);
  expect(findings.map(({ code, severity, location: place }) => [code, severity, place?.line])).toEqual([["DB-CFG-066", "warning", 20]]);
  expect(configuration?.targets.get("hue")).toMatchObject({ connector: "mysql", address: { kind: "mysql" } });
});

const designExample = `# dongbo.yaml
version: 1
control: embedded                       # or a postgres URL
data_dir: .dongbo                       # beside this file
listen: 127.0.0.1:9464
sources:
  population:                           # exactly one source owns a master table
    connector: postgres                 # postgres | mysql | debezium
    url: \${env:POPULATION_URL}
    provider: { id: G01, name: Bộ Công an }
    limits: { connections: 4, wal_retained_max: 8GB }
targets:
  hcm: { connector: postgres, url: \${env:HCM_URL}, readers: [app_reader], consumer: { id: "79", name: Thành phố Hồ Chí Minh } }
  hue: { connector: mysql, url: \${env:HUE_URL}, consumer: { id: "46", name: Thành phố Huế } }
shares:
  - id: population
    source: population
    regulation: { id: QC-01/2025, validity_period: PT24H, on_expiry: refuse, log_retention: P1Y }   # or resync
    agreement: { id: TT-07/2026, from: 2026-01-01, to: 2027-01-01, purpose: ..., storage_basis: "42.1" }
    model: intermediary                 # with platform: who runs it
    tables:
      - source: public.citizen
        target: population.citizen      # what readers query
        key: [personal_id]
        columns: [personal_id, full_name, birth_date, gender_code, province_code]
        where: { province_code: { in: $provinces } }
    subscriptions:
      - { target: hcm, parameters: { provinces: ["79"] } }
      - { target: hue, parameters: { provinces: ["46"] } }
`;

test("the example of the documentation is valid", () => {
  const path = "deploy/examples/population.yaml";
  const env = { POPULATION_URL: "postgres://u@h/d", HCM_URL: "postgres://u@h/hcm", HUE_PASSWORD: "x" };
  const { configuration, findings } = loadConfiguration(path, env);
  expect(findings).toEqual([]);
  expect(configuration?.file).toBe(resolve(path));
  expect(configuration?.dataDir).toBe(resolve("deploy/examples/.dongbo"));
  expect(readFileSync(path, "utf8")).toContain("$schema=../schema/dongbo.schema.json");
});
