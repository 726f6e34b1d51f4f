import { isIP } from "node:net";
import { Secret } from "../model/secret.ts";
import type { ErrorCode } from "../model/error-codes.ts";
import type { Problem } from "./reading.ts";
import { resolveReferences, type Environment, type TextPiece } from "./secret-references.ts";

export type UrlKind = "postgres" | "mysql" | "kafka" | "http" | "redis";

const kinds: Readonly<Record<string, UrlKind>> = {
  postgres: "postgres",
  postgresql: "postgres",
  mysql: "mysql",
  mariadb: "mysql",
  kafka: "kafka",
  http: "http",
  https: "http",
  redis: "redis",
  rediss: "redis",
};

/** How a kind of URL is written, for the wording of problems. */
export interface UrlForm {
  /** The general shape: `scheme://user@host:port/database`. */
  readonly shape: string;
  readonly schemes: readonly string[];
  readonly parameters: readonly string[];
  /** What to write instead; the register's own remedies when left out. */
  readonly remedies?: Partial<Record<ErrorCode, string>>;
}

/** A URL cut at its delimiters, nothing decoded yet. */
export interface UrlPieces {
  readonly scheme: string;
  readonly kind: UrlKind;
  readonly authority: string;
  readonly path: string;
  readonly query: string;
}

/** A stand-in for a resolved reference inside the text: characters for private use, which no URL may hold. */
const standIn = /\uE000(\d+)\uE001/;

/**
 * A connection URL with stand-ins for its secrets, to be cut into parts before the secrets are put in. A reference that is the
 * whole URL is read like a URL; one that stands in place of a part is that part literally, so that a password needs no
 * percent-encoding. No part of a URL is repeated in a problem's wording: what is malformed may be a password in the wrong place.
 */
export class UrlText {
  readonly problems: Problem[] = [];
  readonly warnings: readonly Problem[];
  readonly #text: string;
  readonly #secrets: readonly string[];
  readonly #isMalformed: boolean;
  /** The URL came from a secret, so that a password in it is not a literal one. */
  readonly #isSecret: boolean;
  readonly #form: UrlForm;

  constructor(written: string, env: Environment, form: UrlForm) {
    this.#form = form;
    const { pieces, problems, warnings } = resolveReferences(written, env);
    this.problems.push(...problems);
    this.warnings = warnings;
    const [only] = pieces;
    this.#isSecret = pieces.length === 1 && only !== undefined && "secret" in only;
    const shown: readonly TextPiece[] = this.#isSecret && only !== undefined && "secret" in only ? [{ literal: only.secret }] : pieces;
    const secrets: string[] = [];
    this.#isMalformed = /[\p{Cc}\p{Co}\s]/u.test(shown.map((piece) => ("literal" in piece ? piece.literal : "")).join(""));
    this.#text = shown.map((piece) => ("literal" in piece ? piece.literal : `\uE000${secrets.push(piece.secret) - 1}\uE001`)).join("");
    this.#secrets = secrets;
  }

