// What `check` asks of a MySQL or MariaDB source before anything runs: all that is in the way, and the SQL that mends it.
// Reads only.
import type { Finding } from "../../../engine/model/finding.ts";
import { findingOf, withoutRepeats } from "../../../engine/model/new-finding.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { ServerAddress } from "../../../engine/model/server-address.ts";
import type { TableMapping } from "../../../engine/model/share.ts";
import type { TableName } from "../../../engine/model/table.ts";
import { connectMysql, type MysqlSession, printAddress } from "../mysql-client.ts";
import { errorNumber, toReplicationError } from "../mysql-errors.ts";
import { judgeSource, type SourceExpectation } from "./judge-source.ts";
import { readSourceFacts } from "./source-facts.ts";
import { checkTable } from "./source-tables.ts";

export interface SourceCheck extends SourceExpectation {
  readonly address: ServerAddress;
  /** Every table that a share names. */
  readonly tables: readonly TableName[];
  /** Of the tables that could be resolved, how each subscription uses them. */
  readonly mappings: readonly TableMapping[];
}

/** Never throws for what the server does or lacks: that is a finding. No warning or error means that nothing is in the way. */
export async function preflightSource(check: SourceCheck): Promise<Finding[]> {
  let session: MysqlSession | null = null;
  try {
    const opened = await open(check.address);
    session = opened.session;
    const facts = await readSourceFacts(session);
    const findings = judgeSource(facts, check);
    if (findings.some(({ code }) => code === "DB-MY-011")) return findings;
    for (const table of check.tables) findings.push(...(await checkTable(session, facts, { table, mappings: check.mappings })));
    const lacks = findings.some(({ severity }) => severity === "error");
    return withoutRepeats(opened.refusal === null || lacks ? findings : [...findings, findingOf(opened.refusal)]);
  } catch (error) {
    return [findingOf(toReplicationError(error, printAddress(check.address)))];
  } finally {
    await session?.end();
  }
}

/**
 * Who has no right at all in the URL's database is not let into it; what is lacking is then told from outside. `refusal`: of the database,
 * null when it is open.
 */
async function open(address: ServerAddress): Promise<{ readonly session: MysqlSession; readonly refusal: ReplicationError | null }> {
  const options = { role: "check", settings: { lock_wait_timeout: "10" } };
  try {
    return { session: await connectMysql(address, options), refusal: null };
  } catch (error) {
    if (!(error instanceof ReplicationError) || errorNumber(error) !== accessDenied) throw error;
    return { session: await connectMysql({ ...address, database: "" }, options), refusal: error };
  }
}

/** ER_DBACCESS_DENIED_ERROR. */
const accessDenied = 1044;
