// What `check` asks of a PostgreSQL target before anything runs. Preparing is rehearsed table by table and undone, so that
// what is said here is what will be met; what would stop every rehearsal alike is looked at first.
import type { Client, ClientBase } from "pg";
import type { Finding } from "../../../engine/model/finding.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { ServerAddress } from "../../../engine/model/server-address.ts";
import type { Subscription } from "../../../engine/model/share.ts";
import { readersPastTheGate } from "../apply/grants.ts";
import { prepareTarget } from "../apply/prepare-target.ts";
import { connectPostgres, printAddress } from "../postgres-client.ts";
import { toReplicationError } from "../postgres-errors.ts";
import { quoteIdentifier } from "../quote.ts";
import { judgeServer } from "./judge-server.ts";
import { findingOf, newFinding, withoutRepeats } from "../../../engine/model/new-finding.ts";
import { readServerFacts, type ServerFacts } from "./server-facts.ts";

export interface TargetCheck {
  readonly address: ServerAddress;
  /** The target's name in the configuration. */
  readonly target: string;
  /** Roles that get SELECT on the views. */
  readonly readers: readonly string[];
  /** Those of its subscriptions that could be resolved. */
  readonly subscriptions: readonly Subscription[];
}

/** The wrong server or database, whatever else is the matter with it. */
const hopeless: ReadonlySet<string> = new Set(["DB-PG-008", "DB-PG-011", "DB-PG-040"]);

/** Never throws for what the server does or lacks: that is a finding. Leaves nothing behind. */
export async function preflightTarget(check: TargetCheck): Promise<Finding[]> {
  let client: Client | null = null;
  try {
    client = await connectPostgres(check.address, { role: "check", statementTimeoutMs: 120_000 });
    const facts = await readServerFacts(client);
    const server = [...judgeServer(facts, check.target), ...judgeTarget(facts, check)];
    if (server.some(({ code }) => hopeless.has(code))) return server;
    const database = [...server, ...(await checkDatabase(client, facts, check))];
    const rehearsable = !database.some(({ code }) => code === "DB-TGT-003");
    const rehearsed = rehearsable ? await rehearse(client, check) : [];
    // The extension was named once already, and not for each column.
    const news = rehearsed.filter(({ code }) => code !== "DB-TGT-008" || !database.some((known) => known.code === code));
    return withoutRepeats([...database, ...news]);
  } catch (error) {
    return [findingOf(toReplicationError(error, printAddress(check.address)))];
  } finally {
    await client?.end().catch(() => {});
  }
}

function judgeTarget(facts: ServerFacts, { target, subscriptions }: TargetCheck): Finding[] {
  const findings: Finding[] = [];
  const { role } = facts;
  if (facts.inRecovery) findings.push(newFinding("DB-PG-008", "error", target, { cause: "the server is a standby" }));
  else if (facts.readOnly) {
    const sql = [
      `ALTER ROLE ${quoteIdentifier(role.name)} IN DATABASE ${quoteIdentifier(role.database)} SET default_transaction_read_only = off`,
    ];
    findings.push(newFinding("DB-PG-008", "error", target, { cause: "default_transaction_read_only is on", sql }));
  }
  if (facts.encoding !== "UTF8") {
    const cause = `the database's encoding is ${facts.encoding}: it cannot hold every text of the source`;
    findings.push(newFinding("DB-PG-040", "error", target, { cause }));
  }
  // Each subscription has a connection of its own, and one more is needed to prepare and to end sessions that are left.
  const sessions = subscriptions.length + 1;
  if (role.connectionLimit >= 0 && role.connectionLimit < sessions) {
    const cause = `role "${role.name}" may have ${role.connectionLimit} sessions, ${sessions} are needed`;
    const sql = [`ALTER ROLE ${quoteIdentifier(role.name)} CONNECTION LIMIT ${sessions}`];
    findings.push(newFinding("DB-PG-006", "error", target, { cause, remedy: "Raise the role's limit", sql }));
  }
  return findings;
}

const schemasSql = "SELECT name FROM unnest($1::text[]) AS name WHERE NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = name)";

const extensionsSql = `
SELECT name, EXISTS (SELECT FROM pg_available_extensions a WHERE a.name = wanted.name) AS available
FROM unnest($1::text[]) AS wanted(name) WHERE NOT EXISTS (SELECT FROM pg_extension WHERE extname = wanted.name)`;

/** Everything about the database as a whole that every table would run into. */
async function checkDatabase(client: ClientBase, { role }: ServerFacts, check: TargetCheck): Promise<Finding[]> {
  const findings: Finding[] = [];
  const tables = check.subscriptions.flatMap((subscription) => subscription.tables);
  const schemas = [...new Set(["dongbo", ...tables.flatMap(({ physical, target }) => [physical.schema, target.schema])])];
  const missing = (await client.query<{ name: string }>(schemasSql, [schemas])).rows.map((row) => row.name);
  if (missing.length > 0 && !role.mayCreateInDatabase) {
    const cause = `role "${role.name}" may not make the schemas ${missing.join(", ")}`;
    const sql = [`GRANT CREATE ON DATABASE ${quoteIdentifier(role.database)} TO ${quoteIdentifier(role.name)}`];
    findings.push(newFinding("DB-TGT-003", "error", check.target, { cause, sql }));
  }
  const columns = tables.flatMap((table) => table.columns.filter(({ targetType }) => targetType === null));
  const extensions = [...new Set(columns.flatMap(({ sourceType }) => (sourceType.extension === null ? [] : [sourceType.extension])))];
  const lacking = await client.query<{ name: string; available: string }>(extensionsSql, [extensions]);
  for (const { name, available } of lacking.rows) {
    const cause = `the extension ${name}, to which types of the copy belong, is not in this database`;
    const sql = [`CREATE EXTENSION IF NOT EXISTS ${quoteIdentifier(name)}`];
    const remedy = "Install the extension's package on the server, then let an administrator run the statement";
    findings.push(newFinding("DB-TGT-008", "error", check.target, available === "t" ? { cause, sql } : { cause, remedy, sql }));
  }
  for (const reader of await readersPastTheGate(client, check.readers)) {
    findings.push(newFinding("DB-TGT-030", "warning", `${check.target} ${reader}`));
  }
  return findings;
}

/** Prepares each table by itself, so that one that fails does not hide another; nothing of it stays. */
async function rehearse(client: ClientBase, { target, subscriptions, readers }: TargetCheck): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const subscription of subscriptions) {
    for (const table of subscription.tables) {
      try {
        await prepareTarget(client, { ...subscription, tables: [table], stopped: [] }, readers, { purpose: "rehearse" });
      } catch (error) {
        if (!(error instanceof ReplicationError)) throw error;
        const finding = findingOf(error);
        // Roles and tables have the same names in many targets.
        findings.push({ ...finding, subject: `${target} ${finding.subject}` });
      }
    }
  }
  return findings;
}
