// Repairs of single rows, and other attempts at rows in quarantine: they are read of the master anew and go the way of every change.
import type { SourceConfiguration } from "../../engine/config/configuration.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import type { Subscription } from "../../engine/model/share.ts";
import { printTable } from "../../engine/model/table.ts";
import type { Lane } from "../../engine/pipeline/lane.ts";
import type { Mark } from "../../engine/pipeline/lane-marks.ts";
import type { SourcePipeline } from "../../engine/pipeline/source-pipeline.ts";
import type { ChangeTarget } from "../../engine/ports/change-target.ts";
import type { Order } from "../../engine/ports/control-store.ts";

/** Rows of a repair that are read of the master at once, and lie in memory until they are written. */
const repairedAtOnce = 1_000;

/** How far an order has come. */
interface Repair {
  /** So many of its rows are durable. */
  readonly done: number;
  /** Of the rows that follow; null: they must be asked for, anew perhaps. */
  readonly mark: Mark | null;
}

/** What is to be repaired, and where it comes from. */
export interface Repaired {
  /** The whole, whichever slice of it the lane carries. */
  readonly subscription: Subscription;
  readonly lane: Lane;
  readonly source: SourceConfiguration | undefined;
}

export class Repairs {
  readonly #pipeline: Pick<SourcePipeline, "refetch">;
  /** By order, what is under way. */
  readonly #underWay = new Map<number, Repair>();

  constructor(pipeline: Pick<SourcePipeline, "refetch">) {
    this.#pipeline = pipeline;
  }

  /**
   * Takes a repair as much further as it can be now: the rows become what they are at the master. True once all of them are durable.
   * Throws what keeps it from being carried out.
   */
  async advance({ id, table, keys = [] }: Order, repaired: Repaired): Promise<boolean> {
    const { lane } = repaired;
    if (lane.progress === null) return false;
    const index = repairable(repaired, table);
    const { done, mark } = this.#underWay.get(id) ?? { done: 0, mark: null };
    if (mark?.state === "waiting") return false;
    const reached = mark === null || mark.state === "lost" ? done : Math.min(done + repairedAtOnce, keys.length);
    if (reached === keys.length) {
      this.#underWay.delete(id);
      return true;
    }
    const rows = keys.slice(reached, reached + repairedAtOnce).map((key) => ({ table: index, key }));
    this.#underWay.set(id, { done: reached, mark: await this.#pipeline.refetch(lane, rows) });
    return false;
  }

  /** Rows in quarantine get another attempt, as they are at the master now. True once what became of each of them is durable. */
  async replay(
    { id, table }: Order,
    { lane, target }: Pick<Repaired, "lane"> & { readonly target: Pick<ChangeTarget, "quarantined"> },
  ): Promise<boolean> {
    if (lane.progress === null) return false;
    const mark = this.#underWay.get(id)?.mark;
    if (mark?.state === "waiting") return false;
    const held = mark?.state === "durable" ? [] : await target.quarantined();
    const { tables } = lane.subscription;
    const rows = held.flatMap((row) =>
      table === null || printTable(row.table.target) === table ? [{ table: tables.indexOf(row.table), key: row.key }] : [],
    );
    if (rows.length === 0) this.#underWay.delete(id);
    else this.#underWay.set(id, { done: 0, mark: await this.#pipeline.refetch(lane, rows) });
    return rows.length === 0;
  }
}

/** Which of the subscription's tables that is. Throws when single rows of it cannot be made what they are at the master. */
function repairable({ lane, subscription, source }: Repaired, table: string | null): number {
  const subject = `${subscription.id} ${table ?? ""}`.trim();
  if (lane.subscription.slice !== undefined) throw new ReplicationError("DB-REC-014", { subject });
  if (source?.connector === "debezium" && source.debezium.master === null) throw new ReplicationError("DB-REC-007", { subject });
  const index = lane.subscription.tables.findIndex(({ target }) => printTable(target) === table);
  if (index < 0) throw new ReplicationError("DB-RUN-022", { subject });
  if (lane.progress?.stopped.has(index) === true) throw new ReplicationError("DB-REC-003", { subject });
  return index;
}
