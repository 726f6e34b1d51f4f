import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ServerAddress } from "../../../engine/model/server-address.ts";
import { parseServerUrl, type UrlReading } from "../../../engine/config/server-url.ts";

const env = {
  PASSWORD: "p@ss:w/o?r#d%41",
  HOST: "db.example.vn",
  URL: "postgres://reader:s3%40cret@db.example.vn/population",
  PAIR: "reader:s3cret",
  BROKEN: "postgres://reader:s3cret?x@db/y",
  UNKNOWN: "postgres://reader@db/y?secretword=1",
  RAW: "postgres://reader:p@ss@db/y",
};

function parse(url: string, kind: "postgres" | "mysql" | null = "postgres"): UrlReading<ServerAddress> {
  return parseServerUrl(url, { env, directory: "/etc/dongbo", kind });
}

/** The parts of an address in one line, the password revealed. */
function summary(url: string, kind?: "postgres" | "mysql"): string {
  const { address, problems } = parse(url, kind);
  if (address === null) return problems.map(({ code }) => code).join();
  const { user, password, host, port, database, tls } = address;
  return [user, password?.reveal() ?? "-", host, port, database, tls.mode].join(" ");
}

describe("a connection URL", () => {
  test.each([
    ["postgres://u@h/d", "u - h 5432 d verify-full"],
    ["postgresql://u@h:6432/d", "u - h 6432 d verify-full"],
    ["POSTGRES://u@h/d", "u - h 5432 d verify-full"],
    ["postgres://u@h:/d", "u - h 5432 d verify-full"],
    ["postgres://u:@h/d", "u - h 5432 d verify-full"],
    ["postgres://u@[2001:db8::7]:5433/d", "u - 2001:db8::7 5433 d verify-full"],
    ["postgres://u@[::1]/d", "u - ::1 5432 d prefer"],
    ["postgres://u@127.0.0.3/d", "u - 127.0.0.3 5432 d prefer"],
    ["postgres://u@LOCALHOST/d", "u - LOCALHOST 5432 d prefer"],
    ["postgres://u@localhost.example.vn/d", "u - localhost.example.vn 5432 d verify-full"],
    ["postgres://u@%2Fvar%2Frun%2Fpostgresql/d", "u - /var/run/postgresql 5432 d prefer"],
    ["postgres://u@:5433/d?host=/var/run/postgresql", "u - /var/run/postgresql 5433 d prefer"],
    ["postgres://%C4%91%E1%BB%93ng%20b%E1%BB%99@h/d%C3%A2n%20c%C6%B0", "đồng bộ - h 5432 dân cư verify-full"],
    ["postgres://u@h/d?sslmode=require", "u - h 5432 d require"],
    ["postgres://u@h/d?sslmode=require&sslrootcert=ca.pem", "u - h 5432 d verify-ca"],
    ["postgres://u:${env:PASSWORD}@h/d", "u p@ss:w/o?r#d%41 h 5432 d verify-full"],
    ["postgres://u:begin-${env:PASSWORD}-end@${env:HOST}/d", "u begin-p@ss:w/o?r#d%41-end db.example.vn 5432 d verify-full"],
    ["${env:RAW}", "reader p@ss db 5432 y verify-full"],
    ["${env:URL}", "reader s3@cret db.example.vn 5432 population verify-full"],
  ])("%s is read in all its parts", (url, expected) => {
    expect(summary(url)).toBe(expected);
  });

  test("leads to MySQL and MariaDB in the same way", () => {
    expect(summary("mysql://u@h/d?sslmode=verify-ca", "mysql")).toBe("u - h 3306 d verify-ca");
    expect(summary("mariadb://u@h", "mysql")).toBe("u - h 3306  verify-full");
    expect(summary("mysql://u@h/d", "postgres")).toBe("DB-CFG-021");
    expect(summary("postgres://u@h/d", "mysql")).toBe("DB-CFG-021");
    expect(parse("mysql://u@h/d", null).address?.kind).toBe("mysql");
  });

  test.each([
    ["", "DB-CFG-020"],
    ["h", "DB-CFG-020"],
    ["http://u@h/d", "DB-CFG-020"],
    ["postgres:u@h/d", "DB-CFG-020"],
    ["postgres://u@h/d#x", "DB-CFG-020"],
    ["postgres://u@h /d", "DB-CFG-020"],
    ["postgres://u@h/d\u0000", "DB-CFG-020"],
    ["postgres://u@h/d\uE0000\uE001", "DB-CFG-020"],
    ["postgres://u@h/%zz", "DB-CFG-020"],
    ["postgres://u@h/%00", "DB-CFG-020"],
    ["postgres://u@/d", "DB-CFG-020"],
    ["postgres://u@h:0/d", "DB-CFG-020"],
    ["postgres://u@h:5432x/d", "DB-CFG-020"],
    ["postgres://u@2001:db8::7/d", "DB-CFG-020"],
    ["postgres://u@h_%3B_rm/d", "DB-CFG-020"],
    ["postgres://u:p@h/d", "DB-CFG-022"],
    ["postgres://u:p%41@h/d", "DB-CFG-022"],
    ["postgres://u@h/d?sslpassword=x", "DB-CFG-022"],
    ["postgres://u@h/d?sslmode=require&sslmode=disable", "DB-CFG-023"],
    ["postgres://u@h/d?sslkey=k.pem", "DB-CFG-023"],
    ["postgres://u@h/d?sslcert=&sslkey=k.pem", "DB-CFG-023,DB-CFG-023"],
    ["postgres://u@h/d?sslmode=require&sslrootcert=system", "DB-CFG-023"],
    ["postgres://u@h/d?host=/run", "DB-CFG-023"],
    ["postgres://u@/d?host=other", "DB-CFG-023"],
    ["postgres://u@h/d?target_session_attrs=any", "DB-CFG-023"],
    ["postgres://${env:PAIR}@h/d", "DB-CFG-024"],
    ["postgres://u:${PASSWORD}@h/d", "DB-CFG-024"],
    ["postgres://u:${ENV:PASSWORD}@h/d", "DB-CFG-024"],
    ["postgres://u:${env:}@h/d", "DB-CFG-024"],
    ["postgres://u:${env:A B}@h/d", "DB-CFG-024"],
    ["postgres://u:${file:secret}@h/d", "DB-CFG-024"],
    ["postgres://u:${env:A}${env:B}@h/d", "DB-CFG-025,DB-CFG-025"],
    ["postgres://u:${env:constructor}@h/d", "DB-CFG-025"],
  ])("%j is refused", (url, codes) => {
    expect(summary(url)).toBe(codes);
  });

  test.each(["${env:BROKEN}", "${env:UNKNOWN}", "postgres://reader:s3cret?x@db/y", "postgres://reader:s3cret@db/y?sslmode=s3cret"])(
    "%s is refused without repeating any part that may be a secret",
    (url) => {
      const reading = parse(url);
      expect(reading.address).toBeNull();
      expect(inspect(reading)).not.toMatch(/s3cret|secretword/);
    },
  );

  test("names the parameter that is not taken when it is written in the file", () => {
    expect(parse("postgres://u@h/d?connect_timeout=5").problems[0]?.cause).toContain("connect_timeout");
  });

  test("does not show its password however the address is printed", () => {
    const { address } = parse("postgres://u:${env:PASSWORD}@h/d");
    expect(inspect(address, { depth: null }) + JSON.stringify(address) + String(address?.password)).not.toContain("p@ss");
  });

  test("finds its certificates from the configuration's folder", () => {
    const { address } = parse("postgres://u@h/d?sslrootcert=ca.pem&sslcert=/etc/ssl/c.pem&sslkey=keys/k.pem");
    expect(address?.tls).toEqual({
      mode: "verify-full",
      rootCertificate: "/etc/dongbo/ca.pem",
      certificate: "/etc/ssl/c.pem",
      key: "/etc/dongbo/keys/k.pem",
    });
    expect(parse("postgres://u@h/d?sslrootcert=system").address?.tls.rootCertificate).toBeNull();
  });

  test.each([
    ["disable", 1],
    ["allow", 1],
    ["prefer", 1],
    ["require", 1],
    ["verify-ca", 1],
    ["verify-full", 0],
  ])("warns of sslmode=%s only where somebody can stand between", (mode, warnings) => {
    const codes = parse(`postgres://u@h/d?sslmode=${mode}`).warnings.map(({ code }) => code);
    expect(codes).toEqual(Array<string>(warnings).fill("DB-CFG-027"));
    expect(parse(`postgres://u@localhost/d?sslmode=${mode}`).warnings).toEqual([]);
    expect(parse(`postgres://u@%2Frun/d?sslmode=${mode}`).warnings).toEqual([]);
  });
});

describe("a secret in a file", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "dongbo-secret-"));
    writeFileSync(join(folder, "password"), "p@ss\n");
    writeFileSync(join(folder, "windows"), "p@ss\r\n");
    writeFileSync(join(folder, "empty"), "\n");
    writeFileSync(join(folder, "large"), "x".repeat(64 * 1024 + 1));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each([
    ["password", "u p@ss h 5432 d verify-full"],
    ["windows", "u p@ss h 5432 d verify-full"],
    ["empty", "DB-CFG-026"],
    ["large", "DB-CFG-026"],
    ["missing", "DB-CFG-026"],
    [".", "DB-CFG-026"],
  ])("is its text without the line end: %s", (name, expected) => {
    expect(summary(`postgres://u:\${file:${join(folder, name)}}@h/d`)).toBe(expected);
  });
});
