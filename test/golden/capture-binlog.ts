// Captures binary logs from a real server into test/golden/binlog:
//
//   npx tsc -p tsconfig.json --noEmit false --outDir dist --rootDir . && node dist/test/golden/capture-binlog.js
//
// Run it only when a scenario is added, and read the difference before committing it.
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { EmbeddedMariaDb } from "../../deploy/embedded/mariadb-server.ts";
import { type BinlogGolden, binlogGoldenPath, splitBinlog } from "./binlog-file.ts";
import { binlogScenarios } from "./binlog-scenarios.ts";

const golden: { server: string; scenarios: BinlogGolden["scenarios"] } = { server: "", scenarios: {} };
for (const { name, settings, sql } of binlogScenarios) {
  const folder = mkdtempSync(join(tmpdir(), "dongbo-golden-"));
  chmodSync(folder, 0o711);
  const server = await EmbeddedMariaDb.start({ dataDir: join(folder, "data"), settings: settings ?? {} });
  try {
    const [version] = await server.query("SELECT VERSION() AS version");
    await server.query("CREATE DATABASE d", "FLUSH BINARY LOGS", "USE d", ...sql);
    const files = await server.query("SHOW BINARY LOGS");
    const file = readFileSync(join(server.dataDir, files.at(-1)?.["Log_name"] ?? ""));
    golden.server = version?.["version"] ?? "";
    golden.scenarios[name] = { sql, events: splitBinlog(file).map((event) => event.toString("hex")) };
  } finally {
    await server.destroy();
    rmSync(folder, { recursive: true, force: true });
  }
}
mkdirSync(dirname(binlogGoldenPath), { recursive: true });
writeFileSync(binlogGoldenPath, `${JSON.stringify(golden, null, 1)}\n`);
process.stdout.write(`${Object.keys(golden.scenarios).length} scenarios from ${golden.server}\n`);
