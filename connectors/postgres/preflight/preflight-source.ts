// What `check` asks of a PostgreSQL source before anything runs: all that is in the way, and the SQL that mends it. Reads
// only; opens one replication connection for a moment, because only that shows that the server lets one in.
import type { Client, ClientBase } from "pg";
import type { Finding } from "../../../engine/model/finding.ts";
import type { ServerAddress } from "../../../engine/model/server-address.ts";
import type { TableMapping } from "../../../engine/model/share.ts";
import { type CatalogTable, printTable, tableKey, type TableName } from "../../../engine/model/table.ts";
import { planPublication, type PublicationNeed, type PublicationState } from "../capture/publication-plan.ts";
import { publicationNeeds, readPublication } from "../capture/publication.ts";
import { connectPostgres, printAddress } from "../postgres-client.ts";
import { toReplicationError } from "../postgres-errors.ts";
import { judgePublication } from "./judge-publication.ts";
import { judgeServer, judgeSource, type SourceExpectation } from "./judge-server.ts";
import { judgeTable } from "./judge-tables.ts";
import { findingOf, newFinding, withoutRepeats } from "../../../engine/model/new-finding.ts";
import { readLogFacts, readServerFacts, type ServerFacts } from "./server-facts.ts";
import { readTableFacts, type TableFacts } from "./table-facts.ts";

export interface SourceCheck extends SourceExpectation {
  readonly address: ServerAddress;
  readonly publication: string;
  /** Every table that a share names. */
  readonly tables: readonly TableName[];
  /** Of the tables that could be resolved, how each subscription uses them. */
  readonly mappings: readonly TableMapping[];
}

/** Never throws for what the server does or lacks: that is a finding. An empty answer means that nothing is in the way. */
export async function preflightSource(check: SourceCheck): Promise<Finding[]> {
  let client: Client | null = null;
  try {
    client = await connectPostgres(check.address, {
      role: "check",
      statementTimeoutMs: 60_000,
      settings: { default_transaction_read_only: "on" },
    });
    const facts = await readServerFacts(client);
    const server = [...judgeServer(facts, check.source), ...judgeSource(facts, await readLogFacts(client, check.slot), check)];
    const replication = server.some((finding) => finding.severity === "error") ? [] : await tryReplication(check);
    return withoutRepeats([...server, ...replication, ...(await checkTables(client, facts, check))]);
  } catch (error) {
    return [findingOf(toReplicationError(error, printAddress(check.address)))];
  } finally {
    await client?.end().catch(() => {});
  }
}

/** pg_hba.conf, poolers and limits may treat a replication connection differently from the one we have. */
async function tryReplication({ address, source }: SourceCheck): Promise<Finding[]> {
  try {
    const client = await connectPostgres(address, { role: "check", replication: true });
    try {
      await client.query("IDENTIFY_SYSTEM");
    } finally {
      await client.end().catch(() => {});
    }
    return [];
  } catch (error) {
    return [findingOf(toReplicationError(error, `${source}, replication connection`))];
  }
}

async function checkTables(client: ClientBase, { major, role }: ServerFacts, check: SourceCheck): Promise<Finding[]> {
  const facts = await readTableFacts(client, check.tables);
  const missing = check.tables.filter((table) => facts.every((found) => tableKey(found.table) !== tableKey(table)));
  const needs = await publicationNeeds(client, check.mappings);
  const state = await readPublication(client, check.publication);
  const complete = planPublication({ name: check.publication, needs, major }, state).statements.length === 0;
  const publication = { name: check.publication, state, complete };
  const findings = missing.map((table) => newFinding("DB-MAP-030", "error", printTable(table)));
  for (const found of facts) {
    const mappings = check.mappings.filter(({ source }) => tableKey(source) === tableKey(found.table));
    findings.push(...judgeTable({ facts: found, mappings, need: needOf(found, needs), major, publication }, check.tables, role.name));
  }
  const plan = planPublication({ name: check.publication, needs: publishableNow(needs, findings, state), major }, state);
  const self = await mayPublish(
    client,
    check,
    needs.map(({ table }) => table),
  );
  return [...findings, ...judgePublication(plan, check.publication, self)];
}

/** A table whose identity must change is published after that: its column list would be made for the identity that goes. */
function publishableNow(
  needs: readonly PublicationNeed[],
  findings: readonly Finding[],
  state: PublicationState | null,
): readonly PublicationNeed[] {
  const changing = new Set(findings.filter(({ code }) => code === "DB-MAP-040").map(({ subject }) => subject));
  const isPublished = ({ id, table }: CatalogTable): boolean =>
    state !== null && (state.allTables || state.schemas.includes(table.schema) || state.entries.some((entry) => entry.id === id));
  return needs.filter(({ table }) => !changing.has(printTable(table.table)) || isPublished(table));
}

function needOf(facts: TableFacts, needs: readonly PublicationNeed[]): PublicationNeed | null {
  return needs.find(({ table }) => table.id === facts.id) ?? null;
}

const ownershipSql = `
SELECT (has_database_privilege(current_database(), 'CREATE')
  AND coalesce((SELECT pg_has_role(p.pubowner, 'USAGE') FROM pg_publication p WHERE p.pubname = $1), true)
  AND (SELECT coalesce(bool_and(pg_has_role(c.relowner, 'USAGE')), true) FROM pg_class c WHERE c.oid = ANY ($2::oid[]))) AS answer`;

/** Whether dongbo's own role may make the publication what is needed. */
async function mayPublish(client: ClientBase, { publication }: SourceCheck, tables: readonly CatalogTable[]): Promise<boolean> {
  const { rows } = await client.query<{ answer: string }>(ownershipSql, [publication, tables.map(({ id }) => id)]);
  return rows[0]?.answer === "t";
}
