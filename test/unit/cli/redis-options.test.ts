import { expect, test } from "vitest";
import { parseRedisUrl } from "../../../engine/config/redis-url.ts";
import { redisOptions } from "../../../deploy/processes/fleet/redis-options.ts";
import { join } from "node:path";

function verifies(parameters: string): boolean | undefined {
  const directory = join(import.meta.dirname, "../../fixtures/tls");
  const { address } = parseRedisUrl(`rediss://queue.example.vn${parameters}`, { env: {}, directory });
  return address === null ? undefined : redisOptions(address).tls?.rejectUnauthorized;
}

test.each([
  ["", true],
  ["?sslmode=require", false],
  // libpq: an authority that is named is verified.
  ["?sslmode=require&sslrootcert=ca.pem", true],
  ["?sslmode=verify-ca&sslrootcert=ca.pem", true],
])("rediss with '%s' verifies the server's authority: %s", (parameters, wanted) => {
  expect(verifies(parameters)).toBe(wanted);
});

test("a file that cannot be read is told by its code", () => {
  const { address } = parseRedisUrl("rediss://queue.example.vn?sslrootcert=/nowhere/ca.pem", { env: {}, directory: "/nowhere" });
  expect(() => (address === null ? null : redisOptions(address))).toThrow(/DB-FLT-004/);
});
