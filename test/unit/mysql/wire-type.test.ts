import { expect, test } from "vitest";
import { wireIdentity, type WireType } from "../../../connectors/mysql/wire-type.ts";

const types: readonly WireType[] = [
  { kind: "integer", bytes: 8, unsigned: true },
  { kind: "integer", bytes: 8, unsigned: false },
  { kind: "decimal", precision: 12, scale: 3, unsigned: false },
  { kind: "float", unsigned: false },
  { kind: "bit", bits: 10 },
  { kind: "year" },
  { kind: "datetime", fraction: 6 },
  { kind: "timestamp", fraction: 6 },
  { kind: "varchar", bytes: 80, charset: "utf8mb4" },
  { kind: "varchar", bytes: 80, charset: "latin1" },
  { kind: "varbinary", bytes: 80 },
  { kind: "text", lengthBytes: 2, charset: "utf8mb4" },
  { kind: "blob", lengthBytes: 2 },
  { kind: "enum", labels: ["a,b", "c"], charset: "utf8mb4" },
  { kind: "enum", labels: ["a", "b,c"], charset: "utf8mb4" },
  { kind: "set", labels: ["a", "b,c"], charset: "utf8mb4" },
  { kind: "uuid" },
];

test("different types have different identities, and equal types the same", () => {
  expect(new Set(types.map(wireIdentity)).size).toBe(types.length);
  expect(types.map((type) => wireIdentity(structuredClone(type)))).toEqual(types.map(wireIdentity));
});
