// Mistakes of people, one entry each: what to replace in the sample file, and by what. `«` stands where a finding must
// point; the codes come in the order of the file.
export interface BrokenConfiguration {
  readonly mistake: string;
  readonly codes: readonly string[];
  readonly from: string;
  readonly to: string;
}

/** `codes` separated by spaces, then what to replace by what. */
function broken(mistake: string, codes: string, [from, to]: readonly [string, string]): BrokenConfiguration {
  return { mistake, codes: codes.split(" "), from, to };
}

const url = "url: ${env:POPULATION_URL}";
const where = "where: { province_code: { in: $provinces } }";
const columns = "columns: [personal_id, full_name, province_code]";
const platform = "    platform: NDXP\n";
const model = "    model: intermediary\n";
const subscription = '- { target: hcm, parameters: { provinces: ["79"] } }';

const yaml = [
  broken("a bracket is not closed", "DB-CFG-002", [columns, "columns: [personal_id, full_name\n        «x: 1"]),
  broken("a quote is not closed", "DB-CFG-002", [subscription, "- { target: hcm, parameters: { provinces: [«'79] } }"]),
  broken("a tab indents", "DB-CFG-002", ["  hcm:\n", "«\thcm:\n"]),
  broken("two colons in one line", "DB-CFG-002", ["    platform: NDXP", "    platform: «NDXP: yes"]),
  broken("a value starts with a reserved character", "DB-CFG-002", ["    platform: NDXP", "    platform: «@NDXP"]),
  broken("an alias without its anchor", "DB-CFG-002 DB-CFG-008", ["to: 2027-01-01", "to: 2027-01-01, method: ««*end"]),
  broken("an alias inside its own anchor", "DB-CFG-002 DB-CFG-050", [where, "where: &w { any: [ ««*w ] }"]),
  broken("a brace too many", "DB-CFG-002", [columns, "columns: [personal_id, full_name, province_code]«}"]),
  broken("characters that are none", "DB-CFG-002", ["version: 1\n", "«version: 1\n# \uFDD0\n"]),
  broken("a key twice", "DB-CFG-004", [platform, `${platform}    «platform: LGSP\n`]),
  broken("a source twice", "DB-CFG-004", ["targets:\n", "  «population: {}\ntargets:\n"]),
  broken("a tag", "DB-CFG-005", ["key: [personal_id]", "key: !!set «[personal_id]"]),
  broken("a second document", "DB-CFG-005", ["shares:\n", "«---\nshares:\n"]),
  broken("a list as a key", "DB-CFG-005", ["version: 1\n", "version: 1\n? «[a]\n: 1\n"]),
  broken("the key __proto__", "DB-CFG-005", ["version: 1\n", "version: 1\n«__proto__: { listen: off }\n"]),
  broken("a merge key", "DB-CFG-005", [platform, `${platform}    «<<: { x: 1 }\n`]),
];

