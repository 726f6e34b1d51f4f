import { isIP } from "node:net";
import { isAbsolute, resolve } from "node:path";
import { Secret } from "../model/secret.ts";
import type { ServerAddress } from "../model/server-address.ts";
import type { Problem } from "./reading.ts";
import { resolveReferences, type Environment, type TextPiece } from "./secret-references.ts";
import { readTls } from "./tls-settings.ts";

export interface UrlContext {
  readonly env: Environment;
  /** Folder that relative paths in the URL start from: the configuration file's. */
  readonly directory: string;
  /** What the URL must lead to; null: any kind. */
  readonly kind: ServerAddress["kind"] | null;
}

export interface UrlReading {
  /** Null when there are problems. */
  readonly address: ServerAddress | null;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

const schemes: Readonly<Record<string, { kind: ServerAddress["kind"]; port: number }>> = {
  postgres: { kind: "postgres", port: 5432 },
  postgresql: { kind: "postgres", port: 5432 },
  mysql: { kind: "mysql", port: 3306 },
  mariadb: { kind: "mysql", port: 3306 },
};

/**
 * Reads a connection URL. A reference that is the whole URL is read like a URL; one that stands in place of a part is
 * that part literally, so that a password needs no percent-encoding. No part of a URL is repeated in a problem's
 * wording: what is malformed may be a password in the wrong place.
 */
export function parseServerUrl(written: string, context: UrlContext): UrlReading {
  const { pieces, problems } = resolveReferences(written, context.env);
  if (problems.length > 0) return { address: null, problems, warnings: [] };
  const [only] = pieces;
  const whole = pieces.length === 1 && only !== undefined && "secret" in only;
  const template = whole ? new UrlTemplate([{ literal: only.secret }]) : new UrlTemplate(pieces);
  return new UrlReader(template, context, whole).read();
}

/** A stand-in for a resolved reference inside the text: characters for private use, which no URL may hold. */
const standIn = /\uE000(\d+)\uE001/;

/** A URL's text with stand-ins for its secrets, to be cut into parts before the secrets are put in. */
class UrlTemplate {
  readonly text: string;
  readonly #secrets: readonly string[];
  readonly isMalformed: boolean;

  constructor(pieces: readonly TextPiece[]) {
    const secrets: string[] = [];
    const literals = pieces.map((piece) => ("literal" in piece ? piece.literal : "")).join("");
    this.isMalformed = /[\p{Cc}\p{Co}\s]/u.test(literals);
    this.text = pieces.map((piece) => ("literal" in piece ? piece.literal : `\uE000${secrets.push(piece.secret) - 1}\uE001`)).join("");
    this.#secrets = secrets;
  }

