// What the control database keeps of comparisons: see engine/ports/reconcile-records.ts.
import type pg from "pg";
import type { Breaker, ReconcileReport } from "../model/reconcile-report.ts";
import type { Actor } from "../ports/actor.ts";
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
import type { ControlSession } from "./control-session.ts";
import { type ChainHead, ChainCheck, nextRun, type StoredRun, toRecordedRun } from "./reconcile-chain.ts";
import { brokenChain, noticeText, planText, settled, unknown } from "./record-words.ts";
import { keysText, readKeys } from "./stored-keys.ts";
import { giveOrder, noteEvent } from "./work-orders.ts";

type Row = Readonly<Record<string, string | null>>;

/** Runs that are read at once when the chain is verified. */
const pageRows = 500;

/** Milliseconds since 1970 of a timestamptz. */
const millis = (expression: string, name: string): string => `(extract(epoch FROM ${expression}) * 1000)::bigint AS ${name}`;

const runSql = "SELECT id, subscription, record, previous_hash, hash FROM dongbo_control.reconcile_run";

export class PostgresReconcileRecords implements ReconcileRecords {
  readonly #session: ControlSession;

  constructor(session: ControlSession) {
    this.#session = session;
  }

  recordReconcile(report: ReconcileReport, by: Actor, after?: null): Promise<RecordedRun>;
  recordReconcile(report: ReconcileReport, by: Actor, after: number | null): Promise<RecordedRun | null>;
  async recordReconcile(report: ReconcileReport, by: Actor, after: number | null = null): Promise<RecordedRun | null> {
    return this.#session.transaction(async (client) => {
      // Whoever records at the same time waits here, so that each run follows the one before it.
      const { rows } = await client.query<Record<string, string>>(
        `SELECT id, hash, ${millis("clock_timestamp()", "now")} FROM dongbo_control.reconcile_head FOR UPDATE`,
      );
      const [head] = rows;
      if (head === undefined) throw brokenChain("the record of the newest run is gone");
      if (after !== null && (await isAnswered(client, report, after))) return null;
      const at = new Date(Number(head["now"]));
      const run = nextRun({ id: Number(head["id"]), hash: head["hash"] ?? "" }, report, { at, by });
      await client.query(
        "INSERT INTO dongbo_control.reconcile_run (id, subscription, record, previous_hash, hash) VALUES ($1, $2, $3, $4, $5)",
        [run.id, run.subscription, run.text, run.previousHash, run.hash],
      );
      await client.query("UPDATE dongbo_control.reconcile_head SET id = $1, hash = $2", [run.id, run.hash]);
      const detail = `run ${run.id} of ${report.table}: ${report.verdict}`;
      await noteEvent(client, { subscription: report.subscription, kind: "reconciled", detail, by });
      return toRecordedRun(run);
    });
  }

  async reconcileRuns(subscription: string | null, limit: number): Promise<readonly RecordedRun[]> {
    const rows = await this.#session.query(`${runSql} WHERE $1::text IS NULL OR subscription = $1 ORDER BY id DESC LIMIT $2`, [
      subscription,
      limit,
    ]);
    return rows.map((row) => toRecordedRun(toStoredRun(row)));
  }

  async reconcileRun(id: number): Promise<RecordedRun> {
    const [row] = await this.#session.query(`${runSql} WHERE id = $1`, [id]);
    if (row === undefined) throw unknown(`run ${id}`);
    return toRecordedRun(toStoredRun(row));
  }

  async verifyReconcileChain(): Promise<number | null> {
    return this.#session.transaction(async (client) => {
      // What is recorded meanwhile is neither among the runs nor at their head.
      await client.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY");
      const check = new ChainCheck();
      for (;;) {
        const { rows } = await client.query<Record<string, string | null>>(`${runSql} WHERE id > $1 ORDER BY id LIMIT $2`, [
          check.id,
          pageRows,
        ]);
        const broken = check.take(rows.map(toStoredRun));
        if (broken !== null) return broken;
        if (rows.length < pageRows) break;
      }
      return check.end(await readHead(client));
    });
  }

  async recordPlan({ run, subscription, table, keys, breaker }: PlanRequest, by: Actor): Promise<void> {
    await this.#session.transaction(async (client) => {
      const { rowCount } = await client.query(
        `INSERT INTO dongbo_control.repair_plan (run, subscription, target_table, breaker, row_count, keys)
         SELECT id, $2, $3, $4, $5, $6 FROM dongbo_control.reconcile_run WHERE id = $1`,
        [run, subscription, table, breaker, keys.length, keysText(keys)],
      );
      if (rowCount === 0) throw unknown(`run ${run}`);
      await noteEvent(client, { subscription, kind: "repair_planned", detail: planText(run, table, keys.length), by });
    });
  }

  async plan(run: number): Promise<RepairPlan | null> {
    const [row] = await this.#session.query(
      `SELECT run, subscription, target_table, state, breaker, row_count, keys::text, ${millis("recorded_at", "recorded_at")}, decided_by
       FROM dongbo_control.repair_plan WHERE run = $1`,
      [run],
    );
    return row === undefined ? null : toPlan(row);
  }

  async approvePlan(run: number, by: Actor): Promise<number> {
    return this.#session.transaction(async (client) => {
      const plan = await lockPlan(client, run);
      if (plan.state === "approved") return plan.order;
      if (plan.state !== "open") throw settled(plan);
      const { subscription, table, keys } = plan;
      await noteEvent(client, { subscription, kind: "repair_approved", detail: planText(run, table, keys.length), by });
      const order = await giveOrder(client, { kind: "repair", subscription, table, keys, run }, by);
      await client.query("UPDATE dongbo_control.repair_plan SET state = 'approved', decided_by = $2, work_order = $3 WHERE run = $1", [
        run,
        by,
        order,
      ]);
      return order;
    });
  }

  async dropPlan(run: number, by: Actor): Promise<void> {
    await this.#session.transaction(async (client) => {
      const plan = await lockPlan(client, run);
      if (plan.state !== "open") throw settled(plan);
      await client.query("UPDATE dongbo_control.repair_plan SET state = 'dropped', decided_by = $2, keys = NULL WHERE run = $1", [run, by]);
      const detail = planText(run, plan.table, plan.keys.length);
      await noteEvent(client, { subscription: plan.subscription, kind: "repair_dropped", detail, by });
    });
  }

  async orderRepair(order: RepairRequest, by: Actor): Promise<number> {
    return this.#session.transaction((client) => giveOrder(client, { kind: "repair", ...order }, by));
  }

  async noteError(notice: ErrorNoticeRequest, by: Actor): Promise<number> {
    const { run, subscription, sourceTable, count, cause, keyDigests } = notice;
    return this.#session.transaction(async (client) => {
      const { rows } = await client.query<{ id: string }>(
        `INSERT INTO dongbo_control.error_notice (run, subscription, source_table, class, row_count, cause, key_digests, noted_by)
         SELECT id, $2, $3, $4, $5, $6, $7, $8 FROM dongbo_control.reconcile_run WHERE id = $1 RETURNING id`,
        [run, subscription, sourceTable, notice.class, count, cause, JSON.stringify(keyDigests.slice(0, noticedKeysMax)), by],
      );
      const [made] = rows;
      if (made === undefined) throw unknown(`run ${run}`);
      await noteEvent(client, { subscription, kind: "error_noted", detail: noticeText(Number(made.id), notice), by });
      return Number(made.id);
    });
  }

  async errorNotices(share: string | null): Promise<readonly ErrorNotice[]> {
    const rows = await this.#session.query(
      `SELECT id, run, subscription, source_table, class, row_count, cause, key_digests::text, ${millis("noted_at", "noted_at")}, noted_by, answer,
         ${millis("answered_at", "answered_at")}, answered_by
       FROM dongbo_control.error_notice WHERE $1::text IS NULL OR split_part(subscription, '/', 1) = $1 ORDER BY id DESC`,
      [share],
    );
    return rows.map(toNotice);
  }

  async answerError(id: number, answer: string, by: Actor): Promise<void> {
    await this.#session.transaction(async (client) => {
      const { rows } = await client.query<{ subscription: string }>(
        "UPDATE dongbo_control.error_notice SET answer = $2, answered_at = now(), answered_by = $3 WHERE id = $1 RETURNING subscription",
        [id, answer, by],
      );
      const [answered] = rows;
      if (answered === undefined) throw unknown(`notice ${id}`);
      await noteEvent(client, { subscription: answered.subscription, kind: "error_answered", detail: `notice ${id}: ${answer}`, by });
    });
  }

  async reconcileProgress(subscription: string, table: string): Promise<ReconcileProgress | null> {
    const [row] = await this.#session.query(
      "SELECT progress::text FROM dongbo_control.reconcile_progress WHERE subscription = $1 AND target_table = $2",
      [subscription, table],
    );
    return row === undefined ? null : (JSON.parse(row["progress"] ?? "{}") as ReconcileProgress);
  }

  async recordProgress(subscription: string, table: string, progress: ReconcileProgress | null): Promise<void> {
    if (progress === null) {
      await this.#session.query(
        `WITH parts AS (DELETE FROM dongbo_control.reconcile_part WHERE subscription = $1 AND target_table = $2)
         DELETE FROM dongbo_control.reconcile_progress WHERE subscription = $1 AND target_table = $2`,
        [subscription, table],
      );
      return;
    }
    await this.#session.query(
      `INSERT INTO dongbo_control.reconcile_progress (subscription, target_table, progress) VALUES ($1, $2, $3)
       ON CONFLICT (subscription, target_table) DO UPDATE SET progress = excluded.progress`,
      [subscription, table, JSON.stringify(progress)],
    );
  }

  async splitComparison(subscription: string, table: string, parts: readonly ReconcileProgress[]): Promise<void> {
    // Of two at the same time the first part decides.
    await this.#session.query(
      `WITH part AS (SELECT part, progress FROM json_array_elements($3::json) WITH ORDINALITY AS given (progress, part)),
       first AS (
         INSERT INTO dongbo_control.reconcile_part (subscription, target_table, part, split, progress)
         SELECT $1, $2, part, gen_random_uuid()::text, progress FROM part WHERE part = 1 ON CONFLICT DO NOTHING RETURNING split)
       INSERT INTO dongbo_control.reconcile_part (subscription, target_table, part, split, progress)
       SELECT $1, $2, part, split, progress FROM part, first WHERE part > 1`,
      [subscription, table, JSON.stringify(parts)],
    );
  }

  async comparisonParts(): Promise<readonly ComparisonPart[]> {
    return (await this.#session.query(`SELECT ${partColumns} FROM dongbo_control.reconcile_part ORDER BY 1, 2, 3`)).map(toPart);
  }

  async partsProgress(subscription: string, table: string): Promise<readonly PartProgress[]> {
    const rows = await this.#session.query(
      `SELECT ${partColumns}, progress::text FROM dongbo_control.reconcile_part WHERE subscription = $1 AND target_table = $2 ORDER BY part`,
      [subscription, table],
    );
    return rows.map((row) => ({ ...toPart(row), progress: JSON.parse(row["progress"] ?? "{}") as ReconcileProgress }));
  }

  async recordPart(
    { subscription, table, part, split }: Omit<ComparisonPart, "state">,
    state: ComparisonPart["state"],
    progress: ReconcileProgress,
  ): Promise<void> {
    await this.#session.query(
      `UPDATE dongbo_control.reconcile_part SET state = $5, progress = $6
       WHERE subscription = $1 AND target_table = $2 AND part = $3 AND split = $4 AND state = 'open'`,
      [subscription, table, part, split, state, JSON.stringify(progress)],
    );
  }
}