const shapes = [
  broken("an unknown key at the top", "DB-CFG-006", ["version: 1\n", "version: 1\n«data_dri: x\n"]),
  broken("an unknown key deep inside", "DB-CFG-006", ["on_expiry: refuse", "on_expiry: refuse, «grace: PT1H"]),
  broken("an unknown column option", "DB-CFG-006", [columns, "columns: [personal_id, { full_name: { «too: name } }, province_code]"]),
  broken("an unknown limit", "DB-CFG-006", [url, `${url}\n    limits: { «conections: 4 }`]),
  broken("a source without provider", "DB-CFG-007", [
    "    connector: postgres\n    url: ${env:POPULATION_URL}\n    provider: { id: G01, name: Bộ Công an }\n",
    "    «connector: postgres\n    url: ${env:POPULATION_URL}\n",
  ]),
  broken("a share without regulation (VL-01)", "DB-CFG-007", [
    "- id: population\n    source: population\n    regulation: { id: QC-01/2025, validity_period: PT24H, on_expiry: refuse, log_retention: P1Y }\n",
    "- «id: population\n    source: population\n",
  ]),
  broken("a regulation without validity period (VL-01)", "DB-CFG-007", [
    "regulation: { id: QC-01/2025, validity_period: PT24H",
    "regulation: «{ id: QC-01/2025",
  ]),
  broken("an agreement without storage basis (VL-13)", "DB-CFG-007", [
    'agreement: { id: TT-07/2026, from: 2026-01-01, to: 2027-01-01, purpose: Thủ tục hành chính, storage_basis: "42.1" }',
    "agreement: «{ id: TT-07/2026, from: 2026-01-01, to: 2027-01-01, purpose: Thủ tục hành chính }",
  ]),
  broken("an empty required value", "DB-CFG-008", [
    "    connector: postgres\n    url: ${env:HCM_URL}",
    "    «connector:\n    url: ${env:HCM_URL}",
  ]),
  broken("an identifier without quotes", "DB-CFG-008", ['id: "79"', "id: «79"]),
  broken("a storage basis without quotes", "DB-CFG-008", ['storage_basis: "42.1"', "storage_basis: «42.1"]),
  broken("a mapping where a list belongs", "DB-CFG-008", [`\n      ${subscription}`, " «{ target: hcm }"]),
  broken("a list where text belongs", "DB-CFG-008", ["purpose: Thủ tục hành chính", "purpose: «[a, b]"]),
  broken("text where a number belongs", "DB-CFG-008", [url, `${url}\n    limits: { connections: «four }`]),
  broken("a number with a fraction", "DB-CFG-008", [url, `${url}\n    limits: { connections: «4.5 }`]),
  broken("too few connections", "DB-CFG-009", [url, `${url}\n    limits: { connections: «1 }`]),
  broken("a negative bound", "DB-CFG-009", [platform, `${platform}    quarantine_max: «-1\n`]),
  broken("a policy that does not exist", "DB-CFG-009", ["on_expiry: refuse", "on_expiry: «ignore"]),
  broken("a connector that does not exist", "DB-CFG-009", ["postgres\n    url: ${env:HCM_URL}", "«postgre\n    url: ${env:HCM_URL}"]),
  broken("a storage basis that does not exist", "DB-CFG-009", ['storage_basis: "42.1"', 'storage_basis: «"42.4"']),
  broken("a repair that does not exist", "DB-CFG-009", [platform, `${platform}    reconcile: { repair: «maybe }\n`]),
  broken("no rows each second", "DB-CFG-009", [platform, `${platform}    reconcile: { rows_per_second: «0 }\n`]),
  broken("an unknown key of a comparison", "DB-CFG-006", [platform, `${platform}    reconcile: { «evry: P1D }\n`]),
  broken("an empty text", "DB-CFG-009", ["purpose: Thủ tục hành chính", 'purpose: «""']),
  broken("a text of blanks", "DB-CFG-009", ["purpose: Thủ tục hành chính", 'purpose: «"  "']),
  broken("no table at all", "DB-CFG-054 DB-CFG-009", [
    `    tables:
      - source: public.citizen
        target: population.citizen
        key: [personal_id]
        ${columns}
        ${where}
    subscriptions:
      ${subscription}`,
    `    subscriptions:\n      - { target: hcm, parameters: { «provinces: ["79"] } }\n    tables: «[]`,
  ]),
  broken("a type that is more than a type", "DB-CFG-009", [
    columns,
    'columns: [personal_id, province_code, { full_name: { type: «"text); DROP TABLE x; --" } }]',
  ]),
  broken("an id with a slash", "DB-CFG-010", ["- id: population", "- id: «pop/ulation"]),
  broken("a source's id with a space", "DB-CFG-010", [
    "targets:\n",
    "  «a b: { connector: postgres, url: postgres://u@h/d, provider: { id: X, name: X } }\ntargets:\n",
  ]),
  broken("another version", "DB-CFG-011", ["version: 1\n", "version: «2\n"]),
  broken("a key of another connector", "DB-CFG-013", [url, `${url}\n    «server_id: 4`]),
  broken("topics at a database", "DB-CFG-013", [url, `${url}\n    «topics: { prefix: pop }`]),
  broken("a source that is a target", "DB-CFG-009", ["postgres\n    url: ${env:POPULATION_URL}", "«kafka\n    url: kafka://localhost"]),
];

