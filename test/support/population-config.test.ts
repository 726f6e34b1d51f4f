import { expect, test } from "vitest";
import { stringify } from "yaml";
import { readConfiguration } from "../../engine/config/load-config.ts";
import { sharedTables } from "../workload/population-copies.ts";
import { populationConfig } from "./population-config.ts";

test("the configuration that the end-to-end tests write is one that dongbo reads without a finding", () => {
  const config = populationConfig({
    shares: { everything: sharedTables("all"), population: sharedTables("filtered") },
    copies: [
      { target: "whole", share: "everything" },
      { target: "south", share: "population", parameters: { provinces: ["79", "80"] } },
    ],
    source: { limits: { connections: 4, wal_retained_max: "24MB", spool_max: "24MB" } },
  });
  const url = "postgres://somebody@127.0.0.1:5432/somewhere";
  const environment = { CONTROL_URL: url, POPULATION_URL: url, TARGET_WHOLE_URL: url, TARGET_SOUTH_URL: `${url}_south` };
  const { configuration, findings } = readConfiguration(stringify(config), "dongbo.yaml", environment);
  expect(findings).toEqual([]);
  expect(configuration?.shares.map(({ id, subscriptions }) => [id, subscriptions.map((one) => one.id)])).toEqual([
    ["everything", ["everything/whole"]],
    ["population", ["population/south"]],
  ]);
});
