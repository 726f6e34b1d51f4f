import type { RedisAddress } from "../model/server-address.ts";
import { toPath, type UrlContext, type UrlReading } from "./server-url.ts";
import { isLocal, readSchemeTls } from "./tls-settings.ts";
import { type UrlForm, UrlText } from "./url-text.ts";

const form: UrlForm = {
  shape: "rediss://host:port/number",
  schemes: ["rediss", "redis"],
  parameters: ["sslmode", "sslrootcert", "sslcert", "sslkey"],
  remedies: {
    "DB-CFG-020": "Write rediss://host:6379/0, or rediss://user:${env:PASSWORD}@host:6379/0 where the server asks who comes",
    "DB-CFG-021": "Write a redis or rediss URL",
    "DB-CFG-023": "Use sslmode (require, verify-ca or verify-full), sslrootcert, sslcert, sslkey, with rediss only",
  },
};

/** Reads the URL of the fleet's Redis: `rediss` speaks TLS and checks who the server is, `redis` does not. */
export function parseRedisUrl(written: string, { env, directory }: UrlContext): UrlReading<RedisAddress> {
  const url = new UrlText(written, env, form);
  const pieces = url.cut(["redis"]);
  if (pieces === null) return { address: null, problems: url.problems.map((problem) => url.worded(problem)), warnings: [] };
  const { user, password, hosts } = url.userInfo(pieces.authority);
  const { host, port } = url.hostAndPort(hosts, 6379);
  url.checkHost(host);
  const database = url.decode(pieces.path, "the database");
  if (!/^\d{0,4}$/.test(database)) url.problem("the database is no number");
  if (user !== "" && password === null) url.problem("it has a user and no password");
  const parameters = url.parameters(pieces.query);
  const tls = readSchemeTls(url, parameters, { encrypted: pieces.scheme === "rediss", toPath: toPath(directory) });
  const problems = [...url.problems, ...(tls?.problems ?? [])];
  if (problems.length > 0) return { address: null, problems, warnings: [] };
  const address = { host, port, database: Number(database), user, password, tls: tls?.settings ?? null };
  if (tls !== null) return { address, problems: [], warnings: [...url.warnings, ...tls.warnings] };
  const cause = "redis does not check who the server is, and sends everything in the clear";
  return {
    address,
    problems: [],
    warnings: isLocal(host) ? url.warnings : [...url.warnings, { code: "DB-CFG-027", cause, remedy: "Use rediss" }],
  };
}