  /** Null, and a problem noted, when it is no URL or one of another kind than wanted. */
  cut(wanted: readonly UrlKind[]): UrlPieces | null {
    if (this.problems.length > 0) return null;
    const match = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/.exec(this.#text);
    const { shape, schemes } = this.#form;
    if (match === null || this.#isMalformed) return this.#refused(`it is not of the form ${shape}`);
    const scheme = (match[1] ?? "").toLowerCase();
    const kind = kinds[scheme];
    // Where a database is wanted, a web address is no address of another database, and neither is a queue's.
    if (kind === undefined || ((kind === "http" || kind === "redis") && !wanted.includes(kind)))
      return this.#refused(`its scheme is none of ${schemes.join(", ")}`);
    if (!wanted.includes(kind)) {
      this.problems.push({ code: "DB-CFG-021", cause: `the URL is for ${kind}, the connector for ${wanted.join(" or ")}` });
      return null;
    }
    return { scheme, kind, authority: match[2] ?? "", path: match[3] ?? "", query: match[4] ?? "" };
  }

  /** User and password, and what follows them: host and port. A user that is not there is empty. */
  userInfo(authority: string): { user: string; password: Secret | null; hosts: string } {
    const at = authority.lastIndexOf("@");
    const userInfo = at < 0 ? "" : authority.slice(0, at);
    const colon = userInfo.indexOf(":");
    const user = this.decode(colon < 0 ? userInfo : userInfo.slice(0, colon), "the user");
    // Whoever puts `user:password` into one secret would otherwise have the password shown as part of the user's name.
    if (colon < 0 && isReferenced(userInfo) && user.includes(":")) {
      this.problems.push({ code: "DB-CFG-024", cause: "the reference in place of the user holds more than a user's name" });
    }
    const written = colon < 0 ? null : userInfo.slice(colon + 1);
    if (written !== null && written !== "" && !this.#isSecret && !isReferenced(written)) this.problems.push({ code: "DB-CFG-022" });
    const password = written === null ? "" : this.decode(written, "the password");
    return { user, password: password === "" ? null : new Secret(password), hosts: authority.slice(at + 1) };
  }

  hostAndPort(text: string, defaultPort: number): { host: string; port: number } {
    const match = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(text);
    if (match === null) this.problem("the host is malformed; an IPv6 address stands in brackets");
    const host = this.decode(match?.[1] ?? "", "the host").replace(/^\[(.*)\]$/, "$1");
    const written = match?.[2] === undefined || match[2] === "" ? String(defaultPort) : this.decode(match[2], "the port");
    const port = /^\d{1,5}$/.test(written) ? Number(written) : 0;
    if (port < 1 || port > 65_535) this.problem("the port is not a number from 1 to 65535");
    return { host, port };
  }

  /** Notes a problem when the text is neither a name nor an address. */
  checkHost(host: string): void {
    if (host === "") this.problem("it names no host");
    else if (isIP(host) === 0 && !/^[\p{L}\p{N}._-]{1,253}$/u.test(host)) this.problem("the host is malformed");
  }

  parameters(query: string): Map<string, string> {
    const parameters = new Map<string, string>();
    for (const pair of query.split("&").filter((part) => part !== "")) {
      const [key = "", ...rest] = pair.split("=");
      const name = this.decode(key, "a parameter");
      const value = this.decode(rest.join("="), "a parameter");
      const refused = this.#refusal(name, parameters.has(name));
      if (refused === null) parameters.set(name, value);
      else this.problems.push(refused);
    }
    return parameters;
  }

  #refusal(name: string, again: boolean): Problem | null {
    if (again) return this.worded({ code: "DB-CFG-023", cause: `the URL has the parameter ${name} twice` });
    if (this.#form.parameters.includes(name)) return null;
    if (name === "password" || name === "sslpassword")
      return { code: "DB-CFG-022", cause: "a password is written as a parameter of the URL" };
    // A name is repeated only when it cannot be a piece of a password that was not percent-encoded.
    const printable = !this.#isSecret && /^[a-z_]{2,40}$/i.test(name) && !isReferenced(this.#text.split("?")[1] ?? "");
    const cause = `the URL has the parameter ${name}, which dongbo does not take`;
    return this.worded({ code: "DB-CFG-023", ...(printable ? { cause } : {}) });
  }

  /** A part with its percent-encoding undone and its secrets put in as they are. */
  decode(part: string, what: string): string {
    let decoded: string | null;
    try {
      decoded = part
        .split(new RegExp(standIn, "g"))
        .map((piece, index) => (index % 2 === 1 ? (this.#secrets[Number(piece)] ?? "") : decodeURIComponent(piece)))
        .join("");
    } catch {
      decoded = null;
    }
    if (decoded === null || decoded.includes("\0")) this.problem(`${what} is not percent-encoded correctly`);
    return decoded ?? "";
  }

  problem(cause: string): void {
    this.problems.push(this.worded({ code: "DB-CFG-020", cause: `the connection URL cannot be read: ${cause}` }));
  }

  /** With the remedy that this kind of URL has for it. */
  worded(problem: Problem): Problem {
    const remedy = problem.remedy ?? this.#form.remedies?.[problem.code];
    return remedy === undefined ? problem : { ...problem, remedy };
  }

  #refused(cause: string): null {
    this.problem(cause);
    return null;
  }
}

/** Whether a part of a URL's text has a stand-in for a secret. */
export function isReferenced(part: string): boolean {
  return standIn.test(part);
}
