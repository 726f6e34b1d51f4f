// Does the source log enough of a row's old values? (manual, "ALTER TABLE … REPLICA IDENTITY")
import type { Finding } from "../../../engine/model/finding.ts";
import { predicateColumns } from "../../../engine/model/predicate.ts";
import { type CatalogTable, printTable } from "../../../engine/model/table.ts";
import { planPublication, type PublicationNeed } from "../capture/publication-plan.ts";
import { quoteIdentifier, quoteTable } from "../quote.ts";
import type { CheckedTable } from "./judge-tables.ts";
import { newFinding } from "../../../engine/model/new-finding.ts";
import type { TableFacts } from "./table-facts.ts";

const mendLater =
  "None needed: each update then costs a delete by key in the copies it does not concern; once the publication is complete, `dongbo check` prints the statements that spare that";

/** Old values must name the row by every share's key, in every partition; and they should hold what filters ask for. */
export function judgeIdentity(checked: CheckedTable): Finding[] {
  const { facts, need, mappings } = checked;
  if (need === null) return [];
  const subject = printTable(facts.table);
  const { table, leaves } = need;
  const lesser = leaves.filter((leaf) => !isAsRootPromises(leaf, facts.identity));
  if (lesser.length > 0) return lesser.map((leaf) => lesserPartition(leaf, facts));
  const key = [...new Set(mappings.flatMap((mapping) => mapping.key))];
  if (!includesAll(table.identity.columns, key)) {
    const cause = `the replica identity (${describe(facts)}) does not hold the key (${key.join(", ")})`;
    return [newFinding("DB-MAP-040", "error", subject, { cause, ...mend(checked, key) })];
  }
  const filtered = [...new Set(mappings.flatMap(({ filter }) => (filter === null ? [] : predicateColumns(filter))))];
  const outside = filtered.filter((column) => !table.identity.columns.includes(column));
  if (outside.length === 0) return [];
  const cause = `the filter's ${outside.join(", ")} is outside the replica identity (${describe(facts)}), so the log does not say which copies a row was in before`;
  // The publication's own statements give it column lists for the identity as it is: after another one they would make the
  // master's updates fail.
  if (!checked.publication.complete) return [newFinding("DB-MAP-041", "warning", subject, { cause, remedy: mendLater })];
  const { sql } = mend(checked, [...new Set([...key, ...outside])]);
  return [newFinding("DB-MAP-041", "warning", subject, { cause, sql })];
}

function isAsRootPromises(leaf: CatalogTable, root: TableFacts["identity"]): boolean {
  return root.kind === "f" ? leaf.identity.kind === "full" : includesAll(leaf.identity.columns, root.columns);
}

function lesserPartition(leaf: CatalogTable, root: TableFacts): Finding {
  const byKey = root.identity.kind !== "f" && leaf.primaryKey.length > 0 && includesAll(leaf.primaryKey, root.identity.columns);
  const cause = `the partition logs less of a row's old values than ${printTable(root.table)} promises (${describe(root)})`;
  return newFinding("DB-MAP-043", "error", printTable(leaf.table), { cause, sql: [setIdentity(leaf, byKey ? "DEFAULT" : "FULL")] });
}

/** The statements after which the old values of these columns are logged, cheapest first; none where no statement can do it. */
function mend(checked: CheckedTable, columns: readonly string[]): { remedy?: string; sql: string[] } {
  const { facts, need, major } = checked;
  if (need === null) return { sql: [] };
  const tables = [need.table, ...need.leaves];
  const index = facts.identityIndexes.find((candidate) => includesAll(candidate.columns, columns));
  // An index of a partitioned table has another name in each partition.
  if (index !== undefined && (index.primary || !need.table.partitioned)) {
    const how = index.primary ? "DEFAULT" : `USING INDEX ${quoteIdentifier(index.name)}`;
    const widened = { ...need, columns: [...need.columns, ...index.columns] };
    return { sql: [...publishFirst(checked, widened), ...tables.map((table) => setIdentity(table, how))] };
  }
  const virtual = major >= 18 && need.table.columns.some((column) => column.generated && column.publishable !== true);
  if (virtual) {
    const remedy = `Make a unique index over NOT NULL columns with ${columns.join(", ")} and set REPLICA IDENTITY USING INDEX; FULL cannot be published with virtual columns`;
    return { remedy, sql: [] };
  }
  const full = { ...need, table: withFullIdentity(need.table), leaves: need.leaves.map(withFullIdentity) };
  return { sql: [...publishFirst(checked, full), ...tables.map((table) => setIdentity(table, "FULL"))] };
}

/**
 * What the publication must hold before the identity is changed: where its column list does not cover the new identity,
 * the server would refuse the table's updates and deletes from then on.
 */
function publishFirst({ publication, facts, major }: CheckedTable, changed: PublicationNeed): readonly string[] {
  if (publication.state?.entries.every((entry) => entry.id !== facts.id) !== false) return [];
  return planPublication({ name: publication.name, needs: [changed], major }, publication.state).statements;
}

function withFullIdentity(table: CatalogTable): CatalogTable {
  return { ...table, identity: { kind: "full", columns: table.columns.map((column) => column.name) } };
}

function setIdentity(table: CatalogTable, identity: string): string {
  return `ALTER TABLE ${quoteTable(table.table)} REPLICA IDENTITY ${identity}`;
}

function describe({ identity }: TableFacts): string {
  const names = { d: "default", i: "an index", f: "full", n: "nothing" } as const;
  return identity.columns.length === 0 ? names[identity.kind] : `${names[identity.kind]}: ${identity.columns.join(", ")}`;
}

function includesAll(columns: readonly string[], wanted: readonly string[]): boolean {
  return wanted.every((name) => columns.includes(name));
}
