// What the publication must hold, compared with what it holds (manual, "Publication" and "Column Lists"). Pure: facts in,
// SQL out. A publication can do harm: a published table whose replica identity is not covered refuses its own updates and
// deletes. So nothing is ever added that would do that, and what does it is taken out.
import type { CatalogTable, TableName } from "../../../engine/model/table.ts";
import { quoteIdentifier, quoteIdentifiers, quoteTable } from "../quote.ts";

/** A table as the shares of one source need it, all of them together. */
export interface PublicationNeed {
  readonly table: CatalogTable;
  /** Of a partitioned table, the partitions that hold its rows: theirs is the identity that is logged. */
  readonly leaves: readonly CatalogTable[];
  /** Columns that copies hold or that keys and filters name. */
  readonly columns: readonly string[];
}

/** The publication as it is. */
export interface PublicationState {
  /** FOR ALL TABLES. */
  readonly allTables: boolean;
  /** FOR TABLES IN SCHEMA. */
  readonly schemas: readonly string[];
  /** Inserts, updates, deletes and truncates are all published. */
  readonly allOperations: boolean;
  /** publish_via_partition_root. */
  readonly viaRoot: boolean;
  /** publish_generated_columns = stored; false before PostgreSQL 18. */
  readonly generated: boolean;
  readonly entries: readonly PublicationEntry[];
}

/** FOR TABLE. */
export interface PublicationEntry {
  readonly id: string;
  readonly table: TableName;
  readonly partitioned: boolean;
  /** Null: no list, all columns. */
  readonly columns: readonly string[] | null;
  /** Row filter as SQL; null: none. dongbo never makes one: rows that leave it would not be told. */
  readonly filter: string | null;
}

export interface PublicationPlan {
  readonly exists: boolean;
  /** Statements that make the publication what is needed, in order; empty when nothing is lacking. */
  readonly statements: readonly string[];
  /** Tables of which something is not published, and what. */
  readonly lacking: readonly { readonly table: CatalogTable; readonly cause: string }[];
  /** Tables whose updates and deletes the publication makes fail now. */
  readonly harmed: readonly CatalogTable[];
  /** What the publication as a whole does not do; null: nothing. */
  readonly cause: string | null;
}

export interface PublicationWish {
  readonly name: string;
  readonly needs: readonly PublicationNeed[];
  /** Major version of the server. */
  readonly major: number;
}

/** Compares; null: there is no publication of this name. */
export function planPublication(wish: PublicationWish, state: PublicationState | null): PublicationPlan {
  const safe = wish.needs.filter((need) => canBePublished(need, wish.major));
  if (state === null) {
    const lacking = wish.needs.map(({ table }) => ({ table, cause: "the table is not published" }));
    return { exists: false, statements: [create(wish, safe)], lacking, harmed: [], cause: "the publication does not exist" };
  }
  const judged = wish.needs.map((need) => ({ need, ...judge(need, state, wish.major) }));
  const options = lackingOptions(wish, safe, state);
  return {
    exists: true,
    statements: [...options.statements, ...entryStatements(wish, judged, state)],
    lacking: judged.flatMap(({ need, lacking }) => (lacking === null ? [] : [{ table: need.table, cause: lacking }])),
    harmed: judged.filter(({ harmed }) => harmed).map(({ need }) => need.table),
    cause: options.cause,
  };
}

/** Columns that a table's list must name; null: no list may or need be given. */
export function columnList(need: PublicationNeed, major: number): string[] | null {
  if (stored(need).some((part) => part.identity.kind === "full")) return null;
  const wanted = new Set([...need.columns, ...identityColumns(need)]);
  const publishable = need.table.columns.filter((column) => !column.generated || (column.publishable === true && major >= 18));
  const listed = publishable.filter((column) => wanted.has(column.name));
  const whole = listed.every((column) => !column.generated) && listed.length === publishable.filter((column) => !column.generated).length;
  return whole ? null : listed.map((column) => column.name);
}

/** The tables whose rows are logged: a table itself, or its partitions. */
function stored({ table, leaves }: PublicationNeed): readonly CatalogTable[] {
  return table.partitioned ? leaves : [table];
}

function identityColumns(need: PublicationNeed): string[] {
  return [need.table, ...need.leaves].flatMap((part) => (part.identity.kind === "full" ? [] : part.identity.columns));
}

/** False when publishing would make the table's own updates and deletes fail, whatever the list. */
function canBePublished(need: PublicationNeed, major: number): boolean {
  return stored(need).every((part) => {
    const sent = (name: string): boolean =>
      part.columns.some((column) => column.name === name && (!column.generated || column.publishable === true));
    if (part.identity.kind === "full") return major < 18 || part.columns.every((column) => sent(column.name));
    return part.identity.columns.length > 0 && part.identity.columns.every(sent);
  });
}

/** PostgreSQL 18 refuses updates of a table with a full identity when not all of its columns are published. */
function fullNeedsGenerated(need: PublicationNeed, major: number): boolean {
  if (major < 18) return false;
  return stored(need).some((part) => part.identity.kind === "full" && part.columns.some((column) => column.generated));
}

function mustPublishGenerated(need: PublicationNeed, major: number): boolean {
  return fullNeedsGenerated(need, major) || (columnList(need, major) === null && wantsGenerated(need));
}

