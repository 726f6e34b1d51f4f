import { isIP } from "node:net";
import type { ListenAddress } from "./configuration.ts";
import { read, refuse, type Reading } from "./reading.ts";

/** Reads `host:port`, an IPv6 address in brackets, or `off` (null). */
export function parseListenAddress(text: string): Reading<ListenAddress | null> {
  if (text === "off") return read(null);
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535 || (match?.[1] !== undefined && isIP(host) !== 6)) return refuse("DB-CFG-033");
  return read({ host, port });
}
