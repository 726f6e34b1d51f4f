// The view that readers query: the mapped columns of the physical table behind the gate.
//
// Two things about its shape are load-bearing, and test/integration/gate-plans-mysql.mysql.test.ts holds them:
// - The gate is a row of its own that stands before the copy; see gate-sql.ts.
// - The copy is a subquery that the optimizer merges into the reader's query: predicates and joins reach the table's indexes.
//   Because it is a subquery, the server takes no INSERT, UPDATE or DELETE through the view, whatever was granted.
import { createHash } from "node:crypto";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { printTable, type TableName } from "../../../engine/model/table.ts";
import type { MysqlSession } from "../mysql-client.ts";
import { quoteIdentifier, quoteIdentifiers, quoteTable } from "../quote.ts";
import { gateSubquery } from "./gate-sql.ts";
import { isSameName } from "./names.ts";

export interface WantedView {
  /** The whole's name. */
  readonly subscription: string;
  /** It is written in slices; left out: it is not. */
  readonly inSlices?: boolean;
  readonly view: TableName;
  readonly physical: TableName;
  /** In the mapping's order. */
  readonly columns: readonly string[];
  /** Digest of the view as dongbo last made it; null when there is no record of it. */
  readonly digest: string | null;
}

/**
 * Makes the view, or makes it anew when it is not as it should be; both take place at once for readers. Grants stay in any
 * case: the server keeps them by name. Returns the digest to store. Throws DB-TGT-005 when the name is taken.
 */
export async function ensureReaderView(session: MysqlSession, wanted: WantedView): Promise<string> {
  const found = await findView(session, wanted);
  if (found !== null && wanted.digest !== null && digestOf(wanted, found) === wanted.digest) return wanted.digest;
  if (found !== null) refuseStranger(wanted, found);
  await session.execute(viewSql(wanted));
  const made = await findView(session, wanted);
  return digestOf(wanted, made);
}

/** Throws DB-TGT-005 when something that dongbo did not make has the view's name. Changes nothing. */
export async function refuseTakenName(session: MysqlSession, wanted: Pick<WantedView, "view" | "digest">): Promise<void> {
  const found = await findView(session, wanted);
  if (found !== null) refuseStranger(wanted, found);
}

function viewSql({ subscription, inSlices = false, view, physical, columns }: WantedView): string {
  const shown = columns.map((column) => `copy.${quoteIdentifier(column)}`).join(", ");
  return `CREATE OR REPLACE SQL SECURITY DEFINER VIEW ${quoteTable(view)} AS SELECT ${shown}
FROM ${gateSubquery(subscription, printTable(view), inSlices)} AS gate
JOIN (SELECT ${quoteIdentifiers(columns)} FROM ${quoteTable(physical)}) AS copy
WHERE gate.\`open\``;
}

interface FoundView {
  readonly plain: boolean;
  readonly definition: string;
  readonly security: string;
  /** Defined by this session's user: a view of an account that is gone works for nobody. */
  readonly own: boolean;
}

function refuseStranger(wanted: Pick<WantedView, "view" | "digest">, found: FoundView): void {
  const subject = printTable(wanted.view);
  if (!found.plain) throw new ReplicationError("DB-TGT-005", { subject, cause: "the name is taken by something that is not a view" });
  if (wanted.digest === null && !/`dongbo`\.`gate(?:_of_slices)?`\(/.test(found.definition))
    throw new ReplicationError("DB-TGT-005", { subject, cause: "a view of that name is there and dongbo did not make it" });
}

async function findView(session: MysqlSession, { view }: Pick<WantedView, "view">): Promise<FoundView | null> {
  const rows = await session.query(
    `SELECT t.TABLE_NAME AS name, t.TABLE_TYPE AS type, v.VIEW_DEFINITION AS definition, v.SECURITY_TYPE AS security, v.DEFINER = CURRENT_USER() AS own
     FROM information_schema.TABLES AS t
     LEFT JOIN information_schema.VIEWS AS v ON v.TABLE_SCHEMA = t.TABLE_SCHEMA AND BINARY v.TABLE_NAME = BINARY t.TABLE_NAME
     WHERE t.TABLE_SCHEMA = ? AND t.TABLE_NAME = ?`,
    [view.schema, view.name],
  );
  const row = rows.find(({ name }) => isSameName(session, name, view.name));
  if (row === undefined) return null;
  return {
    plain: row["type"] === "VIEW",
    definition: row["definition"] ?? "",
    security: row["security"] ?? "",
    own: row["own"] === "1",
  };
}

/** Of what dongbo would make and what the server then shows: an upgrade of either, or a hand's work, changes it. */
function digestOf(wanted: WantedView, found: FoundView | null): string {
  return createHash("sha256")
    .update(JSON.stringify([viewSql(wanted), found]))
    .digest("hex");
}
