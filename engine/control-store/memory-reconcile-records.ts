// What is kept of comparisons, in memory: see engine/ports/reconcile-records.ts.
import type { ReconcileReport } from "../model/reconcile-report.ts";
import type { Actor } from "../ports/actor.ts";
import type { HistoryEvent } from "../ports/control-commands.ts";
import { carriedOut } from "../ports/control-store.ts";
import {
  type ComparisonPart,
  type ErrorNotice,
  type ErrorNoticeRequest,
  noticedKeysMax,
  type PartProgress,
  type PlanRequest,
  type ReconcileProgress,
  type ReconcileRecords,
  type RecordedRun,
  type RepairPlan,
  type RepairRequest,
} from "../ports/reconcile-records.ts";
import { type ChainHead, ChainCheck, emptyChain, nextRun, type StoredRun, toRecordedRun } from "./reconcile-chain.ts";
import { noticeText, planText, settled, unknown } from "./record-words.ts";

/** What the store around it gives. */
export interface MemoryStoreParts {
  readonly now: () => Date;
  readonly note: (event: Omit<HistoryEvent, "at">) => void;
  /** Gives the order, unless the same one is pending, and its id. */
  readonly order: (order: RepairRequest, by: Actor) => number;
}

export class MemoryReconcileRecords implements ReconcileRecords {
  readonly #parts: MemoryStoreParts;
  readonly #runs: StoredRun[] = [];
  readonly #plans = new Map<number, RepairPlan>();
  /** Orders that plans were approved by, and the plans' runs. */
  readonly #approved = new Map<number, number>();
  readonly #progress = new Map<string, ReconcileProgress>();
  #parted: readonly PartProgress[] = [];
  #splits = 0;
  #notices: readonly ErrorNotice[] = [];
  #head: ChainHead = emptyChain;

  constructor(parts: MemoryStoreParts) {
    this.#parts = parts;
  }

