// Certificates for tests, made by openssl when a test wants them: for any name and any time, which no stored file can be for long.
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { obtainProgram } from "../../deploy/embedded/debian-packages.ts";
import { testFolder } from "./test-run.ts";

/** Paths of PEM files. */
export interface CertificateFiles {
  readonly certificate: string;
  /** PKCS #8, its owner's alone. */
  readonly key: string;
}

export interface Issued {
  /** As openssl's subjectAltName: `DNS:localhost,IP:127.0.0.1`. */
  readonly names: string;
  /** Days from now; 0 and 30 when left out. */
  readonly from?: number;
  readonly to?: number;
}

const settings = `
[req]
distinguished_name = subject
x509_extensions = authority
[subject]
[authority]
basicConstraints = critical, CA:TRUE
[ca]
default_ca = own
[own]
database = index.txt
new_certs_dir = .
certificate = ca.pem
private_key = ca.key
default_md = sha256
policy = any
rand_serial = yes
unique_subject = no
[any]
commonName = supplied
`;
const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/** Who signs certificates. Its folder goes with the test run's. */
export class TestAuthority {
  readonly folder: string;
  /** Path of its own certificate. */
  readonly certificate: string;

  private constructor(folder: string) {
    this.folder = folder;
    this.certificate = join(folder, "ca.pem");
  }

  static make(name: string): TestAuthority {
    const authority = new TestAuthority(join(testFolder("authority"), name));
    mkdirSync(authority.folder);
    writeFileSync(join(authority.folder, "settings"), settings);
    writeFileSync(join(authority.folder, "index.txt"), "");
    authority.#openssl("req", "-x509", ...curve, "-keyout", "ca.key", "-out", "ca.pem", "-days", "30", "-subj", `/CN=${name}`);
    return authority;
  }

  /** `name`: of the files, and the subject. */
  issue(name: string, { names, from = 0, to = 30 }: Issued): CertificateFiles {
    writeFileSync(join(this.folder, `${name}.names`), `subjectAltName = ${names}\n`);
    this.#openssl("req", "-new", ...curve, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
    const times = ["-startdate", utcTime(from), "-enddate", utcTime(to)];
    this.#openssl("ca", "-batch", "-notext", "-in", `${name}.csr`, "-out", `${name}.pem`, "-extfile", `${name}.names`, ...times);
    chmodSync(join(this.folder, `${name}.key`), 0o600);
    return { certificate: join(this.folder, `${name}.pem`), key: join(this.folder, `${name}.key`) };
  }

  #openssl(command: string, ...parameters: readonly string[]): void {
    const [program, all] = [obtainProgram("openssl", "openssl"), [command, "-config", "settings", ...parameters]];
    execFileSync(program, all, { cwd: this.folder, stdio: ["ignore", "ignore", "pipe"] });
  }
}

/** A copy of a file that others than its owner may read. */
export function openedToOthers(path: string): string {
  const copy = `${path}.open`;
  copyFileSync(path, copy);
  chmodSync(copy, 0o644);
  return copy;
}

export function pem(path: string): string {
  return readFileSync(path, "utf8");
}

/** `YYYYMMDDHHMMSSZ`, a minute earlier: clocks differ. */
function utcTime(days: number): string {
  const time = new Date(Date.now() + days * 86_400_000 - 60_000).toISOString();
  return `${time.replaceAll(/[-:T]/g, "").slice(0, 14)}Z`;
}
