import { isAbsolute, resolve } from "node:path";
import type { ServerAddress } from "../model/server-address.ts";
import type { Problem } from "./reading.ts";
import type { Environment } from "./secret-references.ts";
import { isLocal, readTls } from "./tls-settings.ts";
import { type UrlForm, UrlText } from "./url-text.ts";

export interface UrlContext {
  readonly env: Environment;
  /** Folder that relative paths in the URL start from: the configuration file's. */
  readonly directory: string;
}

export interface UrlReading<Address> {
  /** Null when there are problems. */
  readonly address: Address | null;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

const ports: Readonly<Record<ServerAddress["kind"], number>> = { postgres: 5432, mysql: 3306 };

const form: UrlForm = {
  shape: "scheme://user@host:port/database",
  schemes: ["postgres", "postgresql", "mysql", "mariadb"],
  parameters: ["sslmode", "sslrootcert", "sslcert", "sslkey", "host"],
};

/** Reads the URL of a database server. `kind`: what it must lead to; null: any kind. */
export function parseServerUrl(
  written: string,
  { env, directory, kind }: UrlContext & { readonly kind: ServerAddress["kind"] | null },
): UrlReading<ServerAddress> {
  const url = new UrlText(written, env, form);
  const pieces = url.cut(kind === null ? ["postgres", "mysql"] : [kind]);
  if (pieces === null) return { address: null, problems: url.problems, warnings: [] };
  const found = pieces.kind === "mysql" ? "mysql" : "postgres";
  const { user, password, hosts } = url.userInfo(pieces.authority);
  if (user === "") url.problem("it names no user");
  if (hosts.includes(",")) url.problem("it names several hosts; name one");
  const { host, port } = hosts.includes(",") ? { host: "several", port: ports[found] } : url.hostAndPort(hosts, ports[found]);
  const database = url.decode(pieces.path, "the database name");
  if (pieces.path === "" && found === "postgres") url.problem("it names no database");
  const parameters = url.parameters(pieces.query);
  const server = serverOf(url, host, parameters.get("host"));
  const tls = readTls(parameters, isLocal(server), toPath(directory));
  const problems = [...url.problems, ...tls.problems];
  if (problems.length > 0) return { address: null, problems, warnings: [] };
  return {
    address: { kind: found, host: server, port, database, user, password, tls: tls.settings },
    problems: [],
    warnings: [...url.warnings, ...tls.warnings],
  };
}

/** Host name, address or socket folder; `folder` is the parameter `host`, libpq's way to name a socket. */
function serverOf(url: UrlText, host: string, folder: string | undefined): string {
  if (folder === undefined) {
    if (!host.startsWith("/")) url.checkHost(host);
    return host;
  }
  if (host === "" && folder.startsWith("/")) return folder;
  const cause = "the parameter `host` may only name a socket's folder, and only where the URL names no host";
  url.problems.push({ code: "DB-CFG-023", cause });
  return host;
}

export function toPath(directory: string): (path: string) => string {
  return (path) => (isAbsolute(path) ? path : resolve(directory, path));
}