  recordReconcile(report: ReconcileReport, by: Actor, after?: null): Promise<RecordedRun>;
  recordReconcile(report: ReconcileReport, by: Actor, after: number | null): Promise<RecordedRun | null>;
  async recordReconcile(report: ReconcileReport, by: Actor, after: number | null = null): Promise<RecordedRun | null> {
    const newer = after === null ? [] : this.#runs.slice(after).map(toRecordedRun);
    if (newer.some(({ record }) => record.subscription === report.subscription && record.table === report.table))
      return Promise.resolve(null);
    const run = nextRun(this.#head, report, { at: this.#parts.now(), by });
    this.#runs.push(run);
    this.#head = run;
    const detail = `run ${run.id} of ${report.table}: ${report.verdict}`;
    this.#parts.note({ subscription: report.subscription, kind: "reconciled", detail, by });
    return Promise.resolve(toRecordedRun(run));
  }

  async reconcileRuns(subscription: string | null, limit: number): Promise<readonly RecordedRun[]> {
    const wanted = this.#runs.filter((run) => subscription === null || run.subscription === subscription);
    return Promise.resolve(wanted.toReversed().slice(0, limit).map(toRecordedRun));
  }

  async reconcileRun(id: number): Promise<RecordedRun> {
    this.#verifyRun(id);
    return Promise.resolve(toRecordedRun(this.#runs[id - 1] as StoredRun));
  }

  async verifyReconcileChain(): Promise<number | null> {
    const check = new ChainCheck();
    return Promise.resolve(check.take(this.#runs) ?? check.end(this.#head));
  }

  async recordPlan({ run, subscription, table, keys, breaker }: PlanRequest, by: Actor): Promise<void> {
    this.#verifyRun(run);
    const at = this.#parts.now();
    this.#plans.set(run, { run, subscription, table, keys, breaker, state: "open", rows: keys.length, at, decidedBy: null });
    this.#parts.note({ subscription, kind: "repair_planned", detail: planText(run, table, keys.length), by });
    return Promise.resolve();
  }

  async plan(run: number): Promise<RepairPlan | null> {
    return Promise.resolve(this.#plans.get(run) ?? null);
  }

  async approvePlan(run: number, by: Actor): Promise<number> {
    const plan = this.#known(run);
    const given = [...this.#approved].find(([, approved]) => approved === run);
    if (plan.state === "approved" && given !== undefined) return Promise.resolve(given[0]);
    this.#open(plan);
    const { subscription, table, keys } = plan;
    this.#parts.note({ subscription, kind: "repair_approved", detail: planText(run, table, keys.length), by });
    const order = this.#parts.order({ subscription, table, keys, run }, by);
    this.#approved.set(order, run);
    this.#plans.set(run, { ...plan, state: "approved", decidedBy: by });
    return Promise.resolve(order);
  }

  async dropPlan(run: number, by: Actor): Promise<void> {
    const plan = this.#known(run);
    this.#open(plan);
    this.#plans.set(run, { ...plan, state: "dropped", decidedBy: by, keys: [] });
    const detail = planText(run, plan.table, plan.keys.length);
    this.#parts.note({ subscription: plan.subscription, kind: "repair_dropped", detail, by });
    return Promise.resolve();
  }

  async orderRepair(order: RepairRequest, by: Actor): Promise<number> {
    return Promise.resolve(this.#parts.order(order, by));
  }

  /** The store has closed an order: the plan that it came from is carried out, or open again. */
  orderClosed(order: number, outcome: string): void {
    const plan = this.#plans.get(this.#approved.get(order) ?? 0);
    if (plan === undefined) return;
    this.#approved.delete(order);
    this.#plans.set(plan.run, outcome === carriedOut ? { ...plan, state: "carried out", keys: [] } : { ...plan, state: "open" });
  }

  async noteError(notice: ErrorNoticeRequest, by: Actor): Promise<number> {
    this.#verifyRun(notice.run);
    const id = this.#notices.length + 1;
    const keyDigests = notice.keyDigests.slice(0, noticedKeysMax);
    this.#notices = [...this.#notices, { ...notice, keyDigests, id, at: this.#parts.now(), by, answer: null }];
    this.#parts.note({ subscription: notice.subscription, kind: "error_noted", detail: noticeText(id, notice), by });
    return Promise.resolve(id);
  }

  async errorNotices(share: string | null): Promise<readonly ErrorNotice[]> {
    return Promise.resolve(this.#notices.filter(({ subscription }) => share === null || subscription.split("/")[0] === share).toReversed());
  }

  async answerError(id: number, answer: string, by: Actor): Promise<void> {
    const found = this.#notices.find((notice) => notice.id === id);
    if (found === undefined) throw unknown(`notice ${id}`);
    const answered = { ...found, answer: { text: answer, at: this.#parts.now(), by } };
    this.#notices = this.#notices.map((notice) => (notice === found ? answered : notice));
    this.#parts.note({ subscription: found.subscription, kind: "error_answered", detail: `notice ${id}: ${answer}`, by });
    return Promise.resolve();
  }

  async reconcileProgress(subscription: string, table: string): Promise<ReconcileProgress | null> {
    return Promise.resolve(this.#progress.get(JSON.stringify([subscription, table])) ?? null);
  }

  async recordProgress(subscription: string, table: string, progress: ReconcileProgress | null): Promise<void> {
    const id = JSON.stringify([subscription, table]);
    if (progress !== null) this.#progress.set(id, progress);
    else {
      this.#progress.delete(id);
      this.#parted = this.#parted.filter((part) => part.subscription !== subscription || part.table !== table);
    }
    return Promise.resolve();
  }

  async splitComparison(subscription: string, table: string, parts: readonly ReconcileProgress[]): Promise<void> {
    if (this.#parted.some((part) => part.subscription === subscription && part.table === table)) return Promise.resolve();
    const split = String(++this.#splits);
    const made = parts.map((progress, index) => ({ subscription, table, part: index + 1, split, state: "open", progress }) as const);
    this.#parted = [...this.#parted, ...made];
    return Promise.resolve();
  }

  async comparisonParts(): Promise<readonly ComparisonPart[]> {
    return Promise.resolve(
      this.#parted.map(({ subscription, table, part, split, state }) => ({ subscription, table, part, split, state })),
    );
  }

  async partsProgress(subscription: string, table: string): Promise<readonly PartProgress[]> {
    return Promise.resolve(this.#parted.filter((part) => part.subscription === subscription && part.table === table));
  }

  async recordPart(
    { subscription, table, part, split }: Omit<ComparisonPart, "state">,
    state: ComparisonPart["state"],
    progress: ReconcileProgress,
  ): Promise<void> {
    this.#parted = this.#parted.map((known) => {
      const isMeant = known.subscription === subscription && known.table === table && known.part === part && known.split === split;
      return isMeant && known.state === "open" ? { ...known, state, progress } : known;
    });
    return Promise.resolve();
  }

  #verifyRun(id: number): void {
    if (!this.#runs.some((run) => run.id === id)) throw unknown(`run ${id}`);
  }

  #known(run: number): RepairPlan {
    const plan = this.#plans.get(run);
    if (plan === undefined) throw unknown(`plan of run ${run}`);
    return plan;
  }

  #open(plan: RepairPlan): void {
    if (plan.state !== "open") throw settled(plan);
  }
}