const partColumns = "subscription, target_table, part, split, state";

function toPart(row: Row): ComparisonPart {
  return {
    subscription: row["subscription"] ?? "",
    table: row["target_table"] ?? "",
    part: Number(row["part"]),
    split: row["split"] ?? "",
    state: row["state"] as ComparisonPart["state"],
  };
}

/** A run of the same table is newer. Nobody else records meanwhile. */
async function isAnswered(client: pg.Client, { subscription, table }: ReconcileReport, after: number): Promise<boolean> {
  const { rows } = await client.query<Record<string, string | null>>(`${runSql} WHERE subscription = $1 AND id > $2`, [
    subscription,
    after,
  ]);
  return rows.some((row) => toRecordedRun(toStoredRun(row)).record.table === table);
}

interface LockedPlan extends Pick<RepairPlan, "run" | "subscription" | "table" | "state" | "keys"> {
  /** Of an approved plan. */
  readonly order: number;
}

/** Nobody else decides on it before this transaction ends. */
async function lockPlan(client: pg.Client, run: number): Promise<LockedPlan> {
  const { rows } = await client.query<Record<string, string | null>>(
    "SELECT subscription, target_table, state, keys::text, work_order FROM dongbo_control.repair_plan WHERE run = $1 FOR UPDATE",
    [run],
  );
  const [row] = rows;
  if (row === undefined) throw unknown(`plan of run ${run}`);
  return {
    run,
    subscription: row["subscription"] ?? "",
    table: row["target_table"] ?? "",
    state: row["state"] as RepairPlan["state"],
    keys: readKeys(row["keys"]),
    order: Number(row["work_order"]),
  };
}

