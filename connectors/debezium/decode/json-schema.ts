// The schema that JsonConverter writes before each payload (schemas.enable=true).
import { connectField, type ConnectSchema, type ConnectType, plainSchema } from "./connect-schema.ts";
import { malformed } from "./decode-failure.ts";

const types: ReadonlySet<unknown> = new Set<ConnectType>([
  "int8",
  "int16",
  "int32",
  "int64",
  "float",
  "double",
  "boolean",
  "string",
  "bytes",
  "array",
  "map",
  "struct",
]);
const depthMax = 32;

export function parseJsonSchema(text: string): ConnectSchema {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw malformed("a schema is not JSON");
  }
  return toSchema(parsed, 0);
}

function toSchema(value: unknown, depth: number): ConnectSchema {
  if (!isObject(value) || !types.has(value["type"]) || depth > depthMax) throw malformed("a schema is not one of Kafka Connect");
  const type = value["type"] as ConnectType;
  const fields = type === "struct" ? arrayOf(value["fields"]).map((field) => toField(field, depth)) : [];
  return plainSchema(type, {
    name: typeof value["name"] === "string" ? value["name"] : null,
    optional: value["optional"] === true,
    parameters: parametersOf(value["parameters"]),
    fields,
    items: type === "array" ? toSchema(value["items"], depth + 1) : type === "map" ? toSchema(value["values"], depth + 1) : null,
    keys: type === "map" ? toSchema(value["keys"], depth + 1) : null,
  });
}

function toField(value: unknown, depth: number) {
  if (!isObject(value) || typeof value["field"] !== "string") throw malformed("a schema has a field without a name");
  return connectField(value["field"], toSchema(value, depth + 1));
}

export function parametersOf(value: unknown): Record<string, string> {
  if (!isObject(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([name, text]) => [name, String(text)]));
}

export function arrayOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw malformed("a schema lacks a list");
  return value;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