  /** A part with its percent-encoding undone and its secrets put in as they are; null when the encoding is broken. */
  decode(part: string): string | null {
    try {
      return part
        .split(new RegExp(standIn, "g"))
        .map((piece, index) => (index % 2 === 1 ? (this.#secrets[Number(piece)] ?? "") : decodeURIComponent(piece)))
        .join("");
    } catch {
      return null;
    }
  }
}

/** Whether a part of a template has a stand-in for a secret. */
function isReferenced(part: string): boolean {
  return standIn.test(part);
}

class UrlReader {
  readonly #template: UrlTemplate;
  readonly #context: UrlContext;
  /** The URL came from a secret, so that a password in it is not a literal one. */
  readonly #isSecret: boolean;
  readonly #problems: Problem[] = [];

  constructor(template: UrlTemplate, context: UrlContext, isSecret: boolean) {
    this.#template = template;
    this.#context = context;
    this.#isSecret = isSecret;
  }

  read(): UrlReading {
    const match = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/.exec(this.#template.text);
    const scheme = schemes[match?.[1]?.toLowerCase() ?? ""];
    if (match === null || this.#template.isMalformed) return this.#failed("it is not of the form scheme://user@host:port/database");
    if (scheme === undefined) return this.#failed("its scheme is none of postgres, postgresql, mysql, mariadb");
    if (this.#context.kind !== null && scheme.kind !== this.#context.kind) {
      const cause = `the URL is for ${scheme.kind}, the connector for ${this.#context.kind}`;
      return { address: null, problems: [{ code: "DB-CFG-021", cause }], warnings: [] };
    }
    const { user, password, host, port } = this.#authority(match[2] ?? "", scheme.port);
    const database = this.#decode(match[3] ?? "", "the database name");
    if ((match[3] ?? "") === "" && scheme.kind === "postgres") this.#problem("it names no database");
    const parameters = this.#parameters(match[4] ?? "");
    const server = this.#server(host, parameters.get("host"));
    const tls = readTls(parameters, server, (path) => (isAbsolute(path) ? path : resolve(this.#context.directory, path)));
    const problems = [...this.#problems, ...tls.problems];
    if (problems.length > 0) return { address: null, problems, warnings: [] };
    const address: ServerAddress = { kind: scheme.kind, host: server, port, database, user, password, tls: tls.settings };
    return { address, problems: [], warnings: tls.warnings };
  }

  #authority(text: string, defaultPort: number): { user: string; password: Secret | null; host: string; port: number } {
    const at = text.lastIndexOf("@");
    const userInfo = at < 0 ? "" : text.slice(0, at);
    const colon = userInfo.indexOf(":");
    const userText = colon < 0 ? userInfo : userInfo.slice(0, colon);
    const user = this.#decode(userText, "the user");
    if (userText === "") this.#problem("it names no user");
    // Whoever puts `user:password` into one secret would otherwise have the password shown as part of the user's name.
    if (colon < 0 && isReferenced(userInfo) && user.includes(":")) {
      this.#problems.push({ code: "DB-CFG-024", cause: "the reference in place of the user holds more than a user's name" });
    }
    const written = colon < 0 ? null : userInfo.slice(colon + 1);
    if (written !== null && written !== "" && !this.#isSecret && !isReferenced(written)) this.#problems.push({ code: "DB-CFG-022" });
    const password = written === null ? "" : this.#decode(written, "the password");
    const { host, port } = this.#hostAndPort(text.slice(at + 1), defaultPort);
    return { user, password: password === "" ? null : new Secret(password), host, port };
  }

  #hostAndPort(text: string, defaultPort: number): { host: string; port: number } {
    if (text.includes(",")) {
      this.#problem("it names several hosts; name one");
      return { host: "several", port: defaultPort };
    }
    const match = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(text);
    if (match === null) this.#problem("the host is malformed; an IPv6 address stands in brackets");
    const host = this.#decode(match?.[1] ?? "", "the host").replace(/^\[(.*)\]$/, "$1");
    const written = match?.[2] === undefined || match[2] === "" ? String(defaultPort) : this.#decode(match[2], "the port");
    const port = /^\d{1,5}$/.test(written) ? Number(written) : 0;
    if (port < 1 || port > 65_535) this.#problem("the port is not a number from 1 to 65535");
    return { host, port };
  }

  /** Host name, address or socket folder; `folder` is the parameter `host`, libpq's way to name a socket. */
  #server(host: string, folder: string | undefined): string {
    if (folder !== undefined) {
      if (host === "" && folder.startsWith("/")) return folder;
      const cause = "the parameter `host` may only name a socket's folder, and only where the URL names no host";
      this.#problems.push({ code: "DB-CFG-023", cause });
      return host;
    }
    if (host === "") this.#problem("it names no host");
    else if (!host.startsWith("/") && isIP(host) === 0 && !/^[\p{L}\p{N}._-]{1,253}$/u.test(host)) this.#problem("the host is malformed");
    return host;
  }

  #parameters(text: string): Map<string, string> {
    const parameters = new Map<string, string>();
    for (const pair of text.split("&").filter((part) => part !== "")) {
      const [key = "", ...rest] = pair.split("=");
      const name = this.#decode(key, "a parameter");
      const value = this.#decode(rest.join("="), "a parameter");
      const refused = this.#refusal(name, parameters.has(name));
      if (refused === null) parameters.set(name, value);
      else this.#problems.push(refused);
    }
    return parameters;
  }

  #refusal(name: string, again: boolean): Problem | null {
    if (again) return { code: "DB-CFG-023", cause: `the URL has the parameter ${name} twice` };
    if (["sslmode", "sslrootcert", "sslcert", "sslkey", "host"].includes(name)) return null;
    if (name === "password" || name === "sslpassword")
      return { code: "DB-CFG-022", cause: "a password is written as a parameter of the URL" };
    // A name is repeated only when it cannot be a piece of a password that was not percent-encoded.
    const printable = !this.#isSecret && /^[a-z_]{2,40}$/i.test(name) && !isReferenced(this.#template.text.split("?")[1] ?? "");
    return { code: "DB-CFG-023", ...(printable ? { cause: `the URL has the parameter ${name}, which dongbo does not take` } : {}) };
  }

  #decode(part: string, what: string): string {
    const decoded = this.#template.decode(part);
    if (decoded === null || decoded.includes("\0")) this.#problem(`${what} is not percent-encoded correctly`);
    return decoded ?? "";
  }

  #problem(cause: string): void {
    this.#problems.push({ code: "DB-CFG-020", cause: `the connection URL cannot be read: ${cause}` });
  }

  #failed(cause: string): UrlReading {
    this.#problem(cause);
    return { address: null, problems: this.#problems, warnings: [] };
  }
}