async function readHead(client: pg.Client): Promise<ChainHead | null> {
  const { rows } = await client.query<{ id: string; hash: string }>("SELECT id, hash FROM dongbo_control.reconcile_head");
  const [row] = rows;
  return row === undefined ? null : { id: Number(row.id), hash: row.hash };
}

function toStoredRun(row: Row): StoredRun {
  return {
    id: Number(row["id"]),
    subscription: row["subscription"] ?? "",
    text: row["record"] ?? "",
    previousHash: row["previous_hash"] ?? "",
    hash: row["hash"] ?? "",
  };
}

function toPlan(row: Row): RepairPlan {
  return {
    run: Number(row["run"]),
    subscription: row["subscription"] ?? "",
    table: row["target_table"] ?? "",
    state: row["state"] as RepairPlan["state"],
    breaker: (row["breaker"] ?? null) as Breaker | null,
    rows: Number(row["row_count"]),
    keys: readKeys(row["keys"]),
    at: new Date(Number(row["recorded_at"])),
    decidedBy: row["decided_by"] ?? null,
  };
}

function toNotice(row: Row): ErrorNotice {
  const answer = row["answer"] ?? null;
  return {
    id: Number(row["id"]),
    run: Number(row["run"]),
    subscription: row["subscription"] ?? "",
    sourceTable: row["source_table"] ?? "",
    class: row["class"] as ErrorNotice["class"],
    count: Number(row["row_count"]),
    cause: row["cause"] ?? "",
    keyDigests: JSON.parse(row["key_digests"] ?? "[]") as string[],
    at: new Date(Number(row["noted_at"])),
    by: row["noted_by"] ?? "",
    answer: answer === null ? null : { text: answer, at: new Date(Number(row["answered_at"])), by: row["answered_by"] ?? "" },
  };
}