function wantsGenerated({ table, columns }: PublicationNeed): boolean {
  return table.columns.some((column) => column.publishable === true && columns.includes(column.name));
}

function create(wish: PublicationWish, safe: readonly PublicationNeed[]): string {
  const tables = safe.map((need) => entry(need, wish.major)).join(", ");
  const generated = safe.some((need) => mustPublishGenerated(need, wish.major)) ? ", publish_generated_columns = stored" : "";
  const options = `publish = 'insert, update, delete, truncate', publish_via_partition_root = true${generated}`;
  return `CREATE PUBLICATION ${quoteIdentifier(wish.name)} ${tables === "" ? "" : `FOR ${tables} `}WITH (${options})`;
}

/** `ONLY`: tables that inherit from this one are published when they are named themselves. Partitions come by their root. */
function entry(need: PublicationNeed, major: number): string {
  const { id, table, partitioned } = need.table;
  return entrySql({ id, table, partitioned, columns: columnList(need, major), filter: null });
}

function entrySql({ table, partitioned, columns, filter }: PublicationEntry): string {
  const list = columns === null ? "" : ` (${quoteIdentifiers(columns)})`;
  return `TABLE ${partitioned ? "" : "ONLY "}${quoteTable(table)}${list}${filter === null ? "" : ` WHERE (${filter})`}`;
}

function entryStatements(
  wish: PublicationWish,
  judged: readonly (Judgement & { readonly need: PublicationNeed })[],
  state: PublicationState,
): string[] {
  const name = quoteIdentifier(wish.name);
  const marked = (mend: Judgement["mend"]): PublicationNeed[] => judged.filter((entry) => entry.mend === mend).map(({ need }) => need);
  const leaving = marked("remove");
  if (marked("replace").length === 0) {
    const removed = leaving.map(
      ({ table }) => `ALTER PUBLICATION ${name} DROP TABLE ${table.partitioned ? "" : "ONLY "}${quoteTable(table.table)}`,
    );
    return [...removed, ...marked("add").map((need) => `ALTER PUBLICATION ${name} ADD ${entry(need, wish.major)}`)];
  }
  // One statement: between taking a table out and adding it again its changes would be lost. What others added stays.
  const kept = wish.needs.filter((need) => !leaving.includes(need) && canBePublished(need, wish.major));
  const foreign = state.entries.filter((known) => wish.needs.every(({ table }) => table.id !== known.id));
  return [`ALTER PUBLICATION ${name} SET ${[...kept.map((need) => entry(need, wish.major)), ...foreign.map(entrySql)].join(", ")}`];
}

function lackingOptions(
  wish: PublicationWish,
  safe: readonly PublicationNeed[],
  state: PublicationState,
): { statements: string[]; cause: string | null } {
  const settings = [
    ...(state.allOperations ? [] : ["publish = 'insert, update, delete, truncate'"]),
    ...(!state.viaRoot && safe.some(({ table }) => table.partitioned) ? ["publish_via_partition_root = true"] : []),
    ...(!state.generated && safe.some((need) => mustPublishGenerated(need, wish.major)) ? ["publish_generated_columns = stored"] : []),
  ];
  if (settings.length === 0) return { statements: [], cause: null };
  const cause = `the publication is not set to ${settings.join(" and ")}`;
  return { statements: [`ALTER PUBLICATION ${quoteIdentifier(wish.name)} SET (${settings.join(", ")})`], cause };
}

interface Judgement {
  /** What is not published of the table; null: nothing. */
  readonly lacking: string | null;
  readonly harmed: boolean;
  /** What must be done about the table's own entry. */
  readonly mend: "none" | "add" | "replace" | "remove";
}

function judge(need: PublicationNeed, state: PublicationState, major: number): Judgement {
  const known = state.entries.find((candidate) => candidate.id === need.table.id) ?? null;
  const publishable = canBePublished(need, major);
  if (known === null && !state.allTables && !state.schemas.includes(need.table.table.schema)) {
    return { lacking: "the table is not published", harmed: false, mend: publishable ? "add" : "none" };
  }
  if (!publishable) return { lacking: null, harmed: true, mend: known === null ? "none" : "remove" };
  if (known?.filter !== null && known?.filter !== undefined) {
    return {
      lacking: "the publication has a row filter for the table, and rows that leave it would stay in the copies",
      harmed: false,
      mend: "replace",
    };
  }
  if (known === null || known.columns === null) {
    const lacking = wantsGenerated(need) && !state.generated ? "its generated columns are not published" : null;
    return { lacking, harmed: !state.generated && fullNeedsGenerated(need, major), mend: "none" };
  }
  return judgeList(need, known.columns);
}

function judgeList(need: PublicationNeed, listed: readonly string[]): Judgement {
  const missing = [...new Set(need.columns)].filter((name) => !listed.includes(name));
  const lacking = missing.length === 0 ? null : `the publication leaves out ${missing.map((name) => `"${name}"`).join(", ")}`;
  const harmed = stored(need).some(({ identity }) => identity.kind === "full" || identity.columns.some((name) => !listed.includes(name)));
  return { lacking, harmed, mend: lacking !== null || harmed ? "replace" : "none" };
}
