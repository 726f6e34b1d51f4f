// What follows from the record of a comparison: what the target's readers are told, a plan, a notice to whoever owns the master.
import type { ShareConfiguration, TargetConfiguration } from "../../../engine/config/configuration.ts";
import { keyFingerprint } from "../../../engine/model/key-fingerprint.ts";
import { planRowsMax, type ReconcileReport } from "../../../engine/model/reconcile-report.ts";
import type { Actor } from "../../../engine/ports/actor.ts";
import type { ControlCommands } from "../../../engine/ports/control-commands.ts";
import { noticedKeysMax, type RecordedRun } from "../../../engine/ports/reconcile-records.ts";
import { openTargetRecords } from "../connections.ts";

interface NoteParts {
  readonly control: ControlCommands;
  readonly actor: Actor;
}

export async function noteOutcome(
  parts: NoteParts,
  { share, target }: { readonly share: ShareConfiguration; readonly target: TargetConfiguration },
  report: ReconcileReport,
  { id }: RecordedRun,
): Promise<void> {
  const { control, actor } = parts;
  const { subscription, table, verdict, differences, repaired, action } = report;
  const left = differences.length - repaired;
  if (action.kind === "plan") {
    const { breaker } = action;
    const keys = differences.slice(0, planRowsMax).map(({ key }) => key);
    await control.reconcile.recordPlan({ run: id, subscription, table, keys, breaker }, actor);
    if (breaker !== null && breaker !== "too many rows") await noteErrors(parts, report, { run: id, cause: breaker });
  }
  const records = openTargetRecords(target);
  try {
    const quarantine = left > 0 && share.reconcile.onDifference === "quarantine";
    await records.recordReconcile(subscription, table, { verdict: left === 0 && verdict === "different" ? "equal" : verdict, quarantine });
  } finally {
    await records.close();
  }
}

/** The master itself may be wrong: its owner is told, and nothing is overwritten silently (ER-01, RC-07). */
async function noteErrors(
  { control, actor }: NoteParts,
  { subscription, table, sourceTable, differences }: ReconcileReport,
  { run, cause }: { readonly run: number; readonly cause: string },
): Promise<void> {
  const classes = new Set(differences.map((difference) => difference.class));
  for (const kind of classes) {
    const keys = differences.flatMap((difference) => (difference.class === kind ? [difference.key] : []));
    const keyDigests = keys.slice(0, noticedKeysMax).map((key) => keyFingerprint(subscription, table, key));
    await control.reconcile.noteError({ run, subscription, sourceTable, class: kind, count: keys.length, cause, keyDigests }, actor);
  }
}
