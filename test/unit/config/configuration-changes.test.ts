import { describe, expect, test } from "vitest";
import {
  type AppliedDocument,
  appliedOpenTables,
  documentDigest,
  documentText,
  openKey,
  type OpenTable,
  openTables,
  readDocument,
  toDocument,
  withAppliedTables,
} from "../../../engine/config/applied-document.ts";
import type { Configuration } from "../../../engine/config/configuration.ts";
import { compareDocuments } from "../../../engine/config/configuration-changes.ts";
import { readConfiguration } from "../../../engine/config/load-config.ts";

interface Options {
  readonly columns?: readonly (string | Record<string, unknown>)[];
  readonly where?: object;
  readonly provinces?: readonly string[];
  readonly targets?: readonly string[];
  readonly regulation?: object;
  readonly agreement?: object;
  readonly target?: string;
  readonly tables?: readonly object[];
  readonly reconcile?: object;
  readonly referencedBy?: readonly object[];
}

const allTargets = ["hcm", "hue"];

function configuration(options: Options = {}): Configuration {
  const { provinces = ["79"], targets = ["hcm"], where = { province_code: { in: "$provinces" } } } = options;
  const citizen = {
    source: "public.citizen",
    target: options.target ?? "population.citizen",
    key: ["personal_id"],
    columns: options.columns ?? ["personal_id", "full_name"],
    where,
    ...(options.referencedBy === undefined ? {} : { referenced_by: options.referencedBy }),
  };
  const text = JSON.stringify({
    version: 1,
    sources: {
      population: { connector: "postgres", url: "postgres://dongbo@127.0.0.1/master", provider: { id: "G01", name: "Bộ Công an" } },
    },
    targets: Object.fromEntries(
      allTargets.map((id) => [id, { connector: "postgres", url: `postgres://dongbo@127.0.0.1/${id}`, consumer: { id, name: id } }]),
    ),
    shares: [
      {
        id: "population",
        source: "population",
        regulation: { id: "QC-01/2025", validity_period: "PT24H", on_expiry: "refuse", log_retention: "P1Y", ...options.regulation },
        agreement: { id: "TT-07/2026", from: "2026-01-01", to: "2027-01-01", purpose: "x", storage_basis: "42.1", ...options.agreement },
        model: "intermediary",
        platform: "Nền tảng",
        tables: [citizen, ...(options.tables ?? [])],
        subscriptions: targets.map((target) => ({ target, parameters: { provinces } })),
        ...(options.reconcile === undefined ? {} : { reconcile: options.reconcile }),
      },
    ],
  });
  const loaded = readConfiguration(text, "dongbo.yaml", {});
  if (loaded.configuration === null) throw new Error(JSON.stringify(loaded.findings));
  return loaded.configuration;
}

const nothingOpen = new Map<string, OpenTable>();
const document = (options?: Options): AppliedDocument => toDocument(configuration(options), nothingOpen);

describe("applied document", () => {
  test("it survives storage and keeps its digest", () => {
    const text = documentText(document());
    expect(readDocument(text)).toEqual(document());
    expect(documentDigest(text)).toMatch(/^[0-9a-f]{64}$/);
  });

  test("it holds filters with their parameters put in, and no address", () => {
    const text = documentText(document({ provinces: ["79", "46"] }));
    expect(document({ provinces: ["79", "46"] }).subscriptions[0]?.tables[0]?.filter).toEqual({
      op: "in",
      column: "province_code",
      values: ["46", "79"],
    });
    expect(text).not.toContain("127.0.0.1");
    expect(text).not.toContain("postgres:");
  });

  test("a document of a later form is not guessed at", () => {
    expect(readDocument('{"format":2,"subscriptions":[]}')).toBeNull();
    expect(readDocument("not json")).toBeNull();
  });

  test("writing the same filter and the same parameters in another order is no change", () => {
    const where = { all: [{ province_code: { in: "$provinces" } }, { full_name: { is_null: false } }] };
    const turned = { all: [{ full_name: { is_null: false } }, { province_code: { in: "$provinces" } }] };
    const one = document({ where, provinces: ["79", "46"] });
    const two = document({ where: turned, provinces: ["46", "79"] });
    expect(compareDocuments(one, two)).toEqual([]);
  });
});

describe("what becomes of differences from the master (RC-07)", () => {
  test("is part of what was agreed, and a change of it is told", () => {
    const agreed = document({ reconcile: { every: "P1D", repair: "auto", on_difference: "quarantine" } });
    expect(compareDocuments(document(), agreed)).toMatchObject([
      { kind: "changed", terms: ["compared every: none → 86400 s", "repair: none → auto", "on difference: none → quarantine"] },
    ]);
  });

  test("left at its defaults it changes nothing of what was applied before there was a choice", () => {
    const spelt = document({ reconcile: { every: null, repair: "none", on_difference: "report", keys: "digests", rows_per_second: 5 } });
    expect(documentText(spelt)).toBe(documentText(document()));
    for (const name of ["compared every", "repair", "on difference"]) expect(document().subscriptions[0]?.terms).not.toHaveProperty([name]);
  });
});

test("what refers to a copy is the consumer's own matter: registering it changes nothing of what was agreed (RC-02)", () => {
  const registered = document({ referencedBy: [{ table: "app.resident", columns: ["citizen"] }] });
  expect(documentText(registered)).toBe(documentText(document()));
});

