// The view that readers query: the mapped columns of the physical table behind the gate.
//
// Three things about its shape are load-bearing, and test/integration/gate-plans.pg.test.ts holds them on every version:
// - It is a plain view, pulled up into the reader's query: predicates and joins reach the table's indexes.
// - The table stands in a subquery of its own below an EXISTS that folds to true. Without it PostgreSQL 16 and later move the
//   gate of a view on the inner side of a LEFT JOIN into the join's condition, where it is judged only when a row matches:
//   an expired copy would then answer "no such row" under a cached plan.
// - Because it selects from a subquery, PostgreSQL takes no INSERT, UPDATE or DELETE through it, whatever was granted.
import { createHash } from "node:crypto";
import type { ClientBase } from "pg";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { printTable, type TableName } from "../../../engine/model/table.ts";
import { sqlState } from "../postgres-errors.ts";
import { quoteIdentifier, quoteIdentifiers, quoteTable } from "../quote.ts";
import { gateCondition } from "./gate-sql.ts";
import { saveGrantsAndComments } from "./view-privileges.ts";

export interface WantedView {
  readonly subscription: string;
  readonly view: TableName;
  readonly physical: TableName;
  /** In the mapping's order. */
  readonly columns: readonly string[];
  /** Digest of the view as dongbo last made it; null when there is no record of it. */
  readonly digest: string | null;
}

interface FoundView {
  readonly ours: boolean;
  readonly plain: boolean;
  /** It calls dongbo's gate. */
  readonly gated: boolean;
  readonly definition: string;
  readonly columns: readonly { readonly name: string; readonly fits: boolean }[];
}

/**
 * Makes the view, or changes it as little as possible: not at all, by appending columns, or, when columns go, by making
 * it anew with its grants and comments. Returns the digest to store. Throws DB-TGT-005 when the name is taken, DB-TGT-010
 * when something depends on a view that must be made anew.
 */
export async function ensureReaderView(client: ClientBase, wanted: WantedView): Promise<string> {
  const found = await findView(client, wanted);
  if (found === null) {
    await client.query(`CREATE VIEW ${viewSql(wanted, wanted.columns)}`);
    return currentDigest(client, wanted, wanted.columns);
  }
  refuseStranger(wanted, found);
  const kept = found.columns.every((column) => column.fits && wanted.columns.includes(column.name));
  const shown = found.columns.map((column) => column.name);
  const columns = kept ? [...shown, ...wanted.columns.filter((name) => !shown.includes(name))] : wanted.columns;
  if (digestOf(wanted, columns, found.definition) === wanted.digest) return wanted.digest;
  if (kept) await client.query(`CREATE OR REPLACE VIEW ${viewSql(wanted, columns)}`);
  else await makeAnew(client, wanted);
  return currentDigest(client, wanted, columns);
}

function viewSql(wanted: WantedView, columns: readonly string[]): string {
  const list = quoteIdentifiers(columns);
  const first = quoteIdentifier(columns[0] ?? "");
  return `${quoteTable(wanted.view)} AS SELECT ${list} FROM (
  SELECT ${list} FROM ${quoteTable(wanted.physical)} WHERE ${gateCondition(wanted.subscription, printTable(wanted.view))}
) AS copy WHERE EXISTS (SELECT WHERE copy.${first} IS NULL OR true)`;
}

async function makeAnew(client: ClientBase, wanted: WantedView): Promise<void> {
  const name = quoteTable(wanted.view);
  const restore = await saveGrantsAndComments(client, wanted.view);
  await refuseLossOfHandwork(client, wanted.view);
  try {
    await client.query(`DROP VIEW ${name}`);
  } catch (error) {
    if (sqlState(error) === "2BP01") throw dependedOn(wanted.view, "other objects are built on it");
    throw error;
  }
  await client.query(`CREATE VIEW ${viewSql(wanted, wanted.columns)}`);
  for (const statement of restore(wanted.columns)) await client.query(statement);
}

/** Triggers and rules that somebody put on the view would vanish with it. */
async function refuseLossOfHandwork(client: ClientBase, view: TableName): Promise<void> {
  const { rows } = await client.query<{ count: string }>(
    `SELECT (SELECT count(*) FROM pg_trigger WHERE tgrelid = $1::regclass)
       + (SELECT count(*) FROM pg_rewrite WHERE ev_class = $1::regclass AND rulename <> '_RETURN') AS count`,
    [quoteTable(view)],
  );
  if (rows[0]?.count !== "0") throw dependedOn(view, "it carries triggers or rules");
}

function dependedOn(view: TableName, cause: string): ReplicationError {
  return new ReplicationError("DB-TGT-010", { subject: printTable(view), cause: `columns are withdrawn from the view and ${cause}` });
}

function refuseStranger(wanted: WantedView, found: FoundView): void {
  const subject = printTable(wanted.view);
  if (!found.plain) throw new ReplicationError("DB-TGT-005", { subject, cause: "the name is taken by something that is not a view" });
  if (!found.ours) throw new ReplicationError("DB-TGT-005", { subject, cause: "the view belongs to another role" });
  if (wanted.digest === null && !found.gated)
    throw new ReplicationError("DB-TGT-005", { subject, cause: "a view of that name is there and dongbo did not make it" });
}

async function findView(client: ClientBase, wanted: WantedView): Promise<FoundView | null> {
  const { rows } = await client.query<Record<string, string | null>>(foundSql, [
    wanted.view.schema,
    wanted.view.name,
    quoteTable(wanted.physical),
  ]);
  const row = rows[0];
  if (row === undefined) return null;
  return {
    ours: row["ours"] === "t",
    plain: row["plain"] === "t",
    gated: row["gated"] === "t",
    definition: row["definition"] ?? "",
    columns: JSON.parse(row["columns"] ?? "[]") as { name: string; fits: boolean }[],
  };
}

// A column fits when the physical table's column of that name is still of the view's type.
const foundSql = `
SELECT c.relowner = current_user::regrole AS ours, c.relkind = 'v' AS plain,
  CASE WHEN c.relkind = 'v' THEN pg_get_viewdef(c.oid) END AS definition,
  EXISTS (SELECT FROM pg_depend AS d JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
          WHERE r.ev_class = c.oid AND d.refclassid = 'pg_proc'::regclass AND d.refobjid = 'dongbo.gate(text, text)'::regprocedure) AS gated,
  (SELECT json_agg(json_build_object('name', a.attname, 'fits', EXISTS (
      SELECT FROM pg_attribute AS p WHERE p.attrelid = $3::regclass AND p.attname = a.attname AND NOT p.attisdropped
        AND p.atttypid = a.atttypid AND p.atttypmod = a.atttypmod AND p.attcollation = a.attcollation)) ORDER BY a.attnum)
   FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0) AS columns
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2`;

async function currentDigest(client: ClientBase, wanted: WantedView, columns: readonly string[]): Promise<string> {
  const found = await findView(client, wanted);
  return digestOf(wanted, columns, found?.definition ?? "");
}

/** Of what dongbo would make and what the server then shows: an upgrade of either, or a hand's work, changes it. */
function digestOf(wanted: WantedView, columns: readonly string[], definition: string): string {
  return createHash("sha256")
    .update(JSON.stringify([viewSql(wanted, columns), definition]))
    .digest("hex");
}
