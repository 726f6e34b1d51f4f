// What Node's TLS needs of the settings in a URL, the same for every kind of server.
import { X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { ErrorCode } from "../engine/model/error-codes.ts";
import { ReplicationError } from "../engine/model/replication-error.ts";
import type { TlsSettings } from "../engine/model/server-address.ts";

export interface AuthorityOptions {
  readonly rejectUnauthorized: boolean;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** The error of a file that is of no use. */
interface Refused {
  readonly code: ErrorCode;
  readonly subject: string;
}

/**
 * Whom to trust, and who we are. `refused`: the error where a file cannot be read or used, or others may read the key. libpq: `require`
 * verifies the authority as soon as one is named.
 */
export function authorityOptions({ mode, rootCertificate, certificate, key }: TlsSettings, refused: Refused): AuthorityOptions {
  const files = {
    ...(rootCertificate === null ? {} : { ca: readCertificates(rootCertificate, refused) }),
    ...(certificate === null ? {} : { cert: readCertificates(certificate, refused) }),
    ...(key === null ? {} : { key: readKey(key, refused) }),
  };
  try {
    // Where a driver comes upon it first, some throw past everybody who could catch it.
    createSecureContext(files);
  } catch (error) {
    const cause = `the key ${key ?? ""} cannot be used, or belongs to another certificate than ${certificate ?? ""}`;
    throw new ReplicationError(refused.code, { subject: refused.subject, cause }, { cause: error });
  }
  return {
    rejectUnauthorized: mode === "verify-ca" || mode === "verify-full" || (mode === "require" && rootCertificate !== null),
    ...files,
  };
}

/** A PEM file with one certificate or more. */
function readCertificates(path: string, { code, subject }: Refused): string {
  const text = readFile(path, { code, subject });
  try {
    // The text as it was written: there may be more than one in it.
    return new X509Certificate(text).raw.length > 0 ? text : "";
  } catch (error) {
    throw new ReplicationError(code, { subject, cause: `the file ${path} holds no certificate in PEM form` }, { cause: error });
  }
}

/** libpq's rule: a key is its owner's alone; where that is root, its group may read it too. */
function readKey(path: string, refused: Refused): string {
  const text = readFile(path, refused);
  const { uid, mode } = statSync(path);
  if (process.platform === "win32" || (mode & (uid === 0 ? 0o037 : 0o077)) === 0) return text;
  const [cause, remedy] = [`others than its owner may use the key ${path}`, `Run chmod 600 ${path}; a key of root's may have 640`];
  throw new ReplicationError(refused.code, { subject: refused.subject, cause, remedy });
}

/** Whole chains and bundles of authorities are far smaller. */
const fileBytesMax = 4 * 1024 * 1024;

function readFile(path: string, { code, subject }: Refused): string {
  try {
    const status = statSync(path);
    // A pipe would be waited for, and a device never ends.
    if (status.isFile() && status.size <= fileBytesMax) return readFileSync(path, "utf8");
  } catch (error) {
    throw new ReplicationError(code, { subject, cause: `the certificate or key file ${path} cannot be read` }, { cause: error });
  }
  throw new ReplicationError(code, { subject, cause: `${path} is no file, or too large for certificates` });
}
