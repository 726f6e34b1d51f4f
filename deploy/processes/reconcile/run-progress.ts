// How far a comparison had come when its process ended, kept in the control database.
import type { Clock } from "../../../engine/ports/clock.ts";
import type { ControlCommands } from "../../../engine/ports/control-commands.ts";
import type { KeyRange } from "../../../engine/ports/compared-table.ts";
import type { ReconcileProgress } from "../../../engine/ports/reconcile-records.ts";
import { joinProgress, type SearchProgress } from "../../../reconcilers/search-progress.ts";

interface CopyName {
  readonly subscription: string;
  /** As readers name it. */
  readonly table: string;
}

/** Null: there is none, or the copy's rows obeyed another contract then. */
export async function loadProgress(
  control: ControlCommands,
  { subscription, table }: CopyName,
  contract: string,
): Promise<SearchProgress | null> {
  const stored = await control.reconcile.reconcileProgress(subscription, table);
  return stored === null || stored["contract"] !== contract ? null : (stored["search"] as SearchProgress);
}

/** What the parts came to in which the table was read; null: they are not all there, or say nothing together. */
export async function joinedParts(
  control: ControlCommands,
  { subscription, table }: CopyName,
  contract: string,
): Promise<SearchProgress | null> {
  const parts = (await control.reconcile.partsProgress(subscription, table)).map(({ state, progress }) => ({
    state,
    ...progressOf(progress),
  }));
  if (parts.some((part) => part.state !== "done" || part.contract !== contract)) return null;
  return joinProgress(parts.map(({ search }) => search).filter((search) => search !== null));
}

/** Of one part, as it is kept; no more is ever stored there. */
export interface KeptPart {
  readonly contract: string;
  readonly range: KeyRange;
  readonly search: SearchProgress | null;
}

export function progressOf(stored: ReconcileProgress): KeptPart {
  return stored as unknown as KeptPart;
}

/** After a crash a little is read once more. */
export function saveNowAndThen(clock: Clock, save: (search: SearchProgress) => Promise<void>): (search: SearchProgress) => Promise<void> {
  let savedAt = clock.monotonicMs();
  return async (search) => {
    if (clock.monotonicMs() - savedAt < saveMs) return;
    savedAt = clock.monotonicMs();
    await save(search);
  };
}

const saveMs = 5_000;

/** The comparison has come to its end. */
export async function endProgress(control: ControlCommands, { subscription, table }: CopyName): Promise<void> {
  await control.reconcile.recordProgress(subscription, table, null);
}
