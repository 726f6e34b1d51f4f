// MySQL and MariaDB servers for tests: private MariaDB of Debian's package; a real MySQL where DONGBO_TEST_MYSQL_URL names one.
import { execFileSync } from "node:child_process";
import { renameSync } from "node:fs";
import { join } from "node:path";
import type { Flavour } from "../../connectors/mysql/mysql-client.ts";
import { EmbeddedMariaDb } from "../../deploy/embedded/mariadb-server.ts";
import { type MysqlTestServer, useGivenMysql } from "./given-mysql.ts";
import { oncePerRun } from "./once-per-run.ts";
import { testFolder, testRunFolder } from "./test-run.ts";

/** Settings for throw-away servers: a killed server process loses nothing, only a dead machine would. */
const throwAway = {
  innodb_flush_log_at_trx_commit: 2,
  sync_binlog: 0,
  innodb_doublewrite: 0,
  innodb_log_file_size: "64M",
  performance_schema: 0,
  skip_name_resolve: 1,
};

/** The address that the lane of real MySQL runs on (vitest.config.ts); undefined in all others. */
const given = process.env["DONGBO_TEST_MYSQL_LANE"];

/** The family of servers that `startMysqlServer` gives. */
export const testedFlavour: Flavour = given === undefined ? "mariadb" : "mysql";

/** Compares utf8mb4 byte by byte, trailing blanks too. */
export const bytewiseCollation = testedFlavour === "mariadb" ? "utf8mb4_nopad_bin" : "utf8mb4_0900_bin";

/** For the names of tests. */
export const serverName = testedFlavour === "mariadb" ? "MariaDB" : "MySQL";

/** The privilege that shows where the log is. */
export const watchesLog = testedFlavour === "mariadb" ? "BINLOG MONITOR" : "REPLICATION CLIENT";
/** `GRANT ... ON *.*` of what reading the log takes. */
export const replicationGrant = `GRANT REPLICATION SLAVE, ${watchesLog} ON *.*`;

/** Shows the place where the log ends; MySQL 8.4 took the older name away. */
export const showLogEnd = testedFlavour === "mariadb" ? "SHOW MASTER STATUS" : "SHOW BINARY LOG STATUS";
/** Shows a plan as a table. */
export const explain = testedFlavour === "mariadb" ? "EXPLAIN" : "EXPLAIN FORMAT = TRADITIONAL";

export function defaultRole(role: string, account: string): string {
  return `SET DEFAULT ROLE ${role} ${testedFlavour === "mariadb" ? "FOR" : "TO"} ${account}`;
}

/** An account without privileges, whatever it was before. */
export function remade(kind: "USER" | "ROLE", account: string): string[] {
  return [`DROP ${kind} IF EXISTS ${account}`, `CREATE ${kind} ${account}`];
}

/** For FROM: the numbers from 1 on as column `seq`. */
export function numbersTo(count: number): string {
  return `JSON_TABLE(CONCAT('[0', REPEAT(',0', ${count - 1}), ']'), '$[*]' COLUMNS (seq FOR ORDINALITY)) AS numbers`;
}

/** A server without anything in it: a MariaDB of its own, or in the lane of real MySQL the server that is given. */
export function startMysqlServer(settings: Readonly<Record<string, string | number>> = {}): Promise<MysqlTestServer> {
  return given === undefined ? startMariaDb(settings) : useGivenMysql(given, settings);
}

/** A server of its own, from the run's template, so that the data folder is made once per run. All users come from 127.0.0.1. */
export async function startMariaDb(settings: Readonly<Record<string, string | number>> = {}): Promise<EmbeddedMariaDb> {
  const template = join(testRunFolder(), "template-mariadb");
  await oncePerRun("template-mariadb", async () => {
    const draft = await EmbeddedMariaDb.start({ dataDir: `${template}.draft`, settings: { ...throwAway, skip_log_bin: 1 } });
    await draft.stop();
    await draft[Symbol.asyncDispose]();
    renameSync(draft.dataDir, template);
  });
  const dataDir = join(testFolder("mariadb"), "data");
  execFileSync("cp", ["-a", template, dataDir]);
  return EmbeddedMariaDb.start({ dataDir, settings: { ...throwAway, ...settings } });
}
