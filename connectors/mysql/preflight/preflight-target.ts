// What `check` asks of a MySQL or MariaDB target before anything runs. Here nothing can be rehearsed and undone, for DDL commits
// by itself: privileges are compared with what is needed, and whatever is in the way is looked for.
import type { Finding } from "../../../engine/model/finding.ts";
import { findingOf, newFinding, withoutRepeats } from "../../../engine/model/new-finding.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { ServerAddress } from "../../../engine/model/server-address.ts";
import type { Subscription, TableMapping } from "../../../engine/model/share.ts";
import { printTable, type TableName } from "../../../engine/model/table.ts";
import { installedVersion } from "../apply/checkpoint-sql.ts";
import { unknownReader } from "../apply/grants.ts";
import { refuseUnusableNames } from "../apply/names.ts";
import { refuseTakenName } from "../apply/reader-view.ts";
import { trustCreators } from "../apply/target-schema.ts";
import { connectMysql, type MysqlSession, printAddress } from "../mysql-client.ts";
import { toReplicationError } from "../mysql-errors.ts";
import { judgeTarget } from "./judge-target.ts";
import { missingReaders, readersPastTheGate } from "./reader-accounts.ts";
import { readTargetFacts, type TargetFacts } from "./target-facts.ts";
import { grantStatements, isAdministrator, lackingPrivileges, neededPrivileges } from "./target-privileges.ts";

export interface TargetCheck {
  readonly address: ServerAddress;
  /** The target's name in the configuration. */
  readonly target: string;
  /** Accounts that get SELECT on the views. */
  readonly readers: readonly string[];
  /** Those of its subscriptions that could be resolved. */
  readonly subscriptions: readonly Subscription[];
}

/** The wrong server, whatever else is the matter with it. */
const hopeless: ReadonlySet<string> = new Set(["DB-MY-008", "DB-MY-011", "DB-MY-062"]);

/** Never throws for what the server does or lacks: that is a finding. Changes nothing. */
export async function preflightTarget(check: TargetCheck): Promise<Finding[]> {
  let session: MysqlSession | null = null;
  try {
    session = await connectMysql(check.address, { role: "check" });
    const facts = await readTargetFacts(session);
    const server = judgeTarget(facts, check.target, check.subscriptions.length);
    if (server.some(({ code }) => hopeless.has(code))) return server;
    const findings = [
      ...server,
      ...(await checkPrivileges(session, facts, check)),
      ...(await checkObjects(session, facts, check)),
      ...(await checkReaders(session, check)),
    ];
    return withoutRepeats(findings);
  } catch (error) {
    return [findingOf(toReplicationError(error, printAddress(check.address)))];
  } finally {
    await session?.end();
  }
}

function tablesOf({ subscriptions }: TargetCheck): TableMapping[] {
  return subscriptions.flatMap((subscription) => subscription.tables);
}

async function checkPrivileges(
  session: MysqlSession,
  { account, functionsNeedTrust }: TargetFacts,
  check: TargetCheck,
): Promise<Finding[]> {
  const lacking = await lackingPrivileges(session, neededPrivileges(tablesOf(check), check.readers.length > 0));
  const findings = [...lacking].map(([database, names]) => {
    const cause = `user ${account} lacks ${names.join(", ")} on database ${database}`;
    return newFinding("DB-TGT-003", "error", check.target, { cause, sql: grantStatements(account, new Map([[database, names]])) });
  });
  if (functionsNeedTrust && !(await isAdministrator(session)) && !(await gateIsInstalled(session))) {
    const cause = "the server keeps a binary log and lets only administrators make functions, which the gate needs";
    const remedy = "Run the statement; it may be taken back once dongbo has prepared the target";
    findings.push(newFinding("DB-TGT-003", "error", check.target, { cause, remedy, sql: [trustCreators] }));
  }
  return findings;
}

async function gateIsInstalled(session: MysqlSession): Promise<boolean> {
  const rows = await session.query("SELECT 1 FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = 'dongbo' AND ROUTINE_NAME = 'gate'");
  return rows.length > 0;
}

/** Names that cannot be used or are taken, each table by itself, so that one does not hide another. */
async function checkObjects(session: MysqlSession, { foldsNames }: TargetFacts, check: TargetCheck): Promise<Finding[]> {
  const findings: Finding[] = [];
  const attempt = async (work: () => unknown): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof ReplicationError)) throw error;
      const finding = findingOf(error);
      // Tables have the same names in many targets.
      findings.push({ ...finding, subject: `${check.target} ${finding.subject}` });
    }
  };
  await attempt(() => installedVersion(session));
  for (const { id, tables } of check.subscriptions) {
    for (const table of tables) {
      await attempt(async () => {
        refuseUnusableNames(table);
        await refuseTakenName(session, { view: table.target, digest: await recordedDigest(session, id, table.target) });
      });
    }
  }
  return foldsNames ? [...findings, ...foldedTogether(check)] : findings;
}

/** Digest of the view as dongbo last made it; null: there is no record of it. */
async function recordedDigest(session: MysqlSession, subscription: string, view: TableName): Promise<string | null> {
  const found = await session.query("SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'dongbo' AND TABLE_NAME = 'copy'");
  if (found.length === 0) return null;
  const [row] = await session.query("SELECT view_digest FROM dongbo.copy WHERE subscription = ? AND target_table = ?", [
    subscription,
    printTable(view),
  ]);
  return row?.["view_digest"] ?? null;
}

/** On a server that overlooks capitals in names (Windows, macOS, or by setting) two tables may be one. */
function foldedTogether(check: TargetCheck): Finding[] {
  const seen = new Map<string, TableName>();
  return tablesOf(check).flatMap(({ target }) => {
    const name = printTable(target).toLowerCase();
    const other = seen.get(name);
    seen.set(name, target);
    if (other === undefined || printTable(other) === printTable(target)) return [];
    const cause = `${printTable(other)} and ${printTable(target)} are one table to this server, for lower_case_table_names is not 0`;
    return [newFinding("DB-TGT-014", "error", `${check.target} ${printTable(target)}`, { cause })];
  });
}

async function checkReaders(session: MysqlSession, check: TargetCheck): Promise<Finding[]> {
  const missing = await missingReaders(session, check.readers);
  const past = await readersPastTheGate(session, check.readers, tablesOf(check));
  return [
    ...missing.map((reader) => ({ ...findingOf(unknownReader(reader)), subject: `${check.target} ${reader}` })),
    ...past.map((reader) => newFinding("DB-TGT-030", "warning", `${check.target} ${reader}`, { cause: pastCause, remedy: pastRemedy })),
  ];
}

const pastCause = "the reader was granted more than views: the physical tables, every table, the server's files or its binary log";
const pastRemedy = "Revoke that, or let readers use another account: a view cannot refuse them an expired copy";
