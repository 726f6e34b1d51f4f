// What applying the configuration would change, compared with the version in force, counted at the masters.
import type { Configuration, SourceConfiguration } from "../../engine/config/configuration.ts";
import {
  type AppliedDocument,
  appliedOpenTables,
  documentDigest,
  documentText,
  openKey,
  type OpenTable,
  openTables,
  readDocument,
  toDocument,
  withAppliedTables,
} from "../../engine/config/applied-document.ts";
import { compareDocuments, type SubscriptionChange, type TableChange } from "../../engine/config/configuration-changes.ts";
import { sourceObjectName } from "../../engine/config/source-names.ts";
import { asReplicationError } from "../../engine/fleet/retry-policy.ts";
import type { Predicate } from "../../engine/model/predicate.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import { type CatalogTable, tableKey, type TableName } from "../../engine/model/table.ts";
import type { Actor } from "../../engine/ports/actor.ts";
import type { AppliedConfiguration, ControlCommands } from "../../engine/ports/control-commands.ts";
import type { SnapshotSource } from "../../engine/ports/snapshot-source.ts";
import { openCatalog } from "./connections.ts";
import { type PlannedConversion, plannedConversions } from "./plan-conversions.ts";

export interface ConfigurationPlan {
  /** The version in force that was compared with; 0: none. */
  readonly basedOn: number;
  readonly before: AppliedDocument | null;
  readonly document: AppliedDocument;
  /** The configuration with what it leaves open filled in, as it will run. */
  readonly configuration: Configuration;
  /** Empty: nothing to apply. */
  readonly changes: readonly CountedChange[];
  /** Columns of changed tables that a target of another family holds otherwise than the master; only when rows are counted. */
  readonly conversions: readonly PlannedConversion[];
  /** Why some rows could not be counted, or some tables not be described. */
  readonly problems: readonly ReplicationError[];
}

export interface CountedChange extends Omit<SubscriptionChange, "tables"> {
  readonly tables: readonly CountedTable[];
  /** It is another source's from now on, whose slot need not keep what follows the copy: all of it is loaded anew. */
  readonly loadedAnew: boolean;
}

export interface CountedTable extends TableChange {
  /** Rows of the master that the consumer would newly see; null: not counted. */
  readonly rowsDisclosed: number | null;
  readonly rowsWithdrawn: number | null;
}

export interface PlanOptions {
  /** Ask the masters how many rows are concerned. */
  readonly count: boolean;
  /**
   * fresh: a table without `columns:` shares all that its source has now · kept: it shares what was applied for it, and
   * what its source has now only where nothing was.
   */
  readonly open: "fresh" | "kept";
}

/** Throws what a source throws when a table that leaves columns open cannot be read, and DB-CTL-004 for an unknown past. */
export async function planConfiguration(
  configuration: Configuration,
  store: ControlCommands,
  options: PlanOptions,
): Promise<ConfigurationPlan> {
  const applied = await store.appliedConfiguration();
  const before = applied === null ? null : readApplied(applied);
  await using sources = new PlanSources(configuration);
  const kept = options.open === "kept" && before !== null ? appliedOpenTables(configuration, before) : new Map<string, OpenTable>();
  const document = toDocument(configuration, await sources.describeOpen(kept));
  const changes = compareDocuments(before, document);
  const counted: CountedChange[] = [];
  for (const change of changes) {
    const tables: CountedTable[] = [];
    for (const table of change.tables) {
      tables.push({
        ...table,
        ...(options.count ? await sources.count(change.source, table) : { rowsDisclosed: null, rowsWithdrawn: null }),
      });
    }
    counted.push({ ...change, tables, loadedAnew: changesSlot(configuration, change) });
  }
  const closed = withAppliedTables(configuration, document);
  return {
    basedOn: applied?.version ?? 0,
    before,
    document,
    configuration: closed,
    changes: counted,
    conversions: options.count ? await plannedConversions(closed, changes, (source, tables) => sources.describe(source, tables)) : [],
    problems: sources.problems,
  };
}

/** Puts the plan in force. Throws DB-CTL-007 when another version was applied since. */
export function recordPlan(plan: ConfigurationPlan, store: ControlCommands, by: Actor): Promise<AppliedConfiguration> {
  const document = documentText(plan.document);
  return store.recordConfiguration({ document, digest: documentDigest(document), by }, plan.basedOn);
}

/** Subscriptions that were applied once and are no more, with the target their copy lies in. */
export async function removedSubscriptions(document: AppliedDocument, store: ControlCommands): Promise<Map<string, string>> {
  const removed = new Map<string, string>();
  for (const version of await store.configurationHistory()) {
    for (const { id, target } of readDocument(version.document)?.subscriptions ?? []) removed.set(id, target);
  }
  for (const { id } of document.subscriptions) removed.delete(id);
  return removed;
}

