import { readFileSync, statSync } from "node:fs";
import { isAbsolute } from "node:path";
import type { Problem } from "./reading.ts";

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A text in which secrets stand by reference: literal pieces and the values that the references resolved to. */
export type TextPiece = { readonly literal: string } | { readonly secret: string };

/** A secret's file holds one password or URL; more than this is another file. */
const secretBytesMax = 64 * 1024;

/** Whether a text holds something that is meant as a reference. */
export function mentionsReference(text: string): boolean {
  return /\$\{\s*(?:env|file)\b/i.test(text);
}

export interface ResolvedText {
  readonly pieces: readonly TextPiece[];
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** Cuts a text at its references and reads what they refer to. What was read appears in no problem's wording. */
export function resolveReferences(text: string, env: Environment): ResolvedText {
  const pieces: TextPiece[] = [];
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  for (const part of text.split(/(\$\{[^}]*\}?)/)) {
    if (!part.startsWith("${")) {
      if (part !== "") pieces.push({ literal: part });
      continue;
    }
    const secret = readReference(part, env, warnings);
    if (typeof secret === "string") pieces.push({ secret });
    else problems.push(secret);
  }
  return { pieces, problems, warnings };
}

function readReference(written: string, env: Environment, warnings: Problem[]): string | Problem {
  const match = /^\$\{(env|file):([^}]+)\}$/.exec(written);
  const place = match?.[2];
  if (match === null || place === undefined) return { code: "DB-CFG-024" };
  return match[1] === "env" ? readVariable(place, env) : readSecretFile(place, warnings);
}

function readVariable(name: string, env: Environment): string | Problem {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    return { code: "DB-CFG-024", cause: "the name of an environment variable is malformed" };
  }
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  if (value === undefined) return { code: "DB-CFG-025", cause: `the environment variable ${name} is not set` };
  if (value === "") return { code: "DB-CFG-025", cause: `the environment variable ${name} is empty` };
  return value;
}

/** A line feed at the end belongs to the file, not to the secret. */
function readSecretFile(path: string, warnings: Problem[]): string | Problem {
  if (!isAbsolute(path)) {
    return { code: "DB-CFG-024", cause: "the path of a secret's file must be absolute" };
  }
  try {
    const status = statSync(path);
    if (!status.isFile()) return { code: "DB-CFG-026", cause: `${path} is not a file` };
    if (status.size > secretBytesMax) return { code: "DB-CFG-026", cause: `${path} is larger than ${secretBytesMax} bytes` };
    const mode = process.platform === "win32" ? 0 : status.mode;
    // Whoever changes it sends the password, and what follows, to a server of his.
    if ((mode & 0o002) !== 0) return { code: "DB-CFG-026", cause: `everybody may change ${path}`, remedy: `Run chmod 600 ${path}` };
    if ((mode & 0o004) !== 0) warnings.push({ code: "DB-CFG-028", cause: `everybody on this machine may read ${path}` });
    const value = readFileSync(path, "utf8").replace(/\r?\n$/, "");
    return value === "" ? { code: "DB-CFG-026", cause: `${path} is empty` } : value;
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unreadable";
    return { code: "DB-CFG-026", cause: `${path} cannot be read (${reason})` };
  }
}
