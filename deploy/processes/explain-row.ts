// Where one row is and why: in the master, through the filter, in the copy, in quarantine.
import { bindParameters } from "../../engine/config/bind-parameters.ts";
import type { Configuration, TableConfiguration } from "../../engine/config/configuration.ts";
import { asReplicationError } from "../../engine/fleet/retry-policy.ts";
import type { Predicate } from "../../engine/model/predicate.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import { printTable } from "../../engine/model/table.ts";
import type { SnapshotSource } from "../../engine/ports/snapshot-source.ts";
import type { BatchRecord, CopyRecord, QuarantineRecord, TargetRecords } from "../../engine/ports/target-records.ts";
import { openCatalog, openTargetRecords } from "./connections.ts";
import { printPredicate } from "./output/print-predicate.ts";
import type { NamedSubscription } from "./read-configuration.ts";

export interface RowExplanation {
  readonly table: string;
  readonly master: MasterFacts | ReplicationError;
  readonly copy: CopyFacts | ReplicationError;
}

export interface MasterFacts {
  readonly exists: boolean;
  /** Parts of the filter that the row does not pass, in words; empty when it passes or does not exist. */
  readonly failing: readonly string[];
}

export interface CopyFacts {
  /** Null: the target holds nothing of the table yet. */
  readonly state: CopyRecord | null;
  readonly present: boolean;
  readonly quarantine: QuarantineRecord | null;
  /** The batch that last wrote it; null: not there, or its record is gone. */
  readonly batch: BatchRecord | null;
}

/** Looks at each table whose key fits. Throws DB-RUN-023 when it fits none. */
export async function explainRow(
  configuration: Configuration,
  named: NamedSubscription,
  key: readonly string[],
  only: string | null,
): Promise<RowExplanation[]> {
  const source = configuration.sources.get(named.share.source);
  const target = configuration.targets.get(named.subscription.target);
  if (source === undefined || target === undefined) throw new ReplicationError("DB-RUN-021", { subject: named.subscription.id });
  const snapshot = openCatalog(source);
  const records = openTargetRecords(target);
  try {
    const tables = named.share.tables.filter((table) => only === null || printTable(table.target) === only);
    const explanations: RowExplanation[] = [];
    for (const table of tables) {
      const [master, copy] = await Promise.all([lookAtMaster(snapshot, named, table, key), lookAtCopy(records, named, table, key)]);
      explanations.push({ table: printTable(table.target), master, copy });
    }
    return onlyFitting(explanations);
  } finally {
    await Promise.all([snapshot.close(), records.close()]);
  }
}

function onlyFitting(explanations: readonly RowExplanation[]): RowExplanation[] {
  const fitting = explanations.filter(({ master, copy }) => !isWrongKey(master) && !isWrongKey(copy));
  const unfitting = explanations.flatMap(({ master, copy }) => [master, copy]).find(isWrongKey);
  if (fitting.length === 0 && unfitting !== undefined) throw unfitting;
  return fitting;
}

function isWrongKey(facts: unknown): facts is ReplicationError {
  return facts instanceof ReplicationError && facts.code === "DB-RUN-023";
}

async function lookAtMaster(
  snapshot: SnapshotSource,
  { subscription }: NamedSubscription,
  configured: TableConfiguration,
  key: readonly string[],
): Promise<MasterFacts | ReplicationError> {
  const subject = printTable(configured.source);
  try {
    const [table] = await snapshot.describe([configured.source]);
    if (table === undefined) return new ReplicationError("DB-MAP-030", { subject });
    const names = configured.key ?? table.primaryKey;
    if (names.length !== key.length) {
      return new ReplicationError("DB-RUN-023", {
        subject,
        cause: `the key of the table is ${names.join(", ")}, and ${key.length} values were given`,
      });
    }
    const keys = [key.map((value) => Buffer.from(value))];
    const passes = async (filter: Predicate | null): Promise<boolean> =>
      (await snapshot.readRows({ table, key: names, columns: names, filter, keys })).rows.length > 0;
    if (!(await passes(null))) return { exists: false, failing: [] };
    const filter = configured.where === null ? null : bindParameters(configured.where, subscription.parameters);
    const failing: string[] = [];
    for (const part of partsOf(filter)) if (!(await passes(part))) failing.push(printPredicate(part));
    return { exists: true, failing };
  } catch (error) {
    const problem = asReplicationError(error, subject);
    // The server refused the value: it is no value of the key's type.
    return problem.code === "DB-PG-019" ? new ReplicationError("DB-RUN-023", { subject }, { cause: problem }) : problem;
  }
}

/** What must all be true, each alone. */
function partsOf(filter: Predicate | null): readonly Predicate[] {
  if (filter === null) return [];
  return filter.op === "all" ? filter.of : [filter];
}

async function lookAtCopy(
  records: TargetRecords,
  { subscription }: NamedSubscription,
  configured: TableConfiguration,
  key: readonly string[],
): Promise<CopyFacts | ReplicationError> {
  const name = printTable(configured.target);
  try {
    const copies = await records.copies([subscription.id]);
    const state = copies.find((copy) => copy.table === name) ?? null;
    if (state === null) return { state: null, present: false, quarantine: null, batch: null };
    const row = await records.findRow(state, key);
    const batch = row.batch === null ? null : await records.batch(subscription.id, row.batch);
    return { state, present: row.batch !== null, quarantine: row.quarantine, batch };
  } catch (error) {
    return asReplicationError(error, `${subscription.id} ${name}`);
  }
}

/** The one sentence that answers the question. */
export function rowVerdict({ master, copy }: RowExplanation): string {
  if (copy instanceof ReplicationError) return "the copy cannot be looked at";
  const there = copy.present ? "it is in the copy" : "it is not in the copy";
  if (copy.quarantine !== null) return `${there}: the target refused its newest version, which is in quarantine`;
  if (master instanceof ReplicationError) return `${there}; the master cannot be asked whether it belongs there`;
  if (!master.exists)
    return copy.present ? `${there} and no longer in the master: the next sync removes it` : "it is neither in the master nor in the copy";
  if (master.failing.length > 0) {
    return copy.present
      ? `${there} but does not pass the filter any more: the next sync removes it`
      : `${there} because it does not pass the filter`;
  }
  if (copy.present) return `${there}, as it should be`;
  const loading = copy.state === null || copy.state.rowsLoading !== null;
  return loading ? `${there} yet: the copy is not loaded` : `${there} yet: it has not arrived, see \`dongbo status\` for the lag`;
}
