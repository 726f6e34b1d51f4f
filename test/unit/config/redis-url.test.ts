import { expect, test } from "vitest";
import { parseRedisUrl } from "../../../engine/config/redis-url.ts";

const env = { PASSWORD: "p@ss:w/o?r#d", URL: "rediss://fleet:s3cret@queue.example.vn/2" };

/** The parts of an address in one line, or the codes of what is wrong; then warnings. */
function summary(url: string): string {
  const { address, problems, warnings } = parseRedisUrl(url, { env, directory: "/etc/dongbo" });
  const warned = warnings.map(({ code }) => ` ${code}`).join("");
  if (address === null) return problems.map(({ code }) => code).join();
  const { user, password, host, port, database, tls } = address;
  return `${user || "-"} ${password?.reveal() ?? "-"} ${host} ${port} ${database} ${tls?.mode ?? "plain"}${warned}`;
}

test.each([
  ["redis://127.0.0.1", "- - 127.0.0.1 6379 0 plain"],
  ["redis://localhost:6380/3", "- - localhost 6380 3 plain"],
  ["redis://queue.example.vn", "- - queue.example.vn 6379 0 plain DB-CFG-027"],
  ["rediss://:${env:PASSWORD}@queue.example.vn:6380/1", "- p@ss:w/o?r#d queue.example.vn 6380 1 verify-full"],
  ["rediss://fleet:${env:PASSWORD}@127.0.0.1", "fleet p@ss:w/o?r#d 127.0.0.1 6379 0 verify-full"],
  ["${env:URL}", "fleet s3cret queue.example.vn 6379 2 verify-full"],
  ["rediss://queue.example.vn?sslmode=require", "- - queue.example.vn 6379 0 require DB-CFG-027"],
  ["rediss://queue.example.vn?sslmode=verify-ca&sslrootcert=ca.pem", "- - queue.example.vn 6379 0 verify-ca DB-CFG-027"],
])("%s leads to %s", (url, expected) => {
  expect(summary(url)).toBe(expected);
});

test.each([
  ["rediss://:secret@queue.example.vn", "DB-CFG-022"],
  ["postgres://queue.example.vn/x", "DB-CFG-021"],
  ["http://queue.example.vn", "DB-CFG-020"],
  ["redis://127.0.0.1/one", "DB-CFG-020"],
  ["redis://", "DB-CFG-020"],
  ["redis://fleet@127.0.0.1", "DB-CFG-020"],
  ["redis://127.0.0.1?sslmode=require", "DB-CFG-023"],
  ["rediss://127.0.0.1?sslmode=prefer", "DB-CFG-023"],
  ["rediss://127.0.0.1?family=6", "DB-CFG-023"],
])("%s is refused with %s", (url, code) => {
  expect(summary(url)).toBe(code);
});
