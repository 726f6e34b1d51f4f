// What comparing costs whoever has nothing but the rows: both tables are read to this process, row by row, and compared here by a
// digest of each row. Takes a DownloadOrder as JSON, prints a DownloadUsage as JSON.
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import pg from "pg";
import { to as copyTo } from "pg-copy-streams";

export interface DownloadOrder {
  readonly source: DownloadedTable;
  readonly target: DownloadedTable;
}

interface DownloadedTable {
  readonly url: string;
  /** A query whose first column is the key. */
  readonly query: string;
}

export interface DownloadUsage {
  readonly rows: number;
  readonly differences: number;
  readonly cpuSeconds: number;
  /** MB of 10^6 bytes. */
  readonly rssPeakMb: number;
}

async function compare({ source, target }: DownloadOrder): Promise<Pick<DownloadUsage, "rows" | "differences">> {
  const expected = new Map<string, string>();
  for await (const { key, digest } of rowsOf(source)) expected.set(key, digest);
  const rows = expected.size;
  let differences = 0;
  for await (const { key, digest } of rowsOf(target)) {
    if (expected.get(key) !== digest) differences += 1;
    expected.delete(key);
  }
  return { rows, differences: differences + expected.size };
}

async function* rowsOf({ url, query }: DownloadedTable): AsyncGenerator<{ readonly key: string; readonly digest: string }> {
  const client = new pg.Client({ connectionString: url, options: "-c TimeZone=UTC" });
  await client.connect();
  try {
    // COPY writes a line break within a value as two characters.
    for await (const line of createInterface(client.query(copyTo(`COPY (${query}) TO STDOUT`)))) {
      yield { key: line.slice(0, line.indexOf("\t")), digest: createHash("md5").update(line).digest("base64") };
    }
  } finally {
    await client.end();
  }
}

const found = await compare(JSON.parse(process.argv[2] ?? "{}") as DownloadOrder);
const { user, system } = process.cpuUsage();
const usage: DownloadUsage = { ...found, cpuSeconds: (user + system) / 1e6, rssPeakMb: (process.resourceUsage().maxRSS * 1024) / 1e6 };
process.stdout.write(JSON.stringify(usage));