describe("tables that leave columns open", () => {
  const open = { tables: [{ source: "public.province", target: "population.province" }] };
  const key = openKey("population", { schema: "public", name: "province" });
  const atFirst = new Map([[key, { columns: ["code", "name"], primaryKey: ["code"] }]]);

  test("they are named, with their source", () => {
    expect(openTables(configuration(open))).toEqual([{ source: "population", table: { schema: "public", name: "province" } }]);
    expect(openTables(configuration())).toEqual([]);
  });

  test("without knowing what the source has there is no document", () => {
    expect(() => toDocument(configuration(open), nothingOpen)).toThrow("DB-MAP-030: public.province");
  });

  test("a column that the source has gained is shared only once it was applied", () => {
    const applied = toDocument(configuration(open), atFirst);
    const running = withAppliedTables(configuration(open), applied);
    expect(running.shares[0]?.tables[1]?.columns?.map((column) => column.source)).toEqual(["code", "name"]);
    expect(running.shares[0]?.tables[1]?.key).toEqual(["code"]);
    expect(appliedOpenTables(configuration(open), applied).get(key)).toEqual(atFirst.get(key));
    const later = toDocument(configuration(open), new Map([[key, { columns: ["code", "name", "region"], primaryKey: ["code"] }]]));
    expect(compareDocuments(applied, later)).toMatchObject([{ tables: [{ target: "population.province", columnsAdded: ["region"] }] }]);
  });
});

describe("changes between two configurations", () => {
  test("the same configuration changes nothing", () => {
    expect(compareDocuments(document(), document())).toEqual([]);
  });

  test("before the first one every subscription is added, with all rows and columns", () => {
    expect(compareDocuments(null, document())).toMatchObject([
      {
        subscription: "population/hcm",
        target: "hcm",
        kind: "added",
        tables: [
          {
            kind: "added",
            target: "population.citizen",
            columnsAdded: ["personal_id", "full_name"],
            columnsRemoved: [],
            rows: { before: undefined },
          },
        ],
      },
    ]);
  });

  test("an added subscription does not touch the others, a removed one is withdrawn whole", () => {
    const changes = compareDocuments(document({ targets: ["hcm"] }), document({ targets: ["hue"] }));
    expect(changes).toMatchObject([
      { subscription: "population/hcm", kind: "removed", tables: [{ kind: "removed", columnsRemoved: ["personal_id", "full_name"] }] },
      { subscription: "population/hue", kind: "added" },
    ]);
    expect(compareDocuments(document({ targets: ["hcm"] }), document({ targets: ["hcm", "hue"] }))).toHaveLength(1);
  });

  test("a parameter that grows and shrinks is told by value, with the filters to count by", () => {
    const [change] = compareDocuments(document({ provinces: ["79", "46"] }), document({ provinces: ["79", "01", "31"] }));
    expect(change?.parameters).toEqual([{ name: "provinces", added: ["01", "31"], removed: ["46"] }]);
    expect(change?.tables).toMatchObject([
      {
        kind: "changed",
        columnsAdded: [],
        columnsRemoved: [],
        remade: false,
        rows: {
          before: { op: "in", column: "province_code", values: ["46", "79"] },
          after: { op: "in", column: "province_code", values: ["01", "31", "79"] },
        },
      },
    ]);
  });

  test("columns that come, go, are renamed or retyped are told by the names that readers use", () => {
    const old = document({ columns: ["personal_id", "full_name", "birth_date", "note"] });
    const now = document({
      columns: ["personal_id", { full_name: { to: "name" } }, "birth_date", { note: { type: "text" } }, "gender_code"],
    });
    expect(compareDocuments(old, now)).toMatchObject([
      { tables: [{ columnsAdded: ["name", "gender_code"], columnsRemoved: ["full_name"], columnsRetyped: ["note"], remade: false }] },
    ]);
  });

  test("a loss that is newly accepted is a change of the column's type", () => {
    const kept = document({ columns: ["personal_id", { note: { type: "varchar(9)" } }] });
    const cut = document({ columns: ["personal_id", { note: { type: "varchar(9)", accept_loss: true } }] });
    expect(compareDocuments(kept, cut)).toMatchObject([{ tables: [{ columnsAdded: [], columnsRetyped: ["note"] }] }]);
    expect(compareDocuments(cut, cut)).toEqual([]);
  });

  test("another name of the copy makes it anew", () => {
    expect(compareDocuments(document(), document({ target: "population.people" }))).toMatchObject([{ tables: [{ remade: true }] }]);
  });

  test("terms change without touching any table", () => {
    const changes = compareDocuments(
      document(),
      document({ regulation: { validity_period: "PT12H", on_expiry: "resync" }, agreement: { to: "2028-01-01" } }),
    );
    expect(changes).toMatchObject([{ kind: "changed", tables: [], parameters: [] }]);
    expect(changes[0]?.terms).toEqual([
      "agreement to: 2026-12-31T17:00:00.000Z → 2027-12-31T17:00:00.000Z",
      "validity period: 86400 s → 43200 s",
      "on expiry: refuse → resync",
    ]);
    const terms = (agreement: object): readonly string[] | undefined => compareDocuments(document(), document({ agreement }))[0]?.terms;
    expect(terms({ purpose: "y", security: "TLS 1.3" })).toEqual(["purpose: x → y", "agreement security: none → TLS 1.3"]);
  });
});
