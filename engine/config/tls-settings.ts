import { isIP } from "node:net";
import type { TlsSettings } from "../model/server-address.ts";
import type { Problem } from "./reading.ts";
import type { UrlText } from "./url-text.ts";

const modes = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] as const;

export interface TlsReading {
  readonly settings: TlsSettings;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/**
 * Reads sslmode and its files from a URL's parameters, as libpq means them (PostgreSQL manual, "SSL Support"): with a
 * root certificate `require` checks it like `verify-ca`; `sslrootcert=system` names the system's authorities and allows
 * `verify-full` only. Unlike libpq the default is `verify-full`, unless nobody can stand between (`local`).
 */
export function readTls(parameters: ReadonlyMap<string, string>, local: boolean, toPath: (path: string) => string): TlsReading {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const written = parameters.get("sslmode");
  let mode = modes.find((known) => known === written) ?? (local ? "prefer" : "verify-full");
  if (written !== undefined && !modes.some((known) => known === written)) {
    problems.push({ code: "DB-CFG-023", cause: "sslmode has a value that does not exist", remedy: `Use one of: ${modes.join(", ")}` });
  }
  const file = (name: string): string | null => {
    const path = parameters.get(name);
    if (path === "") problems.push({ code: "DB-CFG-023", cause: `${name} is empty`, remedy: "Name a PEM file" });
    return path === undefined || path === "" ? null : toPath(path);
  };
  const system = parameters.get("sslrootcert") === "system";
  const rootCertificate = system ? null : file("sslrootcert");
  const [certificate, key] = [file("sslcert"), file("sslkey")];
  if ((certificate === null) !== (key === null)) {
    problems.push({ code: "DB-CFG-023", cause: "sslcert and sslkey go together; one of them is missing", remedy: "Name both files" });
  }
  if (system && written !== undefined && mode !== "verify-full") {
    const remedy = "Use sslmode=verify-full, or name a file";
    problems.push({ code: "DB-CFG-023", cause: "sslrootcert=system goes with sslmode=verify-full only", remedy });
  }
  if (mode === "require" && rootCertificate !== null) mode = "verify-ca";
  if (mode !== "verify-full" && !local) warnings.push({ code: "DB-CFG-027", cause: weakness(mode) });
  return { settings: { mode, rootCertificate, certificate, key }, problems, warnings };
}

/**
 * The same where the scheme says whether TLS is spoken (rediss, https): null where it is not. There are no sslmodes that may do
 * without then, and whoever writes such a scheme wants to know who the server is, also on this machine.
 */
export function readSchemeTls(
  url: UrlText,
  parameters: ReadonlyMap<string, string>,
  { encrypted, toPath }: { readonly encrypted: boolean; readonly toPath: (path: string) => string },
): TlsReading | null {
  const weak = ["disable", "allow", "prefer"].includes(parameters.get("sslmode") ?? "");
  if (weak || (!encrypted && parameters.size > 0)) {
    url.problems.push(url.worded({ code: "DB-CFG-023", cause: "the parameters for TLS do not fit the scheme" }));
  }
  return encrypted ? readTls(parameters, false, toPath) : null;
}

function weakness(mode: (typeof modes)[number]): string {
  if (mode === "verify-ca") return "sslmode=verify-ca does not check the server's name: any server of the same authority could stand in";
  if (mode === "require") return "sslmode=require does not check who the server is";
  return `sslmode=${mode} may send data and password in the clear`;
}

/** Sockets and loopback addresses do not leave the machine. */
export function isLocal(host: string): boolean {
  if (host.startsWith("/") || host === "::1") return true;
  if (isIP(host) === 4) return host.startsWith("127.");
  return host.toLowerCase() === "localhost" || host.toLowerCase().endsWith(".localhost");
}
