import { describe, expect, test } from "vitest";
import type {
  ColumnConfiguration,
  ShareConfiguration,
  SubscriptionConfiguration,
  TableConfiguration,
} from "../../../engine/config/configuration.ts";
import type { CatalogTable } from "../../../engine/model/table.ts";
import { type Resolution, resolveSubscription } from "../../../mappings/resolve-subscription.ts";
import { mysqlType, postgresType } from "../../support/family-types.ts";
import { catalogTable, column, columnType } from "../../support/table-builders.ts";

const location = { file: "dongbo.yaml", line: 7, column: 9 };

function shared(source: string, options: Partial<ColumnConfiguration> = {}): ColumnConfiguration {
  return { source, target: source, type: null, acceptLoss: false, codeList: null, class: null, location, ...options };
}

const wholeTable: TableConfiguration = {
  source: { schema: "public", name: "citizen" },
  target: { schema: "population", name: "citizen" },
  physicalSchema: "population_copy",
  key: null,
  columns: null,
  where: null,
  referencedBy: [],
  location,
};

const subscription: SubscriptionConfiguration = {
  id: "population/hcm",
  target: "hcm",
  parameters: new Map([["provinces", ["79", "74"]]]),
  location,
};

function share(...tables: readonly Partial<TableConfiguration>[]): ShareConfiguration {
  return {
    id: "population",
    source: "population",
    regulation: {
      id: "QC-01/2025",
      validityPeriodSeconds: 86_400,
      onExpiry: "refuse",
      logRetentionSeconds: 3600,
      issuer: null,
      date: null,
      url: null,
    },
    agreement: { id: "TT-07", from: new Date(0), to: null, purpose: "", storageBasis: ["42.1"], items: new Map(), location },
    model: { kind: "intermediary", platform: null },
    tables: tables.map((table) => ({ ...wholeTable, ...table })),
    subscriptions: [subscription],
    quarantineMax: 7,
    reconcile: { everySeconds: null, repair: "none", onDifference: "report", keys: "exact", rowsPerSecondMax: null },
    location,
  };
}

const citizen = catalogTable([
  column("personal_id", "text", { nullable: false }),
  column("full_name", "text"),
  column("province_code", "text"),
  column("number", "integer", { nullable: false }),
]);

function resolve(table: Partial<TableConfiguration>, catalog: CatalogTable = citizen): Resolution {
  return resolveSubscription(share(table), subscription, [catalog], "postgres");
}

/** Code, severity and subject of each finding; all point into the file. */
function brief({ findings, subscription: resolved }: Resolution): string[] {
  expect(findings.every((finding) => finding.location === location && finding.remedy !== "")).toBe(true);
  expect(resolved.stopped.length > 0).toBe(findings.some((finding) => finding.severity === "error"));
  return findings.map(({ code, severity, subject }) => `${code} ${severity} ${subject}`);
}

