// What `check` asks of a MySQL or MariaDB source before anything runs: all that is in the way, and the SQL that mends it.
// Reads only.
import type { Finding } from "../../../engine/model/finding.ts";
import { findingOf, withoutRepeats } from "../../../engine/model/new-finding.ts";
import type { ServerAddress } from "../../../engine/model/server-address.ts";
import type { TableMapping } from "../../../engine/model/share.ts";
import type { TableName } from "../../../engine/model/table.ts";
import { connectMysql, type MysqlSession, printAddress } from "../mysql-client.ts";
import { toReplicationError } from "../mysql-errors.ts";
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
    session = await connectMysql(check.address, { role: "check", settings: { lock_wait_timeout: "10" } });
    const facts = await readSourceFacts(session);
    const findings = judgeSource(facts, check);
    if (findings.some(({ code }) => code === "DB-MY-011")) return findings;
    for (const table of check.tables) findings.push(...(await checkTable(session, facts, { table, mappings: check.mappings })));
    return withoutRepeats(findings);
  } catch (error) {
    return [findingOf(toReplicationError(error, printAddress(check.address)))];
  } finally {
    await session?.end();
  }
}
