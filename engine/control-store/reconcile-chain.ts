// The chain of recorded runs: what is written down of each, and how one holds the next. Pure.
import { createHash } from "node:crypto";
import type { DanglingCause, ReferenceReport } from "../model/copy-reference.ts";
import { keyFingerprint, keysDigest } from "../model/key-fingerprint.ts";
import type { Difference, DifferenceClass, ReconcileReport } from "../model/reconcile-report.ts";
import type { Actor } from "../ports/actor.ts";
import type { ClassRecord, RecordedRun, ReferenceRecord, RunRecord } from "../ports/reconcile-records.ts";

/** A run as it is stored. */
export interface StoredRun {
  readonly id: number;
  /** Beside the text, to be looked for. */
  readonly subscription: string;
  /** RunRecord as JSON: what is hashed. */
  readonly text: string;
  readonly previousHash: string;
  readonly hash: string;
}

/** The newest run. */
export interface ChainHead {
  readonly id: number;
  readonly hash: string;
}

/** Before the first run. */
export const emptyChain: ChainHead = { id: 0, hash: "0".repeat(64) };

/** The run that follows. */
export function nextRun(head: ChainHead, report: ReconcileReport, { at, by }: { readonly at: Date; readonly by: Actor }): StoredRun {
  const id = head.id + 1;
  const text = JSON.stringify(runRecord(report, { id, at, by }));
  return { id, subscription: report.subscription, text, previousHash: head.hash, hash: chainHash(head.hash, text) };
}

export function toRecordedRun({ id, text, previousHash, hash }: StoredRun): RecordedRun {
  return { id, record: JSON.parse(text) as RunRecord, hash, previousHash };
}

/** Goes over the runs of a chain from the first to the last, and finds the first that is not as it was written down. */
export class ChainCheck {
  #last: ChainHead = emptyChain;

  /** Id of the first broken run, or of one that is missing; null: all of these follow from the one before. */
  take(runs: readonly StoredRun[]): number | null {
    for (const run of runs) {
      const expected = this.#last.id + 1;
      if (!follows(this.#last, run)) return expected;
      this.#last = run;
    }
    return null;
  }

  /** The same for the end of the chain. `head` null: its record is gone, and with it perhaps newer runs. */
  end(head: ChainHead | null): number | null {
    const { id, hash } = this.#last;
    if (head === null) return id + 1;
    // What stands behind the head was not written by this program, what stands before it is missing.
    if (head.id !== id) return Math.min(head.id, id) + 1;
    return head.hash === hash ? null : Math.max(id, 1);
  }

  /** Id of the last run that was taken. */
  get id(): number {
    return this.#last.id;
  }
}

function follows(last: ChainHead, run: StoredRun): boolean {
  if (run.id !== last.id + 1 || run.previousHash !== last.hash || run.hash !== chainHash(last.hash, run.text)) return false;
  const { id, subscription } = JSON.parse(run.text) as RunRecord;
  return id === run.id && subscription === run.subscription;
}

function chainHash(previousHash: string, text: string): string {
  return createHash("sha256").update(previousHash, "utf8").update(text, "utf8").digest("hex");
}

/** The order of the keys is that of the shape, so that the same run is always the same text. */
function runRecord(report: ReconcileReport, { id, at, by }: { readonly id: number; readonly at: Date; readonly by: Actor }): RunRecord {
  const { differences } = report;
  return {
    format: 1,
    id,
    recorded_at: at.toISOString(),
    by,
    subscription: report.subscription,
    table: report.table,
    source_table: report.sourceTable,
    agreement: report.agreementId,
    configuration_version: report.configurationVersion,
    contract_digest: report.contractDigest,
    canonical_version: report.canonicalVersion,
    verdict: report.verdict,
    // Left out where it says nothing, as in what was recorded before there was such a thing.
    ...(report.sent === null ? {} : { sent: report.sent }),
    problem: report.problem,
    started_at: report.startedAt.toISOString(),
    ended_at: report.endedAt.toISOString(),
    position: report.position,
    source_identity: report.sourceIdentity,
    rows_checked: report.rowsChecked,
    digest: report.digest,
    differences: {
      missing: classRecord(differences, "missing"),
      extra: classRecord(differences, "extra"),
      different: classRecord(differences, "different"),
      duplicate: classRecord(differences, "duplicate"),
    },
    outside_filter_count: differences.filter((difference) => difference.class === "extra" && difference.outsideFilter).length,
    unicode_form_only_count: differences.filter((difference) => difference.class === "different" && difference.unicodeFormOnly).length,
    different_columns: differentColumns(differences),
    unsettled: report.unsettled,
    quarantined: report.quarantined,
    columns: report.columns.map(({ name, form }) => ({ name, form })),
    skipped: report.skipped.map(({ column, why }) => ({ column, why })),
    references: report.references.map(referenceRecord),
    bytes_sent: report.bytesSent,
    policy: report.policy,
    action: report.action,
    repaired: report.repaired,
    repairs: report.repairs.map(({ key, before, after }) => ({
      row: keyFingerprint(report.subscription, report.table, key),
      before,
      after,
    })),
  };
}

function classRecord(differences: readonly Difference[], wanted: DifferenceClass): ClassRecord {
  const keys = differences.filter((difference) => difference.class === wanted).map(({ key }) => key);
  return { count: keys.length, keys_digest: keys.length === 0 ? null : keysDigest(keys) };
}

function referenceRecord({ table, columns, valuesCount, rowsCount, dangling, problem }: ReferenceReport): ReferenceRecord {
  const counts = new Map<DanglingCause, number>();
  for (const { cause } of dangling) counts.set(cause, (counts.get(cause) ?? 0) + 1);
  const causes = Object.fromEntries([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return { table, columns, values_count: valuesCount, rows_count: rowsCount, causes, problem };
}

function differentColumns(differences: readonly Difference[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const difference of differences) {
    if (difference.class !== "different") continue;
    for (const column of difference.columns) counts.set(column, (counts.get(column) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
