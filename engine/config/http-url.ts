import type { HttpAddress } from "../model/server-address.ts";
import { toPath, type UrlContext, type UrlReading } from "./server-url.ts";
import { isLocal, readSchemeTls } from "./tls-settings.ts";
import { isReferenced, type UrlForm, UrlText } from "./url-text.ts";

const form: UrlForm = {
  shape: "https://host:port",
  schemes: ["https", "http"],
  parameters: ["sslmode", "sslrootcert", "sslcert", "sslkey"],
  remedies: {
    "DB-CFG-020": "Write https://host:8081, or https://user:${env:PASSWORD}@host:8081 where the service asks who comes",
    "DB-CFG-021": "Write an http or https URL",
    "DB-CFG-023": "Use sslmode (require, verify-ca or verify-full), sslrootcert, sslcert, sslkey, with https only",
  },
};

/** Reads the URL of a service beside Kafka: a schema registry, or Kafka Connect's REST interface. */
export function parseHttpUrl(written: string, { env, directory }: UrlContext): UrlReading<HttpAddress> {
  const url = new UrlText(written, env, form);
  const pieces = url.cut(["http"]);
  if (pieces === null) return { address: null, problems: url.problems.map((problem) => url.worded(problem)), warnings: [] };
  const { scheme, path } = pieces;
  const { user, password, hosts } = url.userInfo(pieces.authority);
  const { host, port } = url.hostAndPort(hosts, scheme === "https" ? 443 : 80);
  url.checkHost(host);
  if (isReferenced(path)) url.problem("a reference stands in its path");
  if (user === "" && password !== null) url.problem("it has a password and no user");
  const tls = readSchemeTls(url, url.parameters(pieces.query), { encrypted: scheme === "https", toPath: toPath(directory) });
  const problems = [...url.problems, ...(tls?.problems ?? [])];
  if (problems.length > 0) return { address: null, problems, warnings: [] };
  const shown = host.includes(":") ? `[${host}]` : host;
  const place = `${scheme}://${shown}:${port}/${path}`.replace(/\/+$/, "");
  const address = { url: place, user: user === "" ? null : user, password, tls: tls?.settings ?? null };
  if (tls !== null) return { address, problems: [], warnings: [...url.warnings, ...tls.warnings] };
  if (isLocal(host)) return { address, problems: [], warnings: url.warnings };
  const cause =
    password === null
      ? "http does not check who the server is"
      : "http does not check who the server is, and sends the password in the clear";
  return { address, problems: [], warnings: [...url.warnings, { code: "DB-CFG-027", cause, remedy: "Use https" }] };
}
