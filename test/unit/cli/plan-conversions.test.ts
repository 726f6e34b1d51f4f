import { expect, test } from "vitest";
import { plannedConversions } from "../../../deploy/processes/plan-conversions.ts";
import { toDocument } from "../../../engine/config/applied-document.ts";
import type { Configuration } from "../../../engine/config/configuration.ts";
import { compareDocuments } from "../../../engine/config/configuration-changes.ts";
import { readConfiguration } from "../../../engine/config/load-config.ts";
import type { CatalogTable } from "../../../engine/model/table.ts";
import { postgresType } from "../../support/family-types.ts";
import { catalogTable, column } from "../../support/table-builders.ts";

function configuration(): Configuration {
  const consumer = { id: "H", name: "consumer" };
  const table = (name: string): object => ({
    source: `public.${name}`,
    target: `population.${name}`,
    key: ["id"],
    columns: ["id", "card"],
  });
  const text = JSON.stringify({
    version: 1,
    sources: {
      population: { connector: "postgres", url: "postgres://dongbo@127.0.0.1/master", provider: { id: "G01", name: "Bộ Công an" } },
    },
    targets: {
      hcm: { connector: "postgres", url: "postgres://dongbo@127.0.0.1/hcm", consumer },
      hue: { connector: "mysql", url: "mysql://dongbo@127.0.0.1/", consumer },
    },
    shares: [
      {
        id: "population",
        source: "population",
        regulation: { id: "QC-01/2025", validity_period: "PT24H", on_expiry: "refuse", log_retention: "P1Y" },
        agreement: { id: "TT-07/2026", from: "2026-01-01", to: "2027-01-01", purpose: "x", storage_basis: "42.1" },
        model: "intermediary",
        platform: "Nền tảng",
        tables: [table("citizen"), table("household")],
        subscriptions: [{ target: "hcm" }, { target: "hue" }],
      },
    ],
  });
  const { configuration: read, findings } = readConfiguration(text, "dongbo.yaml", {});
  if (read === null) throw new Error(findings.map(({ cause }) => cause).join());
  return read;
}

function master(name: string): CatalogTable {
  const columns = [
    column("id", "integer", { nullable: false, type: postgresType("int8", "bigint") }),
    column("card", "uuid", { type: postgresType("uuid") }),
  ];
  return catalogTable(columns, { table: { schema: "public", name } });
}

test("a plan tells what a target of another family holds otherwise, of changed tables only", async () => {
  const wanted = configuration();
  const changes = compareDocuments(null, toDocument(wanted, new Map()));
  const asked: string[] = [];
  const planned = await plannedConversions(
    wanted,
    changes.map((change) => ({ ...change, tables: change.tables.filter(({ source }) => source.name === "citizen") })),
    async (source, tables) => {
      asked.push(`${source} ${tables.map(({ name }) => name).join()}`);
      return Promise.resolve(tables.map(({ name }) => master(name)));
    },
  );
  expect(asked).toEqual(["population citizen"]);
  expect(planned).toEqual([
    {
      subscription: "population/hue",
      table: "population.citizen",
      column: "card",
      from: "uuid",
      to: "char(36)",
      fidelity: "widened",
      note: "as PostgreSQL prints it",
      lossAccepted: false,
      key: false,
    },
  ]);
});
