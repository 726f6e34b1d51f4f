import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import * as z from "zod";
import { configJsonSchema } from "../../../engine/config/config-json-schema.ts";
import { edited, sample } from "./sample-config.ts";

const published: unknown = JSON.parse(readFileSync("deploy/schema/dongbo.schema.json", "utf8"));

test("the published schema is the one that the code makes (deploy/generate/config-schema.ts writes it)", () => {
  expect(published).toEqual(JSON.parse(JSON.stringify(configJsonSchema())));
});

test("every key of the file is described", () => {
  const undescribed: string[] = [];
  const visit = (value: unknown, path: string): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      if (key === "properties") {
        for (const [name, field] of Object.entries(inner as Record<string, { description?: string }>)) {
          if (field.description === undefined) undescribed.push(`${path}.${name}`);
        }
      }
      visit(inner, key === "properties" ? path : `${path}.${key}`);
    }
  };
  visit(published, "");
  expect(undescribed).toEqual([]);
});

/** Whether an editor that knows the schema would accept the file. */
function accepted(text: string): boolean {
  const schema = z.fromJSONSchema(published as Parameters<typeof z.fromJSONSchema>[0]);
  return schema.safeParse(parse(text)).success;
}

test("the published schema accepts the example and the filter grammar, and refuses what the loader refuses", () => {
  const where = "where: { province_code: { in: $provinces } }";
  expect(accepted(readFileSync("deploy/examples/population.yaml", "utf8"))).toBe(true);
  expect(accepted(sample)).toBe(true);
  for (const filter of [
    "{ a: 1 }",
    "{ any: [ { a: { in: [1, x] } }, { not: { b: { is_null: true } } } ] }",
    "{ a: { starts_with: x, ne: 3 } }",
  ]) {
    expect(accepted(edited(sample, where, `where: ${filter}`))).toBe(true);
  }
  for (const filter of ["{}", "{ a: [1] }", "{ any: [] }", "{ a: { like: x } }", "{ a: { in: [] } }", "{ a: { is_null: x } }", "text"]) {
    expect(accepted(edited(sample, where, `where: ${filter}`))).toBe(false);
  }
  const key = "key: [personal_id]";
  const referenced = (by: string): string => edited(sample, key, `${key}\n        referenced_by: ${by}`);
  expect(accepted(referenced("[{ table: app.r, columns: [a], to: [personal_id] }, { table: [app, s], columns: [b] }]"))).toBe(true);
  expect(accepted(referenced("[{ table: app.r, columns: [] }]"))).toBe(false);
  expect(accepted(edited(sample, "on_expiry: refuse", "on_expiry: ignore"))).toBe(false);
  expect(accepted(edited(sample, "platform: NDXP", "plattform: NDXP"))).toBe(false);
  expect(accepted(edited(sample, 'parameters: { provinces: ["79"] }', "parameters: [79]"))).toBe(false);
});