const urls = [
  broken("a URL that is none", "DB-CFG-020", [url, "url: «db.example.vn:5432"]),
  broken("a URL without database", "DB-CFG-020", [url, "url: «postgres://u@h"]),
  broken("a URL without user", "DB-CFG-020", [url, "url: «postgres://h/d"]),
  broken("a port beyond all ports", "DB-CFG-020", [url, "url: «postgres://u@h:70000/d"]),
  broken("several hosts", "DB-CFG-020", [url, "url: «postgres://u@a:1,b:2/d"]),
  broken("a control database that is no URL", "DB-CFG-020", ["version: 1\n", "version: 1\ncontrol: «embeded\n"]),
  broken("a URL of another kind of server", "DB-CFG-021", [url, "url: «mysql://u@h/d"]),
  broken("a literal password", "DB-CFG-022", [url, "url: «postgres://u:hunter2-Ω@h/d"]),
  broken("a literal password as a parameter", "DB-CFG-022", [url, "url: «postgres://u@h/d?password=hunter2-Ω"]),
  broken("an unknown parameter", "DB-CFG-023", [url, "url: «postgres://u@h/d?connect_timeout=5"]),
  broken("two mistakes in one URL", "DB-CFG-023 DB-CFG-023", [url, "url: ««postgres://u@h/d?sslmod=require&sslcert=a.pem"]),
  broken("an sslmode that does not exist", "DB-CFG-023", [url, "url: «postgres://u@h/d?sslmode=verify"]),
  broken("a malformed reference", "DB-CFG-024", [url, "url: «postgres://u:${PASSWORD}@h/d"]),
  broken("a reference that does not end", "DB-CFG-024", [url, 'url: «"${env:PASSWORD"']),
  broken("a reference where none is read", "DB-CFG-024", ["version: 1\n", "version: 1\ndata_dir: «${env:DATA}\n"]),
  broken("a variable that is not set", "DB-CFG-025", [url, "url: «postgres://u:${env:PASWORD}@h/d"]),
  broken("a variable that is empty", "DB-CFG-025", [url, "url: «postgres://u:${env:EMPTY}@h/d"]),
  broken("a secret's file that is missing", "DB-CFG-026", [url, "url: «postgres://u:${file:/nonexistent/secret}@h/d"]),
];

const values = [
  broken("a duration in words", "DB-CFG-030", ["validity_period: PT24H", "validity_period: «24h"]),
  broken("an interval between comparisons of no length", "DB-CFG-030", [platform, `${platform}    reconcile: { every: «PT0S }\n`]),
  broken("an interval between comparisons in words", "DB-CFG-030", [platform, `${platform}    reconcile: { every: «daily }\n`]),
  broken("a validity period of no length (VL-01)", "DB-CFG-030", ["validity_period: PT24H", "validity_period: «PT0S"]),
  broken("a size without unit", "DB-CFG-031", [url, `${url}\n    limits: { wal_retained_max: «"8" }`]),
  broken("a date that does not exist", "DB-CFG-032", ["to: 2027-01-01", "to: «2026-02-30"]),
  broken("a date with the day first", "DB-CFG-032", ["to: 2027-01-01", "to: «01/01/2027"]),
  broken("a listening address without port", "DB-CFG-033", ["version: 1\n", "version: 1\nlisten: «localhost\n"]),
  broken("a table without schema", "DB-CFG-040", ["source: public.citizen", "source: «citizen"]),
  broken("a table in three parts", "DB-CFG-009", ["source: public.citizen", "source: «[a, b, c]"]),
  broken("a name of 64 bytes", "DB-CFG-041", ["source: public.citizen", `source: «public.${"x".repeat(64)}`]),
  broken("a name of 22 Vietnamese letters and 66 bytes", "DB-CFG-041", ["source: public.citizen", `source: «public.${"ệ".repeat(22)}`]),
  broken("a target in dongbo's own schema", "DB-CFG-041", ["target: population.citizen", "target: «dongbo.citizen"]),
  broken("a target column that dongbo keeps for itself", "DB-CFG-041", [
    columns,
    "columns: [personal_id, province_code, { full_name: { to: «dongbo_batch } }]",
  ]),
  broken("a slot name with capitals", "DB-CFG-041", [url, `${url}\n    slot: «Population`]),
  broken("a physical schema that would be too long", "DB-CFG-042", ["target: population.citizen", `target: «${"s".repeat(60)}.citizen`]),
  broken("a physical schema of 64 bytes", "DB-CFG-041", [
    "target: population.citizen",
    `target: population.citizen\n        physical_schema: «${"x".repeat(64)}`,
  ]),
  broken("a physical schema that is the view's own", "DB-CFG-042", [
    "target: population.citizen",
    "target: population.citizen\n        physical_schema: «population",
  ]),
  broken("a key column that is not shared", "DB-CFG-043", ["key: [personal_id]", "key: [personal_id, «birth_date]"]),
  broken("a column twice", "DB-CFG-043", [columns, "columns: [personal_id, province_code, «personal_id]"]),
  broken("a column twice under two names", "DB-CFG-043", [columns, "columns: [personal_id, { «personal_id: { to: other } }]"]),
  broken("two columns of one name in the target", "DB-CFG-043", [columns, "columns: [personal_id, { «full_name: { to: personal_id } }]"]),
  broken("two columns in one entry of the list", "DB-CFG-043", [columns, "columns: [personal_id, «{ full_name: {}, province_code: {} }]"]),
  ...[
    ["fewer columns than the copy's key has", "DB-CFG-044", "[{ table: app.r, columns: «[a, b] }]"],
    ["fewer columns than are referred to", "DB-CFG-044", "[{ table: app.r, columns: «[a], to: [personal_id, full_name] }]"],
    ["a reference to a column that the copy does not have", "DB-CFG-044", "[{ table: app.r, columns: [a], to: [«personal] }]"],
    ["a reference that names a column twice", "DB-CFG-044 DB-CFG-044", "[{ table: app.r, columns: [a, «a], to: [full_name, «full_name] }]"],
    [
      "two references that do not fit",
      "DB-CFG-044 DB-CFG-044 DB-CFG-044",
      "[{ table: app.r, columns: «[a, b] }, { table: app.s, columns: «[a], to: [full_name, «x] }]",
    ],
    ["a reference without columns", "DB-CFG-007", "[«{ table: app.r }]"],
    ["a reference of no columns", "DB-CFG-009", "[{ table: app.r, columns: «[] }]"],
    ["a referring table without schema", "DB-CFG-040", "[{ table: «r, columns: [a] }]"],
    ["an unknown key of a reference", "DB-CFG-006", "[{ table: app.r, columns: [a], «form: [full_name] }]"],
  ].map(([mistake = "", codes = "", written = ""]) =>
    broken(mistake, codes, ["        key: [personal_id]\n", `        key: [personal_id]\n        referenced_by: ${written}\n`]),
  ),
  broken("no columns", "DB-CFG-043 DB-CFG-043", [
    "key: [personal_id]\n        columns: [personal_id, full_name, province_code]",
    "key: [«personal_id]\n        columns: «{}",
  ]),
];