/** Of a source that is not in the configuration any more only the id is known, and with it the slot that it had by default. */
function changesSlot({ sources }: Configuration, { source: id, movedFrom }: SubscriptionChange): boolean {
  const source = sources.get(id);
  if (movedFrom === null || source?.connector !== "postgres") return false;
  const before = sources.get(movedFrom);
  const slot = before?.connector === "postgres" ? before.slot : sourceObjectName(movedFrom);
  return slot !== source.slot;
}

function readApplied(applied: AppliedConfiguration): AppliedDocument {
  const document = readDocument(applied.document);
  if (document === null) throw new ReplicationError("DB-CTL-004", { subject: `configuration version ${applied.version}` });
  return document;
}

/** The masters as a plan needs them: one connection each, opened when first asked. */
class PlanSources implements AsyncDisposable {
  readonly problems: ReplicationError[] = [];
  readonly #configuration: Configuration;
  readonly #open = new Map<string, ReturnType<typeof openCatalog>>();
  /** Sources that failed once are not asked again: each question would wait as long. */
  readonly #failed = new Set<string>();

  constructor(configuration: Configuration) {
    this.#configuration = configuration;
  }

  /** What the open tables have: as given in `kept`, else as the source has it now. */
  async describeOpen(kept: ReadonlyMap<string, OpenTable>): Promise<Map<string, OpenTable>> {
    const found = new Map(kept);
    for (const { source, table } of openTables(this.#configuration)) {
      if (found.has(openKey(source, table))) continue;
      const [catalog] = (await this.#source(source)?.describe([table])) ?? [];
      if (catalog === undefined || tableKey(catalog.table) !== tableKey(table)) continue;
      const columns = catalog.columns.filter((column) => !column.generated).map((column) => column.name);
      found.set(openKey(source, table), { columns, primaryKey: catalog.primaryKey });
    }
    return found;
  }

  async describe(source: string, tables: readonly TableName[]): Promise<readonly CatalogTable[]> {
    const snapshot = this.#source(source);
    if (snapshot === null || this.#failed.has(source)) return [];
    try {
      return await snapshot.describe(tables);
    } catch (error) {
      this.#fail(source, error);
      return [];
    }
  }

  async count(source: string, table: TableChange): Promise<{ rowsDisclosed: number | null; rowsWithdrawn: number | null }> {
    const snapshot = this.#source(source);
    const uncounted = snapshot === null || this.#failed.has(source) || hasNoMaster(this.#configuration.sources.get(source));
    if (uncounted) return { rowsDisclosed: null, rowsWithdrawn: null };
    try {
      return await countChange(snapshot, table);
    } catch (error) {
      this.#fail(source, error);
      return { rowsDisclosed: null, rowsWithdrawn: null };
    }
  }

  #fail(source: string, error: unknown): void {
    const problem = asReplicationError(error, source);
    this.problems.push(problem);
    if (/^DB-(?:PG|MY)-/.test(problem.code)) this.#failed.add(source);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#open.values()].map((snapshot) => snapshot.close()));
  }

  #source(id: string): ReturnType<typeof openCatalog> | null {
    const known = this.#open.get(id);
    if (known !== undefined) return known;
    const configured = this.#configuration.sources.get(id);
    if (configured === undefined) return null;
    const opened = openCatalog(configured);
    this.#open.set(id, opened);
    return opened;
  }
}

/** Topics can be read, and not asked. */
function hasNoMaster(source: SourceConfiguration | undefined): boolean {
  return source?.connector === "debezium" && source.debezium.master === null;
}

/**
 * Rows that pass the one filter and not the other, from three counts: a filter that is NULL for a row does not let it in,
 * which "and not" would not say. The counts are of different moments; the master goes on meanwhile.
 */
async function countChange(snapshot: SnapshotSource, table: TableChange): Promise<{ rowsDisclosed: number; rowsWithdrawn: number }> {
  const { before, after } = table.rows;
  const count = (filter: Predicate | null): Promise<number> => snapshot.countRows(table.source, filter);
  if (before === undefined && after === undefined) return { rowsDisclosed: 0, rowsWithdrawn: 0 };
  if (before === undefined) return { rowsDisclosed: await count(after ?? null), rowsWithdrawn: 0 };
  if (after === undefined) return { rowsDisclosed: 0, rowsWithdrawn: await count(before) };
  if (JSON.stringify(before) === JSON.stringify(after)) return { rowsDisclosed: 0, rowsWithdrawn: 0 };
  const both = await count({ op: "all", of: [before, after].filter((filter) => filter !== null) });
  return { rowsDisclosed: Math.max(0, (await count(after)) - both), rowsWithdrawn: Math.max(0, (await count(before)) - both) };
}