describe("a subscription resolved against the catalogue", () => {
  test("holds all columns under their own names, keyed by the primary key, unless the share says otherwise", () => {
    const { subscription: resolved } = resolve({});
    expect(resolved).toMatchObject({ id: "population/hcm", share: "population", source: "population", target: "hcm", quarantineMax: 7 });
    expect(resolved.tables).toEqual([
      {
        source: { schema: "public", name: "citizen" },
        target: { schema: "population", name: "citizen" },
        physical: { schema: "population_copy", name: "citizen" },
        key: ["personal_id"],
        columns: citizen.columns.map(({ name, type, nullable }) => ({
          source: name,
          target: name,
          sourceType: type,
          targetType: null,
          nullable,
        })),
        filter: null,
        catalog: citizen,
      },
    ]);
  });

  test("takes names, types and order of the columns from the share, and its parameters into the filter", () => {
    const { subscription: resolved } = resolve({
      columns: [shared("full_name", { target: "Họ tên", type: "varchar(80)" }), shared("personal_id")],
      where: { op: "in", column: "province_code", values: [{ parameter: "provinces" }], location },
    });
    expect(resolved.tables[0]?.columns.map(({ source, target, targetType }) => [source, target, targetType])).toEqual([
      ["full_name", "Họ tên", "varchar(80)"],
      ["personal_id", "personal_id", null],
    ]);
    expect(resolved.tables[0]?.filter).toEqual({ op: "in", column: "province_code", values: ["79", "74"] });
  });

  test("takes its key in the order of the index behind it, whatever the order in the share", () => {
    const catalog = { ...citizen, primaryKey: ["number", "personal_id"], uniqueKeys: [["province_code", "number"]] };
    expect(resolve({ key: ["personal_id", "number"] }, catalog).subscription.tables[0]?.key).toEqual(["number", "personal_id"]);
    expect(resolve({ key: ["number", "province_code"] }, catalog).subscription.tables[0]?.key).toEqual(["province_code", "number"]);
  });

  test("tells everything that is wrong at once, with the place in the file", () => {
    const tables = [
      { columns: [shared("personal_id"), shared("Full_name"), shared("number", { target: "personal_id" })] },
      { source: { schema: "public", name: "missing" } },
      { where: { op: "eq", column: "nothing", value: "x", location } as const },
    ];
    expect(brief(resolveSubscription(share(...tables), subscription, [citizen], "postgres"))).toEqual([
      "DB-MAP-031 error public.citizen.Full_name",
      "DB-MAP-034 error public.citizen.number",
      "DB-MAP-030 error public.missing",
      "DB-MAP-001 error public.citizen",
    ]);
  });

  test("stops the tables that something is wrong with, each with all of it, and follows the others", () => {
    const province = catalogTable([column("code", "text", { nullable: false })], {
      table: { schema: "public", name: "province" },
      id: "2",
    });
    const where = { op: "eq", column: "nothing", value: "x", location } as const;
    const wanted = share(
      { columns: [shared("personal_id"), shared("born")], where },
      { source: { schema: "public", name: "missing" } },
      { source: province.table, target: { schema: "population", name: "province" } },
    );
    const { tables, stopped } = resolveSubscription(wanted, subscription, [citizen, province], "postgres").subscription;
    expect(tables.map(({ source }) => source.name)).toEqual(["province"]);
    expect(stopped).toMatchObject([
      { source: { name: "citizen" }, catalog: citizen, columns: ["personal_id", "born", "nothing"], reason: { code: "DB-MAP-031" } },
      { source: { name: "missing" }, catalog: null, reason: { code: "DB-MAP-030", subject: "public.missing" } },
    ]);
    expect(stopped[0]?.reason.message).toContain('the filter names a column "nothing"');
  });

  test("is refused where a column would take the name that the engine needs", () => {
    expect(brief(resolve({ columns: [shared("personal_id"), shared("number", { target: "dongbo_batch" })] }))).toEqual([
      "DB-MAP-034 error public.citizen.number",
    ]);
  });

  test("leaves one column to the engine: 1,599 are the most", () => {
    const wide = (count: number): CatalogTable =>
      catalogTable(Array.from({ length: count }, (_, index) => column(`c${index}`, "integer", { nullable: index > 0 })));
    expect(brief(resolve({}, wide(1599)))).toEqual([]);
    expect(brief(resolve({}, wide(1600)))).toEqual(["DB-MAP-036 error public.citizen"]);
  });

  describe("refuses a key", () => {
    test("that is missing, and says how to name one (MM-01)", () => {
      expect(brief(resolve({}, { ...citizen, primaryKey: [] }))).toEqual(["DB-MAP-032 error public.citizen"]);
    });

    test("that no unique index has, in whole", () => {
      const catalog = { ...citizen, primaryKey: ["personal_id", "number"] };
      for (const key of [["personal_id"], ["personal_id", "number", "full_name"], ["full_name"]])
        expect(brief(resolve({ key }, catalog))).toContain("DB-MAP-032 error public.citizen");
    });

    test("that is not shared", () => {
      expect(brief(resolve({ columns: [shared("full_name")] }))).toEqual(["DB-MAP-033 error public.citizen"]);
    });

    test("in which different bytes are equal", () => {
      const catalog = catalogTable([column("personal_id", "text", { nullable: false, deterministic: false })]);
      expect(brief(resolve({}, catalog))).toEqual(["DB-MAP-032 error public.citizen"]);
    });

    test.each([
      ["an extension's type", columnType("other", { bare: "ext.ltree", declaration: "ext.ltree", extension: "ltree" })],
      ["an array", columnType("other", { bare: "pg_catalog.int4[]", declaration: "integer[]", kind: "array" })],
      ["a composite type", columnType("other", { bare: "kinds.pair", declaration: "kinds.pair", kind: "composite" })],
      ["a domain over an enum", columnType("enum", { kind: "domain" })],
    ])("of %s", (_, type) => {
      expect(brief(resolve({}, catalogTable([column("id", "other", { type, nullable: false })])))).toEqual([
        "DB-MAP-039 error public.citizen",
      ]);
    });

    test("of no other kind", () => {
      for (const type of [columnType("enum"), columnType("uuid"), columnType("text", { kind: "domain", declaration: "kinds.code" })])
        expect(brief(resolve({}, catalogTable([column("id", "text", { type, nullable: false })])))).toEqual([]);
    });
  });

  describe("takes generated columns", () => {
    const catalog = catalogTable([
      column("id", "integer", { nullable: false }),
      column("stored", "integer", { generated: true, publishable: true }),
      column("virtual", "integer", { generated: true }),
    ]);

    test("only where the stream can carry them", () => {
      expect(brief(resolve({ columns: [shared("id"), shared("stored")] }, catalog))).toEqual([]);
      expect(brief(resolve({ columns: [shared("id"), shared("virtual")] }, catalog))).toEqual(["DB-MAP-035 error public.citizen.virtual"]);
    });

    test("and says so when all columns are shared and some cannot be", () => {
      const resolution = resolve({}, catalog);
      expect(brief(resolution)).toEqual(["DB-MAP-035 warning public.citizen"]);
      expect(resolution.subscription.tables[0]?.columns.map(({ source }) => source)).toEqual(["id", "stored"]);
    });
  });

  describe("for a target of another family", () => {
    const master = catalogTable([
      column("id", "integer", { nullable: false, type: postgresType("int8", "bigint") }),
      column("name", "text", { type: postgresType("text") }),
      column("born", "timestamp", { type: postgresType("timestamp", "timestamp without time zone") }),
      column("card", "uuid", { type: postgresType("uuid") }),
    ]);
    const across = (columns: TableConfiguration["columns"], catalog = master): Resolution =>
      resolveSubscription(share({ columns }), subscription, [catalog], "mysql");

    test("gives every column a type there, and tells what is held otherwise", () => {
      const resolution = across(null);
      expect(resolution.subscription.tables[0]?.columns.map(({ targetType, conversion }) => [targetType, conversion])).toEqual([
        ["bigint", "like"],
        ["longtext", "like"],
        ["datetime(6)", "like"],
        ["char(36)", "like"],
      ]);
      expect(brief(resolution)).toEqual(["DB-MAP-050 info public.citizen.card"]);
      expect(resolution.findings[0]?.cause).toBe("uuid becomes char(36): as PostgreSQL prints it");
      expect(resolution.conversions).toMatchObject([
        { table: { schema: "population", name: "citizen" }, columns: [{ column: "id", to: "bigint", fidelity: "exact" }, {}, {}, {}] },
      ]);
    });

    test("stops a table of which something would be lost, until the share accepts it", () => {
      const born = (acceptLoss: boolean): Resolution => across([shared("id"), shared("born", { type: "datetime", acceptLoss })]);
      expect(brief(born(false))).toEqual(["DB-MAP-052 error public.citizen.born"]);
      expect(born(false).subscription.stopped[0]?.reason.message).toBe(
        "DB-MAP-052: public.citizen.born: timestamp without time zone becomes datetime, which loses digits of a second beyond 0. " +
          "Take `type:` out, name a type that holds all, or accept the loss with `accept_loss: true` at the column.",
      );
      expect(brief(born(true))).toEqual(["DB-MAP-051 warning public.citizen.born"]);
      expect(born(true).subscription.tables[0]?.columns[1]).toMatchObject({ targetType: "datetime", conversion: "lossy" });
    });

    test("lets nothing of a key be lost, accepted or not", () => {
      const keyed = { ...master, primaryKey: ["born"] };
      const born = across([shared("born", { type: "datetime", acceptLoss: true })], keyed);
      expect(brief(born)).toEqual(["DB-MAP-052 error public.citizen.born"]);
      expect(born.findings[0]?.remedy).toContain("two rows could become one");
      const same = resolveSubscription(
        share({ columns: [shared("born", { type: "timestamp(0)", acceptLoss: true })] }),
        subscription,
        [keyed],
        "postgres",
      );
      expect(same.subscription.tables[0]?.columns[0]).not.toHaveProperty("conversion");
    });

    test("warns of a chosen type of which nothing is known, and refuses what has none", () => {
      expect(brief(across([shared("id"), shared("card", { type: "binary(16)" })]))).toEqual(["DB-MAP-054 warning public.citizen.card"]);
      const catalog = catalogTable([
        column("id", "integer", { nullable: false }),
        column("owner", "other", { type: postgresType("regrole") }),
      ]);
      expect(brief(across(null, catalog))).toEqual(["DB-MAP-053 error public.citizen.owner"]);
      expect(brief(across([shared("id"), shared("owner", { type: "varchar(63)" })], catalog))).toEqual([
        "DB-MAP-050 info public.citizen.owner",
      ]);
    });

    test("takes no more columns than that has, nor longer rows", () => {
      const wide = (count: number, category: "integer" | "text"): CatalogTable =>
        catalogTable(Array.from({ length: count }, (_, index) => column(`c${index}`, category, { nullable: index > 0 })));
      expect(brief(across(null, wide(1016, "integer")))).toEqual([]);
      expect(brief(across(null, wide(1017, "integer")))).toEqual(["DB-MAP-036 error public.citizen"]);
      expect(brief(across(null, wide(370, "text")))).toEqual(["DB-MAP-050 info public.citizen.c0"]);
      expect(brief(across(null, wide(400, "text")))).toEqual(["DB-MAP-036 error public.citizen", "DB-MAP-050 info public.citizen.c0"]);
    });
  });

  test.each([
    ["enum('a','b')", true],
    ["set('a','b')", true],
    ["binary(16)", true],
    ["time(6)", true],
    ["bit(5)", true],
    ["year(4)", true],
    ["uuid", true],
    ["double", false],
    ["geometry", false],
  ])("of a MySQL master may have a key of type %s: %s", (declaration, may) => {
    const id = column("id", "integer", { type: mysqlType(declaration), nullable: false });
    const codes = resolve({}, catalogTable([id])).findings.map(({ code }) => code);
    expect(codes.includes("DB-MAP-039")).toBe(!may);
  });

  test("is refused for a filter that cannot be judged alike everywhere", () => {
    const catalog = catalogTable([column("id", "integer", { nullable: false }), column("name", "text", { bytewiseCollation: false })]);
    expect(brief(resolve({ where: { op: "lt", column: "name", value: "b", location } }, catalog))).toEqual([
      "DB-MAP-005 error public.citizen",
    ]);
  });
});