const filters = [
  broken("an operator that does not exist", "DB-CFG-050", [where, "where: { province_code: { «like: $provinces } }"]),
  broken("a list without operator", "DB-CFG-050", [where, 'where: { province_code: «["79"] }']),
  broken("a filter that is text", "DB-CFG-050", [where, "where: «province_code in $provinces"]),
  broken("an empty filter", "DB-CFG-050", [where, "where: «{}"]),
  broken("an empty list of values", "DB-CFG-050", [where, "where: { province_code: { in: «[] } }"]),
  broken("any of nothing", "DB-CFG-050", [where, "where: { any: «[] }"]),
  broken("a parameter's name with a dash", "DB-CFG-050", [where, "where: { province_code: { in: «$pro-vinces } }"]),
  broken("a comparison with NULL", "DB-CFG-051", [where, "where: { province_code: { eq: «null } }"]),
  broken("NULL in a list", "DB-CFG-051", [where, 'where: { province_code: { in: ["79", «~] } }']),
  broken("is_null with text", "DB-CFG-050", [where, 'where: { province_code: { is_null: «"true" } }']),
  broken("a filter of 17 levels", "DB-CFG-052", [where, `where: ${"{ not: ".repeat(16)}«{ province_code: 1${" }".repeat(17)}`]),
  broken("a parameter that nobody gives", "DB-CFG-053", [subscription, "- «{ target: hcm }"]),
  broken("a parameter that no filter uses", "DB-CFG-054", ['provinces: ["79"]', 'provinces: ["79"], «province: ["79"]']),
  broken("a parameter without values", "DB-CFG-055", ['provinces: ["79"]', "provinces: «[]"]),
  broken("a parameter of NULL", "DB-CFG-051", ['provinces: ["79"]', "provinces: [«null]"]),
  broken("several values where one is compared", "DB-CFG-055", [
    `${where}\n    subscriptions:\n      ${subscription}`,
    `where: { province_code: $provinces }\n    subscriptions:\n      - { target: hcm, parameters: { «provinces: ["79", "46"] } }`,
  ]),
];

