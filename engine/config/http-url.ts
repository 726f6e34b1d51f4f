import type { HttpAddress } from "../model/server-address.ts";
import type { UrlReading } from "./server-url.ts";
import type { Environment } from "./secret-references.ts";
import { isLocal } from "./tls-settings.ts";
import { isReferenced, type UrlForm, UrlText } from "./url-text.ts";

const form: UrlForm = {
  shape: "https://host:port",
  schemes: ["https", "http"],
  parameters: [],
  remedies: {
    "DB-CFG-020": "Write https://host:8081, or https://user:${env:PASSWORD}@host:8081 where the service asks who comes",
    "DB-CFG-021": "Write an http or https URL",
    "DB-CFG-023": "Remove what follows the question mark",
  },
};

/** Reads the URL of a service beside Kafka: a schema registry, or Kafka Connect's REST interface. */
export function parseHttpUrl(written: string, env: Environment): UrlReading<HttpAddress> {
  const url = new UrlText(written, env, form);
  const pieces = url.cut(["http"]);
  if (pieces === null) return { address: null, problems: url.problems.map((problem) => url.worded(problem)), warnings: [] };
  const { scheme, path } = pieces;
  const { user, password, hosts } = url.userInfo(pieces.authority);
  const { host, port } = url.hostAndPort(hosts, scheme === "https" ? 443 : 80);
  url.checkHost(host);
  if (isReferenced(path)) url.problem("a reference stands in its path");
  if (user === "" && password !== null) url.problem("it has a password and no user");
  url.parameters(pieces.query);
  if (url.problems.length > 0) return { address: null, problems: url.problems, warnings: [] };
  const shown = host.includes(":") ? `[${host}]` : host;
  const address = { url: `${scheme}://${shown}:${port}/${path}`.replace(/\/+$/, ""), user: user === "" ? null : user, password };
  if (scheme === "https" || isLocal(host)) return { address, problems: [], warnings: [] };
  const cause =
    password === null
      ? "http does not check who the server is"
      : "http does not check who the server is, and sends the password in the clear";
  return { address, problems: [], warnings: [{ code: "DB-CFG-027", cause, remedy: "Use https" }] };
}
