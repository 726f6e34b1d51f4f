import * as z from "zod";
import { configFile, parametersField, whereField } from "./config-schema.ts";

/** A value that YAML editors offer as plain text or number; dongbo takes the text that is written. */
const literal = {
  type: ["string", "number", "boolean"],
  description: "A value in the column's type, or $parameter; a literal $ is written $$.",
};

/** The filter, which the zod schema leaves to a parser of its own. */
const whereDefinitions = {
  where: {
    type: "object",
    minProperties: 1,
    description: "Conditions by column of the source; several are ANDed. `all`, `any` and `not` combine conditions.",
    properties: {
      all: { type: "array", minItems: 1, items: { $ref: "#/$defs/where" }, description: "All of these hold." },
      any: { type: "array", minItems: 1, items: { $ref: "#/$defs/where" }, description: "At least one of these holds." },
      not: { $ref: "#/$defs/where", description: "This does not hold." },
    },
    additionalProperties: { anyOf: [literal, { $ref: "#/$defs/condition" }] },
  },
  condition: {
    type: "object",
    minProperties: 1,
    additionalProperties: false,
    description: "Operators on one column; several are ANDed. A plain value in place of operators means eq.",
    properties: {
      eq: { ...literal, description: "Equal." },
      ne: { ...literal, description: "Not equal." },
      lt: { ...literal, description: "Less than; on text only under collation C." },
      lte: { ...literal, description: "Less than or equal; on text only under collation C." },
      gt: { ...literal, description: "Greater than; on text only under collation C." },
      gte: { ...literal, description: "Greater than or equal; on text only under collation C." },
      in: { $ref: "#/$defs/values", description: "Equal to one of these." },
      not_in: { $ref: "#/$defs/values", description: "Equal to none of these." },
      is_null: { type: "boolean", description: "NULL, or not NULL." },
      starts_with: { ...literal, description: "Text that begins with this." },
    },
  },
  values: {
    anyOf: [
      { type: "array", minItems: 1, items: literal },
      { type: "string", pattern: "^\\$[A-Za-z_][A-Za-z0-9_]{0,62}$" },
    ],
  },
  parameters: {
    type: "object",
    propertyNames: { pattern: "^[A-Za-z_][A-Za-z0-9_]{0,62}$" },
    description: "Values of the parameters that the share's filters use.",
    additionalProperties: {
      anyOf: [{ type: "array", minItems: 1, items: { type: ["string", "number", "boolean"] } }, { type: ["string", "number", "boolean"] }],
    },
  },
};

/** The published JSON schema of the configuration file, for editors: draft 2020-12. */
export function configJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(configFile, {
    io: "input",
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema === whereField) jsonSchema.$ref = "#/$defs/where";
      if (zodSchema === parametersField) jsonSchema.$ref = "#/$defs/parameters";
    },
  });
  return { title: "dongbo.yaml", ...schema, $defs: { ...schema.$defs, ...whereDefinitions } };
}