const otherShare = (id: string, source: string, table: string): string => `  - id: ${id}
    source: ${source}
    regulation: { id: QC-02/2025, validity_period: PT1H, log_retention: P1Y }
    agreement: { id: TT-08/2026, from: 2026-01-01, purpose: x, storage_basis: "42.2" }
    platform: NDXP
    tables: [{ source: ${table} }]
`;

/** The sample's source under another name, on the same server. */
const secondSource = (own: string): string => `  again:
    connector: postgres
    url: postgres://other@DB.example.vn/other
    provider: { id: G01, name: Bộ Công an }
${own}targets:
`;

const replica = (id: string, url: string, serverId: string): string =>
  `  ${id}: { connector: mysql, url: "${url}", server_id: ${serverId}, provider: { id: G01, name: Bộ Công an } }\n`;

const splitSources = [
  broken("a server_id that is given twice for one server", "DB-CFG-070", [
    "sources:\n",
    `sources:\n${replica("one", "mysql://dongbo@db", "7")}${replica("two", "mysql://dongbo@DB:3306/other", "«7")}${replica("three", "mysql://dongbo@other", "7")}`,
  ]),
  broken("a publication that is given twice, and a slot of the same name in another database of the server", "DB-CFG-070 DB-CFG-070", [
    url + "\n    provider: { id: G01, name: Bộ Công an }\ntargets:\n",
    `${url}\n    publication: ours\n    slot: mine\n    provider: { id: G01, name: Bộ Công an }\n${secondSource("    publication: ours\n    slot: «mine\n")}`.replace(
      "targets:\n",
      `  third:\n    connector: postgres\n    url: postgres://x@db.example.vn/population\n    publication: «ours\n    provider: { id: G01, name: Bộ Công an }\ntargets:\n`,
    ),
  ]),
  broken("a slot that is another source's by name", "DB-CFG-070", ["targets:\n", secondSource("    slot: «dongbo_population\n")]),
  broken("a slot that is given twice", "DB-CFG-070", [
    url + "\n    provider: { id: G01, name: Bộ Công an }\ntargets:\n",
    `${url}\n    slot: mine\n    provider: { id: G01, name: Bộ Công an }\n${secondSource("    slot: «mine\n")}`,
  ]),
];

const agreements = [
  broken("a share's id twice", "DB-CFG-060", [
    subscription,
    `${subscription}\n${otherShare("«population", "population", "public.b, target: other.b")}    subscriptions: []\n`,
  ]),
  broken("a subscription twice", "DB-CFG-060", [
    subscription,
    `${subscription}\n      - { target: «hcm, parameters: { provinces: ["46"] } }`,
  ]),
  broken("a source that is not defined", "DB-CFG-061", ["    source: population", "    source: «popolation"]),
  broken("a target that is not defined", "DB-CFG-061", ["{ target: hcm", "{ target: «hue"]),
  broken("a target table claimed by two shares", "DB-CFG-062", [
    subscription,
    `${subscription}\n${otherShare("second", "population", "public.x, target: population.citizen")}    subscriptions: [{ target: «hcm }]`,
  ]),
  broken("a physical table claimed by two shares", "DB-CFG-042", [
    subscription,
    `${subscription}\n${otherShare("second", "population", "public.x, target: other.citizen, physical_schema: population_copy")}    subscriptions: [{ target: «hcm }]`,
  ]),
  broken("a table twice in a share", "DB-CFG-062", [
    "    subscriptions:\n",
    "      - source: public.other\n        target: «population.citizen\n    subscriptions:\n",
  ]),
  broken("a term that ends before it begins", "DB-CFG-064", ["to: 2027-01-01", "to: «2026-01-01"]),
  broken("a direct connection without basis (MO-02)", "DB-CFG-065", [model, "    model: «direct\n"]),
  broken("a direct connection whose basis lacks the reason (MO-02)", "DB-CFG-007", [
    model,
    "    model: direct\n    direct_basis: «{ document: 12/CV, date: 2026-01-01, issuer: Bộ TTTT }\n",
  ]),
  broken("a basis that the provider issued itself (MO-02)", "DB-CFG-065", [
    model,
    "    model: direct\n    direct_basis: { document: 12/CV, date: 2026-01-01, issuer: «Bộ Công an, reason: x }\n",
  ]),
];

export const brokenConfigurations: readonly BrokenConfiguration[] = [
  ...yaml,
  ...shapes,
  ...urls,
  ...values,
  ...filters,
  ...splitSources,
  ...agreements,
];
