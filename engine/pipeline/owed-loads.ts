// Which loads a subscription owes when it comes into the stream: what its copies lack, or were ordered to read anew.
import type { Position } from "../model/position.ts";
import type { Predicate } from "../model/predicate.ts";
import type { StoppedTable, TableMapping } from "../model/share.ts";
import type { LoadProgress, StoredCopy, TargetState } from "../ports/change-target.ts";
import type { LoadCoordinator } from "../snapshot/load-coordinator.ts";
import { newLoad } from "../snapshot/load-progress.ts";
import { planLoad } from "../snapshot/load-plan.ts";
import type { Lane } from "./lane.ts";
import type { SourceParts } from "./source-parts.ts";

/** How a subscription comes into the stream. */
export interface Entry {
  /** Starts anew, whatever its target has stored: it was parked, a re-sync was ordered, or another source streamed it. */
  readonly renew: boolean;
  /** Another source streamed it: that it has a checkpoint says nothing of what this one has reserved. */
  readonly moved?: boolean;
  /** Tables to load again although nothing else calls for it, by index. */
  readonly reload: ReadonlySet<number>;
}

/** A load that must begin and whose beginning is not durable yet. */
export interface Owed {
  readonly progress: LoadProgress;
  readonly sweep: boolean;
  /**
   * The load begins only here: what the stream says of the table before may be of another shape, columns that the
   * publication did not have yet for instance, and is left to the load. Null: the table is streamed meanwhile.
   */
  readonly notBefore: Position | null;
  sent: boolean;
}

export class OwedLoads {
  readonly #parts: SourceParts;
  readonly #loads: Pick<LoadCoordinator, "cuts">;

  constructor(parts: SourceParts, loads: Pick<LoadCoordinator, "cuts">) {
    this.#parts = parts;
    this.#loads = loads;
  }

  /** What the copy owes who comes in that way; null: nothing. `end`: where the source's log ends now. */
  async plan(lane: Lane, entry: Entry, copy: StoredCopy, end: Position): Promise<Owed | null> {
    const table = lane.subscription.tables.indexOf(copy.table);
    if (entry.renew || entry.reload.has(table)) {
      // Where the log carries the rows, what it says of them must not be left out.
      return this.whole(lane, table, !copy.empty, this.#parts.source.carriesRows ? null : end);
    }
    // It stands still, whatever the configuration says of it.
    if (this.#parts.objection(copy.table, copy.load?.contract ?? copy.contract) !== null) return null;
    const plan = planLoad(copy, this.#parts.contractText(copy.table), copy.table.filter, this.#parts.readContract);
    if (plan.kind === "relabel") {
      const progress = { ...newLoad(this.#parts.contractText(copy.table), null, []), ranges: [] };
      return { progress, sweep: false, notBefore: null, sent: false };
    }
    if (plan.kind !== "begin") return null;
    const { filter } = mappingOf(lane, table);
    const notBefore = plan.filter === filter ? end : null;
    return { progress: await this.#newLoad(lane, table, plan.filter), sweep: plan.sweep, notBefore, sent: false };
  }

  /** A load of everything that the table's filter asks for. */
  async whole(lane: Lane, table: number, sweep: boolean, notBefore: Position | null): Promise<Owed> {
    return { progress: await this.#newLoad(lane, table, mappingOf(lane, table).filter), sweep, notBefore, sent: false };
  }

  async #newLoad(lane: Lane, table: number, filter: Predicate | null): Promise<LoadProgress> {
    const mapping = mappingOf(lane, table);
    const cuts = await this.#loads.cuts(mapping, this.#parts.limits.rangesPerTable);
    return newLoad(this.#parts.contractText(mapping), filter, cuts);
  }

  /** Rows or values leave the copy. What a load only adds is refused nobody until it comes. */
  withdraws(table: TableMapping | StoppedTable, contract: string | null): boolean {
    if (contract === null || "reason" in table) return false;
    const { contractText, readContract } = this.#parts;
    const stored = { table, contract, load: null, stopped: null, expired: false, awaitsLoad: false, empty: false };
    const plan = planLoad(stored, contractText(table), table.filter, readContract);
    return plan.kind === "begin" && plan.sweep;
  }

  /** Where nothing but the log's beginning has a table's rows, a load of one table is a new start for all of them. */
  readsLogAgain(entry: Entry, { copies }: TargetState): boolean {
    if (!this.#parts.source.carriesRows) return false;
    const { contractText, readContract, objection } = this.#parts;
    const mustLoad = (copy: StoredCopy): boolean =>
      copy.load === null &&
      objection(copy.table, copy.contract) === null &&
      planLoad(copy, contractText(copy.table), copy.table.filter, readContract).kind === "begin";
    return entry.reload.size > 0 || copies.some(mustLoad);
  }

  /**
   * Loads on record of tables that nothing is streamed to until another load of them begins: what such a load has read is out of
   * date from here on. It would be complete although rows are missing, or go on so if its contract were wanted again; so it counts
   * as a load of everything that has not read anything yet. Its own filter may ask for no more than what a contract gained. Also where
   * all starts anew: the checkpoint may pass what was lost before the new load begins, and only the record tells the next process.
   */
  startedOver(lane: Lane, owed: ReadonlyMap<number, Owed>, { copies }: TargetState): Map<number, LoadProgress> {
    const startedOver = new Map<number, LoadProgress>();
    for (const { table, load, stopped } of copies) {
      const index = lane.subscription.tables.indexOf(table);
      const leftOut = (owed.get(index)?.notBefore ?? null) !== null;
      if (load === null || stopped !== null || !leftOut) continue;
      startedOver.set(index, newLoad(load.contract, this.#parts.readContract(load.contract).filter, []));
    }
    return startedOver;
  }
}

/** The table of that number. */
export function mappingOf(lane: Lane, table: number): TableMapping {
  return lane.subscription.tables[table] as TableMapping;
}
