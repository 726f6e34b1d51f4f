import { readFileSync } from "node:fs";

/** Binary logs captured from one server, by scenario. */
export interface BinlogGolden {
  /** The release they came from. */
  readonly server: string;
  readonly scenarios: Record<string, { readonly sql: readonly string[]; readonly events: readonly string[] }>;
}

/** From the project's folder, where every command of ours runs. */
export const binlogGoldenPath = "test/golden/binlog/mariadb-10.11.json";

export function readBinlogGolden(): BinlogGolden {
  return JSON.parse(readFileSync(binlogGoldenPath, "utf8")) as BinlogGolden;
}

/** The events of a binary log file: its mark of four bytes, then each event with its length at byte 9. */
export function splitBinlog(file: Buffer): Buffer[] {
  const events: Buffer[] = [];
  for (let at = 4; at < file.length; ) {
    const length = file.readUInt32LE(at + 9);
    events.push(file.subarray(at, at + length));
    at += length;
  }
  return events;
}
